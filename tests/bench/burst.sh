# shellcheck shell=bash
# The CPU time of a server's processes, and programs that work when they are told to. For the benchmarks; to be sourced after lab.sh.

# burst_cpu SERVER: what each process of birthmarkd took so far: its role, nanoseconds, and how many ticks of the clock found it in user space and
# in the kernel, one line each.
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
