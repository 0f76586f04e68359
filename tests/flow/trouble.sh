#!/bin/bash
# What goes wrong is said in one sentence that helps, with an exit status of its own, and leaves the TPM as it was.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_tpm two --ek L-2
lab_ca one
lab_ca other
lab_server one

lab_say "the server's certificate is another CA's"
lab_agent one one SN1 --key ecc256
AGENT=("${AGENT[@]/#"$(lab_ca_file one)"/"$(lab_ca_file other)"}")
lab_fails "${AGENT[@]}"
lab_said 'certificate|--ca'
lab_tpm_clean one

lab_say "nobody listens there"
url=${LAB_URL[one]}
lab_server_stop one
LAB_URL[gone]=$url LAB_CA_OF[gone]=one
lab_fails lab_enroll one gone SN1 --key ecc256
lab_said 'cannot be reached|connect'
lab_tpm_clean one
lab_server one

lab_say "no TPM there"
lab_fails "$BIRTHMARK" enroll --tcti "swtpm:path=$LAB/nothing" --server "${LAB_URL[one]}" --ca "$(lab_ca_file one)" \
    --serial SN1 --state "$LAB/id-none"
lab_said 'TPM'

lab_say "the server's refusal is handed on, with its code and what to do"
lab_enroll one one SN1 --key ecc256
lab_fails lab_enroll two one SN1 --key ecc256 --state "$LAB/id-two"
lab_said 'identity-taken|Another TPM has this identity'
lab_tpm_clean two
[[ ! -e $LAB/id-two/device.crt ]]

lab_say "a command line that is none"
lab_fails "$BIRTHMARK" enroll --nonesuch
lab_fails "$BIRTHMARK" enroll --serial SN1
lab_fails "$BIRTHMARK" nonesuch
lab_fails lab_enroll one one SN1 --key dsa1024
lab_fails lab_enroll one one 'no serial' --state "$LAB/id-bad"

lab_say "a server without anchors trusts nobody"
LAB_NO_TRUST=1 lab_ca empty
lab_server empty
lab_fails lab_enroll two empty SN2 --key ecc256 --state "$LAB/id-two"
lab_said 'ekc-untrusted|trust anchor'
lab_tpm_clean two
