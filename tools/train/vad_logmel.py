"""Log-mel features of the two small speech networks, as src/dsp/mel.c computes them (ut_mel_defaults).

16 kHz, frames of 400 samples under a periodic Hann window, zero-padded to 512 for the transform; 40 triangles, equally
spaced on the HTK mel scale from 60 to 7600 Hz, peak 1, on the power spectrum; natural log of (power + 1e-10).
"""
import numpy as np

RATE, FRAME, FFT, BANDS, LOW, HIGH, FLOOR = 16000, 400, 512, 40, 60.0, 7600.0, 1e-10


def _filters():
    mel = lambda f: 2595.0 * np.log10(1.0 + f / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(mel(LOW), mel(HIGH), BANDS + 2) / 2595.0) - 1.0)
    bins = np.arange(FFT // 2 + 1) * RATE / FFT
    rise = (bins[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins[None]) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0.0, np.minimum(rise, fall)).astype(np.float32)


FILTERS = _filters()
WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)


def logmel(pcm, hop):
    """[frames, 40] of float pcm; frame i covers pcm[i * hop : i * hop + 400]."""
    frames = np.lib.stride_tricks.sliding_window_view(np.asarray(pcm, np.float32), FRAME)[::hop]
    spectrum = np.fft.rfft(frames * WINDOW, FFT)
    power = (spectrum.real ** 2 + spectrum.imag ** 2).astype(np.float32)
    return np.log(power @ FILTERS.T + FLOOR)
