"""What the test servers share: HTTP/1.1 on a free port of this machine, no log, and an end with the parent."""
import http.server
import json
import os
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, code, body=b"", headers=()):
        """Answers with bytes, or with anything else as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def cut(self):
        self.close_connection = True
        self.connection.close()


class Server(http.server.ThreadingHTTPServer):
    """Serves from its making on; `port` is its port."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass


def serve_parent(server):
    """Tells the parent the port and ends with it."""
    parent = os.getppid()
    print(server.port, flush=True)
    while os.getppid() == parent:
        time.sleep(0.2)
