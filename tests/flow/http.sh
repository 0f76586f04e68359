#!/bin/bash
# The HTTP side: what is at which address, and a problem document for everything that is no proper call.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_ca one
lab_server one
url=${LAB_URL[one]}
ca=$(lab_ca_file one)

# ask ARGUMENTS...: a request by curl; the body in $LAB/body, the status in STATUS, the headers in $LAB/headers.
ask() {
    STATUS=$(curl -sS --max-time 30 --cacert "$ca" -D "$LAB/headers" -o "$LAB/body" -w '%{http_code}' "$@")
}

# problem STATUS CODE: the last answer is that problem.
problem() {
    [[ $STATUS == "$1" ]] || lab_die "status $STATUS, expected $1: $(cat "$LAB/body")"
    grep -qi '^content-type: application/problem+json' "$LAB/headers" || lab_die "$(cat "$LAB/headers")"
    grep -Eq "\"code\": ?\"$2\"" "$LAB/body" || lab_die "expected $2: $(cat "$LAB/body")"
}

json=(-H 'Content-Type: application/json')

lab_say "health"
ask "$url/healthz"
[[ $STATUS == 200 ]]

lab_say "the CA's chain verifies the TLS that it came over"
ask "$url/v1/ca"
[[ $STATUS == 200 ]]
cp "$LAB/body" "$LAB/got.pem"
openssl x509 -in "$LAB/got.pem" -noout -ext basicConstraints | grep -q 'CA:TRUE'
curl -sS --cacert "$LAB/got.pem" "$url/healthz" >/dev/null

lab_say "TLS 1.1 and older are not spoken"
lab_fails curl -sS --cacert "$ca" --tls-max 1.1 "$url/healthz"

lab_say "an address where nothing is"
ask "$url/v1/nonesuch"
problem 404 not-found

lab_say "the wrong method"
ask "$url/v1/getChallenge"
problem 405 method-not-allowed
ask -X DELETE "$url/healthz"
problem 405 method-not-allowed

lab_say "the wrong media type"
ask -d '{}' -H 'Content-Type: text/plain' "$url/v1/getChallenge"
problem 415 unsupported-media-type

lab_say "what is not one JSON object"
for body in '' '[]' '7' '{' '{} {}' '{"csr": "' "$(printf '{"a":%.0s' {1..40})"; do
    ask "${json[@]}" --data-binary "$body" "$url/v1/getChallenge"
    problem 400 request-malformed
done
printf '{"csr":"\377\376"}' >"$LAB/bad"
ask "${json[@]}" --data-binary "@$LAB/bad" "$url/v1/getChallenge"
problem 400 request-malformed

lab_say "a member twice"
ask "${json[@]}" --data-binary '{"csr":"AA==","csr":"AA=="}' "$url/v1/getChallenge"
problem 400 field-unknown

lab_say "a body that is too large"
head -c 200000 /dev/zero | tr '\0' x >"$LAB/large"
ask "${json[@]}" --data-binary "@$LAB/large" -H Expect: "$url/v1/getChallenge" || STATUS=413
[[ $STATUS == 413 ]] || lab_die "$STATUS"

lab_say "garbage in place of TLS, and of HTTP"
hostport=${url#https://}
head -c 4000 /dev/urandom | timeout 5 bash -c "exec 3<>/dev/tcp/${hostport%:*}/${hostport#*:}; cat >&3; cat <&3" >/dev/null || true
for line in 'GET / HTTP/9.9' 'GARBAGE' $'GET /healthz HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6' \
    $'POST /v1/getChallenge HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked'; do
    printf '%s\r\n\r\n{}' "$line" | timeout 10 openssl s_client -connect "$hostport" -CAfile "$ca" -quiet \
        >"$LAB/body" 2>/dev/null || true
    ! grep -q ' 200 ' "$LAB/body" || lab_die "answered: $line: $(cat "$LAB/body")"
done

lab_say "after all this it is well"
ask "$url/healthz"
[[ $STATUS == 200 ]]

lab_say "--plain speaks HTTP, for a proxy that has the TLS"
lab_server plain one --plain
[[ ${LAB_URL[plain]} == http://* ]]
ask "${LAB_URL[plain]}/healthz"
[[ $STATUS == 200 ]]
hostport=${LAB_URL[plain]#http://}

# raw TEXT: these bytes (as printf has them); what comes back until the server closes is in $LAB/body.
raw() {
    printf '%b' "$1" | timeout 30 bash -c 'exec 3<>"/dev/tcp/${0%:*}/${0#*:}"; cat >&3; cat <&3' "$hostport" >"$LAB/body" 2>/dev/null || true
}

# only STATUS CODE TEXT: there is one reply, that one, and then nothing: not to what hides behind it either.
only() {
    raw "$3"
    if [[ $(grep -ac '^HTTP/1.1 ' "$LAB/body") != 1 ]] || ! grep -aq "^HTTP/1.1 $1 " "$LAB/body" || ! grep -aq "\"code\": *\"$2\"" "$LAB/body"; then
        lab_die "$3: expected $2 alone: $(cat "$LAB/body")"
    fi
}

lab_say "what two servers could read in two ways is refused at once, with what hides behind it"
post='POST /v1/getChallenge HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
hidden='GET /v1/ca HTTP/1.1\r\nHost: x\r\n\r\n'
for fields in 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n' 'Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n' \
    'Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n' 'Content-Length: 0\r\nContent-Length: 37\r\n\r\n' \
    'Content-Length: 0\r\nContent-Length: 0\r\n\r\n' 'Content-Length: 0, 0\r\n\r\n' 'Content-Length: +0\r\n\r\n' \
    'Content-Length: 0x0\r\n\r\n' 'Content-Length : 0\r\n\r\n' 'X: a\r\n b\r\nContent-Length: 0\r\n\r\n' \
    'X: a\r\n\tContent-Length: 37\r\nContent-Length: 0\r\n\r\n' 'X: a\nContent-Length: 37\r\nContent-Length: 0\r\n\r\n' \
    'X: a\rContent-Length: 37\r\nContent-Length: 0\r\n\r\n' 'X: a\0b\r\nContent-Length: 0\r\n\r\n' '\r\n' \
    'Host: y\r\nContent-Length: 0\r\n\r\n' 'Content-Length: 99999999999999999999999\r\n\r\n'; do
    only 400 request-malformed "$post$fields$hidden"
done

lab_say "a head of bare LFs is refused and not waited for"
only 400 request-malformed 'GET /healthz HTTP/1.1\nHost: x\n\n'
only 400 request-malformed 'GET /healthz HTTP/1.1\r\nHost: x\n\r\n'
only 400 request-malformed 'GET /healthz HTTP/1.1\r\nHost: x\r\n\n'

lab_say "head and body have their limits"
long=$(head -c 8100 /dev/zero | tr '\0' x)
raw "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: $long\r\n\r\n"
grep -aq '^HTTP/1.1 200 ' "$LAB/body" || lab_die "$(cat "$LAB/body")"
only 413 body-too-large "GET /healthz HTTP/1.1\r\nHost: x\r\nX: $long$long\r\n\r\n"
only 413 body-too-large "${post}Content-Length: 65537\r\n\r\n"
body=$(head -c 65536 /dev/zero | tr '\0' ' ')
only 400 request-malformed "${post}Connection: close\r\nContent-Length: 65536\r\n\r\n$body"

lab_say "a whole exchange over it"
lab_tpm t --ek L-2
lab_device x t L-2 ecc256 SN1
lab_exchange x plain
