#!/bin/bash
# Out of file descriptors: connections wait instead of making anybody run in a circle, and are served when there are some again.
. "$(dirname "$0")/faults.sh"
faults_begin
lab_server one
faults_issued SN-1

# limit PID... NUMBER: how many descriptors these processes may have; those that are open stay so.
limit() {
    local pid
    for pid in "${@:1:$#-1}"; do
        prlimit --pid "$pid" --nofile="${!#}:"
    done
}

# waits SERIAL: a device that connects and waits; its pid in WAITS.
waits() {
    "$SWARM" try "${LAB_URL[one]}" "$(lab_ca_file one)" "$LAB/vendor.key" "$LAB/vendor.crt" "$1" "$LAB/held" >"$LAB/waits" &
    WAITS=$!
}

lab_say "servers without descriptors: who connects waits, and nobody runs in a circle"
mapfile -t servers < <(lab_processes one server)
limit "${servers[@]}" 4
waits SN-2
lab_wait 20 faults_logged 'accept: Too many open files' || lab_die "the log does not say what there is too little of"
faults_quiet 2
! grep -q . "$LAB/waits" || lab_die "who waits was answered: $(cat "$LAB/waits")"
(($(grep -c 'accept: ' "$LAB/server-one.log") < 100)) || lab_die "the log is flooded"

lab_say "with descriptors again they are served, by the same processes"
limit "${servers[@]}" 1024
wait "$WAITS" || lab_die "who waited got nothing: $(cat "$LAB/waits")"
faults_issued SN-3
[[ $(lab_processes one server | xargs) == "${servers[*]}" ]] || lab_die "a server has died"

lab_say "a ledger and a keeper without descriptors have what they need"
limit "$(lab_processes one ledger)" "$(lab_processes one keeper)" 4
faults_issued SN-4
lab_healthy one || lab_die "the server is not healthy"

lab_say "a monitor without descriptors cannot start what dies: it tries, later and later, and does not give up"
limit "${LAB_PID[server-one]}" 4
lab_kill_process one keeper
lab_wait 20 faults_logged 'cannot start: ' || lab_die "the log does not say that the keeper cannot be started"
faults_refused SN-5 getChallenge unavailable
faults_quiet 2
limit "${LAB_PID[server-one]}" 1024
lab_wait 40 lab_healthy one || lab_die "the keeper does not come again"
faults_issued SN-5
faults_check
