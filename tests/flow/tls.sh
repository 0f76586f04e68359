#!/bin/bash
# TLS 1.2 and 1.3 with forward secrecy and authenticated encryption, and nothing else.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_ca one
lab_server one one --servers 1
hostport=${LAB_URL[one]#https://}
ca=$(lab_ca_file one)

# shake [s_client options]: a handshake and a request; what openssl says is in $LAB/said.
shake() {
    printf 'GET /v1/ca HTTP/1.0\r\n\r\n' |
        timeout 30 openssl s_client -connect "$hostport" -CAfile "$ca" -verify_return_error -ign_eof "$@" >"$LAB/said" 2>&1
}

# spoken PROTOCOL CIPHER [options]: it is, and a request is answered over it.
spoken() {
    local protocol=$1 cipher=$2
    shift 2
    shake "$@" || lab_die "$*: $(cat "$LAB/said")"
    grep -q "^New, TLSv1.[23], Cipher is $cipher\$" "$LAB/said" || lab_die "$*: $(cat "$LAB/said")"
    grep -Eq "Protocol *: $protocol|^New, $protocol" "$LAB/said" || lab_die "$*: $(cat "$LAB/said")"
    grep -q 'HTTP/1.1 200 OK' "$LAB/said" || lab_die "$*: no answer"
}

# refused [options]: the handshake fails, by an alert of the server.
refused() {
    ! shake "$@" || lab_die "taken: $*"
    grep -q 'Cipher is (NONE)' "$LAB/said" || lab_die "$*: $(cat "$LAB/said")"
    grep -Eq 'alert (handshake failure|protocol version)' "$LAB/said" || lab_die "$*: $(cat "$LAB/said")"
}

lab_say "what is spoken"
for cipher in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256; do
    spoken TLSv1.3 "$cipher" -tls1_3 -ciphersuites "$cipher"
done
for cipher in ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-CHACHA20-POLY1305; do
    spoken TLSv1.2 "$cipher" -tls1_2 -cipher "$cipher"
done

for group in X25519 P-256; do
    spoken TLSv1.3 TLS_AES_128_GCM_SHA256 -tls1_3 -groups "$group"
    grep -q "^Server Temp Key: .*${group/P-256/prime256v1}" "$LAB/said" || lab_die "$(cat "$LAB/said")"
done

lab_say "nothing is kept of a connection: no ticket, no session to take up again"
shake -tls1_2
! grep -q 'TLS session ticket:' "$LAB/said" || lab_die "$(cat "$LAB/said")"
grep -q 'Session-ID: *$' "$LAB/said" || lab_die "$(cat "$LAB/said")"
shake -tls1_3
! grep -q 'New Session Ticket' "$LAB/said" || lab_die "$(cat "$LAB/said")"

lab_say "old versions are refused"
for version in -tls1 -tls1_1; do
    refused "$version" -cipher 'ALL:@SECLEVEL=0'
done

lab_say "CBC, key exchange by RSA, finite fields, static keys, no authentication, no encryption are refused"
for cipher in ECDHE-ECDSA-AES128-SHA256 ECDHE-ECDSA-AES128-SHA ECDHE-ECDSA-AES256-SHA384 AES128-GCM-SHA256 AES256-GCM-SHA384 \
    AES128-SHA kRSA kDHE aNULL eNULL ECDHE-ECDSA-AES128-CCM; do
    refused -tls1_2 -cipher "$cipher:@SECLEVEL=0"
done

lab_say "so are groups that nobody should use, those that cost the server many times as much, and renegotiation"
refused -tls1_3 -groups ffdhe2048
refused -tls1_2 -curves secp224r1
for group in P-384 P-521 X448; do
    refused -tls1_3 -groups "$group"
done
refused -tls1_2 -curves P-384
mkfifo "$LAB/keys"
timeout 60 openssl s_client -connect "$hostport" -CAfile "$ca" -tls1_2 <"$LAB/keys" >"$LAB/said" 2>&1 &
LAB_PID[s_client]=$!
exec 7>"$LAB/keys"
echo R >&7
lab_wait 30 grep -q 'no renegotiation' "$LAB/said" || lab_die "$(cat "$LAB/said")"
exec 7>&-
