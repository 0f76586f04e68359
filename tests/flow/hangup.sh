#!/bin/bash
# SIGHUP ends nothing: neither when an operator takes it for a reload, nor when the terminal is closed. The log says
# what to do instead.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
lab_server one
monitor=${LAB_PID[server-one]}

# children: the pids of the monitor's processes, without another process being started for that.
children() {
    read -r -a CHILDREN <"/proc/$monitor/task/$monitor/children" || true
}

said_so() {
    (($(grep -c 'monitor SIGHUP does nothing: .*systemctl restart birthmarkd' "$LAB/server-one.log") == $1))
}

lab_say "the monitor goes on, says what to do, and a device gets its certificate"
before=$(lab_processes one)
kill -HUP "$monitor"
lab_wait 30 said_so 1 || lab_die "nothing is said"
lab_enroll one one SN1 --key ecc256
kill -HUP "$monitor"
lab_wait 30 said_so 2 || lab_die "nothing is said again"

lab_say "so do its processes"
# shellcheck disable=SC2086
kill -HUP $before
lab_healthy one || lab_die "the server does not answer"
[[ $(lab_processes one) == "$before" ]] || lab_die "other processes: $before, and now $(lab_processes one)"

lab_say "also from their first moment on"
for ((turn = 0; turn < 20; turn++)); do
    lab_kill_process one keeper
    for ((i = 0; i < 500; i++)); do
        children
        kill -HUP "${CHILDREN[@]}" 2>/dev/null || true
    done
    lab_wait 30 lab_healthy one || lab_die "the keeper does not come again"
done
! grep 'died signal=' "$LAB/server-one.log" | grep -qv 'keeper died signal=9' || lab_die "$(grep died "$LAB/server-one.log")"

lab_say "it does not count as the second signal that ends a server at once"
lab_device x one L-2 ecc256 SN1
lab_step challenge x one
lab_activate x
mkfifo "$LAB/go"
"$LAB_HERE/clients" paused certificate "$LAB/x" "${LAB_URL[one]}" "$(lab_ca_file one)" <"$LAB/go" >"$LAB/said" \
    2>"$LAB/paused.log" &
LAB_PID[paused]=$!
exec 7>"$LAB/go"
lab_wait 30 grep -q '^waiting' "$LAB/said" || lab_die "$(cat "$LAB/paused.log")"
kill -TERM "$monitor"
lab_wait 30 grep -q 'server\[0\] stopping' "$LAB/server-one.log"
kill -HUP "$monitor"
lab_wait 30 said_so 3 || lab_die "nothing is said while it stops"
exec 7>&-
wait "${LAB_PID[paused]}" || lab_die "no good reply: $(cat "$LAB/said" "$LAB/paused.log")"
unset 'LAB_PID[paused]'
grep -q '^200' "$LAB/said"
lab_server_stop one

lab_say "nor does a closed terminal end it"
cat >"$LAB/terminal" <<'END'
#!/usr/bin/python3
# The program of $INSIDE on a terminal, which is closed when it listens.
import os, pty, signal, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(os.environ["INSIDE"], ["birthmarkd"] + sys.argv[1:])
signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
said = b""
while not any(line.startswith(b"listening on ") and line.endswith(b"\n") for line in said.splitlines(True)):
    said += os.read(terminal, 1)
os.close(terminal)
print(said.decode().replace("\r", ""), flush=True)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0)
END
chmod +x "$LAB/terminal"
INSIDE=$BIRTHMARKD BIRTHMARKD=$LAB/terminal lab_server terminal one --servers 1
lab_healthy terminal || lab_die "the server does not answer"
lab_enroll one terminal SN1 --key ecc256 --renew
pid=${LAB_PID[server-terminal]}
unset 'LAB_PID[server-terminal]'
kill -TERM "$pid"
wait "$pid" || lab_die "it was not stopped in peace"
