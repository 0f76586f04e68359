#!/bin/bash
# A second run with a valid identity does nothing; --renew gets another certificate for the same key.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_tpm two --ek L-2
lab_ca one
lab_server one
lab_enroll one one SN1
id=$LAB/id-SN1
cp -r "$id" "$LAB/first"
mtime=$(stat -c %Y.%y "$id"/*)

lab_say "again: nothing is done, and that is success"
lab_enroll one one SN1 >"$LAB/said"
lab_same "$id/device.crt" "$LAB/first/device.crt"
[[ $(stat -c %Y.%y "$id"/*) == "$mtime" ]] || lab_die "files were written"
[[ $(lab_ctl one cert list | grep -c SN1) == 1 ]]

lab_say "again, without a server: it is not asked"
lab_server_stop one
lab_enroll one one SN1
lab_server one

lab_say "--renew: another certificate, the same key"
lab_enroll one one SN1 --renew
lab_identity_good "$id" one one
! cmp -s "$id/device.crt" "$LAB/first/device.crt"
lab_same <(openssl x509 -in "$id/device.crt" -noout -pubkey) <(openssl x509 -in "$LAB/first/device.crt" -noout -pubkey)

lab_say "the files moved to another machine are no identity there: the key is not in its TPM"
cp -r "$id" "$LAB/id-moved"
lab_fails lab_enroll two one SN1 --state "$LAB/id-moved"

lab_say "another persistent handle in use is left alone"
lab_use_tpm two
tpm2_createprimary -Q -C o -G ecc256 -c "$LAB/k.ctx"
tpm2_evictcontrol -Q -C o -c "$LAB/k.ctx" 0x81020077 >/dev/null
tpm2_flushcontext -t
tpm2_readpublic -Q -c 0x81020077 -f tss -o "$LAB/k.pub"
lab_fails lab_enroll two one SN2 --handle 0x81020077
lab_said 'handle'
tpm2_readpublic -Q -c 0x81020077 -f tss -o "$LAB/k2.pub"
lab_same "$LAB/k.pub" "$LAB/k2.pub"
lab_enroll two one SN2 --handle 0x81020055
lab_identity_good "$LAB/id-SN2" one two

lab_say "show tells of the EK, the key and the dates"
"$BIRTHMARK" show --tcti "$(lab_tcti one)" --state "$id" >"$LAB/show" 2>&1
for want in L-2 8102 20[0-9][0-9]; do
    grep -qi "$want" "$LAB/show" || lab_die "no $want in: $(cat "$LAB/show")"
done
lab_tpm_clean one
lab_tpm_clean two
