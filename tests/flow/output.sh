#!/bin/bash
# What the program says: an object for machines, nothing with --quiet, and while the TPM is slow that it is still at it.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server one

# run RC COMMAND...: its stdout is in $LAB/said, its stderr in $LAB/err.
run() {
    local want=$1 rc=0
    shift
    "$@" >"$LAB/said" 2>"$LAB/err" || rc=$?
    ((rc == want)) || lab_die "it ended with $rc: $(cat "$LAB/said" "$LAB/err")"
}

# member EXPRESSION: of the one object that stdout is.
member() {
    python3 -c 'import json, sys; o = json.load(open(sys.argv[1])); print(eval(sys.argv[2], {"o": o}))' "$LAB/said" "$1"
}
# is EXPRESSION VALUE
is() {
    [[ $(member "$1") == "$2" ]] || lab_die "$1 is not '$2': $(cat "$LAB/said")"
}

lab_say "--json: one object, with what was done and how long each step took"
lab_agent one one SN-1 --key ecc256
show=("$BIRTHMARK" show --tcti "$(lab_tcti one)" --state "$LAB/id-SN-1")
run 0 "${AGENT[@]}" --json
is 'o["result"]' enrolled
is 'o["device"]' SN-1
is 'o["key_type"]' ecc256
is 'o["handle"]' 0x81020000
is 'o["certificate"]' "$LAB/id-SN-1/device.crt"
is 'o["ek_sha256"]' "$(cat "$LAB/id-SN-1/ek")"
is 'o["renew_after"]' "$(cat "$LAB/id-SN-1/renew_after")"
is '[s["step"] for s in o["steps"]]' '[1, 2, 3, 4, 5, 6]'
is 'all(s["ms"] >= 0 and s["text"] for s in o["steps"])' True
grep -q '^6/6 ' "$LAB/err"
lab_say "again there is nothing to do, and with --quiet nothing is said but the object"
run 0 "${AGENT[@]}" --json --quiet
is 'o["result"]' current
is 'o["device"]' SN-1
is 'o["steps"]' '[]'
[[ ! -s $LAB/err ]]

lab_say "what a person should know is in it as well"
printf 'a value' >"$LAB/open"
chmod 644 "$LAB/open"
run 0 "${AGENT[@]}" --json --quiet --renew --owner-auth "file:$LAB/open"
is 'o["result"]' enrolled
is 'len(o["notes"])' 1
is '"chmod 600" in o["notes"][0]' True

lab_say "--quiet: nothing at all, unless it fails"
run 0 "${AGENT[@]}" --quiet --renew
[[ ! -s $LAB/said && ! -s $LAB/err ]] || lab_die "$(cat "$LAB/said" "$LAB/err")"
run 0 "${AGENT[@]}" --quiet
[[ ! -s $LAB/said && ! -s $LAB/err ]]

lab_say "a failure is an object, too, and a line"
run 4 "${AGENT[@]}" --json --quiet --renew --profile nonesuch
is 'o["result"]' failed
is 'o["code"]' server-refused
is 'o["exit_status"]' 4
is 'o["finding"]' profile
is '"profile-unknown" in o["text"]' True
[[ $(wc -l <"$LAB/err") == 1 ]]
run 2 "$BIRTHMARK" show --json --tcti "swtpm:path=$LAB/nothing" --state "$LAB/id-SN-1"
is 'o["code"]' tpm-unreachable

lab_say "show --json has what show prints"
run 0 "${show[@]}" --json
is '[e["template"] for e in o["endorsement_keys"]]' "['L-2']"
is 'o["endorsement_keys"][0]["nv_index"]' 0x01c0000a
is 'o["endorsement_keys"][0]["manufacturer"]' STM
is 'o["identity_key"]["state"]' ours
is 'o["identity_key"]["handle"]' 0x81020000
is 'o["identity"]["device"]' SN-1
is 'o["identity"]["key_at_handle"]' True
is 'o["identity"]["ek_sha256"] == o["endorsement_keys"][0]["sha256"]' True
run 0 "${show[@]}" --json --handle 0x81020001 --state "$LAB/nothing"
is 'o["identity_key"]["state"]' none
is 'o["identity"]["certificate"]' False

lab_say "a slow TPM: in a file a line after five seconds and no other before twenty; none with --quiet"
lab_plan slow 'slow 0x153:1 1 6500'
run 0 lab_faulty slow "${AGENT[@]}" --renew --state "$LAB/id-2" --handle 0x81020002
[[ $(grep -c 'the TPM is still at it, after [0-9]* s' "$LAB/err") == 1 ]] || lab_die "$(cat "$LAB/err")"
grep -q '^    the TPM is still at it, after [5-9] s: ' "$LAB/err"
lab_plan slow 'slow 0x131:1 1 2500'
lab_say "on a terminal the seconds go by in a line that is rubbed out"
TERM=dumb run 0 lab_faulty slow python3 -c '
import os, pty, sys
rc = pty.spawn(sys.argv[1:])
sys.exit(os.waitstatus_to_exitcode(rc))' "${AGENT[@]}" --renew </dev/null
tr '\r' '\n' <"$LAB/said" >"$LAB/lines"
grep -q '^    the TPM is still at it, after 2 s' "$LAB/lines" || lab_die "$(cat "$LAB/lines")"
grep -q '^ \{50,\}$' "$LAB/lines"
run 0 lab_faulty slow "${AGENT[@]}" --renew --quiet
[[ ! -s $LAB/said && ! -s $LAB/err ]]
lab_say "Ctrl-C waits for the command, and leaves nothing"
lab_plan slow 'slow 0x131:1 1 1500'
run 0 true
env --default-signal=INT LD_LIBRARY_PATH="$LAB/tcti" BM_FAULT_PLAN="$LAB/slow.plan" "${AGENT[@]}" --renew >"$LAB/said" 2>"$LAB/err" &
LAB_PID[slow]=$!
lab_wait 10 grep -q '^1/6' "$LAB/err"
kill -INT "${LAB_PID[slow]}"
rc=0
wait "${LAB_PID[slow]}" || rc=$?
unset 'LAB_PID[slow]'
((rc == 130)) || lab_die "it ended with $rc: $(cat "$LAB/err")"
lab_tpm_clean one
