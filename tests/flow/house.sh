#!/bin/bash
# tools/house finds what it is there to find: each rule, broken once.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
house=$LAB_HERE/../../tools/house

# breaks RULE FILE [NAME]: a tree with that one file, its text from stdin, breaks that rule and no other.
breaks() {
    local tree=$LAB/tree
    rm -rf "$tree"
    mkdir -p "$(dirname "$tree/$2")" "$tree/tools"
    cat >"$tree/$2"
    lab_fails "$house" "$tree"
    [[ $(grep -c '^[a-z].*: [a-z-]*: ' "$LAB/said") == 1 ]] || lab_die "$1: $(cat "$LAB/said")"
    lab_said ": $1: "
    printf '%s %s A reason.\n' "$1" "$2" >"$tree/tools/house.exempt"
    "$house" "$tree" >/dev/null || lab_die "$1 cannot be excused"
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
lab_fails "$house" "$LAB/tree"
diff <(sort "$LAB/breaches") <(grep '^device' "$LAB/said" | sort) || lab_die "the rooms' breaches are others"
breaks layer device/cli/a.c <<<'#include "device/b.h"'
breaks layer device/a.c <<<'#include "device/talk/exit.h"'

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
rm -rf "$LAB/tree/docs"
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
