#!/bin/bash
# What a provisioning costs: the agent's time and memory on the device, the server's CPU. Run by `meson test --benchmark`;
# prints a table. Nothing is asserted: machines differ. Compare the figures of one run.
#
#   provisioning.sh [PROVISIONINGS OF THE AGENT [OF SOFTWARE DEVICES]]
. "$(dirname "$0")/../lab/lab.sh"
. "$(dirname "$0")/burst.sh"
runs=${1:-40}
burst=${2:-1000}
lab_begin
lab_tpm bench --ek L-1,L-2
lab_ca bench
lab_server_key bench address_rate 0
lab_server_key bench total_rate 0
lab_server bench

# median FILE COLUMN
median() {
    sort -n -k"$2" "$1" | awk -v c="$2" '{ v[NR] = $c } END { print v[int((NR + 1) / 2)] }'
}

# enroll KEY HANDLE STATE [OPTION...]: one run of the agent; what it said is in $LAB/said, its peak memory behind that.
enroll() {
    local key=$1 handle=$2 state=$3
    shift 3
    lab_use_tpm bench
    if ! /usr/bin/time -f 'peak %M' "$BIRTHMARK" enroll --server "${LAB_URL[bench]}" --ca "$(lab_ca_file bench)" \
        --serial BENCH --key "$key" --handle "$handle" --state "$state" --tcti "$(lab_tcti bench)" "$@" \
        >/dev/null 2>"$LAB/said"; then
        cat "$LAB/said"
        exit 1
    fi
}

# part NAME: a figure of the agent's last line ("total", "TPM", "network", "agent").
part() {
    sed -n "s/^total .*/&/p" "$LAB/said" | sed -n "s/.*\b$1 \([0-9.]*\) ms.*/\1/p"
}

# measure TITLE: the medians of $LAB/times.
measure() {
    awk -v title="$1" -v wall="$(median "$LAB/times" 1)" -v tpm="$(median "$LAB/times" 2)" -v net="$(median "$LAB/times" 3)" \
        -v agent="$(median "$LAB/times" 4)" -v peak="$(median "$LAB/times" 5)" 'BEGIN {
        printf "%-22s %6.1f ms = TPM %6.1f + network %5.1f + agent %5.1f (%4.1f%% more); peak %.1f MB\n",
            title, wall, tpm, net, agent, 100 * agent / (tpm + net), peak / 1024 }'
}

# times: the figures of the last run, as a row.
times() {
    printf '%s %s %s %s %s\n' "$(part total)" "$(part TPM)" "$(part network)" "$(part agent)" "$(sed -n 's/^peak //p' "$LAB/said")"
}

renewals() {
    local key=$1 handle=$2 i
    enroll "$key" "$handle" "$LAB/id-$key"
    : >"$LAB/times"
    for ((i = 0; i < runs; i++)); do
        enroll "$key" "$handle" "$LAB/id-$key" --renew
        times >>"$LAB/times"
    done
    measure "$key, renewal"
}

firsts() {
    local key=$1 handle=$2 i
    : >"$LAB/times"
    for ((i = 0; i < runs / 4 + 1; i++)); do
        enroll "$key" "$handle" "$LAB/first-$key-$i"
        times >>"$LAB/times"
        tpm2_evictcontrol -Q -C o -c "$handle" >/dev/null
    done
    measure "$key, new key"
}

echo "The device: medians (to reach with an ecc256 key: under 150 ms, agent under 15% more, peak under 16 MB)"
firsts ecc256 0x81020010
renewals ecc256 0x81020000
renewals rsa2048 0x81020001

# devices EK IK AT_ONCE: birthmark-swarm's devices, so many of them at once, each with a TLS handshake and both calls.
devices() {
    local fleet=$LAB/$1-$2
    "$BIRTHMARK_SWARM" make --fleet "$fleet" --devices "$burst" --ek "$1" --ik "$2" --quiet
    "$BIRTHMARK_SWARM" vendor --fleet "$fleet" --out "$LAB/vendor.crt"
    lab_ctl bench trust add --class discrete "$LAB/vendor.crt" >/dev/null
    burst_cpu bench >"$LAB/before"
    timeout 120 "$BIRTHMARK_SWARM" --server "${LAB_URL[bench]}" --ca "$(lab_ca_file bench)" --fleet "$fleet" --devices "$burst" \
        --concurrency "$3" --ek "$1" --ik "$2" --quiet >"$LAB/figures"
    burst_cpu bench >"$LAB/after"
    join "$LAB/before" "$LAB/after" | awk -v n="$burst" -v title="EK $1, IK $2, $3 at once" '
        { d = ($5 - $2) / n / 1e6; s += d; parts = parts sprintf(" %s %.2f", $1, d) }
        END { printf "%-34s %.2f ms:%s\n", title, s, parts }'
}

echo "The server: CPU a device, TLS handshake and both calls, over $burst devices (to reach: under 2 ms)"
openssl speed -seconds 1 ecdsap256 2>/dev/null |
    awk '/nistp256/ { printf "  (this machine: %.0f us a P-256 signature, %.0f us to verify one)\n", 1e6 / $(NF - 1), 1e6 / $NF }'
for at_once in 1 16 200; do
    devices rsa2048 rsa2048 "$at_once"
    devices rsa2048 ecc256 "$at_once"
    devices ecc256 ecc256 "$at_once"
done
