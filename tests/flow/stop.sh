#!/bin/bash
# SIGTERM ends the server in peace: what is in flight gets its reply, nobody new gets in, and the exit status is 0.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one

# begun X: a getCertificate of the exchange X whose head is there and whose body is not yet.
begun() {
    rm -f "$LAB/go" "$LAB/said"
    mkfifo "$LAB/go"
    "$LAB_HERE/clients" paused certificate "$LAB/$1" "${LAB_URL[one]}" "$(lab_ca_file one)" <"$LAB/go" >"$LAB/said" \
        2>"$LAB/paused.log" &
    LAB_PID[paused]=$!
    exec 7>"$LAB/go"
    lab_wait 30 grep -q '^waiting' "$LAB/said" || lab_die "$(cat "$LAB/paused.log")"
}

# stopping SIGNALS: told so often to stop, it stops.
stopping() {
    kill -TERM "${LAB_PID[server-one]}"
    lab_wait 30 grep -q 'server\[0\] stopping' "$LAB/server-one.log"
}

# ended X: the reply came, and the server ended well.
ended() {
    local pid=${LAB_PID[server-one]} rc=0
    wait "${LAB_PID[paused]}" || lab_die "no good reply: $(cat "$LAB/said" "$LAB/paused.log")"
    unset 'LAB_PID[paused]' 'LAB_PID[server-one]'
    grep -q '^200' "$LAB/said"
    grep -q "BEGIN CERTIFICATE" "$LAB/$1/answer.json"
    wait "$pid" || rc=$?
    ((rc == 0)) || lab_die "birthmarkd ended with $rc"
    : >"$LAB/server-one.log"
}

for how in body keeper; do
    lab_server one one --servers 1
    lab_device "$how" one L-2 ecc256 SN1
    lab_step challenge "$how" one
    lab_activate "$how"
    begun "$how"
    pids=$(lab_processes one)
    if [[ $how == body ]]; then
        lab_say "stopped while a request is on its way"
        stopping
        lab_say "nobody else gets in"
        rc=0
        curl -sS --max-time 10 --cacert "$(lab_ca_file one)" "${LAB_URL[one]}/healthz" >/dev/null 2>"$LAB/curl.log" || rc=$?
        ((rc == 7)) || lab_die "curl ended with $rc: $(cat "$LAB/curl.log")"
        exec 7>&-
    else
        lab_say "stopped while a request waits for the keeper"
        keeper=$(lab_processes one keeper)
        kill -STOP "$keeper"
        exec 7>&-
        lab_wait 30 grep -q '^sent' "$LAB/said"
        stopping
        kill -CONT "$keeper"
    fi
    ended "$how"
    for pid in $pids; do
        lab_gone "$pid" || lab_die "process $pid is still there"
    done
done
