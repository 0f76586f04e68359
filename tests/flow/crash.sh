#!/bin/bash
# crash.sh PROCESS: kill -9 of that process of birthmarkd (server, ledger, keeper) at each step of an enrolment; the
# monitor starts another, and the next run succeeds. A certificate that was handed out is on disk.
. "$(dirname "$0")/../lab/lab.sh"
kind=$1
lab_begin
lab_ca one
lab_server one
count=$(lab_processes one "$kind" | wc -l)

back() {
    [[ $(lab_processes one "$kind" | wc -l) == "$count" ]]
}

for step in 1 2 3 4 5 6; do
    lab_say "kill -9 of the $kind at step $step"
    lab_tpm "t$step" --ek L-2
    lab_at_step "$step" "lab_kill_process one $kind" "t$step" one "SN$step" --key ecc256
    echo "the run that saw it ended with $LAB_AGENT_RC"
    lab_wait 20 back || lab_die "no $kind was started again"
    lab_alive "${LAB_PID[server-one]}" || lab_die "the monitor died too"
    lab_enroll "t$step" one "SN$step" --key ecc256
    lab_identity_good "$LAB/id-SN$step" one "t$step"
    lab_tpm_clean "t$step"
    serial=$(openssl x509 -in "$LAB/id-SN$step/device.crt" -noout -serial)
    lab_ctl one cert list >"$LAB/list"
    grep -qi "${serial#serial=}" "$LAB/list" || lab_die "the certificate of SN$step is not in the database"
done

lab_say "none of the identities was given twice, none was lost"
for step in 1 2 3 4 5 6; do
    lab_ctl one device show "SN$step" >"$LAB/show"
done
