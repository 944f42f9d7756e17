"""A scripted endpoint that speaks OpenAI's chat completions, on this machine, for tests and measurements."""
import hashlib
import json
import re
import sys
import threading
import time

from support import ROOT

sys.path.insert(0, str(ROOT / "tests" / "support"))
import quiet_server  # noqa: E402

LABELS = ["sad", "happy", "angry", "neutral", "non-neutral"]
GROUNDS = ["words", "voice", "turns", "examples", "base"]


def controls():
    """The control lines of the program and their labels."""
    source = (ROOT / "src" / "emotion" / "controls.c").read_text()
    names = {"SAD": "sad", "HAPPY": "happy", "ANGRY": "angry", "NEUTRAL": "neutral", "NON_NEUTRAL": "non-neutral"}
    found = {}
    for name, block in re.findall(r"\[UT_(\w+)\] = \{(.*?)\}", source, re.S):
        for text in re.findall(r'"((?:[^"\\]|\\.)*)"', block):
            found[text] = names[name]
    assert len(found) == 30, len(found)
    return found


def chance(text):
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def opinion(label, share=0.8, reason="It sounds like it.", grounds=("words",)):
    rest = (1 - share) / 4
    return {**{x: share if x == label else rest for x in LABELS}, "reason": reason, "grounds": list(grounds)}


def questions(body):
    """What a request asks: [(id, text)] and the whole user message."""
    document = json.loads(body["messages"][1]["content"])
    texts = {t["id"]: t["text"] for t in document["transcript"] + document["single"]}
    return [(q["id"], texts[q["id"]]) for q in document["judge"]], document


def answer(body, judge):
    """The text of a right answer; judge(text) gives an opinion without an id."""
    asked, _ = questions(body)
    return json.dumps({"utterances": [{"id": i, **judge(text)} for i, text in asked]})


def by_truth(truth, accuracy, share=0.8, on_controls=None):
    """Answers with the true label in `accuracy` of the cases, else with another one, drawn by the text; control lines
    have an accuracy of their own if `on_controls` says so."""
    lines = controls()

    def judge(text):
        label = lines.get(text) or truth.get(text, "neutral")
        limit = on_controls if text in lines and on_controls is not None else accuracy
        if chance("right" + text) >= limit:
            others = [x for x in LABELS if x != label]
            label = others[int(chance("wrong" + text) * 4)]
        return opinion(label, share)

    return judge


class Endpoint:
    """`script(body, number)` gives the message's text, or (code, headers, bytes) for any other reply, or a function
    that takes the connection. `calls` holds the bodies of all requests."""

    def __init__(self, script, delay=0.0):
        self.calls, self.keys, self.at_once, self.most_at_once = [], [], 0, 0
        lock = threading.Lock()
        endpoint = self

        class Handler(quiet_server.Handler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    endpoint.calls.append(body)
                    endpoint.keys.append(self.headers.get("Authorization"))
                    endpoint.at_once += 1
                    endpoint.most_at_once = max(endpoint.most_at_once, endpoint.at_once)
                    number = len(endpoint.calls)
                try:
                    assert self.path == "/v1/chat/completions", self.path
                    time.sleep(delay)
                    self.reply(script(body, number))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with lock:
                        endpoint.at_once -= 1

            def reply(self, what):
                if callable(what):
                    what(self)
                    self.close_connection = True
                    return
                if isinstance(what, str):
                    completion = {
                        "id": "x", "object": "chat.completion", "model": "scripted",
                        "choices": [{"index": 0, "finish_reason": "stop",
                                     "message": {"role": "assistant", "content": what}}],
                        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
                    }
                    what = (200, {"Content-Type": "application/json"}, json.dumps(completion).encode())
                code, headers, data = what
                self.send(code, data, headers.items())

        self.server = quiet_server.Server(Handler)
        self.url = f"http://127.0.0.1:{self.server.port}/v1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
