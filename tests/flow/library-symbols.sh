#!/bin/bash
# libbirthmark shows what its header declares, under its version, and nothing else; it needs no library that is not in its page; its header is one for C++
# as well, and pkg-config knows it.
. "$(dirname "$0")/../lab/lab.sh"
sanitized=${1:-}
lab_begin
root=$LAB_HERE/../..
header=$root/include/birthmark.h

lab_say "the symbols are those of the header and of the version script"
grep -oE '^[a-z].*\bbirthmark_[a-z_]+\(' "$header" | grep -v typedef | grep -oE 'birthmark_[a-z_]+' | grep -vxE 'birthmark_code' | sort -u >"$LAB/declared"
nm -D --defined-only "$BIRTHMARK_LIBRARY" | awk '$2 != "A" { print $3 }' | sort -u >"$LAB/shown"
(($(wc -l <"$LAB/declared") >= 9))
sed 's/$/@@BIRTHMARK_0.1/' "$LAB/declared" | diff - "$LAB/shown" || lab_die "they differ"

lab_say "it is known by its major version, and needs what its page says"
objdump -p "$BIRTHMARK_LIBRARY" >"$LAB/objdump"
grep -qE 'SONAME +libbirthmark.so.0$' "$LAB/objdump"
if [[ -z $sanitized ]]; then
    sed -n 's/^ *NEEDED *//p' "$LAB/objdump" | sed 's/\.so.*//' | grep -vxE 'libc|ld-linux.*' | sort >"$LAB/needs"
    printf '%s\n' libcrypto libcurl libjson-c libssl libtss2-esys libtss2-mu libtss2-rc libtss2-tctildr | diff - "$LAB/needs" || lab_die "it needs others"
fi

lab_say "the header is whole for C and C++, as old as they come"
for language in c:c99 c++:c++98; do
    printf '#include <birthmark.h>\nint main() { birthmark_options o; BIRTHMARK_INIT(o); return o.size != sizeof(o); }\n' |
        clang -x "${language%:*}" "-std=${language#*:}" -pedantic -Wall -Wextra -Werror -Wno-long-long -Wno-c++11-long-long -Wno-strict-prototypes \
            -I "$root/include" -fsyntax-only - || lab_die "not for $language"
done

lab_say "the versions of header, library and pkg-config are one"
build=$(dirname "$(dirname "$BIRTHMARK_LIBRARY")")
version=$(sed -n 's/^#define BIRTHMARK_VERSION "\(.*\)"$/\1/p' "$header")
[[ $BIRTHMARK_LIBRARY == *".so.$version" ]]
[[ $(PKG_CONFIG_PATH=$build/meson-private pkg-config --modversion birthmark) == "$version" ]]
[[ $(PKG_CONFIG_PATH=$build/meson-private pkg-config --libs birthmark) == *-lbirthmark*-lssl*-lcrypto* ]]
