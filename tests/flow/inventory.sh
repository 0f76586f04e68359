#!/bin/bash
# Who is genuine and whose name it is, as the profiles have it: the inventory by certificate, public area and hash; a chip
# without a certificate; identities from the inventory and from the EK; classes of anchors; a CA that was brought in.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_tpm two --ek L-1
lab_tpm bare --ek L-1 --no-cert
lab_tpm stranger --ek L-2
lab_ca one
lab_profile one listed 'trust = inventory' 'identity = inventory'
lab_profile one both 'trust = both' 'identity = inventory'
lab_profile one derived 'identity = ek'
lab_profile one virtual 'classes = virtual'
lab_server one

# spki TPM EK: SHA-256 of the EK's SubjectPublicKeyInfo, in hex.
spki() {
    openssl pkey -pubin -in "$LAB/tpm-$1/ek-$2.pem" -outform DER -out "$LAB/spki"
    sha256sum "$LAB/spki" | cut -d' ' -f1
}
hash_of_bare=$(spki bare L-1)

lab_say "nobody is in the inventory yet"
lab_fails lab_enroll one one INV-1 --profile listed --key ecc256
lab_said 'inventory'

lab_say "a file of the inventory: by certificate, by public area, by hash"
{
    echo 'serial,ek_certificate,ek_public,ek_sha256'
    printf 'INV-1,%s,,\n' "$(base64 -w0 "$LAB/tpm-one/ek-L-2.der")"
    printf 'INV-2,,%s,\n' "$(base64 -w0 "$LAB/tpm-two/ek-L-1.pub")"
    printf 'INV-3,,,%s\n' "$hash_of_bare"
} >"$LAB/fleet.csv"
lab_ctl one device import "$LAB/fleet.csv" | grep -q '3 added'
lab_ctl one device import "$LAB/fleet.csv" | grep -q '3 unchanged'
lab_enroll one one INV-1 --profile listed --key ecc256
lab_identity_good "$LAB/id-INV-1" one one
lab_enroll two one INV-2 --profile both --key rsa2048
lab_identity_good "$LAB/id-INV-2" one two

lab_say "a chip without a certificate is known by its hash"
lab_enroll bare one INV-3 --profile listed
lab_identity_good "$LAB/id-INV-3" one bare
grep -q "$hash_of_bare" "$LAB/enroll.out" || lab_die "the agent does not say the EK's hash"
lab_fails lab_enroll bare one INV-3 --profile both --renew
lab_said 'certificate'
lab_fails lab_enroll bare one INV-3 --renew
lab_said 'certificate'

lab_say "another serial than the row's is refused, and a stranger whatever he says"
lab_fails lab_enroll one one INV-2 --profile listed --key ecc256 --renew --state "$LAB/id-INV-1"
lab_said 'identity-mismatch|another identity'
lab_fails lab_enroll stranger one INV-1 --profile listed --state "$LAB/id-INV-1c"
lab_said 'inventory'
lab_fails lab_enroll stranger one INV-1 --state "$LAB/id-INV-1b" --handle 0x81020005
lab_said 'identity-taken|Another TPM'

lab_say "a name that derives from the EK, whatever serial is asked for"
lab_enroll stranger one WISH --profile derived --state "$LAB/id-derived" --handle 0x81020006
name="ek-$(spki stranger L-2 | cut -c1-40)"
openssl x509 -in "$LAB/id-derived/device.crt" -noout -subject -nameopt multiline >"$LAB/subject"
grep -q "commonName *= $name\$" "$LAB/subject" || lab_die "the certificate is not for $name"

lab_say "an anchor of class discrete does not vouch where the profile wants virtual"
lab_fails lab_enroll one one INV-1 --profile virtual --renew
lab_said 'class'

lab_say "a CA that was brought in as a sub-CA: what it issues verifies up to the root"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$LAB/root.key" -out "$LAB/root.crt" -days 30 \
    -subj '/CN=Maker Root' -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout "$LAB/sub.key" -out "$LAB/sub.csr" -subj '/CN=Maker Devices' 2>/dev/null
printf 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' >"$LAB/sub.ext"
openssl x509 -req -in "$LAB/sub.csr" -CA "$LAB/root.crt" -CAkey "$LAB/root.key" -CAcreateserial -days 20 -extfile "$LAB/sub.ext" \
    -out "$LAB/sub.crt" 2>/dev/null
cat "$LAB/sub.crt" "$LAB/root.crt" >"$LAB/sub-chain.crt"
lab_ca sub --ca-cert "$LAB/sub-chain.crt" --ca-key-file "$LAB/sub.key"
lab_server sub
lab_tpm three --ek H-3
lab_enroll three sub SUB-1 --key ecc384
openssl verify -CAfile "$LAB/root.crt" -untrusted "$LAB/sub.crt" -purpose sslclient "$LAB/id-SUB-1/device.crt" >/dev/null

lab_say "all of it is in the log, whose chain is whole"
lab_ctl one log verify >/dev/null
lab_ctl one log list >"$LAB/said"
grep -q 'ek-not-in-inventory' "$LAB/said"
