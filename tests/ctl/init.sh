#!/bin/bash
# birthmarkctl init makes a whole CA or none.
. "$(dirname "$0")/common.sh"

# whole DIR: everything is there, private, and verifies.
whole() {
    local dir=$1 file
    same "$(stat -c %a "$dir")" 700
    same "$(stat -c %a "$dir/keys")" 700
    for file in keys/ca.key keys/ticket.key keys/tls.key database/birthmark.db; do
        same "$file $(stat -c %a "$dir/$file")" "$file 600"
    done
    for file in ca.crt tls.crt birthmark.conf; do
        same "$file $(stat -c %a "$dir/$file")" "$file 644"
    done
    openssl verify -x509_strict -CAfile "$dir/ca.crt" "$dir/ca.crt" >/dev/null
    openssl verify -x509_strict -purpose sslserver -CAfile "$dir/ca.crt" "$dir/tls.crt" >/dev/null
    same "$(grep -c BEGIN "$dir/tls.crt")" $(($(grep -c BEGIN "$dir/ca.crt") + 1))
    ! grep -q 'PRIVATE KEY' "$dir"/keys/* || die "a key lies open"
    has "$(ctl log verify --state "$dir")" "1 entries, all of them good"
}

# opens DIR [OPTIONS]: the keys open, and they are those of the certificates: the CA's signs a certificate for the TLS key.
opens() {
    local dir=$1 key
    shift
    key=$(openssl x509 -in "$dir/tls.crt" -noout -pubkey)
    ctl tls renew --state "$dir" "$@" >/dev/null
    same "$key" "$(openssl x509 -in "$dir/tls.crt" -noout -pubkey)"
    openssl verify -x509_strict -purpose sslserver -CAfile "$dir/ca.crt" "$dir/tls.crt" >/dev/null
}

say "init makes everything at once, and says what a generated passphrase means"
out=$(ctl init --state "$T/ca")
has "$out" "$T/ca/keys/passphrase (mode 0600)"
same "$(stat -c %a ca/keys/passphrase)" 600
cp ca/tls.crt before.crt
whole ca
opens ca
same "$(ls)" "$(printf 'before.crt\nca')"
text=$(openssl x509 -in ca/ca.crt -noout -text)
has "$text" "CA:TRUE, pathlen:0"
has "$text" "Certificate Sign, CRL Sign"
has "$text" "NIST CURVE: P-256"
openssl x509 -in ca/ca.crt -noout -checkend $((3650 * 86400)) >/dev/null
! openssl x509 -in ca/ca.crt -noout -checkend $((3660 * 86400)) >/dev/null || die "valid for more than ten years"
text=$(openssl x509 -in before.crt -noout -text)
for word in DNS:localhost "IP Address:127.0.0.1" "IP Address:0:0:0:0:0:0:0:1" "TLS Web Server Authentication" CA:FALSE; do
    has "$text" "$word"
done

say "renewing keeps the TLS key and changes the certificate"
openssl verify -x509_strict -purpose sslserver -CAfile ca/ca.crt before.crt >/dev/null
same "$(openssl x509 -in before.crt -noout -pubkey)" "$(openssl x509 -in ca/tls.crt -noout -pubkey)"
[[ $(openssl x509 -in before.crt -noout -serial) != $(openssl x509 -in ca/tls.crt -noout -serial) ]]
has "$(ctl log list --state ca)" "renew TLS certificate"

# names DIR: those of the server's certificate, in their order.
names() {
    openssl x509 -in "$1/tls.crt" -noout -ext subjectAltName | tail -n +2 | tr -d ' '
}

say "and all names of it, unless others are given; it says which the new one has"
before=$(names ca)
has "$before" "DNS:localhost,IPAddress:127.0.0.1,IPAddress:0:0:0:0:0:0:0:1"
has "$(ctl tls renew --state ca)" "renewed ca/tls.crt for localhost, 127.0.0.1, ::1"
same "$before" "$(names ca)"
given=(--tls-name ca.example.com --tls-name '*.fleet.example.com' --tls-name 192.0.2.7 --tls-name 2001:db8::7 --tls-name ::ffff:192.0.2.8)
has "$(ctl tls renew --state ca "${given[@]}")" "for ca.example.com, *.fleet.example.com, 192.0.2.7, 2001:db8::7, ::ffff:192.0.2.8; restart"
before=$(names ca)
same "$before" "DNS:ca.example.com,DNS:*.fleet.example.com,IPAddress:192.0.2.7,IPAddress:2001:DB8:0:0:0:0:0:7,IPAddress:0:0:0:0:0:FFFF:C000:208"
for turn in 1 2; do
    has "$(ctl tls renew --state ca)" "for ca.example.com, *.fleet.example.com, 192.0.2.7, 2001:db8::7, ::ffff:192.0.2.8; restart"
    same "$turn $before" "$turn $(names ca)"
done
same "$(openssl x509 -in ca/tls.crt -noout -subject -nameopt multiline | awk '/commonName/ { print $3 }')" ca.example.com
has "$(ctl tls renew --state ca --tls-name other.example.com)" "for other.example.com; restart"
same "$(names ca)" DNS:other.example.com

say "names that cannot be taken over are asked for, and nothing is changed"
refuse_names() {
    before=$(state_of ca)
    refused 2 "the names of ca/tls.crt cannot be taken over ($1" tls renew --state ca
    refused 2 "give all that the new certificate is to have, each with --tls-name" tls renew --state ca
    same "$before" "$(state_of ca)"
}
cp ca/tls.crt kept.crt
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out foreign.key 2>/dev/null
for extension in "" "subjectAltName=DNS:a.example.com,email:a@example.com" "subjectAltName=DNS:a_b.example.com"; do
    openssl req -new -x509 -key foreign.key -subj /CN=foreign ${extension:+-addext "$extension"} -out ca/tls.crt
    refuse_names "it has"
done
openssl req -new -x509 -key foreign.key -subj /CN=foreign -out ca/tls.crt \
    -addext "subjectAltName=$(printf 'DNS:n%d.example.com,' {1..32})DNS:last.example.com"
refuse_names "it has more than 32 names"
: >ca/tls.crt
refuse_names "there is no certificate in it"
has "$(ctl tls renew --state ca --tls-name back.example.com)" "for back.example.com; restart"
rm ca/tls.crt
refuse_names "ca/tls.crt: No such file"
mv kept.crt ca/tls.crt

say "where there is no CA, tls renew says so"
refused 3 "there is no CA in $T/none: name its directory with --state" tls renew --state "$T/none"

say "a second init is refused and changes nothing"
before=$(state_of ca)
refused 2 "holds a CA already: nothing was changed" init --state ca
refused 2 "holds a CA already: nothing was changed" init --state "$T/ca/" --name other
same "$before" "$(state_of ca)"

say "a directory that is not empty, and a file, are refused and left alone"
mkdir full && echo mine >full/letter
refused 2 "full is not empty" init --state full
same "$(ls full)" letter
refused 2 "full/letter" init --state full/letter
same "$(cat full/letter)" mine
refused 2 "No such file or directory" init --state nowhere/ca

say "an empty directory is taken, also behind a symbolic link"
mkdir -m 755 empty elsewhere && ln -s elsewhere link
ctl init --state empty >/dev/null
whole empty
ctl init --state link >/dev/null
[[ -L link ]]
whole elsewhere

say "the key types are the ones named"
for row in "ecc384 P-384" "rsa3072 3072 bit"; do
    type=${row%% *}
    ctl init --state "ca-$type" --ca-key "$type" --name "Example $type" --tls-name ca.example.com --tls-name 192.0.2.7 >/dev/null
    whole "ca-$type"
    opens "ca-$type"
    text=$(openssl x509 -in "ca-$type/ca.crt" -noout -text -nameopt RFC2253)
    has "$text" "${row#* }"
    has "$text" "Subject: CN=Example $type"
done
[[ $(openssl x509 -in empty/ca.crt -noout -pubkey) != $(openssl x509 -in elsewhere/ca.crt -noout -pubkey) ]]

say "a given passphrase is nowhere in the directory, and only it opens the keys"
printf 'from a file\n' >word
refused 2 "word can be read by others; chmod 600" init --state not-made --passphrase-file word
chmod 600 word
ctl init --state by-file --passphrase-file word --tls-name ca.example.com >file.out
has "$(openssl x509 -in by-file/tls.crt -noout -ext subjectAltName)" DNS:ca.example.com
! grep -q passphrase file.out || die "init speaks of a passphrase that it did not make"
BIRTHMARK_PASSPHRASE='from the environment' ctl init --state by-environment >/dev/null
mkdir credentials && printf 'from systemd' >credentials/birthmark-passphrase
CREDENTIALS_DIRECTORY=$T/credentials ctl init --state by-credential >/dev/null
for dir in by-file by-environment by-credential; do
    [[ ! -e $dir/keys/passphrase ]] || die "$dir has a passphrase"
    ! grep -rqa 'from a file\|from the environment\|from systemd' "$dir" || die "the passphrase is in $dir"
    cp "$dir/tls.crt" before.crt
    refused 2 "no passphrase" tls renew --state "$dir"
    (umask 077 && echo wrong >wrong)
    refused 2 "does not open the key" tls renew --state "$dir" --passphrase-file wrong
    cmp "$dir/tls.crt" before.crt
done
opens by-file --passphrase-file word
BIRTHMARK_PASSPHRASE='from the environment' opens by-environment
CREDENTIALS_DIRECTORY=$T/credentials opens by-credential
(umask 077 && : >nothing)
refused 2 "is empty" init --state not-made --passphrase-file nothing
refused 2 "No such file" init --state not-made --passphrase-file not-there

say "what is refused leaves nothing behind"
refused 1 "no type of a CA key" init --state not-made --ca-key rsa1024
refused 1 "" init --state not-made --tls-name 'no name'
refused 1 "common name" init --state not-made --name "$(printf 'x%.0s' {1..65})"
refused 1 "common name" init --state not-made --name ''
refused 1 "no --class" init --state not-made --class discrete
refused 1 "one argument too many" init not-made
refused 1 "needs a value" init --state
refused 1 "no option --color" init --color
refused 1 "no command 'initialise'" initialise
refused 1 "needs a second word" trust
refused 1 "no command 'trust all'" trust all
same "$(find . -maxdepth 1 -name 'not-made*')" ""

say "of two at once, one makes the CA"
for i in 1 2; do
    ctl init --state "race-$i" >a.out 2>a.err &
    first=$!
    rc=0
    ctl init --state "race-$i" >b.out 2>b.err || rc=$?
    rcs=0
    wait "$first" || rcs=$?
    same "$((rc + rcs))" 2
    whole "race-$i"
done
same "$(find . -maxdepth 1 -name 'race-*.init-*')" ""

say "after kill -9 there is a whole CA or none"
for i in {1..5}; do
    # The shell tells of the kill: that is not this test's output.
    { timeout -s KILL "0.$(printf %02d $((i * 8)))" "$BIRTHMARKCTL" init --state "killed-$i" >/dev/null 2>&1 || true; } 2>/dev/null
    if [[ -e killed-$i ]]; then
        whole "killed-$i"
    fi
done
ctl init --state killed-1 >/dev/null || [[ -e killed-1 ]]
opens killed-1

say "the command line explains itself"
has "$(ctl --help)" "trust add"
has "$(ctl --version)" "birthmarkctl 0."
for words in init "trust add" "trust list" "trust remove" "device import" "device add" "device list" "device show" \
    "device retire" "device admit" "cert list" "cert show" "log list" "log verify" "tls renew"; do
    # shellcheck disable=SC2086
    has "$(ctl $words --help)" "usage: birthmarkctl $words"
done
rc=0
ctl >out 2>err || rc=$?
same "$rc" 1
has "$(cat err)" "usage: birthmarkctl COMMAND"
