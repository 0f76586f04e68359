#!/bin/bash
# offline-chain.sh: a request file that brings an intermediate CA is answered by `birthmarkctl batch`, and costs no worker its life.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2 --chain
LAB_NO_TRUST=1 lab_ca one
lab_trust_root one acme
sed -i 's/^offline_ticket_lifetime = .*/offline_ticket_lifetime = 7d/' "$LAB/ca-one/birthmark.conf"
in=$LAB/in
mkdir "$in"

# batch FILE WHAT: all of $in is answered with WHAT into that file, and no worker has died.
batch() {
    "$BIRTHMARKCTL" batch --state "$LAB/ca-one" --in "$in" --out "$1" >"$LAB/sum" 2>"$LAB/named" || { cat "$LAB/named" >&2; return 1; }
    grep -Eq "^  $2 +$(find "$in" -type f | wc -l)\$" "$LAB/sum" || { cat "$LAB/sum" "$LAB/named" >&2; lab_die "not all were answered with $2"; }
    [[ ! -s $LAB/named ]] || { cat "$LAB/named" >&2; lab_die "it had something to say"; }
}

lab_say "one such file for each core, and one more: each is answered"
"$BIRTHMARK" request --tcti "$(lab_tcti one)" --serial SN1 --state "$LAB/id" --out "$in/SN1"
grep -q '"ek_chain":\["' "$in/SN1" || lab_die "the request has no intermediate"
for ((i = 0; i <= $(nproc); i++)); do
    cp "$in/SN1" "$in/copy-$i"
done
batch "$LAB/a" challenges

lab_say "and the second trip brings the certificate"
rm "$in"/*
"$BIRTHMARK" accept "$LAB/a" --tcti "$(lab_tcti one)" --ca "$(lab_ca_file one)" --state "$LAB/id" --out "$in/SN1"
batch "$LAB/b" certificates
"$BIRTHMARK" accept "$LAB/b" --tcti "$(lab_tcti one)" --ca "$(lab_ca_file one)" --state "$LAB/id"
lab_identity_good "$LAB/id" one one
