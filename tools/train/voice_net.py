"""Train the bundled network that hears emotion in log-mel frames, for when no Whisper is loaded, and measure it.

    python tools/train/voice_net.py --data ../shared/data --whisper DIR --out models/emotion_voice/

Writes voice-net.safetensors and voice-net.md: the score there is of five-fold cross-validation over speakers; the
weights are trained on all of them. Batch normalisation is folded into the convolutions.
"""
import argparse
import functools
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import voice_data
import voice_features
import voice_report
import voice_whisper
from voice_whisper import Head, five, temperature

BANDS, N_FFT, FRAME, HOP = 64, 512, 400, 160
FLOOR = 1e-6
CROP = 192  # frames of a training example
LINES = 4  # ways in which a speaker is heard at a time
WIDE, TOP, ATTENTION = 128, 192, 64
SPOKEN, HEARD = 64, 96  # principal components of what Whisper hears: of an utterance, of a moment
LAYER = 3  # of Whisper base: the best of its blocks for emotion
TRUST = 0.5  # how much the opinions of heads on Whisper weigh beside the labels


def edges():
    """HTK's mel scale, 60 Hz to 7600 Hz: [BANDS + 2] in Hz."""
    return 700 * (10 ** (np.linspace(2595 * np.log10(1 + 60 / 700), 2595 * np.log10(1 + 7600 / 700), BANDS + 2) / 2595) - 1)


@functools.cache
def filters():
    """Triangles of height 1: [BANDS, N_FFT / 2 + 1]."""
    edge = edges()
    f = np.arange(N_FFT // 2 + 1) * voice_data.RATE / N_FFT
    up, down = (f - edge[:-2, None]) / np.diff(edge)[:-1, None], (edge[2:, None] - f) / np.diff(edge)[1:, None]
    return np.maximum(0, np.minimum(up, down)).astype(np.float32)


def log_mel(pcm):
    """[T, BANDS]: speech set to -26 dB, natural log of the band powers."""
    pcm = pcm * (10 ** (voice_data.LEVEL_DB / 20) / max(voice_data.speech_level(pcm), 1e-9))
    n = max(1, 1 + (len(pcm) - FRAME) // HOP)
    pcm = np.pad(pcm, (0, max(0, FRAME - len(pcm))))
    frames = np.lib.stride_tricks.sliding_window_view(pcm, FRAME)[:: HOP][:n]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    power = np.abs(np.fft.rfft(frames * window, N_FFT)).astype(np.float32) ** 2
    return np.log(np.maximum(power @ filters().T, FLOOR))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.ModuleList([nn.Conv1d(BANDS, 96, 5, 2, 2), nn.Conv1d(96, WIDE, 5, 2, 2),
                                   nn.Conv1d(WIDE, WIDE, 3, 1, 1), nn.Conv1d(WIDE, WIDE, 3, 1, 2, dilation=2),
                                   nn.Conv1d(WIDE, WIDE, 3, 1, 3, dilation=3), nn.Conv1d(WIDE, TOP, 1)])
        self.norm = nn.ModuleList([nn.BatchNorm1d(c.out_channels) for c in self.conv])
        self.attention = nn.ModuleList([nn.Conv1d(TOP, ATTENTION, 1), nn.Conv1d(ATTENTION, TOP, 1)])
        self.head = Head(2 * TOP + BANDS, len(voice_data.FINE))
        self.register_buffer("usual", torch.zeros(BANDS))  # mean of `mean` over the training clips

    def forward(self, x, mean):
        """x [B, BANDS, T], each band's mean over the utterance taken off, and that mean [B, BANDS] -> what is heard at
        each moment [B, TOP, T/4]; what of the utterance [B, 2 TOP + BANDS]: attentive mean and deviation over time,
        and the mean spectrum, in which the timbre is."""
        x = x * 0.3
        for i, (conv, norm) in enumerate(zip(self.conv, self.norm)):
            y = F.relu(norm(conv(x)))
            x = x + y if 2 <= i <= 4 else y
        a = self.attention[1](torch.tanh(self.attention[0](x))).softmax(2)
        x, a = x.float(), a.float()
        m = (a * x).sum(2)
        return x, torch.cat([m, ((a * x * x).sum(2) - m * m).clamp(min=1e-5).sqrt(), (mean - self.usual) * 0.3], 1)

    def folded(self):
        """[(weight, bias)] of the convolutions with the batch normalisation in them."""
        out = []
        for c, n in zip(self.conv, self.norm):
            s = n.weight / torch.sqrt(n.running_var + n.eps)
            out.append((c.weight * s[:, None, None], n.bias + (c.bias - n.running_mean) * s))
        return out


class Speech:
    """Log-mel frames of each clip."""

    def __init__(self, clips, cache):
        self.clips = clips
        names = sorted({c.speaker for c in clips})
        self.index = np.arange(len(clips))
        self.speaker = np.array([names.index(c.speaker) for c in clips])
        self.fine, self.label = np.array([c.fine for c in clips]), np.array([c.label for c in clips])
        self.corpus = np.array([c.corpus for c in clips])
        path = os.path.join(cache, "log_mel.npz")
        if not os.path.exists(path):
            os.makedirs(cache, exist_ok=True)
            made = [log_mel(c.pcm[c.start:c.end]).astype(np.float16) for c in clips]
            with open(path + ".part", "wb") as f:
                np.savez(f, x=np.concatenate(made), n=[len(m) for m in made])
            os.replace(path + ".part", path)
        with np.load(path) as z:
            self.mel = np.split(z["x"], np.cumsum(z["n"])[:-1])


class Lines:
    """What `count` telephones, rooms and microphones, and the vocal tracts before them, make of log-mel frames.

    A speaker talks through one of them for a while, so that the usual voice is known through the same line. It is done to
    the band powers: cheap enough to draw new ones all the time. The first of every LINES leaves speech as it is.
    """

    def __init__(self, count, rng):
        def draw(low, high, chance, otherwise):
            x = rng.uniform(low, high, count)
            x[rng.random(count) >= chance] = otherwise
            x[::LINES] = otherwise
            return x

        edge = edges()
        width, hz = (edge[2:] - edge[:-2]) / 2, edge[1:-1]
        self.speed = draw(0.88, 1.14, 1, 1)
        self.stretch = torch.zeros(count, BANDS, BANDS)
        for s, by in zip(self.stretch.numpy(), draw(0.9, 1.1, 1, 1)):
            at = np.clip(np.arange(BANDS) * by, 0, BANDS - 1.001)
            low = at.astype(int)
            s[np.arange(BANDS), low], s[np.arange(BANDS), low + 1] = 1 - (at - low), at - low
        low = draw(50, 350, 0.4, 1)
        high = np.where(low > 1, rng.uniform(3200, 3800, count), 1e5)
        octaves = np.log2(low[:, None] / hz).clip(0) + 3 * np.log2(hz / high[:, None]).clip(0)
        self.gain = torch.from_numpy(np.exp(-5.5 * octaves)).float()  # 24 dB an octave below, 72 above
        noise = width * hz ** -rng.uniform(0, 1, (count, 1))
        noise *= 10 ** -draw(1, 4.5, 0.5, 9)[:, None] / noise.mean(1, keepdims=True)  # so far below speech
        self.noise = torch.from_numpy(noise).float()
        self.echo = torch.from_numpy(draw(0.01, 0.2, 0.25, 0)).float()
        self.decay = torch.from_numpy(np.exp(-13.8 / rng.uniform(10, 40, count))).float()  # 60 dB in 0.1 to 0.4 s

    def __call__(self, x, keys):
        """x [B, BANDS, T] through the lines `keys`, as loud as before."""
        p = torch.bmm(self.stretch[keys], x).exp_()
        loud = p.mean((1, 2), keepdim=True)
        far = np.flatnonzero(self.echo[keys] > 0)
        late, decay = p[far], self.decay[keys[far]][:, None, None]
        for k in (1, 2, 4, 8):
            late = late + decay ** k * late.roll(k, 2)
        p[far] += self.echo[keys[far]][:, None, None] * late
        p *= self.gain[keys][:, :, None]
        p += p.mean((1, 2), keepdim=True) * self.noise[keys][:, :, None] * (0.4 + 1.2 * torch.rand(1, *p.shape[1:]))
        p *= loud / p.mean((1, 2), keepdim=True)
        return p.clamp_(min=FLOOR).log_()


def crops(mels, speed, rng):
    """[B, BANDS, CROP] and the frames that they are, [B, CROP]; shorter clips wrap around."""
    x = np.empty((len(mels), CROP, BANDS), np.float32)
    frames = np.empty((len(mels), CROP), int)
    for i, mel in enumerate(mels):
        at = (np.arange(CROP) * speed[i]).astype(int)
        frames[i] = (int(rng.integers(0, max(1, len(mel) - at[-1]))) + at) % len(mel)
        x[i] = mel[frames[i]]
    return torch.from_numpy(x).transpose(1, 2), frames


def mask(x, rng):
    """Some bands and frames of x [B, BANDS, CROP] set to 0, in place."""
    for y in x:
        f, t = int(rng.integers(0, BANDS - 8)), int(rng.integers(0, CROP - 24))
        y[f:f + int(rng.integers(0, 9))] = 0
        y[:, t:t + int(rng.integers(0, 25))] = 0
    return x


def colour(count, rng):
    """[count, BANDS]: smooth differences between microphones, some decibels, as natural logarithms of power."""
    wave = np.cos(np.pi * np.outer(np.arange(1, 4), (np.arange(BANDS) + 0.5) / BANDS))
    return torch.from_numpy((rng.normal(0, 0.35, (count, 3)) @ wave).astype(np.float32))


def components(x, size, power):
    """(mean, matrix): x as its first principal components, the largest of variance 1, the others to `power` of theirs."""
    mean, std = x.mean(0), x.std(0) + 1e-3
    torch.manual_seed(0)
    _, s, v = torch.pca_lowrank((x - mean) / std, size, center=False, niter=3)
    return mean, v / std[:, None] * ((s / s[0]) ** power / s * len(x) ** 0.5)


class Teacher:
    """What Whisper hears of each clip, by principal components over `rows`. It knows no label, and of the speakers held
    back it has seen nothing."""

    def __init__(self, pooled, frames, rows):
        x = torch.from_numpy(pooled[:, 0, 2:5].reshape(len(pooled), -1).astype(np.float32))
        mean, matrix = components(x[rows], SPOKEN, 0)
        self.pooled = (x - mean) @ matrix
        some = torch.from_numpy(np.concatenate([frames[i][::16] for i in rows]).astype(np.float32))
        mean, matrix = components(some, HEARD, 0.5)
        self.frames = {i: (torch.from_numpy(frames[i].astype(np.float32)) - mean) @ matrix for i in rows}

    def moments(self, clips, frames, lengths):
        """[B, HEARD, CROP / 4] at log-mel frames[B, CROP] of clips that have `lengths` frames in all."""
        out = []
        for i, at, n in zip(clips, frames, lengths):
            x = self.frames[i]
            out.append(x[np.minimum(at[::4] * len(x) // n, len(x) - 1)])
        return torch.stack(out).transpose(1, 2)


def opinions(speech, pooled, fold, k):
    """[2, n, fine classes]: what heads on Whisper say of each clip, speaker unknown and known. Each clip is judged by a
    head that heard neither its speaker nor those of fold k: one that was trained on a clip only repeats its label."""
    data = voice_whisper.Data(speech.clips, [(speech.index, pooled)], voice_whisper.LAYERS["base"])
    out = np.zeros((2, len(fold), len(voice_data.FINE)), np.float32)
    for j in set(fold) - {k}:
        head = voice_whisper.fit(data, np.flatnonzero((fold != j) & (fold != (j if k is None else k))), 1, 24)
        rows = np.flatnonzero(fold == j)
        out[:, rows] = torch.stack(voice_whisper.opinions(head, data, rows))
    return out


def shares(speech, rows):
    """Each class within each corpus counts the same; corpora count by the cube root of their clips, unacted talk by half."""
    key = speech.corpus[rows] * 5 + speech.label[rows]
    count, clips = np.bincount(key), np.bincount(speech.corpus[rows])
    classes = np.array([len(set(speech.label[rows][speech.corpus[rows] == c])) for c in range(len(clips))])
    part = clips ** 0.33
    part[voice_data.EVERYDAY] *= 0.5
    w = (part / classes)[speech.corpus[rows]] / count[key]
    return w / w.sum()


def targets(speech, said):
    """[2, n, fine classes]: the labels, smoothed, and what heads on Whisper say of an unknown and of a known speaker."""
    classes = len(voice_data.FINE)
    label = torch.eye(classes)[torch.from_numpy(speech.fine)] * 0.9 + 0.1 / classes
    label = label.expand(2, -1, -1)
    return label if said is None else label.lerp(torch.from_numpy(said).softmax(-1), TRUST)


def fit(speech, rows, seed, steps, whisper=None, said=None, batch=64, rate=3e-3):
    """Trains on `rows`; with `whisper` (pooled layers and frames of every clip) it also learns to say what Whisper hears,
    of the whole utterance and at each moment, and with `said` what heads on Whisper make of it."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net, say, follow = Net(), nn.Linear(2 * TOP, SPOKEN), nn.Conv1d(TOP, HEARD, 1)
    optimizer = torch.optim.AdamW([*net.parameters(), *say.parameters(), *follow.parameters()], lr=rate, weight_decay=0.05,
                                  fused=True)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.2)
    share, target = shares(speech, rows), targets(speech, said)
    teacher = Teacher(*whisper, rows) if whisper is not None else None
    net.usual.copy_(torch.from_numpy(np.mean([speech.mel[i].mean(0, dtype=np.float32) for i in rows], 0)))
    count = (int(speech.speaker.max()) + 1) * LINES
    usual = torch.zeros(count, 2 * TOP + BANDS)  # running mean of what is pooled: the baseline of a speaker on a line
    lines = heard = None
    for step in range(steps):
        if step % 300 == 0:
            lines, heard = Lines(count, rng), np.zeros(count, int)
        some = rng.choice(rows, batch, p=share)
        keys = speech.speaker[some] * LINES + rng.integers(0, LINES, batch)
        mels = [speech.mel[i] for i in some]
        x, frames = crops(mels, lines.speed[keys], rng)
        x = lines(x, keys)
        mean = x.mean(2)
        x = mask(x - mean[:, :, None], rng)
        mix = float(rng.beta(0.3, 0.3))
        other = torch.from_numpy(rng.permutation(batch))
        with torch.autocast("cpu", torch.bfloat16):
            moment, z = net(x, mean)
        heard[keys] += 1
        usual[keys] = usual[keys].lerp(z.detach(), torch.from_numpy((1 / heard[keys]).clip(0.1)).float()[:, None])
        base = usual[keys]
        coloured = torch.cat([z[:, :2 * TOP], z[:, 2 * TOP:] + 0.3 * colour(batch, rng)], 1)
        unknown = net.head.embed(mix * coloured + (1 - mix) * coloured[other])
        known = net.head.embed(mix * z + (1 - mix) * z[other])
        y = target[:, torch.from_numpy(some)]
        y = mix * y + (1 - mix) * y[:, other]
        loss = F.cross_entropy(net.head.classify(unknown), y[0])
        loss = loss + F.cross_entropy(net.head.classify(known, net.head.project(mix * base + (1 - mix) * base[other])), y[1])
        if teacher is not None:
            loss = loss + F.mse_loss(say(z[:, :2 * TOP]), teacher.pooled[torch.from_numpy(some)])
            want = teacher.moments(some, frames, [len(m) for m in mels])
            loss = loss + F.mse_loss(follow(moment), want) / want.square().mean()
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
    z = []
    for i in rows:
        x = torch.from_numpy(speech.mel[i].astype(np.float32).T[None])
        z.append(net(x - x.mean(2, keepdim=True), x.mean(2))[1])
    z = torch.cat(z)
    v = net.head.project(z)
    base = torch.stack([v[torch.from_numpy(speech.speaker[rows] == s)].mean(0) for s in speech.speaker[rows]])
    return five(net.head.classify(v)), five(net.head.classify(v, base))


def tensors(net):
    out = voice_report.classifier_tensors(net.head)
    for i, (w, b) in enumerate(net.folded()):
        out[f"conv.{i}.weight"], out[f"conv.{i}.bias"] = w.half(), b
    for i, m in enumerate(net.attention):
        out[f"attention.{i}.weight"], out[f"attention.{i}.bias"] = m.weight.half(), m.bias
    w, b = net.head.project.weight.clone(), net.head.project.bias
    w[:, 2 * TOP:] *= 0.3  # the program gives the mean spectrum as it is
    out["project.weight"], out["project.bias"] = w.half(), b - w[:, 2 * TOP:] @ net.usual
    return out


def what_whisper_hears(acted, plain, a):
    """(pooled layers [n, cuts, L, 2, d], layer LAYER of each moment of the speech: n arrays) of each clip."""
    parts = [voice_features.cached(clips, a.whisper, 4, a.cache, seed, False, what, followed=LAYER)
             for clips, seed, what in ((acted, 1, ""), (plain, 20, "everyday_"))]
    assert all((index == np.arange(len(x))).all() for index, x, _ in parts)
    return np.concatenate([x for _, x, _ in parts]), [y for _, _, course in parts for y in course]


def prepare(a):
    torch.set_num_threads(1)
    acted, plain = voice_data.load(a.data), voice_data.everyday(a.data)
    speech = Speech(acted + plain, a.cache)
    return speech, what_whisper_hears(acted, plain, a) if a.whisper else None, voice_data.folds(speech.clips)


def one(a, k):
    """Fit without fold k and judge it; k of None fits on everything and gives the network's tensors."""
    speech, whisper, fold = prepare(a)
    said = opinions(speech, whisper[0], fold, k) if whisper else None
    rows, seed = (speech.index, a.seed) if k is None else (np.flatnonzero(fold != k), a.seed + k)
    net = fit(speech, rows, seed, a.epochs * 50, whisper, said)
    if k is None:
        return {n: t.detach().numpy() for n, t in tensors(net).items()}
    rows = np.flatnonzero(fold == k)
    logp = torch.stack(judge(net, speech, rows))
    print(f"fold {k}:", voice_report.uar(logp, speech.label[rows], speech.corpus[rows]), flush=True)
    return rows, logp.numpy()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--whisper", help="CTranslate2 folder of Whisper base: the network also learns to say what it hears")
    p.add_argument("--cache", default="build/voice_features")
    p.add_argument("--epochs", type=int, default=60, help="of 3200 examples")
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
