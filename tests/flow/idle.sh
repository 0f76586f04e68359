#!/bin/bash
# Idle connections, and silent ones, keep nobody out: they stay as long as there is room, and then the oldest makes room.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
ca=$(lab_ca_file one)

# held WHAT N SERVER: that many connections of that kind; the end of descriptor 7 tells them to go on.
held() {
    rm -f "$LAB/go" "$LAB/held"
    mkfifo "$LAB/go"
    "$LAB_HERE/clients" "$1" "$2" "${LAB_URL[$3]}" "$ca" <"$LAB/go" >"$LAB/held" 2>"$LAB/held.log" &
    LAB_PID[held]=$!
    exec 7>"$LAB/go"
    lab_wait 60 grep -q "^held $2" "$LAB/held" || lab_die "$(cat "$LAB/held" "$LAB/held.log")"
}

# released: they go on, and end.
released() {
    local pid=${LAB_PID[held]}
    exec 7>&-
    wait "$pid"
    unset 'LAB_PID[held]'
}

lab_say "two hundred idle connections, and a device beside them; afterwards all of them are answered"
lab_server one one --servers 1
held hold 200 one
lab_enroll one one SN1 --key ecc256
released
grep -q '^answered 200 ' "$LAB/held" || lab_die "$(cat "$LAB/held")"
lab_server_stop one

lab_say "with room for sixty the oldest make room, and no new one is turned away"
lab_server_key one max_connections 60
lab_server one one --servers 1
held hold 200 one
lab_enroll one one SN1 --key ecc256 --renew
released
answered=$(sed -n 's/^answered //p' "$LAB/held")
[[ $answered =~ ^(5[0-9]|60)\ 14[0-9]-199$ ]] || lab_die "$(cat "$LAB/held")"
grep -q 'max_connections=60 reached: closed the oldest' "$LAB/server-one.log"

lab_say "more silent connections than there is room for keep no device out"
held mute 200 one
lab_enroll one one SN1 --key ecc256 --renew
curl -sS --cacert "$ca" "${LAB_URL[one]}/healthz" >/dev/null
released
lab_server_stop one

lab_say "where there are fewer descriptors than that, it says so, and holds as many as it can"
printf '#!/bin/sh\nulimit -n 150\nexec "%s" "$@"\n' "$BIRTHMARKD" >"$LAB/few"
chmod +x "$LAB/few"
lab_server_key one max_connections 10000
BIRTHMARKD=$LAB/few lab_server one one --servers 1
grep -q 'max_connections=118: the limit of open files is 150; raise it' "$LAB/server-one.log"
held mute 200 one
lab_enroll one one SN1 --key ecc256 --renew
released
! grep -q 'accept: ' "$LAB/server-one.log"
