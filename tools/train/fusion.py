"""Fits the constants of src/emotion/fusion.c: how far each expert is believed, and how sure the whole may be.

    tools/train/text_documents.py --out TEXT ...
    undertone analyze TEXT/meld --output_dir TEXT/out_meld   (dailydialog and remarks, too)
    bench/acted.py --heads HEADS --group 23 --condition clean ulaw --keep ACTED
    python tools/train/fusion.py --text TEXT --acted ACTED --everyday EVERYDAY [--check 0 1]

    undertone run --audio_dir CONVERSATIONS --output_dir EVERYDAY

Reads the experts' opinions out of conversation.json and minimises the cross-entropy of the fused opinion, the mean over
kinds of talk: MELD's development dialogues and the held-out fifth of DailyDialog's (words
speak, nobody is heard), and acted conversations of speakers that the voice head never heard (the voice speaks, the words
are empty), and MELD's words in the voices of unlabelled everyday recordings. Nothing here was seen by an expert's weights. Prints the constants, and for each kind accuracy, UAR, weighted
F1 and calibration error of the fusion beside its parts. Held-out remarks among plain turns are not fitted on: they show how
often the whole follows words that say how someone feels.

    log p = (1 - s * heard) * log prior + sum over experts of weight * reliability * log(opinion / the expert's prior)
"""
import argparse
import base64
import copy
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file
from sklearn.metrics import f1_score, recall_score

from text_emotion import AFTER, BEFORE, stored_context

LABELS = ["sad", "happy", "angry", "neutral", "non-neutral"]
EXPERTS = ["acoustic", "text", "context", "retrieval"]
TALK = torch.tensor([0.08, 0.12, 0.10, 0.60, 0.10])
FLAT = torch.full((5,), 0.2)
PRIORS = torch.stack([FLAT, TALK, TALK, FLAT])
LONG = 2.0  # seconds of speech that are enough to hear
COVERAGE = 0.9  # of the label sets
NEAR = 0.8  # cosine distance at which an example says nothing


def hash_of(name):
    return int(hashlib.md5(name.encode()).hexdigest(), 16)


def best_overlap(entry, utterances):
    """Every utterance that overlaps a truth entry, with the share of its time."""
    pairs = [(min(entry["end"], u["end"]) - max(entry["start"], u["start"]), u) for u in utterances]
    pairs = [(w, u) for w, u in pairs if w > 0]
    total = sum(w for w, _ in pairs)
    return [(w / total, u) for w, u in pairs]


def reliability(u, language):
    heard = min(1.0, (u["end"] - u["start"]) / LONG)
    understood = u["text_confidence"] if u["text_confidence"] is not None else 1.0
    read = understood if language in ("en", None) else 0.0  # the text experts read English
    near = u["emotion"]["evidence"]["examples"]
    distance = near[0]["distance"] if near else 1.0
    return [heard, read, read, understood * max(0.0, 1 - distance / NEAR)]


class Set:
    """Utterances of one kind of talk; a truth entry may lie over several, which then share its weight."""

    def __init__(self, name, pairs):
        self.name, rows, self.documents, self.keys = name, [], [], []
        for truth, results in pairs:
            for file, entries in json.loads(Path(truth).read_text()).items():
                document = json.loads((Path(results) / Path(file).stem / "conversation.json").read_text())
                self.documents.append(document)
                for e in entries:
                    for share, u in best_overlap(e, document["utterances"]):
                        rows.append((len(rows), share, LABELS.index(e["emotion"]), u, document["language"]))
                        self.keys.append((document["id"], u["index"]))
        opinions = [r[3]["emotion"]["opinions"] for r in rows]
        self.present = torch.tensor([[float(x in o) for x in EXPERTS] for o in opinions])
        p = [[[o[x]["probabilities"][k] for k in LABELS] if x in o else [0.2] * 5 for x in EXPERTS] for o in opinions]
        self.p = torch.tensor(p).clamp(min=1e-4)
        self.p /= self.p.sum(-1, keepdim=True)
        self.reliable = torch.tensor([reliability(r[3], r[4]) for r in rows]) * self.present
        self.y = torch.tensor([r[2] for r in rows])
        self.share = torch.tensor([r[1] for r in rows])


def spoken_calmly(words, recordings, seed=0):
    """The words' utterances in voices of everyday recordings that have nothing to do with them.

    The voice head learned from actors: of feelings in real talk it hears little, and takes most voices for neutral. Such
    a voice must not overrule words that say how someone feels. The recordings have no labels and need none.
    """
    heard = []
    for path in sorted(Path(recordings).rglob("conversation.json")):
        for u in json.loads(path.read_text())["utterances"]:
            o = u["emotion"]["opinions"].get("acoustic")
            if o:
                heard.append(([o["probabilities"][k] for k in LABELS], min(1.0, (u["end"] - u["start"]) / LONG)))
    s = copy.copy(words)
    pick = np.random.default_rng(seed).integers(0, len(heard), len(s.y))
    s.name = words.name + ", calm voices"
    s.p, s.present, s.reliable = s.p.clone(), s.present.clone(), s.reliable.clone()
    s.p[:, 0] = torch.tensor([heard[i][0] for i in pick]).clamp(min=1e-4)
    s.reliable[:, 0] = torch.tensor([heard[i][1] for i in pick])
    s.present[:, 0] = 1
    return s


def fuse(s, k, only=None):
    """Log-probabilities [n, 5]; `only` some experts."""
    reliable = s.reliable if only is None else s.reliable * torch.tensor([float(x in only) for x in EXPERTS])
    doubt = k["doubt"][:, None]
    evidence = (((1 - doubt) * s.p + doubt * PRIORS) / PRIORS).log()
    # Text and context read the same words: together they weigh no more than one, whether one speaks or both.
    weight = k["belief"] * reliable
    words = weight[:, 1:3]
    understood = reliable[:, 1:3].amax(1, keepdim=True)
    # A voice that sounds neutral says less than one that does not: much that is felt is not heard.
    voice = weight[:, :1] * (1 - (1 - k["calm"]) * s.p[:, 0, 3:4])
    weight = torch.cat([voice, k["words"] * understood * words / words.sum(1, keepdim=True).clamp(min=1e-6),
                        weight[:, 3:]], 1)
    z = (1 - k["stand_in"] * reliable[:, :1]) * TALK.log() + (weight[:, :, None] * evidence).sum(1)
    return F.log_softmax(z, -1)


def constants(raw):
    belief = torch.stack([F.softplus(raw[0]), torch.ones(()), F.softplus(raw[1]), F.softplus(raw[2])])
    return {"belief": belief, "words": F.softplus(raw[3]), "doubt": torch.sigmoid(raw[4:6])[[0, 1, 1, 1]],
            "stand_in": torch.sigmoid(raw[6]), "calm": torch.sigmoid(raw[7])}


def shipped(source=Path(__file__).resolve().parents[2] / "src/emotion/fusion.c"):
    """The constants that the program has."""
    text = source.read_text()
    k = {name: torch.tensor([float(x.strip("f ")) for x in re.search(rf"{c}(?:\[\w+\])? = {{?([-\d.f, ]+)}}?;", text)[1].split(",")])
         for name, c in (("belief", "belief"), ("words", "words_weight"), ("doubt", "doubt"), ("stand_in", "stand_in"), ("calm", "calm"))}
    return k | {name: k[name][:len(EXPERTS)] for name in ("belief", "doubt")}


def ece(p, y, w, bins=15):
    top, right = p.max(1), p.argmax(1) == y
    where = np.minimum((top * bins).astype(int), bins - 1)
    return sum(abs((w * (top - right))[where == b].sum()) for b in range(bins)) / w.sum()


def label_sets(p, likely):
    """What src/emotion/fusion.c's ut_label_set() takes."""
    return (p >= likely) | (np.arange(5) == p.argmax(1)[:, None])


def conformal_bounds(parts, coverage=COVERAGE):
    """Label-conditional split conformal prediction (Vovk et al. 2005; Sadinle et al. 2019): per label the probability that
    this share of the utterances which are truly so reach; parts (probabilities, truth, weights) count the same."""
    bounds = []
    for k in range(5):
        own = [(p[y == k, k], w[y == k] / w[y == k].sum()) for p, y, w in parts if (y == k).any()]
        score, weight = np.concatenate([a for a, _ in own]), np.concatenate([b for _, b in own]) / len(own)
        order, n = np.argsort(-score), len(score)
        at = np.searchsorted(np.cumsum(weight[order]), coverage * (n + 1) / n - 1e-9)
        bounds.append(score[order][at] if at < n else 0.0)
    return np.array(bounds)


def set_row(p, y, w, likely):
    """Coverage in percent, mean size, percent of single labels, coverage by true label."""
    sets = label_sets(p, likely)
    held = sets[np.arange(len(y)), y]
    by_label = [100 * np.average(held[y == k], weights=w[y == k]) if (y == k).any() else float("nan") for k in range(5)]
    return [100 * np.average(held, weights=w), np.average(sets.sum(1), weights=w), 100 * np.average(sets.sum(1) == 1, weights=w),
            *by_label]


def part_of(s, k, keep=None, only=None):
    rows = np.ones(len(s.y), bool) if keep is None else keep
    return fuse(s, k, only).detach().exp().numpy()[rows], s.y.numpy()[rows], s.share.numpy()[rows]


def check_label_sets(fitted, others, k):
    """The bounds that are shipped, and what sets cover on dialogues and speakers that they were not fitted on."""
    half = {s.name: np.array([hash_of(key[0]) % 2 == 0 for key in s.keys]) for s in fitted}
    likely = conformal_bounds([part_of(s, k) for s in fitted])
    print("likely", [round(float(x), 3) for x in likely])
    print(f"{'label sets':36s}   held   size single | " + " ".join(f"{x:>5.5s}" for x in LABELS))

    def say(name, rows):
        print(f"{name:36s}" + "{:7.1f}{:7.2f}{:7.1f} | ".format(*rows[:3]) + " ".join(f"{x:5.1f}" for x in rows[3:]))

    for s in fitted:  # bounds of one half of the dialogues on the other, both ways
        sides = []
        for side in (True, False):
            bounds = conformal_bounds([part_of(t, k, half[t.name] == side) for t in fitted])
            sides.append(part_of(s, k, half[s.name] != side) + (np.tile(bounds, ((half[s.name] != side).sum(), 1)),))
        say(f"{s.name}, held-out halves", set_row(*(np.concatenate(x) for x in zip(*sides))))
    for s in others:
        say(s.name, set_row(*part_of(s, k), likely))
    for s in fitted:
        for only in (["acoustic"], ["text"], ["text", "context"]):
            if all(s.present[:, EXPERTS.index(e)].mean() > 0.5 for e in only):
                say(f"{s.name}, {'+'.join(only)}", set_row(*part_of(s, k, only=only), likely))


def scores(logp, s):
    p, y, w = logp.detach().exp().numpy(), s.y.numpy(), s.share.numpy()
    g = p.argmax(1)
    return (100 * np.average(g == y, weights=w), 100 * recall_score(y, g, average="macro", sample_weight=w, zero_division=0),
            100 * f1_score(y, g, average="weighted", sample_weight=w, zero_division=0), 100 * ece(p, y, w),
            100 * np.average(g == 3, weights=w))


SUBSETS = (None, ["acoustic"], ["text"], ["text", "context"], ["acoustic", "text"])


def loss_of(s, k):
    """Everything on counts as much as the subsets that --modalities may choose, those which have something to say."""
    asked = [x for x in SUBSETS if x is None or (s.present[:, [EXPERTS.index(e) for e in x]].mean(0) > 0.5).all()]
    losses = [(F.nll_loss(fuse(s, k, x), s.y, reduction="none") * s.share).sum() / s.share.sum() for x in asked
              if s.reliable[:, 0].any() or x != ["acoustic"]]
    return 0.5 * losses[0] + 0.5 * sum(losses[1:]) / len(losses[1:])


def fit(kinds):
    raw = torch.tensor([0.5, 0.0, -1.0, 0.5, -3.0, -3.0, 0.0, 0.0], requires_grad=True)
    optimizer = torch.optim.LBFGS([raw], max_iter=300, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = sum(w * loss_of(s, constants(raw)) for w, s in kinds) + 1e-3 * (raw ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return constants(raw.detach())


def shorten_context(s, expert, before, after):
    """The set as it would be if the context expert saw only `before` turns before the current one and `after` after it."""
    rows, at, same, p, vectors = [], [], [], [], []
    for document in s.documents:
        turns, first = document["utterances"], len(p)
        for i, u in enumerate(turns):
            p.append([u["emotion"]["opinions"]["text"]["probabilities"][k] for k in LABELS])
            vectors.append(np.frombuffer(base64.b64decode(u["text_embedding"]["f32"]), np.float32))
            seen = [i - k if k <= before else -1 for k in range(BEFORE + 1)] + [i + k if k <= after else -1 for k in range(1, AFTER + 1)]
            seen = [t if 0 <= t < len(turns) else -1 for t in seen]
            at.append([first + t if t >= 0 else -1 for t in seen])
            same.append([float(t >= 0 and turns[t]["speaker"] == u["speaker"]) for t in seen])
            rows.append((document["id"], i))
    opinion = stored_context(expert, np.array(at), np.array(same, np.float32), np.array(p, np.float32), np.array(vectors))
    of = dict(zip(rows, opinion))
    out = copy.copy(s)
    out.p = s.p.clone()
    out.p[:, 2] = torch.tensor(np.array([of[key] for key in s.keys])).clamp(min=1e-4)
    return out


def follow(s, k):
    """Of remarks whose feeling the words alone get right, how many the whole does, and how many plain ones stay neutral."""
    alone, whole, y = s.p[:, 1].argmax(1), fuse(s, k).argmax(1), s.y
    felt = y != LABELS.index("neutral")
    right = felt & (alone == y)
    print(f"{s.name}: of {int(felt.sum())} with a feeling the words alone get {100 * right.sum() / felt.sum():.1f} %, the whole "
          f"{100 * (whole == y)[felt].float().mean():.1f} %, of the words' {100 * (whole == y)[right].float().mean():.1f} %; "
          f"{100 * (whole == y)[~felt].float().mean():.1f} % of {int((~felt).sum())} plain ones stay neutral")


def gain(s, k, only, against, draws=1000):
    """Points of weighted F1 that the experts `only` gain over `against`: median and 95 % interval over utterances."""
    p, q, y = fuse(s, k, only).argmax(1).numpy(), fuse(s, k, against).argmax(1).numpy(), s.y.numpy()
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(draws):
        r = rng.integers(0, len(y), len(y))
        gains.append(100 * (f1_score(y[r], p[r], average="weighted") - f1_score(y[r], q[r], average="weighted")))
    return "{1:+.1f} ({0:+.1f} to {2:+.1f})".format(*np.percentile(gains, (2.5, 50, 97.5)))


def ablate(text, k, context):
    """What each expert, and each turn of context, is worth where the words speak."""
    words = ["text", "context", "retrieval"]
    for s in text:
        print(f"{s.name}: gain of context over text {gain(s, k, words[:2], words[:1])}, of retrieval over both "
              f"{gain(s, k, words, words[:2])}")
        for before, after in [(b, 0) for b in range(BEFORE + 1)] + [(BEFORE, a) for a in range(1, AFTER + 1)]:
            row = scores(fuse(shorten_context(s, load_file(context), before, after), k), s)
            print(f"  {before} turns before, {after} after: " + " ".join(f"{x:5.1f}" for x in row))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--text", type=Path, required=True)
    p.add_argument("--acted", type=Path, required=True)
    p.add_argument("--conditions", nargs="+", default=["clean", "ulaw"])
    p.add_argument("--everyday", type=Path, required=True, help="results of `undertone run` on everyday recordings")
    p.add_argument("--context", default="models/text/context.safetensors")
    p.add_argument("--shipped", action="store_true", help="report on the constants in src/emotion/fusion.c, not on those fitted")
    p.add_argument("--check", nargs="*", default=[], help="groups of speakers that were not fitted on")
    a = p.parse_args()
    text = [Set(c, [(a.text / f"{c}.json", a.text / f"out_{c}")]) for c in ("meld", "dailydialog")]

    def acted(groups):
        return [(a.acted / f"{c}_{g}" / "truth_all.json", a.acted / f"{c}_{g}" / "everything") for c in a.conditions
                for g in groups]

    voice = Set("acted", acted(["23"]))
    calm = spoken_calmly(text[0], a.everyday)
    k = fit([(1.0, text[0]), (0.5, text[1]), (1.0, voice), (1.0, calm)])
    for name, value in k.items():
        print(name, [round(float(x), 3) for x in value.flatten()])
    if a.shipped:
        k = shipped()
    other = [Set("acted, other speakers", acted(a.check))] if a.check else []
    report(k, text, [calm, voice], other, a)


def report(k, text, fitted, other, a):
    """What these constants are worth, of all and of parts."""
    check_label_sets([*text, *fitted], other, k)
    remarks = Set("remarks", [(a.text / "remarks.json", a.text / "out_remarks")])
    for s in (remarks, spoken_calmly(remarks, a.everyday)):
        follow(s, k)
    ablate(text, k, a.context)
    for s in [fitted[-1], *other]:
        print(f"{s.name}: gain of sound over everything else {gain(s, k, EXPERTS, EXPERTS[1:])}")
    sets = [*text, *fitted, *other]
    print(f"{'':24s}{'':22s}  acc   UAR   wF1   ECE  neutral")
    for s in sets:
        for only in (None, ["acoustic"], ["text"], ["text", "context"], ["text", "context", "retrieval"], ["context"]):
            row = scores(fuse(s, k, only), s)
            print(f"{s.name:24s}{'+'.join(only or ['all']):24s}" + " ".join(f"{x:5.1f}" for x in row))


if __name__ == "__main__":
    main()
