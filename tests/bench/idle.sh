#!/bin/bash
# Provisioning beside ten thousand idle connections: devices a second without them, with them, and without them again; and
# the memory of an idle TLS connection. Run by `meson test --benchmark`. Nothing is asserted: machines differ.
#
#   idle.sh [IDLE CONNECTIONS [DEVICES]]
. "$(dirname "$0")/../lab/lab.sh"
idle=${1:-10000}
burst=${2:-600}
at_once=8
lab_begin
lab_ca bench
lab_server_key bench idle_timeout 1h
lab_server_key bench max_connections "$((idle + 1000))"
lab_server_key bench address_rate 0
lab_server_key bench total_rate 0
lab_server bench
"$BIRTHMARK_SWARM" make --fleet "$LAB/fleet" --devices "$burst" --ek rsa2048 --ik ecc256 --quiet
"$BIRTHMARK_SWARM" vendor --fleet "$LAB/fleet" --out "$LAB/vendor.crt"
lab_ctl bench trust add --class discrete "$LAB/vendor.crt" >/dev/null

now() {
    date +%s%N
}

# resident: KiB of all server processes.
resident() {
    local pid
    for pid in $(lab_processes bench server); do
        sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status"
    done | awk '{ s += $1 } END { print s }'
}

# busy: the CPU time of all processes of birthmarkd so far, in nanoseconds.
busy() {
    local pid
    for pid in $(lab_processes bench); do
        cut -d' ' -f1 "/proc/$pid/schedstat"
    done | awk '{ s += $1 } END { printf "%.0f\n", s }'
}

# devices TITLE: a burst; RATE is how many there were a second.
devices() {
    local start spent
    spent=$(busy)
    start=$(now)
    timeout 120 "$BIRTHMARK_SWARM" --server "${LAB_URL[bench]}" --ca "$(lab_ca_file bench)" --fleet "$LAB/fleet" --devices "$burst" \
        --concurrency "$at_once" --ek rsa2048 --ik ecc256 --quiet >"$LAB/figures"
    RATE=$(awk -v n="$burst" -v t="$(($(now) - start))" 'BEGIN { printf "%.0f", n / t * 1e9 }')
    awk -v title="$1" -v rate="$RATE" -v n="$burst" -v cpu="$(($(busy) - spent))" \
        'BEGIN { printf "%-34s %5d devices a second, %.2f ms of CPU each\n", title, rate, cpu / n / 1e6 }'
}

devices "alone"
first=$RATE
before=$(resident)
mkfifo "$LAB/hold"
"$LAB_HERE/clients" hold "$idle" "${LAB_URL[bench]}" "$(lab_ca_file bench)" <"$LAB/hold" >"$LAB/held" 2>"$LAB/held.log" &
LAB_PID[held]=$!
exec 4>"$LAB/hold"
lab_wait 300 grep -q '^held' "$LAB/held" || lab_die "$(cat "$LAB/held.log")"
after=$(resident)
devices "beside $idle idle connections"
beside=$RATE
exec 4>&-
wait "${LAB_PID[held]}"
unset 'LAB_PID[held]'
printf 'afterwards of the idle connections: %s\n' "$(tr '\n' ' ' <"$LAB/held")"
devices "alone again"
awk -v a="$first" -v b="$beside" -v c="$RATE" -v n="$idle" -v m="$((after - before))" 'BEGIN {
    printf "ratio %.2f (to reach: 0.50); an idle TLS connection: %.1f KiB\n", b / ((a + c) / 2), m / n }'
