#!/bin/bash
# templates.sh: EKs whose nonce or template stands in NV (TCG EK Credential Profile 2.5, B.3), and certificates that are
# for another key.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_ca one
lab_server one
ek_attr='fixedtpm|fixedparent|sensitivedataorigin|adminwithpolicy|restricted|decrypt'

# ones N: that many bytes 01.
ones() {
    head -c "$1" /dev/zero | tr '\0' '\1'
}

# with_unique TPM EK: the EK that the file `unique` in the TPM's directory gives, and its certificate in NV.
with_unique() {
    local d=$LAB/tpm-$1
    lab_ek_row "$2"
    lab_unhex "$EK_POLICY" >"$d/policy"
    tpm2_createprimary -Q -C e -G "$EK_ALG" -g "$EK_HASH" -a "$ek_attr" -L "$d/policy" -u "$d/unique" -c "$d/k.ctx" \
        -f pem -o "$d/k.pem"
    tpm2_flushcontext -t
    lab_ek_certificate acme "$d/k.pem" "$EK_USAGE" "$d/k.der"
    lab_nv_put "$EK_NV" "$d/k.der" "$(stat -c %s "$d/k.der")"
}

# enrols TPM: it is provisioned.
enrols() {
    lab_enroll "$1" one "SN-$1" --key ecc256
    lab_identity_good "$LAB/id-SN-$1" one "$1"
    lab_tpm_clean "$1"
}

lab_say "a nonce for the RSA EK"
lab_tpm rsa --ek L-1 --no-cert
d=$LAB/tpm-rsa
printf 'a nonce in NV' >"$d/nonce"
{ cat "$d/nonce"; head -c 256 /dev/zero; } | head -c 256 >"$d/field"
lab_unique_field 256 256 "$d/field" >"$d/unique"
lab_nv_put 0x01C00003 "$d/nonce" 13
with_unique rsa L-1
enrols rsa

lab_say "a nonce and a template: the nonce goes into the template"
{ tail -c +3 "$d/ek-L-1.pub" | head -c -256; ones 256; } >"$d/template"
lab_nv_put 0x01C00004 "$d/template" "$(stat -c %s "$d/template")"
lab_enroll rsa one SN-rsa --renew

lab_say "a nonce for the ECC EK"
lab_tpm ecc --ek L-2 --no-cert
d=$LAB/tpm-ecc
printf 'a nonce in NV' >"$d/nonce"
{ cat "$d/nonce"; head -c 128 /dev/zero; } >"$d/field"
{ lab_unique_field 32 128 "$d/field"; lab_unique_field 32 128; } >"$d/unique"
lab_nv_put 0x01C0000B "$d/nonce" 13
with_unique ecc L-2
enrols ecc

lab_say "a template alone: used as it is"
lab_tpm alone --ek L-2 --no-cert
d=$LAB/tpm-alone
{ ones 32; head -c 96 /dev/zero; } >"$d/field"
{ lab_unique_field 32 128 "$d/field"; lab_unique_field 32 128 "$d/field"; } >"$d/unique"
{
    tail -c +3 "$d/ek-L-2.pub" | head -c -68
    for i in x y; do
        printf '\x00\x20'
        ones 32
    done
} >"$d/template"
lab_nv_put 0x01C0000C "$d/template" "$(stat -c %s "$d/template")"
with_unique alone L-2
enrols alone

lab_say "a template with attributes of its own: the agent says so, and the server refuses the EK"
lab_tpm own --ek L-2 --no-cert
d=$LAB/tpm-own
cp "$LAB/tpm-alone/unique" "$d/unique"
# 0x000300B2 with noDA (0x400) is 0x000304B2.
{ head -c 4 "$LAB/tpm-alone/template"; lab_unhex 000304b2; tail -c +9 "$LAB/tpm-alone/template"; } >"$d/template"
lab_nv_put 0x01C0000C "$d/template" "$(stat -c %s "$d/template")"
ek_attr+='|noda'
with_unique own L-2
lab_fails lab_enroll own one SN-own --key ecc256
lab_said '0x01c0000c is not L-2 of the TCG'
lab_said 'refused \(ek-template'
lab_tpm_clean own

lab_say "an EK that this TPM cannot make (RSA-4096) is passed over, whatever certificate stands there"
lab_tpm large --ek H-3
lab_nv_put 0x01C0001E "$LAB/tpm-alone/k.der" "$(stat -c %s "$LAB/tpm-alone/k.der")"
enrols large

lab_say "the certificate is for another TPM's EK: refused by the agent, and nothing is left"
lab_tpm wrong --ek L-2 --no-cert
lab_nv_put 0x01C0000A "$LAB/tpm-alone/k.der" "$(stat -c %s "$LAB/tpm-alone/k.der")"
lab_fails lab_enroll wrong one SN-wrong --key ecc256
lab_said "not for this TPM's EK"
lab_tpm_clean wrong
[[ -z $(tpm2_getcap handles-persistent) ]] || lab_die "a key was made persistent"

lab_say "a certificate for another key is passed over when a second one fits"
lab_tpm second --ek H-2
lab_nv_put 0x01C0000A "$LAB/tpm-alone/k.der" "$(stat -c %s "$LAB/tpm-alone/k.der")"
enrols second

lab_say "what is no certificate is passed over too"
lab_tpm third --ek H-3
printf 'no certificate' >"$LAB/nonsense"
lab_nv_put 0x01C00002 "$LAB/nonsense" 14
enrols third
