# shellcheck shell=bash
# TPMs that go wrong on purpose: a TCTI of ours (tests/lab/tcti) between the agent and swtpm. Part of lab.sh.
#
# The module is LAB_FAULT_TCTI. It stands under the name of swtpm's own TCTI in a directory that comes first in
# LD_LIBRARY_PATH, so that the agent is told nothing but its usual --tcti, and loads LAB_SWTPM_TCTI itself.

# lab_plan NAME RULE...: $LAB/NAME.plan, with these rules (tests/lab/tcti/plan.h); the commands go to $LAB/NAME.commands.
lab_plan() {
    local name=$1
    shift
    mkdir -p "$LAB/tcti"
    ln -sf "$LAB_FAULT_TCTI" "$LAB/tcti/libtss2-tcti-swtpm.so.0"
    rm -f "$LAB/$name.commands"
    printf '%s\n' "tcti $LAB_SWTPM_TCTI" "log $LAB/$name.commands" "$@" >"$LAB/$name.plan"
}

# lab_faulty NAME COMMAND...: the command, with its TPM as the plan has it.
lab_faulty() {
    local plan=$LAB/$1.plan
    shift
    env LD_LIBRARY_PATH="$LAB/tcti" BM_FAULT_PLAN="$plan" "$@"
}

# lab_tpm_copy FROM TO: another TPM with what FROM, which is off, has in NV; off as well.
lab_tpm_copy() {
    mkdir -p "$LAB/tpm-$2"
    cp "$LAB/tpm-$1/tpm2-00.permall" "$LAB/tpm-$2/"
}
