#!/bin/bash
# What getChallenge refuses, each with its own code, before any ticket exists.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-1,L-2
lab_tpm two --ek L-2
lab_vendor shady
lab_tpm three --ek L-2 --vendor shady
lab_ca one
lab_server one
lab_device good one L-2 ecc256 SN1
lab_exchange good one

lab_say "an EK certificate of a vendor that is no anchor"
LAB_VENDOR=shady lab_device x three L-2 ecc256 SN3
lab_refused ekc-untrusted challenge x one

lab_say "the same, with the genuine vendor's intermediate in its chain"
cp "$LAB/vendor-acme/inter.der" "$LAB/x/ek_chain.1"
lab_refused ekc-untrusted challenge x one

lab_say "no EK certificate"
lab_copy good x1
rm "$LAB/x1/ek_certificate" "$LAB"/x1/ek_chain.*
lab_refused ekc-missing challenge x1 one

lab_say "an EK certificate that is none"
lab_copy good x2
head -c 300 /dev/urandom >"$LAB/x2/ek_certificate"
lab_refused ekc-malformed challenge x2 one

lab_say "an EK certificate with one bit changed in its signature"
lab_copy good x3
lab_flip "$LAB/x3/ek_certificate"
lab_refused ekc-untrusted challenge x3 one

lab_say "a CA's certificate in place of an EK's"
lab_copy good x4
cp "$LAB/vendor-acme/inter.der" "$LAB/x4/ek_certificate"
lab_step challenge x4 one >"$LAB/said" && lab_die "accepted"
grep -Eqx 'ekc-usage|ek-mismatch' "$LAB/x4/code"

lab_say "another EK of the same TPM than the certificate's"
lab_copy good x5
cp "$LAB/tpm-one/ek-L-1.pub" "$LAB/x5/ek_public"
lab_refused ek-mismatch challenge x5 one

lab_say "another TPM's EK under this TPM's certificate"
lab_copy good x6
cp "$LAB/tpm-two/ek-L-2.pub" "$LAB/x6/ek_public"
lab_refused ek-mismatch challenge x6 one

lab_say "an EK that no template gives: the identity key in its place"
lab_copy good x7
cp "$LAB/x7/ik_public" "$LAB/x7/ek_public"
lab_refused ek-template challenge x7 one

lab_say "a CSR of another key than the identity key"
lab_device other one L-2 ecc256 SN1
lab_copy good x8
cp "$LAB/other/csr" "$LAB/x8/csr"
lab_refused csr-key-not-ik challenge x8 one

lab_say "a CSR that its key did not sign"
lab_copy good x9
lab_flip "$LAB/x9/csr"
lab_refused csr-signature challenge x9 one

lab_say "a CSR that is none, and one with a byte behind it"
lab_copy good x10
head -c 300 /dev/urandom >"$LAB/x10/csr"
lab_refused csr-malformed challenge x10 one
lab_copy good x11
printf '\0' >>"$LAB/x11/csr"
lab_refused csr-malformed challenge x11 one

lab_say "an identity key with a byte behind it, and an EK with one"
lab_copy good x12
printf '\0' >>"$LAB/x12/ik_public"
lab_refused ik-public-malformed challenge x12 one
lab_copy good x13
printf '\0' >>"$LAB/x13/ek_public"
lab_refused ek-public-malformed challenge x13 one

lab_say "identity keys that could leave their TPM, or that do more than sign"
mkdir "$LAB/y"
printf '%s\n' one >"$LAB/y/tpm"
usual='sensitivedataorigin|userwithauth|noda|sign'
for attributes in "$usual" "fixedtpm|fixedparent|$usual|decrypt"; do
    lab_copy good "y-${#attributes}"
    lab_ik one ecc256 "$LAB/y-${#attributes}" "$attributes"
    lab_csr "$LAB/y-${#attributes}" ecc256 /CN=SN1/serialNumber=SN1
    lab_refused ik-attributes challenge "y-${#attributes}" one
done

lab_say "a serial number that another TPM has"
lab_device x14 two L-2 ecc256 SN1
lab_refused identity-taken challenge x14 one

lab_say "another serial number for a TPM that has one"
lab_device x15 one L-2 ecc256 SN2
lab_refused identity-mismatch challenge x15 one

lab_say "a CSR without a serial number, and one that is no serial number"
lab_device x16 two L-2 ecc256 SN2
lab_csr "$LAB/x16" ecc256 /O=nobody
lab_refused identity-missing challenge x16 one
lab_csr "$LAB/x16" ecc256 '/CN=SN 2/serialNumber=SN 2'
lab_refused identity-invalid challenge x16 one

lab_say "a profile that there is not"
lab_copy good x17
echo nonesuch >"$LAB/x17/profile"
lab_refused profile-unknown challenge x17 one

lab_say "a member that the protocol does not know, one missing, one of the wrong type"
lab_copy good x18
echo '{"admin": true}' >"$LAB/x18/extra.json"
lab_refused field-unknown challenge x18 one
echo '{"csr": 7}' >"$LAB/x18/extra.json"
lab_refused field-invalid challenge x18 one
echo '{"csr": "&&&&"}' >"$LAB/x18/extra.json"
lab_refused field-invalid challenge x18 one
rm "$LAB/x18/extra.json" "$LAB/x18/csr"
lab_refused field-missing challenge x18 one

lab_say "a device that was retired"
lab_ctl one device retire SN1
lab_refused device-retired challenge good one

lab_say "after all this the server still does its work"
lab_device last two L-2 ecc256 SN2
lab_exchange last one
