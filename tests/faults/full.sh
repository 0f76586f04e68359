#!/bin/bash
# full.sh HOW: the disk of the database is full (`disk`: a small file system; `limit`: files that may not grow). Nothing is
# issued, nothing is half written, and with room again the service goes on without a restart.
. "$(dirname "$0")/faults.sh"
how=$1
if [[ $how == disk ]]; then
    faults_mounts "$0" "$@"
    if [[ -z $FAULTS_MOUNTS ]]; then
        echo "this machine lets nobody mount a small file system; full.sh limit shows the same with files that may not grow"
        exit 77
    fi
fi
faults_begin
if [[ $how == disk ]]; then
    cp -a "$LAB/ca-one/database" "$LAB/whole"
    mount -t tmpfs -o size=2m,mode=700 none "$LAB/ca-one/database"
    cp -a "$LAB/whole/." "$LAB/ca-one/database"
fi
lab_server one

fill() {
    if [[ $how == disk ]]; then
        dd if=/dev/zero of="$LAB/ca-one/database/filler" bs=4096 status=none 2>/dev/null || true
    else
        prlimit --pid "$(lab_processes one ledger)" --fsize=4096:
    fi
}

make_room() {
    if [[ $how == disk ]]; then
        rm "$LAB/ca-one/database/filler"
    else
        prlimit --pid "$(lab_processes one ledger)" --fsize=unlimited:
    fi
}

faults_issued SN-1
ledger=$(lab_processes one ledger)
fill

lab_say "full: getChallenge is answered, getCertificate is an error that tells nothing of the inside"
faults_refused SN-2 getCertificate store-error
faults_refused SN-3 getCertificate store-error
faults_logged 'there is no room for the database|the database could not be written' || lab_die "the log does not say what to do"
lab_healthy one || lab_die "the server does not answer"

lab_say "full: what is refused is refused, though it cannot be recorded"
faults_refused SN-1 getChallenge identity-taken

if [[ $how == disk ]]; then
    lab_say "full: a ledger that dies comes again"
    lab_kill_process one ledger
    lab_wait 20 lab_healthy one || lab_die "the ledger does not begin on a full disk"
    ledger=$(lab_processes one ledger)
    faults_refused SN-2 getCertificate store-error
fi

lab_say "room again: the same processes issue again"
make_room
faults_issued SN-2
faults_issued SN-3
[[ $(lab_processes one ledger) == "$ledger" ]] || lab_die "the ledger has died"

lab_say "nothing was half written"
faults_check
[[ $(lab_ctl one cert list | grep -c 'SN-') == 3 ]] || lab_die "$(lab_ctl one cert list)"
