#!/usr/bin/env python3
"""The main job under valgrind: no byte read that was not written, none lost.

    tests/e2e/test_valgrind.py --recogniser     # with one, which takes minutes: what it hears is made up (mini_whisper.py)
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

from support import BINARY, ROOT, SAMPLE, check_document, main, skip

sys.path.insert(0, str(ROOT / "tests" / "support"))
import mini_whisper  # noqa: E402

BUNDLED = ["--vad_model", "bundled", "--speaker_model", "bundled", "--text_model", "bundled"]
WORDS = 8  # more of them show nothing more, and valgrind takes its time
work = pathlib.Path(tempfile.mkdtemp(prefix="ut_valgrind_"))


def checked(*arguments):
    """Standard error of the program, which valgrind says nothing in."""
    valgrind = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", "--child-silent-after-fork=yes"]
    valgrind.append(f"--suppressions={ROOT / 'tests' / 'support' / 'valgrind.supp'}")
    done = subprocess.run([*valgrind, str(BINARY), *map(str, arguments)], capture_output=True, text=True, timeout=1150)
    assert done.returncode == 0, done.stderr[-6000:]
    return done.stderr


def test_run():
    clip = work / "clip.wav"
    cut = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(next(SAMPLE.glob("*.flac"))), "-t", "3", str(clip)]
    subprocess.run(cut, check=True)
    checked("run", "--audio_dir", clip, "--output_dir", work / "out", "--asr_model", "none", *BUNDLED)
    assert check_document(work / "out" / "clip" / "conversation.json")["utterances"]


def test_evaluate():
    truth = work / "truth.json"
    truth.write_text('{"clip.wav": [{"start": 0.5, "end": 3, "emotion": "neutral", "text": "Good afternoon."}]}')
    checked("evaluate", "--predictions", work / "out", "--ground_truth", truth, "--evaluation_output", work / "e" / "r.json")


def recogniser():
    mini = mini_whisper.write(work / "mini", words=WORDS)
    checked("transcribe", work / "clip.wav", "--output_dir", work / "words", "--asr_model", mini, *BUNDLED[:4])
    document = check_document(work / "words" / "clip" / "conversation.json")
    assert len([w for u in document["utterances"] for w in u["words"]]) >= WORDS


if __name__ == "__main__":
    if not shutil.which("valgrind") or not list(SAMPLE.glob("*.flac")):
        skip("the main job under valgrind", "valgrind or the sample is not there")
        raise SystemExit(77)
    try:
        main([test_run, test_evaluate] + ([recogniser] if "--recogniser" in sys.argv else []))
    finally:
        shutil.rmtree(work, ignore_errors=True)
