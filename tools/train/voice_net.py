"""Train the bundled network that hears emotion in log-mel frames, for when no Whisper is loaded, and measure it.

    python tools/train/voice_net.py --data ../shared/data --out models/emotion_voice/

Writes voice-net.safetensors and voice-net.md: the score there is of five-fold cross-validation over speakers; the
weights are trained on all of them. Batch normalisation is folded into the convolutions.
"""
import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F
from scipy.signal import resample_poly
from torch import nn

import voice_data
import voice_report
from voice_whisper import Head, five, temperature, weights_of

BANDS, N_FFT, FRAME, HOP = 64, 512, 400, 160
FLOOR = 1e-6
CROP = 256  # frames of a training example
WIDE, TOP, ATTENTION = 128, 192, 64


def filters():
    """HTK's mel scale, 60 Hz to 7600 Hz, triangles of height 1: [BANDS, N_FFT / 2 + 1]."""
    edge = 700 * (10 ** (np.linspace(2595 * np.log10(1 + 60 / 700), 2595 * np.log10(1 + 7600 / 700), BANDS + 2) / 2595) - 1)
    f = np.arange(N_FFT // 2 + 1) * voice_data.RATE / N_FFT
    up, down = (f - edge[:-2, None]) / np.diff(edge)[:-1, None], (edge[2:, None] - f) / np.diff(edge)[1:, None]
    return np.maximum(0, np.minimum(up, down)).astype(np.float32)


def log_mel(pcm):
    """[T, BANDS]: speech set to -26 dB, natural log of the band powers, each band's mean over the utterance taken off."""
    pcm = pcm * (10 ** (voice_data.LEVEL_DB / 20) / max(voice_data.speech_level(pcm), 1e-9))
    n = max(1, 1 + (len(pcm) - FRAME) // HOP)
    pcm = np.pad(pcm, (0, max(0, FRAME - len(pcm))))
    frames = np.lib.stride_tricks.sliding_window_view(pcm, FRAME)[:: HOP][:n]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    power = np.abs(np.fft.rfft(frames * window, N_FFT)).astype(np.float32) ** 2
    x = np.log(np.maximum(power @ filters().T, FLOOR))
    return x - x.mean(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.ModuleList([nn.Conv1d(BANDS, 96, 5, 2, 2), nn.Conv1d(96, WIDE, 5, 2, 2),
                                   nn.Conv1d(WIDE, WIDE, 3, 1, 1), nn.Conv1d(WIDE, WIDE, 3, 1, 2, dilation=2),
                                   nn.Conv1d(WIDE, WIDE, 3, 1, 3, dilation=3), nn.Conv1d(WIDE, TOP, 1)])
        self.norm = nn.ModuleList([nn.BatchNorm1d(c.out_channels) for c in self.conv])
        self.attention = nn.ModuleList([nn.Conv1d(TOP, ATTENTION, 1), nn.Conv1d(ATTENTION, TOP, 1)])
        self.head = Head(2 * TOP, len(voice_data.FINE))

    def pooled(self, x):
        """x [B, BANDS, T] -> [B, 2 TOP]: attentive mean and deviation over time."""
        x = x * 0.3
        for i, (conv, norm) in enumerate(zip(self.conv, self.norm)):
            y = F.relu(norm(conv(x)))
            x = x + y if 2 <= i <= 4 else y
        a = self.attention[1](torch.tanh(self.attention[0](x))).softmax(2)
        mean = (a * x).sum(2)
        return torch.cat([mean, ((a * x * x).sum(2) - mean * mean).clamp(min=1e-5).sqrt()], 1)

    def folded(self):
        """[(weight, bias)] of the convolutions with the batch normalisation in them."""
        out = []
        for c, n in zip(self.conv, self.norm):
            s = n.weight / torch.sqrt(n.running_var + n.eps)
            out.append((c.weight * s[:, None, None], n.bias + (c.bias - n.running_mean) * s))
        return out


class Speech:
    """Log-mel frames of each clip: clean first, then degraded and at other speeds."""

    def __init__(self, clips, versions, seed):
        rng = np.random.default_rng(seed)
        self.clips, self.mel = clips, []
        for c in clips:
            cut = c.pcm[c.start:c.end]
            made = [log_mel(cut)]
            for _ in range(versions):
                up = int(rng.integers(44, 57))
                made.append(log_mel(voice_data.degrade(resample_poly(cut, up, 50).astype(np.float32), rng)))
            self.mel.append([m.astype(np.float16) for m in made])
        names = sorted({c.speaker for c in clips})
        self.index = np.arange(len(clips))
        self.speaker = np.array([names.index(c.speaker) for c in clips])
        self.fine, self.label = np.array([c.fine for c in clips]), np.array([c.label for c in clips])
        self.corpus = np.array([c.corpus for c in clips])


def example(mel, rng):
    """A crop of CROP frames (shorter ones wrap around), bands stretched by up to a tenth, some masked."""
    start = int(rng.integers(0, max(1, len(mel) - CROP + 1)))
    x = mel[start:start + CROP].astype(np.float32)
    if len(x) < CROP:
        x = np.concatenate([x] * (CROP // len(x) + 1))[:CROP]
    at = np.clip(np.arange(BANDS) * rng.uniform(0.9, 1.1), 0, BANDS - 1.001)
    low = at.astype(int)
    x = x[:, low] * (1 - (at - low)) + x[:, low + 1] * (at - low)
    for _ in range(2):
        f, t = int(rng.integers(0, BANDS - 8)), int(rng.integers(0, CROP - 24))
        x[:, f:f + int(rng.integers(0, 9))] = 0
        x[t:t + int(rng.integers(0, 25))] = 0
    return x.T


def fit(speech, rows, seed, epochs, batch=64, rate=2e-3):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.05)
    steps = epochs * 2560 // batch
    plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.2)
    weight = weights_of(speech.clips, rows)
    mean_of = {}  # speaker -> running mean of the pooled features: the baseline in training
    for step in range(steps):
        some = rng.choice(rows, batch, p=weight / weight.sum())
        x = np.stack([example(speech.mel[i][rng.integers(0, len(speech.mel[i]))], rng) for i in some])
        z = net.pooled(torch.from_numpy(x.astype(np.float32)))
        for i, k in enumerate(some):
            s, now = speech.speaker[k], z[i].detach()
            mean_of[s] = 0.97 * mean_of[s] + 0.03 * now if s in mean_of else now
        base = net.head.project(torch.stack([mean_of[s] for s in speech.speaker[some]]))
        y = torch.from_numpy(speech.fine[some])
        mix = float(rng.beta(0.3, 0.3))
        other = torch.from_numpy(rng.permutation(batch))
        v = net.head.embed(mix * z + (1 - mix) * z[other])
        loss = 0
        for o in (net.head.classify(v), net.head.classify(v, mix * base + (1 - mix) * base[other])):
            loss = loss + mix * F.cross_entropy(o, y, label_smoothing=0.1)
            loss = loss + (1 - mix) * F.cross_entropy(o, y[other], label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        plan.step()
        if step % 400 == 399:
            print(f"step {step + 1}/{steps}: {loss.item():.3f}", flush=True)
    return net.eval()


@torch.no_grad()
def judge(net, speech, rows):
    z = torch.cat([net.pooled(torch.from_numpy(speech.mel[i][0].astype(np.float32).T[None])) for i in rows])
    v = net.head.project(z)
    base = torch.stack([v[torch.from_numpy(speech.speaker[rows] == s)].mean(0) for s in speech.speaker[rows]])
    return five(net.head.classify(v)), five(net.head.classify(v, base))


def tensors(net):
    out = voice_report.classifier_tensors(net.head)
    for i, (w, b) in enumerate(net.folded()):
        out[f"conv.{i}.weight"], out[f"conv.{i}.bias"] = w.half(), b
    for i, m in enumerate(net.attention):
        out[f"attention.{i}.weight"], out[f"attention.{i}.bias"] = m.weight.half(), m.bias
    out["project.weight"], out["project.bias"] = net.head.project.weight.half(), net.head.project.bias
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--epochs", type=int, default=40)
    p.add_argument("--versions", type=int, default=3, help="degraded copies of each clip")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--folds", type=int, default=5)
    p.add_argument("--only", help="cross-validation of these folds alone (0,2): prints and stores nothing else")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    clips = voice_data.load(a.data)
    speech = Speech(clips, a.versions, a.seed)
    print("frames ready", flush=True)
    fold = voice_data.folds(clips, a.folds)
    logp = torch.zeros(2, len(clips), 5)
    for k in [int(x) for x in a.only.split(",")] if a.only else range(a.folds):
        rows = np.flatnonzero(fold == k)
        net = fit(speech, np.flatnonzero(fold != k), a.seed + k, a.epochs)
        logp[0, rows], logp[1, rows] = judge(net, speech, rows)
        print(f"fold {k}:", voice_report.uar(logp[:, rows], speech.label[rows], speech.corpus[rows]), flush=True)
    if a.only:
        return
    heat = [temperature(z, torch.from_numpy(speech.label)) for z in logp]
    report = voice_report.card_scores(logp, heat, speech)
    print(report, flush=True)
    net = fit(speech, speech.index, a.seed, a.epochs)
    voice_report.save(os.path.join(a.out, "voice-net.safetensors"), tensors(net), heat,
                      {"recipe": "tools/train/voice_net.py", "scores": report})
    voice_report.save_card(os.path.join(a.out, "voice-net.md"), "voice-net", "net", "", report, a)


if __name__ == "__main__":
    main()
