#!/bin/bash
# interrupted.sh SIGNAL: the agent gets that signal (INT, KILL) at each of its six steps; the next run succeeds, and then
# nothing is in the TPM but the key. After INT nothing but the key is there at once.
. "$(dirname "$0")/../lab/lab.sh"
signal=$1
lab_begin
lab_ca one
lab_server one
lab_tpm t --ek L-2

for step in 1 2 3 4 5 6; do
    lab_say "SIG$signal at step $step"
    args=(t one SN1 --key ecc256 --handle "0x8102000$step" --state "$LAB/id-$step")
    lab_at_step "$step" "kill -$signal \$LAB_AGENT_PID" "${args[@]}"
    echo "the agent ended with $LAB_AGENT_RC"
    if [[ $signal == INT ]]; then
        # On a busy machine the signal may come when all is done.
        ((LAB_AGENT_RC != 0)) || lab_identity_good "$LAB/id-$step" one t || lab_die "an interrupted run says that it succeeded, and has not"
        lab_tpm_clean t
    fi
    lab_enroll "${args[@]}"
    lab_identity_good "$LAB/id-$step" one t
    lab_tpm_clean t
    if [[ $signal == INT ]]; then
        [[ $(tpm2_getcap handles-persistent | grep -c 0x) == "$step" ]] || lab_die "a key is persistent that nobody uses"
    fi
done
