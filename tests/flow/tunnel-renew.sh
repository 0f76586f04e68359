#!/bin/bash
# The tunnel and a renewed identity: new connections use the new certificate, also with a new key, while the old ones go on;
# and files that are no identity change nothing.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server one
lab_enroll one one SN-1 --key ecc256
lab_far_server far "$(lab_ca_file one)"
state=$LAB/id-SN-1
lab_tunnel t one "$state" --listen "unix:$LAB/t.sock" --to "localhost:${LAB_PORT[far]}" --ca "$LAB/far.crt"
place=${LAB_PLACE[t]}
mkfifo "$LAB/lines"
"$LAB_FAR" hold "$place" "$LAB/lines" >"$LAB/held" &
LAB_PID[hold]=$!
exec 9>"$LAB/lines"
echo first >&9
lab_wait 10 grep -q first "$LAB/held"

count() {
    grep -c 'new connections use the certificate' "$LAB/tunnel-t.log" || true
}

# renewed: the tunnel said so, once more than before.
said=0
renewed() {
    (($(count) > said))
}

lab_say "a renewal with another key, seen without a signal"
lab_enroll one one SN-1 --renew --key ecc384
lab_wait 20 renewed || lab_die "the renewal was not seen"
[[ $(lab_far who "$place") == "SN-1 TLSv1.3 full" ]] || lab_die "$(cat "$LAB/tunnel-t.log")"
[[ $(lab_far who "$place") == "SN-1 TLSv1.3 resumed" ]]
echo second >&9
lab_wait 10 grep -q second "$LAB/held" || lab_die "the old connection has ended"

lab_say "a renewal with the same key, by SIGHUP; no session of the old certificate is resumed"
said=$(count)
lab_enroll one one SN-1 --renew
kill -HUP "${LAB_PID[tunnel-t]}"
lab_wait 20 renewed || lab_die "SIGHUP did nothing"
[[ $(lab_far who "$place") == "SN-1 TLSv1.3 full" ]]

lab_say "birthmark renew with a new key: not one connection fails, before the tunnel has seen it and after"
said=$(count)
handle=$(cat "$state/key.uri")
"$BIRTHMARK" renew --tcti "$(lab_tcti one)" --state "$state" --now --new-key
for ((i = 0; i < 5; i++)); do
    [[ $(lab_far who "$place") == "SN-1 TLSv1.3 "* ]] || lab_die "$(cat "$LAB/tunnel-t.log")"
done
lab_wait 20 renewed || lab_die "the renewal was not seen"
[[ $(cat "$state/key.uri") != "$handle" ]] || lab_die "the same handle"
[[ $(lab_far who "$place") == "SN-1 TLSv1.3 "* ]] || lab_die "$(cat "$LAB/tunnel-t.log")"
"$BIRTHMARK" renew --tcti "$(lab_tcti one)" --state "$state"
lab_use_tpm one
[[ handle:$(tpm2_getcap handles-persistent | cut -c 3-) == "$(cat "$state/key.uri")" ]] || lab_die "$(tpm2_getcap handles-persistent)"
kill -HUP "${LAB_PID[tunnel-t]}"
[[ $(lab_far who "$place") == "SN-1 TLSv1.3 "* ]] || lab_die "$(cat "$LAB/tunnel-t.log")"
echo renewed >&9
lab_wait 10 grep -q renewed "$LAB/held" || lab_die "the old connection has ended"
! grep -q 'is not that of device.crt\|there is no key' "$LAB/tunnel-t.log" || lab_die "$(cat "$LAB/tunnel-t.log")"

lab_say "damaged files: the old certificate stays in use"
cp -a "$state/device.crt" "$LAB/good.crt"
echo nonsense >"$state/new"
mv "$state/new" "$state/device.crt"
lab_tunnel_says t "device.crt is no certificate in PEM.*stays in use"
[[ $(lab_far who "$place") == "SN-1 TLSv1.3 resumed" ]]
rm "$state/device.crt"
lab_tunnel_says t "has no device.crt.*stays in use"
[[ $(lab_far who "$place") == "SN-1 TLSv1.3 resumed" ]]

lab_say "and when they are good again, they are used"
said=$(count)
mv "$LAB/good.crt" "$state/device.crt"
lab_wait 20 renewed || lab_die "the good files were not seen"
[[ $(lab_far who "$place") == "SN-1 TLSv1.3 full" ]]
echo third >&9
lab_wait 10 grep -q third "$LAB/held" || lab_die "the old connection has ended"
exec 9>&-
lab_tpm_clean one
