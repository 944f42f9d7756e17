#!/usr/bin/env python3
"""integrations/zenml against the real ZenML from PyPI, on its local stack, in a virtual environment of its own."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request

from support import BINARY, ROOT, SAMPLE, files, load, main, run, skip

sys.path.insert(0, str(ROOT / "tests" / "support"))
import packages  # noqa: E402

PACKAGES = ["zenml[local,server]==0.98.0", "setuptools>=68"]
FOLDER = ROOT / "integrations" / "zenml"
work = pathlib.Path(tempfile.mkdtemp(prefix="ut_zenml_"))
audio = work / "audio"
MODELS = ["--asr_model", "none", "--vad_model", "bundled", "--speaker_model", "bundled", "--text_model", "bundled"]


def environment():
    return dict(
        os.environ, UNDERTONE=str(BINARY), ZENML_CONFIG_PATH=str(work / "config"), ZENML_ANALYTICS_OPT_IN="false",
        ZENML_LOGGING_COLORS_DISABLED="true", PATH=f"{interpreter.parent}:{os.environ['PATH']}", PYTHONDONTWRITEBYTECODE="1",
    )


def call(*line, expect=0):
    done = subprocess.run(
        [str(a) for a in line], cwd=work / "project", env=environment(), capture_output=True, text=True, timeout=600,
        check=False)
    if done.returncode != expect:
        raise AssertionError(f"{line}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout + done.stderr


def python(*line, expect=0):
    return call(interpreter, *line, expect=expect)


def prepare():
    """A copy of the folder, where its users would run it, and two short recordings."""
    shutil.copytree(FOLDER, work / "project", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__", ".zen"))
    (audio / "sub").mkdir(parents=True)
    source = str(next(SAMPLE.glob("*.flac")))
    for name, start in (("one.wav", 0), ("sub/two.wav", 20)):
        subprocess.run(["ffmpeg", "-v", "error", "-ss", str(start), "-t", "6", "-i", source, str(audio / name)], check=True)
    (work / "truth.json").write_text(
        json.dumps({"one.wav": [{"emotion": "neutral"}], "sub/two.wav": [{"emotion": "happy"}]}))
    call(sys.executable, "-m", "pip", "--python", interpreter, "install", "-q", "--no-deps", "--no-build-isolation", "-e", ".")


def analyse(*more):
    return python("run.py", "--audio_dir", audio, "--output_dir", work / "results", *MODELS, "--ground_truth",
                  work / "truth.json", "--evaluation_output", work / "eval" / "scores.json", *more)


def test_the_known_lines_and_todays():
    call("zenml", "init")
    call("zenml", "stack", "register", "emotion_recognition_stack", "-a", "default", "-o", "default")
    call("zenml", "stack", "set", "emotion_recognition_stack")
    out = call("zenml", "stack", "register", "old", "-a", "default", "-o", "default", "-c", "default", "-m", "default",
               expect=2)
    assert "default" in out or "option" in out, out
    call("zenml", "secret", "create", "openai_api_key", "--schema=api_key", "--value=sk-old")
    call("zenml", "secret", "create", "hf_token", "--api_key=hf-new")
    code = ("from undertone_zenml.steps import _secret;"
            "print(_secret('openai_api_key', 'UT_A'), _secret('hf_token', 'UT_B'), _secret('absent', 'UT_C'))")
    assert "{'UT_A': 'sk-old'} {'UT_B': 'hf-new'} {}" in python("-c", code)


def test_the_results_are_those_of_the_program():
    out = analyse()
    assert "transcribe_sub_two" in out and "[1/1] sub/two.wav" in out, out[-3000:]
    run("run", "--audio_dir", audio, "--output_dir", work / "native", *MODELS)
    native = {n: (work / "native" / n).read_bytes() for n in files(work / "native") if not n.startswith(".undertone")}
    assert native == {n: (work / "results" / n).read_bytes() for n in files(work / "results")}
    assert load(work / "eval" / "scores.json")["utterances"] == 2
    assert (work / "eval" / "scores.confusion_matrix.png").exists()


def test_a_second_run_comes_from_the_cache_and_changed_audio_does_not():
    shutil.rmtree(work / "results")
    out = analyse()
    for name in ("transcribe_one", "extract_one", "analyze_one", "transcribe_sub_two", "evaluate"):
        assert f"Using cached version of step `{name}`" in out, (name, out[-3000:])
    assert (work / "results" / "sub" / "two" / "report.html").exists()
    shutil.copy(audio / "one.wav", audio / "sub" / "two.wav")
    out = analyse()
    assert "Using cached version of step `analyze_one`" in out
    assert "Using cached version of step `transcribe_sub_two`" not in out


def test_artifacts_are_typed_with_metadata_logs_and_pictures():
    code = """
from zenml.client import Client
runs = Client().list_pipeline_runs(pipeline="emotion_recognition", sort_by="desc:created")
oldest = runs.items[-1]
step = oldest.steps["analyze_one"]
artifact = step.outputs["emotions"][0]
result = artifact.load()
print("TYPE", type(result).__name__, {"conversation.json", "report.html"} <= set(result.files), result.id)
print("META", artifact.run_metadata["utterances"], "speech" in str(artifact.run_metadata["models"]))
print("PICTURES", [v.type.value for v in artifact.visualizations])
scores = oldest.steps["evaluate"].outputs["scores"][0]
print("SCORES", "accuracy" in scores.run_metadata, sorted({v.type.value for v in scores.visualizations}))
"""
    out = python("-c", code)
    assert "TYPE Result True one" in out, out[-3000:]
    assert "META" in out and "True" in out.split("META")[1].splitlines()[0], out
    assert "PICTURES ['html']" in out, out
    assert "SCORES True ['html', 'image']" in out, out


def test_failures_are_plain():
    out = python("run.py", "--audio_dir", work / "nowhere", "--output_dir", work / "x", expect=1)
    assert "there is no folder" in out, out[-2000:]
    out = python("run.py", "--audio_dir", audio, "--output_dir", work / "x", "--nonsense", expect=1)
    assert "--nonsense" in out, out[-2000:]
    bad = work / "bad"
    bad.mkdir()
    (bad / "text.wav").write_text("this is no audio")
    out = python("run.py", "--audio_dir", bad, "--output_dir", work / "x", *MODELS, expect=1)
    assert "text.wav" in out and "undertone transcribe" in out, out[-2000:]


def test_a_secret_goes_to_the_program_alone():
    """In the environment of the one call that needs it: not on its command line, and not into what it says."""
    spy = work / "spy"
    spy.write_text('#!/bin/sh\necho "key $OPENAI_API_KEY, line $*" >"$SPY"; cat /proc/$$/cmdline >>"$SPY"\n')
    spy.chmod(0o755)
    code = ("import os; from undertone_zenml import program, steps; os.environ.update(UNDERTONE=%r, SPY=%r);"
            "program.call('analyze', 'x', environment=steps._secret('openai_api_key', 'OPENAI_API_KEY'));"
            "print('left', os.environ.get('OPENAI_API_KEY'))" % (str(spy), str(work / "spied")))
    out = python("-c", code)
    spied = (work / "spied").read_text()
    assert spied.startswith("key sk-old, line analyze x\n") and spied.count("sk-old") == 1, spied
    assert "sk-old" not in out and "left None" in out, out


def test_training():
    """Two pitches of a piece of the sample for each label: enough to go through, not to learn."""
    source = str(next(SAMPLE.glob("*.flac")))
    for part, offset in (("train", 0), ("val", 1)):
        for i, label in enumerate(("sad", "happy", "angry", "neutral", "non-neutral")):
            for k in range(2):
                clip = work / "data" / part / label / f"{label}{k}.wav"
                clip.parent.mkdir(parents=True, exist_ok=True)
                subprocess.run(["ffmpeg", "-v", "error", "-ss", str(4 * i + offset), "-t", "2", "-i", source, "-ar", "16000",
                                "-af", f"asetrate={16000 + 1500 * (2 * i + k)}", str(clip)], check=True)
    line = ["--train_data_path", work / "data" / "train", "--val_data_path", work / "data" / "val"]
    options = ["--asr_model", "none", "--modalities", "audio", "--epochs", "2"]
    model = work / "project" / "models" / "emotion_classifier.pt"
    pipeline = ["-m", "pipelines.training_pipeline", *line, "--model_output_path", "models/emotion_classifier.pt", *options]
    python(*pipeline)
    run("train", *line, "--model_output_path", work / "native.pt", *options)
    assert model.read_bytes() == (work / "native.pt").read_bytes()
    model.unlink()
    out = python(*pipeline)
    assert "Using cached version of step `train`" in out and model.exists(), out[-3000:]
    run("run", "--audio_dir", audio, "--output_dir", work / "own", *MODELS, "--model", model)
    code = """
from zenml.client import Client
(run, *_) = Client().list_pipeline_runs(pipeline="emotion_training", sort_by="desc:created").items
artifact = run.steps["train"].outputs["emotion_classifier"][0]
print("MODEL", artifact.type.name, artifact.run_metadata["sha256"])
"""
    sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
    out = python("-c", code)
    assert f"MODEL MODEL {sha256}" in out, out[-3000:]
    out = python("-m", "pipelines.training_pipeline", "--train_data_path", work / "nowhere", *line[2:],
                 "--model_output_path", work / "m.pt", expect=1)
    assert "nowhere" in out, out[-2000:]


def test_the_image_has_what_the_program_is_linked_with():
    if not shutil.which("dpkg-query") or not shutil.which("objdump"):
        return skip("the image's libraries", "no dpkg-query or objdump")
    text = subprocess.run(["objdump", "-p", str(BINARY)], capture_output=True, text=True, check=True).stdout
    needed = [line.split()[1] for line in text.splitlines() if line.strip().startswith("NEEDED")]
    found = subprocess.run(["dpkg-query", "-S", *(f"*/{n}" for n in needed)], capture_output=True, text=True, check=False).stdout
    packages = {p for p in (line.split(":")[0] for line in found.splitlines()) if not re.match("libc6|lib[a-z]+san", p)}
    image = (FOLDER / "Dockerfile").read_text()
    assert len(packages) > 5
    assert not [p for p in packages if p not in image], packages


def test_the_service():
    child = subprocess.Popen(
        [str(interpreter), "utils/api_service.py", "--port", "0", *MODELS], cwd=work / "project", env=environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        line = next(line for line in child.stderr if "listens on" in line)
        port = re.search(r":(\d+)", line.split("listens on")[1]).group(1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60) as answer:
            assert answer.status == 200
    finally:
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=60)
    assert child.returncode == 0, child.returncode


if __name__ == "__main__":
    if not list(SAMPLE.glob("*.flac")):
        skip("everything", "the sample is not there")
        raise SystemExit(77)
    try:
        interpreter = packages.python("zenml-venv", *PACKAGES)
    except packages.Absent as absent:
        skip("the ZenML integration", absent)
        raise SystemExit(77)
    try:
        prepare()
        main([value for name, value in list(globals().items()) if name.startswith("test_")])
    finally:
        shutil.rmtree(work, ignore_errors=True)
