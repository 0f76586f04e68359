#!/bin/bash
# pairs.sh EK: a TPM with that EK alone is provisioned with each type of identity key, and with the one it suggests.
. "$(dirname "$0")/../lab/lab.sh"
ek=$1
lab_begin
lab_tpm one --ek "$ek"
lab_ca one
lab_server one

handle=0x81020000
for key in rsa2048 rsa3072 ecc256 ecc384; do
    lab_say "EK $ek gives an identity to a key of type $key"
    lab_enroll one one SN1 --key "$key" --handle "$(printf 0x%08x "$handle")" --state "$LAB/id-$key"
    lab_identity_good "$LAB/id-$key" one one
    case $key in
    rsa*) want="Public-Key: (${key#rsa} bit)" ;;
    ecc*) want="NIST CURVE: P-${key#ecc}" ;;
    esac
    openssl x509 -in "$LAB/id-$key/device.crt" -noout -text >"$LAB/text"
    grep -qF "$want" "$LAB/text" || lab_die "the certificate's key is not $key"
    lab_tpm_clean one
    handle=$((handle + 1))
done

lab_say "without --key, the EK's family decides"
lab_enroll one one SN1 --handle "$(printf 0x%08x "$handle")" --state "$LAB/id-default"
lab_identity_good "$LAB/id-default" one one
openssl x509 -in "$LAB/id-default/device.crt" -noout -text >"$LAB/text"
lab_ek_row "$ek"
case $EK_ALG in
rsa*) grep -q 'Public Key Algorithm: rsaEncryption' "$LAB/text" ;;
*) grep -q 'Public Key Algorithm: id-ecPublicKey' "$LAB/text" ;;
esac
lab_tpm_clean one
