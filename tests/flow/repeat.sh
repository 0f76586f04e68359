#!/bin/bash
# The same getCertificate again gives the same certificate: a lost reply costs a retry and never a second identity.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server one
lab_device x one L-2 ecc256 SN1
lab_exchange x one
cp "$LAB/x/device.crt" "$LAB/first.crt"

lab_say "the same call, again"
lab_step certificate x one
lab_same "$LAB/x/device.crt" "$LAB/first.crt"

lab_say "the same call, after a restart of the server"
lab_server_stop one
lab_server one
lab_step certificate x one
lab_same "$LAB/x/device.crt" "$LAB/first.crt"

lab_say "the same call, after a crash of the whole server"
lab_server_crash one
lab_server one
lab_step certificate x one
lab_same "$LAB/x/device.crt" "$LAB/first.crt"

lab_say "the same call, eight times at once, and for the first time"
lab_device y one L-2 ecc256 SN1
lab_step challenge y one
lab_activate y
pids=()
for i in 1 2 3 4 5 6 7 8; do
    lab_copy y "y$i"
    lab_step certificate "y$i" one &
    pids+=($!)
done
for i in 1 2 3 4 5 6 7 8; do
    wait "${pids[i - 1]}"
    lab_same "$LAB/y1/device.crt" "$LAB/y$i/device.crt"
done

lab_say "the database has two certificates, not twelve"
lab_ctl one cert list >"$LAB/list"
[[ $(grep -c SN1 "$LAB/list") == 2 ]] || lab_die "$(cat "$LAB/list")"
