# shellcheck shell=bash
# Pages whose commands are run as they stand there. Part of lab.sh; sourced by the scenarios that run a page.
#
# Each indented block of such a page has a name in a comment above it. A scenario runs it (guide_run, guide_here,
# guide_start), makes a file of it (guide_block), or says why not (guide_not); guide_whole fails when a block had none
# of these.

GUIDE_PAGE=
declare -A GUIDE_FOR=()

# guide_begin PAGE: a page of the source, as docs/operator.md.
guide_begin() {
    GUIDE_PAGE=$(cd "$LAB_HERE/../.." && pwd)/$1
    : >"$LAB/guide.seen"
}

# guide_put WORDS TEXT: from here on the page's WORDS (a path, an address, a user, a number that only the reader has)
# are TEXT. The longest words go first.
guide_put() {
    GUIDE_FOR[$1]=$2
}

# guide_block NAME: the block, with the lab's words in the place of the page's.
guide_block() {
    local text
    text=$(awk -v mark="<!-- $1 -->" '
        !on { if ($0 ~ "^ *" mark "$") { on = 1; match($0, /^ */); indent = RLENGTH + 4 } next }
        /^ *$/ { if (seen) blank = blank "\n"; next }
        match($0, /^ */) && RLENGTH >= indent {
            printf "%s%s\n", blank, substr($0, indent + 1)
            blank = ""
            seen = 1
            next
        }
        { exit }' "$GUIDE_PAGE")
    [[ -n $text ]] || lab_die "$GUIDE_PAGE has no block $1"
    printf '%s\n' "$1" >>"$LAB/guide.seen"
    guide_words "$text"
}

# guide_words TEXT: prints it with the lab's words. In two steps, so that no word is looked for in what another has
# become.
guide_words() {
    local text=$1 words i
    local -a from=()
    readarray -t from < <(printf '%s\n' "${!GUIDE_FOR[@]}" | awk '{ print length, $0 }' | sort -rn |
        cut -d' ' -f2-)
    for i in "${!from[@]}"; do
        text=${text//"${from[i]}"/$'\001'$i$'\002'}
    done
    for i in "${!from[@]}"; do
        words=${GUIDE_FOR[${from[i]}]}
        text=${text//$'\001'$i$'\002'/"$words"}
    done
    printf '%s\n' "$text"
}

# guide_run NAME: its commands, in a shell of their own that ends at the first that fails.
guide_run() {
    local text
    text=$(guide_block "$1")
    timeout 120 bash -euo pipefail -c "$text" || lab_die "block $1: $text"
}

# guide_here NAME: its commands in this shell, which keeps what they set.
guide_here() {
    eval "$(guide_block "$1")" || lab_die "block $1"
}

# guide_start NAME: its commands up to the last, which is a server's; that stays, as LAB_PID[NAME], with its output in
# NAME.out and NAME.log.
guide_start() {
    local text
    text=$(guide_block "$1" | sed -E 's/^(birthmarkd|birthmark tunnel|openssl s_server|bash) /exec &/')
    : >"$LAB/$1.out"
    bash -euo pipefail -c "$text" >"$LAB/$1.out" 2>"$LAB/$1.log" &
    LAB_PID[$1]=$!
}

# guide_server NAME: guide_start for a birthmarkd; ${LAB_URL[NAME]} is its address.
guide_server() {
    guide_start "$1"
    lab_wait 30 lab_server_ready "${LAB_PID[$1]}" "$LAB/$1.out" || lab_die "block $1: birthmarkd says nothing"
    LAB_URL[$1]=$(sed -n 's/^listening on \(http[^ ]*\).*/\1/p' "$LAB/$1.out")
    [[ -n ${LAB_URL[$1]} ]] || lab_die "birthmarkd of block $1 did not start: $(cat "$LAB/$1.log")"
}

# guide_not NAME WHY: this block is not run.
guide_not() {
    guide_block "$1" >/dev/null
    lab_say "not run: $1 ($2)"
}

# guide_whole: each block has a name, and each was looked at.
guide_whole() {
    awk '
        /^ *<!-- [a-z0-9_-]+ -->$/ { named = 1; print $2; next }
        /^ *$/ { gap = 1; next }
        { if (gap && !within && !named && /^    /) { printf "line %d\n", NR }
          within = /^    /; gap = 0; if (within) named = 0 }' "$GUIDE_PAGE" | sort >"$LAB/guide.blocks"
    sort -u "$LAB/guide.seen" | comm -23 "$LAB/guide.blocks" - >"$LAB/guide.left"
    [[ ! -s $LAB/guide.left ]] || lab_die "$GUIDE_PAGE: neither run nor listed: $(tr '\n' ' ' <"$LAB/guide.left")"
}
