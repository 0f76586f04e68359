#!/bin/bash
# What a TPM vendor's CRL lists is refused from the moment when the operator loads it, by servers that run.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_tpm two --ek L-2
lab_ca one
lab_server one
acme=$LAB/vendor-acme
ek_one=$LAB/tpm-one/ek-L-2.der
ek_two=$LAB/tpm-two/ek-L-2.der

lab_say "with an empty CRL a TPM gets its certificate"
lab_crl acme inter 01 "$LAB/1.crl"
lab_revoke one "$LAB/1.crl"
lab_enroll one one SN1

lab_say "a CRL that lists its EK certificate among 10,000 others is loaded: getChallenge refuses it at once, and the agent says why"
lab_device a one L-2 ecc256 SN1
lab_device b one L-2 ecc256 SN1
lab_step challenge a one
lab_activate a
LAB_CRL_MORE=10000 lab_crl acme inter 02 "$LAB/2.crl" "$ek_one"
lab_revoke one "$LAB/2.crl"
lab_refused ekc-revoked challenge b one
lab_fails lab_enroll one one SN1 --renew
lab_said "vendor revoked the EK certificate"

lab_say "and getCertificate refuses what getChallenge granted before, though the server remembers the certificate as verified"
lab_refused ekc-revoked certificate a one

lab_say "no other TPM of that vendor is touched"
lab_enroll two one SN2

lab_say "an older CRL does not undo it"
lab_fails lab_revoke one "$LAB/1.crl"
lab_said "not newer"
lab_refused ekc-revoked challenge b one

lab_say "a server that starts now knows it"
lab_server other one
lab_refused ekc-revoked challenge b other
lab_server_stop other

lab_say "the CRL is removed: both calls go on"
lab_unrevoke one "$LAB/2.crl"
lab_step certificate a one
lab_exchange b one

lab_say "a CRL of the root that lists the intermediate refuses all TPMs below it, in both calls, the intermediate being an anchor itself"
lab_device c two L-2 ecc256 SN2
lab_step challenge c one
lab_activate c
lab_crl acme root 01 "$LAB/root.crl" "$acme/inter.der"
lab_revoke one "$LAB/root.crl"
lab_refused ekc-revoked certificate c one
lab_refused ekc-revoked challenge b one

lab_say "and the same where the root alone is an anchor, and the chain comes with the request"
LAB_NO_TRUST=1 lab_ca two
lab_trust_root two acme
lab_server two
lab_device d two L-2 ecc256 SN2
lab_step challenge d two
lab_activate d
lab_revoke two "$LAB/root.crl"
lab_refused ekc-revoked certificate d two
lab_refused ekc-revoked challenge d two
lab_unrevoke two "$LAB/root.crl"
lab_exchange d two

lab_say "there the CRL of the intermediate wants its certificate beside it"
lab_crl acme inter 03 "$LAB/3.crl" "$ek_two"
lab_fails lab_revoke two "$LAB/3.crl"
lab_said "no trust anchor has the name"
lab_step challenge d two
lab_revoke two "$LAB/3.crl" --issuer "$acme/inter.crt"
lab_refused ekc-revoked challenge d two

lab_say "a CRL that is long out of date revokes what it lists"
lab_unrevoke one "$LAB/root.crl"
LAB_CRL_FROM=20260101000000Z LAB_CRL_UNTIL=20260201000000Z lab_crl acme inter 04 "$LAB/4.crl" "$ek_two"
lab_revoke one "$LAB/4.crl" 2>"$LAB/late"
grep -q "was due on 2026-02-01T00:00:00Z" "$LAB/late"
lab_refused ekc-revoked challenge c one

lab_say "the log has the refusals and the operator's acts, and is whole"
lab_ctl one log list >"$LAB/log"
for text in ekc-revoked "add crl" "replace crl" "remove crl"; do
    grep -q "$text" "$LAB/log" || lab_die "not in the log: $text"
done
lab_ctl one log verify
