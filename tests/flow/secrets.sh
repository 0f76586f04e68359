#!/bin/bash
# The keys are in the memory of the process that needs them and of no other, and that memory is locked. Nobody but the
# monitor keeps the passphrase, which it needs to start the keeper again.
. "$(dirname "$0")/../lab/lab.sh"
sanitized=$1
if (($(id -u) != 0)); then
    echo "skipped: only root may read these memories"
    exit 77
fi
lab_begin
openssl rand -base64 24 >"$LAB/word"
lab_ca one --passphrase-file "$LAB/word"
lab_tpm one --ek L-2

# kept KIND WORDS: what is to be found in the memory of each process of this kind.
kept() {
    local pid pids=${LAB_PID[server-one]}
    [[ $1 == monitor ]] || pids=$(lab_processes one "$1")
    for pid in $pids; do
        printf '%s%s\n' "$pid" "$2" >>"$LAB/expected"
    done
}

each_has_its_own() {
    : >"$LAB/expected"
    kept keeper ' ca-key ticket-key'
    kept server ' tls-key'
    kept ledger ''
    kept monitor ' passphrase tls-key'
    # shellcheck disable=SC2046
    "$BIRTHMARK_SEARCH" "$LAB/ca-one" "$LAB/word" $(cut -d' ' -f1 "$LAB/expected") >"$LAB/found"
    diff "$LAB/expected" "$LAB/found" || lab_die "the secrets are not where they should be"
}

# locked PID: in kB.
locked() {
    sed -n 's/^VmLck:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$1/status"
}

lab_say "after the start"
lab_server one one --passphrase-file "$LAB/word" --servers 2
each_has_its_own

lab_say "after certificates were issued"
lab_enroll one one SN1 --key ecc256
lab_enroll one one SN1 --renew
each_has_its_own

lab_say "in a keeper that was started again"
back() {
    [[ $(lab_processes one keeper | wc -l) == 1 ]] && curl -sS --cacert "$(lab_ca_file one)" "${LAB_URL[one]}/healthz" | grep -q '"ok"'
}
lab_kill_process one keeper
lab_wait 30 back
each_has_its_own

if [[ $sanitized == yes ]]; then
    lab_say "with a sanitizer memory is not locked: its own is too much"
    exit
fi
lab_say "monitor, keeper and servers have locked their memory"
for pid in "${LAB_PID[server-one]}" $(lab_processes one keeper) $(lab_processes one server); do
    (($(locked "$pid") > 4000)) || lab_die "$pid has locked $(locked "$pid") kB"
done
lab_fails grep 'locked=no' "$LAB/server-one.log"
lab_server_stop one

lab_say "without the right to lock enough, it says so and serves"
cat >"$LAB/few" <<EOT
#!/bin/sh
ulimit -l 8192
exec setpriv --bounding-set -ipc_lock,-sys_resource "$BIRTHMARKD" "\$@"
EOT
chmod 700 "$LAB/few"
BIRTHMARKD=$LAB/few lab_server few one --passphrase-file "$LAB/word" --servers 1
for process in monitor keeper 'server\[0\]'; do
    grep -q " $process locked=no its keys may be swapped.*LimitMEMLOCK=64M" "$LAB/server-few.log" || lab_die "$process says nothing"
done
lab_enroll one few SN1 --renew
