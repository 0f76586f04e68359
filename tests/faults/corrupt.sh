#!/bin/bash
# A damaged database is found out, the log says what to do, nothing is issued from it, and nobody runs in a circle over it.
. "$(dirname "$0")/faults.sh"
faults_begin
lab_server one
for i in 1 2 3 4; do
    faults_issued "SN-$i"
done
cp "$LAB/held" "$LAB/held.before"
lab_server_crash one
mkdir "$LAB/crashed"
cp "$FAULTS_DATABASE" "$FAULTS_DATABASE-wal" "$LAB/crashed"

# restored: the database as the crash left it.
restored() {
    rm -f "$FAULTS_DATABASE"*
    cp "$LAB/crashed"/* "$LAB/ca-one/database"
}

# moved: the same with everything in the one file, as after a stop.
moved() {
    restored
    python3 -c '
import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute("PRAGMA wal_checkpoint(TRUNCATE)")' "$FAULTS_DATABASE"
}

# noise FILE OFFSET SIZE
noise() {
    head -c "$3" /dev/urandom | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# no_start WHAT: birthmarkd must not begin, and must say why.
no_start() {
    local rc=0
    timeout 60 "$BIRTHMARKD" --state "$LAB/ca-one" --listen 127.0.0.1:0 >"$LAB/said" 2>&1 || rc=$?
    [[ $rc == 78 ]] || lab_die "$1: ended with $rc: $(cat "$LAB/said")"
    grep -Eq 'ledger cannot begin: .*(damaged|not whole|not a Birthmark database)' "$LAB/said" || lab_die "$1: $(cat "$LAB/said")"
}

lab_say "no start on a database whose file is noise, overwritten, or cut off"
moved
noise "$FAULTS_DATABASE" 0 200
no_start "the header"
moved
for ((at = 16384; at < $(stat -c %s "$FAULTS_DATABASE"); at += 16384)); do
    noise "$FAULTS_DATABASE" "$at" 64
done
no_start "the head of each page"
moved
truncate -s $(($(stat -c %s "$FAULTS_DATABASE") - 16384)) "$FAULTS_DATABASE"
no_start "the last page"
moved
: >"$FAULTS_DATABASE"
no_start "nothing left"

lab_say "no start when commits are missing from the write-ahead log"
restored
noise "$FAULTS_DATABASE-wal" $((32 + 2 * (24 + 16384) + 1000)) 64
no_start "a frame of the write-ahead log"
restored
noise "$FAULTS_DATABASE-wal" 8 8
no_start "the header of the write-ahead log"

lab_say "a database that is damaged while the server runs: nothing is issued, and the log says what to do"
moved
lab_server one
faults_issued SN-5
lab_kill_process one ledger
lab_wait 20 lab_healthy one || lab_die "the ledger is not back"
python3 -c '
import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute("PRAGMA wal_checkpoint(PASSIVE)")' "$FAULTS_DATABASE"
cp "$FAULTS_DATABASE" "$LAB/good"
# The ledger has read the pages that its start needs. The index by which it finds devices is none of them.
for ((at = 16384; at < $(stat -c %s "$FAULTS_DATABASE"); at += 16384)); do
    noise "$FAULTS_DATABASE" "$at" 64
done
for i in 6 7 8; do
    ! faults_try "SN-$i" || lab_die "SN-$i got a certificate from a damaged database"
    grep -Eq ': (store-error|unavailable): ' "$LAB/said" || lab_die "SN-$i: $(cat "$LAB/said")"
done
faults_logged 'the database is damaged: nothing is issued any more; stop birthmarkd' || lab_die "the log does not say what to do"
! lab_healthy one || lab_die "it says that it is healthy"

lab_say "a ledger that starts again finds it out again; the monitor tries seldom"
lab_kill_process one ledger
lab_wait 30 faults_logged 'failed [0-9]+ times in a row' || lab_die "the monitor does not slow down"
faults_quiet 3
lab_alive "${LAB_PID[server-one]}" || lab_die "the monitor is gone"
faults_refused SN-9 getChallenge unavailable

lab_say "with a good copy the service is there again"
lab_server_stop one
rm -f "$FAULTS_DATABASE"*
cp "$LAB/good" "$FAULTS_DATABASE"
lab_server one
faults_issued SN-6
faults_check
