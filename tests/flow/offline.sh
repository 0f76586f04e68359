#!/bin/bash
# offline.sh: devices without a network get their certificates by files, in two trips; nobody else's answer, no changed and no foreign one is
# taken; an operator's word between the trips counts; what is half done goes on; no file has a secret.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-1,L-2
lab_tpm two --ek L-2
lab_ca one
sed -i 's/^offline_ticket_lifetime = .*/offline_ticket_lifetime = 7d/' "$LAB/ca-one/birthmark.conf"
lab_profile one online 'offline_ticket_lifetime = 0'
lab_profile one brief 'offline_ticket_lifetime = 1s'
lab_server one
ca=$(lab_ca_file one)
in=$LAB/in out=$LAB/out
mkdir "$in" "$out"

# request TPM SERIAL [options]: the first trip's file is $in/SERIAL.1.
request() {
    local tpm=$1 serial=$2
    shift 2
    "$BIRTHMARK" request --tcti "$(lab_tcti "$tpm")" --serial "$serial" --state "$LAB/id-$serial" --out "$in/$serial.1" "$@"
}

# accept TPM SERIAL FILE [options]
accept() {
    local tpm=$1 serial=$2 file=$3
    shift 3
    "$BIRTHMARK" accept "$file" --tcti "$(lab_tcti "$tpm")" --ca "$ca" --state "$LAB/id-$serial" "$@"
}

# batch FILE [options]: answers $in into that file; what it says is in $LAB/sum and $LAB/named.
batch() {
    local file=$1
    shift
    "$BIRTHMARKCTL" batch --state "$LAB/ca-one" --in "$in" --out "$file" "$@" >"$LAB/sum" 2>"$LAB/named" ||
        { cat "$LAB/named" >&2; return 1; }
}

# fails STATUS PATTERN COMMAND...: it ends with that status, says that, and leaves nothing in the TPMs.
fails() {
    local want=$1 pattern=$2 rc=0
    shift 2
    "$@" >"$LAB/said" 2>&1 || rc=$?
    ((rc == want)) || { cat "$LAB/said" >&2; lab_die "ended with $rc, not $want: $*"; }
    lab_said "$pattern"
}

# sum PATTERN...: the last batch's sum has these lines.
sum() {
    local pattern
    for pattern in "$@"; do
        grep -Eq -- "$pattern" "$LAB/sum" || { cat "$LAB/sum" "$LAB/named" >&2; lab_die "the sum does not say: $pattern"; }
    done
}

# certificates SERIAL: how many the database has.
certificates() {
    lab_ctl one cert list "$1" | grep -c "$1" || true
}

lab_say "the first trip: two requests, one file of answers, while birthmarkd runs on the same state directory"
request one SN1 --key ecc256
request two SN2
batch "$out/a"
sum '^2 requests answered' 'challenges +2$'

lab_say "the request is the same when it is made again"
cp "$in/SN1.1" "$LAB/before"
request one SN1 --key ecc256
lab_same "$LAB/before" "$in/SN1.1"

lab_say "a device that has no answer in the file says so"
cp "$in/SN2.1" "$LAB/SN2.1"
rm "$in/SN2.1"
batch "$out/first"
cp "$LAB/SN2.1" "$in/SN2.1"
fails 4 'none of the 1 answers .* is to the request' accept two SN2 "$out/first" --out "$in/SN2.2"

lab_say "and so does one whose TPM is another's"
fails 2 'this is another TPM' accept two SN1 "$out/a" --out "$in/SN1.2"

lab_say "the answer to the first request needs a place for the second"
fails 1 '--out is missing' accept one SN1 "$out/a"
fails 5 'no request under way' accept one SN9 "$out/a" --out "$in/SN9.2"

lab_say "a changed, cut, unsigned, extended or foreign file is refused before it is used"
lab_ca other
cp -r "$LAB/ca-other/ca.crt" "$LAB/other.crt"
fails 4 'no certificate for answers from the CA of --ca' "$BIRTHMARK" accept "$out/a" --tcti "$(lab_tcti one)" --ca "$LAB/other.crt" \
    --state "$LAB/id-SN1" --out "$in/SN1.2"
sed '2s/ 200 / 201 /' "$out/a" >"$LAB/changed"
fails 4 'changed after it was signed' accept one SN1 "$LAB/changed" --out "$in/SN1.2"
sed '$d' "$out/a" >"$LAB/unsigned"
fails 4 'cut off, or was never signed' accept one SN1 "$LAB/unsigned" --out "$in/SN1.2"
sed '2d' "$out/a" >"$LAB/shorter"
fails 4 'changed after it was signed' accept one SN1 "$LAB/shorter" --out "$in/SN1.2"
head -c -1 "$out/a" >"$LAB/cut"
fails 4 'cut off' accept one SN1 "$LAB/cut" --out "$in/SN1.2"
cat "$out/a" "$out/a" >"$LAB/twice"
fails 4 'behind its signature' accept one SN1 "$LAB/twice" --out "$in/SN1.2"
fails 4 'no file of answers' accept one SN1 "$in/SN1.1" --out "$in/SN1.2"
fails 5 'has no certificate of a CA' "$BIRTHMARK" accept "$out/a" --tcti "$(lab_tcti one)" --ca "$in/SN1.1" --state "$LAB/id-SN1" --out "$in/SN1.2"
[[ ! -e $in/SN1.2 && ! -e $LAB/id-SN1/offline.answer ]] || lab_die "a bad file was used"

lab_say "one that is signed with another certificate of the same CA, the server's, is refused"
{ sed '$d' "$out/a"
  printf 'signature %s %s\n' "$(openssl x509 -in "$LAB/ca-one/tls.crt" -outform DER | base64 -w0)" "$(sed -n '$s/.* //p' "$out/a")"; } >"$LAB/tls"
fails 4 'signer is none of a key for answers|no certificate for answers' accept one SN1 "$LAB/tls" --out "$in/SN1.2"

lab_say "one that has expired is refused"
batch "$out/short" --valid 1s
sleep 2.1
fails 4 'it was good until' accept one SN1 "$out/short" --out "$in/SN1.2"

lab_say "the challenge is opened in the TPM, and once only: another answer to the same request changes nothing"
accept one SN1 "$out/a" --out "$LAB/second"
accept two SN2 "$out/a" --out "$LAB/second2"
batch "$out/again"
accept one SN1 "$out/again" --out "$in/SN1.2"
mv "$LAB/second2" "$in/SN2.2"
lab_same "$LAB/second" "$in/SN1.2"
lab_tpm_clean one

lab_say "no file that is carried, and none that is kept, has a private part, or the ticket without its challenge"
python3 - "$LAB/id-SN1" "$in" "$out" <<'END'
import base64, json, os, re, sys
state, places = sys.argv[1], sys.argv[1:]
pem = open(state + '/device.key').read()
der = base64.b64decode(''.join(pem.split('-----')[2].split()))
# The TPM2B_PRIVATE is the last element of the TSS2 PRIVATE KEY.
private = der[-80:]
seen = 0
for place in places:
    for root, _, names in os.walk(place):
        for name in names:
            if name == 'device.key':
                continue
            text = open(os.path.join(root, name), 'rb').read()
            seen += 1
            for n in range(0, len(private) - 24, 8):
                assert private[n:n + 24] not in text, name
                for shift in range(3):
                    part = private[n + shift:n + 24]
                    assert base64.b64encode(part[:21]) not in text, name
assert seen > 8, seen
second = json.load(open(places[1] + '/SN1.2'))
assert second['call'] == 'getCertificate' and 'ticket' in second and 'challenge' in second
first = json.load(open(places[1] + '/SN1.1'))
assert 'ticket' not in first and 'challenge' not in first
END

# killed COMMAND...: the command, killed at some moments of its work.
killed() {
    local pause pid
    for pause in 0.02 0.05 0.1 0.2 0.3; do
        "$@" >"$LAB/killed.out" 2>&1 &
        pid=$!
        sleep "$pause"
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}

lab_say "each step on the device may be killed at any moment, and be done again"
lab_tpm three --ek L-2
killed "$BIRTHMARK" request --tcti "$(lab_tcti three)" --serial SN3 --state "$LAB/id-SN3" --out "$in/SN3.1"
request three SN3
batch "$out/b"
killed "$BIRTHMARK" accept "$out/b" --tcti "$(lab_tcti three)" --ca "$ca" --state "$LAB/id-SN3" --out "$in/SN3.2"
accept three SN3 "$out/b" --out "$in/SN3.2"
lab_tpm_clean three

lab_say "a device that is retired between the trips gets nothing"
lab_ctl one device add --serial SN3 --ek-sha256 "$(cat "$LAB/id-SN3/ek" 2>/dev/null || "$BIRTHMARK" show --tcti "$(lab_tcti three)" --state "$LAB/id-SN3" | grep -Eo '[0-9a-f]{64}' | head -n 1)" >/dev/null
lab_ctl one device retire SN3 >/dev/null

lab_say "the second trip: certificates, and a sum by code; the answers to the first requests lie beside them"
batch "$out/c"
sum 'certificates +2$' 'challenges +2$' 'device-retired +2$'
grep -q 'SN3.2: refused: device-retired' "$LAB/named" || lab_die "the refused one is not named"
fails 4 'refused \(device-retired' accept three SN3 "$out/c"
[[ ! -e $LAB/id-SN3/device.crt ]] || lab_die "a retired device has a certificate"

lab_say "answered again, it is the same certificate, and no second identity"
batch "$out/d"
sum 'certificates +2$'
[[ $(certificates SN1) == 1 && $(certificates SN2) == 1 ]] || lab_die "there is a second certificate"
for hash in $(sha256sum "$in/SN1.2" "$in/SN2.2" | cut -d' ' -f1); do
    [[ $(grep "^$hash " "$out/c") == "$(grep "^$hash " "$out/d")" ]] || lab_die "the answers differ"
done

lab_say "another device's second request does not help"
cp -r "$LAB/id-SN1" "$LAB/id-SNx"
fails 2 'this is another TPM' accept two SNx "$out/c"

lab_say "and the devices are what enroll makes of them"
killed "$BIRTHMARK" accept "$out/c" --tcti "$(lab_tcti one)" --ca "$ca" --state "$LAB/id-SN1"
[[ ! -e $LAB/id-SN1/offline.request ]] || accept one SN1 "$out/c"
# Where the last moment was just before the end, the TPM is swept by whatever comes next.
request one SN1 | grep -q 'nothing to do' || lab_die "a good identity was not good enough"
accept two SN2 "$out/d"
lab_identity_good "$LAB/id-SN1" one one
lab_identity_good "$LAB/id-SN2" one two
[[ ! -e $LAB/id-SN1/offline.request && -z $(find "$LAB/id-SN2" -name 'offline.*') ]] || lab_die "something of the exchange is left"
lab_tpm_clean one
lab_tpm_clean two
fails 5 'no request under way' accept one SN1 "$out/c"
lab_ctl one log verify >/dev/null

lab_say "files that are no requests, of any kind, are named, and stop nothing"
rm "$in"/*
printf '{"csr":' >"$in/broken"
head -c 70000 /dev/zero >"$in/huge"
: >"$in/empty"
mkfifo "$in/pipe"
mkdir "$in/folder"
ln -s /etc/passwd "$in/link"
head -c 3000 /dev/urandom >"$in/"$'noise\n\e[31m'
printf '{"birthmark":"request 2","call":"getChallenge"}' >"$in/newer"
request one SN1 --renew
{ cat "$in/SN1.1"; head -c 65792 /dev/zero | tr '\0' ' '; } >"$LAB/padded"
head -c 65792 "$LAB/padded" >"$in/largest"
head -c 65793 "$LAB/padded" >"$in/larger"
batch "$out/e"
sum '^6 requests answered' 'challenges +2$' 'files that are no request +5$' 'request-malformed +3$' 'field-invalid +1$'
for what in 'link: .*symbolic link' 'pipe: .*no plain file' 'folder: .*no plain file' 'huge: .*larger' 'noise\?\?\[31m: refused'; do
    grep -Eq "$what" "$LAB/named" || { cat "$LAB/named" >&2; lab_die "not named: $what"; }
done
if grep -q $'\e' "$LAB/named"; then
    lab_die "a name wrote to the terminal"
fi
accept one SN1 "$out/e" --out "$LAB/SN1.2"

lab_say "an offline ticket is none online, and the other way round"
python3 - "$LAB/SN1.2" "$LAB/body" <<'END'
import json, sys
body = json.load(open(sys.argv[1]))
del body['birthmark'], body['call']
json.dump(body, open(sys.argv[2], 'w'))
END
curl -s --noproxy '*' --cacert "$ca" -H 'Content-Type: application/json' --data @"$LAB/body" "${LAB_URL[one]}/v1/getCertificate" | grep -q '"ticket-invalid"' ||
    lab_die "an offline ticket is good online"
lab_device online one L-1 ecc256 SN1
lab_step challenge online one
lab_activate online
python3 - "$LAB/online" "$in/online" <<'END'
import base64, json, os, sys
d = sys.argv[1]
read = lambda n: base64.b64encode(open(os.path.join(d, n), 'rb').read()).decode()
body = {'birthmark': 'request 1', 'call': 'getCertificate'}
for name in ('csr', 'ik_public', 'ek_public', 'ek_certificate', 'ticket', 'challenge'):
    if os.path.exists(os.path.join(d, name)):
        body[name] = read(name)
body['ek_chain'] = [read('ek_chain.0')]
json.dump(body, open(sys.argv[2], 'w'))
END
batch "$out/f"
grep -q 'online: refused: ticket-invalid' "$LAB/named" || { cat "$LAB/named" >&2; lab_die "an online ticket is good offline"; }

lab_say "a profile that does not allow it, and a ticket that has expired"
rm -r "$in"
mkdir "$in"
request two SN2 --profile online --renew
request one SN1 --profile brief --renew
batch "$out/g"
sum 'offline-not-allowed +1$' 'challenges +1$'
fails 4 'refused \(offline-not-allowed' accept two SN2 "$out/g" --out "$in/SN2.2"
accept one SN1 "$out/g" --out "$in/SN1.2"
sleep 1.1
batch "$out/h"
sum 'ticket-invalid +1$'
fails 4 'refused \(ticket-invalid' accept one SN1 "$out/h" --out "$in/SN1.2"
[[ ! -e $LAB/id-SN1/offline.answer ]] || lab_die "a request that was refused is kept"

lab_say "the answers do not go among the requests, and there must be a CA and a directory"
fails 1 'would lie among the requests' "$BIRTHMARKCTL" batch --state "$LAB/ca-one" --in "$in" --out "$in/answers"
fails 3 'there is no CA' "$BIRTHMARKCTL" batch --state "$LAB/none" --in "$in" --out "$out/i"
fails 2 'cannot be read' "$BIRTHMARKCTL" batch --state "$LAB/ca-one" --in "$LAB/none" --out "$out/i"
fails 1 'is no time' "$BIRTHMARKCTL" batch --state "$LAB/ca-one" --in "$in" --out "$out/i" --valid 2y
lab_ctl one log list >"$LAB/said"
grep -q 'answer requests' "$LAB/said" || lab_die "the log does not know of the answers"
lab_ctl one log verify >/dev/null

lab_say "a key that is in its file alone makes both trips"
request one SN1 --renew --persist never --ek-sha256 "$(cat "$LAB/id-SN1/ek")"
batch "$out/e"
accept one SN1 "$out/e" --out "$in/SN1.2"
batch "$out/f"
accept one SN1 "$out/f"
"$BIRTHMARK" show --tcti "$(lab_tcti one)" --state "$LAB/id-SN1" >"$LAB/show"
grep -q 'for the key *in device.key' "$LAB/show" || lab_die "$(cat "$LAB/show")"
lab_tpm_clean one
