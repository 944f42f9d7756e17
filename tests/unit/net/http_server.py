"""A server for test_http.c: the path says what it does. Prints its port; ends with its parent.

/echo answers with what was asked; /fails/N/CODE/AFTER answers CODE N times, with Retry-After AFTER (- for none), then
200 and how many requests and connections there were; /size/N sends N bytes; /cut/N breaks off N times; /slow says
nothing for a while; /stall begins and then says nothing; /away redirects to /echo of another port."""
import collections
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from quiet_server import Handler, Server, serve_parent  # noqa: E402

asked = collections.Counter()
connections = collections.defaultdict(set)


class Http(Handler):
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
            self.cut()
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
            self.send(302, b"", [("Location", f"http://127.0.0.1:{other.port}/echo")])
        else:
            self.send(200, counts)

    do_GET = do_POST = do_PUT = do_DELETE = answer


server, other = Server(Http), Server(Http)
serve_parent(server)
