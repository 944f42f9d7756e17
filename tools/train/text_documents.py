"""Dialogues as conversation documents, so that `undertone analyze` judges them: words, no sound.

    python tools/train/text_documents.py --data ../shared/data --minilm DIR --out FOLDER
    undertone analyze FOLDER/meld --output_dir FOLDER/out_meld --quiet
    undertone evaluate --predictions FOLDER/out_meld --ground_truth FOLDER/meld.json --evaluation_output scores.json

MELD's development part, the fifth of DailyDialog's that the text experts did not train on, and the held-out remarks of
text_talk.py and text_service.py, each among plain turns as in real talk. Every turn is three seconds long, one a four
seconds, heard without doubt. The documents stay outside the repository.
"""
import argparse
import base64
import json
from pathlib import Path

import numpy as np
import torch

import text_corpora
import text_minilm
import text_talk

ENCODER = "all-MiniLM-L6-v2"


def utterance(i, turn, vector):
    return {"index": i, "start": 4.0 * i, "end": 4.0 * i + 3.0, "speaker": turn.speaker or "?", "speaker_confidence": 1.0,
            "text": turn.text, "text_confidence": 1.0, "words": [], "voice": None, "features": {},
            "text_embedding": {"model": ENCODER, "f32": base64.b64encode(vector.astype("<f4").tobytes()).decode()},
            "combined_embedding": None, "emotion": None}


def document(name, group, vectors):
    return {"format": "undertone-conversation", "version": 1, "id": name,
            "source": {"file": name + ".wav", "sha256": None, "duration": 4.0 * len(group), "rate": 16000, "channels": 1},
            "language": "en", "speakers": sorted({t.speaker or "?" for t in group}),
            "utterances": [utterance(i, t, vectors[t.text]) for i, t in enumerate(group)],
            "provenance": {"version": "0", "models": [], "settings": {}, "notes": []}}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "minilm", "out"):
        p.add_argument("--" + name, required=True)
    a = p.parse_args()
    torch.set_num_threads(1)
    groups = [g for g in text_corpora.dialogues(text_corpora.load(a.data)) if g[0].split == "dev"]
    bert, tokenizer = text_minilm.Bert(a.minilm), text_minilm.load_tokenizer(a.minilm)
    groups += text_talk.remarks_among_plain_turns()
    for corpus in ("meld", "dailydialog", "remarks"):
        mine = [g for g in groups if g[0].corpus == corpus]
        texts = sorted({t.text for g in mine for t in g})
        vectors = dict(zip(texts, np.asarray(text_minilm.embed_texts(bert, tokenizer, texts), np.float32)))
        truth = {}
        for i, g in enumerate(mine):
            name = f"{corpus}{i:04d}"
            folder = Path(a.out) / corpus / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "conversation.json").write_text(json.dumps(document(name, g, vectors)))
            entries = [{"start": 4.0 * k, "end": 4.0 * k + 3.0, "speaker": t.speaker or "?",
                        "emotion": text_corpora.LABELS[t.label]} for k, t in enumerate(g) if t.label >= 0]
            if entries:
                truth[name + ".wav"] = entries
        (Path(a.out) / f"{corpus}.json").write_text(json.dumps(truth))
        print(corpus, len(mine), "dialogues,", sum(len(v) for v in truth.values()), "labelled turns")


if __name__ == "__main__":
    main()
