"""Records what Hugging Face's tokenizers and PyTorch give for hard strings: tests/golden/models/data/bert_*.txt.

    python tools/golden/bert_text.py --minilm DIR --models models/text

Lines: the text's bytes in hex, a tab, and the ids or values. Bad UTF-8 is given to the reference as Python's
replacement characters. All sentences were written for this test.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "train"))
import text_emotion  # noqa: E402
import text_minilm  # noqa: E402
from text_static import static_embed  # noqa: E402

HARD = [b"", b" ", b"hello world", b"Hello, World!", b"unaffable", "Caf\u00e9 na\u00efve \u00c5ngstr\u00f6m r\u00e9sum\u00e9".encode(),
        "e\u0301le\u0300ve de\u0301ja\u0300".encode(), "\u6211\u7231\u4f60 \u6771\u4eac\u90fd".encode(), "\uac00\ub098\ub2e4 \ud55c\uad6d\uc5b4".encode(),
        "I am so happy \U0001f600\U0001f600 \u2764\ufe0f".encode(), "\U0001f468\u200d\U0001f469\u200d\U0001f467 family".encode(), b"bad \xff\xfe bytes \xc3( end \xe2\x82",
        b"\xc0\x80overlong \xed\xa0\x80 surrogate", "tabs\tand\nlines\r\nhere\u00a0nbsp\u3000wide\u2028sep".encode(), b"zero\x00byte \x01\x02\x7f", "soft\u00adhyphen zero\u200bwidth".encode(),
        b"don't can't we'll it's", "\u201cquoted\u201d \u2014 dash\u2026 \u00bfqu\u00e9?".encode(), b"$100 ^caret `tick ~tilde +plus=equals <a|b>", "\u20ac50 \u00a320 \u00a91999".encode(),
        "\u0130stanbul \u0131 STRASSE stra\u00dfe".encode(), "\u0391\u03b8\u03ae\u03bd\u03b1 \u039f\u0394\u039f\u03a3".encode(), "\u041c\u043e\u0441\u043a\u0432\u0430 \u0439\u043e\u0433\u0443\u0440\u0442 \u0401\u043b\u043a\u0430".encode(),
        "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd".encode(), "\u0939\u093f\u0928\u094d\u0926\u0940 \u0e44\u0e17\u0e22".encode(), b"x" * 100, b"x" * 101, b"antidisestablishmentarianism pneumonoultramicroscopic",
        b"[CLS] [SEP] [UNK] brackets", b"a.b,c;d:e!f?g", "\uff21\uff22\uff23 \ufb01 \u2460 \u00bd".encode(), "Vietnamese: Ti\u1ebfng Vi\u1ec7t".encode(), b"   lead and trail   ", b"\x0bvertical\x0cform \xc2\x85nel"]
SENTENCES = ["I am so glad that you came!", "My phone number is five five five, zero one two three.", "Where were you? I waited for an hour.",
             "ok", "", "She never said goodbye, and I miss her.", "The caf\u00e9 on the corner closes at nine \u2014 bring cash.", "word " * 300,
             "I don't like it, but I was never angry with them, not once; nobody here has ever been so very, very happy."]


def ids_of(tokenizer, raw):
    # Special tokens written out in the text are text, as in a speech transcript.
    text = raw.decode("utf-8", errors="replace").replace("[CLS]", "[ CLS ]").replace("[SEP]", "[ SEP ]").replace("[UNK]", "[ UNK ]")
    return tokenizer.encode(text).ids


def write(path, rows):
    path.write_text("".join(f"{raw.hex()}\t{' '.join(v)}\n" for raw, v in rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minilm", required=True)
    parser.add_argument("--models", default="models/text")
    parser.add_argument("--out", default="tests/golden/models/data")
    a = parser.parse_args()
    out = Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    tokenizer = text_minilm.load_tokenizer(a.minilm)
    write(out / "bert_ids.txt", [(raw, map(str, ids_of(tokenizer, raw))) for raw in HARD])
    raws = [s.encode() for s in SENTENCES]
    vectors = text_minilm.embed_texts(text_minilm.Bert(a.minilm), tokenizer, SENTENCES)
    write(out / "bert_vectors.txt", [(r, (f"{x:.7g}" for x in v)) for r, v in zip(raws, vectors)])
    ids = [e.ids[:254] for e in tokenizer.encode_batch(SENTENCES, add_special_tokens=False)]
    static = static_embed(load_file(Path(a.models) / "static.safetensors"), ids)
    write(out / "static_vectors.txt", [(r, (f"{x:.7g}" for x in v)) for r, v in zip(raws, static)])
    opinions = text_emotion.stored_expert(load_file(Path(a.models) / "emotion-static.safetensors"), static, SENTENCES)
    write(out / "static_opinions.txt", [(r, (f"{x:.7g}" for x in p)) for r, p in zip(raws, opinions)])
    seen = [-k for k in range(text_emotion.BEFORE + 1)] + list(range(1, text_emotion.AFTER + 1))
    index = np.array([[i + k if 0 <= i + k < len(SENTENCES) else -1 for k in seen] for i in range(len(SENTENCES))])
    same = np.array([[float(j >= 0 and (i - j) % 2 == 0) for j in row] for i, row in enumerate(index)], dtype=np.float32)
    context = text_emotion.stored_context(load_file(Path(a.models) / "context.safetensors"), index, same, opinions, static)
    write(out / "context_opinions.txt", [(r, (f"{x:.7g}" for x in p)) for r, p in zip(raws, context)])


if __name__ == "__main__":
    main()
