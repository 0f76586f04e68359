#!/bin/bash
# From init to a certificate, the CA is run by a user without any rights; and started by root, it becomes one.
. "$(dirname "$0")/../lab/lab.sh"
if (($(id -u) != 0)); then
    echo "skipped: only root can become another user"
    exit 77
fi
lab_begin
# The programs and the directory must be in that user's reach.
chmod 711 "$LAB"
mkdir -m 755 "$LAB/bin"
for program in "$BIRTHMARKD" "$BIRTHMARKCTL"; do
    install -m 755 "$program" "$LAB/bin/"
done
export BIRTHMARKD=$LAB/bin/birthmarkd BIRTHMARKCTL=$LAB/bin/birthmarkctl
nobody=$(id -u nobody)
group=$(id -g nobody)

# status PID FIELD
status() {
    sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

# without_rights SERVER: each of its processes is nobody's, has no capability, leaves no core file, and is closed to its own user.
without_rights() {
    local pid
    for pid in "${LAB_PID[server-$1]}" $(lab_processes "$1"); do
        [[ $(status "$pid" Uid) == "$nobody"$'\t'"$nobody"$'\t'"$nobody"$'\t'"$nobody" ]] || lab_die "$pid: $(status "$pid" Uid)"
        [[ $(status "$pid" Gid) == "$group"$'\t'"$group"$'\t'"$group"$'\t'"$group" ]] || lab_die "$pid: $(status "$pid" Gid)"
        [[ -z $(status "$pid" Groups | tr -d " $group") ]] || lab_die "$pid has the groups $(status "$pid" Groups)"
        [[ $(status "$pid" CapEff)$(status "$pid" CapPrm) =~ ^0+$ ]] || lab_die "$pid has capabilities"
        grep -q '^Max core file size *0 *0 ' "/proc/$pid/limits" || lab_die "$pid may leave a core file"
        [[ $(stat -c %u "/proc/$pid/mem") == 0 ]] || lab_die "$pid can be read by its own user"
        ! as_nobody head -c 1 "/proc/$pid/environ" >/dev/null 2>&1 || lab_die "$pid was read by its own user"
    done
}

as_nobody() {
    setpriv --reuid "$nobody" --regid "$group" --clear-groups -- "$@"
}

lab_say "init, by a user without rights"
install -d -o "$nobody" -g "$group" -m 700 "$LAB/home"
cd "$LAB/home" || exit
as_nobody "$BIRTHMARKCTL" init --state "$LAB/home/ca" >"$LAB/ca-one-init.log"
ln -s home/ca "$LAB/ca-one"
lab_vendor acme
for crt in root inter; do
    install -o "$nobody" -m 600 "$LAB/vendor-acme/$crt.crt" "$LAB/home/$crt.crt"
    as_nobody "$BIRTHMARKCTL" trust add --state "$LAB/home/ca" --class discrete "$LAB/home/$crt.crt"
done
[[ -z $(find "$LAB/home/ca" ! -user nobody) ]] || lab_die "something belongs to somebody else"

lab_say "the server, by the same user; its processes have no rights, and a device is enrolled"
cat >"$LAB/bin/as-nobody" <<EOT
#!/bin/sh
ulimit -c unlimited
exec setpriv --reuid $nobody --regid $group --clear-groups -- "$BIRTHMARKD" "\$@"
EOT
chmod 755 "$LAB/bin/as-nobody"
BIRTHMARKD=$LAB/bin/as-nobody lab_server one
without_rights one
lab_tpm one --ek L-2
lab_enroll one one SN1 --key ecc256
lab_identity_good "$LAB/id-SN1" one one

lab_say "what crashes leaves no core file, and is started again"
back() {
    local pids
    pids=$(lab_processes one "$1")
    [[ $(grep -c . <<<"$pids") == "$2" ]] && ! grep -qx "$3" <<<"$pids"
}
for kind in keeper ledger server; do
    count=$(lab_processes one "$kind" | wc -l)
    read -r pid < <(lab_processes one "$kind")
    kill -XCPU "$pid" # leaves a core file as a crash does, and no sanitizer has a handler for it
    lab_wait 30 back "$kind" "$count" "$pid" || lab_die "no $kind was started again"
    grep -q "$kind.* died signal=24" "$LAB/server-one.log"
done
[[ -z $(find "$LAB" -name '*core*' ! -name '*.log') ]] || lab_die "a core file: $(find "$LAB" -name '*core*')"
lab_enroll one one SN1 --renew
lab_server_stop one

lab_say "started by root, with --user: the same"
lab_server one one --user nobody
without_rights one
lab_enroll one one SN1 --renew
lab_server_stop one

# refuses TEXT OPTIONS...
refuses() {
    local text=$1 rc=0
    shift
    "$@" --listen 127.0.0.1:0 >"$LAB/refused.out" 2>"$LAB/refused.log" || rc=$?
    [[ $rc == 78 || $rc == 2 ]] || lab_die "exit status $rc: $(cat "$LAB/refused.log")"
    grep -qF -- "$text" "$LAB/refused.log" || lab_die "not said: '$text': $(cat "$LAB/refused.log")"
}

lab_say "root does not run it on another user's files, and nobody becomes root"
refuses "belongs to user $nobody, and birthmarkd runs as user 0: start it as user $nobody" "$BIRTHMARKD" --state "$LAB/home/ca"
refuses "only root can become another user" as_nobody "$BIRTHMARKD" --state "$LAB/home/ca" --user root
refuses "there is no user 'birthmark-nonesuch'" "$BIRTHMARKD" --state "$LAB/home/ca" --user birthmark-nonesuch
"$BIRTHMARKCTL" init --state "$LAB/ca-roots" >/dev/null
refuses "may not open it: start birthmarkd as its owner" "$BIRTHMARKD" --state "$LAB/ca-roots" --user nobody

lab_say "root's own CA runs as root, and is told that it need not; its processes have none of root's rights"
lab_server roots
grep -q 'runs as root, and need not' "$LAB/server-roots.log"
for pid in $(lab_processes roots); do
    # But the one to lock memory.
    [[ $(status "$pid" CapEff)$(status "$pid" CapPrm) =~ ^(0*[04]0{3}){2}$ ]] || lab_die "$pid has capabilities"
done
