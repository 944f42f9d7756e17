"""BERT encoders in plain PyTorch: the reference that the C encoder is held to, and the teacher of the text models.

Only `torch`, `safetensors` and `tokenizers` are needed. A model directory is what the Hugging Face hub serves:
config.json, tokenizer.json, model.safetensors. The arithmetic follows Devlin et al. 2019 (post-norm encoder, learned
positions, erf GELU) and sentence-transformers' pooling: mean over all tokens, [CLS] and [SEP] included, then L2 norm.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer

MAX_TOKENS = 256


def load_tokenizer(directory):
    tokenizer = Tokenizer.from_file(str(Path(directory) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


class Bert:
    """Forward pass of a BERT encoder; weights keep their hub names."""

    def __init__(self, directory):
        directory = Path(directory)
        self.config = json.loads((directory / "config.json").read_text())
        self.w = {k.removeprefix("bert."): v.float() for k, v in load_file(directory / "model.safetensors").items()
                  if v.is_floating_point()}
        self.layers = self.config["num_hidden_layers"]
        self.heads = self.config["num_attention_heads"]
        self.eps = self.config["layer_norm_eps"]

    def linear(self, name, x):
        return F.linear(x, self.w[name + ".weight"], self.w[name + ".bias"])

    def norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.w[name + ".weight"], self.w[name + ".bias"], self.eps)

    def embed_tokens(self, ids):
        e = "embeddings."
        x = self.w[e + "word_embeddings.weight"][ids]
        x = x + self.w[e + "position_embeddings.weight"][: ids.shape[1]]
        x = x + self.w[e + "token_type_embeddings.weight"][0]
        return self.norm(e + "LayerNorm", x)

    def layer(self, i, x, mask):
        b, t, d = x.shape
        p = f"encoder.layer.{i}."

        def split(name):
            return self.linear(p + "attention.self." + name, x).view(b, t, self.heads, -1).transpose(1, 2)

        q, k, v = split("query"), split("key"), split("value")
        scores = q @ k.transpose(2, 3) / math.sqrt(d // self.heads)
        scores = scores.masked_fill(~mask[:, None, None, :], float("-inf"))
        a = (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, d)
        x = self.norm(p + "attention.output.LayerNorm", x + self.linear(p + "attention.output.dense", a))
        h = F.gelu(self.linear(p + "intermediate.dense", x))
        return self.norm(p + "output.LayerNorm", x + self.linear(p + "output.dense", h))

    @torch.no_grad()
    def hidden(self, ids, mask, upto=None):
        x = self.embed_tokens(ids)
        for i in range(self.layers if upto is None else upto):
            x = self.layer(i, x, mask)
        return x

    @torch.no_grad()
    def sentence(self, ids, mask):
        x = self.hidden(ids, mask)
        m = mask[:, :, None].float()
        return F.normalize((x * m).sum(1) / m.sum(1), dim=1)


def batches(token_ids, tokens_per_batch=4096):
    """Batches of like length: (row indices, ids, mask)."""
    order = sorted(range(len(token_ids)), key=lambda i: len(token_ids[i]))
    at = 0
    while at < len(order):
        end, longest = at, 0
        while end < len(order):
            longest = max(longest, len(token_ids[order[end]]))
            if longest * (end - at + 1) > tokens_per_batch and end > at:
                break
            end += 1
        rows = order[at:end]
        width = max(len(token_ids[i]) for i in rows)
        ids = np.zeros((len(rows), width), dtype=np.int64)
        mask = np.zeros((len(rows), width), dtype=bool)
        for r, i in enumerate(rows):
            ids[r, : len(token_ids[i])] = token_ids[i]
            mask[r, : len(token_ids[i])] = True
        yield rows, torch.from_numpy(ids), torch.from_numpy(mask)
        at = end


def embed_texts(bert, tokenizer, texts, progress=None):
    """L2-normalised sentence vectors, float32 [n, hidden]."""
    tokens = [e.ids for e in tokenizer.encode_batch(list(texts))]
    out = np.zeros((len(texts), bert.config["hidden_size"]), dtype=np.float32)
    done = 0
    for rows, ids, mask in batches(tokens):
        out[rows] = bert.sentence(ids, mask).numpy()
        done += len(rows)
        if progress:
            progress(done, len(texts))
    return out
