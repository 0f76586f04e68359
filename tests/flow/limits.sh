#!/bin/bash
# Public-key work is limited by address and in all: 429 with Retry-After, or no handshake at all; the agent waits and
# comes through; behind a trusted proxy the address that counts is the one that it forwards.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server_key one address_rate 1
lab_server_key one address_burst 12
lab_server one one --servers 1
url=${LAB_URL[one]}
ca=$(lab_ca_file one)

# calls N ADDRESS URL [curl options]: N empty calls on one connection from that address: $LAB/calls has the status and
# Retry-After of each. (What they cost is paid before anybody looks that they are empty.)
calls() {
    local n=$1 from=$2 to=$3 targets=() i
    shift 3
    for ((i = 0; i < n; i++)); do
        targets+=("$to/v1/getChallenge" -o "$LAB/body")
    done
    curl -sS --max-time 60 --interface "$from" --cacert "$ca" -H 'Content-Type: application/json' -d '{}' \
        -w '%{http_code} %header{retry-after}\n' "$@" "${targets[@]}" >"$LAB/calls"
}

# exhausted ADDRESS URL [curl options]: calls until there is nothing left.
exhausted() {
    calls 60 "$@"
    grep -q '^429 ' "$LAB/calls" || lab_die "never limited: $(sort "$LAB/calls" | uniq -c)"
}

# served ADDRESS URL [curl options]: one call is looked at.
served() {
    calls 1 "$@" 2>>"$LAB/curl.log" && grep -q '^400 ' "$LAB/calls"
}

# more than SEEN of them were looked at, and every other was told when to come again.
proper() {
    grep -Evn '^400 $|^429 [1-9][0-9]*$' "$LAB/calls" && lab_die "neither served nor told when to come again"
    (($(grep -c '^400' "$LAB/calls") >= $1)) || lab_die "limited too early: $(sort "$LAB/calls" | uniq -c)"
}

lab_say "an address gets its burst, and is then told when to come again"
exhausted 127.0.0.1 "$url"
proper 11
exhausted 127.0.0.4 "$url" -D "$LAB/headers"
grep -q '"code": *"rate-limited"' "$LAB/body" || lab_die "$(cat "$LAB/body")"
grep -qi '^content-type: application/problem+json' "$LAB/headers"
grep -q 'code=rate-limited from=127.0.0.1 ' "$LAB/server-one.log"

lab_say "another address has its own"
served 127.0.0.2 "$url" || lab_die "$(cat "$LAB/calls" "$LAB/curl.log")"

lab_say "beyond the limit a connection ends before the handshake"
closed() {
    local targets=() i
    for i in {1..20}; do
        targets+=("$url/v1/ca" -o /dev/null)
    done
    ! curl -sS --max-time 60 --fail-early --interface 127.0.0.4 --cacert "$ca" -H 'Connection: close' "${targets[@]}" 2>>"$LAB/curl.log"
}
lab_wait 20 closed || lab_die "every handshake was made"
grep -q 'closed before the handshake code=rate-limited from=127.0.0.[14] ' "$LAB/server-one.log"

lab_say "an agent that is told to wait does, and comes through"
calls 60 127.0.0.1 "$url" 2>>"$LAB/curl.log" || true # nothing is left, if there was something
lab_enroll one one SN1 --key ecc256

lab_say "time gives it back"
lab_wait 30 served 127.0.0.4 "$url"

lab_say "behind a trusted proxy the forwarded address counts"
lab_server_key one trusted_proxies '127.0.0.1, 10.0.0.0/8'
lab_server plain one --plain --servers 1
lab_proxy front plain
front=${LAB_URL[front]}
exhausted 127.0.0.2 "$front"
proper 12
served 127.0.0.3 "$front" || lab_die "another client of the proxy is limited: $(cat "$LAB/calls")"
grep -q 'code=field-missing .*from=127.0.0.2 ' "$LAB/server-plain.log"
grep -q 'code=rate-limited from=127.0.0.2 ' "$LAB/server-plain.log"
! grep -q 'from=127.0.0.1 ' "$LAB/server-plain.log"

lab_say "what a client says of itself in front of the proxy changes nothing"
exhausted 127.0.0.5 "$front" -H 'X-Forwarded-For: 203.0.113.77'
calls 20 127.0.0.5 "$front" -H 'X-Forwarded-For: 203.0.113.78, 10.0.0.1'
grep -q '^429 ' "$LAB/calls"
! grep -q 'from=203.0.113' "$LAB/server-plain.log"

lab_say "what anybody else says is ignored; what a trusted proxy says must be an address"
served 127.0.0.6 "${LAB_URL[plain]}" -H 'X-Forwarded-For: 203.0.113.9'
served 127.0.0.6 "${LAB_URL[plain]}" -H 'X-Forwarded-For: nonsense'
grep -q 'from=127.0.0.6 ' "$LAB/server-plain.log"
served 127.0.0.1 "${LAB_URL[plain]}" -H 'X-Forwarded-For: 2001:DB8:0::9'
grep -q 'from=2001:db8::9 ' "$LAB/server-plain.log"
served 127.0.0.1 "${LAB_URL[plain]}" -H 'X-Forwarded-For: nonsense'
grep -q '"code": *"request-malformed"' "$LAB/body" || lab_die "$(cat "$LAB/body")"

lab_say "all addresses together have a limit too"
lab_server_key one total_rate 1
lab_server_key one total_burst 10
lab_server all one --plain --servers 1
: >"$LAB/all"
for i in {11..40}; do
    calls 1 "127.0.0.$i" "${LAB_URL[all]}"
    cat "$LAB/calls" >>"$LAB/all"
done
grep -q '^429 1$' "$LAB/all" || lab_die "$(sort "$LAB/all" | uniq -c)"
grep -q 'code=rate-limited .*all addresses' "$LAB/server-all.log"

lab_say "0 is no limit"
lab_server_key one total_rate 0
lab_server_key one address_rate 0
lab_server free one --plain --servers 1
calls 100 127.0.0.2 "${LAB_URL[free]}"
(($(grep -c '^400 ' "$LAB/calls") == 100)) || lab_die "$(sort "$LAB/calls" | uniq -c)"
