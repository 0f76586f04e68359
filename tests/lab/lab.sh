# shellcheck shell=bash
# The lab: everything around the programs under test, made from nothing in a directory of its own.
#
# Source it from bash and call lab_begin. What is made lives under $LAB: a TPM vendor's CA, software TPMs with EK
# certificates in NV, identity CAs and their servers, web servers. What is started is recorded by pid and ended, by pid
# alone, when the shell leaves. No fixed port and no path outside $LAB, so any number of labs run side by side.
#
#   lab_begin                            make $LAB; with an argument: use that directory and keep it
#   lab_vendor NAME                      a TPM vendor: root and intermediate CA in $LAB/vendor-NAME
#   lab_tpm NAME --ek L-1,L-2 [...]      a software TPM with those EKs and their certificates
#   lab_ca NAME [init options]           an identity CA in $LAB/ca-NAME that trusts the vendor `acme`
#   lab_server NAME [CA] [options]       a birthmarkd for that CA; ${LAB_URL[NAME]} is its address
#   lab_enroll TPM SERVER SERIAL [...]   birthmark enroll, state directory $LAB/id-SERIAL unless --state is given
#
# The programs are taken from BIRTHMARK, BIRTHMARKD, BIRTHMARKCTL and BIRTHMARK_SWARM; LAB_CLIENT is http/client.c, LAB_LOOK is
# look/look.c.
# With LAB_STOCK, a directory, vendors, TPMs and CAs are made once and copied (stock.sh).

set -Eeuo pipefail
shopt -s inherit_errexit
export LC_ALL=C
# What Debian's packages installed (tools/packages), whatever else a machine has by the same names.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
umask 077

# What a sanitizer finds must not look like a program's own failure.
export ASAN_OPTIONS=exitcode=199:abort_on_error=0:detect_stack_use_after_return=1:malloc_context_size=12
export LSAN_OPTIONS=exitcode=199 UBSAN_OPTIONS=exitcode=199:halt_on_error=1:print_stacktrace=1

LAB_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export LAB_CLIENT=${LAB_CLIENT:-lab-client} LAB_LOOK=${LAB_LOOK:-lab-look}
: "${BIRTHMARK:=birthmark}" "${BIRTHMARKD:=birthmarkd}" "${BIRTHMARKCTL:=birthmarkctl}" "${BIRTHMARK_SWARM:=birthmark-swarm}"
declare -A LAB_PID=() LAB_URL=() LAB_CA_OF=()
LAB=
LAB_KEEP=${LAB_KEEP:-}

# shellcheck source=tests/lab/stock.sh
. "$LAB_HERE/stock.sh"
# shellcheck source=tests/lab/tpm.sh
. "$LAB_HERE/tpm.sh"
# shellcheck source=tests/lab/ca.sh
. "$LAB_HERE/ca.sh"
# shellcheck source=tests/lab/device.sh
. "$LAB_HERE/device.sh"
# shellcheck source=tests/lab/web.sh
. "$LAB_HERE/web.sh"
# shellcheck source=tests/lab/tunnel.sh
. "$LAB_HERE/tunnel.sh"
# shellcheck source=tests/lab/fault.sh
. "$LAB_HERE/fault.sh"

# lab_begin [DIR]: a short path, because a unix socket's path ends at 107 bytes.
lab_begin() {
    if (($# > 0)); then
        LAB=$1
        LAB_KEEP=1
        mkdir -p "$LAB"
    else
        LAB=$(mktemp -d "${TMPDIR:-/tmp}/bmlab.XXXXXX")
    fi
    export LAB
    lab_stock_begin
    trap lab_cleanup EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'lab_where $LINENO "$BASH_COMMAND"' ERR
}

lab_where() {
    printf 'FAILED at %s line %s: %s\n' "${BASH_SOURCE[1]:-?}" "$1" "$2" >&2
}

# The end of every test: stop what was started, show the logs if it failed, remove the directory.
lab_cleanup() {
    local rc=$? name
    trap - EXIT ERR
    set +e
    for name in "${!LAB_PID[@]}"; do
        lab_stop "$name"
    done
    if ((rc == 0)) && ! lab_sanitary; then
        rc=1
    fi
    if ((rc != 0)); then
        lab_logs >&2
    fi
    if [[ -n $LAB && -z $LAB_KEEP ]]; then
        rm -rf "$LAB"
    fi
    exit "$rc"
}

# lab_sanitary: no sanitizer wrote a report into a log.
lab_sanitary() {
    ! grep -rlE 'ERROR: (Address|Leak)Sanitizer|runtime error:|Sanitizer:DEADLYSIGNAL' "$LAB" \
        --include='*.log' --include='*.out'
}

# lab_logs: the tail of every log, for the reader of a failed test.
lab_logs() {
    local f
    for f in "$LAB"/*.log "$LAB"/*/*.log; do
        if [[ -s $f ]]; then
            printf -- '--- %s\n' "${f#"$LAB"/}"
            tail -n 40 "$f"
        fi
    done
}

# lab_say TEXT: which promise is being tested now.
lab_say() {
    printf '* %s\n' "$*"
}

# lab_die TEXT: the promise was not kept.
lab_die() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# lab_wait SECONDS COMMAND...: until the command succeeds; fails when the time is over.
lab_wait() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        if ((SECONDS > end)); then
            return 1
        fi
        lab_moment
    done
}

# lab_moment: 20 ms, without another process. Nobody ever writes to the descriptor.
exec {LAB_NEVER}<> <(:)
lab_moment() {
    read -r -t 0.02 -u "$LAB_NEVER" || true
}

# lab_fails COMMAND...: the command must fail, by itself and not by a signal. What it said is in $LAB/said.
lab_fails() {
    local rc=0
    "$@" >"$LAB/said" 2>&1 || rc=$?
    if ((rc == 0)); then
        cat "$LAB/said" >&2
        lab_die "succeeded, and had to fail: $*"
    fi
    if ((rc >= 126)); then
        cat "$LAB/said" >&2
        lab_die "ended with $rc: $*"
    fi
}

# lab_said PATTERN: the last lab_fails said something that matches.
lab_said() {
    if ! grep -Eqi -- "$1" "$LAB/said"; then
        cat "$LAB/said" >&2
        lab_die "did not say: $1"
    fi
}

# lab_same A B: two files of the same bytes.
lab_same() {
    cmp -s -- "$1" "$2" || lab_die "$1 and $2 differ"
}

# lab_alive PID: runs, and is not a zombie.
lab_alive() {
    local state
    state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || return 1
    [[ -n $state && $state != Z ]]
}

lab_gone() {
    ! lab_alive "$1"
}

# lab_stop NAME [SIGNAL]: end one thing that this lab started; KILL after ten seconds.
lab_stop() {
    local pid=${LAB_PID[$1]:-}
    if [[ -z $pid ]]; then
        return 0
    fi
    unset "LAB_PID[$1]"
    kill "-${2:-TERM}" "$pid" 2>/dev/null || true
    lab_wait 10 lab_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}
