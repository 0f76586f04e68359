#!/bin/bash
# Mutual TLS 1.3 with the key in the TPM: nginx and openssl s_server let the device in by its certificate, and nobody
# else.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-1,L-2 --chain
lab_tpm two --ek L-2 --chain
lab_ca one
lab_ca other
lab_server one
lab_server other
lab_nginx nginx "$(lab_ca_file one)"
lab_s_server ssl "$(lab_ca_file one)"

lab_enroll one one SN-rsa --key rsa2048 --handle 0x81020000
lab_enroll two one SN-ecc --key ecc256 --handle 0x81020001
for pair in one:rsa two:ecc; do
    tpm=${pair%:*} id=SN-${pair#*:}
    lab_say "nginx greets $id, by openssl s_client with the key's URI"
    lab_s_client "$LAB/nginx.sock" "$tpm" "$LAB/id-$id" >"$LAB/tls.log"
    grep -q "^Hello $id, verified SUCCESS over TLSv1.3" "$LAB/tls.log" || lab_die "$(cat "$LAB/tls.log")"
    lab_tpm_clean "$tpm"
    lab_say "and by curl with the key's PEM"
    lab_curl "$LAB/nginx.sock" "$tpm" "$LAB/id-$id" >"$LAB/tls.log" || lab_die "$(cat "$LAB/tls.log")"
    grep -q "^Hello $id, verified SUCCESS over TLSv1.3" "$LAB/tls.log" || lab_die "$(cat "$LAB/tls.log")"
    lab_tpm_clean "$tpm"
    lab_say "openssl s_server lets $id in"
    lab_s_client "$LAB/ssl.sock" "$tpm" "$LAB/id-$id" >"$LAB/tls.log"
    grep -q 'HTTP/1.0 200 ok' "$LAB/tls.log" || lab_die "$(cat "$LAB/tls.log")"
    grep -q "$id" "$LAB/tls.log"
done

lab_say "a certificate of another CA is refused by both"
lab_enroll one other SN-other --key rsa2048 --handle 0x81020010
lab_s_client "$LAB/nginx.sock" one "$LAB/id-SN-other" >"$LAB/tls.log" || true
! grep -q '^Hello' "$LAB/tls.log"
grep -q '400 The SSL certificate error' "$LAB/tls.log" || lab_die "$(cat "$LAB/tls.log")"
lab_s_client "$LAB/ssl.sock" one "$LAB/id-SN-other" >"$LAB/tls.log" || true
! grep -q '200 ok' "$LAB/tls.log"
grep -q 'alert' "$LAB/tls.log" || lab_die "$(cat "$LAB/tls.log")"

lab_say "no certificate is refused"
curl -sS --unix-socket "$LAB/nginx.sock" --cacert "$LAB/web.crt" https://web.lab/ >"$LAB/tls.log" 2>&1
grep -q '400 No required SSL certificate' "$LAB/tls.log" || lab_die "$(cat "$LAB/tls.log")"

lab_say "the certificate without its TPM is worth nothing"
lab_tpm thief --ek L-2
lab_fails lab_curl "$LAB/nginx.sock" thief "$LAB/id-SN-ecc"
lab_s_client "$LAB/nginx.sock" thief "$LAB/id-SN-ecc" >"$LAB/tls.log" || true
! grep -q '^Hello' "$LAB/tls.log"
