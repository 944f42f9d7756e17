"""What the tests of runs and their records share: recordings, the command, and a look into the home."""
import contextlib
import hashlib
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile

from support import SAMPLE, files, run, tone

work = pathlib.Path(tempfile.mkdtemp(prefix="ut_runs_"))
audio = work / "audio"
MODELS = ["--asr_model", "none", "--vad_model", "bundled", "--speaker_model", "bundled", "--text_model", "bundled"]


def make_audio():
    """Three pieces of the sample, a few seconds each, and a tone."""
    audio.mkdir()
    source = str(next(SAMPLE.glob("*.flac")))
    for i, start in enumerate((0, 20, 40)):
        subprocess.run(
            ["ffmpeg", "-v", "error", "-ss", str(start), "-t", "6", "-i", source, str(audio / f"part{i}.wav")], check=True
        )
    tone(audio / "tone.wav", seconds=1)


def clean():
    for path in work.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(work, ignore_errors=True)


def command(output, *more, source=None):
    return ["run", "--audio_dir", source or audio, "--output_dir", output, *MODELS, *more]


def contents(folder):
    """Every result file's bytes; the home is hidden and left out."""
    return {n: (pathlib.Path(folder) / n).read_bytes() for n in files(folder) if not n.startswith(".undertone")}


def reference():
    """What an undisturbed run gives."""
    if not (work / "reference").exists():
        run(*command(work / "reference"))
    return contents(work / "reference")


def records(home, sql, *arguments):
    with contextlib.closing(sqlite3.connect(home / "records.db")) as db:
        return db.execute(sql, arguments).fetchall()


def statuses(output):
    """{(conversation, step): status} of the latest run."""
    home = output / ".undertone"
    rows = records(home, "SELECT conversation, step, status FROM steps WHERE run = (SELECT max(number) FROM runs)")
    return {(c, s): status for c, s, status in rows}


def artifacts(home):
    return [p for p in (home / "artifacts").rglob("*") if p.is_file()]


def check_store(home):
    """Every artifact holds what its name says, and none that a step made is missing."""
    for path in artifacts(home):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.parent.name + path.name, path
    named = {r[0] for r in records(home, "SELECT output FROM steps WHERE output IS NOT NULL")}
    assert {p.parent.name + p.name for p in artifacts(home)} >= named
