#!/bin/bash
# Real programs through the tunnel: curl to nginx and to openssl s_server, which let the device in by its certificate; Python;
# and the service manager's socket.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server one
lab_enroll one one SN-1 --key ecc256
lab_far_keys
state=$LAB/id-SN-1 ca=$(lab_ca_file one)

# Another may take the port between the question and its use: then with the next.
for _ in 1 2 3 4 5; do
    port=$(lab_free_port)
    if (lab_nginx try "$ca" "$port" && lab_stop nginx-try) >"$LAB/try.log" 2>&1; then
        break
    fi
done
lab_nginx web "$ca" "$port"

lab_say "curl by a unix socket: nginx greets the device"
lab_tunnel web one "$state" --listen "unix:$LAB/t.sock" --to "127.0.0.1:$port" --name web.lab --ca "$LAB/web.crt"
[[ $(curl -sS --max-time 30 --unix-socket "$LAB/t.sock" http://web.lab/) == "Hello SN-1, verified SUCCESS over TLSv1.3" ]]

lab_say "Python by a port"
lab_tunnel port one "$state" --listen 127.0.0.1:0 --to "127.0.0.1:$port" --name web.lab --ca "$LAB/web.crt"
python3 - "${LAB_PLACE[port]}" >"$LAB/python.out" <<'END'
import sys
import urllib.request
print(urllib.request.urlopen(f"http://{sys.argv[1]}/", timeout=30).read().decode(), end="")
END
[[ $(cat "$LAB/python.out") == "Hello SN-1, verified SUCCESS over TLSv1.3" ]]

lab_say "openssl s_server, which wants a certificate of that CA"
openssl s_server -accept 127.0.0.1:0 -cert "$LAB/far.crt" -key "$LAB/far.key" -Verify 3 -verify_return_error -CAfile "$ca" -www </dev/null \
    >"$LAB/s_server.log" 2>&1 &
LAB_PID[s_server]=$!
lab_wait 10 grep -q '^ACCEPT 127' "$LAB/s_server.log"
lab_tunnel s one "$state" --listen "unix:$LAB/s.sock" --to "$(sed -n 's/^ACCEPT //p' "$LAB/s_server.log")" --name far.lab --ca "$LAB/far.crt"
curl -sS --max-time 30 --unix-socket "$LAB/s.sock" http://far.lab/ >"$LAB/s.out"
grep -q 'SN-1' "$LAB/s.out" || lab_die "$(cat "$LAB/s.out")"

lab_say "a socket that the service manager opened, which stays when the tunnel ends"
cat >"$LAB/activate" <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
os.dup2(os.dup(s.fileno()), 3, inheritable=True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
END
: >"$LAB/tunnel-sd.log"
python3 "$LAB/activate" "$LAB/sd.sock" "$BIRTHMARK" tunnel --tcti "$(lab_tcti one)" --state "$state" --to "127.0.0.1:$port" --name web.lab \
    --ca "$LAB/web.crt" 2>"$LAB/tunnel-sd.log" &
LAB_PID[tunnel-sd]=$!
lab_tunnel_says sd 'listening on unix:'
[[ $(curl -sS --max-time 30 --unix-socket "$LAB/sd.sock" http://web.lab/) == "Hello SN-1, verified SUCCESS over TLSv1.3" ]]
lab_stop tunnel-sd
test -S "$LAB/sd.sock"

lab_say "and what is no listening socket is none"
lab_fails timeout 20 bash -c 'exec 3</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"' bash "$BIRTHMARK" tunnel --tcti "$(lab_tcti one)" --state "$state" \
    --to "127.0.0.1:$port" --ca "$LAB/web.crt"
lab_said "service manager"

lab_say "the process that talks to the network can open nothing: it is in its filter, without core dumps and new privileges"
pid=${LAB_PID[tunnel-web]}
for task in /proc/"$pid"/task/*; do
    grep -q '^Seccomp:[[:space:]]*2$' "$task/status" && grep -q '^NoNewPrivs:[[:space:]]*1$' "$task/status" || lab_die "$(cat "$task/status")"
done
grep -q '^Max core file size *0 ' "/proc/$pid/limits"
for child in $(cat /proc/"$pid"/task/*/children); do
    grep -q '^Seccomp:[[:space:]]*2$' "/proc/$child/status"
done
