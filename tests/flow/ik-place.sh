#!/bin/bash
# ik-place.sh: where the identity key lives. A primary of the endorsement hierarchy survives TPM2_Clear, and serves TLS as before without the server; a key
# of the owner hierarchy does not, and a new one is enrolled. A key in a file alone, by choice or because NV memory is full, serves every command.
. "$(dirname "$0")/../lab/lab.sh"
. "$(dirname "$0")/../lab/ik.sh"
lab_begin
lab_ca one
lab_server one
lab_tpm one --ek L-2
lab_nginx nginx "$(lab_ca_file one)"
lab_far_server far "$(lab_ca_file one)"
# A server that is not there.
LAB_URL[nobody]=https://127.0.0.1:9
LAB_CA_OF[nobody]=one

for key in ecc256 rsa2048 ecc384 rsa3072; do
    lab_say "a key of the endorsement hierarchy, $key: TPM2_Clear takes it away, and it comes back the same, without the server"
    id=$LAB/id-$key
    ik_enroll "$id" --key "$key" --parent endorsement
    lab_identity_good "$id" one one
    grep -q 'BEGIN BIRTHMARK PRIMARY KEY' "$id/device.key" || lab_die "device.key is another file"
    first=$(ik_name)
    crt=$(sha256sum "$id/device.crt")
    tpm2_clear -Q -c p
    [[ -z $(ik_persistent) ]] || lab_die "TPM2_Clear left $(ik_persistent)"
    ik_look show "$id" 'enroll. puts the one of .*device.key back'
    lab_enroll one nobody SN1 --state "$id"
    ik_says 'is valid until .* and for the key at 0x81020000'
    [[ $(ik_name) == "$first" ]] || lab_die "another key"
    [[ $(sha256sum "$id/device.crt") == "$crt" ]] || lab_die "another certificate"
    if [[ $key == ecc256 || $key == rsa2048 ]]; then
        ik_greeted "$id"
        ik_tunnelled "$id"
    fi
    ik_look show "$id" 'of +endorsement hierarchy$' 'for the key +at the handle'
    ik_look doctor "$id" '^ok +identity '
    tpm2_evictcontrol -Q -C o -c 0x81020000 >/dev/null
done
id=$LAB/id-ecc256

lab_say "two directories have two keys; another key takes the place of one with --renew; programs that take files are told no"
ik_enroll "$id" --renew
ik_enroll "$LAB/id-second" --key ecc256 --parent endorsement --handle 0x81020001
[[ $(ik_name) != "$(ik_name 0x81020001)" ]] || lab_die "the same key twice"
first=$(ik_name)
lab_fails lab_enroll one one SN1 --state "$id" --parent owner
lab_said 'of another kind \(endorsement hierarchy\).*--renew'
ik_enroll "$id" --parent owner --renew
[[ $(ik_name) != "$first" ]] || lab_die "the same key"
ik_greeted "$id"
lab_curl "$LAB/nginx.sock" one "$id" >"$LAB/tls.log" || lab_die "$(cat "$LAB/tls.log")"
lab_fails lab_curl "$LAB/nginx.sock" one "$LAB/id-second"
lab_fails lab_enroll one one SN1 --state "$LAB/id-second" --handle 0x81020001 --persist never --renew
lab_said 'persist never does not go with a key of the endorsement hierarchy'

lab_say "a key of the owner hierarchy is gone with TPM2_Clear: a line says so, and a new one is enrolled"
first=$(ik_name)
tpm2_clear -Q -c p
lab_fails lab_enroll one nobody SN1 --state "$id"
lab_said 'cannot be loaded any more: the TPM was cleared, or is another one'
ik_enroll "$id"
lab_identity_good "$id" one one
[[ $(ik_name) != "$first" ]] || lab_die "the same key"

lab_say "a directory of another TPM: its primary is not made here, and a line says so"
lab_tpm two --ek L-2
lab_use_tpm one
ik_enroll "$LAB/id-moved" --parent endorsement --handle 0x81020009
lab_enroll two one SN2 --state "$LAB/id-moved" --renew
ik_says 'cannot be loaded any more: the TPM was cleared, or is another one'
lab_identity_good "$LAB/id-moved" one two
lab_tpm_stop two
lab_use_tpm one

lab_say "a key in a file alone: nothing is persistent, and every command takes it from there"
tpm2_clear -Q -c p
file=$LAB/id-file
ik_enroll "$file" --key ecc256 --persist never
[[ -z $(ik_persistent) ]] || lab_die "a key is persistent"
[[ $(cat "$file/key.uri") == "file:$file/device.key" ]] || lab_die "key.uri is $(cat "$file/key.uri")"
crt=$(sha256sum "$file/device.crt")
lab_enroll one nobody SN1 --state "$file"
ik_says 'for the key at .*id-file/device.key: nothing to do'

lab_say "the very command that made it finds nothing to do, and another --key is told what is there"
lab_enroll one nobody SN1 --state "$file" --key ecc256 --persist never
ik_says 'for the key at .*id-file/device.key: nothing to do'
[[ $(sha256sum "$file/device.crt") == "$crt" ]] || lab_die "another certificate"
lab_fails lab_enroll one nobody SN1 --state "$file" --key ecc384 --persist never
lab_said 'id-file has an identity key of type ecc256: choose another --state, or replace it with --renew'
"$BIRTHMARK" request --tcti "$(lab_tcti one)" --serial SN1 --state "$file" --key ecc256 --persist never --out "$LAB/none" >"$LAB/look"
grep -q 'nothing to do' "$LAB/look" || lab_die "$(cat "$LAB/look")"

lab_say "and it is renewed in its file"
ik_enroll "$file" --renew
[[ $(sha256sum "$file/device.crt") != "$crt" ]] || lab_die "the same certificate"
[[ -z $(ik_persistent) ]] || lab_die "a key is persistent"
ik_greeted "$file"
lab_curl "$LAB/nginx.sock" one "$file" >"$LAB/tls.log" || lab_die "$(cat "$LAB/tls.log")"
ik_tunnelled "$file"
ik_look show "$file" 'identity key in .*id-file/device.key' 'for the key +in device.key' 'of +owner hierarchy'
ik_look doctor "$file" '^ok +handle +none is used.*this TPM loads it' '^ok +identity '
lab_fails lab_enroll one one SN1 --state "$file" --key rsa2048
lab_said 'has an identity key of type ecc256'

lab_say "another key at the handle is of no concern to it"
ik_enroll "$LAB/id-other" --key ecc384
ik_enroll "$file" --renew
ik_greeted "$file"
ik_look show "$file" 'for the key +in device.key'

lab_say "and it moves to a handle when that is asked for"
ik_enroll "$file" --persist always --handle 0x81020005
lab_identity_good "$file" one one
[[ $(cat "$file/key.uri") == handle:0x81020005 ]] || lab_die "key.uri is $(cat "$file/key.uri")"
tpm2_clear -Q -c p

lab_say "NV memory is full: the key stays in its file, and a line says so; not where a handle was demanded"
ik_fill
ik_look doctor "$LAB/id-none" '^warning +persistent +NV memory has no room.*device.key alone'
ik_enroll "$LAB/id-full" --key ecc256
ik_says "NV memory is full: the identity key is kept in .*id-full/device.key alone"
[[ $(ik_persistent) != *0x81020000* ]] || lab_die "there was room"
ik_greeted "$LAB/id-full"
lab_enroll one nobody SN1 --state "$LAB/id-full"
lab_fails lab_enroll one one SN1 --state "$LAB/id-full" --persist always
lab_said 'NV memory is full.*--persist always'
lab_said 'finding persistent'
lab_fails lab_enroll one one SN1 --state "$LAB/id-full2" --parent endorsement --key ecc256
lab_said 'NV memory is full.*--parent owner'
lab_tpm_clean one
ik_look doctor "$LAB/id-full" '^ok +handle +none is used'
