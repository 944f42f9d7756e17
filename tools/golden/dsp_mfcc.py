#!/usr/bin/env python3
"""Writes tests/golden/dsp/data/mfcc_{signal,expected}.npy: HTK-style MFCC of a made-up signal, in plain NumPy.

25 ms frames every 10 ms, pre-emphasis 0.97 within the frame, Hamming window, 512 points, 26 triangles over the HTK mel scale
from 20 to 8000 Hz on magnitudes, natural logarithm, orthonormal-style cosine transform sqrt(2/26), lifter 22, c1 to c12.
"""
import pathlib

import numpy as np

RATE, FRAME, HOP, POINTS, BANDS, COUNT, LIFTER = 16000, 400, 160, 512, 26, 12, 22


def mel(hz):
    return 2595 * np.log10(1 + np.asarray(hz) / 700)


def filters():
    edges = 700 * (10 ** (np.linspace(mel(20), mel(8000), BANDS + 2) / 2595) - 1)
    hz = np.arange(POINTS // 2 + 1) * RATE / POINTS
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.maximum(0, np.minimum((hz - low) / (middle - low), (high - hz) / (high - middle)))


def mfcc(signal):
    frames = np.stack([signal[i : i + FRAME] for i in range(0, len(signal) - FRAME + 1, HOP)])
    emphasised = np.concatenate([frames[:, :1] * 0.03, frames[:, 1:] - 0.97 * frames[:, :-1]], axis=1)
    magnitude = np.abs(np.fft.rfft(emphasised * np.hamming(FRAME), POINTS))
    logs = np.log(magnitude @ filters().T)
    c = np.arange(1, COUNT + 1)[:, None]
    cosine = np.sqrt(2 / BANDS) * np.cos(np.pi * c / BANDS * (np.arange(BANDS) + 0.5))
    lifter = 1 + LIFTER / 2 * np.sin(np.pi * c / LIFTER)
    return logs @ (cosine * lifter).T


def main():
    folder = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/dsp/data"
    t = np.arange(2400) / RATE
    noise = np.random.default_rng(5).normal(0, 0.01, len(t))
    signal = sum(np.sin(2 * np.pi * (140 + 60 * t) * h * t) / h for h in range(1, 30)) * 0.1 + noise
    signal = signal.astype(np.float32)
    np.save(folder / "mfcc_signal.npy", signal)
    np.save(folder / "mfcc_expected.npy", mfcc(signal.astype(np.float64)).astype(np.float32))


main()
