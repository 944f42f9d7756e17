#!/usr/bin/env python3
"""Memory follows the window, not the recording. A recogniser that costs next to nothing writes more words a minute than
anyone speaks; bench/memory.py measures the same with real ones, and longer."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

from support import BINARY, ROOT, SAMPLE, main, skip

sys.path.insert(0, str(ROOT / "tests" / "support"))
import mini_whisper  # noqa: E402

BUNDLED = ["--vad_model", "bundled", "--speaker_model", "bundled", "--text_model", "bundled", "--beam_size", "2"]
work = pathlib.Path(tempfile.mkdtemp(prefix="ut_memory_"))


def test_ten_times_as_long():
    mini = mini_whisper.write(work / "mini")
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "memory.py"), "--program", str(BINARY), "--asr_model", str(mini),
         "--data", str(SAMPLE), "--minutes", "2", "20", "--", *BUNDLED], capture_output=True, text=True, timeout=900,
    )
    print(done.stdout, end="")
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    if not list(SAMPLE.glob("*.flac")):
        skip("everything", "the sample is not there")
        raise SystemExit(77)
    try:
        main([value for name, value in list(globals().items()) if name.startswith("test_")])
    finally:
        shutil.rmtree(work, ignore_errors=True)
