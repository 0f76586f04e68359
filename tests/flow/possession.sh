#!/bin/bash
# The TPM is the judge of possession: a ticket comes out only where EK and identity key are in the same TPM.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2,H-1
lab_tpm two --ek L-2,H-1
lab_ca one
lab_server one

lab_say "another identity key of the same TPM does not open the credential"
lab_device x one L-2 ecc256 SN1
lab_device other one L-2 ecc256 SN1
lab_step challenge x one
lab_copy x wrong-ik
cp "$LAB/other/ik.handle" "$LAB/wrong-ik/ik.handle"
lab_fails lab_activate wrong-ik
lab_activate x

for ek in L-2 H-1; do
    lab_say "the EK of another TPM ($ek), with its genuine certificate, gives no ticket to this one"
    lab_device "y-$ek" one "$ek" ecc256 "SN-$ek"
    cp "$LAB/tpm-two/ek-$ek.pub" "$LAB/y-$ek/ek_public"
    cp "$LAB/tpm-two/ek-$ek.der" "$LAB/y-$ek/ek_certificate"
    lab_step challenge "y-$ek" one
    lab_fails lab_activate "y-$ek"
done

lab_say "a key made in software that claims to be fixed in a TPM cannot be activated"
lab_device z one L-2 rsa2048 SN-z
openssl genrsa -out "$LAB/soft.key" 2048 2>/dev/null
openssl rsa -in "$LAB/soft.key" -noout -modulus 2>/dev/null | sed 's/Modulus=//' >"$LAB/soft.hex"
head -c -256 "$LAB/z/ik_public" >"$LAB/soft.pub"
lab_unhex "$(cat "$LAB/soft.hex")" >>"$LAB/soft.pub"
cp "$LAB/soft.pub" "$LAB/z/ik_public"
openssl req -new -key "$LAB/soft.key" -subj /CN=SN-z/serialNumber=SN-z -outform DER -out "$LAB/z/csr"
lab_step challenge z one
tpm2_loadexternal -Q -C n -u "$LAB/soft.pub" -c "$LAB/soft.ctx"
tpm2_flushcontext -t
echo "$LAB/soft.ctx" >"$LAB/z/ik.handle"
lab_fails lab_activate z

lab_say "without the ticket there is no certificate, whatever is sent in its place"
for ticket in zeros random blob; do
    lab_copy z "z-$ticket"
    case $ticket in
    zeros) head -c 32 /dev/zero >"$LAB/z-zeros/ticket" ;;
    random) head -c 32 /dev/urandom >"$LAB/z-random/ticket" ;;
    blob) head -c 32 "$LAB/z/credential_blob" >"$LAB/z-blob/ticket" ;;
    esac
    lab_refused ticket-invalid certificate "z-$ticket" one
done
lab_tpm_clean one
