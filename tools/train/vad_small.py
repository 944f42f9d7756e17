#!/usr/bin/env python3
"""Trains the bundled speech detector by imitating silero v6 on composed streams of speech and disturbances.

    OMP_NUM_THREADS=1 python3 tools/train/vad_small.py --data ../shared/data --teacher silero_vad.jit \\
        --out models/speech/vad-small.safetensors

Needs torch, numpy, soundfile, scipy, safetensors. Takes about ten minutes on one core. Seeds are fixed.
Steps are 512 samples (32 ms): two log-mel frames, a hop of 256 apart, less the stream's decaying peak level; linear 80
-> 48, ReLU, LSTM 64, linear 1, sigmoid.
"""
import argparse
import time

import numpy as np
import torch
from safetensors.torch import save_file
from scipy.signal import butter, sosfilt

import vad_corpus as corpus
from vad_logmel import BANDS, FRAME, logmel

STEP, HOP, CONTEXT = 512, 256, FRAME - 256
PEAK_FLOOR, PEAK_DECAY = -6.0, 0.004  # of the mean log-mel of a frame; decay a frame
SECONDS = 12


def features(pcm):
    """[steps, 80] of a whole stream."""
    steps = len(pcm) // STEP
    mel = logmel(np.concatenate([np.zeros(CONTEXT, np.float32), pcm[:steps * STEP]]), HOP)
    peak, out = PEAK_FLOOR, np.empty_like(mel)
    for i, level in enumerate(mel.mean(1)):
        peak = max(level, peak - PEAK_DECAY, PEAK_FLOOR)
        out[i] = mel[i] - peak
    return (np.clip(out, -12, 8) * 0.25).reshape(steps, 2 * BANDS)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.input = torch.nn.Linear(2 * BANDS, 48)
        self.lstm = torch.nn.LSTM(48, 64, batch_first=True)
        self.output = torch.nn.Linear(64, 1)

    def forward(self, x):
        return self.output(self.lstm(torch.relu(self.input(x)))[0])[..., 0]


def normal(pcm, db):
    return pcm * (10 ** (db / 20) / (np.sqrt(np.mean(pcm ** 2)) + 1e-6))


def compose(rng, items):
    """A clean stream: pieces of speech with gaps between them; sometimes none at all."""
    n = SECONDS * 16000 // STEP * STEP
    out, at = np.zeros(n, np.float32), int(rng.uniform(0, 1.5) * 16000)
    if rng.random() < 0.12:
        return out
    level = rng.uniform(-30, -20)
    while at < n:
        pcm = items[rng.integers(len(items))]
        if len(pcm) > 8 * 16000:
            start = rng.integers(len(pcm) - 8 * 16000)
            pcm = pcm[start:start + int(rng.uniform(2, 8) * 16000)]
        pcm = normal(pcm, level + rng.uniform(-4, 4))[:n - at]
        out[at:at + len(pcm)] += pcm
        at += len(pcm) + int(rng.choice([0, 0.15, 0.4, 1.0, 2.5], p=[.3, .2, .2, .2, .1]) * rng.uniform(.6, 1.4) * 16000)
    return out


def disturb(rng, clean):
    y = clean.copy()
    if rng.random() < 0.3:
        m = int(rng.uniform(0.1, 0.4) * 16000)
        tail = rng.standard_normal(m) * np.exp(-np.arange(m) / (m / 6)) * rng.uniform(0.02, 0.08)
        tail[0] = 1
        k = 1 << (len(y) + m - 1).bit_length()
        y = np.fft.irfft(np.fft.rfft(y, k) * np.fft.rfft(tail, k), k)[:len(y)]
    power = np.mean(clean ** 2)
    level = 10 * np.log10(power) if power > 0 else -26.0
    y = y + corpus.noise(rng, len(y)) * 10 ** ((level - rng.uniform(3, 40)) / 20)
    if rng.random() < 0.3:
        y = sosfilt(butter(4, [rng.uniform(150, 350), rng.uniform(3200, 3800)], "band", fs=16000, output="sos"), y)
    y = y * 10 ** (rng.uniform(-38, 12) / 20)
    return np.clip(y, -1, 1).astype(np.float32)


def teach(teacher, streams):
    """silero's probabilities [streams, steps] of clean streams."""
    x = torch.from_numpy(np.stack(streams))
    teacher.reset_states()
    with torch.no_grad():
        return torch.cat([teacher(x[:, i:i + STEP], 16000) for i in range(0, x.shape[1], STEP)], 1)


def f1(predicted, truth):
    hit = np.sum(predicted & truth)
    return 2 * hit / max(1, np.sum(predicted) + np.sum(truth))


def report(net, teacher, held, data):
    rng = np.random.default_rng(99)
    clean = [compose(rng, held) for _ in range(40)]
    truth = teach(teacher, clean).numpy() > 0.5
    probs = lambda xs: torch.sigmoid(net(torch.from_numpy(np.stack([features(x) for x in xs])))).detach().numpy()
    print(f"held-out files, agreement with silero on the clean stream (frame F1): clean {f1(probs(clean) > .5, truth):.3f}")
    for db in (-20, -40):
        quiet = [x * 10 ** (db / 20) for x in clean]
        print(f"  {db} dB: small {f1(probs(quiet) > .5, truth):.3f} silero {f1(teach(teacher, quiet).numpy() > .5, truth):.3f}")
    loud = [disturb(rng, x) for x in clean]
    print(f"  disturbed: small {f1(probs(loud) > .5, truth):.3f} silero {f1(teach(teacher, loud).numpy() > .5, truth):.3f}")
    got = {"small": [], "silero": []}
    ref = []
    for _, pcm, spans in corpus.ami_clips(data):
        pcm = pcm[:len(pcm) // STEP * STEP]
        middle = (np.arange(len(pcm) // STEP) + 0.5) * STEP / 16000
        ref.append(np.any([(middle >= a) & (middle < b) for a, b, _ in spans], axis=0))
        got["small"].append(probs([pcm])[0])
        got["silero"].append(teach(teacher, [pcm])[0].numpy())
    ref = np.concatenate(ref)
    for name, p in got.items():
        p = np.concatenate(p)
        scores = [(round(f1(p > t, ref), 3), t) for t in (0.5, 0.4, 0.3, 0.2)]
        print(f"AMI clips against words, frame F1 {name} (threshold): {scores}; all speech {f1(ref | True, ref):.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--streams", type=int, default=700)
    parser.add_argument("--minutes", type=float, default=5, help="of gradient steps")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    began = time.time()
    teacher = torch.jit.load(args.teacher)
    train, held = corpus.utterances(args.data, per_speaker=25)
    train = [corpus.read(p) for p, _, _ in train] + 8 * [corpus.read(p) for p in corpus.unlabelled(args.data)]
    held = [corpus.read(p) for p, _, _ in held]
    inputs, targets = [], []
    for at in range(0, args.streams, 50):
        clean = [compose(rng, train) for _ in range(50)]
        target = teach(teacher, clean)
        for _ in range(2):
            inputs.append(torch.from_numpy(np.stack([features(disturb(rng, x)) for x in clean])))
            targets.append(target)
    inputs, targets = torch.cat(inputs), torch.cat(targets)
    print(f"{tuple(inputs.shape)} prepared in {time.time() - began:.0f} s, speech {targets.mean():.2f}", flush=True)
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-4)
    epochs, stop = 40, time.time() + 60 * args.minutes
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=epochs * (len(inputs) // 32))
    for epoch in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(inputs))[:len(inputs) // 32 * 32].view(-1, 32):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(net(inputs[rows]), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1} loss {total / (len(inputs) // 32):.4f} {time.time() - began:.0f} s", flush=True)
        if time.time() > stop:
            break
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, args.out,
              {"model": "vad-small", "rate": "16000", "step": "512", "licence": "non-commercial use: see vad-small.md"})
    net.eval()
    report(net, teacher, held, args.data)


if __name__ == "__main__":
    main()
