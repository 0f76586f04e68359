#!/bin/bash
# Whatever OPENSSL_CONF names is for other programs: ours work the same with the device's own openssl.cnf,
# which gives keys to the TPM's provider, with that of docs/programs.md for tpm2-pkcs11, with a file that is
# damaged or leaves the default provider out, and do not even open it. A program with libbirthmark in it may
# have any of these.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-1,L-2
lab_ca one
lab_server one
lab_far_server far "$(lab_ca_file one)"
ca=$(lab_ca_file one)
lab_enroll one one SN1 --key ecc256
TPM2OPENSSL_TCTI=$(lab_tcti one)
export TPM2OPENSSL_TCTI
id=$LAB/id-SN1
url=${LAB_URL[one]}
confs=$LAB/confs
mkdir "$confs"
cp "$id/openssl.cnf" "$confs/device"
awk '$0 == "<!-- pkcs11-cnf -->" { on = 1; next } on && /^    / { print substr($0, 5); seen = 1; next } on && seen { exit }' \
    "$LAB_HERE/../../docs/programs.md" >"$confs/pkcs11"
grep -q '^engine_id = pkcs11' "$confs/pkcs11" || lab_die "docs/programs.md has no block pkcs11-cnf"
printf 'openssl_conf = here\n[here\nproviders' >"$confs/damaged"
printf 'openssl_conf = here\n[here]\nproviders = all\n[all]\nnosuch = on\n[on]\nactivate = 1\n' >"$confs/stranger"
# Whoever opens it waits for ever.
mkfifo "$confs/pipe"

# with CONF COMMAND...: it ends well.
with() {
    local conf=$confs/$1
    # The engine leaks what it was configured with, whoever loads it.
    [[ $1 != pkcs11 ]] || local -x ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
    shift
    OPENSSL_CONF=$conf timeout 60 "$@" >"$LAB/with.out" 2>&1 || lab_die "with $conf it ended with $?: $*: $(cat "$LAB/with.out")"
}

# birthmark CONF COMMAND [options]
birthmark() {
    local conf=$1 command=$2
    shift 2
    with "$conf" "$BIRTHMARK" "$command" --tcti "$(lab_tcti one)" --state "$id" "$@"
}

for conf in device pkcs11 damaged stranger pipe; do
    lab_say "birthmark with OPENSSL_CONF: $conf"
    for key in ecc256 rsa2048; do
        id=$LAB/id-$conf-$key
        birthmark "$conf" enroll --server "$url" --ca "$ca" --serial SN1 --key "$key" --handle "0x81020${#conf}0${#key}"
        birthmark "$conf" enroll --server "$url" --ca "$ca" --serial SN1 --renew
        birthmark "$conf" renew --now
        birthmark "$conf" renew --now --new-key
        lab_identity_good "$id" one one
        birthmark "$conf" renew
        birthmark "$conf" show
        grep -q 'for the key  *at the handle' "$LAB/with.out" || lab_die "$(cat "$LAB/with.out")"
        birthmark "$conf" doctor --server "$url" --ca "$ca"
        birthmark "$conf" request --serial SN1 --renew --out "$LAB/request"
        OPENSSL_CONF=$confs/$conf lab_tunnel t one "$id" --listen "unix:$LAB/t.sock" --to "localhost:${LAB_PORT[far]}" --ca "$LAB/far.crt"
        [[ $(lab_far who "${LAB_PLACE[t]}") == "SN1 TLSv1.3 full" ]] || lab_die "$(cat "$LAB/tunnel-t.log")"
        lab_stop tunnel-t
        lab_use_tpm one
        tpm2_evictcontrol -Q -C o -c "$(sed -n 's/^handle://p' "$id/key.uri")" >/dev/null
    done
    lab_tpm_clean one
done
id=$LAB/id-SN1

for conf in device damaged stranger pipe; do
    lab_say "birthmarkd, birthmarkctl and birthmark-swarm with OPENSSL_CONF: $conf"
    with "$conf" "$BIRTHMARKCTL" init --state "$LAB/new-$conf" --name 'Another CA' --tls-name localhost
    with "$conf" "$BIRTHMARKCTL" cert list --state "$LAB/ca-one"
    lab_server_stop one
    OPENSSL_CONF=$confs/$conf lab_server one
    lab_enroll one one SN1 --renew
    with "$conf" "$BIRTHMARK_SWARM" vendor --fleet "$LAB/fleet" --prefix SN --out "$LAB/vendor.crt"
done
url=${LAB_URL[one]}

if [[ -n ${BIRTHMARK_USER:-} ]]; then
    # Not in the others: without the default provider this program cannot verify what was signed, and an
    # engine takes the keys of a whole process, ours as well, as soon as libcurl has it registered
    # (libbirthmark(3)).
    for conf in device damaged; do
        lab_say "a program with libbirthmark and OPENSSL_CONF: $conf"
        for key in ecc256 rsa2048; do
            state=$LAB/user-$conf-$key
            with "$conf" "$BIRTHMARK_USER" "$state" "$(lab_tcti one)" enroll "$url" "$ca" SN1 "$key" renew never
            with "$conf" "$BIRTHMARK_USER" "$state" "$(lab_tcti one)" status
            with "$conf" "$BIRTHMARK_USER" "$state" "$(lab_tcti one)" sign "$state/device.crt"
            grep -q 'message=1 pieces=1 .* digest=1 short=0 request=1$' "$LAB/with.out" || lab_die "$(cat "$LAB/with.out")"
            with "$conf" "$BIRTHMARK_USER" "$state" "$(lab_tcti one)" get "$LAB/far.crt" "${LAB_PORT[far]}" 1.3 2 2
            [[ $(grep -cx 'SN1 TLSv1.3 full' "$LAB/with.out") == 4 ]] || lab_die "$(cat "$LAB/with.out")"
        done
        lab_tpm_clean one
    done

    lab_say "with the engine of tpm2-pkcs11 it uses its identity"
    for key in ecc256 rsa2048; do
        state=$LAB/user-device-$key
        with pkcs11 "$BIRTHMARK_USER" "$state" "$(lab_tcti one)" sign "$state/device.crt"
        with pkcs11 "$BIRTHMARK_USER" "$state" "$(lab_tcti one)" get "$LAB/far.crt" "${LAB_PORT[far]}" 1.3 2
    done

    lab_say "and with a value for the key, which is proven to the EK"
    printf 'a value' >"$LAB/value"
    chmod 600 "$LAB/value"
    export USER_KEY_AUTH="file:$LAB/value"
    with device "$BIRTHMARK_USER" "$LAB/valued" "$(lab_tcti one)" enroll "$url" "$ca" SN1 rsa2048 never
    with device "$BIRTHMARK_USER" "$LAB/valued" "$(lab_tcti one)" get "$LAB/far.crt" "${LAB_PORT[far]}" 1.3 1
    unset USER_KEY_AUTH

    lab_say "the example of libbirthmark(3)"
    cp "$LAB/far.crt" "$LAB/web.crt"
    cp "$LAB/far.key" "$LAB/web.key"
    port=$(lab_free_port)
    lab_nginx nginx "$ca" "$port"
    for conf in device pkcs11 damaged stranger; do
        BIRTHMARK_TCTI=$(lab_tcti one) with "$conf" "$BIRTHMARK_EXAMPLE" localhost "$port" "$LAB/far.crt" "$id"
        grep -q '^Hello SN1, verified SUCCESS over TLSv1.3' "$LAB/with.out" || lab_die "$conf: $(cat "$LAB/with.out")"
    done
    lab_tpm_clean one
fi
