#!/usr/bin/env python3
"""A secret reaches the service that it is for, and nothing else: no child, log, artifact, record, picture or core."""
import json
import os
import pathlib
import resource
import shutil
import signal
import stat
import subprocess
import threading
import time

from llm_endpoint import Endpoint, answer, opinion
from runs import MODELS, clean, work
from support import BINARY, SAMPLE, load, main, run, skip

KEY = "sk-Tell-Nobody-0123456789"
project = work / "project"
seen = work / "seen"  # what children were given
env = {"XDG_CACHE_HOME": str(work / "cache"), "OPENAI_API_KEY": ""}


def prepare():
    """A home with the key in it, a recording that ffmpeg must decode, and an ffmpeg that tells on its caller."""
    project.mkdir()
    seen.mkdir()
    (project / "audio").mkdir()
    real = shutil.which("ffmpeg")
    source = str(next(SAMPLE.glob("*.flac")))
    subprocess.run([real, "-v", "error", "-t", "12", "-i", source, str(project / "audio" / "talk.m4a")], check=True)
    spy = work / "bin" / "ffmpeg"
    spy.parent.mkdir()
    spy.write_text(
        f"#!/bin/bash\ncat /proc/self/environ /proc/$PPID/cmdline /proc/$$/cmdline >>{seen}/$$\nulimit -c >>{seen}/$$\n"
        f'exec {real} "$@"\n')
    spy.chmod(0o755)
    env["PATH"] = f"{spy.parent}:{os.environ['PATH']}"
    run("init", cwd=project)
    done = subprocess.run(
        [str(BINARY), "secret", "create", "openai_api_key", "--schema=api_key", "--value=-"], input=KEY + "\n", text=True,
        cwd=project, capture_output=True, check=True)
    assert KEY not in done.stdout + done.stderr
    run("transcribe", "audio", "--output_dir", "heard", *MODELS[:6], cwd=project, env={**env, "OPENAI_API_KEY": KEY})
    path = next((project / "heard").rglob("conversation.json"))
    document = load(path)
    for number, utterance in enumerate(document["utterances"]):
        utterance["text"] = f"This is the line of number {number}."
    path.write_text(json.dumps(document))
    run("extract", "heard", "--output_dir", "features", *MODELS[6:], cwd=project, env=env)


def told(*lines):
    """Fails where the key stands in a file below the test's folder, or in one of these texts."""
    for text in lines:
        assert KEY not in text, text
    count = 0
    for path in work.rglob("*"):
        if stat.S_ISREG(path.lstat().st_mode):
            count += 1
            assert KEY.encode() not in path.read_bytes(), path
    return count


def judged(endpoint, *more, expect=0):
    """Has the lines judged by an endpoint, with the key from wherever it is."""
    return run("analyze", "features", "--output_dir", "judged", *MODELS[6:], "--llm", "scripted", "--llm_gate", "always",
               "--no_cache", *more, cwd=project, env={**env, "OPENAI_BASE_URL": endpoint.url}, expect=expect)


def test_the_key_reaches_the_service_and_nothing_else():
    with Endpoint(lambda body, number: answer(body, lambda text: opinion("happy"))) as endpoint:
        out, err = judged(endpoint)
        run("run", "--audio_dir", "audio", "--output_dir", "r", *MODELS, "--llm", "scripted", cwd=project,
            env={**env, "OPENAI_BASE_URL": endpoint.url})
    assert set(endpoint.keys) == {f"Bearer {KEY}"}, set(endpoint.keys)
    assert list(seen.iterdir()), "no child was started"
    for child in seen.iterdir():
        text = child.read_bytes()
        assert b"OPENAI_API_KEY" not in text and b"talk.m4a" in text and b"PATH=" in text, text[:2000]
    shown = [run(*line, cwd=project)[0] for line in (
        ("pipeline", "runs", "list"), ("pipeline", "runs", "show", "latest"), ("pipeline", "runs", "logs", "latest"),
        ("artifact", "list"), ("artifact", "lineage", "talk/analyze"), ("secret", "list"), ("stack", "describe"),
        ("config", "show"))]
    assert told(out, err, *shown) > 15
    assert run("secret", "get", "openai_api_key", cwd=project)[0].count(KEY) == 1


def test_a_service_that_repeats_the_key_does_not_spread_it():
    for code in (400, 401, 429, 500):
        reply = f'{{"error": {{"message": "Incorrect API key provided: {KEY}."}}}}'.encode()
        with Endpoint(lambda body, number, c=code, r=reply: (c, {"Content-Type": "application/json"}, r)) as endpoint:
            out, err = judged(endpoint)
        assert endpoint.keys, code
        told(out, err)


def test_a_key_in_the_environment_or_in_dotenv_is_as_safe():
    (project / ".env").write_text(f"OPENAI_API_KEY={KEY}\n")
    with Endpoint(lambda body, number: answer(body, lambda text: opinion("sad"))) as endpoint:
        done = subprocess.run(
            [str(BINARY), "analyze", "features", "--output_dir", "judged", *MODELS[6:], "--llm", "scripted", "--llm_gate",
             "always", "--no_cache"], cwd=project, env={k: v for k, v in {**os.environ, **env, "OPENAI_BASE_URL": endpoint.url}.items()
                              if k != "OPENAI_API_KEY"}, capture_output=True, text=True, check=True)
    (project / ".env").unlink()
    assert set(endpoint.keys) == {f"Bearer {KEY}"}, endpoint.keys
    told(done.stdout, done.stderr)
    out, err = run("run", "--audio_dir", "audio", "--output_dir", "r", *MODELS, "--no_cache", cwd=project,
                   env={**env, "OPENAI_API_KEY": KEY})
    told(out, err)
    assert "--llm" in err, err  # a key alone sends nothing, and the program says so


def crash(line, environment, ready):
    """The folder in which a program died of a fault; whether it left a core there."""
    folder = work / "crash"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    child = subprocess.Popen(
        line, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2))
    assert ready(child), child.poll()
    limits = pathlib.Path(f"/proc/{child.pid}/limits").read_text()
    child.send_signal(signal.SIGSEGV)
    assert child.wait(60) == -signal.SIGSEGV
    core = [p for p in folder.iterdir() if p.name.startswith("core")]
    for path in core:
        path.unlink()
    return bool(core), next(line for line in limits.splitlines() if line.startswith("Max core file size"))


def test_a_crash_leaves_no_core_with_the_key():
    asked = threading.Event()
    waiting = threading.Event()

    def hold(body, number):
        asked.set()
        waiting.wait(60)
        return (500, {}, b"")

    with Endpoint(hold) as endpoint:
        core, limit = crash(
            [str(BINARY), "analyze", str(project / "features"), "--output_dir", str(project / "judged"), *MODELS[6:],
             "--llm", "scripted", "--llm_gate", "always", "--no_cache"],
            {**env, "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": endpoint.url}, lambda child: asked.wait(60))
        waiting.set()
    assert not core and limit.split()[4:6] == ["0", "0"], limit
    told()
    try:
        core, _ = crash(["sleep", "60"], {}, lambda child: time.sleep(0.2) is None)
    except PermissionError:
        core = False
    if not core:
        skip("whether this machine would write a core", "another program leaves none either; the limit was looked at")


def test_a_missing_secret_is_named():
    _, err = run("secret", "get", "nope", cwd=project, expect=1)
    assert "there is no secret nope" in err and "secret list" in err, err
    run("secret", "delete", "openai_api_key", cwd=project)
    _, err = run("run", "--audio_dir", "audio", "--output_dir", "r", *MODELS, "--llm", "gpt-4o-mini", cwd=project,
                 env={**env, "OPENAI_BASE_URL": "https://api.openai.com/v1"}, expect=2)
    assert "OPENAI_API_KEY" in err and "secret create openai_api_key" in err, err


def test_the_command_line_is_wiped():
    """`--value=SECRET` is the known form: what stands in /proc is overwritten while the program still runs."""
    child = subprocess.Popen(
        [str(BINARY), "secret", "create", "shown", f"--value={KEY}", "--more=-"], cwd=project, stdin=subprocess.PIPE)
    line = b""
    for _ in range(200):
        line = pathlib.Path(f"/proc/{child.pid}/cmdline").read_bytes()
        if KEY.encode() not in line and b"shown" in line:
            break
        time.sleep(0.02)
    assert KEY.encode() not in line and b"shown" in line, line
    child.communicate(b"x\n", timeout=60)
    assert child.returncode == 0
    told()


if __name__ == "__main__":
    if not list(SAMPLE.glob("*.flac")):
        skip("everything", "the sample is not there")
        raise SystemExit(77)
    try:
        prepare()
        main([value for name, value in list(globals().items()) if name.startswith("test_")])
    finally:
        clean()
