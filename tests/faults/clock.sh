#!/bin/bash
# Somebody sets the CA's clock back and forward by a day: tickets count as their expiry says, certificates have the dates of
# the moment, nothing hangs and nothing crashes.
. "$(dirname "$0")/faults.sh"
faults_begin
mkdir "$LAB/bin"
cp "$BIRTHMARKD_CLOCK" "$LAB/bin/birthmarkd"
BIRTHMARKD=$LAB/bin/birthmarkd
day=86400

# clock SECONDS: the CA's clock is so far ahead of ours.
clock() {
    python3 -c '
import struct, sys
with open(sys.argv[1], "r+b") as file:
    file.write(struct.pack("=q", int(sys.argv[2])))' "$LAB/bin/clock" "$1"
    ahead=$1
}

# between SERIAL SECONDS: a device's two calls, and that step of the clock between them. What it says is in $LAB/said.
between() {
    local rc=0 pid
    rm -f "$LAB/go" "$LAB/said"
    mkfifo "$LAB/go"
    "$SWARM" try "${LAB_URL[one]}" "$(lab_ca_file one)" "$LAB/vendor.key" "$LAB/vendor.crt" "$1" "$LAB/held" wait \
        <"$LAB/go" >"$LAB/said" &
    pid=$!
    exec 8>"$LAB/go"
    lab_wait 30 grep -q '^getChallenge: ' "$LAB/said" || lab_die "no answer to getChallenge"
    clock "$2"
    exec 8>&-
    wait "$pid" || rc=$?
    return "$rc"
}

# dated SERIAL: its last certificate begins about now, by the CA's clock (or with the CA's own certificate), and ends a year later.
dated() {
    local now begin begins ends from
    now=$(($(date +%s) + ahead))
    begin=$(date -d "$(openssl x509 -in "$(lab_ca_file one)" -noout -startdate | sed 's/.*=//')" +%s)
    from=$((now - 60 > begin ? now - 60 : begin))
    lab_ctl one cert list "$1" | awk 'END { print $1 }' >"$LAB/serial"
    lab_ctl one cert show "$(cat "$LAB/serial")" --pem >"$LAB/last.crt"
    begins=$(date -d "$(openssl x509 -in "$LAB/last.crt" -noout -startdate | sed 's/.*=//')" +%s)
    ((begins >= from - 300 && begins <= from + 300)) || lab_die "$1 begins at $begins, by the clock of the CA $from"
    ends=$(date -d "$(openssl x509 -in "$LAB/last.crt" -noout -enddate | sed 's/.*=//')" +%s)
    ((ends >= now + 365 * day - 300 && ends <= now + 365 * day + 300)) || lab_die "$1 ends at $ends"
}

head -c 8 /dev/zero >"$LAB/bin/clock"
clock 0
lab_server one
faults_issued SN-1
dated SN-1

lab_say "a ticket lives through a minute, and not through a day forward"
between SN-2 60 || lab_die "a minute was too long: $(cat "$LAB/said")"
dated SN-2
! between SN-3 $((day + 60)) || lab_die "a ticket of yesterday was taken"
grep -q '^getCertificate: ticket-invalid' "$LAB/said" || lab_die "$(cat "$LAB/said")"

lab_say "a day forward: certificates have the dates of that day, refusals are recorded, nothing waits"
lab_healthy one || lab_die "the server does not answer"
faults_issued SN-3
dated SN-3
faults_refused SN-3 getChallenge identity-taken
lab_kill_process one keeper
lab_kill_process one ledger
lab_wait 30 lab_healthy one || lab_die "what was killed does not come again"

lab_say "back: a ticket of tomorrow is not taken"
! between SN-4 0 || lab_die "a ticket that ends in a day was taken"
grep -q '^getCertificate: ticket-invalid' "$LAB/said" || lab_die "$(cat "$LAB/said")"
faults_issued SN-4
dated SN-4

lab_say "a day back, before the CA was made: as before, and no certificate begins before the CA does"
! between SN-5 $((-day)) || lab_die "a ticket that ends in a day was taken"
grep -q '^getCertificate: ticket-invalid' "$LAB/said" || lab_die "$(cat "$LAB/said")"
faults_issued SN-5
dated SN-5
faults_refused SN-5 getChallenge identity-taken
lab_kill_process one keeper
lab_kill_process one ledger
lab_kill_process one server
lab_wait 30 lab_healthy one || lab_die "what was killed does not come again"
faults_issued SN-6
faults_quiet 1

lab_say "every refusal by verdict is in the log, whatever the clock said; the log verifies"
[[ $(lab_ctl one log list | grep -c -e identity-taken -e ticket-invalid) == 5 ]] || lab_die "$(lab_ctl one log list)"
died=$(grep 'died' "$LAB/server-one.log")
! grep -qv 'died signal=9' <<<"$died" || lab_die "a process died that nobody killed"
faults_check
