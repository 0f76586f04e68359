#!/bin/bash
# nginx by tpm2-pkcs11, as docs/programs.md has it: to an upstream with a P-256 certificate, and as a server by TLS 1.2 and 1.3 with any curve. And who
# cannot do it.
. "$(dirname "$0")/../lab/lab.sh"
. "$LAB_HERE/programs.sh"
lab_programs_begin
lab_other_side ec
lab_workers
export TPM2_PKCS11_STORE=$LAB/p11 TPM2_PKCS11_TCTI=$TPM2OPENSSL_TCTI TSS2_LOG=all+none TPM2_PKCS11_LOG_LEVEL=0

# What a program leaves in the TPM is gone when it ends, where the kernel's resource manager stands in between. Here nothing does.
for tool in /usr/bin/tpm2_*; do
    case ${tool##*/} in
    tpm2_ptool | tpm2_flushcontext) ;;
    *)
        printf '#!/bin/sh\n%s "$@"\nrc=$?\n/usr/bin/tpm2_flushcontext -t >/dev/null 2>&1\nexit $rc\n' "$tool" >"$LAB/bin/${tool##*/}"
        chmod 755 "$LAB/bin/${tool##*/}"
        ;;
    esac
done
manage() {
    /usr/bin/tpm2_flushcontext -t
    /usr/bin/tpm2_flushcontext -l
    /usr/bin/tpm2_flushcontext -s
}

lab_say "device.key becomes an object of a token"
lab_run pkcs11-token >"$LAB/token.log" 2>&1 || lab_die "$(cat "$LAB/token.log")"
lab_block pkcs11-cnf | sed "s|/usr/lib/x86_64-linux-gnu|$(dirname "$LAB_SWTPM_TCTI")|" >"$LAB/etc/pkcs11.cnf"
if [[ $LAB_WORKERS != root ]]; then
    chown -R "$LAB_WORKERS" "$LAB/p11"
fi
manage

# start_own, start_proxy: nginx with the environment of the page. That of a service has no variables for this: the token and the TPM are the usual ones.
main="$(lab_block pkcs11-nginx-main) env TPM2_PKCS11_STORE; env TPM2_PKCS11_TCTI; env TSS2_LOG; env TPM2_PKCS11_LOG_LEVEL;"
start_own() {
    LAB_OWN=$(lab_free_port)
    lab_with pkcs11-environment lab_start_nginx own "$main" "$(lab_block pkcs11-nginx-server)" "$LAB_OWN"
}

lab_say "nginx to its upstream, many at once"
lab_with pkcs11-environment lab_start_nginx proxy "$main" "server { listen unix:$LAB/proxy.sock; $(lab_block pkcs11-nginx) }" "$LAB/proxy.sock"
lab_greet_many "$LAB/proxy.sock" '1\.[23]'
lab_stop nginx-proxy
manage

lab_say "nginx as a server with the device's key"
lab_tries start_own
for how in -tls1_2 -tls1_3 '-curves P-256' '-curves X25519:P-256'; do
    lab_is_device "$how"
done
lab_stop nginx-own
manage

uri='pkcs11:token=birthmark;object=device;type=private;pin-value=1234'
as_device() {
    RC=0
    timeout 30 env OPENSSL_CONF="$LAB/etc/pkcs11.cnf" "$@" >"$LAB/got" 2>&1 || RC=$?
    manage
}
# What each says on Debian 12, where it cannot do it.
programs=(curl s_client mosquitto_pub)
cannot=('crypto engine' 'Auth Session' 'File not found')
id=$LAB/id-SN-1
curl=(curl -sS --engine pkcs11 --key-type ENG --key "$uri" --cert "$id/fullchain.crt" --cacert "$LAB/ec.crt"
    "https://localhost:${LAB_WEB[ec]}/")
s_client=(openssl s_client -engine pkcs11 -keyform engine -key "$uri" -cert "$id/device.crt" -cert_chain "$id/chain.crt"
    -connect "localhost:${LAB_WEB[ec]}")
mosquitto_pub=(mosquitto_pub -h localhost -p "${LAB_BROKER[ec]}" --cafile "$LAB/ec.crt" --cert "$id/fullchain.crt"
    --tls-engine pkcs11 --keyform engine --key "$uri" -t status -m up)
if (($(lab_debian) > 12)); then
    lab_say "curl, openssl and mosquitto_pub by the key's URI"
    as_device "${curl[@]}"
    lab_greeted '1\.[23]'
    as_device "${s_client[@]}" -ign_eof < <(printf 'GET / HTTP/1.0\r\n\r\n')
    lab_greeted '1\.[23]'
    as_device "${mosquitto_pub[@]}"
    LAB_KIND=ec lab_broker_saw 1
else
    lab_say "who cannot: curl, openssl and mosquitto_pub"
    for i in "${!programs[@]}"; do
        declare -n line=${programs[i]}
        as_device "${line[@]}"
        ((RC != 0 && RC < 124)) && grep -q -- "${cannot[i]}" "$LAB/got" ||
            lab_die "${programs[i]}: $RC: $(cat "$LAB/got")"
    done
fi
