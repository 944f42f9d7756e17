#!/usr/bin/env python3
"""How far to believe a language model: the gate, the trust and the bound of src/emotion, against scripted models.

    python3 bench/refine.py [--data ../shared/data/text] [--text_model auto|bundled]

The base judges MELD's development part and the first 2500 lines of DailyDialog's through the program; then a model that
is right in a given share of all lines, and in 95 % of the control lines, is simulated many times and joined as
src/emotion/{refine,controls,fusion}.c do it. Printed are points of weighted F1 won or lost, by the model's accuracy: for
control lines alone, for the agreement with the base too, and for other gates and shares of the whole. The weight of all
other experts together is taken for 1.2, about what words and examples have. tests/e2e/test_llm.py measures the program
itself. Needs numpy.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
LABELS = ["sad", "happy", "angry", "neutral", "non-neutral"]
TALK = np.array([0.08, 0.12, 0.10, 0.60, 0.10])
ACCURACIES = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1)
GRID = np.linspace(0, 1, 21)
OTHERS, DOUBT, BATCH, CONTROLS, SURE = 1.2, 0.15, 8, 4, 4


def load(path, most, model):
    lines = path.read_text(encoding="utf-8").splitlines()[:most]
    with tempfile.TemporaryDirectory() as folder:
        text, out = pathlib.Path(folder, "in.jsonl"), pathlib.Path(folder, "out.jsonl")
        text.write_text("\n".join(lines) + "\n", encoding="utf-8")
        subprocess.run([str(ROOT / "build" / "undertone"), "analyze", "--text", str(text), "--output", str(out), "--quiet",
                        "--text_model", model], check=True)
        base = np.array([[json.loads(r)["probabilities"][k] for k in LABELS] for r in out.open()])
    rows = [json.loads(line) for line in lines]
    truth = np.array([LABELS.index(r["emotion5"]) if r["emotion5"] in LABELS else 3 for r in rows])
    return truth, base, np.unique([str(r["dialogue"]) for r in rows], return_inverse=True)[1]


def weighted_f1(truth, judged):
    total = 0.0
    for k in range(5):
        right = ((truth == k) & (judged == k)).sum()
        if right:
            total += (truth == k).sum() * 2 * right / ((truth == k).sum() + (judged == k).sum())
    return 100 * total / len(truth)


def opinions(truth, accuracy, rng):
    label = np.where(rng.random(len(truth)) < accuracy, truth, (truth + rng.integers(1, 5, len(truth))) % 5)
    said = np.full((len(truth), 5), 0.025)
    said[np.arange(len(truth)), label] = 0.9
    return said


def gain(truth, base, dialogue, accuracy, gate=0.55, share=1 / 3, trust=(0.45, 0.6), rounds=4):
    """Points won on average; `trust`: accuracies from where on a model is believed, and fully; None: by controls alone."""
    top, plain = base.max(1), weighted_f1(truth, base.argmax(1))
    won = []
    for seed in range(rounds):
        rng = np.random.default_rng(100 + seed)
        said = opinions(truth, accuracy, rng)
        same = (base * said).sum(1, keepdims=True)
        likely = np.log(GRID * same + (1 - GRID) * (1 - same) / 4 + 1e-3)
        weight = np.zeros(len(truth))
        for d in np.unique(dialogue):
            mine = dialogue == d
            asked = np.flatnonzero(mine & (top < gate))
            calls = -(-len(asked) // BATCH)
            if not calls:
                continue
            right = np.where(rng.random(CONTROLS * calls) < min(1, accuracy + 0.95), 0.9, 0.025).mean()
            believed = np.clip((right - 0.5) / 0.3, 0, 1)
            if trust:
                rest = np.flatnonzero(mine & (top >= gate))
                lines = np.r_[asked, rest[np.argsort(-top[rest])][: SURE * calls]]
                p = likely[lines].sum(0)
                p = np.exp(p - p.max())
                believed *= np.clip(((p * GRID).sum() / p.sum() - trust[0]) / (trust[1] - trust[0]), 0, 1)
            weight[asked] = min(believed, OTHERS * share / (1 - share))
        moved = np.log(((1 - DOUBT) * said + DOUBT * TALK) / TALK)
        joined = np.log(np.maximum(base, 1e-6)) + weight[:, None] * moved
        won.append(weighted_f1(truth, joined.argmax(1)) - plain)
    return float(np.mean(won))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default=ROOT.parent / "shared/data/text", type=pathlib.Path)
    parser.add_argument("--text_model", default="auto")
    options = parser.parse_args()
    if not options.data.exists():
        sys.exit(f"SKIP: refinement ({options.data} is not there)")
    corpora = {name: load(options.data / name / "dev.jsonl", 2500, options.text_model) for name in ("meld", "dailydialog")}
    for gate in (0.5, 0.55, 0.6, 0.7):
        print(f"below {gate}:", ", ".join(f"{(base.max(1) < gate).sum()} of {len(base)} lines of {name}"
                                         for name, (_, base, _) in corpora.items()))
    print(f"{'points, by accuracy':44s}" + " ".join(f"{a:6.2f}" for a in ACCURACIES))
    for name, more in (("control lines alone", {"trust": None}), ("and agreement (the program)", {}),
                       ("trust from 0.3 to 0.5", {"trust": (0.3, 0.5)}), ("trust from 0.5 to 0.65", {"trust": (0.5, 0.65)}),
                       ("gate 0.5", {"gate": 0.5}), ("gate 0.6", {"gate": 0.6}), ("gate 0.7", {"gate": 0.7}),
                       ("share 0.4", {"share": 0.4}), ("share 0.5", {"share": 0.5})):
        for corpus, data in corpora.items():
            row = " ".join(f"{gain(*data, a, **more):+6.2f}" for a in ACCURACIES)
            print(f"{name:30s}{corpus:14s}{row}", flush=True)


if __name__ == "__main__":
    main()
