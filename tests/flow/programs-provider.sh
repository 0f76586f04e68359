#!/bin/bash
# The programs of docs/programs.md by tpm2-openssl: s_client, curl, Python, mosquitto's clients and its bridge, nginx both ways, as the page has them;
# and its limits are what the page says.
. "$(dirname "$0")/../lab/lab.sh"
. "$LAB_HERE/programs.sh"
lab_programs_begin
lab_other_side ec ed
lab_workers

lab_say "openssl s_client with the key's URI, whatever the server's certificate"
for LAB_KIND in ec ed; do
    printf 'GET / HTTP/1.0\r\n\r\n' | lab_run provider-environment provider-s_client >"$LAB/got" 2>"$LAB/s_client.log"
    lab_greeted
done
lab_tpm_clean one

lab_say "curl, Python, mosquitto_pub and mosquitto_sub with device.key"
lab_run provider-environment provider-curl >"$LAB/got"
lab_greeted
lab_with provider-environment lab_python provider-python >"$LAB/got"
lab_greeted
lab_run provider-environment provider-mosquitto-pub
[[ $(lab_run provider-environment provider-mosquitto-sub) == up ]]
lab_broker_saw 2
lab_tpm_clean one

lab_say "a bridge of mosquitto"
lab_with provider-environment lab_bridge provider-mosquitto-bridge
lab_broker_saw 3

lab_say "nginx to its upstream, many at once"
lab_with provider-environment lab_start_nginx proxy "$(lab_block provider-nginx-main)" "server { listen unix:$LAB/proxy.sock; $(lab_block provider-nginx) }" "$LAB/proxy.sock"
lab_greet_many "$LAB/proxy.sock"
lab_stop nginx-proxy

start_own() {
    LAB_OWN=$(lab_free_port)
    lab_with provider-environment lab_start_nginx own "$(lab_block provider-nginx-main)" "$(lab_block provider-nginx-server)" "$LAB_OWN"
}

lab_say "nginx as a server with the device's key, for clients that look for the identity CA"
lab_tries start_own
lab_is_device
lab_say "and usual ones refuse it"
lab_fails curl -sS --max-time 20 --cacert "$(lab_ca_file one)" --connect-to "::127.0.0.1:$LAB_OWN" https://SN-1/
lab_said 'unsuitable certificate purpose|certificate purpose'
lab_stop nginx-own

LAB_KIND=ec
if (($(lab_debian) > 12)); then
    lab_say "a server with a P-256 certificate: where the TPM has no room to verify it, OpenSSL does, for curl and Python"
    lab_run provider-environment provider-curl >"$LAB/got"
    lab_greeted
    tpm2_flushcontext -t
    lab_with provider-environment lab_python provider-python >"$LAB/got"
    lab_greeted
    exit
fi
lab_say "its limits: device.key and a server with a P-256 certificate are too much for three object slots"
lab_fails lab_run provider-environment provider-curl
lab_said 'cannot duplicate context'
# A program that fails may leave the key in the TPM; a resource manager would take it away.
tpm2_flushcontext -t
lab_fails lab_with provider-environment lab_python provider-python
lab_said 'bad signature'
tpm2_flushcontext -t
lab_fails lab_run provider-environment provider-mosquitto-pub
