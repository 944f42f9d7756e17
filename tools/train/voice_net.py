"""Train the bundled network that hears emotion in log-mel frames, for when no Whisper is loaded, and measure it.

    python tools/train/voice_net.py --data ../shared/data --whisper DIR --out models/emotion_voice/

Writes voice-net.safetensors and voice-net.md: the score there is of five-fold cross-validation over speakers; the
weights are trained on all of them. Batch normalisation is folded into the convolutions.
"""
import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch
import torch.nn.functional as F
from scipy.signal import resample_poly
from torch import nn

import voice_data
import voice_features
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

    def __init__(self, clips, versions, seed, cache):
        self.clips = clips
        path = os.path.join(cache, f"log_mel_{versions}_{seed}.npz")
        if not os.path.exists(path):
            os.makedirs(cache, exist_ok=True)
            made = [m for c in clips for m in self.frames(c, versions, np.random.default_rng([seed, len(c.pcm), c.start]))]
            with open(path + ".part", "wb") as f:
                np.savez(f, x=np.concatenate(made), n=[len(m) for m in made])
            os.replace(path + ".part", path)
        with np.load(path) as z:
            made = np.split(z["x"], np.cumsum(z["n"])[:-1])
        self.mel = [made[i:i + versions + 1] for i in range(0, len(made), versions + 1)]
        names = sorted({c.speaker for c in clips})
        self.index = np.arange(len(clips))
        self.speaker = np.array([names.index(c.speaker) for c in clips])
        self.fine, self.label = np.array([c.fine for c in clips]), np.array([c.label for c in clips])
        self.corpus = np.array([c.corpus for c in clips])

    @staticmethod
    def frames(clip, versions, rng):
        cut = clip.pcm[clip.start:clip.end]
        out = [log_mel(cut)]
        for _ in range(versions):
            faster = resample_poly(cut, int(rng.integers(44, 57)), 50).astype(np.float32)
            out.append(log_mel(voice_data.degrade(faster, rng)))
        return [m.astype(np.float16) for m in out]


def examples(mels, rng):
    """[B, BANDS, CROP]: crops (shorter clips wrap around), bands stretched by up to a tenth, some masked."""
    x = np.empty((len(mels), CROP, BANDS), np.float32)
    stretch = np.zeros((len(mels), BANDS, BANDS), np.float32)
    for i, mel in enumerate(mels):
        start = int(rng.integers(0, max(1, len(mel) - CROP + 1)))
        x[i] = mel[(start + np.arange(CROP)) % len(mel)]
        at = np.clip(np.arange(BANDS) * rng.uniform(0.9, 1.1), 0, BANDS - 1.001)
        low = at.astype(int)
        stretch[i, low, np.arange(BANDS)] = 1 - (at - low)
        stretch[i, low + 1, np.arange(BANDS)] = at - low
    out = torch.bmm(torch.from_numpy(stretch).transpose(1, 2), torch.from_numpy(x).transpose(1, 2))
    for i in range(len(mels)):
        f, t = int(rng.integers(0, BANDS - 8)), int(rng.integers(0, CROP - 24))
        out[i, f:f + int(rng.integers(0, 9))] = 0
        out[i, :, t:t + int(rng.integers(0, 25))] = 0
    return out


def teacher(features, rows, size=64):
    """[n, size]: the pooled layers of Whisper by their first principal components over `rows`, each of variance 1. It
    knows no label, and of the speakers held back it has seen nothing."""
    x = torch.from_numpy(features.reshape(len(features), -1).astype(np.float32))
    mean, std = x[rows].mean(0), x[rows].std(0) + 1e-3
    x = (x - mean) / std
    torch.manual_seed(0)
    _, s, v = torch.pca_lowrank(x[rows], size, center=False, niter=3)
    return x @ v / (s / len(rows) ** 0.5)


def mixed(loss, mix, other, target):
    return mix * loss(target) + (1 - mix) * loss(target[other])


def fit(speech, rows, seed, steps, whisper=None, batch=64, rate=3e-3):
    """Trains on `rows`; with `whisper` (pooled layers of every clip) it also learns to say what Whisper hears."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net, guess = Net(), nn.Linear(2 * TOP, 64)
    optimizer = torch.optim.AdamW([*net.parameters(), *guess.parameters()], lr=rate, weight_decay=0.05)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.2)
    weight = weights_of(speech.clips, rows)
    heard = teacher(whisper, rows) if whisper is not None else None
    mean_of = {}  # speaker -> running mean of the pooled features: the baseline in training
    for step in range(steps):
        some = rng.choice(rows, batch, p=weight / weight.sum())
        x = examples([speech.mel[i][rng.integers(0, len(speech.mel[i]))] for i in some], rng)
        mix = float(rng.beta(0.3, 0.3))
        other = torch.from_numpy(rng.permutation(batch))
        y = torch.from_numpy(speech.fine[some])
        with torch.autocast("cpu", torch.bfloat16):
            z = net.pooled(x)
        z = z.float()
        for i, k in enumerate(some):
            s, now = speech.speaker[k], z[i].detach()
            mean_of[s] = 0.97 * mean_of[s] + 0.03 * now if s in mean_of else now
        base = net.head.project(torch.stack([mean_of[s] for s in speech.speaker[some]]))
        v = net.head.embed(mix * z + (1 - mix) * z[other])
        loss = 0
        for o in (net.head.classify(v), net.head.classify(v, mix * base + (1 - mix) * base[other])):
            loss = loss + mixed(lambda t, o=o: F.cross_entropy(o, t, label_smoothing=0.1), mix, other, y)
        if heard is not None:
            loss = loss + F.mse_loss(guess(z), heard[torch.from_numpy(some)])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        plan.step()
        if step % 200 == 199:
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


def prepare(a):
    torch.set_num_threads(1)
    clips = voice_data.load(a.data)
    speech = Speech(clips, a.versions, a.seed, a.cache)
    whisper = None
    if a.whisper:
        index, pooled = voice_features.cached(clips, a.whisper, 5, a.cache, 1, False)
        assert (index == speech.index).all()
        whisper = pooled[:, 0, 2:5]
    return speech, whisper, voice_data.folds(clips)


def one(a, k):
    """Fit without fold k and judge it; k of None fits on everything and gives the network's tensors."""
    speech, whisper, fold = prepare(a)
    steps = a.epochs * 40
    if k is None:
        return {n: t.detach().numpy() for n, t in tensors(fit(speech, speech.index, a.seed, steps, whisper)).items()}
    rows = np.flatnonzero(fold == k)
    logp = torch.stack(judge(fit(speech, np.flatnonzero(fold != k), a.seed + k, steps, whisper), speech, rows))
    print(f"fold {k}:", voice_report.uar(logp, speech.label[rows], speech.corpus[rows]), flush=True)
    return rows, logp.numpy()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--whisper", help="CTranslate2 Whisper folder: the network also learns to say what it hears")
    p.add_argument("--cache", default="build/voice_features")
    p.add_argument("--epochs", type=int, default=40, help="of 2560 examples")
    p.add_argument("--versions", type=int, default=3, help="degraded copies of each clip")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--jobs", type=int, default=2, help="fits at a time")
    a = p.parse_args()
    speech, _, _ = prepare(a)
    logp = torch.zeros(2, len(speech.index), 5)
    with ProcessPoolExecutor(a.jobs, mp_context=get_context("spawn")) as pool:
        *judged, final = list(pool.map(one, [a] * 6, [0, 1, 2, 3, 4, None]))
    for rows, part in judged:
        logp[:, rows] = torch.from_numpy(part)
    heat = [temperature(z, torch.from_numpy(speech.label)) for z in logp]
    report = voice_report.card_scores(logp, heat, speech)
    print(report, flush=True)
    voice_report.save(os.path.join(a.out, "voice-net.safetensors"), {n: torch.from_numpy(t) for n, t in final.items()},
                      heat, {"recipe": "tools/train/voice_net.py", "scores": report})
    voice_report.save_card(os.path.join(a.out, "voice-net.md"), "voice-net", "net", "", report, a)


if __name__ == "__main__":
    main()
