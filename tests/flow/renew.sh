#!/bin/bash
# birthmark renew: from the state directory alone; the same key, or a new one beside the old; a server that is away, a record that is not there, and
# keys that are gone or that others have put in the way. Whatever happens, the directory holds one whole identity.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server one
lab_far_server far "$(lab_ca_file one)"
id=$LAB/id-SN1

# renew [options]: as the timer does it, from another directory and with nothing but the state directory. It is in $LAB/said.
renew() {
    (cd / && "$BIRTHMARK" renew --tcti "$(lab_tcti one)" --state "$id" "$@") >"$LAB/said" 2>&1
}

# renew_ends STATUS [options]: it must end so.
renew_ends() {
    local status=$1 rc=0
    shift
    renew "$@" || rc=$?
    [[ $rc == "$status" ]] || { cat "$LAB/said" >&2; lab_die "renew $* ended with $rc"; }
}

# kept: neither a file of the identity nor the key is another than before.
keep() {
    rm -rf "$LAB/before"
    cp -a "$id" "$LAB/before"
    tpm2_getcap handles-persistent >"$LAB/before.handles"
}
kept() {
    local f
    for f in device.crt chain.crt fullchain.crt device.key key.uri renewed renewal; do
        cmp -s "$id/$f" "$LAB/before/$f" || lab_die "$f is another one"
    done
    [[ ! -L $id/device.crt && ! -e $id/.use && ! -e $id/.last ]] || lab_die "something was left: $(ls -la "$id")"
    lab_same <(tpm2_getcap handles-persistent) "$LAB/before.handles"
    lab_tpm_clean one
}

handle() {
    sed -n 's/^handle://p' "$id/key.uri"
}
pubkey() {
    openssl x509 -in "$id/device.crt" -noout -pubkey
}

# whole: the certificate, the handle and device.key are of one key; openssl signs with the file.
whole() {
    lab_identity_good "$id" one one
    TPM2OPENSSL_TCTI=$(lab_tcti one) OPENSSL_CONF=$id/openssl.cnf openssl pkey -in "$id/device.key" -pubout >"$LAB/file.pub"
    lab_same "$LAB/file.pub" <(pubkey)
    lab_tpm_clean one
}

lab_say "no directory, and one that an earlier version made"
renew_ends 5
lab_said 'is not there: run .birthmark enroll'
[[ ! -e $id ]] || lab_die "the directory was made"
(cd "$LAB/ca-one" && lab_enroll one one SN1 --key ecc256 --ca ca.crt)
mv "$id/renewal" "$LAB/renewal"
renew_ends 5
lab_said "enroll --renew. once"
sed 's/^serial .*/serial S N/' "$LAB/renewal" >"$id/renewal"
renew_ends 5
lab_said 'renewal is damaged.*enroll --renew'
mv "$LAB/renewal" "$id/renewal"

lab_say "nothing is due: neither the TPM nor the server is asked"
lab_tpm_stop one
lab_server_stop one
keep_dir=$(stat -c '%n %Y.%y %i' "$id"/*)
renew_ends 0
lab_said 'nothing to renew before'
[[ $(stat -c '%n %Y.%y %i' "$id"/*) == "$keep_dir" ]] || lab_die "files were written"
lab_tpm_start one
lab_use_tpm one

lab_say "the server is away: it is asked again, and everything stays"
keep
renew_ends 3 --now --wait 0s
lab_said 'in 1 try .*stays, and is good until.*finding server'
renew_ends 3 --now --new-key --wait 3s
lab_said 'try 1 failed: .*stays in use'
lab_said '^birthmark: the server did not renew the certificate in [2-9] tries'
kept

lab_say "and while it waits, it comes back"
"$BIRTHMARK" renew --tcti "$(lab_tcti one)" --state "$id" --now --wait 60s >"$LAB/said" 2>&1 &
pid=$!
lab_wait 30 grep -q 'try 1 failed' "$LAB/said" || lab_die "$(cat "$LAB/said")"
old=${LAB_URL[one]}
lab_server one one --listen "127.0.0.1:${old##*:}"
wait "$pid" || lab_die "$(cat "$LAB/said")"
lab_said 'is renewed: .*; the same key'
cmp -s "$id/device.crt" "$LAB/before/device.crt" && lab_die "the same certificate"
lab_same "$id/device.key" "$LAB/before/device.key"
lab_same "$id/key.uri" "$LAB/before/key.uri"
whole

lab_say "a new key: the old one stays until the next run"
keep
was=$(handle)
renew_ends 0 --now --new-key
lab_said 'a new key handle:'
lab_said "stays at $was"
[[ $(handle) != "$was" ]] || lab_die "the same handle"
cmp -s "$id/device.key" "$LAB/before/device.key" && lab_die "the same key file"
whole
[[ $(tpm2_getcap handles-persistent | grep -c 0x) == 2 ]]
"$BIRTHMARK" show --tcti "$(lab_tcti one)" --state "$id" | grep -q 'for the key    at the handle' || lab_die "show does not find the key"
lab_enroll one one SN1 >"$LAB/said"
lab_said 'nothing to do before'
renew_ends 0
lab_said "the key at $was, .*was removed"
lab_said 'nothing to renew before'
[[ $(tpm2_getcap handles-persistent) == "- $(handle)" ]] || lab_die "$(tpm2_getcap handles-persistent)"
keep
renew_ends 0
kept

lab_say "another type of key, twice: it is made once"
renew_ends 0 --now --key ecc384
lab_said 'a new key'
whole
[[ $(handle) == "$was" ]] || lab_die "the handle of the first key is not used again"
renew_ends 0 --now --key ecc384
lab_said 'the same key'
[[ $(tpm2_getcap handles-persistent | grep -c 0x) == 1 ]] || lab_die "$(tpm2_getcap handles-persistent)"
whole

lab_say "a server that refuses: nothing changes, and the doctor's finding is named"
keep
sed -i 's/^serial .*/serial SN2/' "$id/renewal"
cp "$id/renewal" "$LAB/before/renewal"
renew_ends 4 --now --new-key
lab_said 'identity-mismatch.*finding profile'
kept
sed -i 's/^serial .*/serial SN1/' "$id/renewal"

lab_say "a server that has too much to do, and asks for more time than there is: it is not asked again, and nothing changes"
cat >"$LAB/busy.py" <<'END'
import http.server
class Busy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404)
    def do_POST(self):
        self.send_response(503)
        self.send_header("Retry-After", "40")
        self.end_headers()
        self.wfile.write(b'{"type":"urn:birthmark:problem:overloaded","title":"Too much to do.","status":503,"code":"overloaded"}')
server = http.server.HTTPServer(("127.0.0.1", 0), Busy)
print(server.server_port, flush=True)
server.serve_forever()
END
python3 "$LAB/busy.py" >"$LAB/busy.port" 2>"$LAB/busy.log" &
LAB_PID[busy]=$!
lab_wait 10 test -s "$LAB/busy.port"
keep
renew_ends 3 --now --new-key --wait 20s --server "http://127.0.0.1:$(cat "$LAB/busy.port")"
lab_said 'in 1 try .*overloaded'
kept
lab_stop busy

lab_say "the wrong certificates for the server, once and for all; then the right ones"
keep
renew_ends 3 --now --wait 0s --ca "$LAB/far.crt"
lab_said 'certificate of .* is not good'
kept
renew_ends 0 --now --ca "$(lab_ca_file one)" --server "${LAB_URL[one]/localhost/127.0.0.1}"
lab_same "$id/renewal" <(sed "s|^server .*|server ${LAB_URL[one]/localhost/127.0.0.1}|" "$LAB/before/renewal")

lab_say "the handle was emptied: the key of device.key is put back"
key=$(pubkey)
tpm2_evictcontrol -Q -C o -c "$(handle)" >/dev/null
renew_ends 0 --now
lab_said 'the same key'
[[ $(pubkey) == "$key" ]] || lab_die "another key"
whole

lab_say "somebody else's key took its place: it is not touched, and the identity gets a new one elsewhere"
taken=$(handle)
tpm2_evictcontrol -Q -C o -c "$taken" >/dev/null
"$BIRTHMARK" enroll --tcti "$(lab_tcti one)" --server "${LAB_URL[one]}" --ca "$(lab_ca_file one)" --serial SN1 --handle "$taken" --state "$LAB/id-other" \
    --key ecc256 2>/dev/null
renew_ends 0 --now
lab_said 'not in this TPM any more: a new one is made'
whole
lab_identity_good "$LAB/id-other" one one
renew_ends 0
lab_identity_good "$LAB/id-other" one one

lab_say "TPM2_Clear took all keys: a new one, for the same identity"
tpm2_clear -Q -c p
renew_ends 0 --now
lab_said 'not in this TPM any more: a new one is made'
whole

lab_say "the owner hierarchy has a password, which enroll was told where to find"
tpm2_changeauth -Q -c o secret
printf 'secret\n' >"$LAB/owner"
(cd "$LAB" && lab_enroll one one SN1 --renew --owner-auth file:owner)
renew_ends 0 --now --new-key
lab_identity_good "$id" one one
lab_tpm_clean one
grep -rq secret "$id" && lab_die "the value was recorded"
renew_ends 0
[[ $(tpm2_getcap handles-persistent) == "- $(handle)" ]] || lab_die "$(tpm2_getcap handles-persistent)"
rm "$LAB/owner"
keep
renew_ends 2 --now --new-key
lab_said 'file of --owner-auth.*without it'
lab_said 'birthmark: .*owner.*finding owner-auth'
kept
renew_ends 0 --now
lab_said 'the same key'
lab_identity_good "$id" one one
