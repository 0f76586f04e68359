# shellcheck shell=bash
# What the tests of birthmarkctl share. Each has a directory of its own, $T, which is removed at the end.

set -Eeuo pipefail
shopt -s inherit_errexit
export LC_ALL=C
umask 022
unset BIRTHMARK_STATE BIRTHMARK_PASSPHRASE CREDENTIALS_DIRECTORY
: "${BIRTHMARKCTL:=birthmarkctl}"

T=$(mktemp -d "${TMPDIR:-/tmp}/bmctl.XXXXXX")
trap 'rm -rf "$T"' EXIT
trap 'printf "FAILED at %s line %s: %s\n" "${BASH_SOURCE[0]}" "$LINENO" "$BASH_COMMAND" >&2' ERR
cd "$T"

# say TEXT: the promise that the next lines prove.
say() {
    printf '%s\n' "- $1"
}

die() {
    printf 'FAILED: %s\n' "$1" >&2
    exit 1
}

ctl() {
    "$BIRTHMARKCTL" "$@"
}

# refused CODE WORDS COMMAND...: birthmarkctl ends with this code, says these words on standard error in a line that begins
# with its name, and nothing on standard output.
refused() {
    local code=$1 words=$2 rc=0
    shift 2
    ctl "$@" >"$T/.out" 2>"$T/.err" || rc=$?
    [[ $rc == "$code" ]] || die "exit code $rc, not $code: $* ($(cat "$T/.err"))"
    grep -q "^birthmarkctl: .*$words" "$T/.err" || die "not said: '$words': $* ($(cat "$T/.err"))"
    [[ ! -s $T/.out ]] || die "something on standard output: $*"
    ! grep -q 'ERROR: AddressSanitizer\|runtime error' "$T/.err" || die "$(cat "$T/.err")"
}

# same A B
same() {
    [[ $1 == "$2" ]] || die "'$1' is not '$2'"
}

# has TEXT WORDS
has() {
    [[ $1 == *"$2"* ]] || die "'$2' is not in '$1'"
}

# state_of DIR: names, modes and contents.
state_of() {
    (cd "$1" && find . -printf '%P %m %y\n' | sort && find . -type f -exec sha256sum {} + | sort)
}

# pkeyhash FILE: SHA-256 of the SubjectPublicKeyInfo of a private key, in hex.
pkeyhash() {
    openssl pkey -in "$1" -pubout -outform DER | sha256sum | cut -d' ' -f1
}
