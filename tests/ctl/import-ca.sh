#!/bin/bash
# An existing CA is brought in as a sub-CA, if it is one.
. "$(dirname "$0")/common.sh"

# certify NAME ISSUER EXTENSIONS [x509 options]: a certificate for NAME.key; ISSUER may be NAME itself.
certify() {
    local name=$1 issuer=$2 extensions=$3
    shift 3
    printf '%b' "$extensions" >"$name.ext"
    openssl req -new -key "$name.key" -subj "/CN=$name" -out "$name.csr"
    if [[ $name == "$issuer" ]]; then
        openssl x509 -req -in "$name.csr" -signkey "$name.key" -extfile "$name.ext" -days 30 -out "$name.crt" "$@" 2>/dev/null
    else
        openssl x509 -req -in "$name.csr" -CA "$issuer.crt" -CAkey "$issuer.key" -CAcreateserial -extfile "$name.ext" -days 30 \
            -out "$name.crt" "$@" 2>/dev/null
    fi
}

ca='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n'
leaf='basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\n'
for name in root sub other; do
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$name.key" 2>/dev/null
done
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out rsa.key 2>/dev/null
certify root root "$ca"
certify sub root "$ca"
certify rsa root "$ca"
certify other other "$ca"
cp sub.key server.key
certify server root "$leaf"
cat sub.crt root.crt >chain.pem

say "a sub-CA with its chain signs the TLS certificate; its key is encrypted in the state directory"
out=$(ctl init --state ca --ca-cert chain.pem --ca-key-file sub.key)
has "$out" "ecc256 key"
cmp ca/ca.crt chain.pem
openssl verify -x509_strict -purpose sslserver -CAfile root.crt -untrusted sub.crt ca/tls.crt >/dev/null
openssl verify -x509_strict -purpose sslserver -CAfile ca/ca.crt ca/tls.crt >/dev/null
same "$(grep -c BEGIN ca/tls.crt)" 3
! grep -q 'PRIVATE KEY' ca/keys/* || die "a key lies open"
ctl tls renew --state ca >/dev/null
openssl verify -x509_strict -purpose sslserver -CAfile root.crt -untrusted sub.crt ca/tls.crt >/dev/null
has "$(ctl log list --state ca)" "bring in CA"

say "the TLS certificate ends when the CA's does, if that is sooner"
same "$(openssl x509 -in ca/tls.crt -noout -enddate)" "$(openssl x509 -in sub.crt -noout -enddate)"

say "DER, and other key types and formats, are taken"
openssl x509 -in rsa.crt -outform DER -out rsa.der
openssl pkey -in rsa.key -outform DER -out rsa.key.der
ctl init --state ca-der --ca-cert rsa.der --ca-key-file rsa.key.der >/dev/null
openssl verify -x509_strict -CAfile root.crt -untrusted rsa.crt ca-der/tls.crt >/dev/null
openssl ec -in sub.key -out traditional.key 2>/dev/null
ctl init --state ca-traditional --ca-cert sub.crt --ca-key-file traditional.key >/dev/null
openssl verify -CAfile root.crt -untrusted sub.crt ca-traditional/tls.crt >/dev/null

say "what does not belong together is refused, with nothing left behind"
init=(init --state not-made)
refused 2 "is not that of the first certificate" "${init[@]}" --ca-cert chain.pem --ca-key-file other.key
refused 2 "is not that of the first certificate" "${init[@]}" --ca-cert chain.pem --ca-key-file root.key
cat root.crt sub.crt >wrong-order.pem
refused 2 "certificate 2 is not the CA that signed" "${init[@]}" --ca-cert wrong-order.pem --ca-key-file root.key
cat sub.crt other.crt >wrong-chain.pem
refused 2 "certificate 2 is not the CA that signed" "${init[@]}" --ca-cert wrong-chain.pem --ca-key-file sub.key
cp other.key forged.key
openssl req -new -x509 -key forged.key -subj /CN=root -days 30 -addext keyUsage=critical,keyCertSign -out forged.crt
cat sub.crt forged.crt >forged-chain.pem
refused 2 "certificate 2 is not the CA that signed" "${init[@]}" --ca-cert forged-chain.pem --ca-key-file sub.key
cat sub.crt root.crt root.crt root.crt root.crt >long.pem
refused 2 "more than 4" "${init[@]}" --ca-cert long.pem --ca-key-file sub.key
refused 2 "not the certificate of a CA" "${init[@]}" --ca-cert server.crt --ca-key-file sub.key
refused 2 "no certificate in it" "${init[@]}" --ca-cert sub.key --ca-key-file sub.key
head -c 300 sub.crt >torn.crt
refused 2 "not PEM" "${init[@]}" --ca-cert torn.crt --ca-key-file sub.key
head -c 200 rsa.der >torn.der
refused 2 "not the certificate of a CA" "${init[@]}" --ca-cert torn.der --ca-key-file rsa.key
refused 2 "not a private key" "${init[@]}" --ca-cert sub.crt --ca-key-file sub.crt
refused 2 "No such file" "${init[@]}" --ca-cert sub.crt --ca-key-file not-there.key
refused 2 "No such file" "${init[@]}" --ca-cert not-there.crt --ca-key-file sub.key
refused 1 "go together" "${init[@]}" --ca-cert sub.crt
refused 1 "go together" "${init[@]}" --ca-key-file sub.key
refused 1 "for a new CA" "${init[@]}" --ca-cert sub.crt --ca-key-file sub.key --name mine
refused 1 "for a new CA" "${init[@]}" --ca-cert sub.crt --ca-key-file sub.key --ca-key ecc256

say "an encrypted key is refused, and it says what to do"
openssl pkey -in sub.key -aes256 -passout pass:x -out encrypted.pem
openssl pkcs8 -topk8 -in sub.key -v2 aes256 -passout pass:x -outform DER -out encrypted.der
openssl ec -in sub.key -aes256 -passout pass:x -out encrypted-traditional.pem 2>/dev/null
for file in encrypted.pem encrypted.der encrypted-traditional.pem; do
    refused 2 "is encrypted: decrypt it first" "${init[@]}" --ca-cert sub.crt --ca-key-file "$file"
done

say "an expired CA is refused"
openssl req -new -key other.key -subj /CN=old -out old.csr
printf '%b' "$ca" >old.ext
mkdir -p old-ca && : >old-ca/index && echo 01 >old-ca/serial
cat >old.cnf <<'CNF'
[ca]
default_ca = d
[d]
dir = old-ca
new_certs_dir = old-ca
database = old-ca/index
serial = old-ca/serial
default_md = sha256
policy = p
[p]
commonName = supplied
CNF
openssl ca -batch -config old.cnf -selfsign -keyfile other.key -in old.csr -extfile old.ext -notext \
    -startdate 20200101000000Z -enddate 20210101000000Z -out old.crt 2>/dev/null
refused 2 "is not valid now (until 2021-01-01T00:00:00Z)" "${init[@]}" --ca-cert old.crt --ca-key-file other.key

same "$(find . -maxdepth 1 -name 'not-made*')" ""
