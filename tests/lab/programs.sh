# shellcheck shell=bash
# The programs of docs/programs.md, with what stands there: each block of the page has a name in a comment above it. Part of lab.sh; sourced
# by the scenarios programs-*.sh, after it.
#
# Two servers of each kind, since tpm2-openssl tells them apart: with an Ed25519 certificate (ed) and with a P-256 one (ec). LAB_KIND is the one that the
# page means just now.

LAB_PAGE=$LAB_HERE/../../docs/programs.md
LAB_KIND=ed
declare -A LAB_WEB=() LAB_BROKER=()
LAB_OWN=0 LAB_PLAIN=0 LAB_WORKERS=root

# lab_block NAME: the block of the page, its examples of paths, places and servers replaced by the lab's. The broker
# listens at whatever addresses localhost has: a bridge tries the first alone, which may be one of IPv6.
lab_block() {
    local text
    text=$(awk -v mark="<!-- $1 -->" '
        $0 == mark { on = 1; next }
        on && /^    / { print substr($0, 5); seen = 1; next }
        on && /^$/ { if (seen) blank = blank "\n"; next }
        on { exit }' "$LAB_PAGE")
    [[ -n $text ]] || lab_die "docs/programs.md has no block $1"
    sed -e "s|/var/lib/birthmark|$LAB/id-SN-1|g; s|/etc/birthmark/identity-ca.crt|$(lab_ca_file one)|g" \
        -e "s|/etc/birthmark/servers.crt|$LAB/$LAB_KIND.crt|g; s|/etc/ssl/api|$LAB/$LAB_KIND|g; s|/etc/birthmark|$LAB/etc|g" \
        -e "s|/etc/tpm2_pkcs11|$LAB/p11|g; s|/run/birthmark|$LAB/run|g" \
        -e "s|api.example.com:443|localhost:${LAB_WEB[$LAB_KIND]:-0}|g; s|listen 443 |listen 127.0.0.1:${LAB_WEB[$LAB_KIND]:-0} |" \
        -e "s|mqtt.example.com:8883|localhost:${LAB_BROKER[$LAB_KIND]:-0}|g; s|mqtt.example.com -p 8883|localhost -p ${LAB_BROKER[$LAB_KIND]:-0}|g" \
        -e "s|^listener 8883|listener ${LAB_BROKER[$LAB_KIND]:-0} localhost|" \
        -e "s|18830|$LAB_PLAIN|g; s|127.0.0.1:8443|127.0.0.1:$LAB_OWN|g" <<<"$text"
}

# lab_run BLOCK...: runs these commands of the page, one after the other, in one shell.
lab_run() {
    local name text=
    for name in "$@"; do
        text+=$(lab_block "$name")$'\n'
    done
    timeout 60 bash -euc "$text"
}

# lab_with BLOCK COMMAND...: the command, in the environment of a block of the page.
lab_with() {
    local rc=0
    eval "$(lab_block "$1")"
    shift
    "$@" || rc=$?
    unset OPENSSL_CONF
    return "$rc"
}

# lab_python BLOCK: a script of the page, by Debian's own Python.
lab_python() {
    lab_block "$1" >"$LAB/script.py"
    timeout 60 /usr/bin/python3 "$LAB/script.py"
}

# lab_programs_begin: an enrolled device, and the servers.
lab_programs_begin() {
    local kind
    lab_begin
    mkdir -p "$LAB/bin" "$LAB/run" "$LAB/etc"
    ln -s "$BIRTHMARK" "$LAB/bin/birthmark"
    PATH=$LAB/bin:$PATH:/usr/sbin
    lab_tpm one --ek L-2
    lab_ca one
    lab_server one
    lab_enroll one one SN-1 --key ecc256
    lab_use_tpm one
    export BIRTHMARK_TCTI=$TPM2OPENSSL_TCTI
    for kind in 'ed ed25519' 'ec ec -pkeyopt ec_paramgen_curve:P-256'; do
        # shellcheck disable=SC2086
        openssl req -x509 -newkey ${kind#* } -nodes -keyout "$LAB/${kind%% *}.key" -out "$LAB/${kind%% *}.crt" -days 30 -subj /CN=example \
            -addext subjectAltName=DNS:localhost,DNS:api.example.com,DNS:mqtt.example.com 2>"$LAB/openssl.log"
    done
}

# lab_workers: from here on nginx's workers are Debian's www-data, where this is root and that user can come here at all; he may open the TPM.
lab_workers() {
    if (($(id -u) == 0)) && chmod 711 "$LAB" && runuser -u www-data -- test -x "$LAB"; then
        LAB_WORKERS=www-data
        chmod 711 "$LAB/tpm-one"
        chmod 666 "$LAB/tpm-one/sock"
    fi
}

# lab_tries COMMAND...: until it succeeds, at most five times: another may take a port between the question for it and its use.
lab_tries() {
    local try
    for try in 1 2 3 4 5; do
        if "$@"; then
            return
        fi
    done
    lab_die "$try times in vain: $*"
}

lab_listens() {
    lab_gone "$1" || (exec 6<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null
}

# lab_root_stays DIRECTIVE...: as root, these servers would change to a user who cannot read the lab.
lab_root_stays() {
    if (($(id -u) == 0)); then
        printf '%s\n' "$*"
    fi
}

# lab_start_nginx NAME MAIN TEXT PORT|PATH: nginx with master and workers; MAIN stands outside of http, TEXT in it. True: it listens there.
lab_start_nginx() {
    local d=$LAB/nginx-$1
    mkdir -p "$d"
    {
        printf '%s\n' "daemon off; pid $d/pid; error_log $d/error.log info;" "$(lab_root_stays "user $LAB_WORKERS;")" "$2"
        printf '%s\n' 'events { worker_connections 64; }' "http { access_log $d/access.log;"
        printf '%s_temp_path %s;\n' client_body "$d/body" proxy "$d/proxy" fastcgi "$d/fastcgi" uwsgi "$d/uwsgi" scgi "$d/scgi"
        printf '%s\n' "$3" '}'
    } >"$d/nginx.conf"
    rm -f "$LAB/$1.sock"
    nginx -p "$d" -c "$d/nginx.conf" -e "$d/error.log" >"$d/out.log" 2>&1 &
    LAB_PID[nginx-$1]=$!
    if [[ $4 == /* ]]; then
        lab_wait 20 lab_web_ready "$!" "$4"
    else
        lab_wait 20 lab_listens "$!" "$4"
    fi
    lab_alive "${LAB_PID[nginx-$1]}"
}

# lab_start_broker NAME TEXT PORT: mosquitto, with log.
lab_start_broker() {
    printf '%s\n' "$2" 'log_type all' "$(lab_root_stays 'user root')" >"$LAB/$1.conf"
    mosquitto -c "$LAB/$1.conf" >"$LAB/$1.log" 2>&1 &
    LAB_PID[$1]=$!
    lab_wait 20 lab_listens "$!" "$3"
    lab_alive "${LAB_PID[$1]}"
}

start_web() {
    LAB_WEB[$LAB_KIND]=$(lab_free_port)
    lab_start_nginx "web-$LAB_KIND" 'worker_processes 1;' "$(lab_block server-nginx)" "${LAB_WEB[$LAB_KIND]}"
}

start_broker() {
    LAB_BROKER[$LAB_KIND]=$(lab_free_port)
    lab_start_broker "broker-$LAB_KIND" "$(lab_block server-mosquitto)" "${LAB_BROKER[$LAB_KIND]}"
}

# lab_other_side KIND...: an nginx and a mosquitto that let devices in, for each of these kinds of certificates.
lab_other_side() {
    for LAB_KIND in "$@"; do
        lab_tries start_web
        lab_tries start_broker
    done
}

# lab_debian: the number of this Debian's release.
lab_debian() {
    # shellcheck disable=SC1091
    (. /etc/os-release && echo "${VERSION_ID:-0}")
}

# lab_greeted [TLS]: what was printed last, in $LAB/got, is the web server's greeting for the device.
lab_greeted() {
    grep -Eq "^Hello .*CN=SN-1.* over TLSv${1:-1.3}" "$LAB/got" || lab_die "no greeting: $(cat "$LAB/got")"
}

# lab_broker_saw COUNT: so many connections to the broker were the device's, by their certificates.
lab_broker_saw() {
    lab_wait 20 lab_broker_counts "$1" || lab_die "the broker saw: $(grep -E 'connected|rror' "$LAB/broker-$LAB_KIND.log")"
}

lab_broker_counts() {
    (($(grep -c "New \(client\|bridge\) connected .* u'SN-1'" "$LAB/broker-$LAB_KIND.log") >= $1))
}

# lab_bridged: a message to the device's own broker came to the other one under devices/, from the bridge.
lab_bridged() {
    grep -Eq "Received PUBLISH from .*'devices/alarm'" "$LAB/broker-$LAB_KIND.log"
}

start_bridge() {
    LAB_LOCAL=$(lab_free_port)
    lab_start_broker bridge "listener $LAB_LOCAL 127.0.0.1"$'\nallow_anonymous true\n'"$(lab_block "$1")" "$LAB_LOCAL"
}

# lab_bridge BLOCK: the device's own broker with that bridge carries a message to the other one.
lab_bridge() {
    lab_tries start_bridge "$1"
    env -u OPENSSL_CONF mosquitto_pub -h 127.0.0.1 -p "$LAB_LOCAL" -t alarm -q 1 -m fire
    lab_wait 20 lab_bridged || lab_die "the bridge carried nothing: $(cat "$LAB/bridge.log")"
    lab_stop bridge
}

# lab_greet_many SOCKET [TLS]: twenty requests at once to the nginx there, and each is greeted by its upstream.
lab_greet_many() {
    local i
    for i in {1..20}; do
        curl -sS --max-time 30 --unix-socket "$1" http://here/ >"$LAB/got.$i" &
        LAB_PID[curl-$i]=$!
    done
    for i in {1..20}; do
        wait "${LAB_PID[curl-$i]}"
        unset "LAB_PID[curl-$i]"
        mv "$LAB/got.$i" "$LAB/got"
        lab_greeted "${2:-1.3}"
    done
}

# lab_is_device [OPTION...]: the server at LAB_OWN proves that it is the device, to the client of the page.
lab_is_device() {
    bash -c "$(lab_block verify-device) $*" </dev/null >"$LAB/got" 2>&1 || lab_die "$*: $(cat "$LAB/got")"
    grep -q 'Verification: OK' "$LAB/got" && grep -q '^subject=CN \?= \?SN-1' "$LAB/got" || lab_die "$*: $(cat "$LAB/got")"
}
