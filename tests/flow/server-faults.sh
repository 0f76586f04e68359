#!/bin/bash
# server-faults.sh CALL: the server or the network fails at that call of the two: nobody there, a connection that is reset
# or ends in the middle of an answer, garbage, 500, 502, 429 and 503 with Retry-After. Once: the run comes through, with
# one certificate. For good: one sentence, no half of an identity, and the next run succeeds.
. "$(dirname "$0")/../lab/lab.sh"
call=$1
lab_begin
lab_tpm base --ek L-2
lab_tpm_stop base
lab_ca one
lab_server one one --plain
lab_plan p

# fault CALL COUNT KIND...: a device as the factory ships it, against a server that is spoilt so.
fault() {
    lab_tpm_copy base t
    lab_tpm_start t
    rm -rf "$LAB/id-SN1"
    lab_flaky spoilt one "$@"
    lab_fault_run t spoilt p SN1 --key ecc256
    lab_no_half "$LAB/id-SN1" one t
    lab_tpm_clean t
}

fault_end() {
    lab_next_run t one SN1 --key ecc256
    lab_stop flaky-spoilt
    lab_tpm_stop t
    rm -rf "$LAB/tpm-t"
}

issued() {
    grep -c ' issued device=SN1 ' "$LAB/server-one.log" || true
}

for kind in reset lost truncated 'status 502 0' 'status 429 1' 'status 503 1'; do
    lab_say "once, at call $call: $kind"
    before=$(issued)
    # shellcheck disable=SC2086
    fault "$call" 1 $kind
    ((LAB_RC == 0)) || lab_die "the run gave up"
    fault_end
    (($(issued) == before + 1)) || lab_die "it was not one certificate"
done
for kind in refused reset lost truncated garbage page 'status 500 0' 'status 429 3600' 'status 503 3600'; do
    lab_say "for good, at call $call: $kind"
    # shellcheck disable=SC2086
    fault "$call" 100 $kind
    ((LAB_RC == 3 || LAB_RC == 4)) || lab_die "the server failed, and the run ended with $LAB_RC"
    fault_end
done
