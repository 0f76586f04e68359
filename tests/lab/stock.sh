# shellcheck shell=bash
# What scenarios begin with (vendors, TPMs as they leave the factory, identity CAs as init leaves them) is made once and
# then copied: it is the same real thing, and making it was a fifth of what the scenarios computed. Part of lab.sh.
#
# LAB_STOCK names the directory; without it everything is made anew. A lab never gets the same one twice: its second TPM
# is another TPM. Labs share what they get, and never meet.

# lab_stock_begin: the stock of this birthmarkctl and of these scripts; another's is of no use.
lab_stock_begin() {
    if [[ -n ${LAB_STOCK:-} && -z ${LAB_STOCK_SHELF:-} ]]; then
        local of
        of=$({ cat "$LAB_HERE/stock.sh" "$LAB_HERE/tpm.sh" "$LAB_HERE/ca.sh"; stat -c '%Y %s' "$BIRTHMARKCTL"; } | cksum)
        LAB_STOCK_SHELF=$LAB_STOCK/${of%% *}
        mkdir -p "$LAB_STOCK_SHELF"
    fi
}

# lab_stocked DIR WORDS MAKE...: DIR becomes a copy of what the command MAKE puts into the directory that is its last
# word; WORDS say all that makes it what it is. Made the first time that a lab wants its first, its second, ... of them.
lab_stocked() {
    local dir=$1 words=$2 number=1 entry lock
    shift 2
    while ! mkdir "$LAB/.stock-$words-$number" 2>/dev/null; do
        number=$((number + 1))
    done
    entry=$LAB_STOCK_SHELF/$words-$number
    if [[ ! -d $entry ]]; then
        exec {lock}>"$entry.lock"
        flock "$lock"
        if [[ ! -d $entry ]]; then
            rm -rf "$entry.new"
            mkdir "$entry.new"
            "$@" "$entry.new"
            mv "$entry.new" "$entry"
        fi
        exec {lock}>&-
    fi
    cp -a "$entry" "$dir"
}
