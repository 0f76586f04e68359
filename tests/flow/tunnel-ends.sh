#!/bin/bash
# However one side of a tunnel ends, the other gets every byte that came before, and no cut end looks like a proper one.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server one
lab_enroll one one SN-1 --key ecc256
lab_far_server polite "$(lab_ca_file one)"
lab_far_server rude "$(lab_ca_file one)" --rude
for server in polite rude; do
    to=(--to "localhost:${LAB_PORT[$server]}" --ca "$LAB/far.crt")
    lab_tunnel "$server-unix" one "$LAB/id-SN-1" --listen "unix:$LAB/$server.sock" "${to[@]}"
    lab_tunnel "$server-tcp" one "$LAB/id-SN-1" --listen 127.0.0.1:0 "${to[@]}"
done
: >"$LAB/now"

# reads TUNNEL BYTES FILE [COMMAND]: a program that reads nothing before FILE is there.
# has_read END: it got so many bytes, and then this end.
reads() {
    "$LAB_FAR" "${4:-late}" "${LAB_PLACE[$1]}" "$2" "$3" >"$LAB/late" 2>&1 &
    LAB_PID[late]=$!
}
has_read() {
    local pid=${LAB_PID[late]}
    lab_wait 60 lab_gone "$pid" || lab_die "the program waits for an end"
    unset 'LAB_PID[late]'
    wait "$pid" || lab_die "$(cat "$LAB/late")"
    [[ $(cat "$LAB/late") == "$1" ]] || lab_die "the connection: $(cat "$LAB/late"), and not $1"
}

# server_got SERVER TEXT: the server got that, and this end.
server_got() {
    lab_wait 30 grep -qF "got $2" "$LAB/far-$1.log" || lab_die "not '$2': $(cat "$LAB/far-$1.log")"
}

lab_say "a server that ends without close_notify: a program that had read nothing gets all, and then a reset by TCP"
reads rude-tcp 300000 "$LAB/tcp.go"
lab_tunnel_says rude-tcp 'without a goodbye \(close_notify\)'
: >"$LAB/tcp.go"
has_read reset
reads rude-unix 100000 "$LAB/unix.go"
lab_tunnel_says rude-unix 'without a goodbye \(close_notify\)'
: >"$LAB/unix.go"
has_read ended
lab_say "and so do those that read while it comes, more than the kernel holds"
reads rude-tcp 20000000 "$LAB/now"
has_read reset
reads rude-unix 20000000 "$LAB/now"
has_read ended

# has_denied KIND: by TCP once, and then by the unix socket.
has_denied() {
    local count
    count=$(grep -c "far: denied" "$LAB/far-polite.log")
    [[ $count == "$([[ $1 == tcp ]] && echo 1 || echo 2)" ]]
}
lab_say "a server that says goodbye and takes nothing of what the program sends: the same, and a proper end"
for kind in tcp unix; do
    reads "polite-$kind" 200000 "$LAB/denied-$kind" denied
    lab_wait 30 has_denied "$kind" || lab_die "$(cat "$LAB/far-polite.log")"
    : >"$LAB/denied-$kind"
    has_read ended
done

lab_say "a program that goes while the server has not taken all, and sends itself: the server gets the rest"
sent=$(lab_far leave "${LAB_PLACE[polite-unix]}" "$LAB/unix-left")
: >"$LAB/unix-left"
server_got polite "$sent ended"

lab_say "a program that resets: the server gets what came, and no goodbye"
server_got polite "$(lab_far abort "${LAB_PLACE[polite-tcp]}" 50000) cut"

lab_say "a program that reads nothing for --idle: the log says so, and it still gets what came"
lab_tunnel idle one "$LAB/id-SN-1" --listen 127.0.0.1:0 --to "localhost:${LAB_PORT[polite]}" --ca "$LAB/far.crt" \
    --idle 6s
reads idle 300000 "$LAB/idle.go"
lab_wait 60 lab_tunnel_said idle 'nothing was sent for the time of --idle' || lab_die "nothing of --idle"
: >"$LAB/idle.go"
has_read ended
lab_stop tunnel-idle

lab_say "all is as usual afterwards"
for tunnel in polite-unix polite-tcp rude-unix rude-tcp; do
    [[ $(lab_far who "${LAB_PLACE[$tunnel]}") == "SN-1 TLSv1.3 "* ]]
    lab_stop "tunnel-$tunnel"
done
