"""Sentence vectors of every training text, computed once and kept in a folder (they are never committed).

    python tools/train/text_cache.py --data ../shared/data --minilm DIR --cache DIR
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

import text_corpora
import text_minilm


def load_cache(data, minilm, cache):
    """(turns, row of each turn, texts, teacher vectors float32 [texts, hidden])."""
    cache = Path(cache)
    cache.mkdir(parents=True, exist_ok=True)
    turns = text_corpora.load(data)
    texts = sorted({t.text for t in turns})
    index = {t: i for i, t in enumerate(texts)}
    names, vectors = cache / "texts.json", cache / "minilm.npy"
    if not (names.exists() and vectors.exists() and json.loads(names.read_text()) == texts):
        bert, tokenizer = text_minilm.Bert(minilm), text_minilm.load_tokenizer(minilm)
        start = time.time()

        def progress(done, total):
            if done % 2000 < 100:
                print(f"  {done}/{total} {time.time() - start:.0f} s", flush=True)

        np.save(vectors, text_minilm.embed_texts(bert, tokenizer, texts, progress).astype(np.float16))
        names.write_text(json.dumps(texts))
    return turns, np.array([index[t.text] for t in turns]), texts, np.load(vectors).astype(np.float32)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--minilm", required=True)
    parser.add_argument("--cache", required=True)
    a = parser.parse_args()
    torch.set_num_threads(1)
    turns, _, texts, _ = load_cache(a.data, a.minilm, a.cache)
    print(len(turns), "turns,", len(texts), "texts")
