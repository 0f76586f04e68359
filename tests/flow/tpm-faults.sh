#!/bin/bash
# tpm-faults.sh KIND [FORM]: an enrolment fails at each of its TPM commands in turn. KIND: the TPM carries it out and the
# connection breaks (lost), it breaks before (unsent), the response ends early (cut), or the TPM answers with an error
# (answered: RETRY, NV_RATE, LOCKOUT, SESSION_MEMORY, OBJECT_MEMORY, FAILURE in turn). The agent says one sentence, leaves
# no half of an identity, and the next run succeeds, with nothing in the TPM but the key; where the connection holds,
# nothing is left by the run that failed. FORM: a device's first enrolment
# (first), with RSA keys (rsa), with an EK of the high range and SHA-384 (high), a renewal (renew), one with another key
# (replace), a key with a policy of registers (pcrs), a primary of the endorsement hierarchy with a value (primary). FAULT_EVERY=N: every N-th command.
. "$(dirname "$0")/../lab/lab.sh"
kind=$1 form=${2:-first} ek=L-2 options=(--key ecc256)
case $form in
rsa) ek=L-1 options=(--key rsa2048) ;;
high) ek=H-3 options=(--key ecc384) ;;
renew) options+=(--renew) ;;
replace) options=(--key ecc384 --renew) ;;
pcrs) options+=(--pcrs sha256:0,16) ;;
primary) options+=(--parent endorsement --key-auth env:BM_WORD) ;;
esac
case $kind-$form in
lost-first | answered-first) every=1 ;;
*-rsa) every=6 ;;
*) every=3 ;;
esac
every=${FAULT_EVERY:-$every}
codes=(0x922 0x920 0x921 0x903 0x902 0x101)
export BM_WORD='the keys own word'
lab_begin
lab_ca one
lab_server one
lab_tpm base --ek "$ek"
if [[ $form == re* ]]; then
    lab_enroll base one SN1 --key ecc256 --state "$LAB/id-base" >"$LAB/base.log"
fi
lab_tpm_stop base

# fault_begin: the TPM and the state directory as they were before.
fault_begin() {
    lab_tpm_copy base t
    lab_tpm_start t
    rm -rf "$LAB/id-SN1"
    if [[ $form == re* ]]; then
        cp -r "$LAB/id-base" "$LAB/id-SN1"
    fi
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
    answered) echo "answer $1 1 ${codes[$1 / every % ${#codes[@]}]}" ;;
    esac
}

lab_say "the commands of an enrolment: $form"
fault_begin
lab_plan p
lab_fault_run t one p SN1 "${options[@]}"
((LAB_RC == 0))
cp "$LAB/p.commands" "$LAB/all.commands"
count=$(wc -l <"$LAB/all.commands")
((count > 15))
fault_end

for ((n = every > 1 ? 2 : 1; n <= count; n += every)); do
    lab_say "$(sed -n "${n}p" "$LAB/all.commands"), $(rule_of "$n")"
    fault_begin
    lab_plan p "$(rule_of "$n")"
    lab_fault_run t one p SN1 "${options[@]}"
    ((LAB_RC == 0 || LAB_RC == 2)) || lab_die "the TPM failed, and the run ended with $LAB_RC"
    lab_no_half "$LAB/id-SN1" one t
    if [[ $kind == cut || $kind == answered ]]; then
        lab_tpm_clean t
    fi
    lab_next_run t one SN1 "${options[@]}"
    fault_end
done
