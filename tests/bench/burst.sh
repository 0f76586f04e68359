# shellcheck shell=bash
# Bursts of software devices against a server of the lab, and the CPU time that its processes take for them. For the benchmarks; to be
# sourced after lab.sh.
#
#   burst_vendor SERVER                      a TPM vendor for the devices, whom the server's CA trusts
#   burst_begin SERVER EK IK AT_ONCE COUNT   so many devices at once, ready to be provisioned COUNT times each
#   burst_run SERVER FILE                    each of them does; FILE says what the server's processes took: a role, nanoseconds, and how
#                                            many ticks of the clock found it in user space and in the kernel, a line
#   burst_end                                the devices are gone

burst_vendor() {
    "$BENCH_DEVICES" vendor "$LAB/vendor.key" "$LAB/vendor.crt"
    lab_ctl "$1" trust add --class discrete "$LAB/vendor.crt" >/dev/null
}

# burst_cpu SERVER: the CPU time of each process of birthmarkd so far, in the same form.
burst_cpu() {
    local pid monitor=${LAB_PID[server-$1]}
    for pid in "$monitor" $(pgrep -P "$monitor"); do
        printf '%s %s %s\n' "$(tr '\0' '\n' <"/proc/$pid/cmdline" | sed -n '/^-x$/{n;p}' | grep . || echo monitor)" \
            "$(cut -d' ' -f1 "/proc/$pid/schedstat")" "$(cut -d' ' -f14,15 "/proc/$pid/stat")"
    done | awk '{ t[$1] += $2; u[$1] += $3; s[$1] += $4 } END { for (r in t) print r, t[r], u[r], s[r] }' | sort
}

# helpers_start NAME COMMAND...: a program that says a line each time that it has done its work, which it does for each byte of its
# standard input. Its output is in $LAB/NAME.N.
declare -A HELPER_PID=() HELPER_FD=() HELPER_LINES=()
helpers_start() {
    local name=$1 i=0 fd
    shift
    while [[ -n ${HELPER_PID[$name.$i]:-} ]]; do
        i=$((i + 1))
    done
    rm -f "$LAB/$name.$i.go"
    mkfifo "$LAB/$name.$i.go"
    # Without the others' pipes: they would not end while it holds them.
    (
        for fd in "${HELPER_FD[@]}"; do
            exec {fd}>&-
        done
        exec "$@" <"$LAB/$name.$i.go" >"$LAB/$name.$i"
    ) &
    HELPER_PID[$name.$i]=$!
    exec {fd}>"$LAB/$name.$i.go"
    HELPER_FD[$name.$i]=$fd
    HELPER_LINES[$name]=0
}

# helpers_said NAME: each has said all its lines. Without another process, which would disturb what is measured.
helpers_said() {
    local helper lines
    for helper in "${!HELPER_PID[@]}"; do
        if [[ ${helper%.*} == "$1" ]]; then
            mapfile -t lines <"$LAB/$helper"
            ((${#lines[@]} == HELPER_LINES[$1])) || return 1
        fi
    done
}

# helpers_wait NAME: until each has said one more line.
helpers_wait() {
    HELPER_LINES[$1]=$((HELPER_LINES[$1] + 1))
    lab_wait 120 helpers_said "$1" || lab_die "$1 does not come to an end"
}

# helpers_go NAME: all of that name do their work once, at the same time.
helpers_go() {
    local helper
    for helper in "${!HELPER_PID[@]}"; do
        if [[ ${helper%.*} == "$1" ]]; then
            printf g >&"${HELPER_FD[$helper]}"
        fi
    done
    helpers_wait "$1"
}

# helpers_last NAME: the last line of each.
helpers_last() {
    local helper
    for helper in "${!HELPER_PID[@]}"; do
        if [[ ${helper%.*} == "$1" ]]; then
            tail -n 1 "$LAB/$helper"
        fi
    done
}

# helpers_end NAME: they end, as their input does.
helpers_end() {
    local helper fd
    for helper in "${!HELPER_PID[@]}"; do
        if [[ ${helper%.*} == "$1" ]]; then
            fd=${HELPER_FD[$helper]}
            exec {fd}>&-
            wait "${HELPER_PID[$helper]}"
            unset "HELPER_PID[$helper]" "HELPER_FD[$helper]"
        fi
    done
}

burst_begin() {
    local i
    for ((i = 0; i < $4; i++)); do
        helpers_start device "$BENCH_DEVICES" run "${LAB_URL[$1]}" "$(lab_ca_file "${LAB_CA_OF[$1]}")" "$LAB/vendor.key" \
            "$LAB/vendor.crt" "$2" "$3" "$5"
    done
    helpers_wait device # they are ready
}

burst_run() {
    burst_cpu "$1" >"$LAB/before"
    helpers_go device
    burst_cpu "$1" >"$LAB/after"
    join "$LAB/before" "$LAB/after" | awk '{ print $1, $5 - $2, $6 - $3, $7 - $4 }' >"$2"
}

burst_end() {
    helpers_end device
}
