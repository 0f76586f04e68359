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

# lab_fault_run TPM SERVER NAME SERIAL [options]: the agent, its TPM as the plan NAME has it. LAB_RC is its exit status, and
# $LAB/enroll.out what it said: one sentence if it failed, none if it did not.
lab_fault_run() {
    local tpm=$1 server=$2 name=$3 lines
    shift 3
    lab_agent "$tpm" "$server" "$@"
    LAB_RC=0
    lab_faulty "$name" "${AGENT[@]}" >"$LAB/enroll.out" 2>&1 || LAB_RC=$?
    lines=$(grep -c '^birthmark: ' "$LAB/enroll.out") || true
    if ((LAB_RC > 5 || lines != (LAB_RC != 0))); then
        cat "$LAB/enroll.out" >&2
        lab_die "the run ended with $LAB_RC and $lines sentences"
    fi
    grep '^birthmark: ' "$LAB/enroll.out" || true
}

# lab_no_half DIR CA TPM: no draft of a file, and either no certificate or all that goes with one.
lab_no_half() {
    local f
    if compgen -G "$1/.*.new" >/dev/null; then
        lab_die "a draft was left in $1"
    fi
    if [[ -e $1/device.crt ]]; then
        lab_identity_good "$@"
        return
    fi
    for f in chain.crt fullchain.crt ca.crt key.uri openssl.cnf renew_after; do
        [[ ! -e $1/$f ]] || lab_die "$1/$f is there and device.crt is not"
    done
}

# lab_next_run TPM SERVER SERIAL [options]: a run without faults succeeds, and leaves nothing in the TPM but
# the key that key.uri names.
lab_next_run() {
    lab_agent "$@"
    "${AGENT[@]}" >"$LAB/enroll.out" 2>&1 || { cat "$LAB/enroll.out" >&2; lab_die "the next run fails too"; }
    lab_identity_good "$LAB/id-$3" "${LAB_CA_OF[$2]}" "$1"
    lab_tpm_clean "$1"
    [[ $(tpm2_getcap handles-persistent) == "- $(sed -n 's/^handle://p' "$LAB/id-$3/key.uri")" ]] || lab_die "a key is persistent that nobody uses"
}

lab_flaky_ready() {
    lab_gone "$1" || [[ -s $2 ]]
}

# lab_flaky NAME SERVER FIRST COUNT KIND [VALUE...]: a server that spoils answers (tests/lab/flaky) before one that runs with
# --plain; ${LAB_URL[NAME]} is its address.
lab_flaky() {
    local name=$1 server=$2
    shift 2
    : >"$LAB/flaky-$name"
    "$LAB_HERE/flaky" "${LAB_URL[$server]}" "$@" >"$LAB/flaky-$name" 2>"$LAB/flaky-$name.log" &
    LAB_PID[flaky-$name]=$!
    lab_wait 30 lab_flaky_ready "$!" "$LAB/flaky-$name" || lab_die "flaky says nothing"
    LAB_URL[$name]=$(cat "$LAB/flaky-$name")
    LAB_CA_OF[$name]=${LAB_CA_OF[$server]}
}
