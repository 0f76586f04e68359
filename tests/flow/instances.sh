#!/bin/bash
# Two instances with the same state are equal: each answers either call.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca shared
lab_server a shared
lab_server b shared
[[ ${LAB_URL[a]} != "${LAB_URL[b]}" ]]

lab_say "getChallenge at one, getCertificate at the other, both ways"
for way in 'a b' 'b a'; do
    x=${way/ /}
    lab_device "$x" one L-2 ecc256 SN1
    lab_step challenge "$x" "${way% *}"
    lab_activate "$x"
    lab_step certificate "$x" "${way#* }"
done

lab_say "the repeat at the first gives what the second gave"
cp "$LAB/ab/device.crt" "$LAB/first.crt"
lab_step certificate ab a
lab_same "$LAB/first.crt" "$LAB/ab/device.crt"

lab_say "what the operator does counts at both at once"
lab_device c one L-2 ecc256 SN1
lab_ctl shared device retire SN1
lab_refused device-retired challenge c a
lab_refused device-retired challenge c b

lab_say "two instances issuing at the same time lose nothing"
pids=()
for i in 1 2 3 4 5 6; do
    lab_tpm "t$i" --ek L-2
    lab_device "m$i" "t$i" L-2 ecc256 "M$i"
    lab_step challenge "m$i" a
    lab_activate "m$i"
done
for i in 1 2 3 4 5 6; do
    server=$((i % 2)) server=${server/0/a} server=${server/1/b}
    lab_step certificate "m$i" "$server" &
    pids+=($!)
done
for pid in "${pids[@]}"; do
    wait "$pid"
done
lab_ctl shared cert list >"$LAB/list"
for i in 1 2 3 4 5 6; do
    grep -q "M$i" "$LAB/list" || lab_die "M$i is not recorded"
done
