#!/bin/bash
# The inventory: a table becomes devices, all of them or none.
. "$(dirname "$0")/common.sh"

# An EK of template L-2 as it comes to an operator: NAME.der the EK certificate, NAME.pub the TPM2B_PUBLIC, hash_of NAME.
make_ek() {
    local name=$1 point
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$name.key" 2>/dev/null
    openssl pkey -in "$name.key" -pubout -out "$name.pem"
    openssl req -new -x509 -key "$name.key" -subj / -days 30 -addext basicConstraints=critical,CA:FALSE \
        -addext keyUsage=critical,keyAgreement -addext extendedKeyUsage=2.23.133.8.1 -outform DER -out "$name.der" 2>/dev/null
    point=$(openssl pkey -in "$name.key" -pubout -outform DER | tail -c 64 | od -An -v -tx1 | tr -d ' \n')
    unhex "007a0023000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa0006008000430010000300100020${point:0:64}0020${point:64}" \
        >"$name.pub"
}
unhex() {
    local i
    for ((i = 0; i < ${#1}; i += 2)); do printf '%b' "\\x${1:i:2}"; done
}
hash_of() {
    pkeyhash "$1.key"
}

mkdir ek
for i in 1 2 3 4 5 6; do make_ek "ek/$i"; done
ctl init --state ca >/dev/null
export BIRTHMARK_STATE=$T/ca
b64() { base64 -w0 "$1"; }
openssl x509 -inform DER -in ek/3.der -out ek/3.crt

say "the EK is the same by certificate, by public area and by hash, as base64 and as a file"
{
    printf 'ek_sha256,serial,ek_public,ek_certificate\r\n'
    printf ',SN-1,,%s\r\n' "$(b64 ek/1.der)"
    printf ',"SN-2",%s,\r\n' "$(b64 ek/2.pub)"
    printf ',SN-3,,"ek/3.crt"\r\n'
    printf ',SN-4,%s,\r\n\r\n' "$T/ek/4.pub"
    printf '%s,"",,' "$(hash_of ek/5 | tr a-f A-F)"
} >batch.csv
same "$(ctl device import batch.csv)" "5 added, 0 unchanged"
same "$(cd / && ctl device import "$T/batch.csv")" "0 added, 5 unchanged"
list=$(ctl device list --json)
for i in 1 2 3 4; do
    has "$list" "\"serial\": \"SN-$i\", \"status\": \"active\", \"inventory\": true"
    has "$(ctl device show SN-$i)" "$(hash_of ek/$i)"
    same "$(ctl device add --serial SN-$i --ek-cert ek/$i.der)" "unchanged SN-$i, EK $(hash_of ek/$i)"
    same "$(ctl device add --serial SN-$i --ek-public ek/$i.pub)" "unchanged SN-$i, EK $(hash_of ek/$i)"
    same "$(ctl device add --serial SN-$i --ek-public ek/$i.pem)" "unchanged SN-$i, EK $(hash_of ek/$i)"
    same "$(ctl device add --serial SN-$i --ek-sha256 "$(hash_of ek/$i)")" "unchanged SN-$i, EK $(hash_of ek/$i)"
done
same "$(ctl device list | wc -l)" 6
has "$(ctl device show "$(hash_of ek/5 | cut -c1-12)")" "$(hash_of ek/5)"

say "an EK certificate may be a copy of its NV index, with what vendors put around it"
{ printf '\x10\x01\x00'; unhex "$(printf %04x "$(stat -c %s ek/6.der)")"; cat ek/6.der; head -c 100 /dev/zero | tr '\0' '\377'; } >ek/6.nv
same "$(ctl device add --ek-cert ek/6.nv)" "added (no serial), EK $(hash_of ek/6)"

say "everything that is wrong is told with its line, and nothing is imported"
before=$(ctl device list)
for i in 7 8; do make_ek "ek/$i"; done
{
    echo 'serial,ek_certificate,ek_public,ek_sha256'
    echo "SN-7,ek/7.der,,"
    echo "SN 8,ek/8.der,,"
    echo "SN-9,,,"
    echo "SN-10,ek/7.der,,$(hash_of ek/8)"
    echo "SN-11,,,$(hash_of ek/8 | cut -c1-63)"
    echo "SN-12,ek/none.der,,"
    echo "SN-13,ek/7.key,,"
    echo "SN-14,,ek/7.der,"
    echo "SN-15,ek/8.der"
    echo 'SN-16,"ek/8.der'
    echo 'next line",,'
    echo 'SN-17,ek/8".der,,'
    echo "SN-1,ek/8.der,,"
    echo "SN-18,ek/1.der,,"
    echo "SN-7,ek/8.der,,"
} >bad.csv
rc=0
ctl device import bad.csv >out 2>err || rc=$?
same "$rc" 2
[[ ! -s out ]]
for row in "3: .*serial number is 1 to 64" "4: a row has exactly one" "5: a row has exactly one" "6: a SHA-256 is 64 digits" \
    "7: ek/none.der: No such file" "8: " "9: not a TPM2B_PUBLIC" "10: 2 fields where the header has 4" "11: " \
    "13: a quote inside" "14: another active device has the serial SN-1" "15: the device with this EK has the serial SN-1" \
    "16: another active device has the serial SN-7"; do
    grep -q "^birthmarkctl: bad.csv:$row" err || die "not told: $row ($(cat err))"
done
grep -q '^birthmarkctl: 13 rows of bad.csv are wrong: nothing was imported$' err || die "$(cat err)"
same "$before" "$(ctl device list)"

say "of many problems twenty are shown"
{ echo 'serial,ek_sha256'; for i in {1..50}; do echo "SN-$i,xx"; done; } >many.csv
if ctl device import many.csv 2>err; then die "imported"; fi
same "$(grep -c '^birthmarkctl: many.csv:' err)" 20
grep -q '50 rows of many.csv are wrong (the first 20 are above)' err

say "a table that is none is refused"
: >empty.csv
refused 2 "empty.csv:1: the file is empty" device import empty.csv
echo 'serial,ek' >header.csv
refused 2 "header.csv:1: column 2 is none of" device import header.csv
echo 'serial,serial,ek_sha256' >header.csv
refused 2 "header.csv:1: there are two columns serial" device import header.csv
echo 'serial' >header.csv
refused 2 "header.csv:1: there is no column for the EK" device import header.csv
refused 2 "No such file" device import not-there.csv
head -c 1000 /dev/zero >zero.csv
refused 2 "zero.csv:1: a NUL byte" device import zero.csv
refused 1 "needs FILE.csv" device import

say "one that is wrong is refused by device add"
refused 1 "exactly one of" device add --serial SN-20
refused 1 "exactly one of" device add --serial SN-20 --ek-cert ek/7.der --ek-public ek/7.pub
refused 1 "64 digits" device add --serial SN-20 --ek-sha256 0123
refused 2 "not an EK certificate" device add --serial SN-20 --ek-cert ek/7.pub
refused 2 "not a TPM2B_PUBLIC" device add --serial SN-20 --ek-public ek/7.der
{ head -c 6 ek/7.pub; printf '\x00\x04\x00\x72'; tail -c +11 ek/7.pub; } >ek/ik.pub
refused 2 "ek/ik.pub: not an EK" device add --serial SN-20 --ek-public ek/ik.pub
refused 2 "serial number is" device add --serial 'SN 20' --ek-cert ek/7.der
refused 2 "another active device has the serial SN-1" device add --serial SN-1 --ek-cert ek/7.der
refused 2 "has the serial SN-1" device add --serial SN-20 --ek-cert ek/1.der
same "$before" "$(ctl device list)"

say "a device without a serial takes one later"
has "$(ctl device add --serial SN-5 --ek-cert ek/5.der)" "added SN-5"
has "$(ctl device show SN-5)" "$(hash_of ek/5)"

say "a device may be let in again, which its row and the log say"
has "$(ctl device admit SN-5)" "admitted SN-5, EK $(hash_of ek/5)"
has "$(ctl log list)" "admit device"

say "retirement is for good, and frees the serial for another EK"
has "$(ctl device retire SN-1)" "retired SN-1"
has "$(ctl device show SN-1)" "retired"
has "$(ctl device retire SN-1)" "retired before SN-1"
refused 2 "was retired" device add --serial SN-1 --ek-cert ek/1.der
has "$(ctl device add --serial SN-1 --ek-cert ek/7.der)" "added SN-1"
has "$(ctl device show SN-1)" "$(hash_of ek/7)"
has "$(ctl device show "$(hash_of ek/1)")" "retired"
refused 2 "retired device stays so" device admit "$(hash_of ek/1)"
refused 3 "no device 'SN-99'" device admit SN-99
refused 3 "no device 'SN-99'" device show SN-99
refused 3 "no device 'SN-99'" device retire SN-99
refused 3 "no CA in" device list --state "$T/none"

say "operators at work at the same time lose nothing"
pids=()
for i in {1..12}; do
    ctl device add --serial "P-$i" --ek-sha256 "$(printf '%064x' "$i")" >/dev/null &
    pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done
same "$(ctl device list | grep -c '^P-')" 12
has "$(ctl log verify)" "all of them good"
last=$(ctl log list | wc -l)
same "$(ctl log list --from $((last - 1)) | wc -l)" 2
refused 1 "no number" log list --from now

say "no certificate, no answer"
same "$(ctl cert list | wc -l)" 1
same "$(ctl cert list --json)" "[]"
refused 3 "no certificate" cert show 0011223344556677
refused 3 "8 digits" cert show 00
