#!/bin/bash
# The clocks of device and CA are a day apart: a new certificate that is not valid by the device's clock replaces nothing, neither with the same key nor with
# a new one; when the clocks agree again, the renewal succeeds.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
mkdir "$LAB/bin"
cp "$BIRTHMARKD_CLOCK" "$LAB/bin/birthmarkd"
BIRTHMARKD=$LAB/bin/birthmarkd
head -c 8 /dev/zero >"$LAB/bin/clock"

# clock SECONDS: the CA's clock is so far ahead of ours.
clock() {
    python3 -c '
import struct, sys
with open(sys.argv[1], "r+b") as file:
    file.write(struct.pack("=q", int(sys.argv[2])))' "$LAB/bin/clock" "$1"
}

renew() {
    "$BIRTHMARK" renew --tcti "$(lab_tcti one)" --state "$LAB/id-SN1" --now "$@"
}

lab_server one
lab_enroll one one SN1 --key ecc256
cp -a "$LAB/id-SN1" "$LAB/before"
clock 86400
for options in '' --new-key; do
    lab_say "the CA is a day ahead: renew $options"
    # shellcheck disable=SC2086
    lab_fails renew $options
    lab_said "this device's clock says .*: set the clock.*finding clock"
    for file in device.crt device.key key.uri renewed; do
        lab_same "$LAB/id-SN1/$file" "$LAB/before/$file"
    done
    lab_identity_good "$LAB/id-SN1" one one
    [[ $(tpm2_getcap handles-persistent) == '- 0x81020000' ]] || lab_die "$(tpm2_getcap handles-persistent)"
done

lab_say "the clocks agree again"
clock 0
renew --new-key
lab_identity_good "$LAB/id-SN1" one one
lab_tpm_clean one
