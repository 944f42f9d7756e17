#!/usr/bin/env python3
"""Writes tests/golden/dsp/data/egemaps_*.npy: what openSMILE's eGeMAPSv02 makes of three seconds of two people talking.

    pip install opensmile==2.6.0
"""
import pathlib
import subprocess

import numpy as np
import opensmile

RATE = 16000
BEGIN, SECONDS = 20, 3


def talk(root):
    command = ["ffmpeg", "-v", "error", "-ss", BEGIN, "-t", SECONDS, "-i", root / "data/raw/watch_repair.flac"]
    command += ["-ac", 1, "-ar", RATE, "-f", "s16le", "-"]
    raw = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE).stdout
    return np.frombuffer(raw, "<i2").astype(np.float32) / 32768


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    folder = root / "tests/golden/dsp/data"
    signal = talk(root)
    np.save(folder / "egemaps_signal.npy", signal)
    for level in ("lld", "func"):
        smile = opensmile.Smile(feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=level)
        rows = smile.process_signal(signal, RATE).values
        np.save(folder / f"egemaps_{level}.npy", np.ascontiguousarray(rows, np.float32))
        print(level, rows.shape)


if __name__ == "__main__":
    main()
