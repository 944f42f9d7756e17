#!/usr/bin/env python3
"""Records what the bundled speech detector and speaker network give in PyTorch, for tests/golden/models.

    python3 tools/golden/small_speech.py        (needs torch, numpy, safetensors, and the training scripts' needs)

The input is made from whole numbers, so that the test makes the very same samples.
"""
import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import load_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "train"))
import speaker_small  # noqa: E402
import vad_small  # noqa: E402
from vad_logmel import logmel  # noqa: E402


def signal(n):
    out, state = np.empty(n), 1
    for i in range(n):
        state = (1664525 * state + 1013904223) & 0xFFFFFFFF
        saw = (i * (120 + i // 1600 % 5 * 15)) % 16000 / 16000 - 0.5
        out[i] = (0.001 if i // 4000 % 4 == 0 else 0.3) * saw + 0.002 * (state / 2 ** 32 - 0.5)
    return out.astype(np.float32)


def main():
    out = ROOT / "tests" / "golden" / "models" / "data"
    pcm = signal(51200)
    net = vad_small.Net()
    net.load_state_dict(load_file(ROOT / "models/speech/vad-small.safetensors"))
    with torch.no_grad():
        np.save(out / "vad_small.npy", torch.sigmoid(net(torch.from_numpy(vad_small.features(pcm))[None]))[0].numpy())

    state = {k: v.float() for k, v in load_file(ROOT / "models/speech/speaker-small.safetensors").items()}
    span = speaker_small.SPAN
    x = torch.from_numpy(np.stack([logmel(pcm[s:s + span], speaker_small.HOP) for s in (0, 8000, 20000)]))
    x = ((x - x.mean((1, 2), keepdim=True)) * 0.5).transpose(1, 2)
    for i, (_, _, k, d) in enumerate(speaker_small.Net.SHAPE):
        x = torch.relu(torch.nn.functional.conv1d(x, state[f"conv.{i}.weight"], state[f"conv.{i}.bias"],
                                                  padding=(k - 1) // 2 * d, dilation=d))
    x = torch.cat([x.mean(2), torch.sqrt(x.var(2, unbiased=False) + 1e-5)], 1)
    x = torch.nn.functional.normalize(x @ state["output.weight"].T + state["output.bias"])
    np.save(out / "speaker_small.npy", x.numpy())


if __name__ == "__main__":
    main()
