#!/bin/bash
# README.md works: from a software TPM to mutual TLS, its commands are run as they stand there.
. "$(dirname "$0")/../lab/lab.sh"
. "$LAB_HERE/programs.sh"
. "$LAB_HERE/guide.sh"
lab_begin
guide_begin README.md
umask 022
cd "$LAB_HERE/../.." || exit

# What stands in the README, and what is there in its place here. Ports may be taken by others between the question
# for them and their use.
guide_put build/try "$LAB/try"
guide_put "\$PWD/build/try" "$LAB/try"
guide_put "\$PWD/build/release" "$(cd "$(dirname "$BIRTHMARK")/.." && pwd)"
ports() {
    guide_put 127.0.0.1:8443 "127.0.0.1:$1"
    guide_put localhost:8443 "localhost:$1"
    guide_put 127.0.0.1:9443 "127.0.0.1:$2"
    guide_put localhost:9443 "localhost:$2"
}

guide_not demo "./check runs it by itself"
guide_not check "this is it"
guide_here path

lab_say "a TPM to try with, in a terminal of its own"
mkfifo "$LAB/enter"
exec {enter}<>"$LAB/enter"
SHELL=/bin/bash script -qefc "$(guide_block try-tpm)" "$LAB/terminal.log" \
    <&"$enter" >"$LAB/terminal.out" 2>&1 &
LAB_PID[terminal]=$!
prompt() {
    lab_gone "${LAB_PID[terminal]}" || grep -qs 'The TPM is ready' "$LAB/terminal.log"
}
lab_wait 60 prompt || lab_die "the TPM's terminal says: $(cat "$LAB/terminal.log")"
lab_alive "${LAB_PID[terminal]}" || lab_die "the TPM's terminal has ended"

lab_say "the CA and its server"
guide_run try-ca >"$LAB/ca.log"
start_server() {
    ports "$(lab_free_port)" "$(lab_free_port)"
    guide_start try-server
    lab_wait 30 lab_server_ready "${LAB_PID[try-server]}" "$LAB/try-server.out" &&
        lab_alive "${LAB_PID[try-server]}"
}
lab_tries start_server

lab_say "the device, with and without a network, and the doctor"
for block in enroll doctor offline first-trip second-trip; do
    guide_here "$block" >>"$LAB/device.log" 2>&1
done
for name in id:SN-0001 offline:SN-0002; do
    openssl x509 -in "$LAB/try/${name%:*}/device.crt" -noout -subject | grep -q "CN = ${name#*:}"
done

lab_say "what the operator sees"
guide_run operator >"$LAB/said"
grep -q SN-0002 "$LAB/said"

lab_say "the identity at work: s_client and curl are let in by it"
start_web() {
    ports "${GUIDE_FOR[localhost:8443]#*:}" "$(lab_free_port)"
    guide_start web
    lab_wait 20 lab_listens "${LAB_PID[web]}" "${GUIDE_FOR[localhost:9443]#*:}" && lab_alive "${LAB_PID[web]}"
}
lab_tries start_web
guide_run identity >"$LAB/said" 2>"$LAB/identity.log"
(($(grep -c 'Subject: CN=SN-0001' "$LAB/said") == 2)) || lab_die "$(cat "$LAB/said" "$LAB/identity.log")"

lab_say "Enter ends the TPM"
pid=${LAB_PID[terminal]}
echo >&"$enter"
lab_wait 20 lab_gone "$pid" || lab_die "it stays"
guide_whole
