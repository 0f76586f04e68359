#!/bin/bash
# The tunnel and the commands that only look do their work as another user than the one who enrolled, who cannot read device.key; nobody else can
# keep a renewal from the state directory.
. "$(dirname "$0")/../lab/lab.sh"
(($(id -u) == 0)) || exit 77
lab_begin
chmod 711 "$LAB"
runuser -u nobody -- test -x "$LAB" || exit 77
lab_tpm one --ek L-2
lab_ca one
lab_server one
printf 'a value' >"$LAB/pass"
chmod 644 "$LAB/pass"
lab_enroll one one SN-1 --key ecc256
lab_enroll one one SN-1 --key ecc256 --state "$LAB/id-value" --handle 0x81020100 --key-auth "file:$LAB/pass"
lab_far_server far "$(lab_ca_file one)" --tls 1.3
# Where it was built, another user may have no business.
mkdir -m 755 "$LAB/bin"
install -m 755 "$BIRTHMARK" "$LAB/bin/birthmark"
chmod 711 "$LAB/tpm-one"
chmod 666 "$LAB/tpm-one/sock" "$LAB/tpm-one/sock.ctrl"
chmod 644 "$LAB/far.crt"
for id in id-SN-1 id-value; do
    chmod 755 "$LAB/$id"
    chmod 644 "$LAB/$id"/*
    chmod 600 "$LAB/$id/device.key"
done
mkdir "$LAB/run"
chown nobody "$LAB/run"
cat >"$LAB/bin/as-nobody" <<END
#!/bin/bash
exec runuser -u nobody -- "$LAB/bin/birthmark" "\$@"
END
chmod 755 "$LAB/bin/as-nobody"

lab_say "the tunnel signs, with a key that has no value and with one that has"
program=$BIRTHMARK
BIRTHMARK=$LAB/bin/as-nobody
lab_tunnel t one "$LAB/id-SN-1" --listen "unix:$LAB/run/t.sock" --to "localhost:${LAB_PORT[far]}" --ca "$LAB/far.crt"
lab_far who "${LAB_PLACE[t]}" >"$LAB/who" 2>&1 || true
grep -qx "SN-1 TLSv1.3 full" "$LAB/who" || lab_die "$(cat "$LAB/who" "$LAB/tunnel-t.log")"
lab_stop tunnel-t
lab_tunnel v one "$LAB/id-value" --listen "unix:$LAB/run/v.sock" --to "localhost:${LAB_PORT[far]}" --ca "$LAB/far.crt" --key-auth "file:$LAB/pass"
[[ $(lab_far who "${LAB_PLACE[v]}") == 'SN-1 TLSv1.3 full' ]] || lab_die "$(cat "$LAB/tunnel-v.log")"
lab_stop tunnel-v

lab_say "show shows"
"$BIRTHMARK" show --tcti "$(lab_tcti one)" --state "$LAB/id-SN-1" >"$LAB/show" || lab_die "show ended with $?"
grep -q 'for the key *at the handle' "$LAB/show" || lab_die "$(cat "$LAB/show")"
BIRTHMARK=$program

lab_say "whoever may read the directory cannot keep it locked"
runuser -u nobody -- flock "$LAB/id-SN-1" sleep 6 &
LAB_PID[locker]=$!
sleep 0.3
"$BIRTHMARK" renew --tcti "$(lab_tcti one)" --state "$LAB/id-SN-1" --now >"$LAB/renew" 2>&1 || lab_die "$(cat "$LAB/renew")"

lab_say "root takes no record from somebody else's directory"
chown nobody "$LAB/id-SN-1"
lab_fails "$BIRTHMARK" renew --tcti "$(lab_tcti one)" --state "$LAB/id-SN-1" --now
lab_said 'belongs to user'
lab_tpm_clean one
