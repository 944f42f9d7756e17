#!/usr/bin/env python3
"""eGeMAPSv02 of recordings beside openSMILE's: how far they agree, and how fast both are.

    bench/features.py ../shared/data/emotion/emodb ../shared/data/emotion/ravdess --clips 100 --seed 7

Takes as many recordings out of each folder, by chance, as 16 kHz WAV files. For each functional: the share of recordings
within 1 % (of openSMILE's value), the correlation over recordings, the median difference; for each descriptor the same over
frames (of those about the voice, where both have one). Then the CPU time of both at one thread: all of `undertone features`,
reading and start too; of openSMILE the computation alone. Needs ffmpeg, and opensmile==2.6.0, which is installed into build/
where the interpreter lacks it.
"""
import argparse
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time
import wave

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))
VOICE = 10  # the first descriptor that needs a voice: the pitch


def with_opensmile():
    """Goes on in an interpreter that has openSMILE."""
    try:
        import opensmile  # noqa: F401
    except ImportError:
        import packages

        python = packages.python("opensmile-2.6.0", "opensmile==2.6.0")
        sys.exit(subprocess.run([str(python), *sys.argv]).returncode)


def recordings(arguments, scratch):
    chance = random.Random(arguments.seed)
    found = []
    for folder in arguments.folders:
        all_ = sorted(p for p in folder.rglob("*") if p.suffix in (".wav", ".flac", ".opus", ".mp3"))
        for path in chance.sample(all_, min(arguments.clips, len(all_))):
            clip = scratch / f"{len(found):05d}.wav"
            command = ["ffmpeg", "-v", "error", "-i", path, "-ac", 1, "-ar", 16000, "-c:a", "pcm_s16le", clip]
            subprocess.run(list(map(str, command)), check=True)
            found.append(clip)
    return found


def children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def ours(arguments, clips, level, scratch):
    """(names, rows of each clip, CPU seconds)"""
    import numpy as np

    out = scratch / f"{level}.npz"
    command = [arguments.program, "features", *clips, "--set", "egemaps", "--level", level, "--output", out, "--quiet"]
    before = children()
    subprocess.run(list(map(str, command)), check=True)
    seconds = children() - before
    table = np.load(out)
    files = [pathlib.Path(f).name for f in table["files"][table["file"]]]
    by_file = {}
    for name, row in zip(files, table["features"]):
        by_file.setdefault(name, []).append(row)
    return list(map(str, table["names"])), [np.array(by_file[c.name]) for c in clips], seconds


def theirs(clips, level):
    import numpy as np
    import opensmile

    smile = opensmile.Smile(feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=level)
    rows, seconds, names = [], 0.0, None
    for clip in clips:
        with wave.open(str(clip)) as file:
            pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
        before = time.process_time()
        table = smile.process_signal(pcm, 16000)
        seconds += time.process_time() - before
        names = list(table.columns)
        rows.append(table.values)
    return names, rows, seconds


def line(name, a, b):
    import numpy as np

    off = np.abs(a - b) / np.maximum(np.abs(b), 1e-6)
    r = np.corrcoef(a, b)[0, 1] if a.std() > 0 and b.std() > 0 else float("nan")
    print(f"| {name} | {100 * np.mean(off <= 0.01):.1f} | {r:.4f} | {100 * np.median(off):.2g} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--clips", type=int, default=50, help="of each folder (50)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build" / "undertone")
    arguments = parser.parse_args()
    with_opensmile()
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        clips = recordings(arguments, scratch)
        length = sum((c.stat().st_size - 44) / 32000 for c in clips)
        print(f"{len(clips)} recordings, {length:.0f} s\n\n| functional | within 1 % | r | median % |\n|---|---|---|---|")
        names, a, seconds = ours(arguments, clips, "utterance", scratch)
        start = ours(arguments, clips[:1], "utterance", scratch)[2]
        expected_names, b, their_seconds = theirs(clips, "func")
        assert names == expected_names, (names, expected_names)
        for i, name in enumerate(names):
            line(name, np.array([x[0][i] for x in a]), np.array([x[0][i] for x in b]))
        print("\n| descriptor, of frames | within 1 % | r | median % |\n|---|---|---|---|")
        names, a, _ = ours(arguments, clips, "frames", scratch)
        expected_names, b, _ = theirs(clips, "lld")
        assert names == expected_names, (names, expected_names)
        b = [y[: len(x)] for x, y in zip(a, b)]
        a, b = np.concatenate(a), np.concatenate(b)
        voiced = (a[:, VOICE] > 0) & (b[:, VOICE] > 0)
        for i, name in enumerate(names):
            line(name, a[voiced if i >= VOICE else slice(None), i], b[voiced if i >= VOICE else slice(None), i])
        print(f"\nvoiced in one alone: {100 * np.mean((a[:, VOICE] > 0) != (b[:, VOICE] > 0)):.2f} % of {len(a)} frames")
        print(f"CPU, one thread: undertone {length / seconds:.0f}x real time with reading and {start:.2f} s of start, "
              f"{length / max(1e-9, seconds - start):.0f}x without the start; openSMILE {length / their_seconds:.0f}x")


if __name__ == "__main__":
    main()
