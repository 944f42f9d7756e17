#!/usr/bin/env python3
"""Records what PyTorch makes of the speech networks, for tests/golden/models/test_{silero,segmentation,resemblyzer}.c.

usage: speech_models.py SILERO.safetensors PYTORCH_MODEL.bin PRETRAINED.pt OUT_DIR   (needs torch, numpy, safetensors,
librosa, asteroid-filterbanks). The sound is synthetic: seeded noise under a slow envelope, plus a gliding tone; the C
test makes the same samples from the same formulas.
"""
import pickle
import sys
import types

import librosa
import numpy as np
import torch
import torch.nn.functional as F
from asteroid_filterbanks import ParamSincFB
from safetensors.torch import load_file


class Unpickler(pickle.Unpickler):
    """Foreign classes become empty dictionaries."""

    def find_class(self, module, name):
        try:
            return super().find_class(module, name)
        except (ImportError, AttributeError):
            empty = {"__setstate__": lambda self, state: None, "__init__": lambda self, *a, **k: None}
            return type(name, (dict,), empty)


def checkpoint(path):
    module = types.ModuleType("foreign")
    module.Unpickler = Unpickler
    module.load = lambda f, **k: Unpickler(f, **k).load()
    return torch.load(path, map_location="cpu", weights_only=False, pickle_module=module)


def sound(count):
    state, noise = 12345, np.empty(count)
    for i in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        noise[i] = state / 2**31 - 1
    t = np.arange(count) / 16000
    voice = sum(np.sin(2 * np.pi * k * (120 * t + 10 * t * t)) / k for k in range(1, 20))
    return (0.05 * np.sin(2 * np.pi * 0.7 * t) ** 2 * voice + 0.02 * noise).astype(np.float32)


def silero(path, pcm):
    w, context = load_file(path), torch.zeros(64)
    h = c = torch.zeros(1, 128)
    cell = torch.nn.LSTMCell(128, 128)
    cell.load_state_dict({k[10:]: v for k, v in w.items() if k.startswith("lstm_cell.")})
    out = []
    for i in range(0, len(pcm) - 511, 512):
        x = torch.cat([context, torch.tensor(pcm[i : i + 512])])
        context = x[-64:]
        s = F.conv1d(F.pad(x[None, None], (0, 64), "reflect"), w["stft_conv.weight"], stride=128)
        x = (s[:, :129] ** 2 + s[:, 129:] ** 2).sqrt()
        for k, stride in (1, 1), (2, 2), (3, 2), (4, 1):
            x = F.conv1d(x, w[f"conv{k}.weight"], w[f"conv{k}.bias"], stride=stride, padding=1).relu()
        h, c = cell(x[..., 0], (h, c))
        x = F.conv1d(h.relu()[..., None], w["final_conv.weight"], w["final_conv.bias"])
        out.append(x.sigmoid().item())
    return np.array(out, np.float32)


def segmentation(path, pcm):
    w = checkpoint(path)["state_dict"]
    bank = ParamSincFB(80, 251, stride=10, sample_rate=16000, min_low_hz=50, min_band_hz=50)
    bank.load_state_dict({k.split("filterbank.")[1]: v for k, v in w.items() if "filterbank." in k})
    norm = lambda x, n: F.instance_norm(x, weight=w[n + ".weight"], bias=w[n + ".bias"], eps=1e-5)
    x = norm(torch.tensor(pcm)[None, None], "sincnet.wav_norm1d")
    for i in range(3):
        if i == 0:
            x = F.conv1d(x, bank.filters(), stride=10).abs()
        else:
            x = F.conv1d(x, w[f"sincnet.conv1d.{i}.weight"], w[f"sincnet.conv1d.{i}.bias"])
        x = F.leaky_relu(norm(F.max_pool1d(x, 3, 3), f"sincnet.norm1d.{i}"))
    lstm = torch.nn.LSTM(60, 128, 4, bidirectional=True, batch_first=True)
    lstm.load_state_dict({k[5:]: v for k, v in w.items() if k.startswith("lstm.")})
    x = lstm(x.transpose(1, 2))[0]
    for i in range(2):
        x = F.leaky_relu(F.linear(x, w[f"linear.{i}.weight"], w[f"linear.{i}.bias"]))
    return F.linear(x, w["classifier.weight"], w["classifier.bias"]).sigmoid()[0].numpy()


def resemblyzer(path, pcm):
    w = checkpoint(path)["model_state"]
    lstm = torch.nn.LSTM(40, 256, 3, batch_first=True)
    lstm.load_state_dict({k[5:]: v for k, v in w.items() if k.startswith("lstm.")})
    mel = librosa.feature.melspectrogram(y=pcm, sr=16000, n_fft=400, hop_length=160, n_mels=40, center=False)
    mel = mel.T.astype(np.float32)[:160]
    x = F.linear(lstm(torch.tensor(mel)[None])[1][0][-1], w["linear.weight"], w["linear.bias"]).relu()
    return mel, (x / x.norm())[0].numpy()


with torch.no_grad():
    pcm, out = sound(80000), sys.argv[4]
    np.save(f"{out}/silero.npy", silero(sys.argv[1], pcm[:32000]))
    np.save(f"{out}/segmentation.npy", segmentation(sys.argv[2], pcm))
    mel, embedding = resemblyzer(sys.argv[3], pcm[: 159 * 160 + 400])
    np.save(f"{out}/resemblyzer.npy", embedding)
    np.save(f"{out}/resemblyzer_mel.npy", mel[::16])
