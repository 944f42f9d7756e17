"""Wheels for test_hub.c. usage: make_wheels.py FOLDER NAME MEMBER FILE [NAME MEMBER FILE ...]"""
import sys
import zipfile

folder, rest = sys.argv[1], sys.argv[2:]
for name, member, path in zip(rest[::3], rest[1::3], rest[2::3]):
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.write(path, f"{name}/{member}")
        wheel.writestr(f"{name}/__init__.py", "raise SystemExit('a wheel is never executed')\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
