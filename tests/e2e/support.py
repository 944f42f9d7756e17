"""What the end-to-end tests share: running the binary, loud skips, small recordings."""
import json
import math
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import wave

import jsonschema

ROOT = pathlib.Path(os.environ.get("UT_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BINARY = pathlib.Path(os.environ.get("UNDERTONE", ROOT / "build" / "undertone")).resolve()
SAMPLE = ROOT / "data" / "raw"


def run(*arguments, expect=0, cwd=None, env=None, timeout=600):
    """Runs the program; returns (standard output, standard error); fails on another exit status."""
    environment = dict(os.environ, **(env or {}))
    done = subprocess.run(
        [str(BINARY), *map(str, arguments)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout
    )
    if done.returncode != expect:
        raise AssertionError(
            f"undertone {' '.join(map(str, arguments))}: exit {done.returncode}, expected {expect}\n"
            f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        )
    return done.stdout, done.stderr


def skip(what, why):
    print(f"SKIP: {what} ({why})", flush=True)


def tone(path, seconds=1.0, rate=16000, level=0.3, hertz=220.0):
    """A WAV file that is no speech; level 0 is silence."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        samples = (int(32767 * level * math.sin(2 * math.pi * hertz * i / rate)) for i in range(int(seconds * rate)))
        out.writeframes(b"".join(struct.pack("<h", s) for s in samples))


def small_disk(place, kilobytes):
    """A mounted file system of that size; None where mounting is not allowed."""
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)], capture_output=True, text=True
    ) if shutil.which("mount") else None
    return place if done and done.returncode == 0 else None


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def check_document(document):
    conversation = load(document)
    jsonschema.validate(conversation, load(ROOT / "docs" / "conversation.schema.json"))
    duration = conversation["source"]["duration"]
    previous = 0.0
    for u in conversation["utterances"]:
        assert 0 <= u["start"] < u["end"] <= duration + 0.001, u
        assert u["start"] >= previous
        previous = u["start"]
        for w in u["words"]:
            assert 0 <= w["start"] <= w["end"] <= duration + 0.001, w
        if u["emotion"]:
            p = u["emotion"]["probabilities"]
            assert abs(sum(p.values()) - 1) < 0.001
            assert u["emotion"]["label"] == max(p, key=p.get)
            assert u["emotion"]["label"] in u["emotion"]["label_set"]
            assert u["emotion"]["explanation"]
    return conversation


def files(folder):
    """All files below it but the records of runs."""
    found = (p for p in pathlib.Path(folder).rglob("*") if p.is_file() and ".undertone" not in p.parts)
    return sorted(str(p.relative_to(folder)) for p in found)


def installed(name):
    """Whether a pulled model is there."""
    out, _ = run("models", "list")
    return any(line.split()[0] == name and "installed" in line.split() for line in out.splitlines() if line.strip())


def main(tests):
    failed = 0
    for test in tests:
        try:
            test()
            print(f"ok {test.__name__}", flush=True)
        except Exception as error:  # each test reports for itself, the others go on
            failed += 1
            print(f"FAILED {test.__name__}: {error}", flush=True)
    print(f"{len(tests) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
