#!/bin/bash
# The server keeps nothing between the two calls: restarted, or crashed, in between, it goes on.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_tpm one --ek L-2
lab_ca one
for how in stop crash; do
    lab_say "$how between getChallenge and getCertificate"
    lab_server one
    lab_device "x-$how" one L-2 ecc256 SN1
    lab_step challenge "x-$how" one
    "lab_server_$how" one
    lab_activate "x-$how"
    lab_server one
    lab_step certificate "x-$how" one
    lab_server_stop one
done

lab_say "a stopped server ends with all its processes, in peace"
lab_server one
pids=$(lab_processes one)
pid=${LAB_PID[server-one]}
lab_server_stop one
for p in $pid $pids; do
    lab_gone "$p" || lab_die "process $p is still there"
done

# policies WANTED PID...: all are scheduled so (the 41st field of /proc/PID/stat: 0 as usual, 3 in batches, 5 when there is nothing else).
policies() {
    local wanted=$1 p words
    shift
    for p in "$@"; do
        words=$(<"/proc/$p/stat")
        # shellcheck disable=SC2086
        set -- ${words##*) }
        [[ ${39} == "$wanted" ]] || lab_die "process $p is scheduled by policy ${39}, not $wanted"
    done
}

lab_say "the processes work in batches, unless they were started with a policy of somebody else's choice"
lab_server one
# shellcheck disable=SC2046
policies 3 $(lab_processes one)
lab_server_stop one
cat >"$LAB/idle" <<END
#!/bin/sh
exec chrt --idle 0 '$BIRTHMARKD' "\$@"
END
chmod 700 "$LAB/idle"
BIRTHMARKD=$LAB/idle lab_server one
# shellcheck disable=SC2046
policies 5 $(lab_processes one)
