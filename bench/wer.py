#!/usr/bin/env python3
"""Word error rate and speed of `undertone transcribe` over recordings with known texts.

    bench/wer.py                                   # Whisper base, the 60 LibriSpeech test-other recordings
    bench/wer.py --asr_model whisper-tiny.en --show 5
    bench/wer.py --results DIR                     # score what is already in DIR
    bench/wer.py -- --beam_size 1                  # what follows -- goes to undertone

The texts of both sides go through openai-whisper's EnglishTextNormalizer, as the published word error rates of Whisper
do, so that package is needed: python3 -m venv venv && venv/bin/pip install openai-whisper, then venv/bin/python
bench/wer.py. All recordings are transcribed by one process, one after another; errors are summed before dividing. The
CPU time is the whole process's, loading the models and telling speakers apart included.
"""
import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]


def edits(reference, hypothesis):
    """Substitutions, insertions and deletions of one cheapest alignment of two word lists."""
    # A cell is (cost, substitutions, insertions, deletions); ties fall to the smallest tuple.
    above = [(i, 0, i, 0) for i in range(len(hypothesis) + 1)]
    for row, word in enumerate(reference, 1):
        line = [(row, 0, 0, row)]
        for column, other in enumerate(hypothesis, 1):
            cost, subs, ins, dels = above[column - 1]
            wrong = int(word != other)
            diagonal = (cost + wrong, subs + wrong, ins, dels)
            cost, subs, ins, dels = above[column]
            deletion = (cost + 1, subs, ins, dels + 1)
            cost, subs, ins, dels = line[column - 1]
            line.append(min(diagonal, deletion, (cost + 1, subs, ins + 1, dels)))
        above = line
    return above[-1][1:]


def normalizer():
    try:
        from whisper.normalizers import EnglishTextNormalizer
    except ImportError:
        sys.exit("wer: needs openai-whisper's text normaliser: pip install openai-whisper (in a venv)")
    return EnglishTextNormalizer()


def transcribe(arguments, recordings, folder):
    """Runs the program over all recordings; returns (CPU seconds, wall seconds)."""
    command = [arguments.program, "transcribe", *map(str, recordings), "--output_dir", str(folder)]
    command += ["--asr_model", arguments.asr_model, "--jobs", "1", *arguments.more]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    status = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if status.returncode:
        print(status.stderr[-3000:], file=sys.stderr)
        print(f"wer: {arguments.program} ended with status {status.returncode}", file=sys.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/undertone"))
    parser.add_argument("--asr_model", default="whisper-base")
    parser.add_argument(
        "--data",
        type=pathlib.Path,
        default=ROOT / "../shared/data/asr/librispeech_test_other_10spk",
        help="folder with manifest.jsonl (audio, text a line) and the recordings it names",
    )
    parser.add_argument("--results", type=pathlib.Path, help="score the results in this folder; run nothing")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print the N recordings with most errors")
    parser.add_argument("more", nargs="*", help="arguments for undertone, after --")
    arguments = parser.parse_args()

    normalize = normalizer()
    manifest = arguments.data / "manifest.jsonl"
    if not manifest.exists():
        sys.exit(f"wer: {manifest} is not there; name the folder of the data set with --data")
    truth = {}
    for line in manifest.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        path = arguments.data / pathlib.Path(row["audio"]).name
        if path.exists():
            truth[path] = row["text"]

    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.results or pathlib.Path(scratch)
        cpu, wall = (None, None) if arguments.results else transcribe(arguments, sorted(truth), folder)
        rows, audio, missing = [], 0.0, 0
        for path, text in sorted(truth.items()):
            document, said = folder / path.stem / "conversation.json", ""
            if document.exists():
                conversation = json.loads(document.read_text(encoding="utf-8"))
                audio += conversation["source"]["duration"]
                said = " ".join(utterance["text"] or "" for utterance in conversation["utterances"])
            else:
                missing += 1
            reference, hypothesis = normalize(text).split(), normalize(said).split()
            counts = edits(reference, hypothesis)
            rows.append((sum(counts), counts, len(reference), path.stem, " ".join(reference), " ".join(hypothesis)))

    words = sum(row[2] for row in rows)
    errors, (subs, ins, dels) = sum(row[0] for row in rows), (sum(row[1][i] for row in rows) for i in range(3))
    if not words or missing == len(rows):
        sys.exit("wer: nothing to score")
    for row in sorted(rows, reverse=True)[: arguments.show]:
        print(f"{row[3]}: {row[0]} errors of {row[2]} words\n  said  {row[4]}\n  heard {row[5]}")
    print(
        f"WER {100 * errors / words:.2f} %: {subs} substituted, {ins} inserted, {dels} deleted of {words} words"
        f" in {len(rows)} recordings ({arguments.data.name})"
    )
    if cpu:
        print(
            f"{audio:.1f} s of audio in {cpu:.1f} s of CPU time: {audio / cpu:.1f} x real time"
            f" ({wall:.1f} s by the wall clock: {audio / wall:.1f} x); {arguments.asr_model}"
        )
    if missing:
        sys.exit(f"wer: {missing} recordings have no result; all their words are counted as deleted")


if __name__ == "__main__":
    main()
