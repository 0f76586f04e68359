#!/bin/bash
# docs/operator.md works: its commands are run as they stand there, and a CA comes back from its backup.
. "$(dirname "$0")/../lab/lab.sh"
. "$LAB_HERE/programs.sh"
. "$LAB_HERE/guide.sh"
lab_begin
guide_begin docs/operator.md
root=$(cd "$LAB_HERE/../.." && pwd)
umask 022 # what a person's shell has: it is the guide that must say more
mkdir -p "$LAB"/{bin,run,units,site/ek}
for program in "$BIRTHMARK" "$BIRTHMARKD" "$BIRTHMARKCTL" "$BIRTHMARK_SWARM"; do
    ln -s "$program" "$LAB/bin/${program##*/}"
done
PATH=$LAB/bin:$PATH
ca=$LAB/ca-one
export BIRTHMARK_STATE=$ca
cd "$LAB/site" || exit

# What stands in the guide, and what is there in its place here.
guide_put /var/lib/birthmarkd "$ca"
guide_put DIR "$ca"
guide_put /backup "$LAB/backup"
guide_put /elsewhere "$LAB/elsewhere"
guide_put /etc/birthmark/ca.crt "$ca/ca.crt"
guide_put /etc/birthmark "$LAB/etc"
guide_put /etc/systemd/system "$LAB/units"
guide_put contrib/ "$root/contrib/"
guide_put /media/stick "$LAB/stick"
guide_put /run/birthmark "$LAB/run"
guide_put '-o birthmark -g birthmark' "-o $(id -un) -g $(id -gn)"
guide_put 'birthmark: ' "$(id -un): "
guide_put ca.example.com 127.0.0.1
guide_put 0.0.0.0:8443 127.0.0.1:0
guide_put '127.0.0.1:8080 --plain' '127.0.0.1:0 --plain'
# The device's own directory is /var/lib/birthmark where none is named, and its TPM /dev/tpmrm0.
for command in request accept tunnel; do
    guide_put "birthmark $command" "birthmark $command --state $LAB/id"
done

# the_same NAME...: these lists of the CA are what they were at the last take.
take() {
    local list
    for list in device cert log; do
        birthmarkctl "$list" list --json >"$LAB/$list.$1"
    done
    birthmarkctl log verify >"$LAB/verify.$1"
}

# sha FILE: of a certificate or a list in PEM.
sha() {
    openssl "$1" -in "$2" -outform DER | sha256sum | cut -d' ' -f1
}

enrols() {
    birthmark enroll --tcti "$(lab_tcti "$1")" --server "${LAB_URL[run]}" --ca "$ca/ca.crt" --serial "$2" \
        --profile sensors --key ecc256 --state "$LAB/id-$1" "${@:3}" >>"$LAB/enroll.log" 2>&1 ||
        lab_die "$1: $(cat "$LAB/enroll.log")"
}

lab_say "install"
guide_not install "it installs packages and programs; ./check has done both in its way"
guide_not user "it makes a user of this machine"
guide_run directory
[[ $(stat -c %a "$ca") == 700 ]]

lab_say "set up a CA, with a passphrase of one's own and without"
BIRTHMARK_STATE=$LAB/ca-sealed guide_run passphrase
lab_server sealed sealed --passphrase-file "$LAB/etc/passphrase"
lab_server_stop sealed
guide_run init >"$LAB/init.log"
guide_run owners
guide_run tls-renew

lab_say "who is genuine: anchors, CRLs, and the inventory"
for vendor in acme other odd; do
    lab_vendor "$vendor"
done
for tpm in one two three; do
    lab_tpm "$tpm" --ek L-2
done
cat "$LAB"/vendor-{acme,other}/root.crt >vendor-root.pem
cat "$LAB"/vendor-{acme,odd}/inter.crt >vendor-intermediates.pem
guide_put 81970134dd52d12d "$(sha x509 "$LAB/vendor-odd/inter.crt")"
guide_run trust
lab_crl acme inter 01 vendor-intermediate.crl
cp "$LAB/vendor-other/inter.crt" other-intermediate.pem
lab_crl other inter 01 other.crl
guide_put 5f8e3bd1c2a09e77 "$(sha crl other.crl)"
guide_run crl
cp "$LAB/tpm-one/ek-L-2.der" ek/0001.der
cp "$LAB/tpm-two/ek-L-2.der" new-ek.der
cp "$LAB/tpm-three/ek-L-2.der" ek.der
guide_block inventory-table >batch-17.csv
guide_run inventory
birthmarkctl device list --json >"$LAB/devices"
hash=$(guide_run ek-hash | cut -d' ' -f1)
grep -q "$hash" "$LAB/devices" || lab_die "the EK's hash is not that of the inventory"

lab_say "profiles, and the server"
guide_block profile-sensors >>"$ca/birthmark.conf"
guide_block profile-line >>"$ca/birthmark.conf"
lab_server_key one trusted_proxies 127.0.0.1
guide_server run
guide_not log-lines "what the server writes"
enrols three SN-0007
grep -Eq '^[0-9TZ:-]+ server\[[0-9]+\] issued device=SN-0007 serial=' "$LAB/run.log"

lab_say "behind a proxy"
guide_server proxy-run
guide_put 127.0.0.1:8080 "${LAB_URL[proxy-run]#http://}"
start_proxy() {
    LAB_PLAIN=$(lab_free_port)
    lab_start_nginx proxy 'worker_processes 1;' \
        "server { listen 127.0.0.1:$LAB_PLAIN; location / { $(guide_block proxy-nginx) } }" "$LAB_PLAIN"
}
lab_tries start_proxy
curl -sSf --noproxy '*' -o "$LAB/said" "http://127.0.0.1:$LAB_PLAIN/healthz"
lab_stop nginx-proxy
lab_stop proxy-run

lab_say "a line without a network"
export BIRTHMARK_TCTI
BIRTHMARK_TCTI=$(lab_tcti one)
for block in offline-request offline-first offline-challenge offline-second offline-certificate; do
    guide_run "$block"
done
grep -q 'CN = SN-0001' < <(openssl x509 -in "$LAB/id/device.crt" -noout -subject)

lab_say "a program uses the identity"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout servers.key -out servers.crt -days 30 \
    -subj /CN=example -addext subjectAltName=DNS:localhost 2>"$LAB/openssl.log"
start_api() {
    LAB_PLAIN=$(lab_free_port)
    lab_start_nginx api 'worker_processes 1;' "server { listen 127.0.0.1:$LAB_PLAIN ssl;
        ssl_certificate $LAB/site/servers.crt; ssl_certificate_key $LAB/site/servers.key;
        ssl_verify_client on; ssl_verify_depth 3; ssl_client_certificate $ca/ca.crt;
        location / { return 200 \"Hello \$ssl_client_s_dn\n\"; } }" "$LAB_PLAIN"
}
lab_tries start_api
guide_put api.example.com:443 "localhost:$LAB_PLAIN"
guide_start tunnel
lab_wait 20 lab_tunnel_ready "${LAB_PID[tunnel]}" "$LAB/tunnel.log" || lab_die "the tunnel says nothing"
[[ $(guide_run tunnel-curl) == 'Hello '*CN=SN-0001* ]] || lab_die "$(cat "$LAB/tunnel.log")"
lab_stop tunnel
lab_stop nginx-api

lab_say "devices and certificates; a device that was off, one that goes, and one with a new TPM"
guide_put 1b394708 "$(openssl x509 -in "$LAB/id/device.crt" -noout -serial | cut -d= -f2 | tr A-F a-f)"
for block in devices admit retire rebind log; do
    guide_run "$block" >"$LAB/said"
done
enrols two SN-0001
guide_run renew-units
[[ -s $LAB/units/birthmark-renew.timer ]]
guide_not renew-timer "there is no systemd here that could be asked; tests/flow/units.sh looks at the units"
guide_not renew-drop-in "a piece of a unit"

lab_say "a backup of the CA while it runs and issues"
mkdir -p "$LAB/elsewhere"
guide_run passphrase-copy
guide_run backup # and once more into the same place, later
enrols three SN-0007 --renew
take before
guide_run backup
[[ ! -e $LAB/backup/keys/passphrase ]] || lab_die "the backup has what opens its keys"
others=$(find "$LAB/backup/database" "$LAB/backup/keys" -perm /077)
[[ -z $others ]] || lab_die "others may read $others"

lab_say "all is lost, and restored: devices, certificates, log and keys are what they were, and it issues again"
sum=$(cat "$ca"/ca.crt "$ca"/keys/*.key | sha256sum)
lab_stop run
rm -rf "$ca"
guide_run restore
[[ $(cat "$ca"/ca.crt "$ca"/keys/*.key | sha256sum) == "$sum" ]]
take after
for list in device cert log verify; do
    lab_same "$LAB/$list.before" "$LAB/$list.after"
done
guide_server run
curl -sSf --noproxy '*' --cacert "$ca/ca.crt" -o "$LAB/said" "${LAB_URL[run]}/healthz"
enrols three SN-0007 --renew
grep -q 'issued device=SN-0007' "$LAB/run.log"
lab_stop run
birthmarkctl log verify

lab_say "how large a machine: with fewer devices"
guide_put 127.0.0.1:8443 "127.0.0.1:$(lab_free_port)"
guide_put localhost:8443 "localhost:${GUIDE_FOR[127.0.0.1:8443]#*:}"
guide_put 10000 40
unset BIRTHMARK_STATE
guide_here swarm-ca >"$LAB/swarm.out"
LAB_PID[swarm]=$!
guide_put '--watch PID' "--watch $!"
lab_wait 30 lab_server_ready "$!" "$LAB/swarm.out"
guide_run swarm-run >"$LAB/said"
grep -q '^40 of 40 devices' "$LAB/said"
guide_whole
