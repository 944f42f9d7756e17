"""Speech recordings for the two small speech networks: what is trained on and what is held out."""
import csv
import json
import pathlib

import numpy as np
import soundfile

HELD_SPEAKERS = {"actor01", "actor02", "actor03", "actor04", "emodb03", "emodb08", "2033", "3005"}


def read(path):
    pcm, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == 16000, path
    return pcm[:, 0]


def utterances(data, per_speaker=None):
    """(path, speaker, corpus) of every labelled recording, evenly thinned to `per_speaker`."""
    data, out = pathlib.Path(data), []
    for corpus in ("ravdess", "emodb", "nemo"):
        folder = data / "emotion" / corpus
        with open(folder / "manifest.csv", encoding="utf-8") as f:
            for row in csv.DictReader(f):
                path = folder / row["file"]
                path = path if path.exists() else next(iter(folder.glob("*/" + row["file"])), None)
                if path:
                    out.append((path, row["speaker"], corpus))
    for corpus in ("librispeech_test_other_10spk", "librispeech_train_clean_3spk", "ljspeech_8"):
        for line in open(data / "asr" / corpus / "manifest.jsonl", encoding="utf-8"):
            row = json.loads(line)
            if (data / "asr" / row["audio"]).exists():
                out.append((data / "asr" / row["audio"], str(row["speaker"]), corpus))
    groups = {}
    for item in out:
        groups.setdefault(item[1], []).append(item)
    held = HELD_SPEAKERS | {sorted({s for _, s, c in out if c == "nemo"})[0]}
    thin = []
    for items in groups.values():
        items.sort(key=lambda item: str(item[0]))
        step = max(1, len(items) // per_speaker) if per_speaker else 1
        thin += items[::step][:per_speaker]
    return [i for i in thin if i[1] not in held], [i for i in thin if i[1] in held]


def unlabelled(data):
    """Recordings of several speakers without labels: dialogue with noise and music, telephone calls."""
    data = pathlib.Path(data)
    return sorted([*data.glob("asr/film_night_1968/*.flac"), *data.glob("asr/misc_read/*.flac"),
                   *data.glob("conversations/*.flac")])


def ami_clips(data):
    """(pcm, reference spans (start, end, speaker)) of the meeting clips with word-level references: test only."""
    folder = pathlib.Path(data) / "diarization" / "ami_clips"
    for rttm in sorted(folder.glob("*.ami_words.rttm")):
        spans = []
        for line in open(rttm, encoding="utf-8"):
            field = line.split()
            spans.append((float(field[3]), float(field[3]) + float(field[4]), field[7]))
        yield rttm.name.split(".")[0], read(folder / (rttm.name.split(".")[0] + ".flac")), spans


def noise(rng, n):
    """A disturbance without speech: coloured noise, hum, chords that stand for music, or clicks; RMS 1."""
    kind = rng.integers(5)
    t = np.arange(n) / 16000
    if kind <= 1:
        spectrum = np.fft.rfft(rng.standard_normal(n))
        f = np.maximum(np.arange(len(spectrum)) / max(1, len(spectrum)), 1e-3)
        y = np.fft.irfft(spectrum * f ** -rng.uniform(0, 1.2), n)
    elif kind == 2:
        f0 = rng.choice([50, 60, 100, 120])
        y = sum(np.sin(2 * np.pi * f0 * k * t + rng.uniform(0, 6)) / k for k in range(1, 8)) + 0.2 * rng.standard_normal(n)
    elif kind == 3:
        y = np.zeros(n)
        at = 0
        while at < n:
            m = min(n - at, int(16000 * rng.uniform(0.12, 0.9)))
            s, root = np.arange(m) / 16000, 110 * 2 ** (rng.integers(36) / 12)
            for step in rng.choice([0, 3, 4, 7, 9, 12], rng.integers(1, 4), replace=False):
                for k in range(1, 7):
                    y[at:at + m] += np.sin(2 * np.pi * root * 2 ** (step / 12) * k * s) / k * np.exp(-s * rng.uniform(1, 6))
            at += m
        y += 0.02 * rng.standard_normal(n)
    else:
        y = 0.05 * rng.standard_normal(n)
        for at in rng.integers(0, n, max(1, n // 8000)):
            m = min(n - at, int(rng.integers(80, 1600)))
            y[at:at + m] += rng.standard_normal(m) * np.exp(-np.arange(m) / (m / 5)) * rng.uniform(0.3, 1)
    return (y / (np.sqrt(np.mean(y ** 2)) + 1e-9)).astype(np.float32)
