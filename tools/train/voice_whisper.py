"""Train the head that hears emotion in Whisper's encoder, and measure it on speakers it never heard.

    python tools/train/voice_whisper.py --data ../shared/data --whisper DIR --out models/emotion_voice/

DIR is a CTranslate2 Whisper folder (`faster-whisper-base`). Pooled features are made once and kept in --cache. Writes
<name>.safetensors and <name>.md: the score there is of five-fold cross-validation over speakers; the weights are
trained on all of them. With --held_out FOLDER also heads that never heard some speakers, for bench/acted.py: FOLDER/0 is
trained without the speakers of fold 0, FOLDER/23 without those of folds 2 and 3 (tools/train/fusion.py fits on these).

    pooled layers -> standardise and project, one linear map -> voice[128] -> (minus the speaker's mean) -> 9 -> 5 classes
"""
import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import voice_data
import voice_features
import voice_report

VOICE = 128
HIDDEN = 96
LAYERS = {"base": (1, 2, 3, 4), "tiny.en": (0, 1, 2, 3, 4)}  # the last blocks of base know words, not voices


class Head(nn.Module):
    def __init__(self, inputs, fine):
        super().__init__()
        self.project = nn.Linear(inputs, VOICE)
        self.hidden = nn.ModuleList([nn.Linear(VOICE, HIDDEN), nn.Linear(VOICE, HIDDEN)])
        self.out = nn.ModuleList([nn.Linear(HIDDEN, fine), nn.Linear(HIDDEN, fine)])
        self.input_drop, self.drop = nn.Dropout(0.3), nn.Dropout(0.3)

    def embed(self, x):
        return self.project(self.input_drop(x))

    def classify(self, v, baseline=None):
        known = int(baseline is not None)
        h = F.gelu(self.hidden[known](self.drop(v - baseline if known else v)))
        return self.out[known](self.drop(h))


def five(logits):
    """Log-probabilities of the five classes: the fine ones added up."""
    logp = F.log_softmax(logits, -1)
    return torch.stack([torch.logsumexp(logp[:, voice_data.FIVE_OF_FINE == k], 1) for k in range(5)], 1)


def weights_of(clips, index):
    """Each class within each corpus counts the same; corpora count by the square root of their speakers."""
    key = np.array([clips[i].corpus * 5 + clips[i].label for i in index])
    speakers = [len({c.speaker for c in clips if c.corpus == k}) ** 0.5 for k in range(voice_data.EVERYDAY + 1)]
    count = np.bincount(key, minlength=20)
    w = np.array([speakers[k // 5] / count[k] for k in key])
    return w / w.mean()


class Data:
    """Passes over the corpora stacked: index of the clip, features [n, cuts, F] in f16."""

    def __init__(self, clips, passes, layers):
        self.clips = clips
        self.index = np.concatenate([i for i, _ in passes])
        self.x = np.concatenate([x[:, :, list(layers)].reshape(len(x), x.shape[1], -1) for _, x in passes])
        names = sorted({c.speaker for c in clips})
        self.speaker = np.array([names.index(clips[i].speaker) for i in self.index])
        self.fine = np.array([clips[i].fine for i in self.index])
        self.label = np.array([clips[i].label for i in self.index])
        self.corpus = np.array([clips[i].corpus for i in self.index])

    def standard(self, rows):
        sample = self.x[rows][:, 0].astype(np.float32)
        return sample.mean(0), sample.std(0) + 1e-3


def baselines(data, rows, rng, mean, std, each=4):
    """[speaker, each, F]: means over a few utterances of each speaker, as a conversation would give them."""
    out = np.zeros((data.speaker.max() + 1, each, data.x.shape[2]), np.float32)
    for s in np.unique(data.speaker[rows]):
        mine = rows[data.speaker[rows] == s]
        for k in range(each):
            some = rng.choice(mine, min(len(mine), int(rng.integers(6, 40))), replace=False)
            out[s, k] = (data.x[some, 0].astype(np.float32).mean(0) - mean) / std
    return out


def fit(data, rows, seed, epochs, decay=0.1, rate=1e-3):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    mean, std = data.standard(rows)
    head = Head(data.x.shape[2], len(voice_data.FINE))
    groups = [{"params": head.project.parameters(), "weight_decay": decay * 5},
              {"params": [p for n, p in head.named_parameters() if not n.startswith("project")], "weight_decay": decay}]
    optimizer = torch.optim.AdamW(groups, lr=rate)
    weight = weights_of(data.clips, data.index[rows])
    batch, steps = 128, epochs * (len(rows) // 128)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.15)
    base = None
    for step in range(steps):
        if step % 40 == 0:
            base = baselines(data, rows, rng, mean, std)
        some = rng.choice(rows, batch, p=weight / weight.sum())
        cut = rng.choice(len(voice_features.CUTS), batch, p=(0.5, 0.2, 0.3))
        x = torch.from_numpy((data.x[some, cut].astype(np.float32) - mean) / std)
        b = torch.from_numpy(base[data.speaker[some], rng.integers(0, base.shape[1], batch)])
        mix = float(rng.beta(0.4, 0.4))
        other = torch.from_numpy(rng.permutation(batch))
        v = head.embed(mix * x + (1 - mix) * x[other])
        v0 = head.project(mix * b + (1 - mix) * b[other])
        y = torch.from_numpy(data.fine[some])
        loss = 0
        for z in (head.classify(v), head.classify(v, v0)):
            loss = loss + mix * F.cross_entropy(z, y, label_smoothing=0.1)
            loss = loss + (1 - mix) * F.cross_entropy(z, y[other], label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        plan.step()
    with torch.no_grad():  # standardisation becomes part of the projection
        w = head.project.weight / torch.from_numpy(std)
        head.project.bias -= w @ torch.from_numpy(mean)
        head.project.weight.copy_(w)
    return head.eval()


@torch.no_grad()
def opinions(head, data, rows, cut=0):
    """Logits of the fine classes for an unknown and for a known speaker (mean of the speaker's rows taken off)."""
    v = head.project(torch.from_numpy(data.x[rows, cut].astype(np.float32)))
    base = torch.stack([v[torch.from_numpy(data.speaker[rows] == s)].mean(0) for s in data.speaker[rows]])
    return head.classify(v), head.classify(v, base)


def judge(head, data, rows, cut=0):
    """Log-probabilities [n, 5] for an unknown and for a known speaker."""
    return [five(z) for z in opinions(head, data, rows, cut)]


def temperature(logp, y):
    """The divisor of the log-probabilities that gives held-out speakers the least cross-entropy."""
    grid = np.geomspace(0.3, 3, 60)
    return float(min(grid, key=lambda t: F.cross_entropy(logp / t, y).item()))


def cross_validate(train, test, epochs, seed, count=5):
    fold = voice_data.folds(train.clips, count)
    logp = torch.zeros(2, len(test.index), 5)
    for k in range(count):
        head = fit(train, np.flatnonzero(fold[train.index] != k), seed + k, epochs)
        rows = np.flatnonzero(fold[test.index] == k)
        logp[0, rows], logp[1, rows] = judge(head, test, rows)
        if k == 0:
            acted = rows[test.corpus[rows] != voice_data.EVERYDAY]
            part = voice_report.uar(logp[:, acted], test.label[acted], test.corpus[acted])
            print("fold 0:", part, flush=True)
    return logp


def save_held_out(folder, name, layers, test, train, logp, a):
    """Heads without the speakers of a group of folds; their temperatures are of the other speakers too."""
    fold = voice_data.folds(test.clips)
    y = torch.from_numpy(test.label)
    for group in ("0", "1", "23"):
        out = [int(k) for k in group]
        head = fit(train, np.flatnonzero(~np.isin(fold[train.index], out)), a.seed, a.epochs)
        rest = np.flatnonzero(~np.isin(fold[test.index], out))
        os.makedirs(os.path.join(folder, group), exist_ok=True)
        voice_report.save_head(os.path.join(folder, group, name + ".safetensors"), head, layers,
                               [temperature(z[rest], y[rest]) for z in logp], f"without folds {group}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--whisper", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--cache", default="build/voice_features")
    p.add_argument("--augmented", type=int, default=0, help="passes over half of the clips each, with noise, rooms, telephones, codecs")
    p.add_argument("--held_out", help="folder for heads that leave speakers out")
    p.add_argument("--epochs", type=int, default=48)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    size = os.path.basename(os.path.normpath(a.whisper)).replace("faster-", "").replace("whisper-", "")
    layers = LAYERS[size]
    acted, plain = voice_data.load(a.data), voice_data.everyday(a.data)
    clips, upto = acted + plain, max(layers)

    def features(seed, augment, **more):
        return voice_features.cached(acted, a.whisper, upto, a.cache, seed, augment, **more)

    def unacted(seed, augment):
        index, x = voice_features.cached(plain, a.whisper, upto, a.cache, seed, augment, "everyday_")
        return index + len(acted), x

    clean = [features(1, False), unacted(20, False)]
    more = [features(10 + i, True, every=2, first=i % 2) for i in range(a.augmented)]
    more += [unacted(21, True)] if a.augmented else []
    test, train = Data(clips, clean, layers), Data(clips, clean + more, layers)
    logp = cross_validate(train, test, a.epochs, a.seed)
    y = torch.from_numpy(test.label)
    heat = [temperature(z, y) for z in logp]
    report = voice_report.card_scores(logp, heat, test)
    print(report, flush=True)
    name = f"whisper-{size}-voice"
    if a.held_out:
        save_held_out(a.held_out, name, layers, test, train, logp, a)
    head = fit(train, np.arange(len(train.index)), a.seed, a.epochs)
    voice_report.save_head(os.path.join(a.out, name + ".safetensors"), head, layers, heat, report)
    voice_report.save_card(os.path.join(a.out, name + ".md"), name, "whisper", size, report, a)


if __name__ == "__main__":
    main()
