#!/bin/bash
# The model of the two calls keeps its promises; with any one check taken out it shows the attack, or which other check stands behind it.
#
#   model.sh            every run; needs spin and a C compiler
#
# A run's guards and promises are those of birthmark.pml.
set -euo pipefail
export LC_ALL=C
model=$(cd "$(dirname "$0")" && pwd)/birthmark.pml
dir=$(mktemp -d "${TMPDIR:-/tmp}/bmmodel.XXXXXX")
trap 'rm -rf "$dir"' EXIT
cd "$dir"
declare -A number=() seen=()
runs=0

die() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# The numbers of the guards, and of the promises: spin numbers an mtype from its last name on, which the verifier's source tells.
prepare() {
    local name value
    cp "$model" .
    spin -a birthmark.pml >spin.log || { cat spin.log >&2; die "spin does not take the model"; }
    "${CC:-cc}" -O2 -w -DSAFETY -o whole pan.c
    "${CC:-cc}" -O2 -w -DSAFETY -DREACH -o shortest pan.c
    while read -r name value; do
        number[$name]=$value
    done < <(sed -n '/^#define EKC_CHAIN /,/^\/\* What is proven/s/^#define \([A-Z_]*\) *\([0-9]*\).*/\1 \2/p' birthmark.pml)
    ((${#number[@]} > 30)) || die "the guards are not found"
    for name in HELD ONE_TO_ONE RETIRED SAME ASKED FRESH USELESS; do
        value=$(sed -n "s/.*case \([0-9]*\): .*\"$name\".*/\1/p" pan.* | head -n 1)
        promise[$name]=${value:?no number for $name}
    done
}
declare -A promise=()

# of GUARD...: their numbers, with commas.
of() {
    local name list=
    for name in "$@"; do
        list+=,${number[$name]:?there is no guard $name}
    done
    echo "${list#,}"
}

# exhaust TICKETS SERVERS GUARD...: all states without these guards; no promise is broken.
exhaust() {
    local tickets=$1 servers=$2
    shift 2
    MODEL_TICKETS=$tickets MODEL_SERVERS=$servers MODEL_WITHOUT=$(of "$@") ./whole -m20000 -w20 >said 2>&1 || true
    grep -q 'errors: 0$' said || { cat said >&2; die "a promise is broken without: $*"; }
    ! grep -q 'max search depth too small' said || die "the search was not exhaustive"
    sed -n 's/^ *\([0-9]* states, stored\).*/\1/p' said
}

# covered GUARD REASON [TICKETS SERVERS]: without GUARD alone nothing is broken; the next attack takes out what stands behind it, too.
covered() {
    seen[$1]=1
    runs=$((runs + 1))
    printf '\nwithout %s: no attack, %s (%s)\n' "$1" "$2" "$(exhaust "${3:-2}" "${4:-2}" "$1")"
}

# attack PROMISE TICKETS GUARD...: without these guards that promise is broken; the shortest way is shown.
attack() {
    local which=$1 tickets=$2
    shift 2
    if (($# == 1)); then
        seen[$1]=1
    fi
    runs=$((runs + 1))
    rm -f ./*.trail
    export MODEL_TICKETS=$tickets MODEL_WITHOUT MODEL_PROMISE=${promise[$which]}
    MODEL_WITHOUT=$(of "$@")
    ./shortest -i -m600 -w18 >said 2>&1 || true
    [[ -f birthmark.pml.trail ]] || die "without $* there is no attack on $which"
    printf '\nwithout %s:\n' "$(tr ' ' + <<<"$*")"
    ./shortest -S -w18 2>&1 | sed '/^broken: /q; s/^/    /'
    unset MODEL_TICKETS MODEL_WITHOUT MODEL_PROMISE
}

prepare
printf 'the whole model: no promise is broken (%s)\n' "$(exhaust 3 2)"
printf '\nthe exchange as it should be:\n'
attack USELESS 1 | sed '1,2d; /^broken/d'

attack HELD 1 EKC_CHAIN
attack HELD 1 EKC_CLASS
attack HELD 1 EKC_USAGE
attack HELD 1 EK_MISMATCH
covered EK_TEMPLATE "bm_credential_make takes no EK without a cipher"
covered CREDENTIAL_CIPHER "bm_template_match_ek refuses such an EK before"
attack HELD 1 EK_TEMPLATE CREDENTIAL_CIPHER
attack HELD 1 EK_WEAK
attack HELD 1 IK_ATTRIBUTES
attack HELD 1 IK_WEAK
attack ASKED 1 CSR_KEY
attack ASKED 1 CSR_SIGNATURE
attack RETIRED 1 JUDGE_AGAIN
attack RETIRED 1 ANCHORS_EPOCH
attack HELD 1 CREDENTIAL_EK
attack HELD 1 CREDENTIAL_NAME

covered TICKET_SERVER "the keeper compares as well" 1 1
covered TICKET_KEEPER "the server compares as well"
attack HELD 1 TICKET_SERVER TICKET_KEEPER
attack HELD 0 TICKET_KEY
attack ASKED 1 MAC_CSR
attack HELD 1 MAC_EK_PUBLIC
attack SAME 1 MAC_IK_PUBLIC
covered MAC_IK_SPKI "H(ik_public) is over the same key"
attack HELD 1 MAC_IK_PUBLIC MAC_IK_SPKI MAC_CSR
attack HELD 1 MAC_IK_PUBLIC MAC_IK_SPKI CSR_KEY
attack SAME 1 MAC_EK_CERTIFICATE
attack SAME 1 MAC_PROFILE
attack FRESH 1 MAC_EXPIRES
attack FRESH 1 TIME_SERVER
covered TIME_KEEPER "the server looks at its clock as well"
attack FRESH 1 TIME_SERVER TIME_KEEPER

attack RETIRED 1 DECIDE_RETIRED
attack HELD 1 DECIDE_INVENTORY
covered DECIDE_MISMATCH "the transaction compares the names again"
attack ONE_TO_ONE 2 DECIDE_MISMATCH STORE_MISMATCH
covered DECIDE_TAKEN "the transaction asks again who has the name"
attack ONE_TO_ONE 2 DECIDE_TAKEN STORE_TAKEN
attack ONE_TO_ONE 2 CLAIM_RETIRED
attack RETIRED 1 STORE_RETIRED
attack ONE_TO_ONE 2 STORE_MISMATCH
attack ONE_TO_ONE 2 STORE_TAKEN
covered STORE_INDEX "the transaction asks before who has the name"
attack ONE_TO_ONE 2 STORE_TAKEN STORE_INDEX

for name in "${!number[@]}"; do
    [[ -n ${seen[$name]:-} ]] || die "no run takes out $name alone"
done
printf '\n%d runs, %d checks taken out, one at a time and together\n' "$runs" "${#number[@]}"
