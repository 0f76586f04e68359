# shellcheck shell=bash
# The lab's web servers and TLS clients. Part of lab.sh.
#
# The servers listen on unix sockets: nothing to collide with, and both openssl s_client and curl can connect to one.

# lab_web_keys: a server key and a self-signed certificate for web.lab, made once a lab. An Ed25519 key, which the TPM
# does not have: tpm2-openssl 1.1 would check a server's RSA or ECDSA signature in the TPM, with three object slots, and
# a device key from a file (not from a handle) takes a fourth, which this TPM has not.
lab_web_keys() {
    if [[ ! -s $LAB/web.crt ]]; then
        openssl req -x509 -newkey ed25519 -nodes -keyout "$LAB/web.key" \
            -out "$LAB/web.crt" -days 30 -subj /CN=web.lab -addext subjectAltName=DNS:web.lab 2>"$LAB/web-openssl.log"
    fi
}

lab_web_ready() {
    lab_gone "$1" || [[ -S $2 ]]
}

# lab_nginx NAME CA.pem [PORT]: nginx on $LAB/NAME.sock (and that port of 127.0.0.1), which asks for a client certificate of that CA and answers with the
# name in it.
lab_nginx() {
    local d=$LAB/nginx-$1
    lab_web_keys
    mkdir -p "$d"
    cat >"$d/nginx.conf" <<END
daemon off;
master_process off;
worker_processes 1;
pid $d/pid;
error_log $d/error.log info;
events { worker_connections 64; }
http {
    access_log $d/access.log;
    client_body_temp_path $d/body;
    proxy_temp_path $d/proxy;
    fastcgi_temp_path $d/fastcgi;
    uwsgi_temp_path $d/uwsgi;
    scgi_temp_path $d/scgi;
    map \$ssl_client_s_dn \$device { default none; ~(^|,)CN=(?<cn>[^,]+) \$cn; }
    server {
        listen unix:$LAB/$1.sock ssl;
        ${3:+listen 127.0.0.1:$3 ssl;}
        server_name web.lab;
        ssl_certificate $LAB/web.crt;
        ssl_certificate_key $LAB/web.key;
        ssl_protocols TLSv1.3;
        ssl_verify_client on;
        ssl_verify_depth 3;
        ssl_client_certificate $2;
        location / {
            default_type text/plain;
            return 200 "Hello \$device, verified \$ssl_client_verify over \$ssl_protocol\n";
        }
    }
}
END
    rm -f "$LAB/$1.sock"
    nginx -p "$d" -c "$d/nginx.conf" -e "$d/error.log" >"$d/out.log" 2>&1 &
    LAB_PID[nginx-$1]=$!
    lab_wait 10 lab_web_ready "$!" "$LAB/$1.sock" || lab_die "nginx $1 says nothing"
    lab_alive "${LAB_PID[nginx-$1]}" || lab_die "nginx $1 did not start"
}

# lab_free_port: a port of 127.0.0.1 that was free a moment ago.
lab_free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

lab_proxy_ready() {
    lab_gone "$1" || curl -s -o /dev/null "$2/lab"
}

# lab_proxy NAME SERVER: nginx over HTTP in front of a birthmarkd that runs with --plain, as the operator's guide has
# it; ${LAB_URL[NAME]} is its address. nginx cannot ask the kernel for a port: where another took ours, with the next.
lab_proxy() {
    local d=$LAB/nginx-$1 port try
    mkdir -p "$d"
    for try in 1 2 3 4 5; do
        port=$(lab_free_port)
        cat >"$d/nginx.conf" <<END
daemon off;
master_process off;
worker_processes 1;
pid $d/pid;
error_log $d/error.log info;
events { worker_connections 256; }
http {
    access_log $d/access.log;
    client_body_temp_path $d/body;
    proxy_temp_path $d/proxy;
    fastcgi_temp_path $d/fastcgi;
    uwsgi_temp_path $d/uwsgi;
    scgi_temp_path $d/scgi;
    upstream birthmark { server ${LAB_URL[$2]#http://}; keepalive 8; }
    server {
        listen 127.0.0.1:$port;
        location = /lab { return 204; }
        location / {
            proxy_pass http://birthmark;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host \$host;
            proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
        }
    }
}
END
        nginx -p "$d" -c "$d/nginx.conf" -e "$d/error.log" >"$d/out.log" 2>&1 &
        LAB_PID[nginx-$1]=$!
        lab_wait 10 lab_proxy_ready "$!" "http://127.0.0.1:$port" || lab_die "nginx $1 says nothing"
        if lab_alive "${LAB_PID[nginx-$1]}"; then
            LAB_URL[$1]=http://127.0.0.1:$port
            return
        fi
    done
    lab_die "nginx $1 did not start, $try times"
}

# lab_s_server NAME CA.pem: openssl s_server, the same way, which takes a socket's path of 31 bytes at most; it answers a GET with its status page, in which the
# client's certificate is.
lab_s_server() {
    lab_web_keys
    openssl s_server -unix "$LAB/$1.sock" -unlink -cert "$LAB/web.crt" -key "$LAB/web.key" -tls1_3 -Verify 3 \
        -verify_return_error -CAfile "$2" -www </dev/null >"$LAB/s_server-$1.log" 2>&1 &
    LAB_PID[s_server-$1]=$!
    lab_wait 10 lab_web_ready "$!" "$LAB/$1.sock" || lab_die "s_server $1 says nothing"
    lab_alive "${LAB_PID[s_server-$1]}" || lab_die "s_server $1 did not start"
}

# lab_s_client SOCKET TPM DIR: openssl s_client with the identity in DIR, its key named by the URI. Prints all that it
# and the server say.
lab_s_client() {
    lab_use_tpm "$2"
    printf 'GET / HTTP/1.0\r\nHost: web.lab\r\n\r\n' |
        OPENSSL_CONF=$3/openssl.cnf timeout 30 openssl s_client -unix "$1" -servername web.lab -tls1_3 \
            -CAfile "$LAB/web.crt" -verify_return_error -cert "$3/device.crt" -cert_chain "$3/chain.crt" \
            -key "$(cat "$3/key.uri")" -ign_eof 2>&1
}

# lab_curl SOCKET TPM DIR: curl with the identity in DIR, whose key is the TSS2 PEM. Prints the answer.
lab_curl() {
    lab_use_tpm "$2"
    OPENSSL_CONF=$3/openssl.cnf timeout 30 curl -sS --unix-socket "$1" --tlsv1.3 --cacert "$LAB/web.crt" \
        --cert "$3/device.crt" --key "$3/device.key" https://web.lab/ 2>&1
}
