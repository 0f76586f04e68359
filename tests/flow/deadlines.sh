#!/bin/bash
# A client that trickles a byte a second, wherever it does, is gone after ten of them; so is one that never reads, and one
# that is idle for too long. A server that is busy with such clients answers a good one.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server_key one idle_timeout 5s
lab_server one one --servers 1
lab_server plain one --plain --servers 1
ca=$(lab_ca_file one)

lab_say "six slow clients begin"
pids=()
for where in handshake head body idle; do
    "$LAB_HERE/clients" trickle "$where" "${LAB_URL[one]}" "$ca" >"$LAB/$where" 2>"$LAB/$where.log" &
    pids+=($!)
done
for where in head deaf; do
    "$LAB_HERE/clients" trickle "$where" "${LAB_URL[plain]}" "$ca" >"$LAB/plain-$where" 2>"$LAB/plain-$where.log" &
    pids+=($!)
done

lab_say "a good one comes through beside them"
lab_enroll one one SN1 --key ecc256

lab_say "all six are gone in the end, and none had much more than its ten seconds"
for pid in "${pids[@]}"; do
    wait "$pid"
done
for where in handshake head body plain-head; do
    bytes=$(cut -d' ' -f2 "$LAB/$where")
    ((bytes >= 1 && bytes <= 20)) || lab_die "$where: $bytes bytes, one a second"
done
grep -q '^idle 0' "$LAB/idle"
kib=$(cut -d' ' -f2 "$LAB/plain-deaf")
((kib < 16384)) || lab_die "a client that never reads could send $kib KiB"
