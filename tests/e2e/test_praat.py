#!/usr/bin/env python3
"""`undertone features` beside the installed Praat on the sample conversation."""
import csv
import io
import math
import pathlib
import shutil
import sys
import tempfile
import wave

from support import ROOT, SAMPLE, main, run, skip

sys.path.insert(0, str(ROOT / "tests" / "support"))
import praat  # noqa: E402

RECORDING = SAMPLE / "watch_repair.flac"


def rows_of(path, name, level):
    out, _ = run("features", path, "--set", name, "--level", level)
    rows = [[float(x) if x else math.nan for x in row[1:]] for row in list(csv.reader(io.StringIO(out)))[1:]]
    return [(row[0] + row[1]) / 2 for row in rows], [row[2:] for row in rows]


def same(ours, theirs, share, least):
    """Equal within `share` of the value, `least` at least (a table has seven digits)."""
    return ours == theirs or math.isnan(ours) and math.isnan(theirs) or abs(ours - theirs) <= max(least, share * abs(theirs))


def compare(path, name, first, theirs, share, least):
    middles, ours = rows_of(path, name, "frames")
    assert len(ours) == len(theirs), (name, len(ours), len(theirs))
    assert abs(middles[0] - first) < 1e-6, (name, middles[0], first)
    for f, (a, b) in enumerate(zip(ours, theirs)):
        assert all(same(x, y, share, least) for x, y in zip(a, b)), (name, f, a, b)


def test_formants():
    first, frames, whole = praat.formants(RECORDING)
    compare(RECORDING, "formants", first, frames, 1e-6, 0)
    (ours,) = rows_of(RECORDING, "formants", "utterance")[1]
    hertz = [x for i in range(0, 16, 4) for x in ours[i : i + 2]]
    assert all(same(x, y, 1e-6, 0) for x, y in zip(hertz, whole)) and len(whole) == 8, (hertz, whole)


def test_formants_of_short_pieces():
    """Windows that fill a piece exactly or not, and pieces shorter than a window."""
    with tempfile.TemporaryDirectory() as folder:
        whole = pathlib.Path(folder) / "whole.wav"
        praat.script(f'Read from file: "{RECORDING}"\nSave as WAV file: "{whole}"\n')
        with wave.open(str(whole)) as source:
            source.setpos(40000)
            samples = source.readframes(20000)
        for count in (40, 300, 799, 800, 900, 1000, 1100, 1101, 3200, 4400, 19992):
            piece = pathlib.Path(folder) / f"{count}.wav"
            with wave.open(str(piece), "wb") as out:
                out.setparams((1, 2, 16000, count, "NONE", "none"))
                out.writeframes(samples[: 2 * count])
            compare(piece, "formants", *praat.formants(piece)[:2], 1e-6, 0)


def test_intensity():
    first, frames, whole = praat.intensity(RECORDING)
    compare(RECORDING, "intensity", first, [[x] for x in frames], 0, 1e-5)
    (ours,) = rows_of(RECORDING, "intensity", "utterance")[1]
    assert all(same(x, y, 0, 1e-5) for x, y in zip(ours, whole)), (ours, whole)


def test_syllables():
    syllables, pauses, phonation, paused = praat.syllables(RECORDING)
    (ours,) = rows_of(RECORDING, "syllables", "utterance")[1]
    assert ours[:2] == [syllables, pauses] and syllables > 200, (ours, syllables, pauses)
    assert same(ours[2], phonation, 1e-6, 0) and same(ours[6], paused, 1e-6, 0), (ours, phonation, paused)
    assert same(ours[4], syllables / phonation, 1e-6, 0) and same(ours[5], phonation / syllables, 1e-6, 0), ours


def test_pitch():
    first, frames = praat.pitch(RECORDING)
    middles, ours = rows_of(RECORDING, "pitch", "frames")
    assert len(ours) == len(frames) and abs(middles[0] - first) < 1e-6, (len(ours), len(frames), middles[0], first)
    for f, ((hz, strength), (their_hz, their_strength)) in enumerate(zip(ours, frames)):
        # Brent's method ends within a part in a million of a flat top, whose height is sure.
        assert same(hz, their_hz, 2e-5, 0) and same(strength, their_strength, 1e-6, 0), (f, hz, their_hz)
    voiced = sorted(hz for hz, _ in frames if hz == hz)
    (whole,) = rows_of(RECORDING, "pitch", "utterance")[1]
    assert same(whole[0], sum(voiced) / len(voiced), 1e-6, 0) and same(whole[5], len(voiced) / len(frames), 1e-6, 0), whole


# The same to the last one; all else has the table's seven digits.
COUNTED = ("pulses", "periods")


def test_voice_report():
    first, frames = praat.harmonicity(RECORDING)
    compare(RECORDING, "voice-report", first, [[x] for x in frames], 1e-6, 1e-6)
    theirs = praat.voice_report(RECORDING)
    out, _ = run("features", RECORDING, "--set", "voice-report")
    (row,) = csv.DictReader(io.StringIO(out))
    assert list(row)[3:] == list(theirs), (list(row), list(theirs))
    for name, value in theirs.items():
        assert same(float(row[name]), value, 0 if name in COUNTED else 1e-6, 0), (name, row[name], value)


if __name__ == "__main__":
    if not shutil.which("praat"):
        skip("Praat's measures beside Praat", "praat is not installed")
        sys.exit(77)
    main([value for name, value in list(globals().items()) if name.startswith("test_")])
