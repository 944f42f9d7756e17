"""A real Chroma server for the tests, from PyPI.

As a program: chroma_server.py FOLDER starts one over FOLDER, prints its port and the Python that has Chroma's client,
and ends with its parent; where none can be had it prints 0 and why. As a module: python() and Server(folder).

The packages (chromadb 1.5.9 and what it needs, 500 MB, about a minute) are installed once, into build/chroma-1.5.9 of
the sources, whatever build asks."""
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

from packages import Absent
import packages

VERSION = "1.5.9"


def python():
    """The Python that has Chroma, installed if need be."""
    return packages.python(f"chroma-{VERSION}", f"chromadb=={VERSION}")


def end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Server:
    """A server over a folder, on a port of its own; `restart` takes the same port again."""

    def __init__(self, folder):
        self.folder = folder
        self.python = python()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.restart()

    def restart(self):
        self.process = subprocess.Popen(
            [str(self.python), "-c", "from chromadb.cli.cli import app; app()", "run", "--host", "127.0.0.1",
             "--port", str(self.port), "--path", str(self.folder)],
            env=dict(os.environ, ANONYMIZED_TELEMETRY="False"), preexec_fn=end_with_parent,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        until = time.time() + 60
        while time.time() < until and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v2/heartbeat", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise Absent("the Chroma server did not start")

    def kill(self):
        self.process.kill()
        self.process.wait()


if __name__ == "__main__":
    parent = os.getppid()
    end_with_parent()
    try:
        server = Server(sys.argv[1])
    except Absent as why:
        print(0, why, flush=True)
        sys.exit(0)
    print(server.port, server.python, flush=True)
    while os.getppid() == parent:
        time.sleep(0.2)
    server.kill()
