#!/bin/bash
# swarm.sh PART: birthmark-swarm plays devices that a real birthmarkd takes for real ones, and tells the truth about what became of them.
. "$(dirname "$0")/../lab/lab.sh"
part=$1
lab_begin
fleet=$LAB/fleet

# a CA that trusts the fleet's vendor, without limits, and its server
"$BIRTHMARK_SWARM" vendor --fleet "$fleet" --prefix SN --out "$LAB/vendor.crt"
LAB_NO_TRUST=1 lab_ca one
lab_server_key one address_rate 0
lab_server_key one total_rate 0

# swarm [OPTION...]: a run; what it printed is in $LAB/figures, its exit status in rc.
swarm() {
    rc=0
    timeout 200 "$BIRTHMARK_SWARM" --server "${LAB_URL[one]}" --ca "$(lab_ca_file one)" --fleet "$fleet" --json --quiet "$@" \
        >"$LAB/figures" 2>"$LAB/said" || rc=$?
    ((rc != 199)) || lab_die "a sanitizer stopped it"
    echo "$rc" >"$LAB/rc"
}

# swarm_end: of a run in the background.
swarm_end() {
    wait "$run"
    rc=$(<"$LAB/rc")
}

# figure NAME: a number of the last run.
figure() {
    python3 -c 'import json, sys; v = json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."): v = v.get(k, 0)
print(v)' "$LAB/figures" "$1"
}

# wants STATUS NAME VALUE...: how it ended, and what its figures say.
wants() {
    if [[ $rc != "$1" ]]; then
        cat "$LAB/said" "$LAB/figures" >&2
        lab_die "ended with $rc, not with $1"
    fi
    shift
    while (($# > 0)); do
        [[ $(figure "$1") == "$2" ]] || { cat "$LAB/said" "$LAB/figures" >&2; lab_die "$1 is $(figure "$1"), not $2"; }
        shift 2
    done
}

# one_sentence PATTERN: it said one, and that.
one_sentence() {
    [[ $(grep -c '^birthmark-swarm: ' "$LAB/said") == 1 ]] || { cat "$LAB/said" >&2; lab_die "not one sentence"; }
    lab_said "$1"
}

# devices: how many the database has.
devices() {
    lab_ctl one device list | grep -c ' active '
}

started() {
    lab_ctl one trust add --class discrete "$LAB/vendor.crt" >/dev/null
    lab_server one
}

# none_lost FILE: every certificate that a device holds is in the database, and that is whole.
none_lost() {
    "$SWARM_CHECK" check "$LAB/ca-one/database/birthmark.db" "$1" >"$LAB/checked" 2>&1 || { cat "$LAB/checked" >&2; lab_die "lost"; }
    grep -q "^held $2 " "$LAB/checked" || { cat "$LAB/checked" >&2; lab_die "held is not $2"; }
}

case $part in
kinds)
    started
    total=0
    for ek in rsa2048 ecc256 ecc384; do
        for ik in rsa2048 rsa3072 ecc256 ecc384; do
            lab_say "20 devices with an EK $ek and an identity key $ik get their certificates"
            swarm --ek "$ek" --ik "$ik" --devices 20 --concurrency 10 --held "$LAB/held"
            wants 0 provisioned 20 failed 0 connections 20 get_challenge.count 20 get_certificate.count 20
            total=$((total + 20))
        done
    done
    lab_say "all of them, and no others, are in the database, each under its own name"
    [[ $(devices) == "$total" ]] || lab_die "the database has $(devices) devices, not $total"
    none_lost "$LAB/held" "$total"

    lab_say "the same fleet again: the same devices"
    swarm --ek rsa2048 --ik ecc256 --devices 20
    wants 0 provisioned 20
    [[ $(devices) == "$total" ]] || lab_die "there are other devices"

    lab_say "a name with several addresses, at one of which somebody listens"
    rc=0
    timeout 100 "$BIRTHMARK_SWARM" --server "https://localhost:${LAB_URL[one]##*:}" --ca "$(lab_ca_file one)" --fleet "$fleet" --devices 20 \
        --json --quiet >"$LAB/figures" 2>"$LAB/said" || rc=$?
    wants 0 provisioned 20 failed 0

    lab_say "an outage: all connections drop, all devices come back at once"
    swarm --devices 200 --concurrency 20 --repeat-reconnect
    wants 0 provisioned 200 connections 400 connections_at_once 200 handshake.count 200

    lab_say "what the server's processes used is told by process"
    swarm --devices 100 --watch "${LAB_PID[server-one]}"
    wants 0 provisioned 100
    for name in server ledger keeper; do
        [[ $(figure "server_cpu_ms.$name") != 0* || $(figure "server_cpu_ms.$name") == 0.*[1-9]* ]] || lab_die "the $name used nothing"
    done
    swarm --devices 1 --watch $$
    [[ $rc == 1 ]] || lab_die "this shell was taken for a birthmarkd"
    one_sentence 'no birthmarkd'

    lab_say "a person gets a table"
    timeout 100 "$BIRTHMARK_SWARM" --server "${LAB_URL[one]}" --ca "$(lab_ca_file one)" --fleet "$fleet" --devices 20 >"$LAB/table"
    grep -q '^20 of 20 devices' "$LAB/table" || lab_die "no table"
    ;;
bad)
    started
    lab_say "bad devices are refused, each for its own reason, and the good among them are not"
    swarm --devices 400 --bad 10%
    wants 0 provisioned 360 refused_as_expected 40 failed 0
    for code in csr-key-not-ik ekc-untrusted ticket-invalid request-malformed; do
        [[ $(grep -c " refused .*code=$code " "$LAB/server-one.log") == 10 ]] || lab_die "not ten times $code"
    done
    [[ $(devices) == 360 ]] || lab_die "a bad device is in the database"
    swarm --devices 40 --bad 100%
    wants 0 provisioned 0 refused_as_expected 40

    lab_say "an inventory that birthmarkctl takes"
    lab_server_stop one
    lab_profile one listed 'trust = both' 'identity = inventory'
    lab_server one
    swarm --devices 60 --ik ecc384 --profile listed
    wants 4 provisioned 0
    one_sentence "ek-not-in-inventory.*birthmark-swarm inventory"
    "$BIRTHMARK_SWARM" inventory --fleet "$fleet" --devices 60 --ik ecc384 --out "$LAB/devices.csv"
    lab_ctl one device import "$LAB/devices.csv" | grep -q '^60 added' || lab_die "not imported"
    swarm --devices 60 --ik ecc384 --profile listed
    wants 0 provisioned 60
    swarm --devices 5 --profile nobodys
    wants 4 errors.profile-unknown 5
    one_sentence "profile-unknown"
    ;;
wrong)
    lab_server one
    lab_say "a server that does not trust the vendor: it ends early, and says what to do"
    swarm --devices 2000 --bad 5%
    wants 4 provisioned 0
    one_sentence "does not trust.*birthmark-swarm vendor.*birthmarkctl trust add"
    (($(figure done) < 500)) || lab_die "it went on and on"

    lab_say "another CA's file: nothing is sent, and it says so"
    LAB_NO_TRUST=1 lab_ca two
    rc=0
    timeout 60 "$BIRTHMARK_SWARM" --server "${LAB_URL[one]}" --ca "$(lab_ca_file two)" --fleet "$fleet" --devices 500 >"$LAB/figures" \
        2>"$LAB/said" || rc=$?
    [[ $rc == 3 ]] || lab_die "ended with $rc"
    one_sentence "certificate of ${LAB_URL[one]} is not good.*--ca"
    lab_fails "$BIRTHMARK_SWARM" --server "${LAB_URL[one]}" --ca "$LAB/none.crt" --fleet "$fleet"
    one_sentence "none.crt cannot be read"
    lab_fails "$BIRTHMARK_SWARM" --server "${LAB_URL[one]}" --ca "$fleet" --fleet "$fleet"
    one_sentence "no PEM"

    lab_say "the right CA under a name that its certificate does not have"
    rc=0
    timeout 60 "$BIRTHMARK_SWARM" --server "https://127.0.0.2:${LAB_URL[one]##*:}" --ca "$(lab_ca_file one)" --fleet "$fleet" --devices 5 \
        >"$LAB/figures" 2>"$LAB/said" || rc=$?
    [[ $rc == 3 ]] || lab_die "ended with $rc"

    lab_say "nobody there"
    lab_server_stop one
    swarm --devices 5
    [[ $rc == 3 ]] || lab_die "ended with $rc"
    one_sentence "cannot be reached .*refused"

    lab_say "a fleet that others can read, or that is none, is not used"
    chmod 644 "$fleet"
    swarm --devices 5
    [[ $rc == 5 ]] || lab_die "ended with $rc"
    one_sentence "chmod 600"
    fleet=$LAB/vendor.crt
    chmod 600 "$fleet"
    swarm --devices 5
    [[ $rc == 5 ]] || lab_die "ended with $rc"
    one_sentence "no fleet file"
    ;;
outage)
    started
    lab_say "Ctrl-C ends it early, and the figures are those so far"
    "$BIRTHMARK_SWARM" make --fleet "$fleet" --devices 1500 --quiet
    env --default-signal=INT "$BIRTHMARK_SWARM" --server "${LAB_URL[one]}" --ca "$(lab_ca_file one)" --fleet "$fleet" --devices 1000000 \
        --concurrency 20 --json --quiet >"$LAB/figures" 2>"$LAB/said" &
    LAB_PID[swarm]=$!
    sleep 0.5
    kill -INT "${LAB_PID[swarm]}"
    rc=0
    wait "${LAB_PID[swarm]}" || rc=$?
    [[ $rc == 130 ]] || lab_die "ended with $rc while it made devices"
    env --default-signal=INT "$BIRTHMARK_SWARM" --server "${LAB_URL[one]}" --ca "$(lab_ca_file one)" --fleet "$fleet" --devices 1500 \
        --concurrency 4 --json --quiet --held "$LAB/held" >"$LAB/figures" 2>"$LAB/said" &
    LAB_PID[swarm]=$!
    lab_wait 60 test -s "$LAB/held" || lab_die "nothing begins"
    kill -INT "${LAB_PID[swarm]}"
    rc=0
    wait "${LAB_PID[swarm]}" || rc=$?
    unset 'LAB_PID[swarm]'
    wants 130 interrupted True failed 0
    done_then=$(figure provisioned)
    ((done_then > 0 && done_then < 1500)) || lab_die "$done_then devices are not a part"
    none_lost "$LAB/held" "$done_then"

    lab_say "the server is killed in the middle, and comes back: every device gets its certificate, and none is lost"
    port=${LAB_URL[one]##*:}
    rm "$LAB/held"
    swarm --devices 800 --concurrency 50 --held "$LAB/held" &
    run=$!
    lab_wait 60 test -s "$LAB/held" || lab_die "nothing begins"
    lab_server_crash one
    "$BIRTHMARKD" --state "$LAB/ca-one" --listen "127.0.0.1:$port" >"$LAB/server-one.out" 2>>"$LAB/server-one.log" &
    LAB_PID[server-one]=$!
    swarm_end
    wants 0 provisioned 800 failed 0
    (($(figure retries.refused) + $(figure retries.closed) + $(figure retries.cut-off) > 0)) || lab_die "it saw nothing of that"
    none_lost "$LAB/held" 800

    lab_say "processes that are killed one after the other under it"
    rm "$LAB/held"
    swarm --devices 800 --concurrency 50 --held "$LAB/held" &
    run=$!
    for kind in server ledger keeper server; do
        lab_wait 60 test -s "$LAB/held" || lab_die "nothing begins"
        lab_kill_process one "$kind" || true
        sleep 0.2
    done
    swarm_end
    wants 0 provisioned 800 failed 0
    none_lost "$LAB/held" 800

    lab_say "a server with limits: what is refused for the moment is tried again when it says"
    lab_server_stop one
    lab_server_key one address_rate 30
    lab_server_key one address_burst 3
    lab_server_key one processes 1
    lab_server one
    swarm --devices 60 --concurrency 60
    wants 0 provisioned 60 failed 0
    (($(figure retries.429) + $(figure retries.cut-off) > 0)) || lab_die "nothing was limited"
    ;;
esac
