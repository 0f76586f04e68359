#!/bin/bash
# A TPM that says no for now: a busy one is waited for, and given up after a while; one in lockout is not asked again; one
# that is full of others' keys keeps them; no passing fault makes the agent take the chip's other EK; a flipped bit
# makes no certificate.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-1,L-2
lab_ca one
lab_server one

# enroll_with RULE...: a renewal against that plan.
enroll_with() {
    lab_plan p "$@"
    lab_fault_run one one p SN1 --key ecc256 --renew
}

# gave_up PATTERN: the run ended with 2, and said so; the TPM is empty.
gave_up() {
    if ((LAB_RC != 2)) || ! grep '^birthmark: ' "$LAB/enroll.out" | grep -Eq "$1"; then
        cat "$LAB/enroll.out" >&2
        lab_die "the run ended with $LAB_RC and did not say: $1"
    fi
    lab_tpm_clean one
}

lab_say "a busy TPM is waited for"
enroll_with "answer 0x120:1 4 0x920" "answer 0x15d:1 12 0x922" "answer 0x131:1 3 0x90a"
((LAB_RC == 0)) || { cat "$LAB/enroll.out" >&2; lab_die "it was not"; }
lab_identity_good "$LAB/id-SN1" one one
lab_tpm_clean one
device=$(openssl x509 -in "$LAB/id-SN1/device.crt" -noout -serial)

lab_say "but not for ever"
enroll_with "answer 0x15d:1 0 0x922"
gave_up 'TPM2_Sign.*busy: run it again'

lab_say "one in lockout is not asked again"
enroll_with "answer 0x147:1 0 0x921"
gave_up 'TPM2_ActivateCredential.*lockout; wait until it ends'
[[ $(grep -c ActivateCredential "$LAB/p.commands") == 1 ]] || lab_die "it was asked again"

lab_say "without room for a session"
enroll_with "answer 0x176:1 0 0x903"
gave_up "TPM2_StartAuthSession.*hold sessions in the TPM.*tpm2_flushcontext -l"

lab_say "a fault at the EK that was enrolled does not bring in the chip's other one"
for rule in "answer 0x131:1 0 0x902" "answer 0x131:1 1 0x101" "answer 0x14e:1 0 0x101" "cut 0x14e:1 1 9"; do
    enroll_with "$rule"
    gave_up 'TPM2_(CreatePrimary|NV_Read) failed'
    if grep -q 'EK L-2' "$LAB/enroll.out"; then
        lab_die "it did: $rule"
    fi
done

lab_say "a bit that flips on the way out of the TPM makes no certificate"
for rule in "flip 0x15d:1 1 60" "flip 0x147:1 1 20"; do
    enroll_with "$rule"
    gave_up "TPM2_(Sign|ActivateCredential).*answer was changed on its way"
done

lab_say "what others left in a full TPM stays"
lab_use_tpm one
for i in 1 2 3; do
    tpm2_createprimary -Q -C n -G ecc256 -c "$LAB/other.$i" >/dev/null
done
lab_agent one one SN1 --key ecc256 --renew
lab_fails "${AGENT[@]}"
lab_said "TPM2_[A-Za-z]+ failed.*hold keys in the TPM.*tpm2_flushcontext -t"
[[ $(tpm2_getcap handles-transient | grep -c 0x8) == 3 ]] || lab_die "it does not"
tpm2_flushcontext -t

lab_say "after all that the identity is as it was, and a run without faults renews it"
[[ $(openssl x509 -in "$LAB/id-SN1/device.crt" -noout -serial) == "$device" ]]
lab_identity_good "$LAB/id-SN1" one one
lab_enroll one one SN1 --key ecc256 --renew
lab_identity_good "$LAB/id-SN1" one one
lab_tpm_clean one
