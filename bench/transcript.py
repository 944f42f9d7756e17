#!/usr/bin/env python3
"""Our transcript of recordings against faster-whisper's with the same weights: differences counted and shown.

    bench/transcript.py ../shared/data/conversations/aws_auto0_mono.flac
    bench/transcript.py --asr_model whisper-tiny.en --truth "what was said" FILE
    bench/transcript.py --results DIR --reference FILE.txt RECORDING     # compare what is there; run nothing

Both decode with beam 5, f32, one thread; faster-whisper with its own voice filter, in order and without text from the
window before (--condition lets it). Needs faster-whisper and, for the normaliser, openai-whisper in the interpreter that
runs this. Prints every difference in its context, the counts, and the CPU time of both.
"""
import argparse
import difflib
import glob
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
REPOSITORIES = {"whisper-base": "Systran/faster-whisper-base", "whisper-tiny.en": "Systran/faster-whisper-tiny.en"}


def folder_of(model):
    """The folder of a pulled model in the hub's cache, or the folder itself."""
    if model not in REPOSITORIES:
        return model
    cache = os.environ.get("HF_HUB_CACHE") or os.path.join(
        os.environ.get("HF_HOME", os.path.expanduser("~/.cache/huggingface")), "hub"
    )
    found = glob.glob(f"{cache}/models--{REPOSITORIES[model].replace('/', '--')}/snapshots/*")
    if not found:
        sys.exit(f"transcript: {model} is not pulled: undertone models pull {model}")
    return found[0]


def ours(arguments, recording):
    """(text, CPU seconds) of undertone; the times of a run that loads, detects, diarizes and recognises."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.results or pathlib.Path(scratch)
        cpu = None
        if not arguments.results:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            command = [arguments.program, "transcribe", str(recording), "--output_dir", scratch]
            command += ["--asr_model", arguments.asr_model, "--jobs", "1", *arguments.more]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        document = json.loads((folder / recording.stem / "conversation.json").read_text(encoding="utf-8"))
    return " ".join(u["text"] for u in document["utterances"] if u["text"]), cpu


def theirs(arguments, recording):
    """The same of faster-whisper, loading left out."""
    if arguments.reference:
        return arguments.reference.read_text(encoding="utf-8"), None
    from faster_whisper import WhisperModel

    model = WhisperModel(folder_of(arguments.asr_model), device="cpu", compute_type="float32", cpu_threads=1)
    start = time.process_time()
    segments, _ = model.transcribe(
        str(recording), beam_size=5, vad_filter=True, condition_on_previous_text=arguments.condition
    )
    text = " ".join(segment.text.strip() for segment in segments)
    return text, time.process_time() - start


def report(name, our_words, their_words):
    """Prints each difference with three words around it; returns the counts."""
    counts = {"replace": 0, "delete": 0, "insert": 0}
    print(f"{name}: faster-whisper [[theirs -> ours]]")
    for kind, a, b, c, d in difflib.SequenceMatcher(None, their_words, our_words, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        counts[kind] += max(b - a, d - c)
        before, after = " ".join(their_words[max(0, a - 3) : a]), " ".join(their_words[b : b + 3])
        print(f"  ... {before} [[{' '.join(their_words[a:b])} -> {' '.join(our_words[c:d])}]] {after} ...")
    return counts


def rate(normalize, truth, text):
    sys.path.insert(0, str(ROOT / "bench"))
    from wer import edits

    words = normalize(truth).split()
    return 100 * sum(edits(words, normalize(text).split())) / len(words)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="+", type=pathlib.Path)
    parser.add_argument("--program", default=str(ROOT / "build/undertone"))
    parser.add_argument("--asr_model", default="whisper-base")
    parser.add_argument("--condition", action="store_true", help="faster-whisper's default: decode behind its own text")
    parser.add_argument("--results", type=pathlib.Path, help="our results are in this folder already")
    parser.add_argument("--reference", type=pathlib.Path, help="the other transcript is in this file already")
    parser.add_argument("--save", type=pathlib.Path, help="write faster-whisper's transcript there (for --reference)")
    parser.add_argument("--truth", help="what was said (a file, or the text): both word error rates are printed")
    parser.add_argument("--option", dest="more", action="append", default=[], help="one more argument for undertone")
    arguments = parser.parse_args()
    try:
        from whisper.normalizers import EnglishTextNormalizer
    except ImportError:
        sys.exit("transcript: needs openai-whisper's text normaliser: pip install openai-whisper (in a venv)")
    normalize = EnglishTextNormalizer()

    for recording in arguments.recordings:
        their_text, their_cpu = theirs(arguments, recording)
        our_text, our_cpu = ours(arguments, recording)
        if arguments.save:
            arguments.save.write_text(their_text, encoding="utf-8")
        our_words, their_words = normalize(our_text).split(), normalize(their_text).split()
        counts = report(recording.name, our_words, their_words)
        different = sum(counts.values())
        print(
            f"{recording.name}: {len(their_words)} words from faster-whisper, {len(our_words)} from undertone;"
            f" {different} differ ({100 * different / max(1, len(their_words)):.1f} %): {counts['replace']} replaced,"
            f" {counts['delete']} only theirs, {counts['insert']} only ours"
        )
        if arguments.truth:
            truth = pathlib.Path(arguments.truth)
            said = truth.read_text(encoding="utf-8") if truth.exists() else arguments.truth
            print(
                f"word error rate: faster-whisper {rate(normalize, said, their_text):.1f} %,"
                f" undertone {rate(normalize, said, our_text):.1f} %"
            )
        if our_cpu and their_cpu:
            print(f"CPU: faster-whisper {their_cpu:.1f} s without loading, undertone {our_cpu:.1f} s, speakers included")


if __name__ == "__main__":
    main()
