#!/usr/bin/env python3
"""Writes tests/golden/dsp/data/praat_*.npy: what Praat 6.3.07 (Debian's package `praat`) measures in a made-up signal."""
import pathlib
import sys
import tempfile
import wave

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import praat  # noqa: E402

RATE, COUNT, LOW = 16000, 28803, 4001


def made_up():
    """A voice in four syllables whose vowel moves, a pause with faint noise, a hiss, and the voice again, in 16 bits."""
    t = np.arange(COUNT) / RATE
    noise = np.random.default_rng(7).normal(0, 1, COUNT)
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 1.1 * t)) / RATE
    voice = np.zeros(COUNT)
    for h in range(1, 50):
        hz = h * 120
        gain = sum(width / (abs(hz - centre) + width) for centre, width in ((650, 90), (1300, 120), (2500, 150), (3500, 200), (4500, 250)))
        voice += gain * np.sin(h * phase) / h**0.5
    swell = 0.03 + np.sin(np.pi * 4.7 * t) ** 2
    spoken = (t < 0.85) | (t > 1.4)
    hiss = (t > 0.5) & (t < 0.6)
    signal = 0.08 * voice * swell * spoken * ~hiss + 0.05 * noise * hiss + 2e-4 * noise + 0.01
    return np.round(signal * 32768).clip(-32768, 32767).astype(np.int16)


def main():
    folder = ROOT / "tests/golden/dsp/data"
    signal = made_up()

    def keep(name, values):
        np.save(folder / f"praat_{name}.npy", np.ascontiguousarray(values, np.float32))
        print(name, np.shape(values))

    with tempfile.TemporaryDirectory() as temporary:
        def wav(samples):
            path = pathlib.Path(temporary) / f"{len(samples)}.wav"
            with wave.open(str(path), "wb") as out:
                out.setparams((1, 2, RATE, len(samples), "NONE", "none"))
                out.writeframes(samples.tobytes())
            return path

        whole = wav(signal)
        keep("signal", signal / 32768)
        keep("low", praat.resampled(wav(signal[:LOW]))[1])
        keep("formants", praat.formants(whole)[1])
        keep("intensity", praat.intensity(whole)[1])
        keep("syllables", praat.syllables(whole))
        keep("pitch", praat.pitch(whole)[1])
        keep("harmonicity", praat.harmonicity(whole)[1])
        keep("pulses", praat.pulses(whole))
        keep("report", list(praat.voice_report(whole).values()))
        print("first", praat.resampled(wav(signal[:LOW]))[0], praat.formants(whole)[0], praat.intensity(whole)[0], praat.pitch(whole)[0], praat.harmonicity(whole)[0])
        print(praat.syllables(whole))


if __name__ == "__main__":
    main()
