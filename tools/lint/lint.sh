#!/bin/bash
# Formatting, floors, banned functions, sizes, clang-tidy.
set -u
cd "$(dirname "$0")/../.."
failed=0
mapfile -t sources < <(git ls-files 'src/*.c' 'src/*.h' 'include/*.h' 'tests/*.c' 'tests/*.h' 'bench/*.c' 'examples/*.c')
clang-format --dry-run -Werror "${sources[@]}" || failed=1
python3 tools/lint/floors.py || failed=1
python3 tools/lint/rules.py || failed=1
if [ -f build/compile_commands.json ]; then
    mapfile -t units < <(git ls-files 'src/*.c' | grep -v '_avx2\.c$')
    printf '%s\n' "${units[@]}" | xargs -P "$(nproc)" -n 8 clang-tidy -p build --quiet \
        2> >(grep -vE 'warnings? (generated|treated)|^$' >&2) || failed=1
fi
exit $failed
