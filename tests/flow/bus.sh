#!/bin/bash
# bus.sh KIND [some]: somebody holds the wires between CPU and TPM. secrets: the whole exchange is recorded, and neither the ticket nor an authorisation
# value is in it. changed: each command and response that is protected is changed, dropped or replaced by an older one in turn; each ends in a
# refusal, and the next run succeeds. substituted: another key in the place of the EK, in a response, in one of two, or with its own
# certificate, is refused before anything secret is sent. counted: the commands are those of docs/performance-device.md.
. "$(dirname "$0")/../lab/lab.sh"
kind=$1 some=${2:-}
lab_begin
owner='the owners word'
endorsement='the endorsers word'
printf '%s' "$owner" >"$LAB/owner"
printf '%s' "$endorsement" >"$LAB/endorsement"
printf 'the keys own word' >"$LAB/key"
values=(--owner-auth "file:$LAB/owner" --endorsement-auth "file:$LAB/endorsement")

# set_values TPM
set_values() {
    lab_use_tpm "$1"
    tpm2_changeauth -Q -c owner "$owner"
    tpm2_changeauth -Q -c endorsement "$endorsement"
}

# tap NAME RULE...: a plan that records into $LAB/NAME.bus, emptied.
tap() {
    local name=$1
    shift
    rm -rf "$LAB/$name.bus"
    mkdir "$LAB/$name.bus"
    lab_plan "$name" "record $LAB/$name.bus" "$@"
}

# found NAME FILE: is what FILE holds, or any 8 bytes of it, in the recording?
found() {
    python3 - "$LAB/$1.bus" "$2" <<'PY'
import pathlib, sys
wanted = pathlib.Path(sys.argv[2]).read_bytes()
assert len(wanted) >= 8, "nothing to look for"
bus = [file.read_bytes() for file in pathlib.Path(sys.argv[1]).iterdir()]
assert bus, "nothing was recorded"
sys.exit(0 if any(wanted[i : i + 8] in message for message in bus for i in range(len(wanted) - 7)) else 1)
PY
}

# silent NAME: no authorisation value is in the recording.
silent() {
    local what
    for what in owner endorsement key; do
        if found "$1" "$LAB/$what"; then
            lab_die "the $what value is on the bus"
        fi
    done
}

# sent NAME COMMAND: how often.
sent() {
    grep -c " $2 " "$LAB/$1.commands" || true
}

# ticket_of REQUEST OUT: the ticket in the body of a getCertificate.
ticket_of() {
    python3 -c 'import base64, json, sys
sys.stdout.buffer.write(base64.b64decode(json.load(open(sys.argv[1]))["ticket"]))' "$1" >"$2"
    [[ $(stat -c %s "$2") == 32 ]] || lab_die "no ticket was seen"
}

# enrol_kept TPM NAME [options]: the bus recorded as NAME, and the ticket in $LAB/ticket.
enrol_kept() {
    local tpm=$1 name=$2
    shift 2
    lab_flaky kept plain 2 1 keep "$LAB/second"
    tap "$name"
    lab_fault_run "$tpm" kept "$name" "SN-$tpm" "$@"
    ((LAB_RC == 0)) || { cat "$LAB/enroll.out" >&2; lab_die "the enrolment failed"; }
    lab_stop flaky-kept
    ticket_of "$LAB/second" "$LAB/ticket"
}

# key_secrets: the identity key's own value, when the key is made, used, made again, and used by the tunnel.
key_secrets() {
    local parent
    lab_far_server far "$(lab_ca_file one)"
    for parent in owner endorsement; do
        lab_say "the value of the identity key, $parent hierarchy: made, renewed, and used by the tunnel, in sessions salted to the EK"
        enrol_kept zeros bus --key ecc256 --parent "$parent" --renew --key-auth "file:$LAB/key" --owner-auth "file:$LAB/zeros" \
            --endorsement-auth "file:$LAB/zeros"
        silent bus
        if found bus "$LAB/ticket"; then lab_die "the ticket is on the bus"; fi
        enrol_kept zeros bus --renew --key-auth "file:$LAB/key" --endorsement-auth "file:$LAB/zeros"
        silent bus
        [[ $(sent bus Sign) == 1 ]] || lab_die "nothing was recorded"
        tap bus
        export LD_LIBRARY_PATH=$LAB/tcti BM_FAULT_PLAN=$LAB/bus.plan
        lab_tunnel t zeros "$LAB/id-SN-zeros" --listen "unix:$LAB/t.sock" --to "localhost:${LAB_PORT[far]}" --ca "$LAB/far.crt" \
            --key-auth "file:$LAB/key" --endorsement-auth "file:$LAB/zeros"
        unset LD_LIBRARY_PATH BM_FAULT_PLAN
        [[ $(lab_far who "${LAB_PLACE[t]}") == "SN-zeros TLSv1.3 full" ]] || lab_die "$(cat "$LAB/tunnel-t.log")"
        lab_stop tunnel-t
        [[ $(sent bus Sign) == 1 ]] || lab_die "nothing was recorded"
        silent bus
        if [[ $parent == owner ]]; then
            tap clear
            OPENSSL_CONF=$LAB/id-SN-zeros/openssl.cnf TPM2OPENSSL_TCTI=$(lab_tcti zeros) lab_faulty clear openssl dgst -sha256 \
                -sign "$(cat "$LAB/id-SN-zeros/key.uri")?pass" -passin "file:$LAB/key" -out "$LAB/signature" "$LAB/key"
            found clear "$LAB/key" || lab_die "the search does not find the value that openssl sends"
        fi
        # Salted: the session's StartAuthSession names the EK, and encrypts to it.
        guarded bus >"$LAB/guarded"
        grep -q ' 0x176$' "$LAB/guarded" || lab_die "the tunnel's session is not salted"
        lab_tpm_clean zeros
    done
}

secrets() {
    local ek
    lab_tpm tools --ek L-1
    lab_ca one
    lab_server one
    lab_server plain one --plain

    lab_say "the search finds a ticket and a value where nothing protects them"
    tap tools
    lab_device x tools L-1 ecc256 SN9
    lab_step challenge x one
    (
        export LD_LIBRARY_PATH=$LAB/tcti BM_FAULT_PLAN=$LAB/tools.plan
        lab_activate x
    )
    found tools "$LAB/x/ticket" || lab_die "the ticket of tpm2_activatecredential was not found"
    lab_faulty tools tpm2_changeauth -Q -c owner "$owner"
    tpm2_changeauth -Q -c endorsement "$endorsement"
    found tools "$LAB/owner" || lab_die "the value of tpm2_changeauth was not found"

    for ek in L-1 L-2 H-3; do
        lab_say "a first enrolment, and one with another key, with EK $ek: no ticket and no value on the bus"
        lab_tpm "$ek" --ek "$ek"
        set_values "$ek"
        enrol_kept "$ek" bus --key ecc256 "${values[@]}"
        [[ $(sent bus ActivateCredential) == 1 ]] || lab_die "nothing was recorded"
        found bus "$LAB/tpm-$ek/ek-$ek.pub" || lab_die "the search does not find what is public"
        if found bus "$LAB/ticket"; then lab_die "the ticket is on the bus"; fi
        silent bus
        enrol_kept "$ek" bus --key ecc384 --renew "${values[@]}"
        if found bus "$LAB/ticket"; then lab_die "the ticket is on the bus"; fi
        silent bus
        lab_tpm_clean "$ek"
        lab_tpm_stop "$ek"
    done

    lab_say "a value that ends in zeros, which a TPM takes away"
    lab_tpm zeros --ek L-2
    lab_use_tpm zeros
    printf 'ends in zeros\0\0' >"$LAB/zeros"
    tpm2_changeauth -Q -c owner "file:$LAB/zeros"
    tpm2_changeauth -Q -c endorsement "file:$LAB/zeros"
    lab_enroll zeros one SN-zeros --owner-auth "file:$LAB/zeros" --endorsement-auth "file:$LAB/zeros"
    lab_tpm_clean zeros

    key_secrets

    lab_say "show and the doctor send no value either"
    tap look
    lab_faulty look "$BIRTHMARK" show --tcti "$(lab_tcti tools)" --state "$LAB/none" "${values[@]}" >"$LAB/show.out"
    silent look
    tap look
    lab_faulty look "$BIRTHMARK" doctor --tcti "$(lab_tcti tools)" --state "$LAB/none" "${values[@]}" >"$LAB/doctor.out" || true
    silent look
    lab_tpm_clean tools
}

# guarded NAME: the numbers and codes of the recorded commands that go in a session of ours, and of the one that starts it.
guarded() {
    python3 - "$LAB/$1.bus" <<'PY'
import pathlib, sys
bus = pathlib.Path(sys.argv[1])
for number in sorted(int(file.stem) for file in bus.glob("*.command")):
    command = (bus / f"{number}.command").read_bytes()
    code = int.from_bytes(command[6:10], "big")
    starts = code == 0x176 and command[10:14] != b"\x40\x00\x00\x07"
    if starts or (command[:2] == b"\x80\x02" and b"\x40\x00\x00\x09" not in command):
        print(number, hex(code))
PY
}

# again_begin: the TPM as it was before; again_end: after a run, which has failed, the next one succeeds.
again_begin() {
    lab_tpm_copy base t
    lab_tpm_start t
    rm -rf "$LAB/id-SN1"
}
again_end() {
    lab_next_run t one SN1 --key ecc256 "${values[@]}"
    lab_tpm_stop t
    rm -rf "$LAB/tpm-t"
}

# hostile RULE: the enrolment with that on the bus is refused, and there is no certificate.
hostile() {
    again_begin
    tap p "$1"
    lab_fault_run t one p SN1 --key ecc256 "${values[@]}"
    ((LAB_RC == 2)) || { cat "$LAB/enroll.out" >&2; lab_die "with '$1' it ended with $LAB_RC"; }
    grep -q ' spoilt' "$LAB/p.commands" || lab_die "nothing was spoilt"
    [[ ! -e $LAB/id-SN1/device.crt ]] || lab_die "there is a certificate"
    lab_no_half "$LAB/id-SN1" one t
    silent p
    again_end
}

changed() {
    local number code before=1 count=0 i rules
    lab_tpm base --ek L-2
    lab_ca one
    lab_server one
    set_values base
    lab_tpm_stop base

    lab_say "an enrolment, recorded"
    again_begin
    tap all
    lab_fault_run t one all SN1 --key ecc256 "${values[@]}"
    ((LAB_RC == 0))
    lab_tpm_stop t
    guarded all >"$LAB/guarded"
    cat "$LAB/guarded"
    # EK; then the parent, the IK (made, loaded, put down, read, used), the policy, the ticket.
    for code in 0x176 0x131 0x153 0x157 0x120 0x173 0x15d 0x151 0x147; do
        grep -q " $code\$" "$LAB/guarded" || lab_die "$code is not protected"
    done

    while read -r number code; do
        lab_say "command $number, $code"
        # Of the command: its last byte, and one in the middle; the same of the response; and an older response.
        rules=("twist $number 1 0xffffffff" "twist $number 1 $(($(stat -c %s "$LAB/all.bus/$number.command") / 2))"
            "flip $number 1 0xffffffff" "flip $number 1 $(($(stat -c %s "$LAB/all.bus/$number.response") / 2))"
            "replay $number 1 $((number - before))")
        for i in "${!rules[@]}"; do
            # Some: every sixth one, which are others for the next command.
            if [[ -z $some ]] || (((i + 5 * count) % 6 == 0)); then
                hostile "${rules[i]}"
            fi
        done
        before=$number
        count=$((count + 1))
    done <"$LAB/guarded"
    ((count >= 9)) || lab_die "only $count commands were protected"

    lab_say "a response without its session, and one that says that all went well"
    tap none
    printf '\200\001\0\0\0\012\0\0\0\0' >"$LAB/bare"
    count=0
    while read -r number code; do
        count=$((count + 1))
        if [[ -z $some ]] || ((count % 3 == 0)); then
            hostile "swap $number $LAB/bare"
        fi
    done <"$LAB/guarded"
}

# untouched NAME COMMAND...: the TPM was asked for none of these.
untouched() {
    local name=$1 command
    shift
    for command in "$@"; do
        [[ $(sent "$name" "$command") == 0 ]] || { cat "$LAB/$name.commands" >&2; lab_die "$command was sent"; }
    done
    silent "$name"
}

# response_of NAME COMMAND N FILE: the N-th response to that command in the recording.
response_of() {
    local number
    number=$(grep " $2 " "$LAB/$1.commands" | sed -n "$3p" | cut -d' ' -f1)
    cp "$LAB/$1.bus/$number.response" "$4"
}

# refused STATUS PATTERN
refused() {
    if ((LAB_RC != $1)) || ! grep '^birthmark: ' "$LAB/enroll.out" | grep -Eq -- "$2"; then
        cat "$LAB/enroll.out" >&2
        lab_die "the run ended with $LAB_RC and did not say: $2"
    fi
    [[ ! -e $LAB/id-SN1/device.crt ]] || lab_die "there is a certificate"
}

# spki TPM EK: SHA-256 of the EK's SubjectPublicKeyInfo, in hex.
spki() {
    openssl pkey -pubin -in "$LAB/tpm-$1/ek-$2.pem" -outform DER | sha256sum | cut -d' ' -f1
}

substituted() {
    local secret=(ActivateCredential PolicySecret EvictControl Create Load Sign) rule
    lab_tpm theirs --ek L-1 --vendor evil --persist
    lab_tpm ours --ek L-1
    lab_tpm kept --ek L-1,L-2 --persist
    lab_tpm bare --ek L-1 --no-cert
    lab_ca one
    lab_profile one listed 'trust = inventory' 'identity = inventory'
    lab_server one

    lab_say "what another TPM answers: its EK made, and its EK read"
    tap theirs
    lab_use_tpm theirs
    lab_faulty theirs tpm2_readpublic -Q -c 0x81010001
    response_of theirs ReadPublic 1 "$LAB/their-read"
    tpm2_evictcontrol -Q -C o -c 0x81010001 >/dev/null
    tap theirs
    lab_faulty theirs "$BIRTHMARK" doctor --tcti "$(lab_tcti theirs)" --state "$LAB/none" >"$LAB/theirs.out" || true
    response_of theirs CreatePrimary 1 "$LAB/their-made"

    lab_say "another EK in the answer that makes ours: not the certificate's"
    tap p "swap 0x131:1 $LAB/their-made"
    lab_fault_run ours one p SN1 --key ecc256
    refused 2 "not for this TPM's EK.*somebody may be on the TPM's bus.*finding ek"
    untouched p "${secret[@]}" StartAuthSession

    lab_say "the same where a value must be given: the answer does not prove that it comes from who knows the value"
    set_values ours
    tap p "swap 0x131:1 $LAB/their-made"
    lab_fault_run ours one p SN1 --key ecc256 "${values[@]}"
    refused 2 'TPM2_CreatePrimary failed'
    untouched p "${secret[@]}"

    lab_say "a persistent EK is read twice, once by the TPM's library: another one in either answer"
    tap p "swap 0x173:2 $LAB/their-read"
    lab_fault_run kept one p SN1 --key ecc256
    refused 2 "two different keys for its EK.*finding bus"
    untouched p "${secret[@]}" StartAuthSession
    tap p "swap 0x173:3 $LAB/their-read"
    lab_fault_run kept one p SN1 --key ecc256
    [[ $(sent p CreatePrimary) != 0 ]] || lab_die "the persistent EK was taken for another"
    rm -rf "$LAB/id-SN1"

    lab_say "another TPM, with a certificate of its own: the server does not know its maker, and no value was in the clear"
    set_values theirs
    tap p
    lab_fault_run theirs one p SN1 --key ecc256 "${values[@]}"
    refused 4 'ekc-untrusted'
    untouched p ActivateCredential PolicySecret

    lab_say "with --ek-sha256 it is refused before the owner is asked for anything"
    tap p
    lab_fault_run theirs one p SN2 --key ecc256 "${values[@]}" --ek-sha256 "$(spki ours L-1)" --state "$LAB/id-SN1"
    refused 2 'does not have the EK of --ek-sha256.*finding bus'
    untouched p "${secret[@]}"

    lab_say "an EK of ours whose certificate the server does not take: the session is not kept for the next EK"
    lab_tpm mixed --ek L-2
    lab_ek_make "$LAB/tpm-mixed" L-1
    lab_ek_certificate evil "$LAB/tpm-mixed/ek-L-1.pem" "$EK_USAGE" "$LAB/tpm-mixed/ek-L-1.der"
    lab_ek_store "$LAB/tpm-mixed" L-1 '' ''
    tap p
    lab_fault_run mixed one p SN3 --key ecc256
    ((LAB_RC == 0)) || lab_die "the second EK was not taken"
    # Salted to L-1, salted to L-2, the policy's.
    [[ $(sent p StartAuthSession) == 3 ]] || { cat "$LAB/p.commands" >&2; lab_die "the session of the first EK served the second"; }
    lab_tpm_clean mixed

    lab_say "without any certificate: what the agent says, and a pin that is right, and one that is wrong"
    lab_ctl one device add --serial SN4 --ek-sha256 "$(spki bare L-1)" >/dev/null
    lab_enroll bare one SN4 --profile listed
    grep -q 'no certificate says that this EK is the TPM.s own.*--ek-sha256' "$LAB/enroll.out" || lab_die "it says nothing"
    lab_enroll bare one SN4 --profile listed --renew --ek-sha256 "$(spki bare L-1)"
    if grep -q 'no certificate says' "$LAB/enroll.out"; then lab_die "it says so all the same"; fi
    lab_fails lab_enroll bare one SN4 --profile listed --renew --ek-sha256 "$(spki theirs L-1)"
    lab_said 'does not have the EK of --ek-sha256'
    lab_fails lab_enroll bare one SN4 --profile listed --renew --ek-sha256 12
    lab_said 'is no SHA-256: --ek-sha256 takes 64'

    lab_say "another EK in the answer, and no certificate to compare it with: the TPM itself cannot open what is meant for that EK"
    tap p "swap 0x131:1 $LAB/their-made"
    lab_fault_run bare one p SN4 --profile listed --key rsa2048 --handle 0x81020009 --state "$LAB/id-SN1"
    refused 2 "cannot open what is meant for the EK that it showed.*finding bus"
    untouched p "${secret[@]}"

    lab_say "another TPM behind it, which can: it is not in the inventory"
    tap p
    lab_fault_run theirs one p SN4 --profile listed --key ecc256 --handle 0x81020009 "${values[@]}" --state "$LAB/id-SN1"
    refused 4 'ek-not-in-inventory'
    untouched p ActivateCredential PolicySecret
}

# table HEADING: the commands and their sessions, as that table of the document has them, one a line.
table() {
    awk -v heading="## $1" '$0 == heading { on = 1; next } /^## / { on = 0 } on && /^\| [0-9]/ { print $4, $6 }' \
        "$LAB_HERE/../../docs/performance-device.md" | sed 's/ value$/ -/'
}

# seen NAME: the same of a recording. Without values there is no session for one.
seen() {
    local number name
    LAB_GUARDED=$(guarded "$1" | cut -d' ' -f1)
    while read -r number _ name _; do
        if grep -qx "$number" <<<"$LAB_GUARDED"; then
            echo "$name salted"
        else
            echo "$name -"
        fi
    done <"$LAB/$1.commands"
}

counted() {
    lab_tpm one --ek L-2
    lab_ca one
    lab_server one
    lab_say "a new device sends these commands, in this order, and no others"
    tap p
    lab_fault_run one one p SN1 --key ecc256
    ((LAB_RC == 0))
    seen p | tee "$LAB/new"
    (($(wc -l <"$LAB/new") > 15))
    diff <(table 'A new device') "$LAB/new" || lab_die "docs/performance-device.md says something else"
    lab_say "and a renewal these"
    tap p
    lab_fault_run one one p SN1 --key ecc256 --renew
    ((LAB_RC == 0))
    seen p | tee "$LAB/renewal"
    diff <(table 'A renewal with the same key') "$LAB/renewal" || lab_die "docs/performance-device.md says something else"
}

"$kind"
