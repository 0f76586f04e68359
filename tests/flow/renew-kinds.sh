#!/bin/bash
# A renewal keeps what the key is: where it hangs, where it is kept, who may use it; with the same key and with a new one.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server one
printf 'a value of the key' >"$LAB/pass"

renew() {
    "$BIRTHMARK" renew --tcti "$(lab_tcti one)" --state "$LAB/id-$1" "${@:2}" 2>&1 | tee "$LAB/renew.out"
}

spki() {
    openssl x509 -in "$LAB/id-$1/device.crt" -noout -pubkey
}

# shows NAME PATTERN: birthmark show says that of its key.
shows() {
    "$BIRTHMARK" show --tcti "$(lab_tcti one)" --state "$LAB/id-$1" >"$LAB/show"
    grep -Eq -- "$2" "$LAB/show" || lab_die "show does not say '$2' of $1: $(cat "$LAB/show")"
}

# both NAME PLACE KIND: renewed with the same key, with a new one, and again; what show says stays.
both() {
    local before after
    before=$(spki "$1")
    renew "$1" --now
    grep -q 'is renewed: .*; the same key' "$LAB/renew.out"
    [[ $(spki "$1") == "$before" ]] || lab_die "the key of $1 is another one"
    shows "$1" "for the key +$2"
    renew "$1" --now --new-key
    grep -q 'is renewed: .*; a new key' "$LAB/renew.out"
    after=$(spki "$1")
    [[ $after != "$before" ]] || lab_die "the key of $1 is the one of before"
    shows "$1" "for the key +$2"
    shows "$1" "$3"
    renew "$1" --now
    [[ $(spki "$1") == "$after" ]] || lab_die "the new key of $1 did not stay"
    shows "$1" "for the key +$2"
}

persistent() {
    lab_use_tpm one
    tpm2_getcap handles-persistent | wc -l
}

lab_say "a key of the endorsement hierarchy"
lab_enroll one one SN1 --state "$LAB/id-primary" --parent endorsement
both primary 'at the handle' 'of +endorsement hierarchy'

lab_say "TPM2_Clear takes it away, and the renewal puts it back"
before=$(spki primary)
lab_use_tpm one
tpm2_clear -Q -c p
renew primary --now
[[ $(spki primary) == "$before" ]] || lab_die "the primary did not come back"

lab_say "a key in its file alone: nothing becomes persistent"
there=$(persistent)
lab_enroll one one SN1 --state "$LAB/id-file" --persist never
both file 'in device.key' 'of +owner hierarchy'
[[ $(persistent) == "$there" ]] || lab_die "a key became persistent"

lab_say "a key with a value: the record says where it is, and never the value"
lab_enroll one one SN1 --state "$LAB/id-value" --handle 0x81020100 --key-auth "file:$LAB/pass"
both value 'at the handle' 'of +owner hierarchy, .*value'
if grep -rq 'a value of the key' "$LAB/id-value"; then
    lab_die "the value is in the state directory"
fi

lab_say "a value that came by a pipe is not recorded, and the certificate is not lost for it"
lab_enroll one one SN1 --state "$LAB/id-pipe" --handle 0x81020300 --key-auth file:<(printf 'by a pipe')
if grep -q 'key-auth' "$LAB/id-pipe/renewal"; then
    lab_die "the pipe is recorded"
fi
renew pipe --now --key-auth file:<(printf 'by a pipe')
lab_fails renew pipe --now

lab_say "without the value the identity stays as it was"
before=$(spki value)
mv "$LAB/pass" "$LAB/away"
lab_fails renew value --now --new-key
lab_said 'pass'
[[ $(spki value) == "$before" ]]
mv "$LAB/away" "$LAB/pass"
renew value --now

lab_say "a key with registers: after they changed, no timer makes a new key, and --new-key does"
lab_enroll one one SN1 --state "$LAB/id-pcrs" --handle 0x81020200 --pcrs sha256:16
both pcrs 'at the handle' 'PCRs +as they were'
lab_use_tpm one
tpm2_pcrextend 16:sha256=0000000000000000000000000000000000000000000000000000000000000001
before=$(spki pcrs)
lab_fails renew pcrs --now
lab_said 'PCRs sha256:16'
[[ $(spki pcrs) == "$before" ]]
renew pcrs --now --new-key
[[ $(spki pcrs) != "$before" ]]
shows pcrs 'PCRs +as they were'
lab_tpm_clean one
