#!/bin/bash
# auth.sh: a TPM whose owner, endorsement and lockout authorisation values are set: given by file or environment, never on the command
# line, never sent twice when they are wrong, and told apart from a lockout.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-1,L-2,H-3
lab_ca one
lab_server one
lab_use_tpm one
tpm2_changeauth -Q -c owner 'the owners word'
tpm2_changeauth -Q -c endorsement 'the endorsers word'
tpm2_changeauth -Q -c lockout 'the lockout word'
printf 'the owners word\n' >"$LAB/owner"
printf 'the endorsers word' >"$LAB/endorsement"
printf 'a wrong word' >"$LAB/wrong"
good=(--owner-auth "file:$LAB/owner" --endorsement-auth "file:$LAB/endorsement")

# primaries: how many TPM2_CreatePrimary the last run sent.
primaries() {
    grep -c CreatePrimary "$LAB/p.commands" || true
}

# refused STATUS PATTERN PRIMARIES OPTIONS...: the run ends with that status and sentence, after so many TPM2_CreatePrimary.
refused() {
    local status=$1 pattern=$2 count=$3
    shift 3
    lab_plan p
    lab_agent one one SN1 --key ecc256 "$@"
    LAB_RC=0
    lab_faulty p "${AGENT[@]}" >"$LAB/enroll.out" 2>&1 || LAB_RC=$?
    if ((LAB_RC != status)) || ! grep '^birthmark: ' "$LAB/enroll.out" | grep -Eq -- "$pattern"; then
        cat "$LAB/enroll.out" >&2
        lab_die "the run ended with $LAB_RC and did not say: $pattern"
    fi
    if [[ -n $count ]] && (($(primaries) != count)); then
        cat "$LAB/p.commands" >&2
        lab_die "$(primaries) TPM2_CreatePrimary, and $count are enough"
    fi
    if grep -q ' word' "$LAB/enroll.out"; then
        lab_die "the value was printed"
    fi
    lab_tpm_clean one
}

lab_say "a value on the command line is refused, and not repeated"
refused 1 '--owner-auth does not take the value itself.*file:PATH.*env:NAME' '' --owner-auth 'the owners word'
refused 1 '--endorsement-auth does not take the value itself' '' --endorsement-auth 'the endorsers word'

lab_say "without the endorsement's value: one try, a sentence that says what to give, and nothing was made"
refused 2 "endorsement hierarchy has an authorisation value.*--endorsement-auth file:PATH" 1
refused 2 "owner hierarchy has an authorisation value.*--owner-auth file:PATH" 2 --endorsement-auth "file:$LAB/endorsement"

lab_say "a wrong value costs one try, however many EKs there are"
refused 2 "value of --endorsement-auth is not the one.*tried once" 1 --endorsement-auth "file:$LAB/wrong"
refused 2 "value of --owner-auth is not the one.*tried once" 2 --owner-auth "file:$LAB/wrong" --endorsement-auth "file:$LAB/endorsement"
[[ -z $(tpm2_getcap handles-persistent) ]] || lab_die "a key was made persistent"

lab_say "what cannot be read, or is not there"
refused 5 'none.*cannot be read' '' --owner-auth "file:$LAB/none"
refused 1 'no variable BM_NONE' '' --owner-auth env:BM_NONE
: >"$LAB/empty"
refused 1 'empty' '' --owner-auth "file:$LAB/empty"

lab_say "by file, the line end left out; and by the environment"
lab_enroll one one SN1 --key ecc256 "${good[@]}"
lab_identity_good "$LAB/id-SN1" one one
lab_tpm_clean one
BM_OWNER='the owners word' BM_ENDORSEMENT='the endorsers word' lab_enroll one one SN1 --key ecc384 --renew \
    --owner-auth env:BM_OWNER --endorsement-auth env:BM_ENDORSEMENT
lab_identity_good "$LAB/id-SN1" one one
if grep -rq ' word' "$LAB/id-SN1" "$LAB/enroll.out"; then
    lab_die "a value was written down"
fi

lab_say "a renewal with the same key needs no owner"
lab_enroll one one SN1 --renew --endorsement-auth "file:$LAB/endorsement"
lab_fails lab_enroll one one SN1 --renew
lab_said 'endorsement hierarchy has an authorisation value'

lab_say "the environment of the running agent does not show the values"
# shellcheck disable=SC2016
BM_OWNER='the owners word' BM_ENDORSEMENT='the endorsers word' lab_at_step 3 'tr "\0" "\n" <"/proc/$LAB_AGENT_PID/environ" >"$LAB/environ"' \
    one one SN1 --renew --owner-auth env:BM_OWNER --endorsement-auth env:BM_ENDORSEMENT
((LAB_AGENT_RC == 0))
grep -q BM_OWNER "$LAB/environ" || lab_die "the environment was not seen"
if grep -q ' word' "$LAB/environ"; then
    lab_die "the value is in the environment"
fi

lab_say "while the agent waits for its certificate, no value is in its memory, but the owner's with another key"
# search PID: which of these stand anywhere in its memory.
search() {
    python3 - "$1" <<'END'
import re, sys
words = {b"the owners word": "owner", b"the endorsers word": "endorsement", b"--endorsement-auth": "control"}
found = set()
with open(f"/proc/{sys.argv[1]}/maps") as maps, open(f"/proc/{sys.argv[1]}/mem", "rb", 0) as mem:
    for line in maps:
        first, last, mode = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line).groups()
        first, last = int(first, 16), int(last, 16)
        if "rw" not in mode or last - first > 1 << 28:
            continue
        try:
            mem.seek(first)
            area = mem.read(last - first)
        except (OSError, ValueError, OverflowError):
            continue
        found |= {name for word, name in words.items() if word in area}
print(" ".join(sorted(found)))
END
}
# The server asks for some seconds before it answers the second call.
lab_server plain one --plain
# waits WORDS [options]: a run that waits for the server has these words in its memory, and no others. (They
# come from files: the sanitizers keep a copy of the environment.)
waits() {
    local words=$1 pid
    shift
    lab_flaky slow plain 2 1 status 503 6
    lab_agent one slow SN1 --renew "${good[@]}" "$@"
    rm -f "$LAB/slow.out"
    "${AGENT[@]}" >"$LAB/slow.out" 2>&1 &
    pid=$!
    lab_wait 30 grep -q '^6/6' "$LAB/slow.out"
    search "$pid" >"$LAB/found"
    wait "$pid"
    lab_stop flaky-slow
    [[ $(cat "$LAB/found") == "$words" ]] || lab_die "in the agent's memory: $(cat "$LAB/found")"
}
waits control
waits 'control owner' --key ecc256

lab_say "a file that others can read is said to be one"
chmod 644 "$LAB/endorsement"
lab_enroll one one SN1 --renew --endorsement-auth "file:$LAB/endorsement"
grep -q 'can read the authorisation value.*chmod 600' "$LAB/enroll.out" || lab_die "it was not"

lab_say "the TPM's own counter of failures has not moved"
tpm2_getcap properties-variable >"$LAB/properties" # A pipe would end it early.
grep -q 'LOCKOUT_COUNTER: 0x0' "$LAB/properties" || lab_die "it has"

lab_say "a lockout is told apart from a wrong value, and not asked again"
lab_plan p "answer 0x131:1 0 0x921"
lab_fault_run one one p SN1 --key ecc256 --renew "${good[@]}"
((LAB_RC == 2)) || lab_die "the run ended with $LAB_RC"
grep -Eq 'TPM2_CreatePrimary was refused.*lockout; wait until it ends' "$LAB/enroll.out" || lab_die "it was not told"
(($(primaries) == 1)) || lab_die "it was asked again"
lab_plan p "answer 0x151:1 0 0x98e"
lab_fault_run one one p SN1 --key ecc256 --renew "${good[@]}"
grep -Eq 'TPM2_PolicySecret was refused: the value of --endorsement-auth' "$LAB/enroll.out" || lab_die "AUTH_FAIL was not told"
[[ $(grep -c PolicySecret "$LAB/p.commands") == 1 ]] || lab_die "it was tried again"

lab_say "show takes the values too"
lab_tpm bare --ek L-1 --no-cert
lab_use_tpm bare
tpm2_changeauth -Q -c endorsement 'the endorsers word'
lab_fails "$BIRTHMARK" show --tcti "$(lab_tcti bare)" --state "$LAB/none"
lab_said 'endorsement hierarchy has an authorisation value'
"$BIRTHMARK" show --tcti "$(lab_tcti bare)" --state "$LAB/none" --endorsement-auth "file:$LAB/endorsement" | grep -q 'without a certificate'
lab_tpm_clean bare

lab_say "a TPM in lockout: what needs no counted value still works, and the identity is renewed"
lab_use_tpm one
tpm2_createprimary -Q -C n -G ecc256:ecdsa -p 'a key of others' -c "$LAB/other.ctx" -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign'
tpm2_dictionarylockout -Q -s -p 'the lockout word' -n 3 -t 1000 -l 1000
for _ in 1 2 3; do
    tpm2_sign -Q -c "$LAB/other.ctx" -p wrong -g sha256 -o "$LAB/none" "$LAB/owner" 2>/dev/null || true
    tpm2_flushcontext -t
done
tpm2_getcap properties-variable >"$LAB/properties"
grep -q 'inLockout: *1' "$LAB/properties" || lab_die "the TPM is not in lockout"
lab_enroll one one SN1 --renew "${good[@]}"
lab_identity_good "$LAB/id-SN1" one one
lab_tpm_clean one
