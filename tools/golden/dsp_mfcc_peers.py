#!/usr/bin/env python3
"""Writes tests/golden/dsp/data/mfcc_peers_*.npy: what openSMILE (HTK's convention), Kaldi and librosa make of one signal.

    pip install librosa==0.11.0 kaldi-native-fbank==1.23.0 opensmile==2.6.0
"""
import pathlib
import tempfile

import kaldi_native_fbank
import librosa
import numpy as np
import opensmile

RATE = 16000
# openSMILE's components under the settings that The HTK Book has for MFCC_0_D_A.
HTK = r"""
[componentInstances:cComponentManager]
instance[dataMemory].type = cDataMemory
\{\cm[source{?}:include external source]}
[componentInstances:cComponentManager]
instance[cut].type = cFramer
instance[emphasis].type = cVectorPreemphasis
instance[window].type = cWindower
instance[transform].type = cTransformFFT
instance[magnitude].type = cFFTmagphase
instance[bands].type = cMelspec
instance[cepstrum].type = cMfcc
instance[first].type = cDeltaRegression
instance[second].type = cDeltaRegression
instance[all].type = cVectorConcat
[cut:cFramer]
reader.dmLevel = wave
writer.dmLevel = cut
frameSize = 0.025
frameStep = 0.010
frameCenterSpecial = left
noPostEOIprocessing = 1
[emphasis:cVectorPreemphasis]
reader.dmLevel = cut
writer.dmLevel = emphasis
k = 0.97
[window:cWindower]
reader.dmLevel = emphasis
writer.dmLevel = window
winFunc = ham
[transform:cTransformFFT]
reader.dmLevel = window
writer.dmLevel = transform
[magnitude:cFFTmagphase]
reader.dmLevel = transform
writer.dmLevel = magnitude
[bands:cMelspec]
reader.dmLevel = magnitude
writer.dmLevel = bands
htkcompatible = 1
nBands = 26
usePower = 0
lofreq = 0
hifreq = 8000
[cepstrum:cMfcc]
reader.dmLevel = bands
writer.dmLevel = cepstrum
firstMfcc = 0
lastMfcc = 12
cepLifter = 22
htkcompatible = 1
[first:cDeltaRegression]
reader.dmLevel = cepstrum
writer.dmLevel = first
deltawin = 2
[second:cDeltaRegression]
reader.dmLevel = first
writer.dmLevel = second
deltawin = 2
[all:cVectorConcat]
reader.dmLevel = cepstrum;first;second
writer.dmLevel = lld
includeSingleElementFields = 1
\{\cm[sink{?}:include external sink]}
"""


def made_up():
    """A voice that rises, noise that fades, 16 bits, and silence at the end: there the floors of the logarithms count."""
    t = np.arange(3200) / RATE
    voice = sum(np.sin(2 * np.pi * (140 + 60 * t) * h * t) / h for h in range(1, 30)) * 0.1
    signal = voice + np.random.default_rng(5).normal(0, 0.01, len(t)) * np.linspace(1, 0, len(t))
    signal[2400:] = 0
    return (np.round(signal * 32768) / 32768).astype(np.float32)


def htk(signal):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(HTK)
        file.flush()
        return opensmile.Smile(feature_set=file.name, feature_level="lld").process_signal(signal, RATE).values


def kaldi(signal):
    options = kaldi_native_fbank.MfccOptions()
    options.frame_opts.dither = 0
    options.frame_opts.samp_freq = RATE
    mfcc = kaldi_native_fbank.OnlineMfcc(options)
    mfcc.accept_waveform(RATE, (signal * 32768).tolist())
    mfcc.input_finished()
    return np.array([mfcc.get_frame(i) for i in range(mfcc.num_frames_ready)])


def main():
    folder = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/dsp/data"
    signal = made_up()
    np.save(folder / "mfcc_peers_signal.npy", signal)
    for name, rows in (("htk", htk(signal)), ("kaldi", kaldi(signal)), ("librosa", librosa.feature.mfcc(y=signal, sr=RATE).T)):
        np.save(folder / f"mfcc_peers_{name}.npy", np.ascontiguousarray(rows, np.float32))
        print(name, rows.shape)


if __name__ == "__main__":
    main()
