#!/usr/bin/env python3
"""integrations/zenml against the real ZenML from PyPI, on its local stack, in a virtual environment of its own."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from support import BINARY, ROOT, SAMPLE, files, load, main, run, skip

VERSION = "0.98.0"
FOLDER = ROOT / "integrations" / "zenml"
BUILD = pathlib.Path(os.environ.get("UT_BUILD_DIR", ROOT / "build"))
VENV = BUILD / "zenml-venv"
work = pathlib.Path(tempfile.mkdtemp(prefix="ut_zenml_"))
audio = work / "audio"
MODELS = ["--asr_model", "none", "--vad_model", "bundled", "--speaker_model", "bundled", "--text_model", "bundled"]


def install():
    """Once for each version; None where it cannot be had, after a loud skip."""
    done = VENV / f"zenml-{VERSION}"
    if done.exists():
        return True
    shutil.rmtree(VENV, ignore_errors=True)
    for line in ([sys.executable, "-m", "venv", str(VENV)],
                 [str(VENV / "bin" / "pip"), "install", "-q", f"zenml[local]=={VERSION}", "setuptools>=68"]):
        made = subprocess.run(line, capture_output=True, text=True, timeout=900, check=False)
        if made.returncode:
            skip("the ZenML integration", f"{' '.join(line[-3:])}: {made.stderr.strip().splitlines()[-1:]}")
            return False
    done.touch()
    return True


def environment():
    return dict(
        os.environ, UNDERTONE=str(BINARY), ZENML_CONFIG_PATH=str(work / "config"), ZENML_ANALYTICS_OPT_IN="false",
        ZENML_LOGGING_COLORS_DISABLED="true", PATH=f"{VENV / 'bin'}:{os.environ['PATH']}", PYTHONDONTWRITEBYTECODE="1",
    )


def call(*line, expect=0):
    done = subprocess.run(
        [str(a) for a in line], cwd=work / "project", env=environment(), capture_output=True, text=True, timeout=600,
        check=False)
    if done.returncode != expect:
        raise AssertionError(f"{line}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout + done.stderr


def python(*line, expect=0):
    return call(VENV / "bin" / "python", *line, expect=expect)


def prepare():
    """A copy of the folder, where its users would run it, and two short recordings."""
    shutil.copytree(FOLDER, work / "project", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__", ".zen"))
    (audio / "sub").mkdir(parents=True)
    source = str(next(SAMPLE.glob("*.flac")))
    for name, start in (("one.wav", 0), ("sub/two.wav", 20)):
        subprocess.run(["ffmpeg", "-v", "error", "-ss", str(start), "-t", "6", "-i", source, str(audio / name)], check=True)
    (work / "truth.json").write_text(
        json.dumps({"one.wav": [{"emotion": "neutral"}], "sub/two.wav": [{"emotion": "happy"}]}))
    call(VENV / "bin" / "pip", "install", "-q", "--no-deps", "--no-build-isolation", "-e", ".")


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
print("TYPE", type(result).__name__, sorted(result.files)[:2], result.id)
print("META", artifact.run_metadata["utterances"], "speech" in str(artifact.run_metadata["models"]))
print("PICTURES", [v.type.value for v in artifact.visualizations])
scores = oldest.steps["evaluate"].outputs["scores"][0]
print("SCORES", "accuracy" in scores.run_metadata, sorted({v.type.value for v in scores.visualizations}))
"""
    out = python("-c", code)
    assert "TYPE Result ['conversation.json', 'conversation.rttm'] one" in out, out[-3000:]
    assert "META" in out and "True" in out.split("META")[1].splitlines()[0], out
    assert "PICTURES ['html']" in out, out
    assert "SCORES True ['image']" in out, out


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


def test_training_and_service_hand_over():
    out = subprocess.run([str(BINARY), "train", "--help"], capture_output=True, check=False)
    if out.returncode:
        (work / "data").mkdir()
        text = python("-m", "pipelines.training_pipeline", "--train_data_path", work / "data", "--val_data_path",
                      work / "data", "--model_output_path", work / "m.pt", expect=2)
        assert "no command `train`" in text, text
        skip("training through ZenML", "the program has no `train` yet")
    out = subprocess.run([str(BINARY), "serve", "--help"], capture_output=True, check=False)
    if out.returncode:
        assert "no command `serve`" in python("utils/api_service.py", expect=2)
        skip("the service through utils/api_service.py", "the program has no `serve` yet")
    else:
        assert "usage" in python("utils/api_service.py", "--help")


if __name__ == "__main__":
    if not list(SAMPLE.glob("*.flac")):
        skip("everything", "the sample is not there")
        raise SystemExit(77)
    if not install():
        raise SystemExit(77)
    try:
        prepare()
        main([value for name, value in list(globals().items()) if name.startswith("test_")])
    finally:
        shutil.rmtree(work, ignore_errors=True)
