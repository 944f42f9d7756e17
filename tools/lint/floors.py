#!/usr/bin/env python3
"""A module includes only what lies on a lower floor (docs/architecture.md), or itself."""
import pathlib
import re
import sys

FLOORS = [
    ["base"],
    ["audio", "nn", "text", "net", "conversation"],
    ["dsp", "store", "hub"],
    ["models"],
    ["speech"],
    ["emotion", "eval"],
    ["report", "train"],
    ["pipeline"],
    ["api"],
    ["serve"],
    ["cli"],
]
floor_of = {module: floor for floor, modules in enumerate(FLOORS) for module in modules}

root = pathlib.Path(__file__).resolve().parents[2]
problems = []
for path in sorted((root / "src").rglob("*.[ch]")):
    module = path.relative_to(root / "src").parts[0]
    if module not in floor_of:
        problems.append(f"{path.relative_to(root)}: src/{module} has no floor")
        continue
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([a-z_0-9]+)/', line)
        other = match and match.group(1)
        if not other or other == module:
            continue
        place = f"{path.relative_to(root)}:{number}"
        if other not in floor_of:
            problems.append(f"{place}: includes {other}/, which has no floor")
        elif floor_of[other] >= floor_of[module]:
            problems.append(f"{place}: {module} may not include {other}/")
for problem in problems:
    print(problem)
print(f"floors: {len(problems)} problems", file=sys.stderr)
sys.exit(bool(problems))
