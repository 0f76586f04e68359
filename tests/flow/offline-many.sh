#!/bin/bash
# offline-many.sh: a directory of many requests: all are answered, good and bad; killed at any moment and run again, nobody gets a second
# certificate; anchors that change meanwhile, a worker that dies, and other writers do no harm.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
devices=400
fleet=$LAB/fleet
"$BIRTHMARK_SWARM" vendor --fleet "$fleet" --prefix SN --out "$LAB/vendor.crt"
LAB_NO_TRUST=1 lab_ca one
lab_ctl one trust add --class discrete "$LAB/vendor.crt" >/dev/null
sed -i 's/^offline_ticket_lifetime = .*/offline_ticket_lifetime = 7d/' "$LAB/ca-one/birthmark.conf"
mkdir "$LAB/in"

# requests [options]: the next trip's files of all devices are in $LAB/in, and no others.
requests() {
    rm -rf "$LAB/in"
    mkdir "$LAB/in"
    "$BIRTHMARK_SWARM" requests --fleet "$fleet" --devices "$devices" --out "$LAB/in" "$@" >/dev/null
}

batch() {
    "$BIRTHMARKCTL" batch --state "$LAB/ca-one" --in "$LAB/in" --out "$1" >"$LAB/sum" 2>"$LAB/named" || { cat "$LAB/named" >&2; return 1; }
}

sum() {
    local pattern
    for pattern in "$@"; do
        grep -Eq -- "$pattern" "$LAB/sum" || { cat "$LAB/sum" "$LAB/named" >&2; lab_die "the sum does not say: $pattern"; }
    done
}

# none_twice: no EK has two certificates, and the database is whole.
none_twice() {
    lab_ctl one cert list --json >"$LAB/certs"
    python3 -c 'import collections, json, sys
rows = json.load(open(sys.argv[1]))
names = collections.Counter(json.dumps(row.get("identity", row.get("device"))) for row in rows)
assert all(count == 1 for count in names.values()) and len(names) > 0, names.most_common(3)
print(len(names))' "$LAB/certs" >"$LAB/count"
    lab_ctl one log verify >/dev/null
}

lab_say "the first trip: bad requests among the good ones are refused, each for its reason, and each has its line in the file"
requests --bad 10%
batch "$LAB/a"
sum "^$devices requests answered" 'challenges +370$' 'csr-key-not-ik +10$' 'ekc-untrusted +10$' 'request-malformed +10$'
[[ $(wc -l <"$LAB/a") == $((devices + 2)) ]] || lab_die "not a line for each request"

lab_say "the second trip is killed at some moment, again and again, while birthmarkd has work of its own"
requests
batch "$LAB/a"
sum "challenges +$devices\$"
requests --answers "$LAB/a"
lab_server_key one address_rate 0
lab_server_key one total_rate 0
lab_server one
timeout 100 "$BIRTHMARK_SWARM" --server "${LAB_URL[one]}" --ca "$(lab_ca_file one)" --fleet "$fleet" --ek ecc384 --devices 300 --quiet >"$LAB/figures" 2>&1 &
swarm=$!
for pause in 0.1 0.15 0.2 0.3; do
    "$BIRTHMARKCTL" batch --state "$LAB/ca-one" --in "$LAB/in" --out "$LAB/b" >"$LAB/killed.out" 2>&1 &
    pid=$!
    sleep "$pause"
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
done
wait "$swarm" || { cat "$LAB/figures" >&2; lab_die "birthmarkd's devices were not served"; }
lab_server_stop one
batch "$LAB/b"
sum "certificates +$devices\$"
none_twice
[[ $(<"$LAB/count") == $((devices + 300)) ]] || lab_die "there are $(<"$LAB/count") devices"

lab_say "and once more: the same answers, byte for byte"
batch "$LAB/c"
cmp -s <(sed '$d' "$LAB/b" | sort) <(sed '$d' "$LAB/c" | sort) || lab_die "the answers differ"

# workers PID: those of that birthmarkctl, one a line, once each is shut in; nothing if it was too fast.
workers() {
    local i found= worker
    for ((i = 0; i < 500; i++)); do
        found=$(cat "/proc/$1/task/$1/children" 2>/dev/null || true)
        if lab_gone "$1"; then
            return
        fi
        for worker in $found; do
            grep -q '^Seccomp:[[:space:]]*2$' "/proc/$worker/status" 2>/dev/null || found=
        done
        if [[ -n $found ]]; then
            tr ' ' '\n' <<<"$found" | grep .
            return
        fi
        sleep 0.01
    done
}

lab_say "a worker has no file, no network, no passphrase, and is shut in"
"$BIRTHMARK_SWARM" requests --fleet "$fleet" --devices 600 --out "$LAB/in" >/dev/null
BIRTHMARK_PASSPHRASE=$(<"$LAB/ca-one/keys/passphrase") "$BIRTHMARKCTL" batch --state "$LAB/ca-one" --in "$LAB/in" --out "$LAB/d" >"$LAB/sum" 2>"$LAB/named" &
pid=$!
looked=0
for worker in $(workers "$pid"); do
    grep -q '^NoNewPrivs:[[:space:]]*1$' "/proc/$worker/status"
    [[ $(cd "/proc/$worker/fd" && echo *) == "0 1 2 3" ]] || lab_die "a worker has files: $(ls -l "/proc/$worker/fd")"
    if grep -qF "$(<"$LAB/ca-one/keys/passphrase")" "/proc/$worker/environ"; then
        lab_die "a worker has the passphrase"
    fi
    looked=$((looked + 1))
done
wait "$pid" || { cat "$LAB/named" >&2; lab_die "not answered"; }
((looked > 0)) || lab_die "no worker was seen"

lab_say "a worker that is killed costs one answer, which the next run gives"
"$BIRTHMARKCTL" batch --state "$LAB/ca-one" --in "$LAB/in" --out "$LAB/d" >"$LAB/sum" 2>"$LAB/named" &
pid=$!
mapfile -t found < <(workers "$pid")
if ((${#found[@]} > 1)); then
    kill -KILL "${found[0]}"
    wait "$pid" || { cat "$LAB/named" >&2; lab_die "one worker less, and it gave up"; }
    sum '^1000 requests answered'
    grep -q 'ended the process that read it' "$LAB/named" || sum 'challenges +600$'
else
    wait "$pid"
fi
batch "$LAB/d"
sum "challenges +600\$" "certificates +$devices\$"

lab_say "a vendor that is not trusted any more, from one request to the next"
"$BIRTHMARKCTL" batch --state "$LAB/ca-one" --in "$LAB/in" --out "$LAB/e" >"$LAB/sum" 2>"$LAB/named" &
pid=$!
lab_wait 20 test -e "$LAB/e.part" || true
sha=$(openssl x509 -in "$LAB/vendor.crt" -outform DER | sha256sum)
lab_ctl one trust remove "${sha%% *}" >/dev/null
lab_ctl one log list >"$LAB/log"
wait "$pid"
sum '^1000 requests answered'
batch "$LAB/e"
sum 'ekc-untrusted +1000$'
lab_ctl one log verify >/dev/null

lab_say "Ctrl-C ends it between two transactions, and two at once are told apart"
env --default-signal=INT "$BIRTHMARKCTL" batch --state "$LAB/ca-one" --in "$LAB/in" --out "$LAB/f" >"$LAB/sum" 2>"$LAB/named" &
pid=$!
lab_wait 20 test -e "$LAB/f.part" || lab_die "nothing begins"
kill -INT "$pid"
rc=0
wait "$pid" || rc=$?
[[ $rc == 2 && ! -e $LAB/f ]] || { cat "$LAB/named" >&2; lab_die "ended with $rc"; }
grep -q 'stopped by a signal' "$LAB/named" || lab_die "it did not say why"
flock "$LAB/f.part" "$BIRTHMARKCTL" batch --state "$LAB/ca-one" --in "$LAB/in" --out "$LAB/f" >"$LAB/sum" 2>"$LAB/named" &&
    lab_die "two write one file"
grep -q 'another birthmarkctl writes' "$LAB/named" || lab_die "it did not say that another writes"
