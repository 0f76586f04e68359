#!/bin/bash
# enroll-failed.sh PLACE: an enrolment, or a request, that fails leaves the identity that was there as it was,
# with its key at a handle (handle) or in its file alone (file): another TPM, errors of the TPM, a server that
# is away, breaks off or refuses. The new key takes the place of the old when its certificate is there.
. "$(dirname "$0")/../lab/lab.sh"
. "$(dirname "$0")/../lab/ik.sh"
place=$1
lab_begin
lab_ca one
sed -i 's|^offline_ticket_lifetime = .*|offline_ticket_lifetime = 7d|' "$LAB/ca-one/birthmark.conf"
lab_server one
lab_server plain one --plain
lab_tpm one --ek L-2
lab_tpm two --ek L-2
lab_nginx nginx "$(lab_ca_file one)"
LAB_URL[nobody]=https://127.0.0.1:9
LAB_CA_OF[nobody]=one
id=$LAB/id-SN1
printf 'a value' >"$LAB/value"
chmod 600 "$LAB/value"
options=(--key ecc256)
if [[ $place == file ]]; then
    options+=(--persist never)
fi
files=(device.key key.uri device.crt chain.crt fullchain.crt ca.crt ek renewal)

# keep: what must stay.
keep() {
    rm -rf "$LAB/kept"
    cp -a "$id" "$LAB/kept"
    lab_use_tpm one
    ik_persistent >"$LAB/kept.handles"
}

# unharmed: the old identity is there, whole and of use, and nothing else is in the TPM.
unharmed() {
    local f
    for f in "${files[@]}"; do
        lab_same "$id/$f" "$LAB/kept/$f"
    done
    lab_use_tpm one
    [[ $(ik_persistent) == "$(cat "$LAB/kept.handles")" ]] || lab_die "persistent is now $(ik_persistent)"
    lab_tpm_clean one
    ik_greeted "$id"
}

# fails STATUS PATTERN TPM SERVER [options]: enroll ends with that status and says that, and the identity is
# unharmed.
fails() {
    local status=$1 pattern=$2
    shift 2
    lab_plan p
    fails_with "$status" "$pattern" "$@"
}

# fails_with: the same, its TPM as the plan p has it.
fails_with() {
    local status=$1 pattern=$2 tpm=$3 server=$4
    shift 4
    lab_fault_run "$tpm" "$server" p SN1 "$@"
    if ((LAB_RC != status)) || ! grep -Eq -- "$pattern" "$LAB/enroll.out"; then
        cat "$LAB/enroll.out" >&2
        lab_die "the run ended with $LAB_RC and did not say: $pattern"
    fi
    unharmed
}

spki() {
    openssl x509 -in "$id/device.crt" -noout -pubkey
}

lab_say "a first enrolment that failed: its key is used by the next run"
lab_fails lab_enroll one nobody SN1 "${options[@]}"
cp "$id/device.key" "$LAB/first.key"
ik_enroll "$id" "${options[@]}"
lab_same "$id/device.key" "$LAB/first.key"
ik_greeted "$id"
keep

lab_say "the wrong TPM: it stops, and says what to do; with --renew nothing is replaced while the server refuses"
fails 2 'does not have the EK to which the identity in .* is bound.*--tcti.*--renew' two one "${options[@]}"
lab_fails "$BIRTHMARK" renew --now --tcti "$(lab_tcti two)" --state "$id"
lab_said 'does not have the EK to which the identity in .* is bound'
unharmed
fails 4 'refused \(identity-taken' two one --renew
lab_tpm_clean two

lab_say "another key is asked for, and the server is away, refuses the profile, or breaks off at the second call"
fails 3 'cannot be reached' one nobody --renew --key ecc384
fails 4 'refused \(profile-' one one --renew --key ecc384 --profile nosuch
lab_flaky away plain 2 9 lost
fails 3 '' one away --renew --key ecc384
lab_stop flaky-away
unset 'LAB_URL[away]'

# TPM2_CreatePrimary, TPM2_Create, TPM2_Load, TPM2_ActivateCredential, TPM2_Sign
lab_say "another key is asked for, and the TPM fails at one of the commands before there is a certificate"
for rule in "answer 0x131:1 0 0x101" "answer 0x153:1 0 0x101" "answer 0x157:1 0 0x101" "lost 0x147:1" \
    "answer 0x15d:1 0 0x2c4"; do
    # Or the key of the run before would be taken.
    rm -rf "$id/.next"
    lab_plan p "$rule"
    fails_with 2 '' one one --renew --key ecc384
done

if [[ $place == handle ]]; then
    lab_say "or when the key is put down: the connection breaks, or NV memory has no room"
    for rule in "unsent 0x120:1" "answer 0x120:1 0 0x101"; do
        lab_plan p "$rule"
        fails_with 2 '' one one --renew --key ecc384
    done
    lab_plan p "answer 0x120:1 1 0x14b"
    fails_with 2 'NV memory is full.*--persist never' one one --renew --key ecc384 --key-auth "file:$LAB/value"
    "$BIRTHMARK" renew --now --tcti "$(lab_tcti one)" --state "$id"
    keep

    lab_say "a key of another type or kind at another handle is another identity, too: not without --renew"
    for new in "--key ecc384" "--parent endorsement"; do
        # shellcheck disable=SC2086 # words
        fails 2 'has a key of another type or kind' one one --handle 0x81020777 $new
    done

    lab_say "the key of another directory, which is to be replaced, stays until there is a certificate"
    lab_plan p
    lab_fault_run one nobody p SN1 --renew --state "$LAB/id-other"
    ((LAB_RC == 3)) || lab_die "the run ended with $LAB_RC"
    unharmed

    # From here on the key is loaded.
    tpm2_evictcontrol -Q -C o -c 0x81020000 >/dev/null
    rm -rf "$LAB/id-other"
fi

# The same TPM says that it cannot load the key: TPM_RC_VALUE, SIZE and BINDING of parameter 1 or 2, and
# FAILURE.
lab_say "an error of TPM2_Load is no word on whose key it is: it stops, and makes no other key"
for code in 0x1c4 0x2d5 0x2e5 0x101; do
    lab_plan p "answer 0x157:1 0 $code"
    lab_fault_run one one p SN1
    ((LAB_RC == 2)) || lab_die "$code: it ended with $LAB_RC"
    ik_says 'TPM2_Load failed'
    ! grep -q ' Create ' "$LAB/p.commands" || lab_die "$code: another key was made"
    for f in "${files[@]}"; do
        lab_same "$id/$f" "$LAB/kept/$f"
    done
    lab_tpm_clean one
done

# TPM_RC_INTEGRITY, parameter 1.
lab_say "it is another TPM's key, says the TPM: nothing of it is removed before there is a certificate"
for server in nobody one; do
    lab_plan p "answer 0x157:1 1 0x1df"
    lab_fault_run one "$server" p SN1 --profile nosuch
    ik_says 'cannot be loaded any more'
    ((LAB_RC == 3 || LAB_RC == 4)) || lab_die "it ended with $LAB_RC"
    for f in "${files[@]}"; do
        lab_same "$id/$f" "$LAB/kept/$f"
    done
    lab_tpm_clean one
done
lab_enroll one nobody SN1
unharmed

lab_say "a request by files kills no identity on its trips, and the last answer puts the new one in its place"
in=$LAB/in
mkdir "$in"
request=("$BIRTHMARK" request --tcti "$(lab_tcti one)" --serial SN1 --state "$id" --renew --key ecc384)
"${request[@]}" --out "$in/1"
unharmed
cp "$in/1" "$LAB/before"
"${request[@]}" --out "$in/1"
lab_same "$in/1" "$LAB/before"
"$BIRTHMARKCTL" batch --state "$LAB/ca-one" --in "$in" --out "$LAB/answers" >"$LAB/sum"
accept=("$BIRTHMARK" accept "$LAB/answers" --tcti "$(lab_tcti one)" --ca "$(lab_ca_file one)" --state "$id")
"${accept[@]}" --out "$in/2"
unharmed
"$BIRTHMARKCTL" batch --state "$LAB/ca-one" --in "$in" --out "$LAB/answers" >"$LAB/sum"
before=$(spki)
"${accept[@]}"
[[ $(spki) != "$before" ]] || lab_die "the same key"
ik_greeted "$id"
# one_key: what is persistent is the identity's key, or nothing.
one_key() {
    local uri
    uri=$(cat "$id/key.uri")
    case $place in
    handle) [[ -$(ik_persistent) == "--${uri#handle:}" ]] ;;
    file) [[ -z $(ik_persistent) ]] ;;
    esac || lab_die "key.uri has $uri, and persistent is $(ik_persistent)"
    [[ ! -e $id/.old && ! -e $id/.use && ! -e $id/.last && ! -e $id/.next ]] || lab_die "$(ls -A "$id")"
}
one_key

lab_say "another key by the network: it is in use, and the one before it gone"
before=$(spki)
ik_enroll "$id" --renew --key ecc256
[[ $(spki) != "$before" ]] || lab_die "the same key"
ik_greeted "$id"
one_key
lab_enroll one nobody SN1
ik_says 'nothing to do'

if [[ $place == handle ]]; then
    lab_say "the key before it cannot be removed: a note says so, and the next run does it"
    lab_plan p "answer 0x120:2 1 0x101"
    lab_fault_run one one p SN1 --renew --key ecc384
    ((LAB_RC == 0)) || lab_die "it ended with $LAB_RC"
    ik_says 'the new identity is in use, but the key before it'
    ik_greeted "$id"
    ik_enroll "$id" --renew
    one_key

    lab_say "a key in its file alone takes the place of one at a handle"
    ik_enroll "$id" --renew --key ecc256 --persist never
    [[ -z $(ik_persistent) ]] || lab_die "persistent is $(ik_persistent)"
    ik_greeted "$id"
fi

# by_files [options]: a request with these, and both answers to it.
by_files() {
    rm -f "$in"/*
    "$BIRTHMARK" request --tcti "$(lab_tcti one)" --serial SN1 --state "$id" --out "$in/1" "$@"
    "$BIRTHMARKCTL" batch --state "$LAB/ca-one" --in "$in" --out "$LAB/answers" >"$LAB/sum"
    "${accept[@]}" --out "$in/2"
    "$BIRTHMARKCTL" batch --state "$LAB/ca-one" --in "$in" --out "$LAB/answers" >"$LAB/sum"
    "${accept[@]}"
}
lab_say "by files, a key at a handle takes the place of one in its file alone"
for new in "--key ecc384 --persist always" "--parent endorsement"; do
    # shellcheck disable=SC2086 # words
    by_files --renew $new
    lab_identity_good "$id" one one
    ik_greeted "$id"
    [[ -$(ik_persistent) == "--$(ik_handle)" ]] || lab_die "key.uri has $(ik_handle), and persistent is $(ik_persistent)"
    ik_enroll "$id" --renew --key ecc256 --parent owner --persist never
done

lab_say "the owner's value is missing: that is said before a certificate is issued"
printf 'the owners word' >"$LAB/owner"
chmod 600 "$LAB/owner"
lab_use_tpm one
tpm2_changeauth -Q -c owner 'the owners word'
number=$(lab_ctl one cert list SN1 | grep -c SN1)
lab_fails lab_enroll one one SN1 --renew --key rsa2048 --persist auto
lab_said 'owner hierarchy has an authorisation value.*--owner-auth'
lab_fails lab_enroll one one SN1 --renew --parent endorsement --persist auto
lab_said 'owner hierarchy has an authorisation value.*--owner-auth'
[[ $(lab_ctl one cert list SN1 | grep -c SN1) == "$number" ]] || lab_die "a certificate was issued"
ik_enroll "$id" --renew --parent endorsement --persist auto --owner-auth "file:$LAB/owner"
lab_identity_good "$id" one one
lab_tpm_clean one
