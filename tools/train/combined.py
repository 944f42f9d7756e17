"""Fits what the two parts of a combined embedding weigh: models/knowledge/combined.json.

    undertone kb import TEXTS.jsonl --store T.db; undertone kb export T.jsonl --store T.db     (and the same for KEYS)
    python tools/train/combined.py --data ../shared/data --whisper DIR --queries T.jsonl --keys K.jsonl --out models/knowledge

No corpus has both words and voices of everyday talk with labels, so they are put together: sentences of MELD (or any
labelled texts) in the voices of actors whom the voice head never heard. A third say and sound the same feeling, a third
say it calmly, and a third say something neutral with feeling; the label is the feeling. Queries and the utterances that
vote have other sentences and other speakers. For each share of the voice in the similarity the fifty nearest vote as in
src/emotion/examples.c; the share with the least cross-entropy is written. Pooled voice features are made once and kept
in --cache (voice_features.py).
"""
import argparse
import base64
import json
import os

import numpy as np
import torch
from sklearn.metrics import f1_score, recall_score

import voice_data
import voice_features
import voice_whisper

LABELS = ["sad", "happy", "angry", "neutral", "non-neutral"]
NEUTRAL = LABELS.index("neutral")
KINDS = ("both", "words", "voice")
SHARES = (0, 0.05, 0.1, 0.2, 0.3, 0.36, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
VOTERS, TEMPERATURE, DOUBT = 50, 0.05, 0.5  # src/emotion/examples.c


def texts_of(path):
    """Unit sentence vectors and labels of what `kb export` wrote."""
    vectors, labels = [], []
    for line in open(path, encoding="utf-8"):
        item = json.loads(line)
        if item.get("label"):
            vectors.append(np.frombuffer(base64.b64decode(item["vector"]), "<f4")[:384])
            labels.append(LABELS.index(item["label"]))
    vectors = np.array(vectors)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.array(labels)


def voices_of(options):
    """Unit voice vectors of the speakers of folds 2 and 3 by a head that never heard them, with labels and folds."""
    clips = voice_data.load(options.data)
    layers = voice_whisper.LAYERS["base"]
    index, x = voice_features.cached(clips, options.whisper, max(layers), options.cache, 1, False)
    data = voice_whisper.Data(clips, [(index, x)], [layer for layer in layers if layer < x.shape[2]])
    fold = voice_data.folds(clips)[index]
    head = voice_whisper.fit(data, np.flatnonzero(~np.isin(fold, (2, 3))), 1, options.epochs)
    with torch.no_grad():
        v = head.project(torch.from_numpy(data.x[:, 0].astype(np.float32))).numpy()
    out = np.isin(fold, (2, 3))
    return v[out] / np.linalg.norm(v[out], axis=1, keepdims=True), data.label[out], fold[out]


def compose(count, texts, text_labels, voices, voice_labels, rng):
    """Utterances put together: sentence, voice, label and kind of each."""
    said = [np.flatnonzero(text_labels == k) for k in range(5)]
    heard = [np.flatnonzero(voice_labels == k) for k in range(5)]
    kind = np.arange(count) % 3
    label = rng.integers(0, 5, count)  # as often each, so that none is drowned
    words = [rng.choice(said[NEUTRAL if k == 2 else y]) for k, y in zip(kind, label)]
    sound = [rng.choice(heard[NEUTRAL if k == 1 else y]) for k, y in zip(kind, label)]
    return texts[words], voices[sound], label, kind


def votes(similarity, labels):
    share = np.bincount(labels, minlength=5) / len(labels)
    near = np.argsort(-similarity, axis=1, kind="stable")[:, :VOTERS]
    close = np.take_along_axis(similarity, near, 1)
    weight = np.exp((close - close[:, :1]) / TEMPERATURE)
    out = np.full((len(near), 5), DOUBT)
    for i in range(VOTERS):
        np.add.at(out, (np.arange(len(near)), labels[near[:, i]]), weight[:, i] / share[labels[near[:, i]]])
    return out / out.sum(1, keepdims=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "whisper", "queries", "keys", "out"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--cache", default="build/voice_features")
    p.add_argument("--epochs", type=int, default=12)
    p.add_argument("--count", type=int, default=3000, help="utterances that vote; half as many ask")
    options = p.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(1)
    asked, asked_labels = texts_of(options.queries)
    known, known_labels = texts_of(options.keys)
    voices, voice_labels, fold = voices_of(options)
    loss, judged, truth, kinds = {s: [] for s in SHARES}, {s: [] for s in SHARES}, [], []
    for mine, others in ((2, 3), (3, 2)):
        qt, qv, y, kind = compose(options.count // 4, asked, asked_labels, voices[fold == mine], voice_labels[fold == mine], rng)
        kt, kv, labels, _ = compose(options.count, known, known_labels, voices[fold == others], voice_labels[fold == others], rng)
        words, sound = qt @ kt.T, qv @ kv.T
        truth, kinds = np.r_[truth, y].astype(int), np.r_[kinds, kind].astype(int)
        for s in SHARES:
            vote = votes((1 - s) * words + s * sound, labels)
            loss[s] += list(-np.log(vote[np.arange(len(y)), y]))
            judged[s] += list(vote.argmax(1))
    print(f"{len(voices)} clips of unheard speakers, {len(truth)} queries")
    print("share of the voice   cross-entropy   UAR   weighted F1   UAR of: " + ", ".join(KINDS))
    for s in SHARES:
        g = np.array(judged[s])
        parts = " ".join(f"{100 * recall_score(truth[kinds == k], g[kinds == k], average='macro'):6.1f}" for k in range(3))
        print(f"{s:8.2f} {np.mean(loss[s]):18.4f} {100 * recall_score(truth, g, average='macro'):11.1f} "
              f"{100 * f1_score(truth, g, average='weighted'):9.1f}      {parts}")
    best = min(SHARES[1:-1], key=lambda s: np.mean(loss[s]))
    weights = {"text_weight": round((1 - best) ** 0.5, 2), "voice_weight": round(best ** 0.5, 2)}
    with open(os.path.join(options.out, "combined.json"), "w", encoding="utf-8") as f:
        f.write(json.dumps(weights, indent=2) + "\n")
    print(weights)


if __name__ == "__main__":
    main()
