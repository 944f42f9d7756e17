#!/usr/bin/env python3
"""Pitch, voice report, formants, intensity and syllables of recordings beside Praat's own.

    bench/voice_report.py ../shared/data/emotion/emodb ../shared/data/emotion/ravdess --clips 50 --seed 11

Takes as many recordings out of each folder, by chance, as 16 kHz WAV files, and asks the installed `praat` about each. For the
pitch: the share of frames that are voiced alike and within 2e-6 and 0.1 %; for formants and intensity the largest differences of
frames; for each value of a whole recording, the share of those within `rounding` and the largest difference: pitch within 0.001 Hz,
intensity 1e-5 dB, counts the same, all else within a millionth of itself, of which the tables have seven digits. Needs ffmpeg. `bench/features.py speed` times both.
"""
import argparse
import csv
import io
import math
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import praat  # noqa: E402

RATE = 16000
PITCH = ("pitch_mean_hz", "pitch_median_hz", "pitch_std_hz", "pitch_min_hz", "pitch_max_hz")


def recordings(arguments, scratch):
    chance, found = random.Random(arguments.seed), []
    for folder in arguments.folders:
        all_ = sorted(p for p in folder.rglob("*") if p.suffix in (".wav", ".flac", ".opus", ".mp3"))
        for path in chance.sample(all_, min(arguments.clips, len(all_))):
            clip = scratch / f"{len(found):05d}.wav"
            command = ["ffmpeg", "-v", "error", "-i", path, "-ac", 1, "-ar", RATE, "-c:a", "pcm_s16le", clip]
            subprocess.run(list(map(str, command)), check=True)
            found.append(clip)
    return found


def ours(arguments, clips, name, level):
    """Rows of each clip, by its file's name."""
    command = [arguments.program, "features", *clips, "--set", name, "--level", level, "--quiet"]
    out = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
    found = {}
    for row in csv.DictReader(io.StringIO(out)):
        values = {k: float(x) if x else math.nan for k, x in row.items() if k != "file"}
        found.setdefault(row["file"], []).append(values)
    return [found[c.name] for c in clips]


def apart(a, b):
    if math.isnan(a) or math.isnan(b):
        return 0.0 if math.isnan(a) and math.isnan(b) else math.inf
    return abs(a - b)


def summary_of(hz):
    """Mean, median, deviation, least, greatest, as Praat has them of the voiced frames."""
    hz, n = sorted(hz), len(hz)
    if not n:
        return [math.nan] * 5
    mean = sum(hz) / n
    deviation = math.sqrt(sum((x - mean) ** 2 for x in hz) / (n - 1)) if n > 1 else math.nan
    return [mean, (hz[(n - 1) // 2] + hz[n // 2]) / 2, deviation, hz[0], hz[-1]]


def compare_pitch(arguments, clips):
    frames, wholes = ours(arguments, clips, "pitch", "frames"), ours(arguments, clips, "pitch", "utterance")
    seen = alike = near = close = 0
    worst = {name: [] for name in PITCH}
    for clip, rows, (whole,) in zip(clips, frames, wholes):
        _, theirs = praat.pitch(clip)
        assert len(rows) == len(theirs), (clip, len(rows), len(theirs))
        for row, (hz, _) in zip(rows, theirs):
            difference = apart(row["pitch_hz"], hz)
            seen += 1
            alike += difference < math.inf
            near += difference == 0 or difference <= 2e-6 * hz
            close += difference == 0 or difference <= 1e-3 * hz
        for name, value in zip(PITCH, summary_of([hz for hz, _ in theirs if not math.isnan(hz)])):
            worst[name].append((apart(whole[name], value), 0.001))
    print(f"pitch: {seen} frames, {seen - alike} voiced otherwise, {seen - near} not within 2e-6, {seen - close} not within 0.1 %")
    return worst


def compare_report(arguments, clips):
    worst, seen, near = {}, 0, 0
    for clip, (row,), rows in zip(clips, ours(arguments, clips, "voice-report", "utterance"),
                                  ours(arguments, clips, "voice-report", "frames")):
        for name, value in praat.voice_report(clip).items():
            rounding = 0 if name in ("pulses", "periods") else 1e-6 * abs(value)
            worst.setdefault(name, []).append((apart(row[name], value), rounding))
        _, theirs = praat.harmonicity(clip)
        assert len(rows) == len(theirs), (clip, len(rows), len(theirs))
        seen += len(rows)
        near += sum(apart(r["hnr_db"], db) <= 1e-6 * (1 + abs(db)) or math.isnan(db) and math.isnan(r["hnr_db"]) for r, db in zip(rows, theirs))
    print(f"harmonicity: {seen} frames, {seen - near} not within 1e-6")
    return worst


def compare_formants(arguments, clips):
    worst, cells, others, largest = {}, 0, 0, 0.0
    for clip, (row,), rows in zip(clips, ours(arguments, clips, "formants", "utterance"), ours(arguments, clips, "formants", "frames")):
        _, theirs, whole = praat.formants(clip)
        assert len(rows) == len(theirs), (clip, len(rows), len(theirs))
        for mine, values in zip((list(r.values())[2:] for r in rows), theirs):
            far = [apart(a, b) / (1 if math.isnan(b) else abs(b)) for a, b in zip(mine, values)]
            cells += sum(not math.isnan(b) for b in values)
            others += math.inf in far
            largest = max(largest, *(x for x in far if x < math.inf))
        for i, value in enumerate(whole):
            name = f"f{i // 2 + 1}_hz_{('mean', 'std')[i % 2]}"
            worst.setdefault(name, []).append((apart(row[name], value), 1e-6 * abs(value)))
    print(f"formants: {cells} values of frames, largest difference {largest:.2g} of itself; {others} frames have another number")
    return worst


def compare_intensity(arguments, clips):
    worst, seen, largest = {}, 0, 0.0
    for clip, (row,), rows in zip(clips, ours(arguments, clips, "intensity", "utterance"), ours(arguments, clips, "intensity", "frames")):
        _, theirs, whole = praat.intensity(clip)
        assert len(rows) == len(theirs), (clip, len(rows), len(theirs))
        seen += len(rows)
        largest = max(largest, *(apart(r["intensity_db"], db) for r, db in zip(rows, theirs)))
        for name, value in zip(list(row)[2:], whole):
            worst.setdefault(name, []).append((apart(row[name], value), 1e-5))
    print(f"intensity: {seen} frames, largest difference {largest:.2g} dB")
    return worst


def compare_syllables(arguments, clips):
    worst = {}
    for clip, (row,) in zip(clips, ours(arguments, clips, "syllables", "utterance")):
        for name, value in zip(("syllable_count", "pause_count", "phonation_time_s", "pause_time_s"), praat.syllables(clip)):
            worst.setdefault(name, []).append((apart(row[name], value), 0 if name.endswith("count") else 1e-6 * abs(value)))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build" / "undertone")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        clips = recordings(arguments, scratch)
        worst = {}
        for compare in (compare_pitch, compare_report, compare_formants, compare_intensity, compare_syllables):
            worst |= compare(arguments, clips)
        print(f"\n| {len(clips)} recordings | within rounding, % | largest difference |\n|---|---|---|")
        for name, found in worst.items():
            within = sum(difference <= rounding for difference, rounding in found)
            print(f"| `{name}` | {100 * within / len(found):.1f} | {max(d for d, _ in found):.1g} |")


if __name__ == "__main__":
    main()
