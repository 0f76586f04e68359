#!/bin/bash
# The exchange by files: how fast birthmarkctl batch answers a directory, beside the server's figure for the same devices on the same machine. Run
# by `meson test --benchmark offline`; prints a table. Nothing is asserted but that every device is served.
#
#   offline.sh [DEVICES]
. "$(dirname "$0")/../lab/lab.sh"
devices=${1:-10000}
lab_begin
fleet=$LAB/fleet

# ca NAME: a CA that trusts the fleet's vendor, without limits, with the exchange by files.
ca() {
    LAB_NO_TRUST=1 lab_ca "$1" >/dev/null
    lab_ctl "$1" trust add --class discrete "$LAB/vendor.crt" >/dev/null
    lab_server_key "$1" address_rate 0
    lab_server_key "$1" total_rate 0
    sed -i 's/^offline_ticket_lifetime = .*/offline_ticket_lifetime = 7d/' "$LAB/ca-$1/birthmark.conf"
}

# batch CA TITLE OUT WHAT: answers $LAB/in, and prints its figure with the memory at the most.
batch() {
    /usr/bin/time -f '%M %e %U %S' -o "$LAB/time" "$BIRTHMARKCTL" batch --state "$LAB/ca-$1" --in "$LAB/in" --out "$LAB/$3" >"$LAB/sum"
    grep -q "$4 *$devices\$" "$LAB/sum" || { cat "$LAB/sum" >&2; lab_die "not every device was served"; }
    read -r peak wall user system <"$LAB/time"
    printf '%-40s %s requests/s; %s s, CPU %s s + %s s, at most %s KB\n' "$2" "$(sed -n 's/.*(\([0-9]*\) a second).*/\1/p' "$LAB/sum")" "$wall" \
        "$user" "$system" "$peak"
}

for ek in ecc256 rsa2048; do
    "$BIRTHMARK_SWARM" make --devices "$devices" --fleet "$fleet" --ek "$ek" --quiet
    "$BIRTHMARK_SWARM" vendor --fleet "$fleet" --out "$LAB/vendor.crt" >/dev/null
    ca "$ek"
    rm -rf "$LAB/in"
    mkdir "$LAB/in"
    "$BIRTHMARK_SWARM" requests --fleet "$fleet" --ek "$ek" --devices "$devices" --out "$LAB/in" >/dev/null
    batch "$ek" "$ek: first trip, $devices requests" a challenges
    rm -rf "$LAB/in"
    mkdir "$LAB/in"
    "$BIRTHMARK_SWARM" requests --fleet "$fleet" --ek "$ek" --devices "$devices" --answers "$LAB/a" --out "$LAB/in" >/dev/null
    batch "$ek" "$ek: second trip" b certificates
    batch "$ek" "$ek: second trip, once more" c certificates
    ls -l "$LAB/a" "$LAB/b" | awk '{ printf "    a file of %.1f MB\n", $5 / 1e6 }'
    ca "online-$ek"
    lab_server "online-$ek"
    "$BIRTHMARK_SWARM" --server "${LAB_URL[online-$ek]}" --ca "$(lab_ca_file "online-$ek")" --fleet "$fleet" --ek "$ek" --devices "$devices" \
        --concurrency 200 --quiet --json >"$LAB/figures"
    python3 -c 'import json, sys
f = json.load(open(sys.argv[1]))
print("%-40s %.0f devices/s, both calls and a TLS handshake each; the load shares the machine" % (sys.argv[2] + ": birthmarkd", f["devices_per_second"]))' "$LAB/figures" "$ek"
    lab_server_stop "online-$ek"
done
