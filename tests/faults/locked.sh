#!/bin/bash
# Another process holds a write transaction: reads go on, who waits for a write is told to come again, and then it succeeds.
. "$(dirname "$0")/faults.sh"
faults_begin
lab_server one
faults_issued SN-1

lab_say "while the database is locked, getChallenge is answered and getCertificate says to come again"
faults_lock
faults_refused SN-2 getCertificate store-busy
lab_healthy one || lab_die "a locked database makes the server unhealthy"

lab_say "a ledger that starts meanwhile answers as well"
lab_kill_process one ledger
lab_wait 20 lab_healthy one || lab_die "the ledger does not begin in a locked database"
faults_refused SN-3 getCertificate store-busy

lab_say "it waits without running in a circle"
faults_quiet 2

lab_say "devices that try again get their certificates as soon as the lock is gone"
"$SWARM" try "${LAB_URL[one]}" "$(lab_ca_file one)" "$LAB/vendor.key" "$LAB/vendor.crt" SN-4 "$LAB/held" >"$LAB/waited" &
waiting=$!
faults_unlock
wait "$waiting" || lab_die "who waited a moment got nothing: $(cat "$LAB/waited")"
# Other names than before: a call that was told to come again may yet be carried out, and these devices are new ones each time.
faults_issued SN-5
faults_issued SN-6
faults_check
