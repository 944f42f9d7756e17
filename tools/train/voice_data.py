"""Emotional speech for the acoustic experts: corpora, level, trimming, and 30 s windows composed of several clips.

The program hears a conversation: the encoder runs over a window of up to 30 s that holds several utterances of several
speakers, and an utterance is judged by its own frames. Clips of acted speech are therefore put together into such
windows before anything is extracted from them.
"""
import csv
import glob
import io
import os
from dataclasses import dataclass, replace

import numpy as np
import soundfile
from scipy.fft import next_fast_len
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

RATE = 16000
WINDOW = 30 * RATE
CLASSES = ("sad", "happy", "angry", "neutral", "non-neutral")
CORPORA = ("ravdess", "emodb", "nemo")
EVERYDAY = 3  # the corpus of unacted talk, after the acted ones
LEVEL_DB = -26.0
# The corpora's own words, made one. Training tells these nine apart and adds them up to the five: "non-neutral" is no
# single way of speaking, and one linear class cannot hold fear, boredom and surprise together.
FINE = ("sad", "happy", "angry", "neutral", "calm", "fear", "disgust", "surprise", "boredom")
FINE_OF = {"sadness": "sad", "sad": "sad", "happiness": "happy", "happy": "happy", "anger": "angry", "angry": "angry",
           "neutral": "neutral", "calm": "calm", "fear": "fear", "fearful": "fear", "disgust": "disgust",
           "surprised": "surprise", "surprise": "surprise", "boredom": "boredom"}
FIVE_OF_FINE = np.array([0, 1, 2, 3, 3, 4, 4, 4, 4])


@dataclass
class Clip:
    corpus: int
    speaker: str
    label: int  # into CLASSES
    fine: int  # into FINE
    sentence: str
    pcm: np.ndarray  # f32, speech at LEVEL_DB
    start: int  # samples: where the speech begins and ends in pcm
    end: int


def speech_extent(pcm, floor_db=30.0, margin=0.1):
    """First and last sample of what lies within floor_db of the loudest 20 ms frame, with a margin."""
    n = len(pcm) // 320
    power = (pcm[: n * 320].reshape(n, 320) ** 2).mean(1)
    loud = np.flatnonzero(power > power.max() * 10 ** (-floor_db / 10))
    pad = int(margin * RATE)
    return max(0, loud[0] * 320 - pad), min(len(pcm), (loud[-1] + 1) * 320 + pad)


def speech_level(pcm):
    """RMS over the 20 ms frames that lie within 30 dB of the loudest."""
    n = max(1, len(pcm) // 320)
    power = (pcm[: n * 320].reshape(n, -1) ** 2).mean(1)
    return float(np.sqrt(power[power >= power.max() * 1e-3].mean()))


def load(data):
    """All labelled clips of the three corpora; level is set clip by clip, so that it tells nothing about the class."""
    clips = []
    for c, corpus in enumerate(CORPORA):
        root = os.path.join(data, "emotion", corpus)
        with open(os.path.join(root, "manifest.csv"), encoding="utf-8") as f:
            for row in csv.DictReader(f):
                if row["emotion5"] not in CLASSES:
                    continue
                pcm, rate = soundfile.read(os.path.join(root, row["file"]), dtype="float32")
                assert rate == RATE and pcm.ndim == 1, row["file"]
                pcm = pcm - pcm.mean()
                pcm = pcm * (10 ** (LEVEL_DB / 20) / max(speech_level(pcm), 1e-9))
                clips.append(Clip(c, f"{corpus}/{row['speaker']}", CLASSES.index(row["emotion5"]),
                                  FINE.index(FINE_OF[row["emotion_original"]]), f"{corpus}/{row['sentence_id']}",
                                  pcm.astype(np.float32), *speech_extent(pcm)))
    return clips


def everyday(data):
    """Speech that nobody acted, cut into pieces of up to 5 s: meetings across a room, a telephone, an interview, readings.

    It has no labels; nearly all of it is neutral, and it is trained as that. `data/conversations` is not in it.
    """
    clips = []

    def add(path, speaker, begin=0.0, length=None):
        pcm = soundfile.read(path, dtype="float32", start=int(begin * RATE),
                             frames=-1 if length is None else int(length * RATE))[0]
        count = max(1, round(len(pcm) / RATE / 3.5))
        for x in np.array_split(pcm - pcm.mean(), count):
            if len(x) >= RATE * 0.8 and speech_level(x) > 1e-4:
                x = (x * (10 ** (LEVEL_DB / 20) / speech_level(x))).astype(np.float32)
                clips.append(Clip(EVERYDAY, f"everyday/{speaker}", 3, 3, "everyday", x, *speech_extent(x)))

    talk = os.path.join(data, "diarization")
    for path in sorted(glob.glob(os.path.join(talk, "ami_clips", "*.flac")) +
                       glob.glob(os.path.join(talk, "pyannote_sample", "*.flac"))):
        turns = sorted(glob.glob(path[:-5] + "*.rttm"))[-1]
        with open(turns, encoding="utf-8") as f:
            for line in f:
                begin, length = line.split()[3:5]
                if float(length) >= 0.8:
                    add(path, os.path.basename(path), float(begin), float(length))
    for path in sorted(glob.glob(os.path.join(talk, "unlabelled", "*.flac"))):
        add(path, os.path.basename(path))
    for folder in ("librispeech_test_other_10spk", "librispeech_train_clean_3spk", "ljspeech_8", "misc_read"):
        for path in sorted(glob.glob(os.path.join(data, "asr", folder, "*.flac"))):
            add(path, os.path.basename(path).split("-")[0] if "librispeech" in folder else folder)
    return clips


def trimmed(clips, rng):
    """The clips with the silence around their speech cut to less than half a second, up to an eighth faster or slower."""
    out = []
    for c in clips:
        a = max(0, c.start - int(rng.uniform(0, 0.4) * RATE))
        b = min(len(c.pcm), c.end + int(rng.uniform(0, 0.4) * RATE))
        up = int(rng.integers(45, 57))
        pcm = c.pcm[a:b] if up == 50 else resample_poly(c.pcm[a:b], up, 50).astype(np.float32)
        out.append(replace(c, pcm=pcm, start=(c.start - a) * up // 50, end=min(len(pcm), (c.end - a) * up // 50)))
    return out


def folds(clips, count=5):
    """Fold of each clip: whole speakers, spread over the folds corpus by corpus in a fixed order."""
    fold = {}
    for c in range(EVERYDAY + 1):
        for i, s in enumerate(sorted({x.speaker for x in clips if x.corpus == c})):
            fold[s] = i % count
    return np.array([fold[x.speaker] for x in clips])


def through_file(pcm, rate, container, subtype):
    """What a lossy codec of libsndfile's leaves of pcm, as long as before."""
    with io.BytesIO() as f:
        soundfile.write(f, np.clip(pcm, -1, 1), rate, format=container, subtype=subtype)
        f.seek(0)
        out = soundfile.read(f, dtype="float32")[0][: len(pcm)]
    return np.pad(out, (0, len(pcm) - len(out)))


def telephone(pcm, rng):
    """A telephone's band, nothing above 4 kHz, and most times its codec: mu-law or GSM."""
    low, high = rng.uniform(50, 350), rng.uniform(3200, 3800)
    x = resample_poly(sosfilt(butter(4, (low, high), "bandpass", fs=RATE, output="sos"), pcm), 1, 2)
    codec = rng.choice(("none", "ULAW", "GSM610"), p=(0.25, 0.45, 0.3))
    if codec != "none":
        x = through_file(x, RATE // 2, "WAV", codec)
    return resample_poly(x, 2, 1)[: len(pcm)].astype(np.float32)


def room(pcm, rng):
    n = int(rng.uniform(0.1, 0.4) * RATE)
    h = rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n) * rng.uniform(0.02, 0.08)
    h[0] = 1.0
    return fftconvolve(pcm, h)[: len(pcm)].astype(np.float32)


def noise(n, rng):
    """Unit-power noise of a random slope between white and brown."""
    size = next_fast_len(n, real=True)
    k = np.fft.rfftfreq(size, 1 / RATE)
    k[0] = k[1]
    spec = (rng.standard_normal(len(k)) + 1j * rng.standard_normal(len(k))) * np.maximum(k, 60) ** -rng.uniform(0, 1)
    x = np.fft.irfft(spec, size)[:n]
    return (x / np.sqrt((x ** 2).mean())).astype(np.float32)


def degrade(pcm, rng):
    """What a real recording does to speech: a room, a telephone, a codec, noise."""
    if rng.random() < 0.2:
        pcm = room(pcm, rng)
    if rng.random() < 0.45:
        pcm = telephone(pcm, rng)
    elif rng.random() < 0.3:
        pcm = through_file(pcm, RATE, "OGG", "OPUS")
    if rng.random() < 0.5:
        level = speech_level(pcm) * 10 ** (-rng.uniform(10, 45) / 20)
        pcm = pcm + noise(len(pcm), rng) * level
    return pcm


def order(clips, chosen, rng):
    """Clips in the order in which they meet in windows: mostly two speakers of one corpus, some of them anyone."""
    partner = {}
    for c in range(EVERYDAY + 1):
        names = sorted({clips[i].speaker for i in chosen if clips[i].corpus == c})
        for i, s in enumerate(rng.permutation(names)):
            partner[str(s)] = c * 100 + i // 2
    key = [1000 if rng.random() < 0.3 else partner[clips[i].speaker] for i in chosen]
    place = rng.random(len(chosen))
    return [chosen[j] for j in sorted(range(len(chosen)), key=lambda j: (key[j], place[j]))]


def windows(clips, chosen, rng, augment, alone=False):
    """Yield (pcm[WINDOW], [(clip, first sample of the clip in the window)]): windows that hold each chosen clip once."""
    todo = list(chosen) if alone else order(clips, chosen, rng)
    while todo:
        pcm = np.zeros(WINDOW, np.float32)
        held, at = [], 0 if alone or rng.random() < 0.5 else int(rng.uniform(0, 2) * RATE)
        limit = 1 if alone or rng.random() < 0.1 else 99
        while todo and len(held) < limit and at + len(clips[todo[0]].pcm) <= WINDOW:
            x = clips[todo[0]].pcm
            gain = 10 ** (rng.normal(0, 4.0 if augment else 1.5) / 20) if not alone else 1.0
            pcm[at:at + len(x)] += x * gain
            held.append((todo.pop(0), at))
            at += len(x) + int(rng.uniform(0.0, 1.0) * RATE)
        used = min(at, WINDOW)
        if augment:
            pcm[:used] = degrade(pcm[:used], rng)
        gain_db = LEVEL_DB + (rng.normal(0, 3.0) if augment else 0.0)
        yield pcm * (10 ** (gain_db / 20) / max(speech_level(pcm[:used]), 1e-9)), held
