#!/usr/bin/env python3
"""Everything that can be wrong with what a person hands over: each thing is named with its remedy, the rest of the
run goes on, the exit status tells (1: something failed, 2: wrong usage), and nothing half-written is left."""
import json
import math
import os
import pathlib
import shutil
import stat
import struct
import subprocess
import tempfile

from support import BINARY, ROOT, SAMPLE, check_document, files, installed, load, main, run, skip, small_disk, tone

work = pathlib.Path(tempfile.mkdtemp(prefix="ut_bad_"))
# Voice only and bundled models: what works on every machine, and quickly.
BUNDLED = ["--asr_model", "none", "--vad_model", "bundled", "--speaker_model", "bundled", "--text_model", "bundled"]
LISTEN = BUNDLED[:6]


def wav(path, data=b"", rate=16000, channels=1, kind=1, bits=16, promised=None):
    """A WAV header that says what it is told to, and what follows it."""
    size = len(data) if promised is None else promised
    frame = channels * bits // 8
    head = struct.pack("<IHHIIHH", 16, kind, channels, rate, rate * frame & 0xFFFFFFFF, frame, bits)
    path.write_bytes(b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + head + b"data" + struct.pack("<I", size) + data)


def beside_a_good_one(name, make, command="run"):
    """A folder with a good recording and a bad one, run over; (status, standard error)."""
    folder, out = work / name / "in", work / name / "out"
    folder.mkdir(parents=True)
    tone(folder / "good.wav", seconds=0.5)
    make(folder)
    options = BUNDLED if command == "run" else LISTEN
    where = ["--audio_dir", folder] if command == "run" else [folder]
    done = subprocess.run(
        [str(BINARY), command, *map(str, where), "--output_dir", str(out), *options],
        capture_output=True, text=True, timeout=300,
    )
    check_document(out / "good" / "conversation.json")
    left = [n for n in files(out) if not n.startswith("good/")]
    nothing_temporary(work / name)
    return done.returncode, done.stderr, left


def nothing_temporary(folder):
    left = [n for n in files(folder) if n.endswith((".part", ".tmp", ".new"))]
    assert not left, left


def fails_alone(name, make, *words, file="bad.wav"):
    """The bad recording is an error that holds all the words; the good one is done; nothing of the bad one is left."""
    status, err, left = beside_a_good_one(name, make)
    assert status == 1, (status, err)
    lines = [line for line in err.splitlines() if line.startswith("error: ") and file in line]
    assert len(lines) == 1, err
    for word in words:
        assert word in lines[0], (word, lines[0])
    assert "1 of 2 files failed" in err, err
    assert not left, left


def is_warned(name, make, *words, file="bad.wav"):
    """The recording is analysed as far as it goes, and a warning says what is wrong with it."""
    status, err, _ = beside_a_good_one(name, make)
    assert status == 0, (status, err)
    lines = [line for line in err.splitlines() if line.startswith("warning: ") and file in line]
    assert any(all(word in line for word in words) for line in lines), err
    return check_document(work / name / "out" / "bad" / "conversation.json")


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


def hum(n):
    return struct.pack(f"<{n}h", *(int(9000 * math.sin(i / 12)) for i in range(n)))


# --- recordings


def test_not_audio():
    fails_alone("text", lambda d: (d / "bad.wav").write_text("no audio\n" * 99), "not audio", "copy it again or convert")
    fails_alone("program", lambda d: shutil.copy("/bin/true", d / "bad.m4a"), "not audio", file="bad.m4a")
    fails_alone("noise", lambda d: (d / "bad.ogg").write_bytes(os.urandom(4000)), "not audio", file="bad.ogg")


def test_empty():
    fails_alone("empty", lambda d: (d / "bad.wav").write_bytes(b""), "is empty", "record the file again")


def test_zero_length():
    fails_alone("zero", lambda d: wav(d / "bad.wav"), "no sound", "record or copy it again")
    fails_alone("header", lambda d: wav(d / "bad.wav", promised=64000), "no sound")


def test_truncated():
    document = is_warned(
        "truncated", lambda d: wav(d / "bad.wav", hum(16000), promised=640000), "cut short", "1.0 s", "copy it again"
    )
    assert any("cut short" in note for note in document["provenance"]["notes"])
    flac = next(SAMPLE.glob("*.flac")).read_bytes()
    is_warned("cut_flac", lambda d: (d / "bad.flac").write_bytes(flac[: len(flac) // 20]), "cut short", file="bad.flac")
    fails_alone("cut_head", lambda d: (d / "bad.flac").write_bytes(flac[:100]), "no sound", file="bad.flac")


def test_silence_only():
    document = is_warned("silence", lambda d: tone(d / "bad.wav", level=0), "no speech", "listen")
    assert document["utterances"] == [] and any("no speech" in note for note in document["provenance"]["notes"])


def test_a_hundred_channels():
    fails_alone("channels", lambda d: wav(d / "bad.wav", hum(16000), channels=100), "100 channels", "mix it down")


def test_rates():
    fails_alone("slow", lambda d: wav(d / "bad.wav", hum(64), rate=1), "1 Hz", "resample it")
    fails_alone("fast", lambda d: wav(d / "bad.wav", hum(768000), rate=768000), "768000 Hz", "resample it")
    fails_alone("none", lambda d: wav(d / "bad.wav", hum(64), rate=0))
    fails_alone("huge", lambda d: wav(d / "bad.wav", hum(64), rate=0xFFFFFFFF))


def test_samples_that_are_no_numbers():
    for name, value in (("nan", math.nan), ("inf", math.inf)):
        fails_alone(name, lambda d, v=value: wav(d / "bad.wav", floats([v] * 8000), kind=3, bits=32), "not numbers",
                    "export it again")
    some = [math.nan if i % 8 == 0 else 0.2 * math.sin(i / 20) for i in range(16000)]
    is_warned("some_nan", lambda d: wav(d / "bad.wav", floats(some), kind=3, bits=32), "2000 samples were not numbers")


def test_unreadable():
    fails_alone("dangling", lambda d: os.symlink("/nowhere/at/all.wav", d / "bad.wav"), "No such file", "check the path")
    fails_alone("loop", lambda d: os.symlink("bad.wav", d / "bad.wav"), "symbolic links", "check the path")
    fails_alone("fifo", lambda d: os.mkfifo(d / "bad.wav"), "pipe")


def as_nobody(*arguments):
    """Runs the program as a user whom permissions bind; None where that cannot be done."""
    command = [str(BINARY), *map(str, arguments)]
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            return None
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    environment = dict(os.environ, HOME="/nonexistent", HF_HUB_CACHE="/nonexistent")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    return None if done.returncode in (126, 127) else done


def test_permissions():
    folder, out = work / "private" / "in", work / "private" / "out"
    (folder / "sub").mkdir(parents=True)
    out.mkdir(mode=0o777)
    for path in (work, work / "private", folder, out):
        path.chmod(0o777)
    for name in ("good.wav", "bad.wav", "sub/hidden.wav"):
        tone(folder / name, seconds=0.5)
    (folder / "bad.wav").chmod(0)
    (folder / "sub").chmod(0)
    done = as_nobody("run", "--audio_dir", folder, "--output_dir", out, *BUNDLED)
    if done is None:
        return skip("unreadable files", "no other user can be taken on here")
    assert done.returncode == 1 and "2 of 3 files failed" in done.stderr, done.stderr
    for name in ("bad.wav", "sub/"):
        line = next(line for line in done.stderr.splitlines() if name in line)
        assert "Permission denied" in line and "who may read" in line, line
    check_document(out / "good" / "conversation.json")
    assert not [n for n in files(out) if not n.startswith("good/")]

    closed = work / "private" / "closed"
    closed.mkdir(mode=0o755)
    closed.chmod(0o755 if os.geteuid() == 0 else 0o555)
    for where in (closed, closed / "new"):
        done = as_nobody("run", "--audio_dir", folder / "good.wav", "--output_dir", where, *BUNDLED)
        assert done.returncode == 1, done.stderr
        line = next(line for line in done.stderr.splitlines() if line.startswith("error: "))
        assert str(closed) in line and "Permission denied" in line and "write there" in line, line
    assert not files(closed)


def test_a_folder_named_as_a_recording():
    fails_alone("folder", lambda d: (d / "bad.wav").mkdir(), "is a folder", "name a file")
    inside = work / "inside"
    (inside / "call.wav").mkdir(parents=True)
    tone(inside / "call.wav" / "part.wav", seconds=0.5)
    run("transcribe", inside, "--output_dir", work / "inside_out", *LISTEN)
    assert files(work / "inside_out") == ["call.wav/part/conversation.json", "call.wav/part/source.json"]


def test_names():
    status, err, left = beside_a_good_one("newline", lambda d: tone(d / "two\nlines \x1b[31m.wav", seconds=0.5))
    assert status == 0 and "two?lines ?[31m.wav" in err, err
    assert "two\nlines \x1b[31m/conversation.json" in left
    document = check_document(work / "newline" / "out" / "two\nlines \x1b[31m" / "conversation.json")
    assert document["source"]["file"] == "two\nlines \x1b[31m.wav"
    fails_alone("bad_newline", lambda d: (d / "two\nlines.wav").write_text("x"), "not audio", file="two?lines.wav")

    def latin(folder):
        tone(folder / "plain.wav", seconds=0.5)
        os.rename(folder / "plain.wav", os.fsencode(folder) + b"/latin\xe9.wav")

    fails_alone("latin", latin, "not UTF-8", "rename", file="latin?.wav")


def test_a_newline_in_a_name_breaks_no_export():
    folder = work / "lines" / "in"
    folder.mkdir(parents=True)
    sample = next(SAMPLE.glob("*.flac"))
    shutil.copy(sample, folder / "two\nlines, and \"quotes\".flac")
    run("run", "--audio_dir", folder, "--output_dir", work / "lines" / "out", *BUNDLED)
    out = next((work / "lines" / "out").iterdir())
    count = len(check_document(out / "conversation.json")["utterances"])
    rttm = (out / "conversation.rttm").read_text().splitlines()
    assert rttm and all(len(line.split()) == 10 for line in rttm), rttm[:3]
    assert len((out / "conversation.tsv").read_text().splitlines()) <= count + 1


# --- places to write to


def test_no_space_left():
    place = small_disk(work / "disk", 700)
    if place is None:
        return skip("no space left", "a small file system cannot be mounted here; a size limit is tested instead")
    try:
        folder = work / "space"
        folder.mkdir()
        tone(folder / "small.wav", seconds=0.5)
        shutil.copy(next(SAMPLE.glob("*.flac")), folder / "large.flac")
        _, err = run("run", "--audio_dir", folder, "--output_dir", place / "out", *BUNDLED, expect=1)
        line = next(line for line in err.splitlines() if "large" in line and line.startswith("error: "))
        assert "no space left" in line.lower() and "make room" in line and str(place) in line, line
        nothing_temporary(place)
        for document in place.rglob("conversation.json"):
            check_document(document)
        assert not (place / "out" / "large" / "report.html").exists()
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_file_size_limit():
    folder = work / "limit"
    folder.mkdir()
    tone(folder / "small.wav", seconds=0.5)
    shutil.copy(next(SAMPLE.glob("*.flac")), folder / "large.flac")
    command = 'ulimit -f 440; exec "$@"'
    done = subprocess.run(
        ["bash", "-c", command, "bash", str(BINARY), "run", "--audio_dir", str(folder), "--output_dir",
         str(work / "limit_out"), *BUNDLED], capture_output=True, text=True, timeout=300,
    )
    assert done.returncode == 1, (done.returncode, done.stderr)
    assert "large" in done.stderr and "ulimit -f" in done.stderr, done.stderr
    nothing_temporary(work / "limit_out")
    assert "large/report.html" not in files(work / "limit_out")
    for document in (work / "limit_out").rglob("conversation.json"):
        check_document(document)


def test_standard_output_on_a_full_disk():
    if not os.path.exists("/dev/full"):
        return skip("a full standard output", "there is no /dev/full")
    tone(work / "full.wav", seconds=0.5)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [str(BINARY), "run", "--audio_dir", str(work / "full.wav"), "--output_dir", str(work / "full"), *BUNDLED],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=300,
        )
    assert done.returncode == 1 and "standard output" in done.stderr, (done.returncode, done.stderr)


def test_the_output_folder_is_none():
    blocked = work / "blocked"
    blocked.mkdir()
    (blocked / "file").write_text("in the way")
    tone(work / "one.wav", seconds=0.5)
    for where in (blocked / "file", blocked / "file" / "deeper"):
        _, err = run("run", "--audio_dir", work / "one.wav", "--output_dir", where, *BUNDLED, expect=1)
        assert "file is a file, not a folder; choose another name" in err, err
    tone(blocked / "two.wav", seconds=0.5)
    tone(blocked / "three.wav", seconds=0.5)
    out = work / "half_blocked"
    (out / "three" / "conversation.json" / "x").mkdir(parents=True)
    (out / "two").mkdir()
    _, err = run("run", "--audio_dir", blocked, "--output_dir", out, *BUNDLED, expect=1)
    assert "three/conversation.json" in err and "1 of 2 files failed" in err, err
    check_document(out / "two" / "conversation.json")
    nothing_temporary(out)


# --- ground truth and configuration


def test_ground_truth():
    done = work / "scored"
    tone(work / "one.wav", seconds=0.5)
    run("run", "--audio_dir", work / "one.wav", "--output_dir", done, *BUNDLED)
    truth = work / "truth.json"
    entry = '{"one.wav": [%s]}'
    cases = [
        ("", "line 1"),
        ("{", "line 1"),
        ("[]", "must be an object"),
        ("{}", "must be an object"),
        ('{\n "one.wav": {}\n}', "line 2"),
        (entry % "", "at least one entry"),
        (entry % '{"emotion": "bored"}', "sad, happy, angry, neutral, non-neutral"),
        (entry % '{"start": 3, "end": 1, "emotion": "sad"}', "end must be later"),
        (entry % '{"start": "0", "end": 1, "emotion": "sad"}', "seconds"),
        (entry % '{"start": 0, "end": 1e400, "emotion": "sad"}', "overflow"),
        (entry % '{"start": 0, "emotion": "sad"}', "start and end"),
        (entry % '{"emotion": "sad", "mood": "sad"}', "member other than"),
        ('{"one.wav": [{"emotion": "sad"}], "one.wav": [{"emotion": "sad"}]}', "duplicate"),
        ('{"other.wav": [{"emotion": "sad"}]}', "other.wav"),
    ]
    for text, word in cases:
        truth.write_text(text)
        _, err = run("evaluate", "--predictions", done, "--ground_truth", truth, "--evaluation_output",
                     work / "eval" / "r.json", expect=1)
        assert word in err and ("truth.json" in err or "ground truth" in err), (text, err)
    truth.write_bytes(b'{"one\xff.wav": [{"emotion": "sad"}]}')
    _, err = run("evaluate", "--predictions", done, "--ground_truth", truth, "--evaluation_output",
                 work / "eval" / "r.json", expect=1)
    assert "0xff" in err, err
    assert not (work / "eval").exists()
    _, err = run("evaluate", "--predictions", done, "--ground_truth", work / "none.json", "--evaluation_output",
                 work / "eval" / "r.json", expect=1)
    assert "none.json" in err and "check the path" in err, err


def test_bad_ground_truth_does_not_stop_the_run():
    truth = work / "half.json"
    truth.write_text("{")
    tone(work / "one.wav", seconds=0.5)
    _, err = run("run", "--audio_dir", work / "one.wav", "--output_dir", work / "half", "--ground_truth", truth,
                 "--evaluation_output", work / "half" / "eval.json", *BUNDLED, expect=1)
    lines = err.splitlines()
    first = next(i for i, line in enumerate(lines) if "half.json" in line)
    assert lines[first].startswith("error: ") and "undertone evaluate" in lines[first], err
    assert first < next(i for i, line in enumerate(lines) if "one.wav" in line), "told before the work"
    check_document(work / "half" / "one" / "conversation.json")
    assert not (work / "half" / "eval.json").exists()


def test_scores_that_cannot_be_written():
    tone(work / "one.wav", seconds=0.5)
    run("run", "--audio_dir", work / "one.wav", "--output_dir", work / "unwritable", *BUNDLED)
    truth = work / "fine.json"
    truth.write_text('{"one.wav": [{"emotion": "neutral"}]}')
    folder = work / "a_folder.json"
    folder.mkdir()
    _, err = run("evaluate", "--predictions", work / "unwritable", "--ground_truth", truth, "--evaluation_output", folder,
                 expect=1)
    assert "a_folder.json: it is a folder" in err, err
    assert not files(folder) and not [n for n in os.listdir(work) if n.endswith(".part")]


def test_configuration():
    config = work / "settings.yaml"
    tone(work / "one.wav", seconds=0.5)
    cases = [
        ("asr_model: [none", "line 2"),
        ("just words", "name: value"),
        ("- a\n- list", "name: value"),
        ("asr_model: {a: b}", "line 1"),
        ("asr_model: none\njobs: many", "line 2"),
        ("modalities: smell", "audio,text,context"),
        ("channels: left", "auto|mix|split"),
        ("jobs: 1\nsurprise: 1", "surprise"),
        ("audio-dir: a\naudio_dir: b", "second time"),
        ("quiet: perhaps", "true or false"),
        ("config: other.yaml", "config"),
        ("asr_model: none\0", "control characters"),
    ]
    for text, word in cases:
        config.write_text(text)
        _, err = run("run", "--audio_dir", work / "one.wav", "--output_dir", work / "cfg", "--config", config, expect=2)
        assert "settings.yaml" in err and word in err, (text, err)
    config.write_bytes(b'asr_model: "\xff"')
    for path, word in ((config, "UTF-8"), (work / "none.yaml", "check the path"), (work, "is a folder")):
        _, err = run("run", "--audio_dir", work / "one.wav", "--output_dir", work / "cfg", "--config", path, expect=2)
        assert str(path) in err and word in err, err
    config.write_bytes(b"#" * (1 << 20) + b"#\n")
    _, err = run("run", "--audio_dir", work / "one.wav", "--output_dir", work / "cfg", "--config", config, expect=2)
    assert "settings.yaml" in err and "at most" in err, err
    assert not (work / "cfg").exists()


def test_documents():
    tone(work / "one.wav", seconds=0.5)
    tone(work / "two.wav", seconds=0.5)
    base = work / "documents"
    run("transcribe", work / "one.wav", work / "two.wav", "--output_dir", base, *LISTEN)
    whole = load(base / "two" / "conversation.json")
    cases = [("{", "line"), ("[]", "one/conversation.json"), (json.dumps({**whole, "version": 999}), "version")]
    cases.append((json.dumps({**whole, "utterances": 3}), "utterances"))
    for text, word in cases:
        (base / "one" / "conversation.json").write_text(text)
        out = work / "documents_out"
        _, err = run("extract", base, "--output_dir", out, "--text_model", "bundled", expect=1)
        assert "one/conversation.json" in err and word in err and "1 of 2 files failed" in err, (text, err)
        check_document(out / "two" / "conversation.json")
        assert not (out / "one").exists()
        shutil.rmtree(out)


# --- models


def copied_models():
    models = work / "models"
    if not models.exists():
        shutil.copytree(ROOT / "models", models)
        for path in models.rglob("*"):
            os.chmod(path, path.stat().st_mode | stat.S_IWUSR)
    return models


def safetensors_with(path, change):
    """Rewrites a safetensors file with its header changed; the data stay as long as they were."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def test_bundled_models():
    models = copied_models()
    tone(work / "one.wav", seconds=0.5)

    def transpose(header):
        name = next(n for n, t in header.items() if n != "__metadata__" and len(set(t["shape"])) > 1)
        header[name]["shape"].reverse()

    def rename(header):
        name = next(n for n in header if n != "__metadata__")
        header["strange"] = header.pop(name)

    damages = {
        "cut": lambda p: p.write_bytes(p.read_bytes()[:-100]),
        "half": lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2]),
        "empty": lambda p: p.write_bytes(b""),
        "noise": lambda p: p.write_bytes(os.urandom(4096)),
        "gone": os.remove,
        "shape": lambda p: safetensors_with(p, transpose),
        "name": lambda p: safetensors_with(p, rename),
    }
    for name in ("speech/vad-small", "speech/speaker-small", "text/static", "text/emotion-static",
                 "emotion_voice/voice-net"):
        path = models / f"{name}.safetensors"
        whole = path.read_bytes()
        for damage, act in damages.items():
            act(path)
            _, err = run("run", "--audio_dir", work / "one.wav", "--output_dir", work / "no_models", "--models_dir",
                         models, *BUNDLED, expect=1)
            assert any(path.name in line for line in err.splitlines() if line.startswith("error: ")), (name, damage, err)
            path.write_bytes(whole)
    assert not files(work / "no_models")


PULLED = [  # model, its weights, options that load it
    ("whisper-tiny.en", "model.bin", ["--asr_model", "whisper-tiny.en"]),
    ("silero-vad", "silero_vad_16k.safetensors", ["--asr_model", "none"]),
    ("segmentation", "pytorch_model.bin", ["--asr_model", "none"]),
    ("resemblyzer", "pretrained.pt", ["--asr_model", "none"]),
    ("minilm", "model.safetensors", LISTEN),
]


def own_cache(name):
    """A cache of one model, copied so that it may be damaged; (environment, the model's folder)."""
    manifest = load(ROOT / "models" / "manifest.json")
    model = next(m for m in manifest["models"] if m["name"] == name)
    home = pathlib.Path(os.environ.get("HF_HOME") or pathlib.Path.home() / ".cache" / "huggingface")
    cache = pathlib.Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    folder = "models--" + model["repository"].replace("/", "--")
    target = work / "cache" / name / folder
    for file in model["files"]:
        found = next((cache / folder / "snapshots").glob(f"*/{file['path']}"))
        copy = target / "snapshots" / ("0" * 40) / file["path"]
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(found, copy)
    return {"HF_HUB_CACHE": str(target.parent)}, target / "snapshots" / ("0" * 40)


def test_pulled_models():
    tone(work / "one.wav", seconds=0.5)
    for name, file, options in PULLED:
        if not installed(name):
            skip(f"a damaged {name}", "it is not installed")
            continue
        environment, folder = own_cache(name)
        path = folder / file
        arguments = ["run", "--audio_dir", work / "one.wav", "--output_dir", work / "pulled", *options]
        run(*arguments, env=environment)
        with open(path, "r+b") as weights:  # one bit of the weights, which no loader can see
            weights.seek(path.stat().st_size // 2)
            byte = weights.read(1)[0]
            weights.seek(path.stat().st_size // 2)
            weights.write(bytes([byte ^ 1]))
        _, err = run(*arguments, env=environment, expect=1)
        assert str(path) in err and "sha-256" in err and f"models pull {name}" in err, err
        os.truncate(path, path.stat().st_size * 2 // 3)
        _, err = run(*arguments, env=environment, expect=1)
        assert str(path) in err and "bytes, not" in err and f"models pull {name}" in err, err
        out, err = run("models", "verify", env=environment, expect=1)
        assert str(path) in err and name in err, err
        out, _ = run("models", "list", env=environment)
        assert any(line.startswith(name) and "damaged" in line for line in out.splitlines()), out
        path.unlink()
        run(*arguments, env=environment, expect=1 if name.startswith("whisper") else 0)
        shutil.rmtree(folder)


def test_a_model_folder_of_ones_own():
    """Weights outside the cache have no hash to hold them to: their form must do."""
    if not installed("whisper-tiny.en"):
        return skip("a damaged Whisper folder", "whisper-tiny.en is not installed")
    _, folder = own_cache("whisper-tiny.en")
    own = work / "own"
    shutil.move(folder, own)
    tone(work / "one.wav", seconds=0.5)
    arguments = ["transcribe", work / "one.wav", "--output_dir", work / "own_out", *LISTEN, "--asr_model", own]
    run(*arguments)
    os.truncate(own / "model.bin", 40_000_000)
    _, err = run(*arguments, expect=1)
    assert "model.bin" in err and ("again" in err), err
    (own / "model.bin").unlink()
    _, err = run(*arguments, expect=1)
    assert str(own) in err, err
    _, err = run(*arguments[:-1], work / "nowhere", expect=1)
    assert "nowhere" in err, err


if __name__ == "__main__":
    if not list(SAMPLE.glob("*.flac")):
        skip("everything", "the sample is not there")
        raise SystemExit(77)
    try:
        main([value for name, value in list(globals().items()) if name.startswith("test_")])
    finally:
        shutil.rmtree(work, ignore_errors=True)
