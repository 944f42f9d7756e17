"""The labelled texts that the text experts are trained on, read from `<data>/text` (see its README files).

Five emotions in the product's order. Test splits are never read. Splits are by dialogue; where a corpus repeats
another's episodes (EmoryNLP and MELD are the same television series), the training dialogues that share utterances
with a development set are left out.
"""

import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

LABELS = ["sad", "happy", "angry", "neutral", "non-neutral"]
SEED = 20240607


@dataclass
class Turn:
    corpus: str
    split: str
    dialogue: str
    turn: int
    speaker: str
    text: str
    label: int  # index into LABELS, -1 where the turn is not to be scored
    original: str
    weight: float = 1.0


def _rows(path):
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")
    with opened as f:
        for line in f:
            yield json.loads(line)


def _read(corpus, split, path):
    for r in _rows(path):
        label = LABELS.index(r["emotion5"]) if r["emotion5"] else -1
        if r.get("mixed"):
            label = -1
        yield Turn(corpus, split, f"{corpus}/{path.name}/{r['dialogue']}", r["turn"], r["speaker"] or "", r["text"], label,
                   r["emotion_original"] or "")


def _key(text):
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def _hash(text):
    return int(hashlib.md5(text.encode()).hexdigest(), 16)


def detokenise(text):
    """DailyDialog writes 'Hey , you' and ' don ’ t'; speech recognisers do not."""
    text = re.sub(r"\s+([,.!?;:%])", r"\1", text)
    text = re.sub(r"\s*([’'])\s*(s|t|re|ve|ll|d|m)\b", r"\1\2", text)
    return text


def _as_short_as_talk(turn):
    """Of comments and stories of more than 12 words a quarter trains, of more than 24 words none."""
    if turn.split != "train" or turn.corpus in ("meld", "emorynlp", "dailydialog"):
        return True
    words = len(re.findall(r"\w+|[^\w\s]", turn.text))
    return words <= 12 or (words <= 24 and _hash(turn.text) % 4 == 0)


def load(data):
    """All turns of training and development, in conversation order."""
    root = Path(data) / "text"
    turns = []
    for corpus, split, name in [
        ("meld", "train", "meld/train.jsonl"), ("meld", "dev", "meld/dev.jsonl"),
        ("emorynlp", "train", "emorynlp/train.jsonl"), ("emorynlp", "dev", "emorynlp/dev.jsonl"),
        ("dailydialog", "train", "dailydialog/train_partial.jsonl"), ("dailydialog", "natural", "dailydialog/dev.jsonl"),
        ("goemotions", "train", "goemotions/train.jsonl.gz"), ("goemotions", "dev", "goemotions/dev.jsonl.gz"),
        ("emocontext", "train", "emocontext/train.jsonl.gz"), ("emocontext", "dev", "emocontext/dev.jsonl.gz"),
        ("isear", "train", "isear/train.jsonl"), ("isear", "dev", "isear/dev.jsonl"),
        ("tweeteval", "train", "tweeteval_emotion/train.jsonl"), ("tweeteval", "dev", "tweeteval_emotion/dev.jsonl"),
    ]:
        turns += list(_read(corpus, split, root / name))
    for t in turns:
        if t.corpus == "dailydialog":
            t.text = detokenise(t.text)
        # DailyDialog's development split is the only one here with its natural share of neutral talk: four fifths of its
        # dialogues train, one fifth is kept for tuning.
        if t.split == "natural":
            t.split = "dev" if _hash(t.dialogue) % 5 == 0 else "train"
    return _drop_shared([t for t in turns if _as_short_as_talk(t)])


def _drop_shared(turns):
    """Leave out training dialogues of the television corpora that repeat a development dialogue."""
    dev = {}
    for t in turns:
        if t.split == "dev" and t.corpus in ("meld", "emorynlp") and len(_key(t.text).split()) >= 6:
            dev.setdefault(_key(t.text), set()).add(t.corpus)
    shared = {}
    for t in turns:
        if t.split == "train" and t.corpus in ("meld", "emorynlp") and _key(t.text) in dev:
            shared[t.dialogue] = shared.get(t.dialogue, 0) + 1
    return [t for t in turns if not (t.split == "train" and shared.get(t.dialogue, 0) >= 1)]


def dialogues(turns):
    """Turns grouped by dialogue, each in order."""
    groups = {}
    for t in turns:
        groups.setdefault(t.dialogue, []).append(t)
    return [sorted(g, key=lambda t: t.turn) for g in groups.values()]
