# shellcheck shell=bash
# The lab's TPM vendors and software TPMs. Part of lab.sh.
#
# A TPM here is what a factory ships: a seed of its own, and in NV, under platform control, an EK certificate for each
# EK template, signed by the vendor's intermediate CA. (TCG EK Credential Profile 2.5, sections 2.2 and 3.2.)

# The policies of the EK templates: A = PolicySecret(endorsement), C = PolicyAuthorizeNV, B = PolicyOR(A, C).
LAB_POLICY_A256=837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa
LAB_POLICY_C256=3767e2edd43ff45a3a7e1eaefcef78643dca964632e7aad82c673a30d8633fde
LAB_POLICY_B256=ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0
LAB_POLICY_A384=8bbf2266537c171cb56e403c4dc1d4b64f432611dc386e6f532050c3278c930e143e8bb1133824ccb431053871c6db53
LAB_POLICY_C384=d6032ce61f2fb3c240eb3cf6a33237ef2b6a16f4293c22b455e261cffd217ad5b4947c2d73e63005eed2dc2b3593d165
LAB_POLICY_B384=b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12
LAB_POLICY_A512=1e3b76502c8a1425aa0b7b3fc646a1b0fae063b03b5368f9c4cddecaff0891dd
LAB_POLICY_A512+=682bac1a85d4d832b781ea451915de5fc5bf0dc4a1917cd42fa041e3f998e0ee
LAB_POLICY_C512=589ee1e146544716e8deafe6db247b01b81e9f9c7dd16b814aa159138749105f
LAB_POLICY_C512+=ba5388dd1dea702f35240c184933121e2c61b8f50d3ef91393a49a38c3f73fc8
LAB_POLICY_B512=b8221ca69e8550a4914de3faa6a18c072cc01208073a928d5d66d59ef79e49a4
LAB_POLICY_B512+=29c41a6b269571d57edb25fbdb1838425608b413cd616a5f6db5b6071af99bea

# lab_ek_row TEMPLATE: the row of the EK table: EK_ALG EK_HASH EK_RANGE (low, high) EK_POLICY EK_UNIQUE (bytes of zeros
# for each field of `unique`, 0: empty) EK_NV EK_USAGE EK_HANDLE.
lab_ek_row() {
    case $1 in
    L-1) EK_ALG=rsa2048:null:aes128cfb EK_HASH=sha256 EK_RANGE=low EK_UNIQUE=256 EK_NV=0x01C00002 ;;
    L-2) EK_ALG=ecc256:null:aes128cfb EK_HASH=sha256 EK_RANGE=low EK_UNIQUE=32 EK_NV=0x01C0000A ;;
    H-1) EK_ALG=rsa2048:null:aes128cfb EK_HASH=sha256 EK_RANGE=high EK_UNIQUE=0 EK_NV=0x01C00012 ;;
    H-2) EK_ALG=ecc256:null:aes128cfb EK_HASH=sha256 EK_RANGE=high EK_UNIQUE=0 EK_NV=0x01C00014 ;;
    H-3) EK_ALG=ecc384:null:aes256cfb EK_HASH=sha384 EK_RANGE=high EK_UNIQUE=0 EK_NV=0x01C00016 ;;
    H-4) EK_ALG=ecc521:null:aes256cfb EK_HASH=sha512 EK_RANGE=high EK_UNIQUE=0 EK_NV=0x01C00018 ;;
    H-6) EK_ALG=rsa3072:null:aes256cfb EK_HASH=sha384 EK_RANGE=high EK_UNIQUE=0 EK_NV=0x01C0001C ;;
    *) lab_die "no EK template $1" ;;
    esac
    case $EK_RANGE-$EK_HASH in
    low-sha256) EK_POLICY=$LAB_POLICY_A256 ;;
    high-sha256) EK_POLICY=$LAB_POLICY_B256 ;;
    high-sha384) EK_POLICY=$LAB_POLICY_B384 ;;
    high-sha512) EK_POLICY=$LAB_POLICY_B512 ;;
    esac
    case $EK_ALG in
    rsa*) EK_USAGE=keyEncipherment EK_HANDLE=0x81010001 ;;
    *) EK_USAGE=keyAgreement EK_HANDLE=0x81010002 ;;
    esac
}

# lab_vendor NAME: $LAB/vendor-NAME with root.crt, inter.crt (and the keys), and inter.der for chains on the chip.
lab_vendor() {
    if [[ -n ${LAB_STOCK_SHELF:-} ]]; then
        lab_stocked "$LAB/vendor-$1" "vendor-$1" lab_vendor_make "$1"
    else
        mkdir -p "$LAB/vendor-$1"
        lab_vendor_make "$1" "$LAB/vendor-$1"
    fi
}

# lab_vendor_make NAME DIR
lab_vendor_make() {
    local d=$2
    cat >"$d/ca.cnf" <<END
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
END
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout "$d/root.key" -out "$d/root.crt" \
        -days 7300 -config "$d/ca.cnf" -extensions ca -subj "/C=XX/O=$1 TPM/CN=$1 TPM Root CA" 2>"$d/openssl.err"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$d/inter.key"
    openssl pkey -in "$d/inter.key" -pubout -out "$d/inter.pub"
    openssl x509 -new -force_pubkey "$d/inter.pub" -CA "$d/root.crt" -CAkey "$d/root.key" -out "$d/inter.crt" \
        -days 5000 -extfile "$d/ca.cnf" -extensions ca -subj "/C=XX/O=$1 TPM/CN=$1 TPM Manufacturing CA 001"
    openssl x509 -in "$d/inter.crt" -outform DER -out "$d/inter.der"
}

# lab_ek_certificate VENDOR PUBLIC.pem USAGE OUT.der: an EK certificate as the profile has it: empty subject, the TPM's
# make in a critical directoryName, EKU 2.23.133.8.1.
lab_ek_certificate() {
    local d=$LAB/vendor-$1
    cat >"$4.cnf" <<END
[ek]
basicConstraints = critical,CA:FALSE
keyUsage = critical,$3
extendedKeyUsage = 2.23.133.8.1
subjectAltName = critical,dirName:tpm
authorityKeyIdentifier = keyid
[tpm]
1.2.23.133.2.1 = id:53544D20
2.2.23.133.2.2 = LAB9670
3.2.23.133.2.3 = id:00010001
END
    openssl x509 -new -force_pubkey "$2" -CA "$d/inter.crt" -CAkey "$d/inter.key" -days 3650 \
        -subj / -extfile "$4.cnf" -extensions ek -outform DER -out "$4"
    rm -f "$4.cnf"
}

# lab_crl VENDOR CA NUMBER OUT [CERT.der...]: a CRL of the vendor's CA (root, inter) that revokes these certificates.
# LAB_CRL_FROM and LAB_CRL_UNTIL (YYYYMMDDHHMMSSZ) are its dates; without them it is of now, and good for 30 days.
# LAB_CRL_MORE=N puts N serial numbers of nobody into it as well.
lab_crl() {
    local d=$LAB/vendor-$1 ca=$2 number=$3 out=$4 der
    local -a dates=(-crldays 30)
    shift 4
    if [[ -n ${LAB_CRL_FROM:-} ]]; then
        dates=(-crl_lastupdate "$LAB_CRL_FROM" -crl_nextupdate "$LAB_CRL_UNTIL")
    fi
    : >"$d/index"
    for der in "$@"; do
        printf 'R\t491231235959Z\t260101000000Z,keyCompromise\t%s\tunknown\t/CN=revoked\n' \
            "$(openssl x509 -inform DER -in "$der" -noout -serial | cut -d= -f2)" >>"$d/index"
    done
    seq -f '%.0f' 1 "${LAB_CRL_MORE:-0}" |
        awk '{ printf "R\t491231235959Z\t260101000000Z\t7E00%08X\tunknown\t/CN=nobody\n", $1 }' >>"$d/index"
    printf '%s\n' "$number" >"$d/crlnumber"
    cat >"$d/crl.cnf" <<END
[ca]
default_ca = crl_ca
[crl_ca]
database = $d/index
crlnumber = $d/crlnumber
default_md = ${LAB_CRL_MD:-sha256}
crl_extensions = crl_ext
[crl_ext]
authorityKeyIdentifier = keyid
END
    openssl ca -gencrl -config "$d/crl.cnf" -keyfile "$d/$ca.key" -cert "$d/$ca.crt" "${dates[@]}" -out "$out" \
        2>"$d/openssl.err" || lab_die "openssl made no CRL: $(cat "$d/openssl.err")"
}

lab_tcti() {
    printf 'swtpm:path=%s\n' "$LAB/tpm-$1/sock"
}

# lab_use_tpm NAME: tpm2-tools and tpm2-openssl talk to this one from here on.
lab_use_tpm() {
    TPM2TOOLS_TCTI=$(lab_tcti "$1")
    export TPM2TOOLS_TCTI TPM2OPENSSL_TCTI=$TPM2TOOLS_TCTI
}

lab_tpm_listens() {
    lab_gone "$1" || [[ -S $2/sock && -S $2/sock.ctrl ]]
}

# lab_tpm_start NAME: power on; what is in NV stays from the last time.
lab_tpm_start() {
    local d=$LAB/tpm-$1
    mkdir -p "$d"
    rm -f "$d/sock" "$d/sock.ctrl" "$d"/ek-*.ctx
    swtpm socket --tpm2 --tpmstate dir="$d" --server type=unixio,path="$d/sock" \
        --ctrl type=unixio,path="$d/sock.ctrl" --flags not-need-init,startup-clear >"$d/swtpm.log" 2>&1 &
    LAB_PID[tpm-$1]=$!
    lab_wait 10 lab_tpm_listens "$!" "$d" || lab_die "swtpm $1 says nothing"
    lab_alive "${LAB_PID[tpm-$1]}" || lab_die "swtpm $1 did not start"
}

lab_tpm_stop() {
    lab_stop "tpm-$1"
}

# lab_unhex HEX: bytes.
lab_unhex() {
    printf '%b' "$(sed 's/../\\x&/g' <<<"$1")"
}

# lab_unique_field SIZE BUFFER [FILE]: one field of TPMU_PUBLIC_ID as tpm2-tools wants it: the size, little endian, then
# the whole buffer, of zeros or from the file.
lab_unique_field() {
    # shellcheck disable=SC2059
    printf "\\x$(printf %02x $(($1 % 256)))\\x$(printf %02x $(($1 / 256)))"
    head -c "$2" "${3:-/dev/zero}"
}

# lab_ek_make DIR TEMPLATE: the EK primary; DIR/ek-TEMPLATE.{ctx,pub,pem}, and nothing left loaded.
lab_ek_make() {
    local d=$1 t=$2 attr='fixedtpm|fixedparent|sensitivedataorigin|adminwithpolicy|restricted|decrypt' unique=()
    lab_ek_row "$t"
    if [[ $EK_RANGE == high ]]; then
        attr+='|userwithauth'
    elif ((EK_UNIQUE == 256)); then
        lab_unique_field 256 256 >"$d/unique"
        unique=(-u "$d/unique")
    else
        { lab_unique_field 32 128; lab_unique_field 32 128; } >"$d/unique"
        unique=(-u "$d/unique")
    fi
    lab_unhex "$EK_POLICY" >"$d/policy"
    tpm2_createprimary -Q -C e -G "$EK_ALG" -g "$EK_HASH" -a "$attr" -L "$d/policy" "${unique[@]}" \
        -c "$d/ek-$t.ctx" -f pem -o "$d/ek-$t.pem"
    tpm2_readpublic -Q -c "$d/ek-$t.ctx" -f tss -o "$d/ek-$t.pub"
    tpm2_flushcontext -t
}

# lab_ek_load NAME TEMPLATE: the EK's context, for tpm2-tools, is in $LAB/tpm-NAME/ek-TEMPLATE.ctx.
lab_ek_load() {
    if [[ ! -s $LAB/tpm-$1/ek-$2.ctx ]]; then
        lab_ek_make "$LAB/tpm-$1" "$2"
    fi
}

# lab_nv_put INDEX FILE SIZE: an index of the platform, as a factory makes it, readable with its own empty password.
lab_nv_put() {
    local attr='ppwrite|ppread|ownerread|authread|no_da|platformcreate|writedefine'
    tpm2_nvdefine -Q -C p -s "$3" -a "$attr" "$1" >/dev/null
    tpm2_nvwrite -Q -C p -i "$2" "$1"
}

# lab_nv_pad FILE BYTES OCTAL: more bytes at the end, as chips have that erase an index to its size.
lab_nv_pad() {
    head -c "$2" /dev/zero | tr '\0' "\\$3" >>"$1"
}

# lab_tpm NAME --ek LIST [--vendor V] [--no-cert] [--pad ff|00] [--prefix] [--chain] [--persist]
#   --ek       templates, separated by commas: each EK gets its certificate in its NV index
#   --vendor   who signs (default acme); made if there is none
#   --no-cert  the chip has no EK certificate
#   --pad      the index is 100 bytes longer than the certificate, filled with that byte
#   --prefix   the vendor's five bytes 10 01 00 len16 stand before the certificate
#   --chain    the intermediate CA is on the chip, at 0x01C00100, split over two indices
#   --persist  the EKs are persistent
lab_tpm() {
    local name=$1 eks=L-2 vendor=acme cert=1 pad='' prefix='' chain='' persist='' t d=$LAB/tpm-$1
    shift
    while (($# > 0)); do
        case $1 in
        --ek) eks=$2; shift ;;
        --vendor) vendor=$2; shift ;;
        --pad) pad=$2; shift ;;
        --no-cert) cert= ;;
        --prefix) prefix=1 ;;
        --chain) chain=1 ;;
        --persist) persist=1 ;;
        *) lab_die "lab_tpm: what is $1?" ;;
        esac
        shift
    done
    if [[ ! -d $LAB/vendor-$vendor ]]; then
        lab_vendor "$vendor"
    fi
    if [[ -n ${LAB_STOCK_SHELF:-} ]]; then
        lab_stocked "$d" "tpm-$vendor-$eks-$cert-$pad-$prefix-$chain-$persist" lab_tpm_deliver
        lab_tpm_start "$name"
        lab_use_tpm "$name"
    else
        lab_tpm_make
    fi
}

# lab_tpm_deliver DIR: for lab_tpm: makes it, and leaves in DIR what stays when its power is off.
lab_tpm_deliver() {
    lab_tpm_make
    lab_tpm_stop "$name"
    rm -f "$d"/sock* "$d"/*.ctx "$d"/*.log "$d"/.lock
    mv "$d"/* "$1"
    rmdir "$d"
}

# lab_tpm_make: for lab_tpm, with its variables: the factory.
lab_tpm_make() {
    lab_tpm_start "$name"
    lab_use_tpm "$name"
    for t in ${eks//,/ }; do
        lab_ek_make "$d" "$t"
        lab_ek_certificate "$vendor" "$d/ek-$t.pem" "$EK_USAGE" "$d/ek-$t.der"
        if [[ -n $cert ]]; then
            lab_ek_store "$d" "$t" "$pad" "$prefix"
        fi
        if [[ -n $persist ]]; then
            tpm2_evictcontrol -Q -C o -c "$d/ek-$t.ctx" "$EK_HANDLE" >/dev/null
            tpm2_flushcontext -t
        fi
    done
    if [[ -n $chain ]]; then
        lab_chain_store "$vendor" "$d"
    fi
}

# lab_ek_store DIR TEMPLATE PAD PREFIX: the certificate goes into its NV index.
lab_ek_store() {
    local f=$1/ek-$2.nv size
    size=$(stat -c %s "$1/ek-$2.der")
    if [[ -n $4 ]]; then
        lab_unhex "$(printf '100100%04x' "$size")" >"$f"
        cat "$1/ek-$2.der" >>"$f"
    else
        cp "$1/ek-$2.der" "$f"
    fi
    case $3 in
    ff) lab_nv_pad "$f" 100 377 ;;
    00) lab_nv_pad "$f" 100 000 ;;
    esac
    lab_nv_put "$EK_NV" "$f" "$(stat -c %s "$f")"
}

# lab_chain_store VENDOR DIR: the intermediate in the chain indices, cut in the middle.
lab_chain_store() {
    local half
    half=$(($(stat -c %s "$LAB/vendor-$1/inter.der") / 2))
    head -c "$half" "$LAB/vendor-$1/inter.der" >"$2/chain.0"
    tail -c +"$((half + 1))" "$LAB/vendor-$1/inter.der" >"$2/chain.1"
    lab_nv_put 0x01C00100 "$2/chain.0" "$half"
    lab_nv_put 0x01C00101 "$2/chain.1" "$(stat -c %s "$2/chain.1")"
}

# lab_tpm_clean NAME: nothing is loaded in it: no object and no session, loaded or saved.
lab_tpm_clean() {
    local found
    lab_use_tpm "$1"
    found=$("$LAB_LOOK" clean) || lab_die "the TPM $1 has $found"
}
