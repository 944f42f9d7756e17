#!/usr/bin/env python3
"""`models list|pull|verify|remove` through the binary, against a local server that behaves as the hub does."""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from support import BINARY, ROOT, main, run

work = pathlib.Path(tempfile.mkdtemp(prefix="ut_models_"))
content = bytes((i * 7919 >> 5) & 255 for i in range(300_000))
server = None
environment = {}


def start():
    global server
    os.environ.pop("HF_TOKEN", None)
    (work / "models").mkdir()
    models = []
    for name in ("plain", "x-wrong", "x-slow", "x-gated"):
        (work / "served" / "org" / name).mkdir(parents=True)
        (work / "served" / "org" / name / "model.bin").write_bytes(content)
        file = {"path": "model.bin", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        models.append(
            {"name": name, "job": "test", "repository": f"org/{name}", "revision": "main", "license": "MIT",
             "about": "a test", "files": [file]}
        )
    (work / "models" / "small.bin").write_bytes(content)
    bundled = [{"name": n, "job": "test", "file": n + ".bin", "license": "non-commercial", "about": "a test"} for n in ("small", "gone")]
    manifest = {"version": 1, "sets": {"standard": ["plain", "x-wrong"]}, "bundled": bundled, "models": models}
    (work / "models" / "manifest.json").write_text(json.dumps(manifest))
    script = ROOT / "tests" / "unit" / "hub" / "hub_server.py"
    server = subprocess.Popen(
        [sys.executable, "-B", script, work / "served", work / "log"], stdout=subprocess.PIPE, text=True
    )
    environment.update(
        HF_ENDPOINT=f"http://127.0.0.1:{int(server.stdout.readline())}", HF_HUB_CACHE=str(work / "cache"),
        HF_HOME=str(work / "home"), HF_HUB_OFFLINE="", UNDERTONE_MODELS=str(work / "models"),
    )


def models(*arguments, expect=0):
    return run("models", *arguments, expect=expect, env=environment, cwd=work)


def state(name):
    out, _ = models("list")
    return next(line.split()[-3] for line in out.splitlines() if line.startswith(name))


def test_pull_verify_remove():
    assert state("plain") == "-"
    assert state("small") == "bundled" and state("gone") == "missing"
    assert "non-commercial" in next(line for line in models("list")[0].splitlines() if line.startswith("small"))
    out, err = models("pull", "plain")
    name, folder = out.strip().split("\t")
    assert name == "plain" and (pathlib.Path(folder) / "model.bin").read_bytes() == content
    assert "pulling" in err and "\033" not in err, err  # plain lines where nobody watches
    assert state("plain") == "installed"
    out, err = models("pull", "plain")
    assert out.startswith("plain\t") and err == "", err
    assert models("verify")[0] == "plain\tverified\n"
    blob = (pathlib.Path(folder) / "model.bin").resolve()
    blob.write_bytes(content[:-1] + b"?")
    out, err = models("verify", "plain", expect=1)
    assert out == "" and "model.bin is damaged" in err, err
    assert models("remove", "plain")[0] == "plain\tremoved\n"
    assert state("plain") == "-"
    models("remove", "plain", expect=1)


def test_a_set_goes_on_behind_a_failure():
    manifest = json.loads((work / "models" / "manifest.json").read_text())
    manifest["sets"]["standard"].reverse()
    (work / "models" / "manifest.json").write_text(json.dumps(manifest))
    out, err = models("pull", "standard", expect=1)
    assert out.startswith("plain\t") and "x-wrong" in err and "sha-256" in err, (out, err)


def test_a_token_from_dotenv():
    _, err = models("pull", "x-gated", expect=1)
    assert "HF_TOKEN" in err, err
    (work / ".env").write_text("# of the hub\nexport HF_TOKEN='right'\n")
    try:
        assert models("pull", "x-gated")[0].startswith("x-gated\t")
        environment["HF_TOKEN"] = "wrong"  # what the environment says goes before the file
        models("remove", "x-gated")
        models("pull", "x-gated", expect=1)
    finally:
        environment.pop("HF_TOKEN", None)
        (work / ".env").unlink()


def test_interrupted():
    process = subprocess.Popen(
        [BINARY, "models", "pull", "x-slow"], env=dict(environment, PATH="/usr/bin:/bin"), cwd=work,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    blobs = work / "cache" / "models--org--x-slow" / "blobs"
    until = time.time() + 20
    while time.time() < until and not (blobs.is_dir() and any(p.stat().st_size for p in blobs.iterdir())):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1 and out == "" and "cancelled" in err, (process.returncode, out, err)
    assert [p.suffix for p in blobs.iterdir()] == [".incomplete"]


def test_wrong_usage():
    assert "undertone models list" in models("--help")[0]
    for wrong in ([], ["fetch"], ["pull"], ["remove"], ["pull", "no-such-model"]):
        out, err = models(*wrong, expect=2)
        assert out == "" and err
    (work / "models" / "manifest.json").write_text("{")
    _, err = models("list", expect=1)
    assert "manifest.json" in err


if __name__ == "__main__":
    try:
        start()
        main([value for name, value in list(globals().items()) if name.startswith("test_")])
    finally:
        if server:
            server.kill()
        shutil.rmtree(work, ignore_errors=True)
