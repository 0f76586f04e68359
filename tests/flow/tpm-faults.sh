#!/bin/bash
# tpm-faults.sh lost|answered|unsent|cut: an enrolment fails at each of its TPM commands in turn: the TPM carries it out
# and the connection breaks (lost), it breaks before (unsent), the response ends early (cut), or the TPM answers with an error (answered: RETRY,
# NV_RATE, LOCKOUT, SESSION_MEMORY, OBJECT_MEMORY, FAILURE in turn). The agent says one sentence, leaves no half of an
# identity, and the next run succeeds, with nothing in the TPM but the key. For unsent and cut it is every third command,
# unless FAULT_EVERY=1.
. "$(dirname "$0")/../lab/lab.sh"
kind=$1
case $kind in
lost | answered) every=1 ;;
*) every=${FAULT_EVERY:-3} ;;
esac
codes=(0x922 0x920 0x921 0x903 0x902 0x101)
lab_begin
lab_tpm base --ek L-2
lab_tpm_stop base
lab_ca one
lab_server one

# fault_begin: a TPM as the factory ships it, and no state directory.
fault_begin() {
    lab_tpm_copy base t
    lab_tpm_start t
    rm -rf "$LAB/id-SN1"
}

fault_end() {
    lab_tpm_stop t
    rm -rf "$LAB/tpm-t"
}

# rule_of N: the fault at command N.
rule_of() {
    case $kind in
    lost | unsent) echo "$kind $1" ;;
    cut) echo "cut $1 1 $((6 + $1 % 8))" ;;
    answered) echo "answer $1 1 ${codes[$1 % ${#codes[@]}]}" ;;
    esac
}

# one_sentence: a failed run ended with 2 and one line; one that succeeded says nothing of a failure.
one_sentence() {
    local lines
    lines=$(grep -c '^birthmark: ' "$LAB/enroll.out") || true
    if ((rc == 0 ? lines != 0 : rc != 2 || lines != 1)); then
        cat "$LAB/enroll.out" >&2
        lab_die "the run ended with $rc and $lines sentences"
    fi
}

# no_half: no draft of a file, and either no certificate or all that goes with one.
no_half() {
    local d=$LAB/id-SN1 f
    if compgen -G "$d/.*.new" >/dev/null; then
        lab_die "a draft was left"
    fi
    if [[ -e $d/device.crt ]]; then
        lab_identity_good "$d" one t
    else
        for f in chain.crt fullchain.crt ca.crt key.uri openssl.cnf renew_after; do
            [[ ! -e $d/$f ]] || lab_die "$f is there and device.crt is not"
        done
    fi
}

next_run_succeeds() {
    lab_agent t one SN1 --key ecc256
    "${AGENT[@]}" >"$LAB/enroll.out" 2>&1 || { cat "$LAB/enroll.out" >&2; lab_die "the next run fails too"; }
    lab_identity_good "$LAB/id-SN1" one t
    lab_tpm_clean t
    [[ $(tpm2_getcap handles-persistent) == '- 0x81020000' ]] || lab_die "a key is persistent that nobody uses"
}

lab_say "the commands of an enrolment"
fault_begin
lab_plan p
lab_agent t one SN1 --key ecc256
lab_faulty p "${AGENT[@]}" >"$LAB/enroll.out" 2>&1
cp "$LAB/p.commands" "$LAB/all.commands"
count=$(wc -l <"$LAB/all.commands")
((count > 15))
fault_end

for ((n = 1; n <= count; n += every)); do
    lab_say "$kind: $(sed -n "${n}p" "$LAB/all.commands") $(rule_of "$n")"
    fault_begin
    lab_plan p "$(rule_of "$n")"
    lab_agent t one SN1 --key ecc256
    rc=0
    lab_faulty p "${AGENT[@]}" >"$LAB/enroll.out" 2>&1 || rc=$?
    one_sentence
    grep '^birthmark: ' "$LAB/enroll.out" || true
    no_half
    next_run_succeeds
    fault_end
done
