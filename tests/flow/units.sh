#!/bin/bash
# The units in contrib/systemd are what systemd takes, without a warning. Skipped where systemd-analyze is not installed.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin

lab_say "the CA's service comes back whatever ended it, but for what a person must put right"
for line in Restart=always RestartSec=2s StartLimitIntervalSec=0 'RestartPreventExitStatus=2 78'; do
    grep -qx "$line" "$(dirname "$0")/../../contrib/systemd/birthmarkd.service" || lab_die "there is no $line"
done

command -v systemd-analyze >/dev/null || exit 77
units=$(cd "$(dirname "$0")/../../contrib/systemd" && pwd)
mkdir "$LAB/units"

# verify FILE: as it would be installed, with the programs that were built in the place of those that would be.
verify() {
    local name=${1##*/}
    sed -e "s|/usr/local/bin/birthmark |$BIRTHMARK |; s|/usr/local/sbin/birthmarkd |$BIRTHMARKD |" "$1" >"$LAB/units/${name/@./@lab.}"
}

lab_say "they are whole, and name nothing that systemd does not know"
for file in "$units"/*; do
    verify "$file"
done
for file in "$LAB"/units/*; do
    systemd-analyze verify --man=no --recursive-errors=no "$file" >"$LAB/said" 2>&1 || { cat "$LAB/said" >&2; lab_die "${file##*/}"; }
    # Of this unit alone: others of the machine may have faults of their own.
    if grep -q "${file##*/}:" "$LAB/said"; then
        cat "$LAB/said" >&2
        lab_die "${file##*/} has a warning"
    fi
done

lab_say "and a wrong one would be found"
sed 's/^ProtectSystem=strict/ProtectSytem=strict/' "$LAB/units/birthmark-renew.service" >"$LAB/units/wrong.service"
systemd-analyze verify --man=no --recursive-errors=no "$LAB/units/wrong.service" >"$LAB/said" 2>&1 || true
grep -q 'wrong.service:.*ProtectSytem' "$LAB/said" || lab_die "$(cat "$LAB/said")"
