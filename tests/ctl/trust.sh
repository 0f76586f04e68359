#!/bin/bash
# Trust anchors: all files of a command or none, each with a class.
. "$(dirname "$0")/common.sh"

# vendor NAME: a self-signed CA certificate.
vendor() {
    openssl req -new -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj "/O=Vendor/CN=$1" -days 30 \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign -out "$1.crt" 2>/dev/null
}
hash_of() {
    openssl x509 -in "$1" -outform DER | sha256sum | cut -d' ' -f1
}

for name in one two three; do vendor "$name"; done
openssl req -new -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -subj /CN=leaf -days 30 \
    -addext basicConstraints=critical,CA:FALSE -out leaf.crt 2>/dev/null
ctl init --state ca >/dev/null
export BIRTHMARK_STATE=$T/ca

say "PEM with several certificates, and DER, are added with their class"
{ echo "TPM vendor CAs"; cat one.crt; echo; cat two.crt; } >bundle.pem
openssl x509 -in three.crt -outform DER -out three.der
out=$(ctl trust add --class discrete bundle.pem three.der)
same "$(grep -c '^added     discrete' <<<"$out")" 3
has "$out" "CN=one"
list=$(ctl trust list)
same "$(wc -l <<<"$list")" 4
for name in one two three; do
    hash=$(hash_of $name.crt)
    has "$list" "${hash:0:16}  discrete"
    has "$(ctl trust list --json)" "\"sha256\": \"$hash\", \"class\": \"discrete\""
done

say "adding again says so; another class replaces the first"
has "$(ctl trust add --class discrete one.crt)" "unchanged discrete"
has "$(ctl trust add --class firmware one.crt)" "changed   firmware"
has "$(ctl trust list | grep CN=one)" firmware
same "$(ctl trust list | wc -l)" 4

say "when one file is wrong, none is added"
vendor four
before=$(ctl trust list)
openssl req -new -x509 -newkey ec -pkeyopt ec_paramgen_curve:secp256k1 -nodes -keyout odd.key -subj /CN=odd -days 30 \
    -addext basicConstraints=critical,CA:TRUE -out odd.crt 2>/dev/null
refused 2 "odd.crt: certificate 1: the key of the CA is not RSA of 2048 to 4096 bits, P-256, P-384 or P-521" trust add --class discrete four.crt odd.crt
cat four.crt odd.crt >both.pem
refused 2 "both.pem: certificate 2: the key of the CA is not" trust add --class discrete both.pem
refused 2 "leaf.crt: not the certificate of a CA" trust add --class discrete four.crt leaf.crt
refused 2 "leaf.key: there is no certificate" trust add --class discrete four.crt leaf.key
refused 2 "No such file" trust add --class discrete four.crt not-there.crt
head -c 300 four.crt >torn.crt
refused 2 "torn.crt: not PEM" trust add --class discrete four.crt torn.crt
head -c 200 three.der >torn.der
refused 2 "torn.der: not a certificate" trust add --class discrete four.crt torn.der
{ cat three.der; echo; } >long.der
refused 2 "long.der: not a certificate" trust add --class discrete four.crt long.der
: >empty
refused 2 "empty: there is no certificate" trust add --class discrete four.crt empty
refused 1 "no class" trust add --class soft four.crt
refused 1 "needs --class" trust add four.crt
refused 1 "needs FILE" trust add --class discrete
same "$before" "$(ctl trust list)"

say "an anchor is removed by 8 digits or more of its hash"
hash=$(hash_of two.crt)
refused 1 "8 digits or more" trust remove "${hash:0:7}"
refused 3 "no trust anchor" trust remove 00000000000000000000000000000000
refused 3 "no trust anchor" trust remove "xyzxyzxyz"
has "$(ctl trust remove "$(tr a-f A-F <<<"${hash:0:9}")")" "CN=two"
refused 3 "no trust anchor" trust remove "$hash"
same "$(ctl trust list | grep -c CN=two || true)" 0

say "every change is in the log"
log=$(ctl log list)
same "$(grep -c 'add anchor: discrete' <<<"$log")" 3
same "$(grep -c 'add anchor: firmware' <<<"$log")" 1
same "$(grep -c 'remove anchor' <<<"$log")" 1
has "$(ctl log verify)" "6 entries, all of them good"

say "a subject cannot write to the terminal"
openssl req -new -x509 -key one.key -subj "/CN=$(printf 'bad\033[31m')" -days 30 -addext basicConstraints=critical,CA:TRUE \
    -addext keyUsage=critical,keyCertSign -out escape.crt
ctl trust add --class virtual escape.crt >out
ctl trust list >>out
! grep -q $'\033' out || die "an escape sequence came through"
