#!/bin/bash
# EK certificates as they are in the field: padded, with a vendor's prefix, with their chain on the chip; persistent
# EKs; none.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_ca one
lab_server one
n=0

# enrols WHAT OPTIONS...: a TPM of that kind is provisioned.
enrols() {
    n=$((n + 1))
    lab_say "$1"
    lab_tpm "q$n" "${@:2}"
    lab_enroll "q$n" one "Q$n" --key ecc256
    lab_identity_good "$LAB/id-Q$n" one "q$n"
    lab_tpm_clean "q$n"
}
enrols "bytes FF behind the certificate in NV" --ek L-2 --pad ff
enrols "bytes 00 behind the certificate in NV" --ek L-1 --pad 00
enrols "the vendor's prefix before the certificate" --ek H-2 --prefix
enrols "prefix and padding" --ek L-2 --prefix --pad ff
enrols "a persistent EK" --ek L-1,L-2 --persist
enrols "a persistent EK of the high range" --ek H-3 --persist
enrols "no certificate for the first template, one for another" --ek H-6

lab_say "the chain comes from the chip, in two indices, where the CA knows the root alone"
LAB_NO_TRUST=1 lab_ca root
lab_trust_root root acme
lab_server root
lab_tpm chip --ek L-2 --chain
lab_enroll chip root C1 --key ecc256
lab_identity_good "$LAB/id-C1" root chip

lab_say "an index behind it with bytes that are no certificate does no harm"
lab_tpm odd --ek L-2 --chain
lab_unhex 3082FFFF01020304 >"$LAB/odd"
lab_use_tpm odd
lab_nv_put 0x01C001F0 "$LAB/odd" 8
lab_enroll odd root C3 --key ecc256
lab_identity_good "$LAB/id-C3" root odd

lab_say "without it, that CA cannot build the chain"
lab_tpm bare --ek L-2
lab_fails lab_enroll bare root C2 --key ecc256
lab_said 'ekc-untrusted|trust anchor'
lab_tpm_clean bare

lab_say "a TPM without any EK certificate is told so"
lab_tpm none --ek L-2 --no-cert
lab_fails lab_enroll none one N1 --key ecc256
lab_said 'certificate'
lab_tpm_clean none
