#!/bin/bash
# keys.sh: what the agent does with keys and files that are there already, that were lost, or that are somebody else's.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_ca one
lab_server one
lab_tpm one --ek L-2
id=$LAB/id-SN1

# handle: that of the identity.
handle() {
    sed -n 's/^handle://p' "$id/key.uri"
}

# name [HANDLE]: the Name of the key at a handle, by default the identity's.
name() {
    tpm2_readpublic -c "${1:-$(handle)}" | sed -n 's/^name: //p'
}

lab_say "the key at the handle is kept at renewal, also when its file was removed"
lab_enroll one one SN1 --key ecc256
first=$(name)
rm "$id/device.key"
lab_enroll one one SN1 --renew
[[ $(name) == "$first" ]] || lab_die "another key"

lab_say "a key of another type is not replaced"
lab_fails lab_enroll one one SN1 --key rsa2048
lab_said 'is of type ecc256: leave --key out'
[[ $(name) == "$first" ]] || lab_die "another key"

lab_say "but it is with --renew, and that needs to be said once alone"
lab_enroll one one SN1 --key ecc384 --renew
lab_identity_good "$id" one one
[[ $(name) != "$first" ]] || lab_die "the same key"
lab_enroll one one SN1
lab_enroll one one SN1 --renew
openssl x509 -in "$id/device.crt" -noout -text >"$LAB/said"
grep -qF 'NIST CURVE: P-384' "$LAB/said" || lab_die "another type than before"

lab_say "the handle was emptied: the key of device.key takes its place"
first=$(name)
tpm2_evictcontrol -Q -C o -c "$(handle)" >/dev/null
lab_enroll one one SN1
lab_identity_good "$id" one one
[[ $(name) == "$first" ]] || lab_die "another key"

lab_say "another state directory does not take the key away"
first=$(name)
lab_fails lab_enroll one one SN1 --state "$LAB/id-other" --handle "$(handle)"
lab_said 'knows nothing of.*--handle'
[[ $(name) == "$first" ]] || lab_die "another key"

lab_say "the command that enrolled, with its --handle, leaves the key of a renewal where that is, and makes no copy"
place=$(handle)
for turn in 1 2; do
    "$BIRTHMARK" renew --now --new-key --tcti "$(lab_tcti one)" --state "$id"
    "$BIRTHMARK" renew --tcti "$(lab_tcti one)" --state "$id"
    first=$(name)
    lab_enroll one one SN1 --handle "$place"
    [[ $(name) == "$first" ]] || lab_die "turn $turn: another key"
    [[ $(tpm2_getcap handles-persistent) == "- $(handle)" ]] || lab_die "turn $turn: a copy is there as well"
done

lab_say "the state directory was lost: with --renew a new key takes the place of the old"
place=$(handle)
rm -r "$id"
lab_enroll one one SN1 --renew --handle "$place"
[[ $(tpm2_getcap handles-persistent) == "- $(handle)" ]] || lab_die "the old one is there as well"
lab_identity_good "$id" one one
[[ $(name) != "$first" ]] || lab_die "the same key"

lab_say "TPM2_Clear took the key: a new one is made"
tpm2_clear -Q -c p
lab_enroll one one SN1
lab_identity_good "$id" one one

lab_say "files are damaged: they are replaced"
echo nonsense | tee "$id/device.crt" "$id/chain.crt" "$id/renew_after" >/dev/null
lab_enroll one one SN1
lab_identity_good "$id" one one

lab_say "another agent is at work in the directory"
lab_agent one one SN1 --renew
exec 9<"$id/.lock"
flock 9
lab_fails "${AGENT[@]}"
lab_said 'at work'
exec 9<&-

lab_say "the TPM is full of what runs of ours left, nobody knows when, and has no resource manager"
lab_use_tpm one
for i in 1 2 3; do
    tpm2_createprimary -Q -C o -G ecc256:null:aes128cfb -g sha256 -c "$LAB/other$i.ctx" \
        -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'
done
[[ $(tpm2_getcap handles-transient | grep -c 0x8) == 3 ]]
place=$(handle)
rm -r "$id"
lab_enroll one one SN1 --key ecc256 --renew --handle "$place"
lab_identity_good "$id" one one
lab_tpm_clean one

lab_say "the owner hierarchy has a password"
tpm2_changeauth -Q -c o secret
lab_fails lab_enroll one one SN1 --key ecc256 --handle 0x81020009 --state "$LAB/id-auth"
lab_said 'authorisation'
lab_tpm_clean one
