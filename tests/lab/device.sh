# shellcheck shell=bash
# A device made of tpm2-tools and openssl, to carry out the exchange one step at a time. Part of lab.sh.
#
# An exchange is a directory that holds each field of the requests in a file of the field's name, so that a test can
# change any of them between two steps: csr, ik_public, ek_public, ek_certificate, ek_chain.0 .1 ..., profile; then
# credential_blob, encrypted_secret, challenge, expires; then ticket; then device.crt and chain.crt.

LAB_PROPQ='?provider=tpm2,tpm2.digest!=yes,tpm2.cipher!=yes,tpm2.rand!=yes,tpm2.mac!=yes'
LAB_HANDLE=0x81020100

# lab_next_handle: a persistent handle that no key of this lab has yet, in LAB_HANDLE.
lab_next_handle() {
    LAB_HANDLE=$(printf '0x%08x' $((LAB_HANDLE + 1)))
}

# lab_ik TPM KEY DIR [ATTRIBUTES]: an identity key in the owner hierarchy, of its own random `unique`, persistent:
# DIR/ik_public, DIR/ik.handle.
lab_ik() {
    local d=$3 alg size attr=${4:-fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|sign} hash=sha256
    case $2 in
    rsa2048) size=256 ;;
    rsa3072) size=384 ;;
    ecc256) size=32 ;;
    ecc384) size=48 hash=sha384 ;;
    *) size=0 ;;
    esac
    alg=$2
    head -c 384 /dev/urandom >"$d/random"
    case $alg in
    rsa*) lab_unique_field "$size" "$size" "$d/random" >"$d/unique" ;;
    *) { lab_unique_field "$size" 128 "$d/random"; lab_unique_field "$size" 128 "$d/random"; } >"$d/unique" ;;
    esac
    lab_next_handle
    lab_use_tpm "$1"
    tpm2_createprimary -Q -C o -G "$alg:null:null" -g "$hash" -a "$attr" -u "$d/unique" -c "$d/ik.ctx"
    tpm2_readpublic -Q -c "$d/ik.ctx" -f tss -o "$d/ik_public"
    tpm2_evictcontrol -Q -C o -c "$d/ik.ctx" "$LAB_HANDLE" >/dev/null
    tpm2_flushcontext -t
    printf '%s\n' "$LAB_HANDLE" >"$d/ik.handle"
    rm -f "$d/random" "$d/unique" "$d/ik.ctx"
}

# lab_csr DIR KEY SUBJECT: DIR/csr, signed in the TPM by the exchange's IK.
lab_csr() {
    local hash=sha256
    if [[ $2 == ecc384 ]]; then
        hash=sha384
    fi
    openssl req -new -provider default -provider tpm2 -propquery "$LAB_PROPQ" -key "handle:$(cat "$1/ik.handle")" \
        -"$hash" -subj "$3" -outform DER -out "$1/csr"
}

# lab_device X TPM EK KEY SERIAL: a new exchange $LAB/X, complete up to getChallenge.
lab_device() {
    local d=$LAB/$1
    mkdir -p "$d"
    printf '%s\n' "$2" >"$d/tpm"
    printf '%s\n' "$3" >"$d/ek"
    lab_ik "$2" "$4" "$d"
    lab_csr "$d" "$4" "/CN=$5/serialNumber=$5"
    cp "$LAB/tpm-$2/ek-$3.pub" "$d/ek_public"
    cp "$LAB/tpm-$2/ek-$3.der" "$d/ek_certificate"
    cp "$LAB/vendor-${LAB_VENDOR:-acme}/inter.der" "$d/ek_chain.0"
}

# lab_copy X Y: the exchange again, as another directory.
lab_copy() {
    cp -r "$LAB/$1" "$LAB/$2"
}

# lab_step STEP X SERVER: `challenge` or `certificate`. Fails if the server refuses; then $LAB/X/code has the code.
lab_step() {
    "$LAB_CLIENT" "$1" "$LAB/$2" "${LAB_URL[$3]}" "$(lab_ca_file "${LAB_CA_OF[$3]}")"
}

# lab_refused CODE STEP X SERVER: the server must refuse, with exactly that code.
lab_refused() {
    local rc=0
    lab_step "$2" "$3" "$4" >"$LAB/said" || rc=$?
    if ((rc == 1)) && [[ $(cat "$LAB/$3/code") == "$1" ]]; then
        return 0
    fi
    cat "$LAB/said" >&2
    lab_die "$2 of $3: expected the refusal $1"
}

# lab_policy_session DIR EK: DIR/session, satisfied for that EK's policy.
lab_policy_session() {
    lab_ek_row "$2"
    tpm2_startauthsession -Q --policy-session -g "$EK_HASH" -S "$1/session"
    tpm2_policysecret -Q -S "$1/session" -c e >/dev/null
    if [[ $EK_RANGE == high ]]; then
        local a=LAB_POLICY_A${EK_HASH#sha} c=LAB_POLICY_C${EK_HASH#sha}
        lab_unhex "${!a}" >"$1/policy.a"
        lab_unhex "${!c}" >"$1/policy.c"
        tpm2_policyor -Q -S "$1/session" -l "$EK_HASH:$1/policy.a,$1/policy.c" >/dev/null
    fi
}

# lab_activate X [TPM EK]: TPM2_ActivateCredential gives $LAB/X/ticket; fails if the TPM refuses.
lab_activate() {
    local d=$LAB/$1 tpm ek rc=0
    tpm=${2:-$(cat "$d/tpm")}
    ek=${3:-$(cat "$d/ek")}
    lab_use_tpm "$tpm"
    { lab_unhex BADCC0DE00000001; cat "$d/credential_blob" "$d/encrypted_secret"; } >"$d/credential"
    lab_policy_session "$d" "$ek"
    lab_ek_load "$tpm" "$ek"
    tpm2_activatecredential -Q -c "$(cat "$d/ik.handle")" -C "$LAB/tpm-$tpm/ek-$ek.ctx" -P "session:$d/session" \
        -i "$d/credential" -o "$d/ticket" || rc=$?
    tpm2_flushcontext "$d/session" || true
    tpm2_flushcontext -t
    return "$rc"
}

# lab_exchange X SERVER: all of it.
lab_exchange() {
    lab_step challenge "$1" "$2"
    lab_activate "$1"
    lab_step certificate "$1" "$2"
}

# lab_flip FILE [OFFSET]: change one bit of a byte (the last, by default).
lab_flip() {
    local at byte
    at=${2:-$(($(stat -c %s "$1") - 1))}
    byte=$(od -An -tu1 -j "$at" -N 1 "$1")
    lab_unhex "$(printf %02x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}
