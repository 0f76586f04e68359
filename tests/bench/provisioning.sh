#!/bin/bash
# What a provisioning costs: the agent's time and memory on the device, the server's CPU. Run by `meson test --benchmark`; prints a table.
# Nothing is asserted: machines differ. Compare the figures of one run.
. "$(dirname "$0")/../lab/lab.sh"
runs=${1:-40}
lab_begin
lab_tpm bench --ek L-1,L-2
lab_ca bench
lab_server bench

# cpu_ns: the CPU time of birthmarkd's processes so far, in nanoseconds, one line each: role and time.
cpu_ns() {
    local pid role
    for pid in "${LAB_PID[server-bench]}" $(pgrep -P "${LAB_PID[server-bench]}"); do
        role=$(tr '\0' ' ' <"/proc/$pid/cmdline" | sed -n 's/.* -x \([a-z]*\).*/\1/p')
        printf '%s %s\n' "${role:-monitor}" "$(cut -d' ' -f1 "/proc/$pid/schedstat")"
    done
}

sum() {
    awk '{ s += $2 } END { printf "%d", s }'
}

# median FILE COLUMN
median() {
    sort -n -k"$2" "$1" | awk -v c="$2" '{ v[NR] = $c } END { print v[int((NR + 1) / 2)] }'
}

# measure KEY HANDLE: many provisionings of one key; the agent's own line gives its parts, the kernel its memory.
measure() {
    local key=$1 handle=$2 before after i wall tpm network agent
    lab_enroll bench bench BENCH --key "$key" --handle "$handle" --state "$LAB/id-$key" >/dev/null 2>&1
    cpu_ns >"$LAB/before"
    : >"$LAB/times"
    for ((i = 0; i < runs; i++)); do
        lab_use_tpm bench
        /usr/bin/time -f 'peak %M' "$BIRTHMARK" enroll --renew --server "${LAB_URL[bench]}" --ca "$(lab_ca_file bench)" \
            --serial BENCH --key "$key" --handle "$handle" --state "$LAB/id-$key" --tcti "$(lab_tcti bench)" \
            >/dev/null 2>"$LAB/said"
        wall=$(sed -n 's/^total \([0-9.]*\) ms.*/\1/p' "$LAB/said")
        tpm=$(sed -n 's/.*TPM \([0-9.]*\) ms.*/\1/p' "$LAB/said" | tail -n 1)
        network=$(sed -n 's/.*network \([0-9.]*\) ms.*/\1/p' "$LAB/said" | tail -n 1)
        agent=$(sed -n 's/.*agent \([0-9.]*\) ms.*/\1/p' "$LAB/said" | tail -n 1)
        printf '%s %s %s %s %s\n' "$wall" "$tpm" "$network" "$agent" "$(sed -n 's/^peak //p' "$LAB/said")" >>"$LAB/times"
    done
    cpu_ns >"$LAB/after"
    awk -v key="$key" -v wall="$(median "$LAB/times" 1)" -v tpm="$(median "$LAB/times" 2)" -v net="$(median "$LAB/times" 3)" \
        -v agent="$(median "$LAB/times" 4)" -v peak="$(median "$LAB/times" 5)" 'BEGIN {
        printf "%-8s  wall %6.1f ms = TPM %6.1f + network %5.1f + agent %5.1f; the agent adds %4.1f%%; its peak memory %.1f MB\n",
            key, wall, tpm, net, agent, 100 * agent / (tpm + net), peak / 1024 }'
    join <(sort "$LAB/before" | awk '{ t[$1] += $2 } END { for (r in t) print r, t[r] }' | sort) \
        <(sort "$LAB/after" | awk '{ t[$1] += $2 } END { for (r in t) print r, t[r] }' | sort) |
        awk -v n="$runs" -v key="$key" '{ d = ($3 - $2) / n / 1e6; s += d; parts = parts sprintf(" %s %.2f", $1, d) }
            END { printf "%-8s  server CPU a device %.2f ms:%s\n", key, s, parts }'
}

printf 'medians of %d provisionings each, renewals of a key that is in the TPM; to reach: wall under 150 ms (ecc256), agent under 15%%,\n' "$runs"
printf 'peak memory under 16 MB, server CPU under 2 ms\n'
measure ecc256 0x81020000
measure rsa2048 0x81020001

# The first provisioning, which creates the key as well.
for i in 1 2 3 4 5 6 7; do
    lab_enroll bench bench BENCH --key ecc256 --handle "$(printf 0x%08x $((0x81020010 + i)))" --state "$LAB/first-$i" \
        >"$LAB/said"
    sed -n 's/^total \([0-9.]*\) ms.*/\1/p' "$LAB/said"
    tpm2_evictcontrol -Q -C o -c "$(printf 0x%08x $((0x81020010 + i)))" >/dev/null
done >"$LAB/first"
printf 'ecc256    the first provisioning, with creating the key: median %s ms of wall time\n' "$(median "$LAB/first" 1)"
