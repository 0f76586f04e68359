#!/bin/bash
# escape.sh all|some: whoever has taken a process of birthmarkd gets nowhere from there: every way out ends with the
# kernel ending the process, or with an error; the monitor logs it and starts the process again, and the service goes
# on. `some`: each system call in one of the processes only.
. "$(dirname "$0")/../lab/lab.sh"
how=$1
lab_begin
orders=$LAB/orders
truncate -s 4096 "$orders"
lab_ca one
for what in trust device cert; do
    lab_ctl one "$what" list >"$LAB/$what-before"
done
"$BIRTHMARKD_ESCAPE" --ways >"$LAB/ways"
BIRTHMARK_ESCAPE=$orders BIRTHMARKD=$BIRTHMARKD_ESCAPE lab_server one one --plain --servers 1
port=${LAB_URL[one]##*:}
monitor=${LAB_PID[server-one]}
exec 7<"$LAB/server-one.log"
declare -A DIED=([server]=0 [ledger]=0 [keeper]=0 [monitor]=0)
declare -A RUNS=()

# health: the status that the server answers to a look at its health, which goes through every process; or nothing.
health() {
    local line=
    {
        exec 6<>"/dev/tcp/127.0.0.1/$port" &&
            printf 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&6
    } 2>/dev/null || true
    IFS=' ' read -r -t 30 -u 6 _ line _ 2>/dev/null || true
    exec 6>&- || true
    printf '%s\n' "$line"
}

healthy() {
    [[ $(health) == 200 ]]
}

# read_log: counts who was ended by his sandbox, in the lines that are new.
read_log() {
    local line
    while IFS= read -r -u 7 line; do
        if [[ $line =~ monitor\ (server|ledger|keeper)(\[0\])?\ died\ signal=31\ \(by\ its\ sandbox\) ]]; then
            DIED[${BASH_REMATCH[1]}]=$((DIED[${BASH_REMATCH[1]}] + 1))
        elif [[ $line =~ monitor\ (server|ledger|keeper)(\[0\])?\ started\ pid=([0-9]+) ]]; then
            RUNS[${BASH_REMATCH[1]}]=${BASH_REMATCH[3]}
        elif [[ $line == *' died signal=9 '* || $line == *' died signal=9' ]]; then
            :
        elif [[ $line == *' died '* ]]; then
            lab_die "not by its sandbox: $line"
        fi
    done
}

# ended PROCESS: the order was carried out; ENDED is what came of it.
ended() {
    local page
    if [[ $1 == monitor ]]; then
        kill -CHLD "$monitor" # it looks whether a child has ended
    else
        health >/dev/null
    fi
    read_log
    IFS= read -r -d '' page <"$orders" || true
    if [[ ${page:0:1} == D ]]; then
        ENDED=${page:1}
    elif ((DIED[$1] > dead)); then
        ENDED=killed
    else
        return 1
    fi
}

# excuse PROCESS: the monitor waits longer and longer for one that fails again and again; killed from outside, it is
# none of those.
excuse() {
    local pid
    read_log
    pid=${RUNS[$1]}
    kill -KILL "$pid"
    lab_wait 60 replaced "$1" "$pid" || lab_die "$1 is not started again"
}

replaced() {
    read_log
    [[ ${RUNS[$1]} != "$2" ]]
}

# try PROCESS WAY END SAYS
try() {
    local dead=${DIED[$1]} expected=$3
    [[ $3 != refused ]] || expected=$4
    ENDED=
    printf 'X%s %s\0' "$1" "$2" 1<>"$orders"
    printf O 1<>"$orders"
    lab_wait 60 ended "$1" || lab_die "$1 does not come to: $2"
    [[ $ENDED == "$expected"* ]] || lab_die "$1: $2: ended with '$ENDED', expected '$expected'"
    lab_wait 60 healthy || lab_die "$1: $2: the service does not go on"
    if [[ $ENDED == killed ]] && ((DIED[$1] % 2 == 0)); then
        excuse "$1"
        lab_wait 60 healthy || lab_die "$1: the service does not go on"
    fi
}

lab_say "$(wc -l <"$LAB/ways") ways out of monitor, server, ledger and keeper ($how)"
declare -A TURN=([server]=0 [ledger]=1 [keeper]=2)
turn=0
tried=0
last=
while read -r process way end says; do
    if [[ $way != "$last" ]]; then
        turn=$((turn + 1))
        last=$way
    fi
    if [[ $how == some && $process != monitor && $end != nothing && $says == errno= ]] && ((turn % 3 != TURN[$process])); then
        continue
    fi
    try "$process" "$way" "$end" "$says"
    tried=$((tried + 1))
done < <(sort -k 2,2 -s "$LAB/ways")
lab_say "$tried were tried; ended by their sandboxes: server ${DIED[server]}, ledger ${DIED[ledger]}, keeper ${DIED[keeper]}"
((DIED[server] > 0 && DIED[ledger] > 0 && DIED[keeper] > 0))

lab_say "the monitor lives, nothing was changed, and a device is enrolled by what is left"
lab_alive "$monitor"
for what in trust device cert; do
    lab_ctl one "$what" list >"$LAB/$what-after"
    lab_same "$LAB/$what-before" "$LAB/$what-after"
done
lab_ctl one log verify
lab_tpm one --ek L-2
lab_enroll one one SN1 --key ecc256
