# shellcheck shell=bash
# What the scenarios of faults/ share, beside the lab.
. "$(dirname "${BASH_SOURCE[0]}")/../lab/lab.sh"

# faults_begin: a lab with a CA `one` that trusts the swarm's vendor.
faults_begin() {
    lab_begin
    LAB_NO_TRUST=1 lab_ca one
    "$SWARM" vendor "$LAB/vendor.key" "$LAB/vendor.crt"
    lab_ctl one trust add --class discrete "$LAB/vendor.crt" >"$LAB/trust.log"
    trap faults_cleanup EXIT
    FAULTS_DATABASE=$LAB/ca-one/database/birthmark.db
}

# The end: what was mounted goes before the lab's directory does.
faults_cleanup() {
    local rc=$?
    trap - ERR
    set +e
    if mountpoint -q "$LAB/ca-one/database"; then
        umount -l "$LAB/ca-one/database"
    fi
    (exit "$rc")
    lab_cleanup
}

# faults_try SERIAL: a new device tries both calls, each once; what it says is in $LAB/said.
faults_try() {
    "$SWARM" try "${LAB_URL[one]}" "$(lab_ca_file one)" "$LAB/vendor.key" "$LAB/vendor.crt" "$1" "$LAB/held" >"$LAB/said"
}

# faults_issued SERIAL: it must get its certificate.
faults_issued() {
    faults_try "$1" || lab_die "$1 got no certificate: $(cat "$LAB/said")"
}

# faults_refused SERIAL CALL CODE: it must not: CALL ends with a problem document of that code, and nothing inside the
# server is told.
faults_refused() {
    if faults_try "$1"; then
        lab_die "$1 got a certificate"
    fi
    grep -q "^$2: $3: " "$LAB/said" || lab_die "$1, $2: not $3 but: $(cat "$LAB/said")"
    ! grep -Eiq '^detail|sqlite|birthmark\.db|/tmp|/var' "$LAB/said" || lab_die "too much is told: $(cat "$LAB/said")"
}

# faults_check: after a crash of everything, what devices hold is what the database has, and the log verifies.
faults_check() {
    lab_server_crash one
    "$SWARM" check "$FAULTS_DATABASE" "$LAB/held"
    lab_ctl one log verify
}

# faults_logged PATTERN: the server's log has such a line.
faults_logged() {
    grep -Eq -- "$1" "$LAB/server-one.log"
}

# faults_cpu: the CPU time that birthmarkd has taken so far, its dead processes with it, in hundredths of a second.
faults_cpu() {
    local pid sum=0
    for pid in "${LAB_PID[server-one]}" $(lab_processes one); do
        sum=$((sum + $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | awk '{ print $12 + $13 + $14 + $15 } END { if (!NR) print 0 }')))
    done
    printf '%s\n' "$((sum * 100 / $(getconf CLK_TCK)))"
}

# faults_quiet SECONDS: in so many seconds it takes less than half of one processor: it waits, and does not run in a
# circle.
faults_quiet() {
    local before after
    before=$(faults_cpu)
    sleep "$1"
    after=$(faults_cpu)
    ((after - before < $1 * 50)) || lab_die "birthmarkd took $((after - before)) hundredths of a second in $1 s, idle"
}

# faults_lock: another process, such as somebody's sqlite3, holds a write transaction until faults_unlock.
faults_lock() {
    rm -f "$LAB/locked"
    python3 -c '
import pathlib, signal, sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
database.execute("BEGIN IMMEDIATE")
pathlib.Path(sys.argv[2]).touch()
signal.pause()' "$FAULTS_DATABASE" "$LAB/locked" &
    LAB_PID[lock]=$!
    lab_wait 20 test -e "$LAB/locked" || lab_die "the database cannot be locked"
}

faults_unlock() {
    lab_stop lock
}

# faults_mounts SCRIPT [ARGUMENT...]: runs the scenario again where it can mount file systems that nobody else sees. Without
# that (a container that forbids it), FAULTS_MOUNTS stays empty.
faults_mounts() {
    local own=(unshare -m)
    if [[ -n ${FAULTS_MOUNTS+set} ]]; then
        return 0
    fi
    if (($(id -u) != 0)); then
        own=(unshare -Urm)
    fi
    if "${own[@]}" mount -t tmpfs none /mnt 2>/dev/null; then
        FAULTS_MOUNTS=1 exec "${own[@]}" bash "$@"
    fi
    FAULTS_MOUNTS=
}
