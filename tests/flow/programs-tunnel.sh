#!/bin/bash
# The programs of docs/programs.md through the tunnel: curl, Python, nginx, mosquitto's clients and its bridge, to servers with a P-256
# certificate. What is run is what stands on the page.
. "$(dirname "$0")/../lab/lab.sh"
. "$LAB_HERE/programs.sh"
lab_programs_begin
lab_other_side ec

# start_tunnel BLOCK NAME: the tunnel of the page.
start_tunnel() {
    LAB_PLAIN=$(lab_free_port)
    : >"$LAB/tunnel-$2.log"
    bash -c "exec $(lab_block "$1")" 2>>"$LAB/tunnel-$2.log" &
    LAB_PID[tunnel-$2]=$!
    lab_wait 20 lab_tunnel_ready "$!" "$LAB/tunnel-$2.log"
    lab_alive "${LAB_PID[tunnel-$2]}"
}

lab_tries start_tunnel tunnel-api api
lab_say "curl"
lab_run tunnel-curl >"$LAB/got"
lab_greeted
lab_say "Python"
lab_python tunnel-python >"$LAB/got"
lab_greeted
lab_say "nginx, whose upstream is the tunnel"
lab_start_nginx proxy 'worker_processes 2;' "server { listen unix:$LAB/proxy.sock; $(lab_block tunnel-nginx) }" "$LAB/proxy.sock"
for _ in 1 2 3; do
    curl -sS --max-time 30 --unix-socket "$LAB/proxy.sock" http://here/ >"$LAB/got"
    lab_greeted
done
lab_stop nginx-proxy
lab_stop tunnel-api

lab_say "mosquitto_pub and mosquitto_sub"
lab_tries start_tunnel tunnel-mqtt mqtt
lab_run tunnel-mosquitto-pub
[[ $(lab_run tunnel-mosquitto-sub) == up ]]
lab_broker_saw 2
lab_say "a bridge of mosquitto"
lab_bridge tunnel-mosquitto-bridge
lab_broker_saw 3
