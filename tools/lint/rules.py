#!/usr/bin/env python3
"""Banned functions, intrinsics outside kernels, file sizes, and words that do not belong in the sources."""
import pathlib
import re
import subprocess
import sys

BANNED = re.compile(
    r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|gets|atoi|atof|atol|strtok|system|popen|alloca"
    r"|tmpnam|mktemp|rand|srand|setlocale)\s*\("
)
EXITS = re.compile(r"(?<![\w.>])(exit|abort)\s*\(")
INTRINSICS = re.compile(r"\b_mm\d*_|\bimmintrin\.h|__builtin_ia32")
OPEN = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
LONGEST = 1200

root = pathlib.Path(__file__).resolve().parents[2]
names = subprocess.run(
    ["git", "ls-files", "src", "include", "tests", "bench", "examples"], cwd=root, capture_output=True, text=True, check=True
).stdout.split("\n")
problems = []
for name in names:
    if not name.endswith((".c", ".h")) or not (root / name).exists():
        continue
    text = (root / name).read_text()
    lines = text.splitlines()
    if len(lines) > LONGEST:
        problems.append(f"{name}: {len(lines)} lines, at most {LONGEST}")
    code = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    code = re.sub(r'"(\\.|[^"\\\n])*"', '""', code)
    code = re.sub(r"//[^\n]*", "", code)
    for number, line in enumerate(code.splitlines(), 1):
        if match := BANNED.search(line):
            problems.append(f"{name}:{number}: {match.group(1)} is banned")
        if name.startswith("src/") and not name.startswith("src/cli/") and (match := EXITS.search(line)):
            problems.append(f"{name}:{number}: {match.group(1)} below cli")
        if not re.match(r"src/nn/kernels_\w+\.c|bench/", name) and INTRINSICS.search(line):
            problems.append(f"{name}:{number}: intrinsics belong into src/nn/kernels_<isa>.c")
    for number, line in enumerate(lines, 1):
        if OPEN.search(line):
            problems.append(f"{name}:{number}: left open")
for problem in problems:
    print(problem)
print(f"rules: {len(problems)} problems", file=sys.stderr)
sys.exit(bool(problems))
