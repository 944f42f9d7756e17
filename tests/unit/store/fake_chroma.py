"""A server that behaves as Chroma does, but for one call: for test_chroma_faults.c. Prints its port; ends with its
parent.

The client's token says what goes wrong: "CALL=FAULT" (preflight, collection, count, get, add, query, delete)."""
import base64
import collections
import json
import pathlib
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from quiet_server import Handler, Server, serve_parent  # noqa: E402

ID = "00000000-0000-0000-0000-00000000%04d"
held = collections.defaultdict(lambda: {"records": {}, "metadata": None, "asked": collections.Counter()})


def vector(value):
    if isinstance(value, str):
        raw = base64.b64decode(value)
        return list(struct.unpack(f"<{len(raw) // 4}f", raw))
    return value


class Fake(Handler):
    def do_GET(self):
        self.answer(None)

    def do_POST(self):
        self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, body):
        token = self.headers.get("X-Chroma-Token", "=")
        assert self.headers["Authorization"] == f"Bearer {token}"
        wanted, fault = token.split("=", 1)
        parts = self.path.split("/")
        call = {"pre-flight-checks": "preflight"}.get(parts[-1], parts[-1])
        if len(parts) > 7 and parts[7] == "collections" and (len(parts) < 10 or not body and call != "count"):
            call = "collection"
        state = held[token]
        if call == wanted:
            state["asked"][call] += 1
            if self.fail(fault, state["asked"][call], call, body, state):
                return
        code, reply = self.do(call, parts, body, state)
        if call == wanted and fault == "few":
            reply = {k: [v[:1] for v in column] if k != "include" else column for k, column in reply.items()}
        self.send(code, reply)

    def do(self, call, parts, body, state):
        records = state["records"]
        if call == "preflight":
            return 200, {"max_batch_size": 3, "supports_base64_encoding": True}
        if call == "collection" and body is None and state["metadata"] is None:
            return 404, {"error": "NotFoundError", "message": "Collection does not exist"}
        if call == "collection":
            state["metadata"] = state["metadata"] or body["metadata"]
            return 200, {"id": ID % 1, "metadata": state["metadata"], "dimension": None,
                         "configuration_json": {"hnsw": {"space": "ip"}}}
        if call == "count":
            return 200, len(records)
        if call == "delete":
            for name in body["ids"]:
                records.pop(name, None)
            return 200, {"deleted": len(body["ids"])}
        if call == "add":
            for i, name in enumerate(body["ids"]):
                row = (body["documents"][i], body["metadatas"][i], vector(body["embeddings"][i]))
                records.setdefault(name, row)
            return 201, {}
        if call == "get":
            ids = [n for n in records if body["ids"] is None or n in body["ids"]]
            return 200, self.columns(ids, records, body["include"])
        found = []
        for query in body["query_embeddings"]:
            distance = {n: 1 - sum(a * b for a, b in zip(query, r[2])) for n, r in records.items()}
            ids = sorted(records, key=distance.get)[: body["n_results"]]
            found.append(dict(self.columns(ids, records, body["include"]), distances=[distance[n] for n in ids]))
        return 200, {key: [one[key] for one in found] for key in found[0]}

    def columns(self, ids, records, include):
        names = ("documents", "metadatas", "embeddings")
        return dict({n: [records[i][k] for i in ids] if n in include else None for k, n in enumerate(names)}, ids=ids)

    def fail(self, fault, time_asked, call, body, state):
        """Does what goes wrong; False: nothing does any more."""
        if fault == "401":
            self.send(401, {"error": "AuthError", "message": "Forbidden"})
        elif fault == "404":
            self.send(404, b"")
        elif fault == "410":
            self.send(410, {"error": "Unimplemented", "message": "The v2 API is gone"})
        elif fault == "413":
            self.send(413, b"too much")
        elif fault == "500":
            self.send(500, {"error": "InternalError", "message": "the disk is on fire"})
        elif fault == "500later" and time_asked > 1:
            self.send(500, {"error": "InternalError", "message": "the disk is full"})
        elif fault == "503twice" and time_asked < 3:
            self.send(503, b"busy")
        elif fault == "429" and time_asked < 2:
            self.send(429, {"error": "ChromaError", "message": "slow down"}, [("Retry-After", "1")])
        elif fault == "429long":
            self.send(429, {"error": "ChromaError", "message": "come back tomorrow"}, [("Retry-After", "86400")])
        elif fault == "slow":
            time.sleep(12)
            self.cut()
        elif fault == "drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(40):
                self.wfile.write(b" ")
                time.sleep(0.3)
        elif fault == "half" or fault == "halftwice" and time_asked < 3:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"ids": ["a", "b"')
            self.wfile.flush()
            self.cut()
        elif fault == "reset" or fault == "resettwice" and time_asked < 3:
            self.cut()
        elif fault == "lost" and time_asked < 2:  # done, but the answer does not arrive
            self.do(call, [], body, state)
            self.cut()
        elif fault == "html":
            self.send(200, b"<!DOCTYPE html><html><body>Welcome to our hotel's network</body></html>")
        elif fault == "html502":
            self.send(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>")
        elif fault == "huge":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            chunk = b"100000\r\n" + b"[" * 0x100000 + b"\r\n"
            while True:
                self.wfile.write(chunk)
        elif fault in WRONG:
            self.send(200, WRONG[fault])
        else:
            return False
        return True


TRUNCATED = b'{"ids": [["a"]], "documents": [["x"'
WRONG = {
    "null": None, "list": [], "text": "x", "empty": b"", "cut": TRUNCATED, "minus": -1, "real": 1.5, "object": {},
    "deep": b"[" * 100000, "ids": {"ids": [1, None]}, "noids": {"ids": None, "documents": []},
    "columns": {"ids": ["a", "b"], "documents": ["x"], "metadatas": None, "embeddings": None},
    "vectors": {"ids": ["a"], "documents": ["x"], "metadatas": [None], "embeddings": [[1, "x", 3, 4]]},
    "short": {"ids": ["a"], "documents": ["x"], "metadatas": [None], "embeddings": [[1, 2]]},
    "queries": {"ids": [["a"], ["b"]], "distances": [[1], [2]]},
    "nodistance": {"ids": [["a"]], "documents": [["x"]], "metadatas": [[None]], "distances": [[None]]},
    "nocolumn": {"ids": [["a"]], "documents": None, "metadatas": None, "distances": None},
    "limits": {"max_batch_size": 0}, "badid": {"id": "../../x", "metadata": {}},
}


serve_parent(Server(Fake))
