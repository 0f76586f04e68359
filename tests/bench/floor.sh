#!/bin/bash
# How far the server is from what a provisioning costs at best: the floor's table (floor.h), and for each pair of keys the server's
# CPU a device under the load of birthmark-swarm, beside the floor of the same moment. Run by `meson test --benchmark`; prints tables. Nothing is
# asserted: machines differ, and this one may be shared. The floor is measured before and after each burst, and on every core at once, since a burst
# keeps every core busy too: read the ratios, not the microseconds.
#
#   floor.sh [BURSTS [DEVICES OF A BURST [AT ONCE]]]
. "$(dirname "$0")/../lab/lab.sh"
. "$(dirname "$0")/burst.sh"
bursts=${1:-6}
devices=${2:-1000}
at_once=${3:-200}
lab_begin
LAB_NO_TRUST=1 lab_ca bench
lab_server_key bench address_rate 0
lab_server_key bench total_rate 0
lab_server bench

TMPDIR=$LAB "$BENCH_FLOOR" table
printf '\nThe server: ms of CPU time a device, %d at once, and how many times the floor that is (median, least and most of %d bursts)\n' "$at_once" "$bursts"

# floors: the mean of the last figure of each floor, in nanoseconds, appended to $LAB/floors.
floors() {
    helpers_go floor
    helpers_last floor | awk '{ s += $1 } END { print 1000 * s / NR }' >>"$LAB/floors"
}

# swarm EK IK: a burst.
swarm() {
    timeout 120 "$BIRTHMARK_SWARM" --server "${LAB_URL[bench]}" --ca "$(lab_ca_file bench)" --fleet "$LAB/$1-$2" --devices "$devices" \
        --concurrency "$at_once" --ek "$1" --ik "$2" --quiet >"$LAB/figures"
}

# pair EK IK
pair() {
    local i
    rm -f "$LAB/floors" "$LAB/bursts" "$LAB"/floor.*
    for ((i = 0; i < $(nproc); i++)); do
        helpers_start floor env TMPDIR="$LAB" "$BENCH_FLOOR" sum "$1" "$2"
    done
    "$BIRTHMARK_SWARM" make --fleet "$LAB/$1-$2" --devices "$devices" --ek "$1" --ik "$2" --quiet
    "$BIRTHMARK_SWARM" vendor --fleet "$LAB/$1-$2" --out "$LAB/vendor.crt"
    lab_ctl bench trust add --class discrete "$LAB/vendor.crt" >/dev/null
    swarm "$1" "$2"
    floors
    for ((i = 0; i < bursts; i++)); do
        burst_cpu bench >"$LAB/before"
        swarm "$1" "$2"
        burst_cpu bench >"$LAB/after"
        join "$LAB/before" "$LAB/after" | awk -v i="$i" '{ print i, $1, $5 - $2, $6 - $3, $7 - $4 }' >>"$LAB/bursts"
        floors
    done
    helpers_end floor
    awk -v n="$devices" -v title="EK $1, IK $2" '
        FILENAME ~ /floors$/ { floor[NR - 1] = $1; next }
        { part[$2] += $3 / n; all[$1] += $3 / n; user += $4; kernel += $5 }
        END {
            for (count = 0; count in all; count++) {
                ratio[count] = all[count] / ((floor[count] + floor[count + 1]) / 2)
                server += all[count]
                lowest += (floor[count] + floor[count + 1]) / 2
            }
            for (i = 1; i < count; i++)
                for (j = i; j > 0 && ratio[j - 1] > ratio[j]; j--) { t = ratio[j]; ratio[j] = ratio[j - 1]; ratio[j - 1] = t }
            for (role in part)
                parts = parts sprintf(" %s %.2f", role, part[role] / count / 1e6)
            printf "%-24s %.2f ms; floor %.2f ms; ratio %.2f (%.2f to %.2f);%s; %.0f%% of it in the kernel\n", title,
                server / count / 1e6, lowest / count / 1e6, ratio[int(count / 2)], ratio[0], ratio[count - 1], parts,
                100 * kernel / (user + kernel > 0 ? user + kernel : 1)
        }' "$LAB/floors" "$LAB/bursts"
}

pair rsa2048 rsa2048
pair rsa2048 ecc256
pair ecc256 ecc256
