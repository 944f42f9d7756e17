#!/usr/bin/env python3
"""undertone train: folders and manifests to a model that run --model takes; stopping and going on; what is wrong.

The recordings are made here: a buzz whose pitch, tremor and brightness belong to its emotion, so that there is something to
learn and nothing to download. The bundled encoders hear and read them."""
import csv
import json
import math
import os
import pathlib
import random
import resource
import shlex
import shutil
import signal
import sqlite3
import struct
import subprocess
import tempfile
import time
import wave

from support import BINARY, SAMPLE, ROOT, files, load, main, run

RATE = 16000
EMOTIONS = {  # hertz, tremor in hertz, harmonics
    "sad": (110, 1.5, 3),
    "joy": (260, 7.0, 12),
    "anger": (180, 18.0, 30),
    "neutral": (140, 3.0, 6),
    "fear": (330, 11.0, 8),
}
WORDS = {
    "sad": ["I lost everything", "I miss her so much", "it makes me cry"],
    "joy": ["what a wonderful day", "I am so happy", "that is great news"],
    "anger": ["stop lying to me", "this is outrageous", "I hate this"],
    "neutral": ["the meeting starts at ten", "turn left at the corner", "it is on the table"],
    "fear": ["I am scared of it", "please do not open it", "what was that noise"],
}
LOCAL = ["--asr_model", "none", "--text_model", "bundled"]
LISTEN = [*LOCAL, "--vad_model", "bundled", "--speaker_model", "bundled"]
work = pathlib.Path(tempfile.mkdtemp(prefix="ut_train_"))
os.environ["XDG_CACHE_HOME"] = str(work / "cache")


def buzz(path, emotion, chance, speaker):
    hertz, tremor, harmonics = EMOTIONS[emotion]
    hertz *= (0.85, 1.0, 1.2, 1.1)[speaker] * chance.uniform(0.95, 1.05)
    seconds = chance.uniform(0.7, 1.1)
    frames = bytearray()
    for i in range(int(seconds * RATE)):
        t = i / RATE
        wave_ = sum(math.sin(2 * math.pi * hertz * k * t) / k for k in range(1, harmonics, 2))
        value = 0.15 * wave_ * (1 + 0.6 * math.sin(2 * math.pi * tremor * t)) + chance.gauss(0, 0.003)
        frames += struct.pack("<h", max(-32767, min(32767, int(32767 * value))))
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(bytes(frames))


def make(folder, speakers, each, seed):
    """Recordings and a manifest of them."""
    chance = random.Random(seed)
    rows = []
    for emotion in EMOTIONS:
        for n in range(each):
            speaker = speakers[n % len(speakers)]
            buzz(folder / f"{emotion}_{n}.wav", emotion, chance, speaker)
            rows.append([f"{emotion}_{n}.wav", f"s{speaker}", emotion, WORDS[emotion][n % 3], "CC0"])
    with open(folder / "manifest.csv", "w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([["file", "speaker", "emotion", "text", "licence"], *rows])


def train(model, *more, data=None, **how):
    data = data or work
    return run("train", "--train_data_path", data / "train", "--val_data_path", data / "val/", "--model_output_path", model,
               *LOCAL, *more, **how)


def header(path):
    with open(path, "rb") as file:
        return json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))


def setup():
    make(work / "train", (0, 1, 2), 9, 1)
    make(work / "val", (3,), 4, 2)


def test_train_and_run():
    model = work / "models" / "emotion_classifier.pt"
    out, err = train(model, "--jobs", "2")
    assert "voice, unknown speaker: mean recall" in out and "text: mean recall" in out, out
    assert "voice: epoch 1/" in err and "text: epoch 1/" in err, err
    recall = float(out.split("mean recall ")[1].split(" ")[0])
    assert recall > 70, out
    names = files(model.parent)
    assert names == ["emotion_classifier.learning_curves.png", "emotion_classifier.learning_curves.svg",
                             "emotion_classifier.md", "emotion_classifier.pt"], names
    head = header(model)
    assert head["__metadata__"]["voice.encoder"] == "voice-net" and head["__metadata__"]["text.encoder_sha256"], head
    assert head["hidden.weight"]["dtype"] == "F32" and head["ngram"]["dtype"] == "I8"
    assert head["__metadata__"]["license"].endswith("CC0")
    card = (model.parent / "emotion_classifier.md").read_text()
    assert "--model_output_path" in card and "--asr_model none --text_model bundled`" in card, card
    assert "45 utterances of 3 speakers" in card and "mean recall" in card, card
    # The second training hears nothing anew, and gives the same bytes.
    again = work / "again.safetensors"
    _, err = train(again, "--jobs", "1")
    words = next(line for line in err.splitlines() if line.startswith("heard ")).split()
    assert words[1] == words[3] and int(words[1]) > 0, words
    assert again.read_bytes() == model.read_bytes()
    # It is used, and said to be.
    run("run", "--audio_dir", SAMPLE, "--output_dir", work / "own", "--model", model, *LISTEN)
    run("run", "--audio_dir", SAMPLE, "--output_dir", work / "bundled", *LISTEN)
    own, bundled = (load(next((work / name).glob("*/conversation.json"))) for name in ("own", "bundled"))
    assert any(m["name"].startswith("trained-") for m in own["provenance"]["models"]), own["provenance"]
    assert not any(m["name"].startswith("trained-") for m in bundled["provenance"]["models"])
    p, q = ([u["emotion"]["probabilities"] for u in c["utterances"]] for c in (own, bundled))
    assert p != q
    # Another model is another result, also out of the cache.
    before = own["utterances"]
    train(model, "--seed", "2", "--modalities", "audio")
    run("run", "--audio_dir", SAMPLE, "--output_dir", work / "own", "--model", model, *LISTEN)
    assert load(next((work / "own").glob("*/conversation.json")))["utterances"] != before


def test_the_recipe_is_a_command():
    """Whatever the paths are called, a shell reads the card's command as it was given."""
    odd = work / "a maker's `own` data"
    for part in ("train", "val"):
        shutil.copytree(work / part, odd / part)
    model = odd / "it's $HOME.pt"
    train(model, "--epochs", "1", "--modalities", "text", data=odd)
    lines = (odd / "it's $HOME.md").read_text().splitlines()
    recipe = next(line for line in lines if "**Recipe**" in line)
    words = shlex.split(recipe.split("`` ")[1].split(" ``.")[0])
    assert words[:2] == ["undertone", "train"] and words[words.index("--model_output_path") + 1] == str(model), words
    assert words[words.index("--train_data_path") + 1] == str(odd / "train"), words
    assert words[words.index("--seed") + 1] == "1", words


def test_nothing_to_learn_leaves_nothing():
    data = work / "same_words"
    for part in ("train", "val"):
        (data / part).mkdir(parents=True)
        rows = "".join(f"Kids are talking by the door.,{emotion}\n" for emotion in EMOTIONS for _ in range(4))
        (data / part / "m.csv").write_text("text,emotion\n" + rows)
    _, err = train(data / "m.pt", data=data, expect=1)
    assert "nothing could be learned" in err, err
    assert files(data) == ["train/m.csv", "val/m.csv"], files(data)


def test_interrupted():
    whole = work / "whole.pt"
    train(whole, "--seed", "5")
    for wait in (0.3, 0.9):
        model = work / f"stopped_{wait}.pt"
        command = [str(BINARY), "train", "--train_data_path", work / "train", "--val_data_path", work / "val/",
                   "--model_output_path", model, "--seed", "5", *LOCAL]
        child = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for line in child.stderr:
            if "voice: epoch" in line:
                break
        time.sleep(wait / 10)
        child.send_signal(signal.SIGKILL if wait < 0.5 else signal.SIGTERM)
        child.communicate()
        assert not model.exists()
        state = pathlib.Path(f"{model}.voice.state")
        assert state.exists()
        _, err = train(model, "--seed", "5")
        assert "going on after epoch" in err, err
        assert model.read_bytes() == whole.read_bytes()
        assert not state.exists()


def test_full_disk():
    def little():
        resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000))

    model = work / "limited.pt"
    command = [BINARY, "train", "--train_data_path", work / "train", "--val_data_path", work / "val", "--model_output_path",
               model, *LOCAL]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, preexec_fn=little)
    assert done.returncode == 1 and "cannot write" in done.stderr and "limited.pt" in done.stderr, done.stderr
    assert not model.exists() and not list(work.glob("limited*.part")), list(work.glob("limited*"))
    train(model)


def test_other_forms():
    # One folder a label; then conversations with utterance labels, in the format of evaluate.
    data = work / "folders"
    for part in ("train", "val"):
        for emotion in EMOTIONS:
            (data / part / emotion).mkdir(parents=True)
            for path in (work / part).glob(f"{emotion}_*.wav"):
                shutil.copy(path, data / part / emotion)
    out, err = train(work / "folders.pt", data=data)
    assert "text" not in out and "no speaker is named" in err, err
    data = work / "conversations"
    for part in ("train", "val"):
        pieces, entries, at = bytearray(), [], 0.0
        for path in sorted((work / part).glob("*.wav")):
            with wave.open(str(path)) as sound:
                pieces += sound.readframes(sound.getnframes())
                end = at + sound.getnframes() / RATE
            entries.append({"start": round(at, 3), "end": round(end, 3), "emotion": path.name.split("_")[0], "speaker": "A"})
            at = end
        (data / part).mkdir(parents=True)
        with wave.open(str(data / part / "call.wav"), "wb") as sound:
            sound.setparams((1, 2, RATE, 0, "NONE", ""))
            sound.writeframes(bytes(pieces))
        (data / part / "labels.json").write_text(json.dumps({"call.wav": entries}))
    train(work / "conversations.pt", data=data)
    # Words alone, with names of the person's own.
    for part in ("train", "val"):
        folder = work / "words" / part
        folder.mkdir(parents=True)
        with open(folder / "lines.jsonl", "w", encoding="utf-8") as lines:
            for emotion, texts in WORDS.items():
                for text in texts * 4:
                    lines.write(json.dumps({"text": f"{text}, {part}", "emotion": "x-" + emotion}) + "\n")
    names = work / "names.csv"
    names.write_text("label,emotion\n" + "".join(f"x-{e},{e}\n" for e in EMOTIONS))
    _, err = train(work / "words.pt", data=work / "words", expect=1)
    assert "60 utterances have labels that are not known" in err and "--label_map" in err, err
    out, _ = train(work / "words.pt", "--label_map", names, "--init", "bundled", data=work / "words")
    assert "text: mean recall 100.0 %" in out, out
    assert "project.weight" not in header(work / "words.pt")


def test_store():
    store = work / "kb.db"
    train(work / "stored.pt", "--store", store)
    out, _ = run("kb", "stats", "--store", store)
    assert "utterances  45" in out and "sad         9" in out, out
    train(work / "stored.pt", "--store", store)
    out, _ = run("kb", "stats", "--store", store)
    assert "utterances  45" in out, out
    out, _ = run("kb", "query", "--store", store, "--text", "stop lying to me", "--k", "1", "--text_model", "bundled")
    assert "angry" in out, out
    with sqlite3.connect(store) as database:  # of other weights: said before anything is trained
        database.execute("UPDATE space SET model = replace(model, '@', '@0')")
    database.close()
    (work / "stored.pt").unlink()
    _, err = train(work / "stored.pt", "--store", store, expect=1)
    assert "knowledge base" in err and not (work / "stored.pt").exists(), err


def test_mismatch():
    model = work / "again.safetensors"
    damaged = work / "damaged.pt"
    damaged.write_bytes(model.read_bytes()[:2000])
    for bad, words in ((damaged, "damaged"), (work / "none.pt", "none.pt"), (work / "train" / "manifest.csv", "manifest.csv"),
                       (ROOT / "models" / "text" / "emotion-static.safetensors", "undertone train")):
        _, err = run("run", "--audio_dir", SAMPLE, "--output_dir", work / "x", "--model", bad, *LISTEN, expect=1)
        assert words in err, err
    other = bytearray(model.read_bytes())
    at = other.index(header(model)["__metadata__"]["voice.encoder_sha256"].encode())
    other[at:at + 4] = b"0000"
    damaged.write_bytes(bytes(other))
    _, err = run("run", "--audio_dir", SAMPLE, "--output_dir", work / "x", "--model", damaged, *LISTEN, expect=1)
    assert "was trained on voice-net, but another edition of voice-net is in use; give --asr_model none" in err, err


def bad(folder, manifest, words, code=1, val=None):
    data = work / folder
    (data / "train").mkdir(parents=True)
    (data / "train" / "m.csv").write_text(manifest)
    if val is None:
        shutil.copytree(work / "val", data / "val")
    else:
        (data / "val").mkdir()
        (data / "val" / "m.csv").write_text(val)
    model = data / "model.pt"
    _, err = train(model, data=data, expect=code)
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and words in lines[0], err
    assert not model.exists()


def test_bad_input():
    sad, joy = work / "train" / "sad_0.wav", work / "train" / "joy_0.wav"
    head = "file,emotion,speaker\n"
    (work / "noise.wav").write_bytes(b"this is no sound at all" * 50)
    good = f"{head}{sad},sad,s0\n{joy},joy,s0\n"
    bad("missing", f"{good}nowhere.wav,sad,s1\n", "nowhere.wav")
    bad("no_audio", f"{good}{work / 'noise.wav'},sad,s1\n", "noise.wav")
    bad("one_class", f"{head}{sad},sad,s0\n{work / 'train' / 'sad_1.wav'},sad,s0\n", "only one emotion, sad")
    bad("unknown", f"{head}{sad},purple,s0\n{joy},joy,s0\n", '"purple"')
    bad("empty", head, "no labelled utterances")
    bad("overlap", good + f"{work / 'val' / 'sad_0.wav'},sad,s0\n", "is in the validation set too")
    bad("short", f"{good}{sad},sad,s0,\n", "4 cells under 3 columns")
    bad("one_class_val", good, "only one emotion", val=f"{head}{work / 'val' / 'sad_0.wav'},sad,s3\n")
    bad("beyond", f"file,emotion,start,end\n{sad},sad,50,51\n{joy},joy,0,1\n", "too little to hear")
    nothing = struct.pack("<f", math.nan) * RATE
    (work / "nan.wav").write_bytes(
        b"RIFF" + struct.pack("<I", 36 + len(nothing)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 3, 1, RATE, 4 * RATE, 4, 32) +
        b"data" + struct.pack("<I", len(nothing)) + nothing)
    bad("nan", f"{good}{work / 'nan.wav'},sad,s1\n", "not numbers")
    with wave.open(str(work / "silence.wav"), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(b"\0\0" * RATE)  # silence is no speech, but no reason to fail either
    data = work / "silent"
    (data / "train").mkdir(parents=True)
    (data / "train" / "m.csv").write_text(good + f"{work / 'silence.wav'},neutral,s1\n")
    shutil.copytree(work / "val", data / "val")
    _, err = train(data / "m.pt", data=data)
    assert "has no angry utterance" in err, err
    empty = work / "empty_class"
    (empty / "train" / "sad").mkdir(parents=True)
    (empty / "train" / "joy").mkdir()
    shutil.copy(sad, empty / "train" / "sad")
    _, err = run("train", "--train_data_path", empty / "train", "--val_data_path", work / "val", "--model_output_path",
                 work / "e.pt", *LOCAL, expect=1)
    assert "joy" in err and "empty" in err, err
    shutil.copytree(work / "val", work / "spoken" / "val")
    shutil.copytree(work / "train", work / "spoken" / "train")
    manifest = work / "spoken" / "val" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",s3,", ",s1,"))
    _, err = train(work / "spoken.pt", data=work / "spoken")
    assert "1 speaker is in both sets" in err, err
    _, err = run("train", "--train_data_path", work / "train", "--val_data_path", work / "val", "--model_output_path",
                 work / "val", *LOCAL, expect=2)
    assert "is a folder" in err, err
    _, err = train(work / "card.md", expect=2)
    assert "card" in err, err
    run("train", "--train_data_path", work / "train", expect=2)


def test_compare():
    truth = ROOT / "data" / "ground_truth.json"
    scores = []
    for name in ("own", "bundled"):
        scores.append(work / f"{name}.json")
        run("evaluate", "--predictions", work / name, "--ground_truth", truth, "--evaluation_output", scores[-1])
    out, _ = run("evaluate", "--compare", *scores, "--evaluation_output", work / "compared.json")
    assert "McNemar" in out and "weighted F1" in out, out
    compared = load(work / "compared.json")
    rights = [sum(s["truth"] == s["predicted"] for s in load(path)["scores"]) for path in scores]
    m = compared["mcnemar"]
    assert m["only_second_right"] - m["only_first_right"] == rights[1] - rights[0], m
    gain = compared["measures"]["accuracy"]["gain"]
    assert gain["low"] <= gain["value"] <= gain["high"], gain
    groups = load(scores[0])["groups"]
    assert {g["name"] for g in groups["speaker"]} == {"agent", "customer"}, groups
    _, err = run("evaluate", "--compare", scores[0], truth, expect=1)
    assert "is no evaluation" in err, err
    run("evaluate", "--compare", scores[0], expect=2)


if __name__ == "__main__":
    try:
        setup()
        main([value for name, value in list(globals().items()) if name.startswith("test_")])
    finally:
        shutil.rmtree(work, ignore_errors=True)
