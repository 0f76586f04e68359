#!/bin/bash
# The ticket binds every parameter, the CA and the time; what is wrong with it is not told.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2,H-2
lab_tpm two --ek L-2
lab_ca one
lab_ca two
lab_profile one other
lab_profile one quick 'ticket_lifetime = 1s'
lab_profile one slow 'ticket_lifetime = 1h'
lab_server one
lab_server two

lab_device x one L-2 ecc256 SN1
lab_step challenge x one
lab_activate x

# swapped NAME: an exchange like x, with one thing changed by the caller, and the refusal of it.
swapped() {
    lab_say "changed between the calls: $1"
    lab_refused ticket-invalid certificate swap one
    lab_same "$LAB/swap/problem.json" "$LAB/first.json"
    rm -rf "$LAB/swap"
}

lab_say "a wrong ticket"
lab_copy x wrong
lab_flip "$LAB/wrong/ticket"
lab_refused ticket-invalid certificate wrong one
cp "$LAB/wrong/problem.json" "$LAB/first.json"

for at in 0 1 4 5 12 13 44; do
    lab_copy x swap
    lab_flip "$LAB/swap/challenge" "$at"
    swapped "the challenge, at byte $at"
done

lab_copy x swap
lab_csr "$LAB/swap" ecc256 /CN=SN1/serialNumber=SN1/O=other
swapped "the CSR (another by the same key)"

lab_device other one L-2 ecc256 SN1
lab_copy x swap
cp "$LAB/other/csr" "$LAB/other/ik_public" "$LAB/swap/"
swapped "the identity key and its CSR"

lab_copy x swap
cp "$LAB/tpm-one/ek-H-2.pub" "$LAB/swap/ek_public"
cp "$LAB/tpm-one/ek-H-2.der" "$LAB/swap/ek_certificate"
swapped "the EK and its certificate"

lab_copy x swap
lab_ek_row L-2
lab_ek_certificate acme "$LAB/tpm-one/ek-L-2.pem" keyAgreement "$LAB/swap/ek_certificate"
swapped "the EK certificate (another for the same EK)"

lab_copy x swap
rm "$LAB/swap/ek_certificate"
swapped "no EK certificate any more"

lab_copy x swap
rm "$LAB"/swap/ek_chain.*
swapped "no chain any more"

lab_copy x swap
cp "$LAB/swap/ek_chain.0" "$LAB/swap/ek_chain.1"
swapped "the chain, one longer"

lab_copy x swap
echo other >"$LAB/swap/profile"
swapped "the profile"

lab_device y two L-2 ecc256 SN2
lab_step challenge y one
lab_copy x swap
cp "$LAB/y/challenge" "$LAB/swap/challenge"
swapped "the challenge of another device"

lab_say "the ticket of another device"
lab_activate y
lab_copy x swap
cp "$LAB/y/ticket" "$LAB/y/challenge" "$LAB/swap/"
swapped "the ticket and the challenge of another device"

lab_say "the ticket of another CA"
lab_refused ticket-invalid certificate x two
lab_same "$LAB/x/problem.json" "$LAB/first.json"

lab_say "a stale ticket"
lab_device stale one L-2 ecc256 SN1
echo quick >"$LAB/stale/profile"
lab_step challenge stale one
lab_activate stale
sleep 3
lab_refused ticket-invalid certificate stale one
lab_same "$LAB/stale/problem.json" "$LAB/first.json"

lab_say "a profile whose tickets live longer than the default's: the keeper knows the longest life of all"
lab_device slow one L-2 ecc256 SN1
echo slow >"$LAB/slow/profile"
lab_step challenge slow one
lab_activate slow
lab_step certificate slow one

lab_say "naming the default profile is the same as naming none"
lab_copy x named
echo default >"$LAB/named/profile"
lab_step certificate named one

lab_say "the untouched exchange still gets its certificate"
lab_step certificate x one
lab_same "$LAB/x/device.crt" "$LAB/named/device.crt"
