#!/bin/bash
# The tunnel's places and its patience: IPv6 on both sides, a server with several addresses of which the first ones are dead, a server that says nothing, one
# that trickles, and a program that says nothing. The tunnel's time runs faster here (tests/escape/tunnel.c).
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server one
lab_enroll one one SN-1 --key ecc256
BIRTHMARK=$BIRTHMARK_GUEST
state=$LAB/id-SN-1
lab_far_server four "$(lab_ca_file one)" --no-tickets

# quick NAME HASTE [options]: a tunnel with the identity, whose time runs so many times faster.
quick() {
    local name=$1 haste=$2
    shift 2
    export BIRTHMARK_HASTE=$haste
    lab_tunnel "$name" one "$state" --listen "unix:$LAB/$name.sock" --ca "$LAB/far.crt" "$@"
    unset BIRTHMARK_HASTE
}

nothing() {
    [[ $(lab_far who "${LAB_PLACE[$1]}" 2>&1 || true) != SN-1* ]] || lab_die "the tunnel $1 let it through"
}

if python3 -c 'import socket; socket.create_server(("::1", 0), family=socket.AF_INET6)' 2>"$LAB/six.log"; then
    lab_far_server six "$(lab_ca_file one)" --host ::1
    lab_say "[::1] as the place, and as the server"
    lab_tunnel six one "$state" --listen '[::1]:0' --to "[::1]:${LAB_PORT[six]}" --name far.lab --ca "$LAB/far.crt"
    [[ ${LAB_PLACE[six]} == '[::1]:'* ]]
    [[ $(lab_far who "${LAB_PLACE[six]}") == "SN-1 TLSv1.3 full" ]] || lab_die "$(cat "$LAB/tunnel-six.log")"
    lab_stop tunnel-six
else
    lab_say "not tried: this machine has no ::1"
fi

lab_say "a name with three addresses: at the first nobody listens, at the second nobody answers"
"$LAB_FAR" deaf "127.0.0.3:${LAB_PORT[four]}" "$LAB/deaf" >"$LAB/deaf.log" 2>&1 &
LAB_PID[deaf]=$!
lab_wait 10 test -s "$LAB/deaf" || lab_die "$(cat "$LAB/deaf.log")"
export BIRTHMARK_ADDRESSES="127.0.0.2 127.0.0.3 127.0.0.1"
quick many 10 --to "far.lab:${LAB_PORT[four]}"
[[ $(lab_far who "${LAB_PLACE[many]}") == "SN-1 TLSv1.3 full" ]] || lab_die "$(cat "$LAB/tunnel-many.log")"
lab_stop tunnel-many
lab_say "and one whose addresses are all dead"
BIRTHMARK_ADDRESSES="127.0.0.2 127.0.0.3"
quick dead 10 --to "far.lab:${LAB_PORT[four]}"
nothing dead
lab_tunnel_says dead 'does not answer|cannot be reached'
unset BIRTHMARK_ADDRESSES

lab_say "a server that takes the connection and says nothing; one that sends a byte now and then"
for kind in silent trickle; do
    "$LAB_FAR" "$kind" "$LAB/$kind.port" >"$LAB/$kind.log" 2>&1 &
    LAB_PID[$kind]=$!
    lab_wait 10 test -s "$LAB/$kind.port"
    quick "$kind" 20 --to "127.0.0.1:$(cat "$LAB/$kind.port")"
    nothing "$kind"
    lab_tunnel_says "$kind" 'the server does not answer'
    lab_stop "tunnel-$kind"
done

lab_say "a program that says nothing is ended after --idle, and not before; what flows is not"
lab_tunnel idle one "$state" --listen "unix:$LAB/idle.sock" --to "localhost:${LAB_PORT[four]}" --ca "$LAB/far.crt" --idle 3s
mkfifo "$LAB/lines"
"$LAB_FAR" hold "${LAB_PLACE[idle]}" "$LAB/lines" >"$LAB/held" &
LAB_PID[hold]=$!
exec 9>"$LAB/lines"
"$LAB_FAR" quiet "${LAB_PLACE[idle]}" >"$LAB/quiet" &
LAB_PID[quiet]=$!
for i in 1 2 3 4 5 6; do
    echo "line $i" >&9
    lab_wait 10 grep -q "line $i" "$LAB/held" || lab_die "what flowed was ended"
    sleep 1
done
lab_wait 10 test -s "$LAB/quiet" || lab_die "the quiet one was not ended"
lab_tunnel_says idle 'nothing was sent for the time of --idle'
exec 9>&-

lab_tpm_clean one
