#!/bin/bash
# The tunnel beside stunnel with a key file: throughput after the handshake, and many connections at once beside the TPM's own signatures. Run by
# `meson test --benchmark`; prints tables. Nothing is asserted: machines differ, and this one may be shared. The two take turns, to the same server and by the
# same cipher: read the ratios.
#
#   tunnel.sh [RUNS [MEGABYTES [CONNECTIONS]]]
. "$(dirname "$0")/../lab/lab.sh"
runs=${1:-7}
size=${2:-600}
many=${3:-500}
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server one
lab_enroll one one SN-1 --key ecc256 >/dev/null 2>&1
lab_stop server-one
lab_far_keys
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$LAB/file.key" -out "$LAB/file.crt" -days 30 -subj /CN=SN-2 2>"$LAB/openssl.log"
cat "$(lab_ca_file one)" "$LAB/file.crt" >"$LAB/clients.crt"
mkdir "$LAB/www"
truncate -s "${size}M" "$LAB/www/file"

# conf PORT: the server's configuration.
conf() {
    cat <<END
daemon off; master_process off; worker_rlimit_nofile 8192;
$( (($(id -u) != 0)) || echo 'user root;')
pid $LAB/nginx.pid; error_log $LAB/nginx.log;
events { worker_connections 4096; multi_accept on; }
http {
    access_log off; client_max_body_size 0; keepalive_timeout 600;
    client_body_temp_path $LAB/body; proxy_temp_path $LAB/proxy; fastcgi_temp_path $LAB/fastcgi; uwsgi_temp_path $LAB/uwsgi; scgi_temp_path $LAB/scgi;
    ssl_certificate $LAB/far.crt; ssl_certificate_key $LAB/far.key; ssl_protocols TLSv1.3;
    ssl_verify_client on; ssl_verify_depth 3; ssl_client_certificate $LAB/clients.crt;
    ssl_session_cache off; ssl_session_tickets off;
    server {
        listen 127.0.0.1:$1 ssl backlog=2048;
        root $LAB/www;
        location /take { return 200 "\$ssl_client_s_dn \$ssl_cipher\n"; }
    }
}
END
}

listens() {
    lab_gone "$1" || (exec 6<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null
}

start_server() {
    port=$(lab_free_port)
    conf "$port" >"$LAB/nginx.conf"
    nginx -c "$LAB/nginx.conf" -p "$LAB" -e "$LAB/nginx.log" >"$LAB/nginx.out" 2>&1 &
    LAB_PID[nginx]=$!
    lab_wait 10 listens "$!" "$port"
    lab_alive "${LAB_PID[nginx]}"
}

start_stunnel() {
    place_stunnel=127.0.0.1:$(lab_free_port)
    printf '%s\n' 'foreground = yes' 'pid =' 'syslog = no' 'debug = 3' '[far]' 'client = yes' "accept = $place_stunnel" "connect = 127.0.0.1:$port" \
        "cert = $LAB/file.crt" "key = $LAB/file.key" "CAfile = $LAB/far.crt" 'verifyPeer = yes' 'sslVersionMin = TLSv1.3' >"$LAB/stunnel.conf"
    stunnel4 "$LAB/stunnel.conf" >"$LAB/stunnel.log" 2>&1 &
    LAB_PID[stunnel]=$!
    lab_wait 10 listens "$!" "${place_stunnel##*:}"
    lab_alive "${LAB_PID[stunnel]}"
}

for what in start_server start_stunnel; do
    for _ in 1 2 3 4 5; do
        ! "$what" || break
    done
done
lab_tunnel t one "$LAB/id-SN-1" --listen 127.0.0.1:0 --to "127.0.0.1:$port" --name far.lab --ca "$LAB/far.crt"
declare -A PLACE=([tunnel]=${LAB_PLACE[t]} [stunnel]=$place_stunnel) OWNER=([tunnel]=${LAB_PID[tunnel-t]} [stunnel]=${LAB_PID[stunnel]})
for who in tunnel stunnel; do
    printf '%-8s %s\n' "$who" "$(curl -sS --max-time 30 "http://${PLACE[$who]}/take")"
done

# cpu PID: seconds of CPU so far, all threads.
cpu() {
    awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); split($0, f, " "); printf "%.2f", (f[12] + f[13]) / hz }' "/proc/$1/stat"
}

# move WHO WAY: a row "rate cpu" of MB/s and of the forwarder's seconds of CPU.
move() {
    local before rate
    before=$(cpu "${OWNER[$1]}")
    if [[ $2 == down ]]; then
        rate=$(curl -sS --max-time 300 -o /dev/null -w '%{speed_download}' "http://${PLACE[$1]}/file")
    else
        rate=$(curl -sS --max-time 300 -H Expect: -T "$LAB/www/file" -o /dev/null -w '%{speed_upload}' "http://${PLACE[$1]}/take")
    fi
    awk -v r="$rate" -v a="$before" -v b="$(cpu "${OWNER[$1]}")" 'BEGIN { printf "%.1f %.2f", r / 1e6, b - a }'
}

# table WAY: of $LAB/rows, "tunnel's rate, cpu, stunnel's rate, cpu" each.
table() {
    awk -v way="$1" -v gb="$(awk -v s="$size" 'BEGIN { print s / 953.67 }')" '
        function median(v, n,    i, j, t) {
            for (i = 2; i <= n; i++)
                for (j = i; j > 1 && v[j - 1] > v[j]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
            return v[int((n + 1) / 2)]
        }
        { r[NR] = $1 / $3; a[NR] = $1; b[NR] = $3; c[NR] = $2 / gb; d[NR] = $4 / gb }
        END {
            m = median(r, NR)
            printf "%-5s tunnel %5.0f MB/s, stunnel %5.0f MB/s, ratio %.2f (%.2f to %.2f, %d runs); CPU a GB: %.2f s, stunnel %.2f s\n", way,
                median(a, NR), median(b, NR), m, r[1], r[NR], NR, median(c, NR), median(d, NR)
        }' "$LAB/rows"
}

echo "Throughput after the handshake, $size MB, plain HTTP by curl over the loopback (to reach: 0.80 of stunnel)"
for way in down up; do
    : >"$LAB/rows"
    for ((i = 0; i < runs; i++)); do
        if ((i % 2 == 0)); then
            t=$(move tunnel "$way") s=$(move stunnel "$way")
        else
            s=$(move stunnel "$way") t=$(move tunnel "$way")
        fi
        echo "$t $s" >>"$LAB/rows"
    done
    table "$way"
done

cat >"$LAB/many.py" <<'END'
import socket
import sys
import time

host, port = sys.argv[1].split(":")
count = int(sys.argv[2])
start = time.monotonic()
peers = [socket.create_connection((host, int(port))) for _ in range(count)]
for peer in peers:
    peer.sendall(b"GET /take HTTP/1.1\r\nHost: x\r\n\r\n")
good = 0
for peer in peers:
    peer.settimeout(300)
    good += b"200 OK" in peer.recv(4096)
print(f"{1000 * (time.monotonic() - start):.1f} {good}")
END

# at_once TITLE ROUNDS COMMAND...: the command runs what uses the TPM.
at_once() {
    local title=$1 rounds=$2 i signs t s good
    shift 2
    : >"$LAB/rows"
    for ((i = 0; i < rounds; i++)); do
        signs=$("$@" "$BENCH_SIGN" "$(lab_tcti one)" "$LAB/id-SN-1" "$many")
        read -r t good < <(python3 "$LAB/many.py" "${PLACE[tunnel]}" "$many")
        ((good == many)) || lab_die "$good of $many came through: $(tail -n 3 "$LAB/tunnel-t.log")"
        read -r s good < <(python3 "$LAB/many.py" "$place_stunnel" "$many")
        ((good == many)) || s="none ($good of $many)"
        echo "$t $signs $s" >>"$LAB/rows"
    done
    awk -v n="$many" -v title="$title" '{ printf "%-34s tunnel %5.0f ms; %d signatures of the TPM one after the other %5.0f ms: ratio %.2f; stunnel with a key file %5.0f ms\n",
        title, $1, n, $2, $1 / $2, $3 }' "$LAB/rows"
}

echo "$many connections at once, each with a full handshake: ms until the last one has its answer"
at_once "swtpm" $(((runs + 1) / 2)) env
lab_stop tunnel-t
lab_plan slow 'slow 0x15D:1 0 25'
export BM_FAULT_PLAN=$LAB/slow.plan LD_LIBRARY_PATH=$LAB/tcti
lab_tunnel t one "$LAB/id-SN-1" --listen 127.0.0.1:0 --to "127.0.0.1:$port" --name far.lab --ca "$LAB/far.crt"
unset BM_FAULT_PLAN LD_LIBRARY_PATH
PLACE[tunnel]=${LAB_PLACE[t]}
at_once "25 ms a signature, as a good chip" 2 lab_faulty slow
