#!/bin/bash
# several.sh: a TPM with several EKs offers the one that the profile takes, and only that one from then on; one without certificates
# enrols with the line that the agent prints for the operator.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_ca one
lab_vendor other
lab_profile one listed 'trust = inventory' 'identity = inventory'
lab_profile one virtual 'classes = virtual'
lab_server one

# certify TPM EK VENDOR: another EK of that TPM, with a certificate of that vendor.
certify() {
    lab_use_tpm "$1"
    lab_ek_make "$LAB/tpm-$1" "$2"
    lab_ek_certificate "$3" "$LAB/tpm-$1/ek-$2.pem" "$EK_USAGE" "$LAB/tpm-$1/ek-$2.der"
    lab_ek_store "$LAB/tpm-$1" "$2" '' ''
}

# spki TPM EK: SHA-256 of the EK's SubjectPublicKeyInfo.
spki() {
    openssl pkey -pubin -in "$LAB/tpm-$1/ek-$2.pem" -outform DER | sha256sum | cut -d' ' -f1
}

# says PATTERN: the last enrolment said something that matches. says_not: nothing.
says() {
    grep -Eq -- "$1" "$LAB/enroll.out" || lab_die "did not say: $1"
}
says_not() {
    if grep -Eq -- "$1" "$LAB/enroll.out"; then
        lab_die "said: $1"
    fi
}

lab_say "the first EK's vendor is not trusted, the second EK's is: the second becomes the device's"
lab_tpm one --ek L-1 --vendor other
certify one L-2 acme
certify one H-3 acme
lab_enroll one one SN1 --key ecc256
says 'EK L-1 was refused \(ekc-untrusted\): offering EK L-2'
says 'a credential for EK L-2'
lab_identity_good "$LAB/id-SN1" one one
lab_tpm_clean one
[[ $(cat "$LAB/id-SN1/ek") == "$(spki one L-2)" ]] || lab_die "the directory does not know its EK"
lab_ctl one device show SN1 | grep -q "$(spki one L-2)"

lab_say "a renewal offers that EK alone"
lab_enroll one one SN1 --renew
says 'EK L-2 \(ecc256'
says_not 'was refused'

lab_say "nor does --ek-sha256 of another, but with --renew"
for run in enroll request; do
    more=(--server "${LAB_URL[one]}" --ca "$(lab_ca_file one)")
    [[ $run == enroll ]] || more=(--out "$LAB/SN1.request")
    rc=0
    "$BIRTHMARK" "$run" --tcti "$(lab_tcti one)" --serial SN1 --state "$LAB/id-SN1" --ek-sha256 "$(spki one H-3)" "${more[@]}" \
        >"$LAB/said" 2>&1 || rc=$?
    ((rc == 2)) || lab_die "$run ended with $rc"
    lab_said 'bound to another EK than --ek-sha256 names'
done
[[ $(cat "$LAB/id-SN1/ek") == "$(spki one L-2)" ]] || lab_die "the identity has another EK"
lab_tpm_clean one

lab_say "nor does a TPM that fails to make it bring in another"
lab_plan p "answer 0x131:1 0 0x2c4"
lab_fault_run one one p SN1 --renew
((LAB_RC == 2)) || lab_die "the run ended with $LAB_RC"
grep -q 'TPM2_CreatePrimary failed with 0x2c4' "$LAB/enroll.out"
says_not 'EK L-1'
lab_tpm_clean one

lab_say "and no other, when it is not taken any more"
lab_trust one other
lab_distrust one acme
lab_server_stop one
lab_server one
lab_fails lab_enroll one one SN1 --renew
lab_said 'bound to EK L-2: no other is offered'
lab_said 'refused \(ekc-untrusted'
lab_tpm_clean one

lab_say "neither from a directory of a time when it was not written down which EK it was"
cp -r "$LAB/id-SN1" "$LAB/id-old"
rm "$LAB/id-old/ek"
lab_distrust one other
lab_trust one acme
lab_server_stop one
lab_server one
lab_fails lab_enroll one one SN1 --renew --state "$LAB/id-old"
lab_said 'bound to EK L-1: no other is offered'

lab_say "with a directory of its own it is the same device to the server: no second name for it"
lab_fails lab_enroll one one SN2 --key ecc256 --handle 0x81020002
lab_said 'refused \(identity-mismatch'

lab_say "the inventory knows the second EK"
lab_tpm two --ek L-1
certify two H-3 acme
lab_ctl one device add --serial INV-2 --ek-sha256 "$(spki two H-3)" >/dev/null
lab_enroll two one INV-2 --key ecc384 --profile listed
says 'EK L-1 was refused \(ek-not-in-inventory\): offering EK H-3'
says "birthmarkctl device add --serial INV-2 --ek-sha256 $(spki two L-1)"
lab_identity_good "$LAB/id-INV-2" one two

lab_say "a retired device does not come back with another of its EKs"
lab_ctl one device retire INV-2 >/dev/null
rm -r "$LAB/id-INV-2"
lab_ctl one device add --serial INV-2b --ek-sha256 "$(spki two L-1)" >/dev/null
lab_ctl one device retire INV-2b >/dev/null
lab_fails lab_enroll two one INV-2b --key ecc256 --profile listed --handle 0x81020003
lab_said 'refused \(device-retired'
if grep -q 'offering' "$LAB/said"; then
    lab_die "another EK was offered"
fi
lab_tpm_clean two

lab_say "when none is taken, each was said, and nothing is left in the TPM"
lab_tpm three --ek L-1,L-2,H-1
lab_fails lab_enroll three one SN3 --key ecc256 --profile virtual
lab_said 'EK L-1 was refused \(ekc-class\): offering EK L-2'
lab_said 'EK L-2 was refused \(ekc-class\): offering EK H-1'
lab_said '^birthmark: the server refused \(ekc-class'
[[ ! -e $LAB/id-SN3/device.crt ]]
lab_tpm_clean three

lab_say "a directory of another TPM: the agent says so, and this TPM's EKs are offered"
cp -r "$LAB/id-SN1" "$LAB/id-SN4"
lab_enroll three one SN4 --key ecc256 --renew
says 'is not in this TPM'
[[ $(cat "$LAB/id-SN4/ek") == "$(spki three L-1)" ]] || lab_die "the directory does not know its EK"

lab_say "no certificate at all: the operator's line, as it is printed, lets the device in"
lab_tpm bare --ek L-1 --no-cert
lab_fails lab_enroll bare one SN5 --key ecc256 --profile listed
lab_said 'no EK certificate on this chip'
line=$(sed -n 's/^ *\(birthmarkctl device add .*\)/\1/p' "$LAB/said")
[[ $line == "birthmarkctl device add --serial SN5 --ek-sha256 $(spki bare L-1)" ]] || lab_die "the line is: $line"
read -ra words <<<"$line"
lab_ctl one "${words[@]:1}" >/dev/null
lab_enroll bare one SN5 --key ecc256 --profile listed
lab_identity_good "$LAB/id-SN5" one bare
"$BIRTHMARK" show --tcti "$(lab_tcti bare)" --state "$LAB/id-SN5" | grep -q "birthmarkctl device add --serial SERIAL --ek-sha256 $(spki bare L-1)"
lab_enroll bare one SN5 --renew --profile listed
lab_tpm_clean bare
