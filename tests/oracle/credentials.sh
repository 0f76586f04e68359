#!/bin/bash
# credentials.sh TEMPLATE: an EK and an identity key made in a software TPM from our templates are what tpm2-tools makes
# there with its own; Names are the TPM's; the TPM opens our credentials, leading zeros and all, and no changed one; and
# we open those of tpm2_makecredential.
# shellcheck source=tests/lab/lab.sh
. "$(dirname "$0")/../lab/lab.sh"
template=$1
: "${ORACLE:?the helper program}"
ek=0x81010010 zero_ek=0x81010011 ik=0x81020010 other_ik=0x81020011

# activate EK HANDLE CREDENTIAL OUT: TPM2_ActivateCredential for the identity key, in a policy session of the template.
activate() {
    tpm2_startauthsession -Q --policy-session -g "$EK_HASH" -S "$LAB/session"
    tpm2_policysecret -Q -S "$LAB/session" -c e
    if [[ $EK_RANGE == high ]]; then
        tpm2_policyor -Q -S "$LAB/session" "$EK_HASH:$LAB/policy-a,$LAB/policy-c"
    fi
    local rc=0
    rm -f "$3"
    tpm2_activatecredential -Q -c "$ik" -C "$1" -i "$2" -o "$3" -P "session:$LAB/session" || rc=$?
    tpm2_flushcontext "$LAB/session" || true
    return "$rc"
}

# opens EK.pub EK MODE SIZE: the TPM opens our credential with a secret of so many bytes.
opens() {
    head -c "$4" /dev/urandom >"$LAB/secret"
    "$ORACLE" make "$3" "$1" "$LAB/ik.pub" "$LAB/secret" "$LAB/credential"
    activate "$2" "$LAB/credential" "$LAB/opened"
    cmp "$LAB/secret" "$LAB/opened"
}

# flip FILE BYTE: one bit of that byte (from the end of the file) is another.
flip() {
    local at byte
    at=$(($(stat -c %s "$1") - $2))
    byte=$(od -An -tu1 -j "$at" -N 1 "$1")
    # shellcheck disable=SC2059
    printf "\\x$(printf %02x $((byte ^ 4)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

lab_begin
lab_tpm_start oracle
lab_use_tpm oracle
lab_ek_row "$template"
case $EK_HASH in
sha256) a=$LAB_POLICY_A256 c=$LAB_POLICY_C256 longest=32 ;;
sha384) a=$LAB_POLICY_A384 c=$LAB_POLICY_C384 longest=48 ;;
sha512) a=$LAB_POLICY_A512 c=$LAB_POLICY_C512 longest=64 ;;
esac
lab_unhex "$a" >"$LAB/policy-a"
lab_unhex "$c" >"$LAB/policy-c"
case $EK_ALG in
rsa*) modes=plain softs=plain ;;
*) modes='plain ephemeral shared' softs='plain zero' ;;
esac
# Names of every hash, and not always the EK's.
case $template in
L-1) ik_type=rsa2048 ik_hash=sha256 ;;
L-2 | H-2 | H-6) ik_type=ecc384 ik_hash=sha384 ;;
*) ik_type=ecc256 ik_hash=sha256 ;;
esac

lab_say "our template recreates the EK that tpm2-tools makes"
"$ORACLE" create-ek "$template" "$LAB/ek.pub" "$ek"
lab_ek_make "$LAB" "$template"
cmp "$LAB/ek.pub" "$LAB/ek-$template.pub"
[[ $("$ORACLE" match "$LAB/ek.pub") == "$template" ]]

if [[ $EK_RANGE == high ]]; then
    lab_say "policy C is the TPM's own, for the profile's index with policy A"
    index=0x01C07F0$((longest / 16 - 1))
    tpm2_nvdefine -Q -C o -g "$EK_HASH" -s $((longest + 2)) -L "$LAB/policy-a" \
        -a 'policywrite|writeall|ppread|ownerread|authread|policyread|no_da' "$index" >/dev/null
    head -c $((longest + 2)) /dev/zero >"$LAB/zeros"
    tpm2_startauthsession -Q --policy-session -g "$EK_HASH" -S "$LAB/session"
    tpm2_policysecret -Q -S "$LAB/session" -c e
    tpm2_nvwrite -Q -C "$index" -P "session:$LAB/session" -i "$LAB/zeros" "$index"
    tpm2_flushcontext "$LAB/session" || true
    tpm2_startauthsession -Q -g "$EK_HASH" -S "$LAB/session"
    tpm2_policyauthorizenv -Q -S "$LAB/session" -L "$LAB/their-c" "$index"
    tpm2_flushcontext "$LAB/session"
    cmp "$LAB/their-c" "$LAB/policy-c"
fi

lab_say "our identity key is the one of tpm2-tools with these attributes"
"$ORACLE" create-ik "$ik_type" "$LAB/ik.pub" "$ik"
tpm2_createprimary -Q -C e -G "$ik_type:null:null" -g "$ik_hash" -c "$LAB/ik.ctx" \
    -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|sign'
tpm2_readpublic -Q -c "$LAB/ik.ctx" -f tss -o "$LAB/ik-tools.pub"
tpm2_flushcontext -t
cmp "$LAB/ik.pub" "$LAB/ik-tools.pub"
[[ $("$ORACLE" match "$LAB/ik.pub") == none ]]

lab_say "Names are the TPM's"
for key in "$ek:$LAB/ek.pub" "$ik:$LAB/ik.pub"; do
    tpm2_readpublic -Q -c "${key%%:*}" -n "$LAB/name"
    [[ $("$ORACLE" name "${key#*:}") == "$(od -An -v -tx1 "$LAB/name" | tr -d ' \n')" ]]
done

lab_say "the TPM opens our credentials"
for mode in $modes; do
    opens "$LAB/ek.pub" "$ek" "$mode" 32
done
opens "$LAB/ek.pub" "$ek" plain 1
opens "$LAB/ek.pub" "$ek" plain "$longest"

if [[ $template == L-2 ]]; then
    lab_say "an EK whose x begins with a zero byte"
    "$ORACLE" create-zero "$LAB/zero.pub" "$zero_ek"
    [[ $("$ORACLE" match "$LAB/zero.pub") == L-2 ]]
    for mode in $modes; do
        opens "$LAB/zero.pub" "$zero_ek" "$mode" 32
    done
fi

lab_say "the TPM opens no credential for another Name, and no changed one"
"$ORACLE" create-ik "$([[ $ik_type == ecc256 ]] && echo ecc384 || echo ecc256)" "$LAB/other.pub" "$other_ik"
"$ORACLE" make plain "$LAB/ek.pub" "$LAB/other.pub" "$LAB/secret" "$LAB/credential"
lab_fails activate "$ek" "$LAB/credential" "$LAB/opened"
lab_said '0x1DF|integrity'
for byte in 1 40 $((8 + 4 + 40)); do
    "$ORACLE" make plain "$LAB/ek.pub" "$LAB/ik.pub" "$LAB/secret" "$LAB/credential"
    flip "$LAB/credential" "$byte"
    lab_fails activate "$ek" "$LAB/credential" "$LAB/opened"
done

lab_say "we open the credentials of tpm2_makecredential"
tpm2_readpublic -Q -c "$ik" -n "$LAB/name"
for mode in $softs; do
    "$ORACLE" soft "$template" "$mode" "$LAB/soft.pub" "$LAB/soft.pem"
    head -c 32 /dev/urandom >"$LAB/secret"
    tpm2_makecredential -Q -T none -u "$LAB/soft.pub" -n "$(od -An -v -tx1 "$LAB/name" | tr -d ' \n')" -s "$LAB/secret" -o "$LAB/credential"
    "$ORACLE" open "$LAB/soft.pub" "$LAB/soft.pem" "$LAB/ik.pub" "$LAB/credential" "$LAB/opened"
    cmp "$LAB/secret" "$LAB/opened"
    lab_fails "$ORACLE" open "$LAB/soft.pub" "$LAB/soft.pem" "$LAB/other.pub" "$LAB/credential" "$LAB/opened"
    lab_said 'made for another'
done
lab_tpm_clean oracle
