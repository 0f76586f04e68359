#!/bin/bash
# tools/house finds what it is there to find: each rule, broken once.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
house=$LAB_HERE/../../tools/house

# anew: a tree without a file.
anew() {
    rm -rf "$LAB/tree"
    mkdir -p "$LAB/tree/tools"
}

# put FILE: the tree has this file, its text from stdin.
put() {
    mkdir -p "$(dirname "$LAB/tree/$1")"
    cat >"$LAB/tree/$1"
}

# refuses RULE FILE[:NAME]: the tree breaks that rule and no other, once; and FILE[:NAME] can be excused.
refuses() {
    lab_fails "$house" "$LAB/tree"
    [[ $(grep -c '^[a-z].*: [a-z-]*: ' "$LAB/said") == 1 ]] || lab_die "$1: $(cat "$LAB/said")"
    lab_said "^${2%:*}:[0-9]*: $1: "
    printf '%s %s A reason.\n' "$1" "$2" >"$LAB/tree/tools/house.exempt"
    "$house" "$LAB/tree" >/dev/null || lab_die "$1 cannot be excused"
    rm "$LAB/tree/tools/house.exempt"
}

# breaks RULE FILE: a tree with that one file, its text from stdin, breaks that rule and no other.
breaks() {
    anew
    put "$2"
    refuses "$1" "$2"
}

# defines FUNCTION CALLED...: the text of a function that calls those.
defines() {
    printf 'int %s(void)\n{\n' "$1"
    (($# == 1)) || printf '    %s();\n' "${@:2}"
    printf '}\n\n'
}

lab_say "layers"
breaks layer lib/tpm/a.c <<<'#include "x509/ekc.h"'
breaks layer device/cli/a.c <<<'#include "store/store.h"'
breaks layer device/cli/a.c <<<'#include "api/handle.h"'
breaks layer device/talk/a.c <<<'#include "tpm/public.h"'
breaks layer lib/tpm/a.c <<<'#include "device/tpm/ik.h"'
breaks layer ctl/a.c <<<'#include "device/talk/exit.h"'
breaks layer api/a.c <<<'#include "device/cli/options.h"'
breaks layer api/a.c <<<'#include "server/message.h"'
breaks third-party lib/tpm/a.c <<<'#include <openssl/evp.h>'
breaks third-party server/server_http.c <<<'#include <openssl/ssl.h>'
breaks third-party ctl/a.c <<<'#include <sqlite3.h>'
breaks third-party device/tls/a.c <<<'#include <tss2/tss2_esys.h>'
breaks third-party device/doctor/a.c <<<'#include <curl/curl.h>'
breaks lib-pure lib/x509/a.c <<<'#include <unistd.h>'
breaks layer lib/new/a.c </dev/null
breaks layer new/a.c </dev/null
anew
put store/store.h </dev/null
put server/a.h <<<'#include <store/store.h>'
"$house" "$LAB/tree"
for way in '"../store/store.h"' '"store/store.h"' '<store/store.h>'; do
    put swarm/a.c <<<"#include $way"
    refuses layer swarm/a.c
done
anew
defines bm_store_open | put store/store.c
defines bm_a_b bm_store_open | put swarm/a.c
refuses layer swarm/a.c:bm_store_open

lab_say "a circle of headers"
anew
put lib/tpm/a.h <<<'#include "tpm/b.h"'
put lib/tpm/b.h <<<'#include "c.h"'
put lib/tpm/c.h <<<'#include "lib/tpm/d.h"'
put lib/tpm/d.h </dev/null
put lib/tpm/d.c <<<'#include "tpm/a.h"'
"$house" "$LAB/tree"
put lib/tpm/d.h <<<'#include "tpm/b.h"'
refuses circle lib/tpm/b.h:c.h
lab_said 'b.h and .*c.h need each other: lib/tpm/b.h includes lib/tpm/c.h; lib/tpm/c.h includes lib/tpm/d.h; lib/tpm/d.h includes lib/tpm/b.h'

lab_say "a circle of files that call each other, wherever one begins to read it"
anew
defines bm_a_b bm_b_c bm_c_d | put lib/tpm/a.c
defines bm_b_c bm_c_d | put lib/tpm/b.c
defines bm_c_d bm_c_later | put lib/tpm/c.c
defines bm_c_later >>"$LAB/tree/lib/tpm/c.c"
"$house" "$LAB/tree"
defines bm_c_later bm_b_c >>"$LAB/tree/lib/tpm/c.c"
refuses circle lib/tpm/b.c:bm_c_d
defines bm_c_d | put tests/c.c
refuses circle lib/tpm/b.c:bm_c_d
put lib/tpm/b.c <<<'int bm_b_c(void);'
defines bm_b_other bm_d_e >>"$LAB/tree/lib/tpm/b.c"
defines bm_b_c >>"$LAB/tree/lib/tpm/b.c"
defines bm_d_e bm_c_d | put lib/tpm/d.c
refuses circle lib/tpm/b.c:bm_d_e
lab_said 'b.c calls bm_d_e of lib/tpm/d.c; lib/tpm/d.c calls bm_c_d of lib/tpm/c.c; lib/tpm/c.c calls bm_b_c of lib/tpm/b.c'
printf 'circle lib/tpm/a.c:bm_b_c A reason.\ncircle lib/tpm/c.c:bm_b_c A reason.\n' | put tools/house.exempt
lab_fails "$house" "$LAB/tree"
lab_said 'circle lib/tpm/a.c:bm_b_c is not needed'

lab_say "what a header does stands where it is used: a circle may lead over it, and over a table; a file and its own header are one"
anew
{ printf '/* One. */\nstatic inline '; defines bm_a_in bm_a_b; printf '#define BM_A_MACRO() bm_a_c()\n'; } | put lib/tpm/a.h
{ defines bm_a_b bm_a_in; defines bm_a_c; } | put lib/tpm/a.c
defines bm_b_c bm_a_in | put lib/tpm/b.c
"$house" "$LAB/tree"
{ defines bm_a_b bm_b_c; defines bm_a_c; } | put lib/tpm/a.c
refuses circle lib/tpm/a.c:bm_b_c
defines bm_b_c BM_A_MACRO | put lib/tpm/b.c
refuses circle lib/tpm/a.c:bm_b_c
put lib/tpm/b.c <<<$'const bm_ops bm_b_c[2] = {\n    .a = bm_a_b,\n};'
refuses circle lib/tpm/a.c:bm_b_c

lab_say "a circle of folders whose files have none"
anew
put server/one/a.h <<<'#include "server/two/b.h"'
put server/two/b.h </dev/null
defines bm_d_e | put server/one/d.c
put server/two/c.c </dev/null
"$house" "$LAB/tree"
defines bm_c_d bm_d_e | put server/two/c.c
refuses circle server/one/a.h:server/two/b.h

lab_say "the rooms of the device: each may use some of the others, and nothing else in device/"
rm -rf "$LAB/tree"
mkdir -p "$LAB/tree/tools"
rooms='talk tpm identity exchange tls tunnel doctor cli'
# uses ROOM WHICH...: a file of that room includes each of them, itself, all other rooms, and what is no room; the latter two are breaches.
uses() {
    local mine=$1 other line=0
    mkdir -p "$LAB/tree/device/$mine"
    for other in $rooms cellar; do
        echo "#include \"device/$other/b.h\""
        ((++line))
        [[ " $* " == *" $other "* ]] || echo "device/$mine/a.c:$line: layer: device/$mine may not include device/$other/b.h" >>"$LAB/breaches"
    done >"$LAB/tree/device/$mine/a.c"
}
uses talk
uses tpm talk
uses identity talk tpm
uses exchange talk tpm identity
uses tls talk tpm identity
uses tunnel talk tpm identity tls
uses doctor talk tpm identity exchange
uses cli talk tpm identity exchange tls tunnel doctor
uses cellar # which is no room, and may use none
sed -i '/cellar may not include device.cellar/d' "$LAB/breaches"
echo 'device/cellar/a.c:1: layer: device/cellar has no place in the order of the folders (LAYERS)' >>"$LAB/breaches"
lab_fails "$house" "$LAB/tree"
diff <(sort "$LAB/breaches") <(grep '^device' "$LAB/said" | sort) || lab_die "the rooms' breaches are others"
breaks layer device/cli/a.c <<<'#include "device/b.h"'
breaks layer device/a.c </dev/null # a file of no room

lab_say "calls"
breaks banned-call ctl/a.c <<<'    strcpy(a, b);'
breaks banned-call tests/a.c <<<'    if (system (a))'
breaks raw-memory server/a.c <<<'    memcpy(a, b, 1);'
breaks lib-pure lib/x509/a.c <<<'    now = time(NULL);'
breaks lib-pure lib/crypto/a.c <<<'    RAND_bytes(a, 1);'

lab_say "lengths"
{ printf 'static int a(void)\n{\n'; seq 60 | sed 's/.*/    a();/'; printf '}\n'; } | breaks function-length device/cli/a.c
seq 501 | sed 's/.*//' | breaks file-length device/cli/a.c

lab_say "names and contracts"
breaks export lib/tpm/a.c <<<$'int bm_b_c(void)\n{\n}'
breaks export api/a.c <<<$'int bm_b_c(void)\n{\n}'
breaks export device/tpm/a.c <<<$'int bm_b_c(void)\n{\n}'
breaks contract lib/tpm/a.h <<<'int bm_a_b(void);'
breaks contract include/a.h <<<'int birthmark_b(void);'
breaks left-over docs/a.md <<<'TO''DO: more'

lab_say "the argument: each attack has a proof, and what is named is there"
breaks proof docs/threat-model.md <<<'| software EK | `judge` | flow/not-there |'
breaks proof docs/threat-model.md <<<$'## Attacks on it\n\n| software EK | a check | we are sure |'
breaks proof docs/model.md <<<'`bm_not_there` does it'

lab_say "an exemption that nothing needs is told"
anew
put tools/house.exempt <<<'proof docs/model.md A reason.'
lab_fails "$house" "$LAB/tree"
lab_said 'not needed'

lab_say "comments, strings and members are not calls; a header covers what stands below its comment"
mkdir -p "$LAB/tree/lib/tpm"
: >"$LAB/tree/tools/house.exempt"
cat >"$LAB/tree/lib/tpm/a.c" <<'END'
/* strcpy(a, b) */
static const char *const a = "system(";
int bm_a_b(void)
{
    return it->read(1) + it.time(2); // popen(3)
}
END
cat >"$LAB/tree/lib/tpm/a.h" <<'END'
/*
 * Two of a kind.
 */
int bm_a_b(void);
int bm_a_c(int a,
           int b);

/* A type and its function. */
typedef struct {
    int b;

    int c;
} bm_a;

bm_a *bm_a_new(void);
END
"$house" "$LAB/tree"
