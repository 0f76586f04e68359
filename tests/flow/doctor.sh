#!/bin/bash
# doctor.sh: birthmark doctor names what is there and what will not work, one finding a line, and changes nothing: neither in the TPM, whose
# commands are recorded, nor on the disk, nor at the server. What enroll fails with names the finding that says more.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-1,L-2 --chain --persist
lab_ek_make "$LAB/tpm-one" H-3
lab_ek_certificate acme "$LAB/tpm-one/ek-H-3.pem" "$EK_USAGE" "$LAB/tpm-one/ek-H-3.der"
lab_ek_store "$LAB/tpm-one" H-3 '' ''
lab_ca one
lab_profile one virtual 'classes = virtual'
lab_profile one listed 'trust = inventory' 'identity = inventory'
lab_server one

# examine TPM OPTIONS...: the doctor looks at it; its lines are in $LAB/doctor, its exit status in LAB_RC.
examine() {
    local tpm=$1
    shift
    LAB_RC=0
    "$BIRTHMARK" doctor --tcti "$(lab_tcti "$tpm")" --state "$LAB/id-$tpm" "$@" >"$LAB/doctor" 2>"$LAB/doctor.err" || LAB_RC=$?
    if ((LAB_RC != 0 && LAB_RC != 7)) || [[ -s $LAB/doctor.err ]]; then
        cat "$LAB/doctor" "$LAB/doctor.err" >&2
        lab_die "the doctor ended with $LAB_RC"
    fi
}

# finds VERDICT NAME PATTERN: there is exactly one such line, and it says that.
finds() {
    if [[ $(grep -cE "^[a-z]+ +$2 " "$LAB/doctor") != 1 ]] || ! grep -E "^$1 +$2 " "$LAB/doctor" | grep -Eq -- "$3"; then
        cat "$LAB/doctor" >&2
        lab_die "no finding '$1 $2: $3'"
    fi
    if [[ $1 == problem ]]; then
        ((LAB_RC == 7)) || lab_die "a problem, and the exit status is $LAB_RC"
    fi
}
well() {
    if ((LAB_RC != 0)); then
        cat "$LAB/doctor" >&2
        lab_die "a problem was found"
    fi
}

server=(--server "${LAB_URL[one]}" --ca "$(lab_ca_file one)")

# remember FILE: all that is in the TPM and stays there.
remember() {
    local handle
    lab_use_tpm one
    {
        tpm2_getcap properties-variable
        tpm2_getcap handles-nv-index
        tpm2_nvreadpublic
        for handle in $(tpm2_getcap handles-persistent | tr -d '-'); do
            tpm2_readpublic -c "$handle"
        done
        tpm2_pcrread sha256
    } >"$1"
    sha256sum "$LAB/tpm-one/tpm2-00.permall" >>"$1"
}

lab_say "a TPM with all that an enrolment needs: no problem, and every finding has its line"
examine one "${server[@]}"
well
for name in device-node tpm firmware resource-manager algorithms hierarchies lockout-auth lockout objects sessions persistent handle nv \
    ek-L-1 ek-L-2 ek-H-1 ek-H-2 ek-H-3 ek-H-4 ek-H-6 ek-H-7 ek-chain ek bus owner-auth endorsement-auth clock state identity server profile; do
    finds ok "$name" .
done
finds ok tpm 'IBM SW +TPM, TPM 2.0'
finds ok ek-L-1 "rsa2048; certificate at NV index 0x01c00002 for .*id:53544D20.*LAB9670.*issued by .*acme TPM Manufacturing.*; this TPM's key"
finds ok ek-L-2 'persistent at 0x81010002'
finds ok ek-H-1 'no certificate at NV index 0x01c00012'
finds ok ek 'offers EK L-1, then L-2, then H-3$'
finds ok persistent '0x81010001 \(EK L-1\)'
finds ok bus 'certificate of EK L-1 names'
finds ok ek-chain '1 CA certificates'
finds ok profile 'default takes EK L-1$'
[[ $(tail -1 "$LAB/doctor") == '0 problems, 0 warnings' ]]

lab_say "the same as JSON"
examine one "${server[@]}" --json
well
python3 - "$LAB/doctor" <<'END'
import json, sys
seen = json.load(open(sys.argv[1]))
assert seen["problems"] == 0 and seen["warnings"] == 0, seen
names = [f["name"] for f in seen["findings"]]
assert len(names) == len(set(names)) and "ek-L-1" in names and "profile" in names, names
assert all(set(f) == {"name", "verdict", "text"} and f["verdict"] == "ok" and f["text"] for f in seen["findings"]), seen
END

lab_say "it changes nothing: in the TPM, on the disk, at the server"
remember "$LAB/before"
lab_ctl one device list >"$LAB/devices"
lab_ctl one cert list >"$LAB/certs"
lab_plan p
lab_faulty p "$BIRTHMARK" doctor --tcti "$(lab_tcti one)" --state "$LAB/id-one" "${server[@]}" >"$LAB/doctor"
remember "$LAB/after"
lab_same "$LAB/before" "$LAB/after"
lab_tpm_clean one
[[ ! -e $LAB/id-one ]] || lab_die "the state directory was made"
lab_ctl one device list | lab_same /dev/stdin "$LAB/devices"
lab_ctl one cert list | lab_same /dev/stdin "$LAB/certs"
# NV_Read 14e, NV_ReadPublic 169, ReadPublic 173, GetCapability 17a, TestParms 18a; CreatePrimary 131, Sign 15d, FlushContext 165 for what
# is transient.
awk '{ print $2 }' "$LAB/p.commands" | sort -u >"$LAB/codes"
if grep -vxE '0x(14e|169|173|17a|18a|131|15d|165)' "$LAB/codes"; then
    lab_die "the doctor sent a command that is not one of those that only look"
fi
(($(grep -c CreatePrimary "$LAB/p.commands") == $(grep -c FlushContext "$LAB/p.commands"))) || lab_die "not all was flushed"

lab_say "Ctrl-C while a busy TPM is waited for: nothing is left in it"
lab_plan p "answer 0x131:1 0 0x922"
# What the last one said must not be taken for what this one says.
: >"$LAB/doctor"
env --default-signal=INT LD_LIBRARY_PATH="$LAB/tcti" BM_FAULT_PLAN="$LAB/p.plan" \
    "$BIRTHMARK" doctor --tcti "$(lab_tcti one)" --state "$LAB/id-one" "${server[@]}" >"$LAB/doctor" 2>&1 &
doctor=$!
lab_wait 30 grep -q '^ok *ek-H-2 ' "$LAB/doctor"
kill -INT "$doctor"
LAB_RC=0
wait "$doctor" || LAB_RC=$?
((LAB_RC == 130)) || lab_die "it ended with $LAB_RC"
lab_tpm_clean one

lab_say "after an enrolment: the identity, its key, its EK"
lab_enroll one one SN1 --key ecc256 --state "$LAB/id-one"
examine one "${server[@]}"
well
finds ok handle 'identity key, ecc256'
finds ok identity 'CN=SN1'
finds ok ek-bound 'bound to EK L-1'
finds ok profile 'takes EK L-1'
examine one "${server[@]}" --serial SN1
finds ok profile 'takes EK L-1 for SN1'
examine one "${server[@]}" --serial SN2
finds problem profile 'identity-mismatch'
examine one --handle 0x81020009
finds warning identity 'not for the key at 0x81020009'
LAB_RC=0
"$BIRTHMARK" doctor --tcti "swtpm:path=$LAB/nothing" --state "$LAB/id-one" >"$LAB/doctor" || LAB_RC=$?
finds problem tpm 'cannot be opened'
finds ok identity 'CN=SN1.*not looked at'

lab_say "the profile takes none of the EKs, or does not exist; enroll names the finding"
rm -r "$LAB/id-one"
examine one "${server[@]}" --profile virtual
finds problem profile 'virtual does not take EK H-3.*ekc-class'
lab_fails lab_enroll one one SN9 --profile virtual --handle 0x81020009
lab_said 'finding profile says more'
examine one "${server[@]}" --profile nobody
finds problem profile 'profile-unknown'

lab_say "the server: another CA's file, none at that address; enroll names the finding"
examine one --server "${LAB_URL[one]}" --ca "$LAB/vendor-acme/root.crt"
finds problem server 'certificate.*not good'
lab_server_stop one
examine one "${server[@]}"
finds problem server 'cannot be reached'
if grep -q '^[a-z]* *profile ' "$LAB/doctor"; then
    lab_die "a profile of a server that is not there"
fi
lab_fails lab_enroll one one SN9 --handle 0x81020009
lab_said 'finding server says more'
lab_server one
server=(--server "${LAB_URL[one]}" --ca "$(lab_ca_file one)")

lab_say "no TPM there: the rest is looked at all the same"
LAB_RC=0
"$BIRTHMARK" doctor --tcti "swtpm:path=$LAB/nothing" --state "$LAB/id-none" "${server[@]}" >"$LAB/doctor" || LAB_RC=$?
finds problem tpm 'cannot be opened'
finds ok server 'answers'
finds warning profile 'not asked'
LAB_RC=0
"$BIRTHMARK" doctor --tcti device:/dev/bm-no-tpm --state "$LAB/id-none" >"$LAB/doctor" || LAB_RC=$?
finds problem device-node '/dev/bm-no-tpm is not there'
LAB_RC=0
"$BIRTHMARK" doctor --tcti device:/dev/null --state "$LAB/id-none/deep" >"$LAB/doctor" || LAB_RC=$?
finds ok device-node '/dev/null may be read'
finds problem tpm 'cannot be'
finds problem state "is not there and cannot be made, because $LAB/id-none is not there either"
lab_fails "$BIRTHMARK" enroll --tcti device:/dev/tpm-none "${server[@]}" --serial SN1 --state "$LAB/id-none"
lab_said 'finding device-node says more'

lab_say "authorisation values: none is tried that was not given, and a wrong one once"
lab_tpm auth --ek L-1,L-2
lab_use_tpm auth
tpm2_changeauth -Q -c owner 'the owners word'
tpm2_changeauth -Q -c endorsement 'the endorsers word'
tpm2_changeauth -Q -c lockout 'the lockout word'
lab_plan p
LAB_RC=0
lab_faulty p "$BIRTHMARK" doctor --tcti "$(lab_tcti auth)" --state "$LAB/id-auth" >"$LAB/doctor" || LAB_RC=$?
well
finds warning endorsement-auth 'set.*--endorsement-auth file:PATH'
finds warning owner-auth 'set.*--owner-auth file:PATH'
finds ok lockout-auth 'is set'
finds ok ek-L-1 'not compared'
if grep -q CreatePrimary "$LAB/p.commands"; then
    lab_die "a value was tried"
fi
printf 'the endorsers word' >"$LAB/endorsement"
printf 'a wrong word' >"$LAB/wrong"
examine auth --endorsement-auth "file:$LAB/endorsement"
finds ok ek-L-1 "this TPM's key"
finds ok endorsement-auth 'set'
lab_plan p
LAB_RC=0
lab_faulty p "$BIRTHMARK" doctor --tcti "$(lab_tcti auth)" --state "$LAB/id-auth" --endorsement-auth "file:$LAB/wrong" >"$LAB/doctor" || LAB_RC=$?
finds problem endorsement-auth 'refused the value'
finds ok ek-L-2 'not compared'
finds ok ek 'offers EK L-1, then L-2'
(($(grep -c CreatePrimary "$LAB/p.commands") == 1)) || lab_die "it was tried more than once"
examine one --endorsement-auth "file:$LAB/wrong"
finds problem endorsement-auth 'not set: leave out'
lab_fails lab_enroll auth one SN8 --key ecc256
lab_said 'finding endorsement-auth says more'

lab_say "a disabled hierarchy is that, and no matter of the certificate"
lab_tpm disabled --ek L-2
lab_use_tpm disabled
tpm2_hierarchycontrol -Q -C p ehEnable clear
examine disabled
finds problem hierarchies 'endorsement hierarchy is disabled'
lab_fails lab_enroll disabled one SN8 --key ecc256
lab_said 'hierarchy is disabled: enable it.*finding hierarchies says more'

lab_say "an NV index whose wrong value would be counted is not read on trial"
lab_tpm counted --ek L-2
lab_use_tpm counted
tpm2_nvdefine -Q -C p -s 14 -p 'a word' -a 'ppwrite|authread|platformcreate|writedefine' 0x01C00018 >/dev/null
printf 'no certificate' >"$LAB/nonsense"
tpm2_nvwrite -Q -C p -i "$LAB/nonsense" 0x01C00018
examine counted
finds problem ek-H-4 'would count a wrong'
finds ok lockout 'no failed'
finds ok ek 'offers EK L-2'
[[ $(tpm2_getcap properties-variable) == *"LOCKOUT_COUNTER: 0x0"* ]] || lab_die "a failure was counted"

lab_say "a TPM in lockout, and one that is on its way there"
lab_use_tpm auth
tpm2_createprimary -Q -C n -G ecc256:ecdsa -p 'a key of others' -c "$LAB/other.ctx" -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign'
tpm2_dictionarylockout -Q -s -p 'the lockout word' -n 2 -t 1000 -l 1000
fail_once() {
    tpm2_sign -Q -c "$LAB/other.ctx" -p wrong -g sha256 -o "$LAB/none" "$LAB/wrong" 2>/dev/null || true
    tpm2_flushcontext -t
}
fail_once
examine auth
finds warning lockout '1 failed authorisations of 2'
fail_once
examine auth
finds problem lockout 'lockout \(2 failures.*tpm2_dictionarylockout'

lab_say "a TPM that is full of others' keys, which stay; and a handle that is another program's"
lab_tpm full --ek L-2
lab_use_tpm full
tpm2_createprimary -Q -C o -G ecc256 -c "$LAB/k.ctx"
tpm2_evictcontrol -Q -C o -c "$LAB/k.ctx" 0x81020000 >/dev/null
tpm2_flushcontext -t
for i in 1 2 3; do
    tpm2_createprimary -Q -C n -G ecc256 -c "$LAB/other.$i" >/dev/null
done
examine full
finds problem objects '0 slots.*tpm2_flushcontext -t'
grep -Eq '^problem +tpm-error +TPM2_[A-Za-z]+ failed with 0x902' "$LAB/doctor" || lab_die "no tpm-error"
finds ok clock .
[[ $(tpm2_getcap handles-transient | grep -c 0x8) == 3 ]] || lab_die "they do not stay"
lab_fails lab_enroll full one SN8 --key ecc256
lab_said 'finding objects says more'
tpm2_flushcontext -t
examine full
finds problem handle 'another program'
finds ok objects '3 slots'
lab_fails lab_enroll full one SN8 --key ecc256
lab_said 'finding handle says more'

lab_say "a certificate for an EK that the TPM cannot make"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -out "$LAB/rsa4096.key" 2>/dev/null
openssl pkey -in "$LAB/rsa4096.key" -pubout -out "$LAB/rsa4096.pem"
lab_ek_certificate acme "$LAB/rsa4096.pem" keyEncipherment "$LAB/rsa4096.der"
lab_use_tpm full
lab_nv_put 0x01C0001E "$LAB/rsa4096.der" "$(stat -c %s "$LAB/rsa4096.der")"
examine full --handle 0x81020001
finds warning ek-H-7 'cannot make'
well

lab_say "certificates that are no good: weak, of another TPM, none at all"
lab_tpm bad --ek H-2 --no-cert
modulus=$(sed -n '/roca_moduli/,/",$/p' "$(dirname "$0")/../vectors/moduli.h" | grep -o '"[0-9a-f]*"' | tr -d '"\n')
cat >"$LAB/roca.cnf" <<END
asn1=SEQUENCE:spki
[spki]
alg=SEQUENCE:alg
key=BITWRAP,SEQUENCE:rsa
[alg]
oid=OID:rsaEncryption
null=NULL
[rsa]
n=INTEGER:0x$modulus
e=INTEGER:65537
END
openssl asn1parse -genconf "$LAB/roca.cnf" -noout -out "$LAB/roca.der"
openssl pkey -pubin -inform DER -in "$LAB/roca.der" -out "$LAB/roca.pem"
lab_ek_certificate acme "$LAB/roca.pem" keyEncipherment "$LAB/roca.crt"
lab_use_tpm bad
lab_nv_put 0x01C00002 "$LAB/roca.crt" "$(stat -c %s "$LAB/roca.crt")"
lab_nv_put 0x01C0000A "$LAB/tpm-one/ek-L-2.der" "$(stat -c %s "$LAB/tpm-one/ek-L-2.der")"
printf 'no certificate' >"$LAB/nonsense"
lab_nv_put 0x01C00014 "$LAB/nonsense" 14
openssl x509 -in "$LAB/vendor-acme/inter.crt" -outform DER -out "$LAB/inter.der"
lab_nv_put 0x01C00016 "$LAB/inter.der" "$(stat -c %s "$LAB/inter.der")"
lab_nv_put 0x01C00100 "$LAB/nonsense" 14
examine bad
finds warning ek-L-1 'CVE-2017-15361'
finds warning ek-L-2 'not for an EK of this TPM'
finds warning ek-H-2 'no certificate'
finds warning ek-H-3 'servers refuse it'
finds warning ek-chain 'no certificate'
finds problem ek 'none of the EK certificates'
lab_fails lab_enroll bad one SN8 --key ecc256
lab_said 'finding ek says more'
lab_tpm_clean bad
lab_tpm bare --ek L-1 --no-cert
examine bare "${server[@]}" --profile listed
line=$(sed -n "s/.*('\(birthmarkctl device add .*\)').*/\1/p" "$LAB/doctor")
finds warning ek 'trust = inventory takes'
finds problem profile 'listed does not take EK L-1.*ek-not-in-inventory'
read -ra words <<<"${line/SERIAL/SN7}"
lab_ctl one "${words[@]:1}" >/dev/null
examine bare "${server[@]}" --profile listed --serial SN7
finds ok profile 'listed takes EK L-1 for SN7'

lab_say "a command line that is wrong"
lab_fails "$BIRTHMARK" doctor --server "${LAB_URL[one]}"
lab_said '--ca is missing'
lab_fails "$BIRTHMARK" doctor --owner-auth word
lab_said 'does not take the value itself'
"$BIRTHMARK" doctor --help | grep -q 'changes nothing'
