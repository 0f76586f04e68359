#!/bin/bash
# The tunnel and what goes wrong: it lets nobody through to a server that is not verified, says each failure in a sentence,
# and works again as soon as the trouble is over.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_ca other
lab_server one
lab_enroll one one SN-1 --key ecc256
lab_far_server far "$(lab_ca_file one)" --no-tickets
lab_far_server strict "$(lab_ca_file other)"
state=$LAB/id-SN-1 to=localhost:${LAB_PORT[far]}

# nothing NAME: a connection of a program gets nothing.
nothing() {
    [[ $(lab_far who "${LAB_PLACE[$1]}" 2>&1 || true) != SN-1* ]] || lab_die "the tunnel $1 let it through"
}

lab_say "refused at the start: no identity, no certificates to verify the server, a place that others reach, a file in the way"
start=("$BIRTHMARK" tunnel --tcti "$(lab_tcti one)" --to "$to")
lab_fails timeout 20 "${start[@]}" --state "$LAB/nowhere" --listen "unix:$LAB/x.sock" --ca "$LAB/far.crt"
lab_said "no device.crt .*birthmark enroll"
lab_fails timeout 20 "${start[@]}" --state "$state" --listen "unix:$LAB/x.sock" --ca "$LAB/none.crt"
lab_said "check --ca"
lab_fails timeout 20 "${start[@]}" --state "$state" --listen "unix:$LAB/x.sock" --ca "$LAB/far.key"
lab_said "no certificate in PEM"
lab_fails timeout 20 "${start[@]}" --state "$state" --listen 0.0.0.0:0 --ca "$LAB/far.crt"
lab_said "can be reached from elsewhere"
lab_fails timeout 20 "${start[@]}" --state "$state" --ca "$LAB/far.crt"
lab_said "--listen is missing"
: >"$LAB/file"
lab_fails timeout 20 "${start[@]}" --state "$state" --listen "unix:$LAB/file" --ca "$LAB/far.crt"
lab_said "is no socket"
test -f "$LAB/file"

lab_say "a server with another certificate gets nothing, whatever a program sends"
lab_tunnel ca one "$state" --listen "unix:$LAB/ca.sock" --to "$to" --ca "$(lab_ca_file one)"
nothing ca
lab_tunnel_says ca "$to: the server's certificate is not signed by one of --ca"
lab_say "nor one with another name"
lab_tunnel name one "$state" --listen "unix:$LAB/name.sock" --to "127.0.0.1:${LAB_PORT[far]}" --ca "$LAB/far.crt"
nothing name
lab_tunnel_says name "the server's certificate is not for 127.0.0.1"
lab_say "unless --name says so"
lab_tunnel named one "$state" --listen "unix:$LAB/named.sock" --to "127.0.0.1:${LAB_PORT[far]}" --ca "$LAB/far.crt" --name far.lab --mode 0660
[[ $(lab_far who "${LAB_PLACE[named]}") == "SN-1 TLSv1.3 full" ]]
[[ $(stat -c %a "$LAB/named.sock") == 660 ]]

lab_say "a server that does not take our certificate"
lab_tunnel strict one "$state" --listen "unix:$LAB/strict.sock" --to "localhost:${LAB_PORT[strict]}" --ca "$LAB/far.crt"
nothing strict
lab_tunnel_says strict "the server refused our certificate .*trusts the identity CA"

lab_say "no server at all, and one without a name in the DNS"
lab_tunnel none one "$state" --listen "unix:$LAB/none.sock" --to "127.0.0.1:$(lab_free_port)" --ca "$LAB/far.crt"
nothing none
lab_tunnel_says none "the server cannot be reached .*Connection refused"
lab_tunnel dns one "$state" --listen "unix:$LAB/dns.sock" --to no-such-host.invalid:443 --ca "$LAB/far.crt"
nothing dns
lab_tunnel_says dns "the address of no-such-host.invalid cannot be found"

lab_say "a socket at which somebody listens stays; one that a killed tunnel left is replaced"
lab_fails timeout 20 "${start[@]}" --state "$state" --listen "unix:$LAB/named.sock" --ca "$LAB/far.crt"
lab_said "somebody listens"
lab_stop tunnel-named KILL
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$LAB/stale.sock"
lab_tunnel stale one "$state" --listen "unix:$LAB/stale.sock" --to "$to" --ca "$LAB/far.crt"
[[ $(lab_far who "${LAB_PLACE[stale]}") == "SN-1 TLSv1.3 full" ]]

lab_say "the TPM goes away: a sentence, and what flows goes on; it comes back: the next connection is good"
mkfifo "$LAB/lines"
"$LAB_FAR" hold "${LAB_PLACE[stale]}" "$LAB/lines" >"$LAB/held" &
LAB_PID[hold]=$!
exec 9>"$LAB/lines"
echo first >&9
lab_wait 10 grep -q first "$LAB/held"
lab_tpm_stop one
nothing stale
lab_tunnel_says stale "(did not reach the TPM|cannot be opened)"
echo second >&9
lab_wait 10 grep -q second "$LAB/held" || lab_die "what flowed has ended"
lab_tpm_start one
[[ $(lab_far who "${LAB_PLACE[stale]}") == "SN-1 TLSv1.3 full" ]] || lab_die "$(cat "$LAB/tunnel-stale.log")"

lab_say "the TPM is away at the start: the tunnel waits for it"
lab_tpm_stop one
lab_tunnel early one "$state" --listen "unix:$LAB/early.sock" --to "$to" --ca "$LAB/far.crt"
nothing early
lab_tunnel_says early "(did not reach the TPM|cannot be opened)"
lab_tpm_start one
[[ $(lab_far who "${LAB_PLACE[early]}") == "SN-1 TLSv1.3 full" ]]

lab_say "another TPM has not the key"
lab_tpm two --ek L-2
lab_tunnel thief two "$state" --listen "unix:$LAB/thief.sock" --to "$to" --ca "$LAB/far.crt"
nothing thief
lab_tunnel_says thief "there is no key at the TPM's handle"

lab_say "SIGTERM: what flows may end in its time, and no more is taken"
kill -TERM "${LAB_PID[tunnel-stale]}"
lab_tunnel_says stale "no more connections are taken"
nothing stale
echo third >&9
lab_wait 10 grep -q third "$LAB/held" || lab_die "SIGTERM cut off what flowed"
lab_stop hold
pid=${LAB_PID[tunnel-stale]}
lab_wait 10 lab_gone "$pid" || lab_die "the tunnel waits for nobody"
wait "$pid"
unset 'LAB_PID[tunnel-stale]'

lab_say "SIGHUP does not end it while it begins (its first line finds no room), nor while it ends (a helper does not)"
mkfifo "$LAB/narrow"
exec 8<>"$LAB/narrow"
python3 -c 'import os, sys
pipe = os.open(sys.argv[1], os.O_WRONLY | os.O_NONBLOCK)
try:
    while True:
        os.write(pipe, b"\n" * 512)
except BlockingIOError:
    pass' "$LAB/narrow"
# The search for leaks at an end that is none of ours would start a process, which the sandbox does not let it do.
ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 \
    "${start[@]}" --state "$state" --listen "unix:$LAB/hup.sock" --ca "$LAB/far.crt" 2>"$LAB/narrow" &
pid=$!
LAB_PID[tunnel-hup]=$pid
lab_wait 20 test -S "$LAB/hup.sock"
kill -HUP "$pid"
cat <&8 >"$LAB/tunnel-hup.log" &
LAB_PID[cat]=$!
lab_wait 20 lab_tunnel_ready "$pid" "$LAB/tunnel-hup.log"
[[ $(lab_far who "unix:$LAB/hup.sock") == "SN-1 TLSv1.3 full" ]] || lab_die "SIGHUP ended it at its beginning"
read -r signer clerk < <(pgrep -P "$pid" | tr '\n' ' '; echo)
kill -STOP "$signer"
kill -KILL "$clerk"
lab_tunnel_says hup 'a helper of the tunnel has ended'
for _ in {1..20}; do
    kill -HUP "$pid"
    lab_moment
done
kill -CONT "$signer"
rc=0
wait "$pid" || rc=$?
unset 'LAB_PID[tunnel-hup]'
((rc == 6)) || lab_die "ended with $rc, and not with 6"
lab_stop cat

lab_say "a flood of failures is not a flood of lines"
for _ in 1 2 3; do
    lab_far who "${LAB_PLACE[none]}" 50 >"$LAB/said" 2>&1 || true
done
# Of 150; how many depends on how long they take.
(($(wc -l <"$LAB/tunnel-none.log") < 75)) || lab_die "$(wc -l <"$LAB/tunnel-none.log") lines"
