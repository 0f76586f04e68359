#!/bin/bash
# Whatever is sent, however it ends: no process dies, none grows, and a device is served as before.
. "$(dirname "$0")/../lab/lab.sh"
rounds=${1:-15}
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server_key one trusted_proxies 127.0.0.1
lab_server_key one address_rate 50
lab_server one one --servers 1
ca=$(lab_ca_file one)

# memory: the resident KiB of each process, as `NAME PID KIB`.
memory() {
    local pid
    for pid in "${LAB_PID[server-one]}" $(lab_processes one); do
        printf '%s %s %s\n' "$(tr '\0' '\n' <"/proc/$pid/cmdline" | sed -n '/^-x$/{n;p}' | grep . || echo monitor)" "$pid" \
            "$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status")"
    done
}

lab_say "every kind of bad request and bad ending, $rounds times"
"$LAB_HERE/clients" abuse "$((rounds / 3))" "${LAB_URL[one]}" "$ca" >/dev/null
memory >"$LAB/before"
"$LAB_HERE/clients" abuse "$rounds" "${LAB_URL[one]}" "$ca" >/dev/null
memory >"$LAB/after"

lab_say "no process died"
cut -d' ' -f1,2 "$LAB/before" >"$LAB/before.pids"
cut -d' ' -f1,2 "$LAB/after" >"$LAB/after.pids"
lab_same "$LAB/before.pids" "$LAB/after.pids"
! grep -q 'died' "$LAB/server-one.log"

# AddressSanitizer keeps what was freed.
if grep -q __asan_init "$BIRTHMARKD"; then
    lab_say "(the memory of a sanitized build says nothing)"
else
    lab_say "no process grew by two mebibytes (one is the table of the addresses, when all of it is used)"
    paste -d' ' "$LAB/before" "$LAB/after" | while read -r name _ before _ _ after; do
        printf '%s: %s KiB, then %s KiB\n' "$name" "$before" "$after"
        ((after < before + 2048)) || lab_die "$name grew"
    done
fi

lab_say "a device is served as before"
lab_wait 30 curl -sS -o /dev/null --cacert "$ca" "${LAB_URL[one]}/healthz"
lab_enroll one one SN1 --key ecc256
