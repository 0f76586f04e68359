#!/bin/bash
# The server keeps nothing between the two calls: restarted, or crashed, in between, it goes on.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
for how in stop crash; do
    lab_say "$how between getChallenge and getCertificate"
    lab_server one
    lab_device "x-$how" one L-2 ecc256 SN1
    lab_step challenge "x-$how" one
    "lab_server_$how" one
    lab_activate "x-$how"
    lab_server one
    lab_step certificate "x-$how" one
    lab_server_stop one
done

lab_say "a stopped server ends with all its processes, in peace"
lab_server one
pids=$(lab_processes one)
pid=${LAB_PID[server-one]}
lab_server_stop one
for p in $pid $pids; do
    lab_gone "$p" || lab_die "process $p is still there"
done
