"""Trains the text emotion experts (one a sentence encoder) and the context expert.

    python tools/train/text_emotion.py --data ../shared/data --minilm DIR --static models/text/static.safetensors \
        --out models/text --cache DIR

A text expert is a two-layer network on the sentence vector plus a linear model on hashed word n-grams (1 and 2 words of
BERT's basic tokenizer). Corpora differ in how often they feel anything, so each has its own output bias while training;
the bias and temperature that are shipped are fitted on MELD's development set together with the held-out fifth of
DailyDialog, whose talk is mostly neutral as real calls are. The context expert sees the current turn, up to four before it and,
unless it works live, two after it. It
is trained on out-of-fold opinions of the text experts. Test splits are never read.
"""

import argparse
import copy
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file, save_file
from sklearn.metrics import confusion_matrix, f1_score, recall_score
from tokenizers import normalizers, pre_tokenizers

import text_corpora
import text_minilm
import text_service
import text_talk
from text_cache import load_cache
from text_static import static_embed

LABELS = text_corpora.LABELS
BUCKETS = 1 << 15
HIDDEN = 192
BEFORE, AFTER = 4, 2
TALK_EPOCHS = 4
MAP = 32
CONTEXT_HIDDEN = 48
COMPOSED, COMPOSED_WEIGHT = 600, 1.0  # conversations of written sentences, and what a turn of them weighs for context
FELT = 0.3  # of their turns
CORPORA = ["meld", "emorynlp", "dailydialog", "service", "goemotions", "emocontext", "isear", "tweeteval"]
WEIGHT = {"meld": 1.5, "emorynlp": 0.4, "dailydialog": 1.0, "goemotions": 0.6, "emocontext": 0.15, "isear": 0.3, "tweeteval": 0.3}


# Words of courtesy count as joy in some corpora; in a call they are routine: GoEmotions rows with nothing but such labels
# weigh little. text_service.py and text_talk.py have sentences of calls and other talk, with and without feeling.
POLITE = {"gratitude", "approval", "caring", "optimism", "desire", "relief"}
POLITE_WEIGHT = 0.1
SERVICE_WEIGHT = {"routine": 6.0, "felt": 3.0, "talk": 3.0}
PROBES = {"calls": text_service.PROBES, "talk": text_talk.PROBES}


def fnv1a(data):
    h = 2166136261
    for b in data:
        h = ((h ^ b) * 16777619) & 0xFFFFFFFF
    return h


NORMALIZER = normalizers.BertNormalizer(lowercase=True)
SPLITTER = pre_tokenizers.BertPreTokenizer()


def words_of(text):
    return [w for w, _ in SPLITTER.pre_tokenize_str(NORMALIZER.normalize_str(text))]


def ngrams(text):
    words = [w.encode() for w in words_of(text)]
    out = [fnv1a(w) % BUCKETS for w in words]
    out += [fnv1a(a + b" " + b) % BUCKETS for a, b in zip(words, words[1:])]
    return out or [0]


class Expert(torch.nn.Module):
    def __init__(self, dim, corpora=len(CORPORA)):
        super().__init__()
        self.input = torch.nn.Linear(dim, HIDDEN)
        self.output = torch.nn.Linear(HIDDEN, 5)
        self.table = torch.nn.EmbeddingBag(BUCKETS, 5, mode="sum")
        torch.nn.init.zeros_(self.table.weight)
        self.corpus = torch.nn.Embedding(corpora, 5)
        torch.nn.init.zeros_(self.corpus.weight)

    def forward(self, x, ids, offsets, count, corpus=None):
        h = F.dropout(F.relu(self.input(x)), 0.3, self.training)
        z = self.output(h) + self.table(ids, offsets) / count.sqrt()[:, None]
        return z if corpus is None else z + self.corpus(corpus)


def turn_weight(t):
    if t.original in SERVICE_WEIGHT:
        return SERVICE_WEIGHT[t.original]
    polite = t.corpus == "goemotions" and set(t.original.split(",")) <= POLITE
    # DailyDialog's partial training file was chosen for its emotions: half the weight of its natural part.
    chosen = t.corpus == "dailydialog" and "train_partial" in t.dialogue
    return WEIGHT[t.corpus] * (POLITE_WEIGHT if polite else 0.5 if chosen else 1.0)


class Grams:
    def __init__(self, texts):
        lists = [ngrams(t) for t in texts]
        self.flat = np.concatenate(lists)
        self.starts = np.concatenate([[0], np.cumsum([len(l) for l in lists])])

    def pick(self, rows):
        n = self.starts[rows + 1] - self.starts[rows]
        offsets = np.concatenate([[0], np.cumsum(n)[:-1]])
        ids = self.flat[np.repeat(self.starts[rows] - offsets, n) + np.arange(n.sum())]
        return torch.from_numpy(ids), torch.from_numpy(offsets), torch.from_numpy(n).float()


def train_expert(vectors, grams, rows, labels, corpora, weights, epochs, seed):
    torch.manual_seed(seed)
    model = Expert(vectors.shape[1])
    optimizer = torch.optim.AdamW([{"params": [p for n, p in model.named_parameters() if "table" not in n], "weight_decay": 1e-2},
                                   {"params": model.table.parameters(), "weight_decay": 0.0, "lr": 2e-3}], lr=1e-3)
    generator = np.random.default_rng(seed)
    model.train()
    # First everything, then conversations alone: MELD development rose from 54.9 to 56.9 weighted F1 (MiniLM).
    talk = np.flatnonzero(corpora <= CORPORA.index("service"))
    for which, count, pace in ((np.arange(len(rows)), epochs, 1.0), (talk, TALK_EPOCHS, 0.3)):
        for group, rate in zip(optimizer.param_groups, (1e-3, 2e-3)):
            group["lr"] = rate * pace
        for _ in range(count):
            order = generator.permutation(which)
            for at in range(0, len(order), 512):
                b = order[at : at + 512]
                z = model(vectors[rows[b]], *grams.pick(rows[b]), torch.from_numpy(corpora[b]))
                loss = F.cross_entropy(z, torch.from_numpy(labels[b]), reduction="none", label_smoothing=0.05)
                w = torch.from_numpy(weights[b])
                loss = (loss * w).sum() / w.sum() + 1e-5 * (model.table.weight ** 2).sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return model.eval()


@torch.no_grad()
def logits_of(model, vectors, grams, rows):
    return torch.cat([model(vectors[rows[i : i + 4096]], *grams.pick(rows[i : i + 4096])) for i in range(0, len(rows), 4096)])


def fit_calibration(z, y, w):
    """Temperature and bias that minimise weighted cross entropy."""
    log_t, bias = torch.zeros(1, requires_grad=True), torch.zeros(5, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_t, bias], max_iter=200)

    def closure():
        optimizer.zero_grad()
        loss = (F.cross_entropy(z * log_t.exp() + bias, y, reduction="none") * w).sum() / w.sum() + 1e-3 * (bias ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(log_t.detach().exp()), bias.detach()


def ece(p, y, bins=15):
    confidence, right = p.max(1), p.argmax(1) == y
    total = 0.0
    for lo in np.linspace(0, 1, bins, endpoint=False):
        m = (confidence > lo) & (confidence <= lo + 1 / bins)
        if m.any():
            total += m.mean() * abs(right[m].mean() - confidence[m].mean())
    return float(total)


def scores(p, y):
    g = p.argmax(1)
    return {"weighted_f1": round(100 * f1_score(y, g, average="weighted"), 2),
            "macro_f1": round(100 * f1_score(y, g, average="macro"), 2),
            "uar": round(100 * recall_score(y, g, average="macro", zero_division=0), 2),
            "ece": round(100 * ece(p, y), 2), "n": len(y),
            "confusion": confusion_matrix(y, g, labels=range(5)).tolist()}


def context_inputs(groups):
    """Per scored turn: indices of the turn, those before and those after (-1 absent), and same-speaker flags."""
    index, same = [], []
    for g in groups:
        for i, t in enumerate(g):
            seen = [i - k for k in range(BEFORE + 1)] + [i + k for k in range(1, AFTER + 1)]
            row = [g[k].at if 0 <= k < len(g) else -1 for k in seen]
            flag = [float(0 <= k < len(g) and g[k].speaker == t.speaker) for k in seen]
            index.append(row)
            same.append(flag)
    return np.array(index), np.array(same, dtype=np.float32)


def composed(written, count):
    """Conversations of the written sentences, two people in turn: routine, and now and then a remark with feeling.

    In MELD every other turn feels something, so that a feeling among turns without one is likely misread there. At work and on
    the telephone a feeling comes out of nowhere: here three turns in ten have one, and the next that does is as often in the same
    mood as in any.
    """
    rng = np.random.default_rng(text_corpora.SEED)
    by_label = [[t for t in written if t.label == k] for k in range(5)]
    calm, felt = LABELS.index("neutral"), [k for k in range(5) if LABELS[k] != "neutral"]
    out = []
    for c in range(count):
        mood, group = rng.choice(felt), []
        for i in range(rng.integers(4, 13)):
            label = calm
            if rng.random() < FELT:
                label = mood = mood if rng.random() < 0.5 else rng.choice(felt)
            t = copy.copy(by_label[label][rng.integers(len(by_label[label]))])
            t.dialogue, t.turn, t.speaker = f"composed/{c}", i, "AB"[(i + (rng.random() < 0.15)) % 2]
            group.append(t)
        out.append(group)
    return out


def bootstrap_gain(p, q, truth, generator, draws=500):
    """2.5, 50 and 97.5 percentiles of the gain of p over q in weighted F1, in points."""
    gains = []
    for _ in range(draws):
        r = generator.integers(0, len(truth), len(truth))
        gains.append(100 * (f1_score(truth[r], p[r].argmax(1), average="weighted")
                            - f1_score(truth[r], q[r].argmax(1), average="weighted")))
    return [round(float(np.percentile(gains, x)), 2) for x in (2.5, 50, 97.5)]


class Context(torch.nn.Module):
    """Input per turn of the window: present, same speaker, log p [5], map of the embedding [MAP]."""

    def __init__(self, dim):
        super().__init__()
        self.map = torch.nn.Linear(dim, MAP, bias=False)
        self.hidden = torch.nn.Linear((1 + BEFORE + AFTER) * (7 + MAP), CONTEXT_HIDDEN)
        self.output = torch.nn.Linear(CONTEXT_HIDDEN, 5)
        torch.nn.init.zeros_(self.output.weight)
        torch.nn.init.zeros_(self.output.bias)

    def forward(self, index, same, log_p, vectors):
        present = (index >= 0).float()[:, :, None]
        lp, v = log_p[index.clamp(min=0)], vectors[index.clamp(min=0)]
        m = F.dropout(self.map(v), 0.2, self.training)
        x = torch.cat([present, same[:, :, None], lp * present, m * present], 2).flatten(1)
        h = F.dropout(F.relu(self.hidden(x)), 0.3, self.training)
        return lp[:, 0] + self.output(h)


def f16(t):
    return t.detach().numpy().astype(np.float16)


def save_expert(model, scale, bias, path, metadata):
    table = model.table.weight.detach().numpy()
    s = np.float32(max(np.abs(table).max(), 1e-6) / 127)
    save_file({"input.weight": f16(model.input.weight), "input.bias": model.input.bias.detach().numpy(),
               "output.weight": f16(model.output.weight), "output.bias": model.output.bias.detach().numpy(),
               "ngram": np.clip(np.round(table / s), -127, 127).astype(np.int8), "ngram_scale": np.array([s]),
               "scale": np.array([scale], dtype=np.float32), "prior": bias.numpy().astype(np.float32)}, path, metadata=metadata)


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def stored_expert(w, vectors, texts):
    """A saved text expert applied to vectors and texts; the reference for the C code."""
    h = np.maximum(vectors @ w["input.weight"].astype(np.float32).T + w["input.bias"], 0)
    z = h @ w["output.weight"].astype(np.float32).T + w["output.bias"]
    for i, t in enumerate(texts):
        g = ngrams(t)
        z[i] += w["ngram_scale"][0] * w["ngram"][g].astype(np.float32).sum(0) / np.sqrt(len(g))
    return softmax(z * w["scale"][0] + w["prior"])


def stored_context(w, index, same, p, vectors):
    """A saved context expert; index [n, 1 + BEFORE + AFTER] into p and vectors, -1 where there is no turn."""
    log_p = np.log(np.maximum(p, 1e-6))
    mapped = vectors @ w["map.weight"].astype(np.float32).T
    present = (index >= 0).astype(np.float32)[:, :, None]
    at = np.maximum(index, 0)
    x = np.concatenate([present, same[:, :, None], log_p[at] * present, mapped[at] * present], 2).reshape(len(index), -1)
    h = np.maximum(x @ w["hidden.weight"].astype(np.float32).T + w["hidden.bias"], 0)
    z = h @ w["output.weight"].astype(np.float32).T + w["output.bias"] + log_p[index[:, 0]]
    return softmax(z * w["scale"][0] + w["prior"])


def score_probes(name, p):
    """How often the sentences that train nothing come out as they were meant, and those that do not."""
    truth = np.array([label for _, label in PROBES[name]])
    right, felt = p.argmax(1) == truth, truth != LABELS.index("neutral")
    print(f"  {name}: {right[felt].sum()} of {felt.sum()} with feeling, {right[~felt].sum()} of {(~felt).sum()} without")
    for (text, label), q in zip(PROBES[name], p):
        if q.argmax() != label:
            print(f"  {LABELS[label]:12s}{LABELS[int(q.argmax())]:12s}{[round(float(x), 2) for x in q]} {text}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "minilm", "cache"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--static", default="models/text/static.safetensors")
    parser.add_argument("--out", default="models/text")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--folds", type=int, default=3)
    a = parser.parse_args()
    torch.set_num_threads(1)
    out = Path(a.out)
    turns, row_of, texts, minilm = load_cache(a.data, a.minilm, a.cache)
    tokenizer = text_minilm.load_tokenizer(a.minilm)
    bert = text_minilm.Bert(a.minilm)
    service = text_service.sentences() + text_talk.sentences()
    spoken = [text for text, *_ in service]
    minilm = np.concatenate([minilm, text_minilm.embed_texts(bert, tokenizer, spoken)])
    row_of = np.concatenate([row_of, len(texts) + np.arange(len(spoken))])
    texts = texts + spoken
    turns += [text_corpora.Turn("service", "train", f"service/{of}", 0, "", *row) for *row, of in service]
    for i, t in enumerate(turns):
        t.at = i
    static = static_embed(load_file(a.static), [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)])
    grams = Grams(texts)
    y = np.array([t.label for t in turns])
    corpus = np.array([CORPORA.index(t.corpus) for t in turns])
    split = np.array([t.split for t in turns])
    weight = np.array([turn_weight(t) for t in turns], dtype=np.float32)
    train = np.flatnonzero((split == "train") & (y >= 0))
    dev = {c: np.flatnonzero((split == "dev") & (corpus == CORPORA.index(c)) & (y >= 0)) for c in CORPORA}
    tune = np.concatenate([dev["meld"], dev["dailydialog"]])
    tune_w = torch.from_numpy(np.concatenate([np.ones(len(dev["meld"])), np.full(len(dev["dailydialog"]), 0.35 * len(dev["meld"]) / len(dev["dailydialog"]))])).float()
    talk = corpus <= CORPORA.index("service")
    fold = np.array([text_corpora._hash(t.dialogue) % a.folds for t in turns])
    report, opinions = {}, {}
    licence = "research and non-commercial use only: see the card"
    probes = [text for part in PROBES.values() for text, _ in part]
    probe_grams, probe_ends = Grams(probes), np.cumsum([len(part) for part in PROBES.values()])[:-1]
    for name, array in (("minilm", minilm), ("static", static)):
        v = torch.from_numpy(array)

        def fit(rows, seed):
            return train_expert(v, grams, row_of[rows], y[rows], corpus[rows], weight[rows], a.epochs, seed)

        model = fit(train, text_corpora.SEED)
        z = logits_of(model, v, grams, row_of[tune])
        scale, bias = fit_calibration(z, torch.from_numpy(y[tune]), tune_w)
        report[name] = {c: scores((logits_of(model, v, grams, row_of[d]) * scale + bias).softmax(1).numpy(), y[d]) for c, d in dev.items() if len(d)}
        print(name, {c: (s["weighted_f1"], s["uar"], s["ece"]) for c, s in report[name].items()}, flush=True)
        if name == "minilm":
            pv = text_minilm.embed_texts(bert, tokenizer, probes)
        else:
            pv = static_embed(load_file(a.static), [e.ids for e in tokenizer.encode_batch(probes, add_special_tokens=False)])
        pz = logits_of(model, torch.from_numpy(pv), probe_grams, np.arange(len(probes))) * scale + bias
        for part, p in zip(PROBES, np.split(pz.softmax(1).numpy(), probe_ends)):
            score_probes(part, p)
        save_expert(model, scale, bias, out / f"emotion-{name}.safetensors",
                    {"encoder": name, "data": "GoEmotions, MELD, EmoryNLP, DailyDialog, EmoContext, ISEAR, TweetEval", "licence": licence,
                     "labels": " ".join(LABELS), "meld_dev_weighted_f1": str(report[name]["meld"]["weighted_f1"]), "seed": str(text_corpora.SEED)})
        # Opinions for the context expert: out of fold on training dialogues, the shipped model's on development.
        lp = torch.zeros(len(turns), 5)
        for k in range(a.folds):
            m = fit(train[fold[train] != k], text_corpora.SEED + 1 + k)
            rows = np.flatnonzero(talk & (fold == k) & (split == "train"))
            lp[rows] = (logits_of(m, v, grams, row_of[rows]) * scale + bias).log_softmax(1)
        rows = np.flatnonzero(talk & (split == "dev"))
        lp[rows] = (logits_of(model, v, grams, row_of[rows]) * scale + bias).log_softmax(1)
        opinions[name] = lp

    groups = text_corpora.dialogues([t for t in turns if talk[t.at] and t.corpus != "service"])
    groups += composed([t for t in turns if t.corpus == "service"], COMPOSED)
    index, same = context_inputs(groups)
    current = index[:, 0]
    keep = y[current] >= 0
    index, same, current = index[keep], same[keep], current[keep]
    log_p = torch.cat([opinions["minilm"], opinions["static"]])
    both = torch.from_numpy(np.concatenate([minilm[row_of], static[row_of]]))
    n = len(turns)
    rows = np.flatnonzero(split[current] == "train")
    w = torch.from_numpy(np.where(corpus[current] == CORPORA.index("service"), np.float32(COMPOSED_WEIGHT), weight[current]))
    same_t, index_t, target = torch.from_numpy(same), torch.from_numpy(index), torch.from_numpy(y[current])
    generator = np.random.default_rng(text_corpora.SEED)

    def forward(net, which, shift, sees="both"):
        i, flags = index_t[which].clone(), same_t[which].clone()
        if sees == "live":
            i[:, 1 + BEFORE :], flags[:, 1 + BEFORE :] = -1, 0
        elif sees == "alone":
            i[:, 1:], flags[:, 1:] = -1, 0
        return net(torch.where(i >= 0, i + shift, i), flags, log_p, both)

    def fit_context(*sees):
        torch.manual_seed(text_corpora.SEED)
        order = np.random.default_rng(text_corpora.SEED)
        net = Context(both.shape[1])
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=3e-2)
        for _ in range(6):
            for b in np.array_split(order.permutation(rows), len(rows) // 256):
                shift = torch.from_numpy(order.integers(0, 2, (len(b), 1)) * n)
                z = forward(net, b, shift, sees[order.integers(0, len(sees))])
                loss = F.cross_entropy(z, target[b], reduction="none", label_smoothing=0.05)
                loss = (loss * w[b]).sum() / w[b].sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return net.eval()

    # One network for both modes: it learns with the turns after the current one and without them.
    model = fit_context("both", "live")
    # The same network without the turns before: what of the gain is context, and not the tuning to conversations.
    control = fit_context("alone")
    place = {c: np.flatnonzero((split[current] == "dev") & (corpus[current] == CORPORA.index(c))) for c in ("meld", "dailydialog", "emorynlp")}
    both_rows = np.concatenate([place["meld"], place["dailydialog"]])
    context = {}

    @torch.no_grad()
    def calibrate(net, *sees):
        z = torch.cat([forward(net, both_rows, shift, s) for shift in (0, n) for s in sees])
        count = 2 * len(sees)
        return fit_calibration(z, target[both_rows].repeat(count), tune_w.repeat(count))

    scale, bias = calibrate(model, "both", "live")
    control_scale, control_bias = calibrate(control, "alone")
    for shift, name in ((0, "minilm"), (n, "static")):
        for c, which in place.items():
            with torch.no_grad():
                p = {sees: (forward(model, which, shift, sees) * scale + bias).softmax(1).numpy() for sees in ("both", "live")}
                alone = (forward(control, which, shift, "alone") * control_scale + control_bias).softmax(1).numpy()
            truth = y[current[which]]
            text = opinions[name][current[which]].numpy()
            for sees, q in p.items():
                s = scores(q, truth)
                s["gain_over_text_95"] = bootstrap_gain(q, text, truth, generator)
                s["gain_over_alone_95"] = bootstrap_gain(q, alone, truth, generator)
                context[f"{name}/{c}/{sees}"] = s
                print("context", name, c, sees, s["weighted_f1"], s["uar"], s["ece"], "gain over text", s["gain_over_text_95"],
                      "over itself without other turns", s["gain_over_alone_95"])
            context[f"{name}/{c}/gain_both_over_live_95"] = g = bootstrap_gain(p["both"], p["live"], truth, generator)
            print("  both over live", g)
    save_file({"map.weight": f16(model.map.weight), "hidden.weight": f16(model.hidden.weight), "hidden.bias": model.hidden.bias.detach().numpy(),
               "output.weight": f16(model.output.weight), "output.bias": model.output.bias.detach().numpy(),
               "scale": np.array([scale], dtype=np.float32), "prior": bias.numpy().astype(np.float32)}, out / "context.safetensors",
              metadata={"data": "MELD, EmoryNLP, DailyDialog, written sentences", "licence": licence, "labels": " ".join(LABELS),
                        "before": str(BEFORE), "after": str(AFTER)})
    report["context"] = context
    (Path(a.cache) / "report.json").write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
