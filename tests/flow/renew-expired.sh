#!/bin/bash
# A device that slept past the end of its certificate renews where the profile lets it (always, or for so long), and nowhere else; an operator's
# act lets it in again, once.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_ca one
lab_profile one sleeper 'validity = 8s'
lab_profile one strict 'validity = 8s' 'renew_expired = never'
lab_profile one lenient 'validity = 8s' 'renew_expired = 1h'
lab_server one
for name in sleeper lenient strict; do
    lab_tpm "$name" --ek L-2
done
for name in sleeper lenient strict; do
    lab_enroll "$name" one "SN-$name" --profile "$name"
done

# expired NAME: the certificate in the directory has ended.
expired() {
    ! openssl x509 -in "$LAB/id-SN-$1/device.crt" -noout -checkend 0 >/dev/null
}

# renew NAME [options]: with nothing but the directory.
renew() {
    "$BIRTHMARK" renew --tcti "$(lab_tcti "$1")" --state "$LAB/id-SN-$1" "${@:2}"
}

# serial NAME: of its certificate.
serial() {
    openssl x509 -in "$LAB/id-SN-$1/device.crt" -noout -serial
}

lab_say "before the end each profile renews"
renew strict >"$LAB/out"
grep -q 'is renewed' "$LAB/out" || lab_die "$(cat "$LAB/out")"
for name in sleeper strict lenient; do
    lab_wait 20 expired "$name" || lab_die "the certificate of $name does not end"
done
sleep 1

lab_say "after it, where the profile says always, or says nothing, and where the time is not over"
for name in sleeper lenient; do
    before=$(serial "$name")
    renew "$name"
    [[ $(serial "$name") != "$before" ]] || lab_die "the same certificate"
    lab_identity_good "$LAB/id-SN-$name" one "$name"
done

lab_say "where it says never, it is refused, with what to do; nothing changes"
before=$(serial strict)
for options in '' --new-key; do
    # shellcheck disable=SC2086
    lab_fails renew strict $options
    lab_said "renewal-expired.*birthmarkctl device admit"
done
[[ $(serial strict) == "$before" ]] || lab_die "another certificate"
[[ $(tpm2_getcap handles-persistent | grep -c 0x) == 1 ]]
lab_fails lab_enroll strict one SN-strict --profile strict --renew
lab_said 'renewal-expired'
[[ $(lab_ctl one log list | grep -c renewal-expired) == 3 ]] || lab_die "$(lab_ctl one log list)"

lab_say "nor by files, in either trip"
sed -i 's/^offline_ticket_lifetime = .*/offline_ticket_lifetime = 1h/' "$LAB/ca-one/birthmark.conf"
mkdir "$LAB/in"
"$BIRTHMARK" request --tcti "$(lab_tcti strict)" --serial SN-strict --profile strict --state "$LAB/id-SN-strict" --renew --out "$LAB/in/first"
lab_ctl one batch --in "$LAB/in" --out "$LAB/answers" >"$LAB/sum" || lab_die "the batch failed"
lab_fails "$BIRTHMARK" accept "$LAB/answers" --tcti "$(lab_tcti strict)" --ca "$(lab_ca_file one)" --state "$LAB/id-SN-strict" --out "$LAB/second"
lab_said 'renewal-expired|birthmarkctl device admit'
[[ $(serial strict) == "$before" ]] || lab_die "another certificate"

lab_say "nor by an import that puts it into the inventory, nor by the same again"
ek=$(lab_ctl one device show SN-strict | awk '/^EK SHA-256/ { print $3 }')
[[ $ek =~ ^[0-9a-f]{64}$ ]] || lab_die "$(lab_ctl one device show SN-strict)"
printf 'serial,ek_sha256\nSN-strict,%s\n' "$ek" >"$LAB/stock.csv"
lab_ctl one device import "$LAB/stock.csv" | grep -q '^1 added' || lab_die "it is there already"
lab_fails renew strict
lab_said 'renewal-expired'
lab_ctl one device import "$LAB/stock.csv" | grep -q '^0 added, 1 unchanged' || lab_die "it is not there"
lab_fails renew strict
lab_said 'renewal-expired'
[[ $(serial strict) == "$before" ]] || lab_die "another certificate"

lab_say "an operator lets it in"
lab_ctl one device admit SN-strict >"$LAB/said"
lab_said '^admitted SN-strict'
renew strict
[[ $(serial strict) != "$before" ]] || lab_die "the same certificate"
lab_ctl one device admit SN-strict >"$LAB/said"
lab_said '^unchanged SN-strict.*may renew until then'

lab_say "for one certificate: when that has ended, it is refused again"
lab_wait 20 expired strict || lab_die "the certificate does not end"
sleep 1
lab_fails renew strict
lab_said 'renewal-expired'
lab_ctl one log list >"$LAB/said"
grep -q 'admit device' "$LAB/said" || lab_die "$(cat "$LAB/said")"
lab_ctl one log verify
