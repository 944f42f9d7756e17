#!/usr/bin/env python3
"""Diarization error rate of RTTM files against references, as NIST md-eval counts it (overlap scored).

usage: bench/diarization.py [--collar S] REFERENCE.rttm SYSTEM.rttm [REFERENCE SYSTEM ...] [--uem FILE.uem]
       bench/diarization.py --data DATA --undertone build/undertone [--options "..."]   # runs the program, then scores

Speakers are matched by the assignment that maximises common time (SciPy's, as dscore and pyannote.metrics do). Prints
one line a file: error, missed, false alarm, confusion (percent of reference speech), speakers found and true.
"""
import argparse
import json
import pathlib
import shlex
import subprocess
import tempfile

import numpy as np
from scipy.optimize import linear_sum_assignment


def read_rttm(path):
    turns = []
    for line in pathlib.Path(path).read_text().splitlines():
        part = line.split()
        if part and part[0] == "SPEAKER":
            turns.append((float(part[3]), float(part[3]) + float(part[4]), part[7]))
    return turns


def read_conversation(path):
    utterances = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["utterances"]
    return [(u["start"], u["end"], u["speaker"]) for u in utterances]


def merged(turns):
    """Overlapping turns of one speaker joined."""
    out = []
    for speaker in sorted({s for _, _, s in turns}):
        for start, end in sorted((a, b) for a, b, s in turns if s == speaker):
            if out and out[-1][2] == speaker and start <= out[-1][1]:
                out[-1] = (out[-1][0], max(end, out[-1][1]), speaker)
            else:
                out.append((start, end, speaker))
    return out


def score(reference, system, uem=None, collar=0.0):
    """Seconds of: reference speech, missed, false alarm, confusion."""
    reference, system = merged(reference), merged(system)
    if uem is None:
        ends = [e for _, e, _ in reference + system]
        starts = [s for s, _, _ in reference + system]
        uem = [(min(starts, default=0.0), max(ends, default=0.0))]
    forbidden = [(t - collar, t + collar) for a, b, _ in reference for t in (a, b)] if collar else []
    edges = sorted({t for a, b, _ in reference + system for t in (a, b)} | {t for span in uem + forbidden for t in span})
    cells = []
    for a, b in zip(edges, edges[1:]):
        middle = (a + b) / 2
        if not any(s <= middle < e for s, e in uem) or any(s <= middle < e for s, e in forbidden):
            continue
        cells.append(
            (b - a, {s for x, y, s in reference if x <= middle < y}, {s for x, y, s in system if x <= middle < y})
        )
    names = sorted({s for _, r, _ in cells for s in r}), sorted({s for _, _, h in cells for s in h})
    common = np.zeros((len(names[0]), len(names[1])))
    for width, r, h in cells:
        for i in r:
            for j in h:
                common[names[0].index(i), names[1].index(j)] += width
    pairs = {(names[0][i], names[1][j]) for i, j in zip(*linear_sum_assignment(-common))}
    total = missed = false = confused = 0.0
    for width, r, h in cells:
        right = sum((i, j) in pairs for i in r for j in h)
        total += width * len(r)
        missed += width * max(0, len(r) - len(h))
        false += width * max(0, len(h) - len(r))
        confused += width * (min(len(r), len(h)) - right)
    return np.array([total, missed, false, confused])


def read_uem(path):
    return [tuple(map(float, line.split()[-2:])) for line in pathlib.Path(path).read_text().splitlines() if line.strip()]


def show(name, parts, found="", true=""):
    total = parts[0] or 1.0
    error = 100 * parts[1:].sum() / total
    miss, false, confusion = 100 * parts[1:] / total
    print(f"{name:36} DER {error:6.2f}  miss {miss:6.2f}  false {false:6.2f}  conf {confusion:6.2f}  {found}/{true}")


def compare(name, reference, system, uem, collar):
    parts = score(reference, system, uem, collar)
    show(name, parts, len({s for *_, s in system}), len({s for *_, s in reference}))
    return parts


def recordings(data):
    """(name, audio, references, uem, group)"""
    d = pathlib.Path(data)
    for audio in sorted((d / "diarization/ami_clips").glob("*.flac")):
        uem = read_uem(audio.with_suffix(".uem"))
        for kind in "pyannote", "ami_words":
            reference = audio.with_suffix(f".{kind}.rttm")
            if reference.exists():
                yield f"{audio.stem} {kind}", audio, reference, uem, f"ami_clips {kind}"
    audio = d / "diarization/pyannote_sample/sample.flac"
    yield "pyannote_sample", audio, audio.with_suffix(".rttm"), None, ""
    audio = d / "conversations/paa_diarizationExample.flac"
    yield "paa_diarizationExample", audio, audio.with_suffix(".rttm"), None, ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--uem")
    parser.add_argument("--collar", type=float, default=0.0)
    parser.add_argument("--data")
    parser.add_argument("--system", help="folder of finished <name>.rttm, instead of running the program")
    parser.add_argument("--undertone", default="build/undertone")
    parser.add_argument("--options", default="")
    o = parser.parse_args()
    sums = {}
    if not o.data:
        uem = read_uem(o.uem) if o.uem else None
        for i in range(0, len(o.files) - 1, 2):
            parts = compare(o.files[i + 1], read_rttm(o.files[i]), read_rttm(o.files[i + 1]), uem, o.collar)
            sums["all"] = sums.get("all", 0) + parts
    with tempfile.TemporaryDirectory() as folder:
        for name, audio, reference, uem, group in recordings(o.data) if o.data else ():
            system = pathlib.Path(o.system or folder) / f"{audio.stem}.rttm"
            if not system.exists():
                made = pathlib.Path(folder) / "run"
                command = [o.undertone, "transcribe", str(audio), "--asr_model", "none", "--output_dir", str(made)]
                subprocess.run(command + shlex.split(o.options), check=True, stdout=subprocess.DEVNULL)
                system = made / audio.stem / "conversation.json"
            turns = read_rttm(system) if system.suffix == ".rttm" else read_conversation(system)
            parts = compare(name, read_rttm(reference), turns, uem, o.collar)
            if group:
                sums[group] = sums.get(group, 0) + parts
    for name, parts in sums.items():
        show(name + " (pooled)", parts)


if __name__ == "__main__":
    main()
