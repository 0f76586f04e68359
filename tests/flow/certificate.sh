#!/bin/bash
# The certificate says what the protocol promises, and nothing that only the CSR said.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server one
lab_enroll one one SN-1.a-b
crt=$LAB/id-SN-1.a-b/device.crt
openssl x509 -in "$crt" -noout -text >"$LAB/text"

lab_say "the subject is the identity"
subject=$(openssl x509 -in "$crt" -noout -subject -nameopt RFC2253)
[[ $subject == *CN=SN-1.a-b* && $subject == *serialNumber=SN-1.a-b* ]] || lab_die "$subject"

lab_say "it is a certificate for a TLS client whose key is in a TPM"
for want in 'TLS Web Client Authentication' 'Digital Signature' 'CA:FALSE' 'X509v3 Subject Key Identifier' \
    'X509v3 Authority Key Identifier' 'Policy: 2.23.133.11.1.1'; do
    grep -q "$want" "$LAB/text" || lab_die "the certificate has no $want"
done
! grep -q 'Server Authentication' "$LAB/text"

lab_say "its serial number is random: 159 bits, and another each time"
serial=$(openssl x509 -in "$crt" -noout -serial)
((${#serial} > 7 + 30)) || lab_die "$serial is short"
lab_enroll one one SN-1.a-b --renew
[[ $(openssl x509 -in "$crt" -noout -serial) != "$serial" ]] || lab_die "the serial number came twice"

lab_say "nothing of the CSR but its key is in the certificate: not its subject's other attributes, not its extensions"
lab_device x one L-2 ecc256 SN-1.a-b
openssl req -new -provider default -provider tpm2 -propquery "$LAB_PROPQ" -key "handle:$(cat "$LAB/x/ik.handle")" \
    -subj '/CN=SN-1.a-b/serialNumber=SN-1.a-b/O=Evil Corp/OU=root' -addext basicConstraints=critical,CA:TRUE \
    -addext extendedKeyUsage=serverAuth -addext subjectAltName=DNS:bank.example -outform DER -out "$LAB/x/csr"
lab_exchange x one
openssl x509 -in "$LAB/x/device.crt" -noout -text >"$LAB/text"
grep -q 'CA:FALSE' "$LAB/text"
! grep -Eq 'Evil|OU *=|Server Authentication|bank.example|CA:TRUE' "$LAB/text"

lab_say "the operator sees it"
lab_ctl one cert list >"$LAB/list"
grep -q SN-1.a-b "$LAB/list"
