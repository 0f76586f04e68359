#!/bin/bash
# Whoever has taken a process of the tunnel gets nowhere from there. The kernel ends the one that talks to the network at
# the first thing that it has no business with, the helpers are refused it; the signer signs with the identity's key alone; and the tunnel says what happened.
# `some`: a third of the system calls.
#   tunnel-escape.sh all|some
. "$(dirname "$0")/../lab/lab.sh"
how=$1
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server one
lab_enroll one one SN-1 --key ecc256
lab_far_server far "$(lab_ca_file one)" --no-tickets
mkdir "$LAB/other"
lab_ik one ecc256 "$LAB/other"
tpm2_readpublic -Q -c "$LAB_HANDLE" -f der -o "$LAB/other/key.der"
other=$(sha256sum "$LAB/other/key.der")
orders=$LAB/orders
truncate -s 4096 "$orders"
"$BIRTHMARK_GUEST" --ways >"$LAB/ways"
# The search for leaks at an end that is none of ours would start a process, which the sandbox does not let it do.
export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
export BIRTHMARK_ESCAPE=$orders BIRTHMARK_ESCAPE_KEY="$LAB_HANDLE ${other%% *}"

start() {
    BIRTHMARK=$BIRTHMARK_GUEST lab_tunnel t one "$LAB/id-SN-1" --listen 127.0.0.1:0 --to "localhost:${LAB_PORT[far]}" --ca "$LAB/far.crt"
    pid=${LAB_PID[tunnel-t]}
}

# knock PART: gives that part something to do.
knock() {
    if [[ $1 == clerk ]]; then
        kill -HUP "$pid" 2>/dev/null || true
    else
        (exec 6<>"/dev/tcp/127.0.0.1/${LAB_PLACE[t]##*:}" && read -r -t 0.05 -u 6 _) 2>/dev/null || true
    fi
}

# ended PART: the order was carried out; ENDED is what came of it.
ended() {
    local page
    lab_gone "$pid" || knock "$1"
    IFS= read -r -d '' page <"$orders" || true
    if [[ ${page:0:1} == D ]]; then
        ENDED=${page:1}
    elif lab_gone "$pid"; then
        ENDED=killed
    else
        return 1
    fi
}

good() {
    [[ $(lab_far who "${LAB_PLACE[t]}" 2>/dev/null) == SN-1* ]]
}

# killed PART: it says so, with the exit status that goes with it; and the next one is good.
killed() {
    local rc=0
    wait "$pid" 2>/dev/null || rc=$?
    unset 'LAB_PID[tunnel-t]'
    case $1 in
    loop | worker)
        ((rc == 128 + 31)) || lab_die "$1: ended with $rc"
        lab_tunnel_says t 'the process that talks to the network was ended, by its sandbox'
        ;;
    *)
        ((rc == 6)) || lab_die "$1: ended with $rc"
        lab_tunnel_says t 'a helper of the tunnel has ended'
        ;;
    esac
    start
}

# try PART WAY END
try() {
    ENDED=
    printf 'X%s %s\0' "$1" "$2" 1<>"$orders"
    printf O 1<>"$orders"
    lab_wait 60 ended "$1" 2>/dev/null || lab_die "$1 does not come to: $2"
    [[ $ENDED == "$3"* ]] || lab_die "$1: $2: ended with '$ENDED', expected '$3'"
    if [[ $ENDED == killed ]]; then
        killed "$1"
    fi
}

start
good
lab_say "$(wc -l <"$LAB/ways") ways out of the loop, its thread, the signer and the clerk ($how)"
turn=0
tried=0
while read -r part way end; do
    turn=$((turn + 1))
    # The clerk has the signer's filter.
    if [[ ($how == some && $part == loop && $end == killed) || ($part == clerk && $end == errno*) ]] && ((turn % 3 != 0)); then
        continue
    fi
    if [[ $end != killed && $part == loop ]]; then
        good
    fi
    try "$part" "$way" "$end"
    tried=$((tried + 1))
    case $part-$way in
    signer-reply-nonsense) lab_tunnel_says t 'not what their format says' ;;
    clerk-reply-nonsense) lab_tunnel_says t 'stays in use' ;;
    esac
done <"$LAB/ways"
lab_say "$tried were tried"
good || lab_die "the tunnel does not work any more: $(cat "$LAB/tunnel-t.log")"

lab_say "a signer that is killed: the tunnel ends and says so, to be started again"
kill -KILL "$(pgrep -P "$pid" | head -n 1)"
lab_wait 10 lab_gone "$pid" || lab_die "the tunnel goes on without its signer"
killed signer
good
lab_stop tunnel-t
! grep -q 'was ended' "$LAB/tunnel-t.log" || lab_die "an end that was asked for is called another"
