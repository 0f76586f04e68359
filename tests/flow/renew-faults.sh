#!/bin/bash
# The TPM fails in a renewal with a new key: at its commands the connection breaks, or the answer is an error, for want of NV memory among others. The run
# says one sentence, the identity is the old one and whole (or the new one, when nothing but tidying was left), and the next run succeeds.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_ca one
lab_server one
lab_tpm base --ek L-2
lab_enroll base one SN1 --key ecc256 --state "$LAB/id-base" >"$LAB/base.log"
lab_tpm_stop base
id=$LAB/id-SN1

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

# renew NAME [options]: its TPM as the plan has it; LAB_RC and $LAB/out.
renew() {
    LAB_RC=0
    lab_faulty "$1" "$BIRTHMARK" renew --tcti "$(lab_tcti t)" --state "$id" "${@:2}" >"$LAB/out" 2>&1 || LAB_RC=$?
}

lab_say "the commands of a renewal with a new key"
begin
lab_plan p
renew p --now --new-key
((LAB_RC == 0)) || lab_die "$(cat "$LAB/out")"
count=$(wc -l <"$LAB/p.commands")
lab_identity_good "$id" one t
end
((count > 15)) || lab_die "only $count commands"

# once RULE: the run fails by that, and the next one does not.
once() {
    local lines
    lab_say "$1"
    begin
    lab_plan p "$1"
    renew p --now --new-key
    lines=$(grep -c '^birthmark: ' "$LAB/out") || true
    ((LAB_RC == 2 && lines == 1)) || lab_die "it ended with $LAB_RC and $lines sentences: $(cat "$LAB/out")"
    lab_use_tpm t
    tpm2_flushcontext -t
    lab_identity_good "$id" one t
    lab_same "$id/device.crt" "$LAB/id-base/device.crt"
    lab_same "$id/device.key" "$LAB/id-base/device.key"
    "$BIRTHMARK" renew --tcti "$(lab_tcti t)" --state "$id" --now --new-key >"$LAB/next" 2>&1 || lab_die "$(cat "$LAB/next")"
    lab_identity_good "$id" one t
    "$BIRTHMARK" renew --tcti "$(lab_tcti t)" --state "$id" >"$LAB/next" 2>&1 || lab_die "$(cat "$LAB/next")"
    [[ $(tpm2_getcap handles-persistent) == "- $(sed -n 's/^handle://p' "$id/key.uri")" ]] || lab_die "$(tpm2_getcap handles-persistent)"
    lab_tpm_clean t
    end
}

# TPM2_Create, TPM2_Load, TPM2_ActivateCredential, TPM2_EvictControl and TPM2_Sign (the second: what proves the new key).
for command in 0x153:1 0x157:1 0x147:1 0x120:1 0x15D:2; do
    once "lost $command"
done
for rule in "answer 0x15D:2 1 0x101" "answer 0x153:1 1 0x921" "unsent 0x120:1"; do
    once "$rule"
done
once "answer 0x120:1 1 0x14B"
grep -q 'NV memory is full.*finding persistent' "$LAB/out" || lab_die "$(cat "$LAB/out")"
