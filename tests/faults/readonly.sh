#!/bin/bash
# A database that cannot be written: birthmarkd says so and what to do, at its start and while it runs, and goes on by itself when it can.
. "$(dirname "$0")/faults.sh"
faults_mounts "$0" "$@"
if [[ -z $FAULTS_MOUNTS ]]; then
    echo "this machine lets nobody mount a file system that is only read"
    exit 77
fi
faults_begin
lab_server one
faults_issued SN-1
mount --bind "$LAB/ca-one/database" "$LAB/ca-one/database"

lab_say "it becomes read-only under a running server whose ledger is started again: nothing is issued, the monitor goes on trying"
mount -o remount,bind,ro "$LAB/ca-one/database"
lab_kill_process one ledger
lab_wait 20 faults_logged 'the database cannot be written' || lab_die "the log does not say what to do"
faults_refused SN-2 getChallenge unavailable
! lab_healthy one || lab_die "the server says that it is healthy"
faults_quiet 2
lab_alive "${LAB_PID[server-one]}" || lab_die "the monitor gave up"

lab_say "when it can be written again, the service goes on without a restart by hand"
mount -o remount,bind,rw "$LAB/ca-one/database"
lab_wait 30 lab_healthy one || lab_die "the service does not go on"
faults_issued SN-2
lab_server_stop one

lab_say "a start on a database that cannot be written ends with 78 and a reason"
mount -o remount,bind,ro "$LAB/ca-one/database"
rc=0
timeout 60 "$BIRTHMARKD" --state "$LAB/ca-one" --listen 127.0.0.1:0 >"$LAB/said" 2>&1 || rc=$?
[[ $rc == 78 ]] || lab_die "ended with $rc: $(cat "$LAB/said")"
grep -q 'the database cannot be written' "$LAB/said" || lab_die "$(cat "$LAB/said")"

mount -o remount,bind,rw "$LAB/ca-one/database"
"$SWARM" check "$FAULTS_DATABASE" "$LAB/held"
