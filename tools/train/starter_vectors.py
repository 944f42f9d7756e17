"""Embeds the starter examples with MiniLM, so that the program need not do so at each start.

    python tools/train/starter_vectors.py --minilm DIR

writes models/knowledge/starter.minilm.safetensors: `vectors`, F16 [examples, 384] in the order of starter.jsonl, and
the SHA-256 of that file and of the encoder's weights. The program takes them while both hashes are right and embeds the
examples itself otherwise, so run this again after any change of starter.jsonl.
"""
import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from text_minilm import Bert, embed_texts, load_tokenizer

KNOWLEDGE = Path(__file__).resolve().parents[2] / "models/knowledge"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minilm", type=Path, required=True, help="folder of all-MiniLM-L6-v2")
    minilm = parser.parse_args().minilm
    examples = KNOWLEDGE / "starter.jsonl"
    texts = [json.loads(line)["text"] for line in examples.read_text().splitlines() if line.strip()]
    vectors = embed_texts(Bert(minilm), load_tokenizer(minilm), texts)
    hashes = {"examples_sha256": sha256(examples), "encoder_sha256": sha256(minilm / "model.safetensors")}
    save_file({"vectors": vectors.astype(np.float16)}, KNOWLEDGE / "starter.minilm.safetensors", metadata=hashes)


if __name__ == "__main__":
    main()
