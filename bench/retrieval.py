#!/usr/bin/env python3
"""What retrieval gives on MELD's development part: a knowledge base of the training part beside the bundled examples.

    python3 bench/retrieval.py [--data ../shared/data/text/meld] [--text_model auto|bundled]

Through the program: weighted F1 without retrieval, with the bundled examples, with the knowledge base, and the
difference with a 95 % interval (bootstrap over dialogues). Then, from the exported embeddings, the curve over the number
of neighbours, the temperature and the weight of their vote in the pool, which the program's own numbers were chosen from;
and whether it matters that a text which stands in the knowledge base several times votes as often. No dialogue is in
both parts. Needs numpy and scikit-learn.
"""
import argparse
import base64
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from sklearn.metrics import f1_score

ROOT = pathlib.Path(__file__).resolve().parents[1]
LABELS = ["sad", "happy", "angry", "neutral", "non-neutral"]


def undertone(*arguments):
    subprocess.run([str(ROOT / "build" / "undertone"), *map(str, arguments)], check=True, stderr=subprocess.DEVNULL)


def lines(path):
    return [json.loads(line) for line in open(path, encoding="utf-8")]


def fill(store, rows, name, folder, model):
    """A store of these lines; returns the unit text embeddings by id."""
    path = folder / f"{name}.jsonl"
    with path.open("w", encoding="utf-8") as out:
        for i, row in enumerate(rows):
            item = {"id": f"{name}-{i:06d}", "text": row["text"], "source": name,
                    "conversation": f"{name} {row['dialogue']}"}
            if row["emotion5"]:
                item["label"] = row["emotion5"]
            out.write(json.dumps(item) + "\n")
    undertone("kb", "import", path, "--store", store, "--text_model", model)
    undertone("kb", "export", folder / f"{name}.out.jsonl", "--store", store)
    vectors = {}
    for item in lines(folder / f"{name}.out.jsonl"):
        vector = np.frombuffer(base64.b64decode(item["vector"]), "<f4")[:384]
        vectors[item["id"]] = vector / np.linalg.norm(vector)
    return np.stack([vectors[f"{name}-{i:06d}"] for i in range(len(rows))])


def judge(dev, folder, model, *more):
    undertone("analyze", "--text", dev, "--output", folder / "out.jsonl", "--text_model", model, *more)
    return np.array([[r["probabilities"][label] for label in LABELS] for r in lines(folder / "out.jsonl")])


def weighted(truth, probabilities):
    return 100 * f1_score(truth, probabilities.argmax(1), average="weighted")


def interval(truth, dialogues, a, b, rounds=2000):
    """Difference b - a of weighted F1 with its 95 % interval, whole dialogues drawn anew."""
    rng = np.random.default_rng(1)
    names = np.unique(dialogues)
    members = [np.flatnonzero(dialogues == n) for n in names]
    found = []
    for _ in range(rounds):
        pick = np.concatenate([members[i] for i in rng.integers(len(names), size=len(names))])
        found.append(weighted(truth[pick], b[pick]) - weighted(truth[pick], a[pick]))
    return weighted(truth, b) - weighted(truth, a), *np.percentile(found, [2.5, 97.5])


def votes(near, distance, labels, share, k, temperature):
    """What src/emotion/examples.c makes of the k nearest: votes by distance, against how common each label is."""
    weight = np.exp((distance[:, :1] - distance[:, :k]) / temperature)
    out = np.full((len(near), 5), 0.5)
    for i in range(k):
        np.add.at(out, (np.arange(len(near)), labels[near[:, i]]), weight[:, i] / share[labels[near[:, i]]])
    return out / out.sum(1, keepdims=True)


def each_text_once(near, texts, count):
    """The `count` nearest of each row, of items with the same text the first alone."""
    rows = []
    for row in near:
        seen, kept = set(), []
        for i in row:
            if texts[i] not in seen and len(kept) < count:
                seen.add(texts[i])
                kept.append(i)
        rows.append(kept)
    return np.array(rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default=ROOT.parent / "shared/data/text/meld", type=pathlib.Path)
    parser.add_argument("--text_model", default="auto")
    options = parser.parse_args()
    if not options.data.exists():
        sys.exit(f"SKIP: retrieval ({options.data} is not there)")
    train, dev = (lines(options.data / f"{part}.jsonl") for part in ("train", "dev"))
    scored = np.array([bool(r["emotion5"]) for r in dev])
    truth = np.array([LABELS.index(r["emotion5"]) for r in dev if r["emotion5"]])
    dialogues = np.array([r["dialogue"] for r in dev if r["emotion5"]])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        keys = fill(folder / "train.db", train, "train", folder, options.text_model)
        queries = fill(folder / "dev.db", dev, "dev", folder, options.text_model)[scored]
        path, model = options.data / "dev.jsonl", options.text_model
        base = judge(path, folder, model, "--no_retrieval")[scored]
        starter = judge(path, folder, model)[scored]
        stored = judge(path, folder, model, "--store", folder / "train.db")[scored]
    print(f"{len(train)} utterances in the knowledge base, {len(truth)} judged, weighted F1:")
    for name, found in (("no retrieval", base), ("bundled examples", starter), ("knowledge base too", stored)):
        print("  %-20s %5.2f   difference %+.2f (95 %%: %+.2f to %+.2f)"
              % (name, weighted(truth, found), *interval(truth, dialogues, base, found)))
    labels = np.array([LABELS.index(r["emotion5"]) if r["emotion5"] else -1 for r in train])
    texts = [r["text"].strip().lower() for r, label in zip(train, labels) if label >= 0]
    keys, labels = keys[labels >= 0], labels[labels >= 0]
    distances = 1 - queries @ keys.T
    order = np.argsort(distances, axis=1, kind="stable")
    near = order[:, :100]
    distance = np.take_along_axis(distances, near, 1)
    share = np.bincount(labels, minlength=5) / len(labels)
    reliable = np.clip(1 - distance[:, :1] / 0.8, 0, 1)
    for temperature in (0.03, 0.05, 0.1, 0.2):
        print(f"temperature {temperature}: weighted F1 of base * vote ** (w * reliability), by neighbours and w")
        weights = (0, 0.1, 0.2, 0.3, 0.5, 0.7, 1)
        print("      k " + "".join(f"{w:7.1f}" for w in weights))
        for k in (1, 5, 10, 20, 50, 100):
            vote = votes(near, distance, labels, share, k, temperature)
            print(f"  {k:5d} " + "".join(f"{weighted(truth, base * vote ** (w * reliable)):7.2f}" for w in weights))
    once = each_text_once(order[:, :400], texts, 50)
    judged = [base * votes(n, np.take_along_axis(distances, n, 1), labels, share, 50, 0.05) ** (0.5 * reliable)
              for n in (near[:, :50], once)]
    print("50 neighbours, temperature 0.05, w 0.5: %.2f with every item, %.2f with each text once; difference %+.2f (95 %%: "
          "%+.2f to %+.2f)" % (*(weighted(truth, j) for j in judged), *interval(truth, dialogues, *judged)))


if __name__ == "__main__":
    main()
