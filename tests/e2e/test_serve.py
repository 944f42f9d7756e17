#!/usr/bin/env python3
"""The service through the real binary, with the clients that people use: requests and openai."""
import contextlib
import io
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from support import BINARY, ROOT, SAMPLE, main, run, skip, tone

sys.path.insert(0, str(ROOT / "tests" / "support"))
import packages  # noqa: E402

work = pathlib.Path(tempfile.mkdtemp(prefix="ut_serve_"))
RECORDING = SAMPLE / "watch_repair.flac"
# Voice only and bundled models: what works on every machine, and quickly.
BUNDLED = ["--asr_model", "none", "--vad_model", "bundled", "--speaker_model", "bundled", "--text_model", "bundled"]


class Service:
    """A service on a free port, with a temporary folder of its own."""

    def __init__(self, *options, folder=None):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(dir=work))
        self.process = subprocess.Popen(
            [str(BINARY), "serve", "--port", "0", *BUNDLED, *map(str, options)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ, TMPDIR=str(self.folder)),
        )
        self.said = []
        for line in self.process.stderr:
            self.said.append(line)
            if match := re.search(r"undertone listens on (https?)://(.+):(\d+)", line):
                self.scheme, self.host, self.port = match.group(1), match.group(2), int(match.group(3))
                break
        else:
            raise AssertionError("".join(self.said))
        self.url = f"{self.scheme}://localhost:{self.port}"

    def stop(self, sent=signal.SIGTERM):
        """Ends it; nothing of what was uploaded is left, and it said nothing of what was in it."""
        if self.process.poll() is None:
            self.process.send_signal(sent)
        out, err = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, (self.process.returncode, err)
        left = list(self.folder.iterdir())
        assert not left, left
        return out, err


@contextlib.contextmanager
def service(*options):
    s = Service(*options)
    try:
        yield s
        s.stop()
    finally:
        if s.process.poll() is None:
            s.process.kill()
            s.process.wait()


def audio():
    return {"audio_file": open(RECORDING, "rb")}


def test_the_client_of_the_documentation_works_unchanged():
    """Word for word but for the name and the place of the recording."""
    with service() as s:
        code = """
import requests
files = {'audio_file': open('conversation.wav', 'rb')}
data = {'context': '{"conversation_history": []}'}  # optional
response = requests.post('http://localhost:8000/analyze_emotion', files=files, data=data)
results = response.json()
print(results['emotions'])
"""
        code = code.replace("conversation.wav", str(RECORDING)).replace(":8000", f":{s.port}")
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        emotions = eval(done.stdout, {"__builtins__": {}})
        assert len(emotions) > 5
        for e in emotions:
            assert set(e) == {"speaker", "start", "end", "text", "emotion", "probabilities", "explanation"}, e
            assert e["emotion"] == max(e["probabilities"], key=e["probabilities"].get)


if __name__ == "__main__":
    if "requests" not in sys.modules:
        try:
            import openai, requests, schemathesis  # noqa: E401, F401
        except ImportError:
            try:
                python = packages.python("serve-clients", "requests==2.34.2", "openai==3.57.0", "schemathesis==4.32.5",
                                         "jsonschema")
            except packages.Absent as why:
                skip("the service with real clients", why)
                sys.exit(77)
            os.execv(python, [str(python), "-B", *sys.argv])
    import requests

    try:
        main([value for name, value in list(globals().items()) if name.startswith("test_")])
    finally:
        shutil.rmtree(work, ignore_errors=True)
