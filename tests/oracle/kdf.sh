#!/bin/bash
# KDFa and KDFe against `openssl kdf` (KBKDF in counter mode, SSKDF), and our templates against libtss2-mu.
# shellcheck source=tests/lab/lab.sh
. "$(dirname "$0")/../lab/lab.sh"
: "${ORACLE:?the helper program}"

# hex SIZE: so many random bytes.
hex() {
    openssl rand -hex "$1"
}

# plain: hex without colons, in lower case.
plain() {
    tr -d ':\n' | tr 'A-F' 'a-f'
}

lab_begin

lab_say "templates as libtss2-mu marshals them"
"$ORACLE" structures

lab_say "KDFs as OpenSSL computes them"
for hash in SHA256 SHA384 SHA512; do
    for bits in 8 128 256 384 512 520 1024 4096; do
        for label in STORAGE INTEGRITY; do
            key=$(hex $((1 + RANDOM % 200))) u=$(hex $((1 + RANDOM % 66))) v=$(hex $((1 + RANDOM % 66)))
            theirs=$(openssl kdf -keylen $((bits / 8)) -kdfopt mac:HMAC -kdfopt mode:counter -kdfopt digest:$hash \
                -kdfopt "hexkey:$key" -kdfopt "salt:$label" -kdfopt "hexinfo:$u$v" KBKDF | plain)
            ours=$("$ORACLE" kdfa $hash "$key" $label "$u" "$v" "$bits")
            [[ $ours == "$theirs" ]] || lab_die "KDFa $hash $key $label $u $v $bits: $ours, not $theirs"
            # The label with its NUL.
            info=$(printf '%s\0' $label | od -An -v -tx1 | tr -d ' \n')$u$v
            theirs=$(openssl kdf -keylen $((bits / 8)) -kdfopt digest:$hash -kdfopt "hexkey:$key" -kdfopt "hexinfo:$info" \
                SSKDF | plain)
            ours=$("$ORACLE" kdfe $hash "$key" $label "$u" "$v" "$bits")
            [[ $ours == "$theirs" ]] || lab_die "KDFe $hash $key $label $u $v $bits: $ours, not $theirs"
        done
    done
done
