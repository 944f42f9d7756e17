"""Distils a sentence encoder into static word-piece vectors that fit in the repository.

    python tools/train/text_static.py --data ../shared/data --minilm DIR --out models/text --cache DIR

After model2vec (Minish Lab 2024): every piece of the vocabulary passes through the teacher alone, the vectors are
reduced by PCA and weighted by frequency (SIF, Arora et al. 2017); then rows and the linear map back into the teacher's
space are fitted to the teacher's sentence vectors (1 - cosine) over the training texts. A sentence is
normalise(map * mean of its rows + bias). Rows are stored as int8 with one scale each.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

import text_corpora
import text_minilm
from text_cache import load_cache

DIMENSIONS = 160
EPOCHS = 14
BATCH = 1024
SPECIAL = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}


def piece_vectors(bert, tokenizer, size):
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    out = []
    for at in range(0, size, 1024):
        ids = torch.tensor([[cls, i, sep] for i in range(at, min(at + 1024, size))])
        out.append(bert.sentence(ids, torch.ones_like(ids, dtype=torch.bool)))
    return torch.cat(out)


def bags(token_ids):
    flat = torch.from_numpy(np.concatenate([np.asarray(t, dtype=np.int64) for t in token_ids]))
    lengths = np.array([len(t) for t in token_ids])
    return flat, torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]))


def pick(flat, starts, rows, keep=1.0):
    parts = []
    for r in rows:
        ids = flat[starts[r] : starts[r + 1]]
        if keep < 1 and len(ids) > 3:
            kept = ids[torch.rand(len(ids)) < keep]
            ids = kept if len(kept) else ids
        parts.append(ids)
    offsets = np.concatenate([[0], np.cumsum([len(p) for p in parts])[:-1]])
    return torch.cat(parts), torch.from_numpy(offsets)


class Student(torch.nn.Module):
    def __init__(self, rows, projection, bias):
        super().__init__()
        self.rows = torch.nn.EmbeddingBag.from_pretrained(rows, freeze=False, mode="mean")
        self.projection = torch.nn.Parameter(projection)
        self.bias = torch.nn.Parameter(bias)

    def forward(self, ids, offsets):
        return F.normalize(self.rows(ids, offsets) @ self.projection.T + self.bias, dim=1)


def quantise(rows):
    scale = np.abs(rows).max(1) / 127.0
    scale = np.maximum(scale.astype(np.float16), np.float16(6e-8))
    return np.clip(np.round(rows / scale[:, None].astype(np.float32)), -127, 127).astype(np.int8), scale


def static_embed(weights, token_ids):
    """The stored model applied to lists of ids (without [CLS] and [SEP]); the reference for the C code."""
    rows = weights["rows"].astype(np.float32) * weights["row_scale"].astype(np.float32)[:, None]
    projection, bias = weights["projection"].astype(np.float32), weights["bias"]
    out = np.zeros((len(token_ids), projection.shape[0]), dtype=np.float32)
    for i, ids in enumerate(token_ids):
        mean = rows[ids].mean(0) if len(ids) else np.zeros(rows.shape[1], dtype=np.float32)
        v = projection @ mean + bias
        out[i] = v / max(np.linalg.norm(v), 1e-12)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--minilm", required=True)
    parser.add_argument("--out", default="models/text")
    parser.add_argument("--cache", required=True)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    a = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(text_corpora.SEED)

    turns, _, texts, teacher = load_cache(a.data, a.minilm, a.cache)
    teacher = torch.from_numpy(teacher)
    bert, tokenizer = text_minilm.Bert(a.minilm), text_minilm.load_tokenizer(a.minilm)
    tokens = [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
    held = {t.text for t in turns if t.split == "dev"}
    train = np.array([i for i, t in enumerate(texts) if t not in held and tokens[i]])
    dev = np.array([i for i, t in enumerate(texts) if t in held and tokens[i]])
    size = tokenizer.get_vocab_size()

    base = piece_vectors(bert, tokenizer, size)
    centre = base.mean(0)
    _, _, v = torch.linalg.svd(base - centre, full_matrices=False)
    counts = np.ones(size)
    for i in train:
        np.add.at(counts, tokens[i], 1)
    # Pieces are ordered by frequency only roughly: counts of the training texts, smoothed.
    share = torch.from_numpy(counts / counts.sum()).float()
    sif = 1e-3 / (1e-3 + share)
    rows = ((base - centre) @ v[:DIMENSIONS].T) * sif[:, None]
    model = Student(rows.clone(), v[:DIMENSIONS].T.contiguous(), centre * 0.3)
    flat, starts = bags(tokens)

    def similarity(which):
        with torch.no_grad():
            ids, offsets = pick(flat, starts, which)
            return (model(ids, offsets) * teacher[which]).sum(1).mean().item()

    print(f"{len(train)} training texts; cosine to the teacher on {len(dev)} held-out texts: {similarity(dev):.4f}")
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    steps = a.epochs * (len(train) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    generator = np.random.default_rng(text_corpora.SEED)
    for epoch in range(a.epochs):
        order = generator.permutation(train)
        for at in range(0, len(order) - BATCH + 1, BATCH):
            which = order[at : at + BATCH]
            ids, offsets = pick(flat, starts, which, keep=0.9)
            loss = 1 - (model(ids, offsets) * teacher[which]).sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.4f} held-out cosine {similarity(dev):.4f}", flush=True)

    with torch.no_grad():
        q, scale = quantise(model.rows.weight.numpy())
    vocabulary = [tokenizer.id_to_token(i) for i in range(size)]
    weights = {
        "rows": q,
        "row_scale": scale,
        "projection": model.projection.detach().numpy().astype(np.float16),
        "bias": model.bias.detach().numpy().astype(np.float32),
        "vocabulary": np.frombuffer(("\n".join(vocabulary) + "\n").encode(), dtype=np.uint8).copy(),
    }
    final = float((torch.from_numpy(static_embed(weights, [tokens[i] for i in dev])) * teacher[dev]).sum(1).mean())
    print(f"int8: held-out cosine {final:.4f}")
    out = Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    save_file(weights, out / "static.safetensors", metadata={
        "name": "undertone-static-160", "teacher": "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)",
        "data": "GoEmotions, MELD, EmoryNLP, DailyDialog, EmoContext, ISEAR, TweetEval (unlabelled texts)",
        "licence": "research and non-commercial use only: see static.md", "lower_case": "true",
        "held_out_cosine": f"{final:.4f}", "seed": str(text_corpora.SEED)})


if __name__ == "__main__":
    main()
