#!/bin/bash
# CRLs of TPM vendors: signed by a CA that is trusted, complete, not older than the one that is there; all files of a command or none.
. "$(dirname "$0")/common.sh"

# authority NAME [ISSUER]: a CA certificate, self-signed or by another.
authority() {
    printf '[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,%s\nsubjectKeyIdentifier=hash\n' "${USAGE:-keyCertSign,cRLSign}" >"$1.ext"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
    openssl pkey -in "$1.key" -pubout -out "$1.pub"
    if [[ -n ${2:-} ]]; then
        openssl x509 -new -force_pubkey "$1.pub" -CA "$2.crt" -CAkey "$2.key" -subj "/O=Vendor/CN=$1" -days 30 -extfile "$1.ext" \
            -extensions ca -out "$1.crt"
    else
        openssl x509 -new -key "$1.key" -subj "/O=Vendor/CN=$1" -days 30 -extfile "$1.ext" -extensions ca -out "$1.crt"
    fi
}

# list CA NUMBER OUT [SERIAL...]: a CRL. FROM and UNTIL are its dates, MD its hash, EXT further lines for its extensions.
list() {
    local ca=$1 number=$2 out=$3 serial
    local -a dates=(-crldays 30)
    shift 3
    if [[ -n ${FROM:-} ]]; then
        dates=(-crl_lastupdate "$FROM" -crl_nextupdate "$UNTIL")
    fi
    : >index
    for serial in "$@"; do
        printf 'R\t491231235959Z\t260101000000Z\t%s\tunknown\t/CN=x\n' "$serial" >>index
    done
    printf '%s\n' "$number" >crlnumber
    printf '[ca]\ndefault_ca=c\n[c]\ndatabase=index\ncrlnumber=crlnumber\ndefault_md=%s\ncrl_extensions=e\n[e]\n%s\n' \
        "${MD:-sha256}" "${EXT:-authorityKeyIdentifier=keyid}" >crl.cnf
    openssl ca -gencrl -config crl.cnf -keyfile "$ca.key" -cert "$ca.crt" "${dates[@]}" -out "$out" 2>openssl.err
}
hash_of() {
    openssl crl -in "$1" -outform DER | sha256sum | cut -d' ' -f1
}

for name in one two; do authority "$name"; done
authority below one
authority lowest below
USAGE=keyCertSign authority mute
ctl init --state ca >/dev/null
export BIRTHMARK_STATE=$T/ca
ctl trust add --class discrete one.crt mute.crt >/dev/null

say "a CRL is added, as PEM and as DER, and listed with its dates"
list one 05 5.pem 1234 AB
openssl crl -in 5.pem -outform DER -out 5.der
has "$(ctl trust crl add 5.pem)" "added     $(hash_of 5.pem | cut -c1-16)  revokes 2  O=Vendor, CN=one"
has "$(ctl trust crl add 5.der)" "unchanged"
table=$(ctl trust crl list 2>warnings)
same "$(wc -l <<<"$table")" 2
has "$table" "CN=one"
[[ ! -s warnings ]] || die "a warning about a CRL that is current"
json=$(ctl trust crl list --json)
has "$json" "\"sha256\": \"$(hash_of 5.pem)\", \"revokes\": 2, \"number\": \"05\""
has "$json" "\"age_days\": 0, \"overdue\": false"

say "a newer one takes its place; an older or equally old one is refused"
list one 06 6.pem 1234 AB CD
has "$(ctl trust crl add 6.pem)" "replaced"
same "$(ctl trust crl list | wc -l)" 2
refused 2 "5.pem: it is not newer" trust crl add 5.pem
FROM=20260101000000Z UNTIL=20360101000000Z list one 07 7.pem
refused 2 "7.pem: it is not newer" trust crl add 7.pem
has "$(ctl trust crl list)" "$(hash_of 6.pem | cut -c1-16)"

say "one that is overdue is taken, and named in a warning"
FROM=20260101000000Z UNTIL=20260201000000Z list below 01 late.pem 77
has "$(ctl trust crl add late.pem --issuer below.crt 2>warnings)" "added"
grep -q "^birthmarkctl: late.pem: the next CRL was due on 2026-02-01T00:00:00Z" warnings || die "no warning"
has "$(ctl trust crl list 2>warnings)" "yes"
grep -q "^birthmarkctl: .*CN=below: the next CRL was due on" warnings || die "no warning in the list"
has "$(ctl trust crl list --json 2>/dev/null)" "\"overdue\": true"

say "the CA that signed must be an anchor, or chain to one"
list two 01 two.pem 01
refused 2 "two.pem: no trust anchor has the name of its issuer (O=Vendor, CN=two)" trust crl add two.pem
refused 2 "two.pem: the chain" trust crl add two.pem --issuer two.crt
list lowest 01 lowest.pem 01
refused 2 "no trust anchor has the name" trust crl add lowest.pem
refused 2 "lowest.pem: the chain" trust crl add lowest.pem --issuer lowest.crt
cat lowest.crt below.crt >both.pem
has "$(ctl trust crl add lowest.pem --issuer both.pem)" "added"
list mute 01 mute.pem 01
refused 2 "may not sign CRLs" trust crl add mute.pem
openssl x509 -new -key two.key -subj "/O=Vendor/CN=one" -days 30 -extfile two.ext -extensions ca -out false.crt
cp two.key false.key
list false 99 false.pem 01
refused 2 "its signature is not that of the CA" trust crl add false.pem

say "what must not be used is refused, with a sentence that says why"
EXT=$'deltaCRL=critical,DER:020101\nauthorityKeyIdentifier=keyid' list one 08 delta.pem 01
refused 2 "delta.pem: it is a delta CRL" trust crl add delta.pem
EXT=$'issuingDistributionPoint=critical,@idp\n[idp]\nfullname=URI:http://x/\nindirectCRL=TRUE' list one 08 indirect.pem 01
refused 2 "indirect.pem: it is an indirect CRL" trust crl add indirect.pem
EXT='1.2.3.4=critical,DER:0500' list one 08 critical.pem 01
refused 2 "critical.pem: it has a critical extension that is not known" trust crl add critical.pem
MD=sha1 list one 08 sha1.pem 01
refused 2 "sha1.pem: it is not signed with SHA-256" trust crl add sha1.pem
FROM=20990101000000Z UNTIL=20990201000000Z list one 08 future.pem 01
refused 2 "future.pem: it is from the future" trust crl add future.pem

say "when one file is wrong, none is added"
before=$(ctl trust crl list 2>/dev/null)
list one 09 9.pem 01
refused 2 "one.crt: there is no X509 CRL" trust crl add 9.pem one.crt
refused 2 "No such file" trust crl add 9.pem not-there
head -c 200 9.pem >torn.pem
refused 2 "torn.pem: not PEM" trust crl add 9.pem torn.pem
head -c 100 5.der >torn.der
refused 2 "torn.der: " trust crl add 9.pem torn.der
{ cat 5.der; echo; } >long.der
refused 2 "long.der: " trust crl add 9.pem long.der
openssl x509 -in one.crt -outform DER -out one.der
refused 2 "one.der: " trust crl add 9.pem one.der
refused 2 "5.der: " trust crl add 9.pem --issuer 5.der
refused 2 "5.pem: there is no CERTIFICATE" trust crl add 9.pem --issuer 5.pem
cat one.crt one.crt two.crt two.crt below.crt >five.pem
refused 2 "five.pem: more than 4 certificates" trust crl add 9.pem --issuer five.pem
refused 2 "5.pem: it is not newer" trust crl add 9.pem 5.pem
refused 1 "needs FILE" trust crl add
refused 1 "no command 'trust crl'" trust crl
refused 1 "no command 'trust crl'" trust crl forget 12345678
refused 1 "no --issuer" trust crl list --issuer one.crt
same "$before" "$(ctl trust crl list 2>/dev/null)"

say "the list of parts of a CA's certificates stands beside the others"
EXT=$'issuingDistributionPoint=critical,@idp\n[idp]\nfullname=URI:http://x/\nonlyuser=TRUE' list one 02 users.pem 01
has "$(ctl trust crl add users.pem)" "added"
has "$(ctl trust crl list 2>/dev/null)" "$(hash_of 6.pem | cut -c1-16)"

say "a CRL is removed by 8 digits or more of its hash"
hash=$(hash_of 6.pem)
refused 1 "8 digits or more" trust crl remove "${hash:0:7}"
refused 3 "no CRL" trust crl remove 00000000000000000000
has "$(ctl trust crl remove "$(tr a-f A-F <<<"${hash:0:9}")")" "removed   ${hash:0:16}  revokes 3"
refused 3 "no CRL" trust crl remove "$hash"
has "$(ctl trust crl add 5.pem)" "added"

say "a list of 100,000 certificates is taken"
mapfile -t serials < <(seq -f '7E%012.0f' 1 100000)
list one 0A many.pem "${serials[@]}"
has "$(ctl trust crl add many.pem)" "revokes 100000"

say "every change is in the log"
log=$(ctl log list)
same "$(grep -c 'add crl' <<<"$log")" 5
same "$(grep -c 'replace crl' <<<"$log")" 2
same "$(grep -c 'remove crl' <<<"$log")" 1
has "$(ctl log verify)" "11 entries, all of them good"
