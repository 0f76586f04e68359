# shellcheck shell=bash
# The lab's tunnels, and the TLS servers behind them. Part of lab.sh; it needs web.sh.

LAB_FAR=$LAB_HERE/far
declare -A LAB_PORT=() LAB_PLACE=()

# lab_far_server NAME CA.pem [far serve options]: a TLS server on a port that the kernel chooses, ${LAB_PORT[NAME]}.
lab_far_server() {
    local name=$1 ca=$2
    shift 2
    lab_far_keys
    rm -f "$LAB/far-$name.port"
    "$LAB_FAR" serve --cert "$LAB/far.crt" --key "$LAB/far.key" --ca "$ca" "$@" "$LAB/far-$name.port" >"$LAB/far-$name.log" 2>&1 &
    LAB_PID[far-$name]=$!
    lab_wait 10 test -s "$LAB/far-$name.port" || lab_die "the TLS server $name says nothing"
    LAB_PORT[$name]=$(cat "$LAB/far-$name.port")
}

# lab_far_keys: $LAB/far.crt, for localhost and far.lab, which signs itself.
lab_far_keys() {
    if [[ ! -s $LAB/far.crt ]]; then
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$LAB/far.key" -out "$LAB/far.crt" \
            -days 30 -subj /CN=far.lab -addext subjectAltName=DNS:localhost,DNS:far.lab 2>"$LAB/far-openssl.log"
    fi
}

lab_tunnel_ready() {
    lab_gone "$1" || grep -q 'listening on' "$2"
}

# lab_tunnel NAME TPM STATE [tunnel options]: a tunnel with that identity; ${LAB_PLACE[NAME]} is where it listens. What it
# says is in $LAB/tunnel-NAME.log.
lab_tunnel() {
    local name=$1 tpm=$2 state=$3 log=$LAB/tunnel-$1.log
    shift 3
    : >"$log"
    "$BIRTHMARK" tunnel --tcti "$(lab_tcti "$tpm")" --state "$state" "$@" 2>>"$log" &
    LAB_PID[tunnel-$name]=$!
    lab_wait 20 lab_tunnel_ready "$!" "$log" || lab_die "the tunnel $name says nothing"
    lab_alive "${LAB_PID[tunnel-$name]}" || lab_die "the tunnel $name did not start: $(cat "$log")"
    LAB_PLACE[$name]=$(sed -n 's/.*listening on \([^,]*\), to.*/\1/p' "$log" | head -n 1)
}

lab_tunnel_said() {
    grep -Eqi -- "$2" "$LAB/tunnel-$1.log"
}

# lab_tunnel_says NAME PATTERN: the tunnel says so, soon.
lab_tunnel_says() {
    lab_wait 10 lab_tunnel_said "$1" "$2" || lab_die "the tunnel $1 did not say: $2"
}

# lab_far COMMAND PLACE [...]: what $LAB_FAR prints; fails if it does.
lab_far() {
    timeout 120 "$LAB_FAR" "$@"
}
