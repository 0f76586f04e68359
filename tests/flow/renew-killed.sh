#!/bin/bash
# renew-killed.sh [enroll]: kill -9 of a renewal with a new key, or of an enrolment that replaces the key,
# before each of its TPM commands and before each change to a file. Whatever the moment, the directory holds
# one whole identity at once: certificate, key file and handle are of one key, and that key is in the TPM. The
# next run, which has nothing else to do, or the one after it leaves nothing in the TPM but that key.
# KILL_EVERY=N: every N-th moment.
. "$(dirname "$0")/../lab/lab.sh"
what=${1:-renew}
every=${KILL_EVERY:-11}
lab_begin
lab_ca one
lab_server one
lab_tpm base --ek L-2
lab_enroll base one SN1 --key ecc256 --state "$LAB/id-base" >"$LAB/base.log"
lab_tpm_stop base
id=$LAB/id-SN1

# begin: the TPM and the state directory as they were before.
begin() {
    lab_tpm_copy base t
    lab_tpm_start t
    rm -rf "$id"
    cp -a "$LAB/id-base" "$id"
}
end() {
    lab_tpm_stop t
    rm -rf "$LAB/tpm-t"
}

# change_at N: the change of the key, killed before its N-th change of a file or command to the TPM.
change_at() {
    local rc=0
    case $what in
    renew) AGENT=("$BIRTHMARK" renew --tcti "$(lab_tcti t)" --state "$id" --now --new-key) ;;
    enroll) lab_agent t one SN1 --renew --pcrs sha256:16 ;;
    esac
    env ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" "$KILL_AT" "$1" "$LAB/count" "${AGENT[@]}" >"$LAB/out" 2>&1 || rc=$?
    return "$rc"
}

hex() {
    od -An -v -tx1 | tr -d ' \n'
}

# whole: device.crt, key.uri and the TPM agree (lab_identity_good), and device.key is of the same key.
whole() {
    lab_identity_good "$id" one t
    openssl asn1parse -in "$id/device.key" -noout -out "$LAB/key.der"
    openssl x509 -in "$id/device.crt" -noout -pubkey | openssl pkey -pubin -outform DER | tail -c 64 | head -c 32 | hex >"$LAB/x"
    hex <"$LAB/key.der" | grep -qf "$LAB/x" || lab_die "device.key is of another key than device.crt"
}

run() {
    "$BIRTHMARK" renew --tcti "$(lab_tcti t)" --state "$id" "$@" >"$LAB/out" 2>&1 || { cat "$LAB/out" >&2; lab_die "the next run fails"; }
}

lab_say "the changes of a run with a new key: $what"
begin
change_at 0 || lab_die "$(cat "$LAB/out")"
count=$(cat "$LAB/count")
whole
echo "$count"
((count > 150)) || lab_die "only $count changes"
end

old=0 new=0
first=$(openssl x509 -in "$LAB/id-base/device.crt" -noout -serial)
for ((n = 1; n <= count; n += every)); do
    begin
    rc=0
    change_at "$n" || rc=$?
    ((rc == 137)) || lab_die "it was not killed at $n: $rc"
    # What it had loaded fills the few slots of a TPM without a resource manager; its sessions are left for the next run to find.
    lab_use_tpm t
    tpm2_flushcontext -t
    whole
    serial=$(openssl x509 -in "$id/device.crt" -noout -serial)
    if [[ $serial == "$first" ]]; then old=$((old + 1)); else new=$((new + 1)); fi
    run
    whole
    [[ $(openssl x509 -in "$id/device.crt" -noout -serial) == "$serial" ]] || lab_die "killed at $n: another certificate than after the kill"
    run
    [[ $(tpm2_getcap handles-persistent) == "- $(sed -n 's/^handle://p' "$id/key.uri")" ]] ||
        lab_die "killed at $n: $(tpm2_getcap handles-persistent)"
    [[ $(cat "$id/renewed") == "$(sha256sum <"$id/device.crt" | cut -d ' ' -f 1)" ]] || lab_die "killed at $n: nobody is told of the certificate"
    if compgen -G "$id/.*.new" >/dev/null || [[ -e $id/.use || -e $id/.last || -e $id/.old ]]; then
        lab_die "killed at $n: something was left: $(ls -la "$id")"
    fi
    end
done
echo "$old times the old identity, $new times the new one"
((old > 5 && new > 2)) || lab_die "the kills did not fall on both sides of the change"

[[ $what == renew ]] || exit 0
lab_say "a renewal with a new key whose run was killed when the certificate was there goes on with the key that it had made"
begin
change_at $((count / 2)) && lab_die "it was not killed"
made=$(sha256sum <"$id/.next/device.key")
run --now --new-key
[[ $(sha256sum <"$id/device.key") == "$made" ]] || lab_die "another key was made"
whole
run
lab_tpm_clean t
end
