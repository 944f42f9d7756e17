#!/bin/bash
# Every check, the fast ones first; ends with what ran, what was skipped, and why.
# usage: tools/test.sh [asan|tsan]   (no argument: everything)
set -u
cd "$(dirname "$0")/.."
jobs=$(nproc)
failed=0
skips=$(mktemp)
total_ran=0
total_failed=0
total_skipped=0

note() { printf '\n== %s\n' "$*"; }

suite() { # suite NAME PRESET CTEST-ARGUMENTS...
    local name=$1 preset=$2
    shift 2
    note "$name"
    if ! cmake --preset "$preset" >"/tmp/undertone-$preset.$$" 2>&1 ||
        ! cmake --build --preset "$preset" -j "$jobs" >"/tmp/undertone-$preset.$$" 2>&1; then
        grep -E -A 4 'FAILED|error:|undefined reference' "/tmp/undertone-$preset.$$" | head -n 60
        rm -f "/tmp/undertone-$preset.$$"
        echo "$name: does not build"
        failed=1
        return
    fi
    rm -f "/tmp/undertone-$preset.$$"
    local directory=build
    [ "$preset" = release ] || directory=build-$preset
    local log
    log=$(mktemp)
    ctest --test-dir "$directory" --output-on-failure -j "$jobs" "$@" 2>&1 | tee "$log" |
        grep -v '^ *Start ' || true
    grep -q '100% tests passed' "$log" || failed=1
    local ran bad
    ran=$(grep -cE '^ *[0-9]+/[0-9]+ Test' "$log")
    bad=$(grep -cE '\*\*\*(Failed|Timeout|Exception)' "$log")
    total_ran=$((total_ran + ran))
    total_failed=$((total_failed + bad))
    [ "$ran" -gt 0 ] || { echo "$name: ran nothing"; failed=1; }
    grep -hE 'SKIP: ' "$directory/Testing/Temporary/LastTest.log" 2>/dev/null |
        sed "s/^.*SKIP: /$name: /" >>"$skips"
    rm -f "$log"
}

only=${1:-all}
if [ "$only" = all ]; then
    note lint
    if tools/lint/lint.sh; then echo "lint: passed"; else failed=1; fi
    suite release release
    suite clang clang -L unit
fi
[ "$only" = tsan ] || UT_FUZZ_SECONDS=${UT_FUZZ_SECONDS:-5} suite "ASan and UBSan" asan -L 'unit|fuzz|sanitized'
[ "$only" = asan ] || suite TSan tsan -L 'unit|sanitized'

note summary
sort -u "$skips" >"$skips.sorted"
total_skipped=$(wc -l <"$skips.sorted")
if [ "$total_skipped" -gt 0 ]; then
    echo "skipped:"
    sed 's/^/    /' "$skips.sorted"
else
    echo "nothing was skipped"
fi
rm -f "$skips" "$skips.sorted"
echo "$((total_ran - total_failed)) passed, $total_failed failed, $total_skipped skipped"
exit $failed
