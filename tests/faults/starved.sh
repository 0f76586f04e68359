#!/bin/bash
# Memory that runs out at any allocation of a request, in the server, the ledger or the keeper, costs that request and nothing else; at any of
# a TLS handshake it costs that connection.
#
#   starved.sh [tls]
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
page=$LAB/page
truncate -s 4096 "$page"
lab_tpm one --ek L-2
lab_ca one
lab_server_key one address_rate 0
lab_server_key one total_rate 0

# serve [OPTION...]: the server whose memory can run out.
serve() {
    BIRTHMARK_STARVED=$page BIRTHMARKD=$BIRTHMARKD_STARVED lab_server one one --servers 1 "$@"
}

# starve PROCESS STEP DIR [FIRST]: the last allocation is in $LAB/last; 3: with it a certificate was issued.
starve() {
    "$LAB_HERE/../faults/starve" "$page" "${LAB_URL[one]}" "$(lab_ca_file one)" "$LAB/ca-one/database/birthmark.db" "$@" >"$LAB/last"
}

if [[ ${1:-} == tls ]]; then
    serve
    lab_say "the server: a TLS handshake, a request and its reply, and the end"
    starve server health "$LAB"
    exit
fi

serve --plain
lab_device good one L-2 ecc256 SN1
lab_copy good bad
lab_device other one L-2 ecc256 SN2
cp "$LAB/other/csr" "$LAB/bad/csr"
for process in server ledger keeper; do
    lab_say "the $process: a challenge, a refusal, the health, the CA's certificate"
    starve "$process" challenge "$LAB/good"
    starve "$process" refused "$LAB/bad"
    starve "$process" health "$LAB"
    starve "$process" ca "$LAB"
    lab_say "the $process: a certificate is issued and recorded, or neither"
    first=1 rc=3
    while ((rc == 3)); do
        rm -rf "$LAB/issue"
        lab_copy good issue
        lab_step challenge issue one
        lab_activate issue
        rc=0
        starve "$process" certificate "$LAB/issue" "$first" || rc=$?
        ((rc == 0 || rc == 3)) || lab_die "$process: see above"
        first=$(($(cat "$LAB/last") + 1))
    done
done
lab_ctl one log verify
