"""A small server that behaves as the hub does, for test_hub.c: resolve paths with commit and etag headers, a redirect
of files to a "content" host, ranges, and the failures a network has. Prints its port; ends with its parent. usage: hub_server.py FOLDER LOG

FOLDER/<org>/<name>/<file> are the files. What a repository's name ends in decides how it is served:
-cut: connections break after half of what was asked; -whole: ranges are ignored; -gated: 401 without the right token;
-wrong: other bytes of the same length; -slow: a trickle; -busy: 503 twice; -long: more bytes than there should be.
LOG gets one line a request: path, range, and whether a token came."""
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from quiet_server import Handler, Server, serve_parent  # noqa: E402

root, log_path = sys.argv[1:3]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
busy = {}


class Hub(Handler):
    def do_GET(self):
        token = self.headers.get("Authorization")
        with open(log_path, "a") as log:
            log.write(f"{self.path} range={self.headers.get('Range')} token={token}\n")
        parts = self.path.lstrip("/").split("/")
        if parts[0] == "content":
            return self.content("/".join(parts[1:3]), "/".join(parts[3:]))
        if len(parts) < 5 or parts[2] != "resolve":
            return self.send(404)
        repository, name = "/".join(parts[:2]), "/".join(parts[4:])
        if repository.endswith("-gated") and token != "Bearer right":
            return self.send(401, b"gated")
        if repository.endswith("-busy") and busy.setdefault(self.path, 0) < 2:
            busy[self.path] += 1
            return self.send(503, b"busy")
        if not os.path.exists(os.path.join(root, repository, name)):
            return self.send(404, b"no such file")
        headers = [("X-Repo-Commit", COMMIT), ("Location", f"{other}/content/{repository}/{name}")]
        self.send(302, headers=headers)

    def content(self, repository, name):
        data = open(os.path.join(root, repository, name), "rb").read()
        if repository.endswith("-wrong"):
            data = bytes(b ^ 1 for b in data)
        if repository.endswith("-long"):
            data += b"more"
        start = 0
        wanted = self.headers.get("Range")
        if wanted and not repository.endswith("-whole"):
            start = int(wanted.split("=")[1].rstrip("-"))
            if start >= len(data):
                return self.send(416)
        rest = data[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if repository.endswith("-cut") and len(rest) > 1000:
            self.wfile.write(rest[: len(rest) // 2])
            self.wfile.flush()
            self.cut()
        elif repository.endswith("-slow"):
            for at in range(0, len(rest), 500):
                self.wfile.write(rest[at : at + 500])
                self.wfile.flush()
                time.sleep(0.1)
        else:
            self.wfile.write(rest)


server, cdn = Server(Hub), Server(Hub)
other = f"http://127.0.0.1:{cdn.port}"
serve_parent(server)
