# shellcheck shell=bash
# The lab's identity CAs, their servers, and the agent. Part of lab.sh.

# lab_ca NAME [init options]: an identity CA that trusts the vendor `acme` (made if there is none) as a maker of
# discrete TPMs. LAB_NO_TRUST=1 leaves the anchors empty.
lab_ca() {
    local name=$1
    shift
    if [[ -n ${LAB_STOCK_SHELF:-} && "$*" != */* ]]; then
        lab_stocked "$LAB/ca-$name" "ca-${*// /_}" lab_ca_make "$name" "$@"
    else
        lab_ca_make "$name" "$@" "$LAB/ca-$name"
    fi
    if [[ -z ${LAB_NO_TRUST:-} ]]; then
        lab_trust "$name" acme
    fi
}

# lab_ca_make NAME [init options] DIR
lab_ca_make() {
    "$BIRTHMARKCTL" init --state "${@: -1}" "${@:2:$#-2}" >"$LAB/ca-$1-init.log" 2>&1 || lab_die "birthmarkctl init failed for $1"
}

# lab_trust CA VENDOR [CLASS]: the vendor's root and its intermediate become anchors.
lab_trust() {
    lab_trust_root "$@"
    lab_ctl "$1" trust add --class "${3:-discrete}" "$LAB/vendor-$2/inter.crt" >>"$LAB/ca-$1-ctl.log"
}

# lab_trust_root CA VENDOR [CLASS]: the root alone, so that whoever has a certificate must bring its chain.
lab_trust_root() {
    if [[ ! -d $LAB/vendor-$2 ]]; then
        lab_vendor "$2"
    fi
    lab_ctl "$1" trust add --class "${3:-discrete}" "$LAB/vendor-$2/root.crt" >>"$LAB/ca-$1-ctl.log"
}

# lab_distrust CA VENDOR: both are anchors no more.
lab_distrust() {
    local crt sha
    for crt in "$LAB/vendor-$2/root.crt" "$LAB/vendor-$2/inter.crt"; do
        sha=$(openssl x509 -in "$crt" -outform DER | sha256sum)
        lab_ctl "$1" trust remove "${sha%% *}" >>"$LAB/ca-$1-ctl.log"
    done
}

# lab_revoke CA FILE [options]: loads a CRL of a vendor. lab_unrevoke CA FILE: forgets it.
lab_revoke() {
    local ca=$1 file=$2
    shift 2
    lab_ctl "$ca" trust crl add "$file" "$@" >>"$LAB/ca-$ca-ctl.log"
}
lab_unrevoke() {
    local sha
    sha=$(openssl crl -in "$2" -outform DER | sha256sum)
    lab_ctl "$1" trust crl remove "${sha%% *}" >>"$LAB/ca-$1-ctl.log"
}

# lab_profile CA NAME [LINE...]: another profile: the default one with those lines of the configuration in place of its
# own.
lab_profile() {
    local conf=$LAB/ca-$1/birthmark.conf name=$2 line
    shift 2
    sed -n '/^\[profile default\]/,/^\[/p' "$conf" | sed '1d; /^\[/d; /^[#;]/d' >"$LAB/profile"
    for line in "$@"; do
        sed -i "/^${line%%[ =]*}[ =]/d" "$LAB/profile"
        printf '%s\n' "$line" >>"$LAB/profile"
    done
    { printf '\n[profile %s]\n' "$name"; cat "$LAB/profile"; } >>"$conf"
    rm "$LAB/profile"
}

# lab_server_key CA KEY VALUE: a key of [server] in its configuration, for the next start.
lab_server_key() {
    grep -q "^$2 =" "$LAB/ca-$1/birthmark.conf" || lab_die "birthmark.conf has no $2"
    sed -i "s|^$2 =.*|$2 = $3|" "$LAB/ca-$1/birthmark.conf"
}

# lab_ctl CA COMMAND...: birthmarkctl on that CA.
lab_ctl() {
    local name=$1 rc=0 said
    shift
    said=$(mktemp "$LAB/ctl-said.XXXXXX")
    "$BIRTHMARKCTL" "$@" --state "$LAB/ca-$name" 2>"$said" || rc=$?
    tee -a "$LAB/ca-$name-ctl.log" <"$said" >&2
    rm "$said"
    return "$rc"
}

# lab_ca_file CA: the file that verifies this CA's certificates and its TLS.
lab_ca_file() {
    printf '%s\n' "$LAB/ca-$1/ca.crt"
}

lab_server_ready() {
    lab_gone "$1" || grep -q '^listening on ' "$2"
}

# lab_server NAME [CA] [birthmarkd options]: starts it on a port that the kernel chooses, and waits for the line that
# names it. With a different CA name, several servers share one state directory.
lab_server() {
    local name=$1 ca=${2:-$1} out=$LAB/server-$1.out
    shift $(($# > 1 ? 2 : 1))
    : >"$out"
    "$BIRTHMARKD" --state "$LAB/ca-$ca" --listen 127.0.0.1:0 "$@" >"$out" 2>>"$LAB/server-$name.log" &
    LAB_PID[server-$name]=$!
    LAB_CA_OF[$name]=$ca
    lab_wait 30 lab_server_ready "$!" "$out" || lab_die "birthmarkd $name says nothing"
    LAB_URL[$name]=$(sed -n 's/^listening on \(http[^ ]*\).*/\1/p' "$out")
    [[ -n ${LAB_URL[$name]} ]] || lab_die "birthmarkd $name did not start"
}

# lab_healthy SERVER: /healthz says that server, keeper and ledger answer.
lab_healthy() {
    curl -sf --noproxy '*' --max-time 10 --cacert "$(lab_ca_file "${LAB_CA_OF[$1]}")" "${LAB_URL[$1]}/healthz" >"$LAB/health"
}

lab_server_stop() {
    lab_stop "server-$1" "${2:-TERM}"
}

# lab_server_crash NAME: kill -9 of all its processes, as when the power fails.
lab_server_crash() {
    local pids
    pids=$(lab_processes "$1")
    kill -KILL "${LAB_PID[server-$1]}"
    # shellcheck disable=SC2086
    kill -KILL $pids 2>/dev/null || true
    lab_server_stop "$1"
}

# lab_processes SERVER [KIND]: the pids of its processes, of that kind alone: server, ledger, keeper.
lab_processes() {
    local pid=${LAB_PID[server-$1]} child words
    for child in $(cat "/proc/$pid/task/$pid/children"); do
        words=$(tr '\0' ' ' 2>/dev/null <"/proc/$child/cmdline" || true)
        if [[ -z ${2:-} || " $words " == *" -x $2 "* ]]; then
            printf '%s\n' "$child"
        fi
    done
}

# lab_kill_process SERVER KIND: kill -9 every process of that kind, as a crash would.
lab_kill_process() {
    local pids
    pids=$(lab_processes "$1" "$2")
    [[ -n $pids ]] || lab_die "birthmarkd $1 has no process $2"
    # shellcheck disable=SC2086
    kill -KILL $pids
}

# lab_agent TPM SERVER SERIAL [options]: sets AGENT to the command line of an enrolment, its state directory being
# $LAB/id-SERIAL unless the options name another.
lab_agent() {
    local tpm=$1 server=$2 serial=$3
    shift 3
    AGENT=("$BIRTHMARK" enroll --tcti "$(lab_tcti "$tpm")" --server "${LAB_URL[$server]}"
        --ca "$(lab_ca_file "${LAB_CA_OF[$server]}")" --serial "$serial")
    if [[ " $* " != *" --state "* ]]; then
        AGENT+=(--state "$LAB/id-$serial")
    fi
    AGENT+=("$@")
}

# lab_enroll TPM SERVER SERIAL [options]: the agent runs to its end; what it says is shown and kept in enroll.log.
lab_enroll() {
    local rc=0 AGENT
    lab_agent "$@"
    printf '$ %s\n' "${AGENT[*]}" >>"$LAB/enroll.log"
    : >"$LAB/enroll.out"
    "${AGENT[@]}" 2>&1 | tee -a "$LAB/enroll.log" "$LAB/enroll.out" || rc=$?
    return "$rc"
}

# lab_identity_good DIR CA TPM: the state directory is complete: the certificate chains to the CA for clientAuth, and
# its key is the one at the handle of key.uri in that TPM.
lab_identity_good() {
    local dir=$1 f found
    for f in device.crt chain.crt ca.crt openssl.cnf key.uri device.key; do
        [[ -s $dir/$f ]] || lab_die "$dir has no $f"
    done
    lab_use_tpm "$3"
    found=$("$LAB_LOOK" identity "$dir" "$(lab_ca_file "$2")") || lab_die "$dir: $found"
}

# lab_at_step STEP COMMAND TPM SERVER SERIAL [options]: the agent, and the command at the moment when it says that STEP
# begins. Afterwards LAB_AGENT_RC is its exit status. LAB_AGENT_PID is there for the command.
lab_at_step() {
    local step=$1 command=$2 line AGENT
    shift 2
    lab_agent "$@"
    rm -f "$LAB/steps"
    mkfifo "$LAB/steps"
    # A shell starts what is in the background deaf to SIGINT; a person's shell does not.
    env --default-signal=INT "${AGENT[@]}" >"$LAB/enroll.out" 2>"$LAB/steps" &
    LAB_AGENT_PID=$!
    LAB_STEP_SEEN=
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"$LAB/enroll.log"
        if [[ -z $LAB_STEP_SEEN && $line == "$step/6"* ]]; then
            LAB_STEP_SEEN=1
            eval "$command" || lab_die "failed at step $step: $command"
        fi
    done <"$LAB/steps"
    LAB_AGENT_RC=0
    wait "$LAB_AGENT_PID" || LAB_AGENT_RC=$?
    ((LAB_AGENT_RC != 199)) || lab_die "a sanitizer stopped the agent at step $step"
    [[ -n $LAB_STEP_SEEN ]] || lab_die "the agent never began step $step"
}
