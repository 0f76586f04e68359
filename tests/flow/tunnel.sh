#!/bin/bash
# The tunnel: programs that know neither TLS nor TPMs reach a server by mutual TLS, many at once, both ways and whole.
#   tunnel.sh KEY TLS
. "$(dirname "$0")/../lab/lab.sh"
key=$1 tls=$2
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server one
lab_enroll one one SN-1 --key "$key"
lab_far_server far "$(lab_ca_file one)" --tls "$tls"
lab_tunnel t one "$LAB/id-SN-1" --listen "unix:$LAB/t.sock" --to "localhost:${LAB_PORT[far]}" --ca "$LAB/far.crt"
place=${LAB_PLACE[t]}

lab_say "a program's first connection is the device's, by one signature of the TPM"
[[ $(lab_far who "$place") == "SN-1 TLSv$tls full" ]] || lab_die "$(cat "$LAB/tunnel-t.log")"
lab_tpm_clean one
lab_say "the next one needs none: the session is resumed"
[[ $(lab_far who "$place") == "SN-1 TLSv$tls resumed" ]]

lab_say "the socket is its owner's alone"
[[ $(stat -c %a "$LAB/t.sock") == 600 ]]

lab_say "200 at once"
lab_far who "$place" 200 >"$LAB/who"
[[ $(grep -c "^SN-1 TLSv$tls " "$LAB/who") == 200 ]] || lab_die "$(sort "$LAB/who" | uniq -c)"

lab_say "50 MB up, with an end after which the answer still comes; 50 MB down; 20 MB both ways at once"
lab_far up "$place" 50000000
lab_far down "$place" 50000000
lab_far echo "$place" 20000000
lab_far up "$place" 0
lab_far down "$place" 0

lab_say "a server that does not read slows the program down: little is held in between"
sent=$(lab_far slow "$place" 100000000)
((sent < 20000000)) || lab_die "$sent bytes went to nobody"

lab_say "a port of the loopback does as well"
lab_tunnel p one "$LAB/id-SN-1" --listen 127.0.0.1:0 --to "localhost:${LAB_PORT[far]}" --ca "$LAB/far.crt"
[[ $(lab_far who "${LAB_PLACE[p]}") == "SN-1 TLSv$tls full" ]]
lab_stop tunnel-p

lab_say "it ends by SIGTERM, with its helpers and its socket"
pid=${LAB_PID[tunnel-t]}
kill -TERM "$pid"
lab_wait 10 lab_gone "$pid" || lab_die "the tunnel does not end"
wait "$pid"
unset 'LAB_PID[tunnel-t]'
lab_wait 10 test ! -e "$LAB/t.sock" || lab_die "the socket stays"
! pgrep -f -- "--listen unix:$LAB/t.sock" >/dev/null
