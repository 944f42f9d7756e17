"""Records what the bundled acoustic experts say of made-up input, by PyTorch and NumPy, for the golden tests.

    python tools/golden/voice.py        # from the repository's root; writes tests/golden/models/data/voice_*.npy

Each file: voice[128], p[5] of an unknown speaker, p[5] with baseline = half the voice. The input is made from an
integer generator that the C tests repeat.
"""
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "train"))
import voice_data  # noqa: E402
import voice_net  # noqa: E402

MODELS, OUT = "models/emotion_voice", "tests/golden/models/data"


def uniform(count, seed):
    """-1 .. 1 by x <- 1664525 x + 1013904223 (mod 2^32), the upper 24 bits taken."""
    a, c, x = 1664525, 1013904223, seed
    out = np.empty(count, np.float32)
    for i in range(count):
        x = (a * x + c) & 0xFFFFFFFF
        out[i] = (x >> 8) / 2 ** 23 - 1
    return out


def classify(w, v, baseline):
    k = int(baseline is not None)
    v = v - baseline if k else v
    h = F.gelu(F.linear(v, w["hidden.weight"][k], w["hidden.bias"][k]))
    p = F.linear(h, w["out.weight"][k], w["out.bias"][k]).softmax(0)
    five = torch.zeros(5).index_add(0, torch.tensor(voice_data.FIVE_OF_FINE), p)
    return (five.log() / w["temperature"][k]).softmax(0)


def record(name, w, voice):
    np.save(os.path.join(OUT, f"voice_{name}.npy"),
            torch.cat([voice, classify(w, voice, None), classify(w, voice, voice / 2)]).numpy())


def head(size):
    w = {k: v.float() for k, v in load_file(f"{MODELS}/whisper-{size}-voice.safetensors").items()}
    layers, frames = len(w["layers"]), 40
    width = w["project.weight"].shape[1] // 2 // layers
    x = torch.from_numpy(uniform(frames * width, 7)).view(frames, width)
    pooled = []
    for i in w["layers"].tolist():
        y = x * (1 + i) + 3 * i
        pooled += [y[10:33].mean(0), y[10:33].std(0, correction=0)]
    record(size, w, F.linear(torch.cat(pooled), w["project.weight"], w["project.bias"]))


def net():
    w = {k: v.float() for k, v in load_file(f"{MODELS}/voice-net.safetensors").items()}
    n = 37123
    pcm = uniform(n, 11) * (0.02 + 0.3 * (np.arange(n) // 4000 % 2))
    x = torch.from_numpy(voice_net.log_mel(pcm.astype(np.float32)).T.copy()).float()[None]
    timbre = x.mean(2)
    x = (x - timbre[..., None]) * 0.3
    steps = ((2, 2, 1), (2, 2, 1), (1, 1, 1), (1, 2, 2), (1, 3, 3), (1, 0, 1))
    for i, (stride, padding, dilation) in enumerate(steps):
        y = F.relu(F.conv1d(x, w[f"conv.{i}.weight"], w[f"conv.{i}.bias"], stride, padding, dilation))
        x = x + y if 2 <= i <= 4 else y
    a = torch.tanh(F.conv1d(x, w["attention.0.weight"], w["attention.0.bias"]))
    a = F.conv1d(a, w["attention.1.weight"], w["attention.1.bias"]).softmax(2)
    mean = (a * x).sum(2)
    pooled = torch.cat([mean, ((a * x * x).sum(2) - mean ** 2).clamp(min=1e-5).sqrt(), timbre], 1)[0]
    record("net", w, F.linear(pooled, w["project.weight"], w["project.bias"]))


def main():
    os.makedirs(OUT, exist_ok=True)
    for made, file in ((lambda: head("base"), "whisper-base-voice"), (lambda: head("tiny.en"), "whisper-tiny.en-voice"),
                       (net, "voice-net")):
        if os.path.exists(f"{MODELS}/{file}.safetensors"):
            made()


if __name__ == "__main__":
    main()
