#!/usr/bin/env python3
"""Trains the bundled speaker network: Resemblyzer's vectors imitated, speakers told apart.

    OMP_NUM_THREADS=1 python3 tools/train/speaker_small.py --data ../shared/data --teacher pretrained.pt \\
        --out models/speech/speaker-small.safetensors

Needs torch, numpy, soundfile, scipy, librosa (the teacher's features), safetensors. About fifteen minutes on one core.
Input: 160 log-mel frames (1.6 s), less their mean; convolutions over time 40-128-128-128-256, mean and deviation over
time, linear 256, length 1. The teacher's vector is the mean over the whole recording, so that a crop learns to stand
for its speaker. Recordings are also played slower and faster: as new speakers.
"""
import argparse
import time

import librosa
import numpy as np
import torch
from safetensors.torch import save_file
from scipy.signal import resample_poly

import vad_corpus as corpus
from vad_logmel import BANDS, logmel

PARTIAL, HOP, SIZE = 160, 160, 256
SPAN = (PARTIAL - 1) * HOP + 400
SPEEDS = ((1, 1), (8, 9), (9, 8))


class Teacher(torch.nn.Module):
    """Resemblyzer's voice encoder."""

    def __init__(self, path):
        super().__init__()
        self.lstm = torch.nn.LSTM(40, 256, 3, batch_first=True)
        self.linear = torch.nn.Linear(256, 256)
        state = torch.load(path, map_location="cpu", weights_only=False)["model_state"]
        self.load_state_dict({k: v for k, v in state.items() if k.startswith(("lstm", "linear"))})

    @torch.no_grad()
    def embed(self, pcm, hop_frames=80, most=4):
        """Vectors [partials, 256] of at most `most` partials spread over the recording."""
        gain = 10 ** (-30 / 20) / (np.sqrt(np.mean(pcm ** 2)) + 1e-9)
        pcm = pcm * max(1.0, gain)
        mel = librosa.feature.melspectrogram(y=pcm, sr=16000, n_fft=400, hop_length=160, n_mels=40).T.astype(np.float32)
        if len(mel) < PARTIAL:
            mel = np.pad(mel, ((0, PARTIAL - len(mel)), (0, 0)), mode="wrap")
        starts = np.arange(0, len(mel) - PARTIAL + 1, hop_frames)
        if len(starts) > most:
            starts = starts[np.linspace(0, len(starts) - 1, most).astype(int)]
        x = torch.from_numpy(np.stack([mel[s:s + PARTIAL] for s in starts]))
        return torch.nn.functional.normalize(torch.relu(self.linear(self.lstm(x)[1][0][-1])))


class Net(torch.nn.Module):
    SHAPE = ((BANDS, 128, 5, 1), (128, 128, 3, 2), (128, 128, 3, 3), (128, 256, 1, 1))

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.ModuleList(torch.nn.Conv1d(i, o, k, padding=(k - 1) // 2 * d, dilation=d)
                                        for i, o, k, d in self.SHAPE)
        self.norm = torch.nn.ModuleList(torch.nn.BatchNorm1d(o) for _, o, _, _ in self.SHAPE)
        self.output = torch.nn.Linear(512, SIZE)

    def forward(self, mel):
        """mel [batch, frames, 40]"""
        x = ((mel - mel.mean((1, 2), keepdim=True)) * 0.5).transpose(1, 2)
        for conv, norm in zip(self.conv, self.norm):
            x = torch.relu(norm(conv(x)))
        deviation = torch.sqrt(x.var(2, unbiased=False) + 1e-5)
        return torch.nn.functional.normalize(self.output(torch.cat([x.mean(2), deviation], 1)))

    def folded(self):
        """State with each normalisation folded into its convolution, matrices in half precision."""
        out = {"output.weight": self.output.weight.detach().half(), "output.bias": self.output.bias.detach().clone()}
        for i, (conv, norm) in enumerate(zip(self.conv, self.norm)):
            scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
            out[f"conv.{i}.weight"] = (conv.weight * scale[:, None, None]).detach().half().contiguous()
            out[f"conv.{i}.bias"] = ((conv.bias - norm.running_mean) * scale + norm.bias).detach().contiguous()
        return out


def trimmed(pcm):
    """Without the silence at both ends; at least one partial long."""
    frames = pcm[:len(pcm) // 160 * 160].reshape(-1, 160)
    power = (frames ** 2).mean(1)
    loud = np.flatnonzero(power > power.max() * 1e-3)
    pcm = pcm[max(0, loud[0] - 3) * 160:(loud[-1] + 4) * 160]
    return np.pad(pcm, (0, max(0, SPAN - len(pcm))), mode="wrap")


def augment(mel, rng):
    """Level, colour, band and noise, in the mel domain: [batch, frames, 40] log powers in and out."""
    n = len(mel)
    band = torch.linspace(-1, 1, BANDS)
    knots = torch.from_numpy(rng.normal(0, 1, (n, 4)).astype(np.float32))
    tilt = sum(knots[:, i:i + 1] * torch.cos(np.pi * i * (band[None] + 1) / 2) for i in range(1, 4)) * 0.5
    mel = mel + tilt[:, None]
    # noise: a stationary colour, exponentially distributed powers, 0 to 35 dB below the crop's mean level
    level = torch.logsumexp(mel, (1, 2)) - np.log(PARTIAL * BANDS)
    colour = torch.from_numpy((rng.normal(0, 1.5, (n, 1)) * band.numpy() + rng.normal(0, 0.5, (n, BANDS))).astype(np.float32))
    down = torch.from_numpy(rng.uniform(0.5, 9.0, n).astype(np.float32))
    spread = torch.from_numpy(rng.gamma(2.0, 0.5, mel.shape).astype(np.float32)).clamp_min(1e-3).log()
    mel = torch.logaddexp(mel, level[:, None, None] - down[:, None, None] + colour[:, None] + spread)
    phone = torch.from_numpy((rng.random(n) < 0.25).astype(np.float32))
    edges = torch.zeros(BANDS)
    edges[:4], edges[29:] = -5.0, -6.0
    return mel + phone[:, None, None] * edges


def equal_error(scores, same):
    order = np.argsort(scores)
    same = same[order]
    miss = np.cumsum(same) / same.sum()
    false = 1 - np.cumsum(~same) / (~same).sum()
    return float(100 * (miss + false)[np.argmin(np.abs(miss - false))] / 2)


def vectors(net, pcm, seconds):
    """(small, start) mean vector of the partials in `seconds` of speech, a partial every 0.8 s."""
    n = max(SPAN, int(seconds * 16000))
    pcm = pcm[:n]
    starts = range(0, len(pcm) - SPAN + 1, 12800)
    with torch.no_grad():
        mel = torch.from_numpy(np.stack([logmel(pcm[s:s + SPAN], HOP) for s in starts]))
        return torch.nn.functional.normalize(net(mel).mean(0), dim=0).numpy()


def report(net, teacher, held, data):
    sets = {"held-out speakers": [(trimmed(corpus.read(p)), s, c) for p, s, c in held]}
    sets["AMI clips (far field)"] = []
    for name, pcm, spans in corpus.ami_clips(data):
        for a, b, who in spans:
            alone = all(o == who or e <= a or s >= b for s, e, o in spans)
            while alone and b - a >= 1.6:
                sets["AMI clips (far field)"].append((pcm[int(a * 16000):int(min(b, a + 3.2) * 16000)], who, name))
                a += 3.2
    for title, items in sets.items():
        for seconds in (1.6, 3.2):
            kept = [i for i in items if len(i[0]) >= SPAN and (seconds < 2 or len(i[0]) >= 2.4 * 16000)]
            speaker, group = np.array([i[1] for i in kept]), np.array([i[2] for i in kept])
            upper = np.triu(group[:, None] == group[None], 1)
            same = (speaker[:, None] == speaker[None])[upper]
            line = f"{title}, {seconds} s, {len(set(speaker))} speakers, {same.sum()} + {(~same).sum()} pairs: EER"
            small = np.array([vectors(net, p, seconds) for p, _, _ in kept])
            big = [teacher.embed(p[:int(seconds * 16000)]).mean(0).numpy() for p, _, _ in kept]
            big = np.array([v / np.linalg.norm(v) for v in big])
            print(f"{line} small {equal_error((small @ small.T)[upper], same):.1f} % Resemblyzer "
                  f"{equal_error((big @ big.T)[upper], same):.1f} %", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--per-speaker", type=int, default=40)
    parser.add_argument("--steps", type=int, default=900)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(2)
    rng = np.random.default_rng(2)
    began = time.time()
    teacher = Teacher(args.teacher)
    train, held = corpus.utterances(args.data, args.per_speaker)
    names = {(s, k): i for i, (s, k) in enumerate(sorted({(s, k) for _, s, _ in train for k in range(len(SPEEDS))}))}
    mels, targets, labels = [], [], []
    for path, speaker, _ in train:
        pcm = trimmed(corpus.read(path))
        for k, (up, down) in enumerate(SPEEDS):
            y = pcm[:12 * 16000] if up == down else resample_poly(pcm[:12 * 16000], up, down).astype(np.float32)
            y = np.pad(y, (0, max(0, SPAN - len(y))), mode="wrap")
            target = torch.nn.functional.normalize(teacher.embed(y, most=3).mean(0), dim=0)
            for start in rng.integers(0, len(y) - SPAN + 1, 1 + (len(y) > 2 * SPAN) * 2):
                mels.append(logmel(y[start:start + SPAN], HOP).astype(np.float16))
                targets.append(target)
                labels.append(names[speaker, k])
    for path in corpus.unlabelled(args.data):
        pcm = corpus.read(path)
        for start in range(0, len(pcm) - SPAN, 16000):
            if np.sqrt(np.mean(pcm[start:start + SPAN] ** 2)) > 0.01:
                mels.append(logmel(pcm[start:start + SPAN], HOP).astype(np.float16))
                targets.append(teacher.embed(pcm[start:start + SPAN])[0])
                labels.append(-1)
    mels, targets, labels = torch.from_numpy(np.stack(mels)), torch.stack(targets), torch.tensor(labels)
    print(f"{len(mels)} crops, {len(names)} classes, prepared in {time.time() - began:.0f} s", flush=True)
    net, classes = Net(), torch.nn.Parameter(torch.randn(len(names), SIZE) * 0.05)
    optimizer = torch.optim.AdamW([*net.parameters(), classes], lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=args.steps)
    for step in range(args.steps):
        rows = torch.from_numpy(rng.integers(0, len(mels), 64))
        made = net(augment(mels[rows].float(), rng))
        imitate = (1 - (made * targets[rows]).sum(1)).mean()
        known = labels[rows] >= 0
        cosine = made[known] @ torch.nn.functional.normalize(classes).T
        margin = torch.nn.functional.one_hot(labels[rows][known], len(names)) * 0.15
        tell = torch.nn.functional.cross_entropy(20 * (cosine - margin), labels[rows][known])
        loss = 4 * imitate + 0.3 * tell
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            print(f"step {step + 1} imitate {imitate.item():.3f} tell {tell.item():.2f} {time.time() - began:.0f} s", flush=True)
    net.eval()
    save_file(net.folded(), args.out,
              {"model": "speaker-small", "rate": "16000", "licence": "non-commercial use: see speaker-small.md"})
    report(net, teacher, held, args.data)


if __name__ == "__main__":
    main()
