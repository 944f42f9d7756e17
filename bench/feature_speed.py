#!/usr/bin/env python3
"""Speed of `undertone features` beside Praat, openSMILE, librosa and kaldi-native-fbank on the same ten minutes of speech.

    python3 bench/feature_speed.py AUDIO... [--undertone build/undertone]

AUDIO: recordings, repeated until there are 600 s at 16 kHz. Processor seconds at one thread, the least of three runs.
Ours and Praat are whole commands, from a WAV file on; the other peers are timed on samples in memory, from the second call
on. Needs numpy and soundfile; a peer that is not installed is left out: pip install opensmile librosa kaldi-native-fbank
"""
import argparse
import importlib.util
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import soundfile  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
RATE, SECONDS = 16000, 600


def least(work, runs=3):
    found = []
    for _ in range(runs):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def child(*arguments):
    """Of a program, so that its start and the reading of the file count."""
    found = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def programs(binary, wav, folder):
    for name, level in (("mfcc-htk", "frames"), ("mfcc-kaldi", "frames"), ("mfcc-librosa", "frames"), ("spectral", "frames"),
                        ("pitch", "frames"), ("formants", "frames"), ("intensity", "frames"), ("syllables", "utterance"),
                        ("egemaps", "utterance"), ("voice", "utterance")):
        yield f"undertone, {name}", [binary, "features", wav, "--set", name, "--level", level, "--quiet", "--output", folder / "t.npy"]
    if not shutil.which("praat"):
        return
    for call in ("To Pitch: 0, 75, 600", "To Formant (burg): 0, 5, 5500, 0.025, 50", 'To Intensity: 75, 0, "yes"'):
        script = folder / "call.praat"
        script.write_text(f'Read from file: "{wav}"\n{call}\n')
        yield f"Praat, {call.split(':')[0]}", ["praat", "--run", script]
    yield "Praat, syllables", ["praat", "--run", ROOT / "tests" / "support" / "syllables.praat", wav]


def peers(samples):
    if importlib.util.find_spec("opensmile"):
        import opensmile

        spec = importlib.util.spec_from_file_location("peers", ROOT / "tools" / "golden" / "dsp_mfcc_peers.py")
        recorded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(recorded)
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write(recorded.HTK)
            file.flush()
            smile = opensmile.Smile(feature_set=file.name, feature_level="lld", num_workers=1)
            yield "openSMILE, HTK's MFCC_0_D_A", lambda: smile.process_signal(samples, RATE)
            whole = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=1)
            yield "openSMILE, eGeMAPSv02 functionals", lambda: whole.process_signal(samples, RATE)
    if importlib.util.find_spec("kaldi_native_fbank"):
        import kaldi_native_fbank

        def kaldi():
            options = kaldi_native_fbank.MfccOptions()
            options.frame_opts.dither = 0
            mfcc = kaldi_native_fbank.OnlineMfcc(options)
            mfcc.accept_waveform(RATE, scaled)
            mfcc.input_finished()
            return [mfcc.get_frame(i) for i in range(mfcc.num_frames_ready)]

        scaled = (samples * 32768).tolist()
        yield "kaldi-native-fbank", kaldi
    if importlib.util.find_spec("librosa"):
        import librosa

        yield "librosa", lambda: librosa.feature.mfcc(y=samples, sr=RATE)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("audio", nargs="+", type=pathlib.Path)
    parser.add_argument("--undertone", default=ROOT / "build" / "undertone", type=pathlib.Path)
    options = parser.parse_args()
    parts = []
    for path in options.audio:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        if rate != RATE:
            sys.exit(f"{path}: {rate} Hz, not {RATE}")
        parts.append(samples[:, 0])
    signal = np.resize(np.concatenate(parts), SECONDS * RATE - 1600)
    with tempfile.TemporaryDirectory() as folder:
        wav = pathlib.Path(folder) / "speech.wav"
        soundfile.write(wav, signal, RATE, "PCM_16")
        for name, arguments in programs(options.undertone, wav, pathlib.Path(folder)):
            taken = child(*arguments)
            print(f"{name:36} {taken:7.3f} s  {SECONDS / taken:7.0f} x real time", flush=True)
    for name, work in peers(signal):
        work()
        taken = least(work)
        print(f"{name:36} {taken:7.3f} s  {SECONDS / taken:7.0f} x real time", flush=True)


if __name__ == "__main__":
    main()
