#!/bin/bash
# storm.sh KILLS: so many kill -9 of the processes of two birthmarkd on one database, at random moments of a run of
# provisionings: every certificate that a device holds is in the database, no identity has two EKs, no serial is there
# twice, and the log verifies.
. "$(dirname "$0")/faults.sh"
kills=$1
faults_begin
lab_server one one --servers 2
lab_server two one --servers 2

lab_say "$kills processes are killed under a swarm of devices"
"$SWARM" storm --url "${LAB_URL[one]}" --url "${LAB_URL[two]}" --monitor "${LAB_PID[server-one]}" \
    --monitor "${LAB_PID[server-two]}" --ca "$(lab_ca_file one)" --key "$LAB/vendor.key" --cert "$LAB/vendor.crt" \
    --held "$LAB/held" --kills "$kills" --pause "${STORM_PAUSE:-25}" --workers 4 | tee "$LAB/storm.out"
grep -q "^kills $kills:" "$LAB/storm.out" || lab_die "not as many kills as there had to be"
grep -Eq 'provisioned [1-9][0-9]+,' "$LAB/storm.out" || lab_die "nearly nothing was provisioned"

lab_say "the service is there, without a restart by hand"
lab_alive "${LAB_PID[server-one]}" || lab_die "a monitor is gone"
lab_alive "${LAB_PID[server-two]}" || lab_die "a monitor is gone"
lab_wait 30 lab_healthy one || lab_die "the first is not healthy"
lab_wait 30 lab_healthy two || lab_die "the second is not healthy"

lab_say "what the devices hold is what the database has"
lab_server_crash one
lab_server_crash two
"$SWARM" check "$FAULTS_DATABASE" "$LAB"/held.*
lab_ctl one log verify
