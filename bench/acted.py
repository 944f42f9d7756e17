#!/usr/bin/env python3
"""Emotions of acted speech through the whole program, under the recogniser's own windows and the program's own turns.

    tools/train/voice_whisper.py ... --held_out HEADS        # heads that never heard the speakers of a group
    bench/acted.py --heads HEADS                             # voice alone beside every expert on
    bench/acted.py --heads HEADS --condition quiet ulaw gsm opus
    bench/acted.py --heads HEADS --keep DIR --analyze_only   # the recordings and transcripts of an earlier run

Clips of two speakers of one corpus take turns in a recording, pauses between them (the sentences carry no feeling).
Every speaker keeps one gain, so that shouts stay loud. `undertone run` analyses the recordings with the head that
never heard these speakers; `undertone evaluate` scores them. Seeds are fixed. Needs numpy, scipy and soundfile.
"""
import argparse
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import soundfile
from scipy.signal import resample_poly

ROOT = pathlib.Path(__file__).resolve().parents[1]
RATE = 16000
CORPORA = ("ravdess", "emodb", "nemo")
LABELS = ("sad", "happy", "angry", "neutral", "non-neutral")
CONDITIONS = ("clean", "quiet", "ulaw", "gsm", "opus")
MODALITIES = {"voice alone": "audio", "everything": "audio,text,context"}


def speech_level(pcm):
    """RMS over the 20 ms frames within 30 dB of the loudest."""
    power = (pcm[: len(pcm) // 320 * 320].reshape(-1, 320) ** 2).mean(1)
    return float(np.sqrt(power[power >= power.max() * 1e-3].mean()))


def speakers_of(data, corpus, group):
    """{speaker: rows} of the speakers in the folds that `group` names ("23": folds 2 and 3), as tools/train has them."""
    with open(data / "emotion" / corpus / "manifest.csv", encoding="utf-8") as f:
        rows = [r for r in csv.DictReader(f) if r["emotion5"] in LABELS]
    names = sorted({r["speaker"] for r in rows})
    return {s: [r for r in rows if r["speaker"] == s] for i, s in enumerate(names) if str(i % 5) in group}


def pick(rows, each, rng):
    """`each` clips of every class, in random order."""
    chosen = []
    for label in LABELS:
        of = [r for r in rows if r["emotion5"] == label]
        chosen += [of[i] for i in rng.permutation(len(of))[:each]]
    return [chosen[i] for i in rng.permutation(len(chosen))]


def compose(data, corpus, pair, each, rng):
    """(pcm, truth) of a conversation: the two speakers in turn."""
    queues, gains = {}, {}
    for speaker, rows in pair.items():
        chosen = pick(rows, each, rng)
        queues[speaker] = [(r, soundfile.read(data / "emotion" / corpus / r["file"], dtype="float32")[0]) for r in chosen]
        gains[speaker] = 10 ** (-26 / 20) / np.sqrt(np.mean([speech_level(x) ** 2 for _, x in queues[speaker]]))
    parts, truth, at = [np.zeros(RATE // 2, np.float32)], [], RATE // 2
    while any(queues.values()):
        for speaker in pair:
            if not queues[speaker]:
                continue
            row, x = queues[speaker].pop()
            pause = np.zeros(int(rng.uniform(0.3, 1.0) * RATE), np.float32)
            truth.append({"start": round(at / RATE, 3), "end": round((at + len(x)) / RATE, 3), "speaker": speaker,
                          "emotion": row["emotion5"]})
            parts += [x * gains[speaker], pause]
            at += len(x) + len(pause)
    pcm = np.concatenate(parts)
    return pcm + 1e-5 * rng.standard_normal(len(pcm)).astype(np.float32), truth


def degrade(pcm, condition, folder):
    """(samples, rate) as the recording would be: 10 dB quieter, or through a telephone's codec by ffmpeg."""
    if condition == "clean":
        return pcm, RATE
    if condition == "quiet":
        return pcm * 10 ** (-10 / 20), RATE
    codec = {"ulaw": ["-c:a", "pcm_mulaw", "-f", "wav"], "gsm": ["-c:a", "gsm", "-f", "gsm"],
             "opus": ["-c:a", "libopus", "-b:a", "12k", "-f", "ogg"]}[condition]
    source, coded = folder / "in.wav", folder / "coded"
    soundfile.write(source, resample_poly(pcm, 1, 2), RATE // 2, subtype="PCM_16")
    quiet = ["ffmpeg", "-v", "error", "-y"]
    subprocess.run([*quiet, "-i", source, "-ar", "8000", *codec, coded], check=True)
    subprocess.run([*quiet, *(["-f", "gsm"] if condition == "gsm" else []), "-i", coded, "-ar", "8000", folder / "out.wav"],
                   check=True)
    return soundfile.read(folder / "out.wav", dtype="float32")


def write_recordings(a, group, condition, folder):
    """WAV files and one ground truth a corpus, and one of all, below `folder`."""
    (folder / "audio").mkdir(parents=True)
    everything = {}
    for corpus in CORPORA:
        rng = np.random.default_rng([a.seed, CORPORA.index(corpus), int(group)])
        speakers = speakers_of(a.data, corpus, group)
        names = sorted(speakers)[: len(speakers) // 2 * 2]
        each = max(2, round(a.each / len(names)))
        truth = {}
        for i in range(0, len(names), 2):
            pcm, turns = compose(a.data, corpus, {s: speakers[s] for s in names[i:i + 2]}, each, rng)
            truth[f"{corpus}_{names[i]}_{names[i + 1]}.wav"] = turns
            with tempfile.TemporaryDirectory() as scratch:
                x, rate = degrade(pcm, condition, pathlib.Path(scratch))
            soundfile.write(folder / "audio" / list(truth)[-1], x, rate, subtype="PCM_16")
        (folder / f"truth_{corpus}.json").write_text(json.dumps(truth, indent=1))
        everything |= truth
    (folder / "truth_all.json").write_text(json.dumps(everything, indent=1))


def models_with(head_dir, folder):
    """A models folder like the program's own but for the voice heads in `head_dir`."""
    (folder / "emotion_voice").mkdir(parents=True)
    for entry in (ROOT / "models").iterdir():
        if entry.name != "emotion_voice":
            (folder / entry.name).symlink_to(entry)
    for entry in (ROOT / "models/emotion_voice").iterdir():
        own = head_dir / entry.name
        (folder / "emotion_voice" / entry.name).symlink_to((own if own.exists() else entry).resolve())
    return folder


def undertone(a, *arguments):
    done = subprocess.run([a.program, *map(str, arguments), "--quiet"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"acted: undertone {arguments[0]} failed:\n{done.stderr[-3000:]}")


def run_group(a, group, condition, work):
    """{modality: {part: evaluation}} of one group of speakers."""
    folder = work / f"{condition}_{group}"
    models = work / f"models_{group}"
    if not (folder / "truth_all.json").exists():
        write_recordings(a, group, condition, folder)
    if not models.exists():
        models_with(pathlib.Path(a.heads) / group, models)
    asr = ["--asr_model", a.asr_model, "--num_speakers", a.num_speakers, "--no_audio_in_report", *a.more]
    full = folder / "everything"
    if not (a.analyze_only and full.exists()):
        undertone(a, "run", "--audio_dir", folder / "audio", "--output_dir", full, "--models_dir", models, *asr)
    out = {}
    for name, modalities in MODALITIES.items():
        results = full if name == "everything" else folder / "voice"
        if name != "everything" or a.analyze_only:
            results = folder / name.replace(" ", "_") if name != "everything" else folder / "again"
            undertone(a, "analyze", full, "--output_dir", results, "--models_dir", models, "--modalities", modalities)
        out[name] = {}
        for part in (*CORPORA, "all"):
            scores = folder / "scores.json"
            undertone(a, "evaluate", "--predictions", results, "--ground_truth", folder / f"truth_{part}.json",
                      "--evaluation_output", scores)
            out[name][part] = json.loads(scores.read_text())
    return out


def scored(evaluations):
    """(truth, predicted or -1, probabilities) of every utterance of several evaluations."""
    rows = [s for e in evaluations for s in e["scores"]]
    truth = np.array([LABELS.index(s["truth"]) for s in rows])
    missed = np.array([s["predicted"] is None for s in rows])
    p = np.array([[0.2] * 5 if gone else [s["probabilities"][k] for k in LABELS] for s, gone in zip(rows, missed)])
    return truth, np.where(missed, -1, p.argmax(1)), p


def uar(truth, predicted):
    return 100 * float(np.mean([(predicted[truth == k] == k).mean() for k in range(5)]))


def calibration_error(truth, predicted, p, bins=15):
    kept = predicted >= 0
    top, right = p[kept].max(1), (truth == predicted)[kept]
    where = np.minimum((top * bins).astype(int), bins - 1)
    return float(sum(abs(top[where == b].mean() - right[where == b].mean()) * (where == b).mean()
                     for b in range(bins) if (where == b).any()))


def report(condition, name, groups):
    row = [uar(*scored([g[name][c] for g in groups])[:2]) for c in CORPORA]
    truth, predicted, p = scored([g[name]["all"] for g in groups])
    table = [[int(((truth == i) & (predicted == j)).sum()) for j in range(5)] for i in range(5)]
    print(f"| {condition} | {name} | {' | '.join(f'{x:.1f}' for x in row)} | {uar(truth, predicted):.1f} | "
          f"{100 * calibration_error(truth, predicted, p):.1f} | {int((predicted < 0).sum())} of {len(truth)} | {table} |",
          flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--program", default=str(ROOT / "build/undertone"))
    p.add_argument("--data", type=pathlib.Path, default=ROOT / "../shared/data")
    p.add_argument("--heads", required=True, help="what voice_whisper.py --held_out wrote")
    p.add_argument("--group", nargs="+", default=["0", "1"], help="folds of speakers; the fusion is fitted on 23")
    p.add_argument("--condition", nargs="+", default=["clean"], choices=CONDITIONS)
    p.add_argument("--each", type=int, default=8, help="clips of each class of a corpus in a group (8)")
    p.add_argument("--asr_model", default="whisper-base")
    p.add_argument("--num_speakers", default="0")
    p.add_argument("--keep", help="folder for the recordings and results")
    p.add_argument("--analyze_only", action="store_true", help="judge the kept transcripts anew")
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("more", nargs="*", help="options for undertone, after --")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = pathlib.Path(a.keep or scratch)
        print("| condition | experts | RAVDESS | EmoDB | nEMO | all | ECE | missed | confusion (rows: truth) |\n" + "|---" * 9 + "|")
        for condition in a.condition:
            groups = [run_group(a, g, condition, work) for g in a.group]
            for name in MODALITIES:
                report(condition, name, groups)


if __name__ == "__main__":
    main()
