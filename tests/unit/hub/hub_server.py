"""A small server that behaves as the hub does, for test_hub.c: resolve paths with commit and etag headers, a redirect
of files to a "content" host, ranges, and the failures a network has. Prints its port; ends with its parent. usage: hub_server.py FOLDER LOG

FOLDER/<org>/<name>/<file> are the files. What a repository's name ends in decides how it is served:
-cut: connections break after half of what was asked; -whole: ranges are ignored; -gated: 401 without the right token;
-wrong: other bytes of the same length; -slow: a trickle; -busy: 503 twice; -long: more bytes than there should be.
LOG gets one line a request: path, range, and whether a token came."""
import http.server
import os
import sys
import threading
import time

root, log_path = sys.argv[1:3]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
busy = {}


class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, code, headers=(), body=b""):
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        token = self.headers.get("Authorization")
        with open(log_path, "a") as log:
            log.write(f"{self.path} range={self.headers.get('Range')} token={token}\n")
        parts = self.path.lstrip("/").split("/")
        if parts[0] == "content":
            return self.content("/".join(parts[1:3]), "/".join(parts[3:]))
        if len(parts) < 5 or parts[2] != "resolve":
            return self.reply(404)
        repository, name = "/".join(parts[:2]), "/".join(parts[4:])
        if repository.endswith("-gated") and token != "Bearer right":
            return self.reply(401, body=b"gated")
        if repository.endswith("-busy") and busy.setdefault(self.path, 0) < 2:
            busy[self.path] += 1
            return self.reply(503, body=b"busy")
        if not os.path.exists(os.path.join(root, repository, name)):
            return self.reply(404, body=b"no such file")
        headers = [("X-Repo-Commit", COMMIT), ("Location", f"{other}/content/{repository}/{name}")]
        self.reply(302, headers)

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
                return self.reply(416)
        rest = data[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if repository.endswith("-cut") and len(rest) > 1000:
            self.wfile.write(rest[: len(rest) // 2])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
        elif repository.endswith("-slow"):
            for at in range(0, len(rest), 500):
                self.wfile.write(rest[at : at + 500])
                self.wfile.flush()
                time.sleep(0.1)
        else:
            self.wfile.write(rest)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", 0), Hub)
cdn = Server(("127.0.0.1", 0), Hub)
other = f"http://127.0.0.1:{cdn.server_address[1]}"
for one in (server, cdn):
    threading.Thread(target=one.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
parent = os.getppid()
while os.getppid() == parent:
    time.sleep(0.2)
