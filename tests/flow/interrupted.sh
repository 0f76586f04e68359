#!/bin/bash
# interrupted.sh SIGNAL: the agent gets that signal (INT, KILL) at each of its six steps; the next run succeeds and
# leaves nothing in the TPM but its key.
. "$(dirname "$0")/../lab/lab.sh"
signal=$1
lab_begin
lab_ca one
lab_server one

for step in 1 2 3 4 5 6; do
    lab_say "SIG$signal at step $step"
    lab_tpm "t$step" --ek L-2
    lab_at_step "$step" "kill -$signal \$LAB_AGENT_PID" "t$step" one "SN$step" --key ecc256
    echo "the agent ended with $LAB_AGENT_RC"
    if [[ $signal == INT ]]; then
        ((LAB_AGENT_RC != 0)) || lab_die "an interrupted run says that it succeeded"
        lab_tpm_clean "t$step"
    fi
    lab_enroll "t$step" one "SN$step" --key ecc256
    lab_identity_good "$LAB/id-SN$step" one "t$step"
    lab_tpm_clean "t$step"
    [[ $(tpm2_getcap handles-persistent | grep -c 0x) == 1 ]] || lab_die "more than one key is persistent"
done
