#!/bin/bash
# How the server behaves when much comes at once: the same devices with few and with many connections, with one server process and with two, with
# an inventory of a thousand and of a million, all at once after an outage, and the health meanwhile. Run by `meson test --benchmark`; prints
# tables. Nothing is asserted but what must hold on any machine: nobody is lost. Compare the rows of one run; the load and the server share the
# machine.
#
#   scale.sh [DEVICES OF A RUN [INVENTORY [BURST]]]
. "$(dirname "$0")/../lab/lab.sh"
devices=${1:-4000}
inventory=${2:-1000000}
burst=${3:-5000}
lab_begin
fleet=$LAB/fleet
most=$((devices > burst ? devices : burst))
"$BIRTHMARK_SWARM" make --devices "$most" --fleet "$fleet" --quiet
"$BIRTHMARK_SWARM" vendor --fleet "$fleet" --out "$LAB/vendor.crt" >/dev/null

# ca NAME: a CA that trusts the fleet's vendor, without limits.
ca() {
    LAB_NO_TRUST=1 lab_ca "$1" >/dev/null
    lab_ctl "$1" trust add --class discrete "$LAB/vendor.crt" >/dev/null
    lab_server_key "$1" address_rate 0
    lab_server_key "$1" total_rate 0
}

# load SERVER OPTION...: a run, in $LAB/figures.
load() {
    local name=$1
    shift
    timeout 300 "$BIRTHMARK_SWARM" --server "${LAB_URL[$name]}" --ca "$(lab_ca_file "${LAB_CA_OF[$name]}")" --fleet "$fleet" --json --quiet \
        --watch "${LAB_PID[server-$name]}" "$@" >"$LAB/figures" || lab_die "a run failed: $(cat "$LAB/figures")"
}

# row TITLE: what the last run was like.
row() {
    python3 -c '
import json, sys
f = json.load(open(sys.argv[1]))
d = f["device"]
cpu = {k: v for k, v in f["server_cpu_ms"].items() if k in ("server", "ledger", "keeper")}
print("%-32s %6.0f devices/s; a device p50 %7.1f p99 %7.1f ms; CPU %.2f ms (%s); failed %d, calls again %d"
      % (sys.argv[2], f["devices_per_second"], d["p50_ms"], d["p99_ms"], sum(cpu.values()),
         " ".join("%s %.2f" % kv for kv in sorted(cpu.items())), f["failed"], sum(f["retries"].values())))' "$LAB/figures" "$1"
}

# memory SERVER: of all its processes, what they share counted once.
memory() {
    local pid
    for pid in "${LAB_PID[server-$1]}" $(lab_processes "$1"); do
        sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$pid/smaps_rollup"
    done | awk '{ s += $1 } END { printf "%.0f MB", s / 1024 }'
}

# health SERVER COUNT: how long it takes, each time over a new connection.
health() {
    local i
    for ((i = 0; i < $2; i++)); do
        curl -sf --noproxy '*' -o /dev/null -w '%{time_total}\n' --cacert "$(lab_ca_file "${LAB_CA_OF[$1]}")" "${LAB_URL[$1]}/healthz"
        sleep 0.05
    done | sort -n | awk '{ v[NR] = 1000 * $1 } END { printf "health: p50 %.0f ms, p90 %.0f, most %.0f, of %d\n", v[int((NR + 1) / 2)], v[int(0.9 * NR)], v[NR], NR }'
}

ca one
lab_server one one --servers 2
echo "Connections at once (two server processes)"
for at_once in 2 10 50 200 1000 2000; do
    load one --devices "$devices" --concurrency "$at_once"
    row "$at_once at once"
done

echo "The health and an operator's command meanwhile, 200 at once"
load one --devices "$devices" --concurrency 200 &
loading=$!
sleep 1
health one 40
for ((i = 0; i < 5; i++)); do
    /usr/bin/time -f '%e' "$BIRTHMARKCTL" trust list --state "$LAB/ca-one" 2>&1 >/dev/null | tail -n 1
done | sort -n | awk '{ v[NR] = 1000 * $1 } END { printf "birthmarkctl trust list: median %.0f ms\n", v[int((NR + 1) / 2)] }'
wait "$loading"

echo "All at once after an outage"
load one --devices "$burst" --repeat-reconnect
row "$burst come back at once"
echo "memory of all processes behind it: $(memory one)"

echo "kill -9 of every process at full load: what the devices hold is in the database"
timeout 300 "$BIRTHMARK_SWARM" --server "${LAB_URL[one]}" --ca "$(lab_ca_file one)" --fleet "$fleet" --quiet --devices "$devices" \
    --concurrency 200 --tries 1 --held "$LAB/held" >/dev/null 2>&1 &
loading=$!
sleep 3
lab_server_crash one
wait "$loading" || true
"$SWARM_CHECK" check "$LAB/ca-one/database/birthmark.db" "$LAB/held"

echo "One server process and two, 200 at once: CPU a device tells what each core can do; here the load has the other half of the machine"
for servers in 1 2; do
    ca "servers$servers"
    lab_server "servers$servers" "servers$servers" --servers "$servers"
    load "servers$servers" --devices "$devices" --concurrency 200
    row "$servers processes"
    lab_server_stop "servers$servers"
done

echo "An inventory of a thousand, and of $inventory"
python3 -c '
import hashlib, sys
print("serial,ek_sha256")
for i in range(int(sys.argv[1])):
    print("STOCK-%07d,%s" % (i, hashlib.sha256(b"%d" % i).hexdigest()))' "$inventory" >"$LAB/all.csv"
head -n 1001 "$LAB/all.csv" >"$LAB/some.csv"
for size in some all; do
    ca "$size"
    /usr/bin/time -f "import of $(($(wc -l <"$LAB/$size.csv") - 1)): %e s, peak %M KB" \
        "$BIRTHMARKCTL" device import "$LAB/$size.csv" --state "$LAB/ca-$size" 2>&1 >/dev/null | tail -n 1
    before=$(date +%s%N)
    lab_server "$size" "$size" --servers 2
    printf 'start: %d ms\n' $((($(date +%s%N) - before) / 1000000))
done
for ((i = 0; i < 3; i++)); do
    for size in some all; do
        load "$size" --devices "$devices" --concurrency 64
        row "$size in the inventory"
    done
done
echo "memory of all processes, $inventory in the inventory: $(memory all)"
