#!/bin/bash
# ik-guarded.sh: who may use the identity key. With an authorisation value, only who knows it, by every command, tried once when it is wrong; with a policy
# of registers, only while they are as they were; and never both ways.
. "$(dirname "$0")/../lab/lab.sh"
. "$(dirname "$0")/../lab/ik.sh"
lab_begin
lab_ca one
lab_server one
lab_server plain one --plain
lab_tpm one --ek L-2
lab_nginx nginx "$(lab_ca_file one)"
lab_far_server far "$(lab_ca_file one)"
LAB_URL[nobody]=https://127.0.0.1:9
LAB_CA_OF[nobody]=one
printf 'the keys own word\n' >"$LAB/word"
printf 'another word\n' >"$LAB/wrong"
chmod 600 "$LAB/word" "$LAB/wrong"
auth=(--key-auth "file:$LAB/word")
wrong=(--key-auth "file:$LAB/wrong")

# signs: how many TPM2_Sign the last faulty run sent.
signs() {
    grep -c ' Sign ' "$LAB/p.commands" || true
}

# refused STATUS DIR SIGNS PATTERN [options]: enroll ends with that status and sentence, after so many TPM2_Sign.
refused() {
    local status=$1 dir=$2 count=$3 pattern=$4
    shift 4
    lab_plan p
    lab_fault_run one one p SN1 --state "$dir" "$@"
    if ((LAB_RC != status)) || ! grep '^birthmark: ' "$LAB/enroll.out" | grep -Eq -- "$pattern"; then
        cat "$LAB/enroll.out" >&2
        lab_die "the run ended with $LAB_RC and did not say: $pattern"
    fi
    (($(signs) == count)) || lab_die "$(signs) signatures were asked for, not $count"
    lab_tpm_clean one
}

# with_word KEY SOURCE: openssl with the identity in $id and its key, for which it asks for the value.
with_word() {
    printf 'GET / HTTP/1.0\r\nHost: web.lab\r\n\r\n' |
        OPENSSL_CONF=$id/openssl.cnf timeout 30 openssl s_client -unix "$LAB/nginx.sock" -servername web.lab -tls1_3 \
            -CAfile "$LAB/web.crt" -verify_return_error -cert "$id/device.crt" -cert_chain "$id/chain.crt" \
            -key "$1" -pass "file:$2" -ign_eof 2>&1
}

for parent in owner endorsement; do
    lab_say "a key with a value, $parent hierarchy: enrolled, nothing to do, renewed"
    id=$LAB/id-$parent
    ik_enroll "$id" --key ecc256 --parent "$parent" "${auth[@]}"
    lab_identity_good "$id" one one
    lab_enroll one nobody SN1 --state "$id"
    ik_says 'nothing to do'
    ik_enroll "$id" --renew "${auth[@]}"
    ik_look show "$id" "of +$parent hierarchy, with an authorisation value"
    ik_look doctor "$id" '^ok +key-auth '

    lab_say "while the agent waits for its certificate, the value of a new key is not in its memory any more"
    rm -f "$LAB/slow.out"
    lab_flaky slow plain 2 1 status 503 4
    lab_agent one slow SN1 --state "$id" --key ecc384 --renew "${auth[@]}"
    "${AGENT[@]}" >"$LAB/slow.out" 2>&1 &
    slow=$!
    lab_wait 30 grep -q '^6/6' "$LAB/slow.out"
    ik_holds "$slow" "$id" || lab_die "the search does not find what is there"
    ! ik_holds "$slow" 'the keys own word' || lab_die "it is"
    wait "$slow" || lab_die "$(cat "$LAB/slow.out")"
    lab_stop flaky-slow

    lab_say "without the value nothing is tried; with a wrong one it is tried once, and nobody is locked out"
    refused 2 "$id" 0 'has an authorisation value: give it with --key-auth.*finding key-auth' --renew
    refused 2 "$id" 1 'value of --key-auth is not the one.*tried once' --renew "${wrong[@]}"
    tpm2_getcap properties-variable >"$LAB/properties"
    grep -q 'LOCKOUT_COUNTER: 0x0' "$LAB/properties" || lab_die "the failure was counted"
    lab_fails tpm2_sign -Q -c "$(ik_handle)" -g sha256 -o "$LAB/signature" "$LAB/word"

    lab_say "the tunnel has it, or says what is missing; a wrong one is tried once"
    ik_tunnelled "$id" "${auth[@]}"
    ik_tunnel "$id"
    [[ $(lab_far who "${LAB_PLACE[t]}" 2>&1) != *SN1* ]] || lab_die "the key needs no value"
    lab_tunnel_says t 'give it with --key-auth'
    lab_stop tunnel-t
    lab_plan p
    ik_faulty_tunnel "$id" "${wrong[@]}"
    lab_far who "${LAB_PLACE[t]}" >/dev/null 2>&1 || true
    lab_tunnel_says t 'value of --key-auth is not the one'
    lab_far who "${LAB_PLACE[t]}" >/dev/null 2>&1 || true
    lab_tunnel_says t 'refused before, and is not tried again'
    (($(signs) == 1)) || lab_die "the wrong value was tried $(signs) times"
    lab_stop tunnel-t
    lab_tpm_clean one
    if [[ $parent == owner ]]; then
        tpm2_evictcontrol -Q -C o -c "$(ik_handle)" >/dev/null
    fi
done

lab_say "openssl asks for the value, of a handle and of device.key"
lab_use_tpm one
id=$LAB/id-endorsement
with_word "$(cat "$id/key.uri")?pass" "$LAB/word" >"$LAB/tls.log" || true
grep -q "^Hello SN1, verified SUCCESS" "$LAB/tls.log" || lab_die "$(cat "$LAB/tls.log")"
id=$LAB/id-owner
ik_enroll "$id" --key ecc256 --persist never "${auth[@]}" --renew
with_word "$id/device.key" "$LAB/word" >"$LAB/tls.log" || true
grep -q "^Hello SN1, verified SUCCESS" "$LAB/tls.log" || lab_die "$(cat "$LAB/tls.log")"
with_word "$id/device.key" "$LAB/wrong" >"$LAB/tls.log" || true
! grep -q '^Hello' "$LAB/tls.log" || lab_die "the key needs no value"
lab_tpm_clean one
ik_tunnelled "$id" "${auth[@]}"
printf 'a value of thirty-three bytes, yes' >"$LAB/long"
lab_fails lab_enroll one one SN1 --state "$id" --renew --key-auth "file:$LAB/long"
lab_said 'longer than 32 bytes'

lab_say "a primary with a value comes back after TPM2_Clear with that value alone: another makes another key, which is not taken"
id=$LAB/id-endorsement
first=$(ik_name)
tpm2_clear -Q -c p
refused 2 "$id" 0 'makes another identity key.*--key-auth is not the one' "${wrong[@]}"
[[ -z $(ik_persistent) ]] || lab_die "another key was put down"
lab_enroll one nobody SN1 --state "$id" "${auth[@]}"
ik_says 'nothing to do'
[[ $(ik_name) == "$first" ]] || lab_die "another key"

lab_say "a key without a value is not given one, nor the other way round, without --renew"
lab_fails lab_enroll one one SN1 --state "$id" --pcrs sha256:16
lab_said 'of another kind \(endorsement hierarchy, with an authorisation value\)'
if grep -rq ' word' "$LAB"/id-* "$LAB/enroll.log" "$LAB"/tunnel-*.log; then
    lab_die "a value was written down"
fi
tpm2_clear -Q -c p

for parent in owner endorsement; do
    lab_say "a key with a policy, $parent hierarchy: enrolled, renewed, and used by the tunnel"
    tpm2_pcrreset 16
    id=$LAB/id-pcr-$parent
    ik_enroll "$id" --key ecc256 --parent "$parent" --pcrs sha256:0,16
    lab_identity_good "$id" one one
    first=$(ik_name)
    ik_enroll "$id" --renew
    lab_enroll one nobody SN1 --state "$id"
    ik_says 'nothing to do'
    [[ $(ik_name) == "$first" ]] || lab_die "another key"
    ik_tunnelled "$id"
    ik_look show "$id" "of +$parent hierarchy, PCRs sha256:0,16" 'PCRs +as they were'
    ik_look doctor "$id" '^ok +key-policy '

    lab_say "the empty value is no way round it, and openssl, which knows no policy, is not let in"
    lab_fails tpm2_sign -Q -c "$(ik_handle)" -g sha256 -o "$LAB/signature" "$LAB/word"
    lab_s_client "$LAB/nginx.sock" one "$id" >"$LAB/tls.log" || true
    ! grep -q '^Hello' "$LAB/tls.log" || lab_die "openssl used the key"
    tpm2_flushcontext -t

    lab_say "another boot: every command says so and what to do, and nothing is signed"
    tpm2_pcrextend 16:sha256=1111111111111111111111111111111111111111111111111111111111111111
    refused 2 "$id" 0 'PCRs sha256:0,16 are what they were when it was made, and they are not.*--renew.*finding key-policy'
    ik_tunnel "$id"
    [[ $(lab_far who "${LAB_PLACE[t]}" 2>&1) != *SN1* ]] || lab_die "the key can be used"
    lab_tunnel_says t 'PCRs sha256:0,16 are what they were'
    lab_stop tunnel-t
    ik_look show "$id" 'PCRs +changed since the key was made'
    ik_look doctor "$id" '^problem +key-policy .*--renew'

    lab_say "--renew makes a new key, for the registers as they are now"
    ik_enroll "$id" --renew
    ik_says 'PCRs of the identity key have changed'
    lab_identity_good "$id" one one
    [[ $(ik_name) != "$first" ]] || lab_die "the same key"
    ik_tunnelled "$id"
    tpm2_clear -Q -c p
done

lab_say "in a file alone as well"
id=$LAB/id-pcr-file
ik_enroll "$id" --key rsa2048 --persist never --pcrs sha256:0,16
ik_tunnelled "$id"
lab_use_tpm one
tpm2_pcrextend 16:sha256=1111111111111111111111111111111111111111111111111111111111111111
refused 2 "$id" 0 'PCRs sha256:0,16 are what they were'
ik_enroll "$id" --renew
ik_tunnelled "$id"

lab_say "registers that this TPM does not have are not passed over"
lab_use_tpm one
tpm2_pcrallocate -Q sha512:none >/dev/null
lab_tpm_stop one
lab_tpm_start one
lab_fails lab_enroll one one SN1 --state "$LAB/id-none" --pcrs sha512:0 --handle 0x81020009
lab_said 'does not have the registers of --pcrs'
lab_tpm_clean one

lab_say "owner, endorsement and lockout have values of their own: a key in a file needs the owner's wherever it is loaded, a primary the endorsement's"
tpm2_clear -Q -c p
printf 'the owners word' >"$LAB/owner"
printf 'the endorsers word' >"$LAB/endorsement"
chmod 600 "$LAB/owner" "$LAB/endorsement"
tpm2_changeauth -Q -c owner 'the owners word'
tpm2_changeauth -Q -c endorsement 'the endorsers word'
tpm2_changeauth -Q -c lockout 'the lockouts word'
owner=(--owner-auth "file:$LAB/owner") endorsement=(--endorsement-auth "file:$LAB/endorsement")
ik_enroll "$LAB/id-all" --key ecc256 --parent endorsement "${auth[@]}" "${owner[@]}" "${endorsement[@]}"
ik_enroll "$LAB/id-all" --renew "${auth[@]}" "${endorsement[@]}"
ik_tunnelled "$LAB/id-all" "${auth[@]}" "${endorsement[@]}"
id=$LAB/id-all-file
ik_enroll "$id" --key ecc256 --persist never "${owner[@]}" "${endorsement[@]}"
refused 2 "$id" 0 'owner hierarchy has an authorisation value.*--owner-auth' --renew "${endorsement[@]}"
ik_enroll "$id" --renew "${owner[@]}" "${endorsement[@]}"
ik_tunnelled "$id" "${owner[@]}"
ik_tunnel "$id"
[[ $(lab_far who "${LAB_PLACE[t]}" 2>&1) != *SN1* ]] || lab_die "the file needs no value"
lab_tunnel_says t 'owner hierarchy has an authorisation value.*--owner-auth'
lab_stop tunnel-t
ik_look doctor "$id" 'handle +none is used.*was not tried'
"$BIRTHMARK" show --tcti "$(lab_tcti one)" --state "$id" "${owner[@]}" "${endorsement[@]}" >"$LAB/look"
grep -q 'for the key  *in device.key' "$LAB/look" || lab_die "$(cat "$LAB/look")"
tpm2_getcap properties-variable >"$LAB/properties"
grep -q 'LOCKOUT_COUNTER: 0x0' "$LAB/properties" || lab_die "a failure was counted"
lab_tpm_clean one
