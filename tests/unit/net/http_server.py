"""A server for test_http.c: the path says what it does. Prints its port; ends with its parent.

/echo answers with what was asked; /fails/N/CODE/AFTER answers CODE N times, with Retry-After AFTER (- for none), then
200 and how many requests and connections there were; /size/N sends N bytes; /cut/N breaks off N times; /slow says
nothing for a while; /stall begins and then says nothing; /away redirects to /echo of another port."""
import collections
import http.server
import json
import os
import threading
import time

asked = collections.Counter()
connections = collections.defaultdict(set)


class Http(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, code, body, headers=()):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def answer(self):
        path, _, _ = self.path.partition("?")
        _, what, *numbers = path.split("/")
        asked[self.path] += 1
        connections[self.path].add(self.client_address)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        counts = {"requests": asked[self.path], "connections": len(connections[self.path])}
        if what == "echo":
            names = {name.lower(): value for name, value in self.headers.items()}
            self.send(200, {"method": self.command, "headers": names, "body": body.decode()})
        elif what == "fails" and asked[self.path] <= int(numbers[0]):
            after = [] if numbers[2] == "-" else [("Retry-After", numbers[2].replace("_", " "))]
            self.send(int(numbers[1]), b"not now", after)
        elif what == "size":
            self.send(200, b"x" * int(numbers[0]))
        elif what == "cut" and asked[self.path] <= int(numbers[0]):
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
            self.connection.close()
        elif what == "slow":
            time.sleep(4)
            self.send(200, counts)
        elif what == "stall":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"begun")
            time.sleep(4)
        elif what == "away":
            self.send(302, b"", [("Location", f"http://127.0.0.1:{other.server_address[1]}/echo")])
        else:
            self.send(200, counts)

    do_GET = do_POST = do_PUT = do_DELETE = answer


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass


server, other = Server(("127.0.0.1", 0), Http), Server(("127.0.0.1", 0), Http)
for one in (server, other):
    threading.Thread(target=one.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
parent = os.getppid()
while os.getppid() == parent:
    time.sleep(0.2)
