#!/bin/bash
# parent.sh: where the identity key lives. A primary of the endorsement hierarchy survives TPM2_Clear, and serves TLS as before without the server; a key
# of the owner hierarchy does not, and a new one is enrolled. A key in a file alone, by choice or because NV memory is full, serves every command.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_ca one
lab_server one
lab_tpm one --ek L-2
lab_nginx nginx "$(lab_ca_file one)"
lab_far_server far "$(lab_ca_file one)"

# name [HANDLE]: the Name of the key at a handle.
name() {
    tpm2_readpublic -c "${1:-0x81020000}" | sed -n 's/^name: //p'
}

# persistent: the handles that are in use.
persistent() {
    tpm2_getcap handles-persistent | tr -d ' \n'
}

# says PATTERN: the last enrolment did.
says() {
    grep -Eq -- "$1" "$LAB/enroll.out" || { cat "$LAB/enroll.out" >&2; lab_die "did not say: $1"; }
}

# greeted SERIAL: openssl s_client, with what key.uri names, is let in.
greeted() {
    lab_s_client "$LAB/nginx.sock" one "$LAB/id-$1" >"$LAB/tls.log"
    grep -q "^Hello $1, verified SUCCESS over TLSv1.3" "$LAB/tls.log" || lab_die "$(cat "$LAB/tls.log")"
    lab_tpm_clean one
}

# tunnelled SERIAL [options]: the tunnel is let in.
tunnelled() {
    local serial=$1
    shift
    lab_tunnel t one "$LAB/id-$serial" --listen "unix:$LAB/t.sock" --to "localhost:${LAB_PORT[far]}" --ca "$LAB/far.crt" "$@"
    [[ $(lab_far who "${LAB_PLACE[t]}") == "$serial TLSv1.3 full" ]] || lab_die "$(cat "$LAB/tunnel-t.log")"
    lab_stop tunnel-t
    lab_tpm_clean one
}

# look COMMAND SERIAL [PATTERN...]: show or doctor say all that.
look() {
    local command=$1 serial=$2 pattern
    shift 2
    "$BIRTHMARK" "$command" --tcti "$(lab_tcti one)" --state "$LAB/id-$serial" >"$LAB/look" || true
    for pattern in "$@"; do
        grep -Eq -- "$pattern" "$LAB/look" || { cat "$LAB/look" >&2; lab_die "$command did not say: $pattern"; }
    done
    lab_tpm_clean one
}

for key in ecc256 rsa2048 ecc384 rsa3072; do
    lab_say "a key of the endorsement hierarchy, $key: TPM2_Clear takes it away, and it comes back the same, without the server"
    id=$LAB/id-SN-$key
    lab_enroll one one "SN-$key" --key "$key" --parent endorsement
    lab_identity_good "$id" one one
    grep -q 'BEGIN BIRTHMARK PRIMARY KEY' "$id/device.key" || lab_die "device.key is another file"
    first=$(name)
    crt=$(sha256sum "$id/device.crt")
    tpm2_clear -Q -c p
    [[ -z $(persistent) ]] || lab_die "TPM2_Clear left $(persistent)"
    lab_agent one one "SN-$key"
    LAB_NOBODY=("${AGENT[@]/#"${LAB_URL[one]}"/https://127.0.0.1:9}")
    "${LAB_NOBODY[@]}" >"$LAB/enroll.out" 2>&1 || { cat "$LAB/enroll.out" >&2; lab_die "it does not come back"; }
    says 'is valid until .* and for the key at 0x81020000'
    [[ $(name) == "$first" ]] || lab_die "another key"
    [[ $(sha256sum "$id/device.crt") == "$crt" ]] || lab_die "another certificate"
    lab_tpm_clean one
    if [[ $key == ecc256 || $key == rsa2048 ]]; then
        greeted "SN-$key"
    fi
    if [[ $key != rsa3072 ]]; then
        tpm2_evictcontrol -Q -C o -c 0x81020000 >/dev/null
    fi
    lab_tpm_clean one
done
