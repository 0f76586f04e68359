#!/bin/bash
# The lab tells the truth: its TPMs have the EKs that the templates say, their certificates chain to the vendor, and
# they open credentials that tpm2_makecredential closed.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin

lab_say "every EK template gives a public area with the attributes and the policy of the table"
all=L-1,L-2,H-1,H-2,H-3,H-4,H-6
lab_tpm one --ek "$all" --chain
for t in ${all//,/ }; do
    lab_ek_row "$t"
    pub=$(od -An -v -tx1 "$LAB/tpm-one/ek-$t.pub" | tr -d ' \n')
    case $EK_RANGE in
    low) attributes=000300b2 ;;
    high) attributes=000300f2 ;;
    esac
    size=$(printf %04x $((${#EK_POLICY} / 2)))
    case $EK_ALG-$EK_HASH in
    rsa2048*) head=0001000b$attributes$size$EK_POLICY rest=00060080004300100800000000000100 ;;
    ecc256*) head=0023000b$attributes$size$EK_POLICY rest=0006008000430010000300100020 ;;
    ecc384*) head=0023000c$attributes$size$EK_POLICY rest=0006010000430010000400100030 ;;
    ecc521*) head=0023000d$attributes$size$EK_POLICY rest=0006010000430010000500100042 ;;
    rsa3072*) head=0001000c$attributes$size$EK_POLICY rest=00060100004300100c00000000000180 ;;
    esac
    [[ ${pub:4} == "$head$rest"* ]] || lab_die "$t: ${pub:4:160}, expected $head$rest"
done

lab_say "the templates that tpm2_createek knows give the same keys there"
for pair in L-1:rsa L-2:ecc H-3:ecc384 H-6:rsa3072; do
    tpm2_createek -Q -G "${pair#*:}" -c "$LAB/oracle.ctx" -u "$LAB/oracle.pub"
    tpm2_flushcontext -t
    lab_same "$LAB/oracle.pub" "$LAB/tpm-one/ek-${pair%:*}.pub"
done

lab_say "each EK certificate is in its NV index, is for that EK, and chains to the vendor's root"
for t in ${all//,/ }; do
    lab_ek_row "$t"
    tpm2_nvread -Q "$EK_NV" -o "$LAB/nv.der" 2>/dev/null
    lab_same "$LAB/nv.der" "$LAB/tpm-one/ek-$t.der"
    openssl x509 -inform DER -in "$LAB/nv.der" -out "$LAB/nv.pem"
    openssl verify -x509_strict -CAfile "$LAB/vendor-acme/root.crt" -untrusted "$LAB/vendor-acme/inter.crt" \
        "$LAB/nv.pem" >/dev/null
    openssl x509 -in "$LAB/nv.pem" -noout -pubkey | lab_same /dev/stdin "$LAB/tpm-one/ek-$t.pem"
    openssl x509 -in "$LAB/nv.pem" -noout -text >"$LAB/nv.txt"
    # Its usage, 2.23.133.8.1, as bytes: newer versions of OpenSSL show a name for it.
    [[ $(od -An -v -tx1 "$LAB/nv.der" | tr -d ' \n') == *06056781050801* ]] ||
        lab_die "$t: the EK certificate is not one by its usage"
    for want in 'id:53544D20' 'CA:FALSE' 'X509v3 Subject Alternative Name: critical' \
        "$([[ $EK_USAGE == keyEncipherment ]] && echo 'Key Encipherment' || echo 'Key Agreement')"; do
        grep -q -- "$want" "$LAB/nv.txt" || lab_die "$t: the EK certificate has no $want"
    done
done
tpm2_nvread -Q 0x01C00100 -o "$LAB/c0" 2>/dev/null
tpm2_nvread -Q 0x01C00101 -o "$LAB/c1" 2>/dev/null
cat "$LAB/c0" "$LAB/c1" | lab_same /dev/stdin "$LAB/vendor-acme/inter.der"

lab_say "a credential that tpm2_makecredential closed for an IK opens under each EK, and only under that one"
mkdir "$LAB/x"
printf 'one\n' >"$LAB/x/tpm"
lab_ik one ecc256 "$LAB/x"
tpm2_readpublic -Q -c "$(cat "$LAB/x/ik.handle")" -n "$LAB/x/name" >/dev/null
name=$(od -An -v -tx1 "$LAB/x/name" | tr -d ' \n')
head -c 32 /dev/urandom >"$LAB/secret"
for t in ${all//,/ }; do
    printf '%s\n' "$t" >"$LAB/x/ek"
    tpm2_makecredential -Q -T none -u "$LAB/tpm-one/ek-$t.pub" -s "$LAB/secret" -n "$name" -o "$LAB/made"
    blob=$((8 + 2 + $(od -An -tu1 -j 8 -N 1 "$LAB/made") * 256 + $(od -An -tu1 -j 9 -N 1 "$LAB/made")))
    tail -c +9 "$LAB/made" | head -c $((blob - 8)) >"$LAB/x/credential_blob"
    tail -c +$((blob + 1)) "$LAB/made" >"$LAB/x/encrypted_secret"
    lab_activate x
    lab_same "$LAB/x/ticket" "$LAB/secret"
done
lab_fails lab_activate x one H-3

lab_say "each TPM has keys of its own, and keeps them over a power cycle"
lab_tpm two --ek L-2 --pad ff --prefix
! cmp -s "$LAB/tpm-one/ek-L-2.pub" "$LAB/tpm-two/ek-L-2.pub"
lab_tpm_stop two
lab_tpm_start two
lab_use_tpm two
cp "$LAB/tpm-two/ek-L-2.pub" "$LAB/before.pub"
lab_ek_make "$LAB/tpm-two" L-2
lab_same "$LAB/before.pub" "$LAB/tpm-two/ek-L-2.pub"
tpm2_nvread -Q 0x01C0000A -o "$LAB/nv" 2>/dev/null
[[ $(od -An -tx1 -N 3 "$LAB/nv") == ' 10 01 00' && $(tail -c 1 "$LAB/nv" | od -An -tx1) == ' ff' ]]

lab_say "a CSR signed in the TPM verifies, for each type of identity key"
for key in rsa2048 rsa3072 ecc256 ecc384; do
    lab_device "csr-$key" one L-2 "$key" SN1
    [[ $(openssl req -inform DER -in "$LAB/csr-$key/csr" -noout -verify 2>&1) == *"verify OK"* ]]
done

lab_say "the lab leaves nothing loaded in a TPM"
lab_tpm_clean one
lab_tpm_clean two

lab_say "what is loaded in a TPM is seen: an object, a session"
looks_dirty() {
    lab_fails "$LAB_LOOK" clean
    lab_said "^$1: 0x"
}
tpm2_createprimary -Q -C o -G ecc256 -c "$LAB/loaded.ctx"
looks_dirty "transient objects"
tpm2_flushcontext -t
tpm2_startauthsession -S "$LAB/session.ctx"
looks_dirty "saved sessions"
tpm2_flushcontext "$LAB/session.ctx"
lab_tpm_clean two

lab_say "an identity is good with its own key, its own CA and for a client, and is not without one of them"
identity=$LAB/identity
mkdir "$identity"
vendor=$LAB/vendor-acme
# issue KEY-OF USAGE
issue() {
    tpm2_readpublic -Q -c "$(cat "$LAB/csr-$1/ik.handle")" -f pem -o "$LAB/ik.pem"
    printf '[end]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' \
        "$2" >"$LAB/end.cnf"
    openssl x509 -new -force_pubkey "$LAB/ik.pem" -CA "$vendor/inter.crt" -CAkey "$vendor/inter.key" -days 30 -subj /CN=SN1 \
        -extfile "$LAB/end.cnf" -extensions end -out "$identity/device.crt"
}
# is_good / is_not REASON
is_good() {
    "$LAB_LOOK" identity "$identity" "$vendor/root.crt"
}
is_not() {
    lab_fails is_good
    lab_said "$1"
}
lab_use_tpm one
cp "$vendor/inter.crt" "$identity/chain.crt"
for key in rsa2048 rsa3072 ecc256 ecc384; do
    issue "$key" clientAuth
    printf 'handle:%s\n' "$(cat "$LAB/csr-$key/ik.handle")" >"$identity/key.uri"
    is_good || lab_die "$key: not good"
done
printf 'handle:%s\n' "$(cat "$LAB/csr-ecc256/ik.handle")" >"$identity/key.uri"
is_not "not the certificate's"
printf 'handle:0x8102ffff\n' >"$identity/key.uri"
is_not "nothing at the handle"
printf 'object:x\n' >"$identity/key.uri"
is_not "names no handle"
issue ecc256 serverAuth
is_not "purpose"
issue ecc256 clientAuth
: >"$identity/chain.crt"
is_not "does not chain"
