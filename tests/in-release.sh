#!/bin/bash
# What holds in every Debian release that Birthmark supports: gcc and clang build it without a warning, and the unit
# tests and main scenarios pass. Ends with `N passed, N failed`; the exit status is 0 if none failed.
#
#   tools/in-release trixie tests/in-release.sh
#   tools/in-release trixie tests/in-release.sh --suite flow     these tests alone, of what gcc builds
set -euo pipefail
cd "$(dirname "$0")/.."

passed=0
failed=0

# build NAME: build/NAME, all of it (a warning is an error), which counts as one test.
build() {
    local log=build/log/build-$1.log
    mkdir -p build/log
    if { tools/configure "$1" && ninja -C "build/$1" -j "$(nproc)"; } >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "ok   build-$1"
    else
        failed=$((failed + 1))
        tail -n 100 "$log"
        echo "FAIL build-$1"
    fi
}

# suite NAME [meson test options]: run tests of build/NAME and count each.
suite() {
    local name=$1 log=build/$1/meson-logs/testlog.json good bad
    shift
    rm -f "$log"
    meson test -C "build/$name" --no-rebuild --print-errorlogs --num-processes $(($(nproc) * 2)) \
        --timeout-multiplier 3 "$@" || true
    good=$(grep -cE '"result": "(OK|EXPECTEDFAIL)"' "$log" || true)
    bad=$(grep -cE '"result": "(FAIL|ERROR|TIMEOUT|INTERRUPT|UNEXPECTEDPASS)"' "$log" || true)
    if ((${good:-0} + ${bad:-0} == 0)); then
        bad=1
    fi
    passed=$((passed + ${good:-0}))
    failed=$((failed + bad))
}

build release
if (($# > 0)); then
    suite release "$@"
else
    suite release --suite unit --suite main
    build sanitized
    suite sanitized --suite unit
fi
printf '\n%d passed, %d failed\n' "$passed" "$failed"
exit $((failed > 0))
