#!/usr/bin/env python3
"""The service through the real binary, with the clients that people use: requests and openai."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import warnings

from support import BINARY, ROOT, SAMPLE, installed, main, run, skip, tone

sys.path.insert(0, str(ROOT / "tests" / "support"))
import packages  # noqa: E402

work = pathlib.Path(tempfile.mkdtemp(prefix="ut_serve_"))
FOLDER = work / "in"
RECORDING = FOLDER / "talk.flac"  # twenty seconds of the sample
# Voice only and bundled models: what works on every machine, and quickly.
BUNDLED = ["--asr_model", "none", "--vad_model", "bundled", "--speaker_model", "bundled", "--text_model", "bundled"]


class Service:
    """A service on a free port, with a temporary folder of its own."""

    def __init__(self, *options, files=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=work))
        self.process = subprocess.Popen(
            [str(BINARY), "serve", "--port", "0", *BUNDLED, *map(str, options)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ, TMPDIR=str(self.folder)),
            preexec_fn=files and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))),
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
def service(*options, **more):
    s = Service(*options, **more)
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
        assert len(emotions) > 2
        for e in emotions:
            assert set(e) == {"speaker", "start", "end", "text", "emotion", "probabilities", "label_set", "explanation"}, e
            assert e["emotion"] == max(e["probabilities"], key=e["probabilities"].get)
            assert e["emotion"] in e["label_set"]


def post(s, where="/analyze_emotion", files=None, headers=None, **data):
    return requests.post(s.url + where, files=files or audio(), data=data, headers=headers, timeout=300)


def is_fault(answer, status, code):
    """An error as every error is."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    fault = answer.json()
    assert set(fault) == {"code", "message", "hint"} and fault["code"] == code, fault
    assert fault["message"] and fault["hint"], fault
    assert answer.headers["Content-Type"] == "application/json"
    return fault


def wait_for(s, job, *states):
    until = time.time() + 120
    while time.time() < until:
        state = requests.get(f"{s.url}/jobs/{job}", timeout=60).json()
        if state["status"] in states:
            return state
        time.sleep(0.05)
    raise AssertionError(state)


def long_recording():
    """Six minutes, which take a while."""
    path = work / "long.flac"
    if not path.exists():
        subprocess.run(["ffmpeg", "-v", "error", "-stream_loop", "17", "-i", RECORDING, "-y", path], check=True)
    return path


def counter(s, name):
    for line in requests.get(s.url + "/metrics", timeout=60).text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    return 0.0


def raw(s, data, then=b"", pause=0.0, most=20.0):
    """Bytes as they are; gives back what is answered until the connection ends."""
    with socket.create_connection(("127.0.0.1", s.port), timeout=most) as c:
        c.sendall(data)
        answer = b""
        until = time.time() + most
        for byte in then:
            try:
                c.settimeout(pause)
                answer += c.recv(65536)
                if answer:
                    break
            except TimeoutError:
                pass
            c.sendall(bytes([byte]))
        c.settimeout(1)
        while time.time() < until:
            try:
                more = c.recv(65536)
            except TimeoutError:
                if answer:
                    break
                continue
            except ConnectionError:
                break
            if not more:
                break
            answer += more
        return answer


def raw_fault(answer, status, code):
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), answer
    assert json.loads(body)["code"] == code, answer


# --- what it is for ---------------------------------------------------------------------------------------------------


def test_a_job_shows_progress_and_keeps_its_result():
    with service("--workers", "2") as s:
        history = [{"speaker": "agent", "text": "You are late again!", "emotion": "angry"}]
        made = post(s, "/jobs", context=json.dumps({"conversation_history": history}), num_speakers="2")
        assert made.status_code == 202, made.text
        job = made.json()
        assert made.headers["Location"] == f"/jobs/{job['id']}" and job["status"] in ("queued", "running"), job
        events = requests.get(f"{s.url}/jobs/{job['id']}/events", stream=True, timeout=120)
        assert events.headers["Content-Type"] == "text/event-stream"
        states = [json.loads(line[6:]) for line in events.iter_lines(decode_unicode=True) if line.startswith("data: ")]
        assert states[-1]["status"] == "done" and states[-1]["progress"] == 1, states[-1]
        assert all(a["progress"] <= b["progress"] for a, b in zip(states, states[1:])), states
        result = requests.get(f"{s.url}/jobs/{job['id']}/result", timeout=60).json()
        assert result["conversation"]["history"] == history, result["conversation"]["history"]
        assert result["conversation"]["source"]["file"] == RECORDING.name
        direct = post(s, context=json.dumps({"conversation_history": history}), num_speakers="2").json()
        assert direct == result
        for emotion, utterance in zip(result["emotions"], result["conversation"]["utterances"]):
            assert emotion["emotion"] == utterance["emotion"]["label"] and emotion["start"] == utterance["start"]
        for form, begin in (("srt", "1\n00:"), ("vtt", "WEBVTT"), ("csv", "index,"), ("tsv", "start\t"), ("rttm", "SPEAKER"),
                            ("txt", "["), ("html", "<!DOCTYPE html>"), ("json", "{"), ("eaf", "<?xml"),
                            ("textgrid", "File type"), ("audacity", "")):
            got = requests.get(f"{s.url}/jobs/{job['id']}/export", params={"format": form}, timeout=60)
            assert got.status_code == 200 and got.text.startswith(begin), (form, got.status_code, got.text[:80])
            assert got.headers["Content-Disposition"].startswith("attachment; filename="), got.headers
            if form == "json":
                assert got.json() == result["conversation"]
        is_fault(requests.get(f"{s.url}/jobs/{job['id']}/export", params={"format": "doc"}), 400, "bad_option")
        is_fault(requests.get(f"{s.url}/jobs/{job['id']}/export"), 400, "bad_request")
        is_fault(requests.post(f"{s.url}/jobs/{job['id']}/labels", json={"labels": []}), 409, "no_knowledge_base")
        assert requests.delete(f"{s.url}/jobs/{job['id']}").status_code == 204
        for way in ("", "/result", "/events", "/export?format=srt"):
            is_fault(requests.get(f"{s.url}/jobs/{job['id']}{way}"), 404, "not_found")


def test_a_result_is_the_same_as_the_command_lines():
    with service() as s:
        out = work / "out"
        run("run", "--audio_dir", FOLDER, "--output_dir", out, *BUNDLED, "--quiet")
        assert post(s).json()["conversation"] == json.loads((out / "talk" / "conversation.json").read_text())


def test_results_are_forgotten_after_their_time():
    with service("--keep_results", "1") as s:
        job = post(s, "/jobs").json()["id"]
        wait_for(s, job, "done")
        time.sleep(3)
        is_fault(requests.get(f"{s.url}/jobs/{job}/result"), 404, "not_found")


def test_a_job_can_be_cancelled():
    with service("--queue", "4") as s:
        running, waiting = (post(s, "/jobs", {"audio_file": open(long_recording(), "rb")}).json()["id"] for _ in range(2))
        assert wait_for(s, waiting, "queued")["position"] == 1
        wait_for(s, running, "running")
        is_fault(requests.get(f"{s.url}/jobs/{running}/result"), 409, "not_finished")
        watched = requests.get(f"{s.url}/jobs/{waiting}/events", stream=True, timeout=60)
        for job in (waiting, running):
            assert requests.delete(f"{s.url}/jobs/{job}").status_code == 204
        last = [line for line in watched.iter_lines(decode_unicode=True) if line.startswith("data: ")][-1]
        assert json.loads(last[6:])["status"] == "cancelled", last
        until = time.time() + 20
        while counter(s, 'undertone_jobs_total{state="cancelled"}') < 2 and time.time() < until:
            time.sleep(0.1)
        assert counter(s, 'undertone_jobs_total{state="cancelled"}') == 2
        assert post(s).status_code == 200


def test_labels_reach_the_knowledge_base():
    store = work / "calls.db"
    with service("--store", store) as s:
        job = post(s, "/jobs").json()
        assert job["labels"] is True
        wait_for(s, job["id"], "done")
        where = f"{s.url}/jobs/{job['id']}/labels"
        assert requests.get(where).json() == {"labels": []}
        assert requests.post(where, json={"labels": [{"utterance": 2, "emotion": "angry"}]}).json() == {"labelled": 1}
        for utterance, emotion in ((1, "sad"), (2, "happy"), (2, "angry")):
            assert requests.post(where, json={"labels": [{"utterance": utterance, "emotion": emotion}]}).json() == {"labelled": 1}
        last = [{"utterance": 1, "emotion": "sad"}, {"utterance": 2, "emotion": "angry"}]
        assert requests.get(where).json() == {"labels": last}, "the last that was said of each"
        for body in ({}, {"labels": []}, {"labels": [{"utterance": 10000, "emotion": "sad"}]},
                     {"labels": [{"utterance": 1, "emotion": "cross"}]}, {"labels": [3]}, []):
            is_fault(requests.post(where, json=body), 400, "bad_json")
        is_fault(requests.post(where, data=b"\xff{", headers={"Content-Type": "application/json"}), 400, "bad_json")
        is_fault(requests.post(where, data="{}"), 415, "unsupported_media_type")
        is_fault(requests.post(where, json={"labels": "x" * 2000000}), 413, "too_large")
        out, _ = run("kb", "stats", "--store", store)
        assert re.search(r"^angry +1$", out, re.M), out


def test_labels_say_nothing_of_their_conversation_to_others():
    keys = work / "keys of labels"
    ann, bob = ({"X-API-Key": run("serve", "--api_keys", keys, "--new_key", name)[0].strip()} for name in ("ann", "bob"))
    other = work / "other.flac"
    subprocess.run(["ffmpeg", "-v", "error", "-ss", "20", "-i", SAMPLE / "watch_repair.flac", "-t", "20", "-y", other], check=True)
    with service("--api_keys", keys, "--store", work / "shared.db") as s:
        job = post(s, "/jobs", headers=ann).json()["id"]
        while requests.get(f"{s.url}/jobs/{job}", headers=ann).json()["status"] != "done":
            time.sleep(0.05)
        labels = [{"utterance": i, "emotion": "angry"} for i in range(3)]
        told = requests.post(f"{s.url}/jobs/{job}/labels", json={"labels": labels}, headers=ann)
        is_fault(requests.get(f"{s.url}/jobs/{job}/labels", headers=bob), 404, "not_found")
        assert told.json() == {"labelled": 3}, told.text
        answer = post(s, files={"audio_file": open(other, "rb")}, headers=bob)
        examples = [x for u in answer.json()["conversation"]["utterances"] for x in u["emotion"]["evidence"]["examples"]]
        assert any(x["label"] == "angry" for x in examples), examples
        assert all((x["text"], x["source"]) == ("", "correction") for x in examples), examples
        assert all('""' not in e["explanation"] for e in answer.json()["emotions"]), answer.json()["emotions"]


def test_silence_has_empty_exports():
    silence = work / "silence.wav"
    tone(silence, level=0)
    with service() as s:
        job = post(s, "/jobs", {"audio_file": open(silence, "rb")}).json()["id"]
        wait_for(s, job, "done")
        for form in ("srt", "txt", "audacity", "rttm"):
            got = requests.get(f"{s.url}/jobs/{job}/export", params={"format": form}, timeout=60)
            assert got.status_code == 200 and got.text == "", (form, got.status_code, got.text)


def test_runs_are_shown():
    out = work / "recorded"
    for beam in ("5", "4"):
        run("run", "--audio_dir", FOLDER, "--output_dir", out, *BUNDLED, "--quiet", "--beam_size", beam)
    with service("--output_dir", out) as s:
        runs = requests.get(s.url + "/runs").json()["runs"]
        assert len(runs) == 2 and runs[0]["began"] > runs[1]["began"], runs
        one = requests.get(f"{s.url}/runs/latest").json()
        assert one["run"]["id"] == runs[0]["id"] and one["steps"], one
        assert isinstance(requests.get(f"{s.url}/runs/{runs[1]['id']}/logs").json()["lines"], list)
        both = requests.get(s.url + "/runs/compare", params={"a": runs[1]["id"], "b": "latest"}).json()
        assert {"kind": "setting", "name": "beam_size", "a": "5", "b": "4"} in both["differences"], both["differences"]
        artifact = one["steps"][0]["output"]
        lineage = requests.get(s.url + "/lineage", params={"artifact": artifact}).json()
        assert artifact in json.dumps(lineage["artifacts"]), lineage
        picture = requests.get(s.url + "/lineage.svg", params={"artifact": artifact})
        assert picture.headers["Content-Type"] == "image/svg+xml" and picture.text.lstrip().startswith("<"), picture.text[:80]
        for where in ("/runs/none", "/runs/none/logs", "/runs/compare?a=none&b=latest", "/lineage?artifact=none"):
            fault = is_fault(requests.get(s.url + where), 404, "not_found")
            assert str(work) not in fault["message"], fault  # nor anything else of the machine
        is_fault(requests.get(s.url + "/runs/compare?a=latest"), 400, "bad_request")
    with contextlib.closing(sqlite3.connect(out / ".undertone" / "records.db")) as records, records:
        records.execute(  # the step that made it, two thousand times more
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2001) INSERT INTO steps"
            " (run, conversation, step, status, key, output, began, seconds) SELECT run, conversation, step, status,"
            " key || i, output, began, seconds FROM n, steps WHERE number = (SELECT min(number) FROM steps WHERE output = ?)",
            (artifact,))
    with service("--output_dir", out) as s:
        is_fault(requests.get(s.url + "/lineage", params={"artifact": artifact}), 400, "bad_request")
    (out / ".undertone" / "records.db").write_bytes(b"no database at all" * 1000)
    with service("--output_dir", out) as s:
        fault = is_fault(requests.get(s.url + "/runs"), 500, "internal")
        assert str(work) not in fault["message"], fault
        _, said = s.stop()
        assert str(out) in said, said
    with service() as s:
        is_fault(requests.get(s.url + "/runs"), 404, "no_records")


def test_openais_client_gets_its_forms():
    with service() as s:
        client = openai.OpenAI(base_url=s.url + "/v1", api_key="none")

        def ask(**more):
            with open(RECORDING, "rb") as file:
                return client.audio.transcriptions.create(model="whisper-1", file=file, **more)

        assert ask().text == ""  # voice only
        verbose = ask(response_format="verbose_json", timestamp_granularities=["word", "segment"], language="en",
                      prompt="Harder", temperature=0)
        assert abs(verbose.duration - 20) < 0.1 and len(verbose.segments) > 2 and verbose.words == [], verbose
        assert all(a.start < a.end for a in verbose.segments)
        assert ask(response_format="text").strip() == ""
        assert ask(response_format="vtt").startswith("WEBVTT")
        for bad in ({"response_format": "xml"}, {"extra_body": {"stream": "true"}}, {"extra_body": {"unknown": "1"}}):
            try:
                ask(**bad)
                raise AssertionError(bad)
            except openai.BadRequestError as error:
                assert error.code == "bad_option" and error.type == "invalid_request_error", error
        refused = requests.post(s.url + "/v1/audio/transcriptions", data={"model": "x"}, files={"language": b"x"})
        assert refused.status_code == 400 and refused.json()["error"]["code"] == "missing_file", refused.text


def test_openais_client_gets_words():
    if not installed("whisper-base"):
        skip("words for openai's client", "whisper-base is not pulled")
        return
    clip = work / "clip.flac"
    subprocess.run(["ffmpeg", "-v", "error", "-i", RECORDING, "-t", "4.3", "-y", clip], check=True)
    with service("--asr_model", "whisper-base") as s:
        client = openai.OpenAI(base_url=s.url + "/v1", api_key="none")

        def ask(**more):
            with open(clip, "rb") as file:
                return client.audio.transcriptions.create(model="whisper-1", file=file, language="en", **more)

        text = ask().text
        assert "good afternoon" in text.lower(), text
        verbose = ask(response_format="verbose_json", timestamp_granularities=["word"])
        assert " ".join(w.word for w in verbose.words) == text and verbose.language == "en", verbose
        assert ask(response_format="srt").startswith("1\n00:00:0") and text.split()[0] in ask(response_format="vtt")


def test_service_places():
    with service() as s:
        assert requests.get(s.url + "/healthz").json() == {"status": "ok"}
        assert requests.get(s.url + "/readyz").json() == {"status": "ready"}
        version = requests.get(s.url + "/version").json()
        assert version["version"] in run("--version")[0] and "voice only" in version["models"], version
        described = requests.get(s.url + "/openapi.json")
        assert described.json()["openapi"].startswith("3.1")
        again = requests.get(s.url + "/openapi.json", headers={"If-None-Match": described.headers["ETag"]})
        assert again.status_code == 304 and not again.content
        head = requests.head(s.url + "/healthz")
        assert head.status_code == 200 and not head.content and head.headers["X-Content-Type-Options"] == "nosniff"
        refused = requests.put(s.url + "/jobs/" + "0" * 32)
        is_fault(refused, 405, "method_not_allowed")
        assert set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD", "DELETE"}, refused.headers
        for nowhere in ("/x", "/jobs/", "/jobs/a/b/c", "/page/../../etc/passwd", "/page/%2e%2e/%2e%2e/etc/passwd",
                        "/vendor//etc/passwd", "/jobs/%00/result", "/" + "a" * 3000):
            is_fault(requests.get(s.url + nowhere), 404, "not_found")
        metrics = requests.get(s.url + "/metrics").text
        assert 'undertone_requests_total{route="/healthz",class="2xx"} 2' in metrics, metrics
        for line in metrics.splitlines():
            assert re.fullmatch(r"# (HELP|TYPE) undertone_\w+ .+|undertone_\w+(\{[^}]*\})? [-+0-9.e]+", line), line


# --- who may ask ------------------------------------------------------------------------------------------------------


def test_keys():
    keys = work / "keys"
    made = {name: run("serve", "--api_keys", keys, "--new_key", name)[0].strip() for name in ("ann", "bob")}
    held = keys.read_text()
    assert keys.stat().st_mode & 0o077 == 0 and not any(key in held for key in made.values()), held
    _, error = run("serve", "--api_keys", keys, "--new_key", "ann", expect=2)
    assert "already" in error, error
    with service("--api_keys", keys) as s:
        ann, bob = ({"Authorization": f"Bearer {made[name]}"} for name in ("ann", "bob"))
        is_fault(post(s), 401, "unauthorized")
        for wrong in ({"Authorization": "Bearer " + made["ann"][:-1]}, {"X-API-Key": ""}, {"Authorization": "Basic YTpi"},
                      {"X-API-Key": held.split()[0]}):
            answer = post(s, headers=wrong)
            is_fault(answer, 401, "unauthorized")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        is_fault(requests.get(s.url + "/metrics"), 401, "unauthorized")
        assert requests.get(s.url + "/healthz").status_code == 200
        assert post(s, headers={"X-API-Key": made["bob"]}).status_code == 200
        # What is one caller's is not there for another.
        job = post(s, "/jobs", headers=ann).json()["id"]
        for way in ("", "/events", "/result", "/export?format=srt"):
            is_fault(requests.get(f"{s.url}/jobs/{job}{way}", headers=bob), 404, "not_found")
        is_fault(requests.delete(f"{s.url}/jobs/{job}", headers=bob), 404, "not_found")
        assert requests.get(f"{s.url}/jobs/{job}", headers=ann).status_code == 200
        client = openai.OpenAI(base_url=s.url + "/v1", api_key="wrong", max_retries=0)
        try:
            client.audio.transcriptions.create(model="whisper-1", file=open(RECORDING, "rb"))
            raise AssertionError("a wrong key was taken")
        except openai.AuthenticationError as error:
            assert error.code == "unauthorized", error
        keys.write_text("".join(line for line in held.splitlines(True) if not line.endswith(" bob\n")))
        time.sleep(2.5)
        is_fault(requests.get(f"{s.url}/jobs/{job}", headers=bob), 401, "unauthorized")
        assert requests.get(f"{s.url}/jobs/{job}", headers=ann).status_code == 200
    keys.write_text("nonsense\n")
    _, error = run("serve", "--api_keys", keys, "--port", "0", *BUNDLED, expect=2)
    assert "line 1" in error, error


def test_callers_do_not_mix():
    """Many at once, each with a recording of its own length: each gets its own."""
    with service("--workers", "3", "--queue", "30") as s:
        answers = {}

        def ask(i):
            path = work / f"tone{i}.wav"
            tone(path, seconds=1 + i / 4)
            answers[i] = post(s, files={"audio_file": open(path, "rb")}).json()

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for i in range(16):
            source = answers[i]["conversation"]["source"]
            assert source["file"] == f"tone{i}.wav" and abs(source["duration"] - (1 + i / 4)) < 0.01, (i, source)


def test_pages_of_elsewhere_may_not_ask():
    with service() as s:
        for host in ("evil.example", "127.0.0.1.evil.example", "127.1", "[::2]", "localhost.evil.example"):
            is_fault(requests.get(s.url + "/version", headers={"Host": host}), 403, "forbidden_host")
        for host in ("localhost", "LOCALHOST:1", "127.0.0.1:80", "127.3.2.1", "[::1]:80"):
            assert requests.get(s.url + "/version", headers={"Host": host}).status_code == 200, host
        is_fault(post(s, headers={"Origin": "https://evil.example"}), 403, "forbidden_origin")
        is_fault(post(s, headers={"Origin": "null"}), 403, "forbidden_origin")
        mine = requests.get(s.url + "/version", headers={"Origin": s.url})
        assert mine.status_code == 200 and "Access-Control-Allow-Origin" not in mine.headers
        is_fault(requests.options(s.url + "/jobs", headers={"Origin": "https://a.example"}), 403, "forbidden_origin")
    with service("--cors", "https://a.example") as s:
        asked = requests.options(s.url + "/jobs", headers={"Origin": "https://a.example",
                                                           "Access-Control-Request-Method": "POST"})
        assert asked.status_code == 204 and "POST" in asked.headers["Access-Control-Allow-Methods"], asked.headers
        got = requests.get(s.url + "/version", headers={"Origin": "https://a.example"})
        assert got.headers["Access-Control-Allow-Origin"] == "https://a.example" and got.headers["Vary"] == "Origin"
        is_fault(requests.get(s.url + "/version", headers={"Origin": "https://b.example"}), 403, "forbidden_origin")


def test_addresses():
    with service("--host", "127.0.0.2") as s:
        assert requests.get(f"http://127.0.0.2:{s.port}/healthz").status_code == 200
    with service("--host", "::", "--rate", "1") as s:  # also listens to version 4, where each address is a caller
        for address, status in (("127.0.0.1", 422), ("127.0.0.1", 429), ("127.0.0.2", 422)):
            c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=60, source_address=(address, 0))
            c.request("POST", "/analyze_emotion", multipart((FILE, b"no sound")),
                      {"Content-Type": "multipart/form-data; boundary=bound"})
            assert c.getresponse().status == status, (address, status)


def test_tls():
    cert, key = work / "cert.pem", work / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert], check=True, capture_output=True)
    with service("--tls_cert", cert, "--tls_key", key) as s:
        assert s.scheme == "https"
        got = requests.post(s.url + "/analyze_emotion", files=audio(), verify=str(cert), timeout=120)
        assert got.status_code == 200 and got.json()["emotions"]
        for most in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_1):
            context = ssl.create_default_context(cafile=cert)
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, most
            try:
                with socket.create_connection(("127.0.0.1", s.port)) as c, context.wrap_socket(c, server_hostname="localhost") as t:
                    version = t.version()
            except ssl.SSLError:
                version = None
            assert version == ("TLSv1.2" if most == ssl.TLSVersion.TLSv1_2 else None), version
    _, error = run("serve", "--port", "0", *BUNDLED, "--tls_cert", cert, expect=2)
    assert "tls_key" in error
    _, error = run("serve", "--port", "0", *BUNDLED, "--tls_cert", key, "--tls_key", cert, expect=2)
    assert "PEM" in error, error


# --- limits -----------------------------------------------------------------------------------------------------------


def test_rate_and_queue_are_bounded():
    with service("--rate", "2", "--queue", "0") as s:
        assert [post(s).status_code for _ in range(2)] == [200, 200]
        refused = post(s)
        is_fault(refused, 429, "rate_limited")
        assert 1 <= int(refused.headers["Retry-After"]) <= 60, refused.headers
    with service("--queue", "0") as s:
        job = post(s, "/jobs", {"audio_file": open(long_recording(), "rb")}).json()["id"]
        refused = post(s)
        is_fault(refused, 429, "queue_full")
        assert int(refused.headers["Retry-After"]) >= 1
        requests.delete(f"{s.url}/jobs/{job}")
        until = time.time() + 20
        while post(s).status_code == 429 and time.time() < until:
            time.sleep(0.1)
        assert post(s).status_code == 200


def test_sizes_are_bounded():
    with service("--max_upload", "4", "--max_minutes", "1") as s:
        big = b"x" * 9000000
        is_fault(post(s, files={"audio_file": big}), 413, "too_large")
        is_fault(requests.post(s.url + "/analyze_emotion", data=(big[i : i + 65536] for i in range(0, len(big), 65536)),
                               headers={"Content-Type": "multipart/form-data; boundary=bound"}), 413, "too_large")
        is_fault(post(s, files={"audio_file": open(SAMPLE / "watch_repair.flac", "rb")}), 413, "too_long")
        # An hour of silence, 250 kB: the length is known from the head, and found out where it is not.
        bomb = work / "bomb.flac"
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-t", "3600", "-y", bomb],
                       check=True)
        assert bomb.stat().st_size < 1000000
        is_fault(post(s, files={"audio_file": open(bomb, "rb")}), 413, "too_long")
        packed = work / "bomb.opus"
        subprocess.run(["ffmpeg", "-v", "error", "-i", bomb, "-b:a", "6k", "-t", "600", "-f", "webm", "-c:a", "libopus", "-y",
                        packed], check=True)
        is_fault(post(s, files={"audio_file": open(packed, "rb")}), 413, "too_long")
        raw_fault(raw(s, b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=bound\r\n"
                         b"Content-Length: 99999999999\r\n\r\n"), 413, "too_large")


def upload_head(length, where=b"/analyze_emotion"):
    return (b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=bound\r\n"
            b"Content-Length: %d\r\n\r\n" % (where, length))


class Slow:
    """Clients of another address of this machine who begin a request and do not end it."""

    def __init__(self, s, beginning, count, address="127.0.0.2"):
        self.open = [socket.create_connection(("127.0.0.1", s.port), 20, (address, 0)) for _ in range(count)]
        for c in self.open:
            with contextlib.suppress(ConnectionError):
                c.sendall(beginning)

    def told(self, status, count):
        """That so many of them, and no more, are answered so."""
        until = time.time() + 20
        told = 0
        while time.time() < until:
            if told >= count:
                until = min(until, time.time() + 0.5)
            for c in self.open:
                c.setblocking(False)
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    told += c.recv(4096).startswith(b"HTTP/1.1 %d " % status)
            time.sleep(0.05)
        assert told == count, told

    def close(self):
        for c in self.open:
            c.close()


def test_slow_clients_lock_nobody_out():
    """More of them than there are places; each has begun its body and goes on for as long as it may."""
    with service("--rate", "0", "--store", work / "slow.db") as s:
        uploads = Slow(s, upload_head(10**8) + multipart((FILE, bytes(9)))[:-20], 40)
        uploads.told(429, 40 - 13)  # the last quarter of 17 is not for who holds one
        assert post(s).status_code == 200
        job = post(s, "/jobs").json()["id"]
        wait_for(s, job, "done")
        bodies = Slow(s, b"POST /jobs/%s/labels HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         b"Expect: 100-continue\r\nContent-Length: 100000\r\n\r\n" % job.encode(), 60)
        bodies.told(503, 60 - 48)
        assert requests.get(f"{s.url}/jobs/{job}/export?format=srt", timeout=60).status_code == 200
        where = f"{s.url}/jobs/{job}/labels"
        assert requests.post(where, json={"labels": [{"utterance": 0, "emotion": "sad"}]}, timeout=60).status_code == 200
        uploads.close()
        bodies.close()
        time.sleep(4)  # their places come back
        short = work / "short.wav"
        tone(short, 0.2)
        again = [post(s, "/jobs", {"audio_file": open(short, "rb")}).status_code for _ in range(12)]
        assert again == [202] * 12, again


def test_long_answers_wait_in_files():
    """Who asks for much and reads nothing costs no memory."""
    with service() as s:
        job = post(s, "/jobs", {"audio_file": open(long_recording(), "rb")}).json()["id"]
        wait_for(s, job, "done")
        held = pathlib.Path(f"/proc/{s.process.pid}/fd")

        def files():
            found = 0
            for f in held.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    found += os.readlink(f).startswith(str(s.folder))
            return found

        assert files() == 1  # the result
        with socket.socket() as c:
            c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            c.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)  # the kernel holds little for it
            c.connect(("127.0.0.1", s.port))
            c.sendall(b"GET /jobs/%s/export?format=html HTTP/1.1\r\nHost: localhost\r\n\r\n" % job.encode())
            assert c.recv(100).startswith(b"HTTP/1.1 200 ")
            assert files() == 2
        until = time.time() + 20
        while files() == 2 and time.time() < until:
            time.sleep(0.1)
        assert files() == 1


def test_one_address_has_half_of_the_connections():
    with service(files=200) as s:  # of which connections have half
        many = Slow(s, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 80)
        many.told(200, 50)
        assert requests.get(s.url + "/healthz", timeout=60).status_code == 200
        many.close()


def test_a_refused_request_holds_no_place():
    """What is wrong with it is known while it goes on; the rest of it is passed over."""
    with service("--queue", "0") as s:
        wrong = multipart((b'Content-Disposition: form-data; name="unknown"', b"x"), (FILE, bytes(100)))
        slow = Slow(s, upload_head(10**7) + wrong, 3)
        time.sleep(0.5)
        assert post(s).status_code == 200
        slow.close()


def test_slow_clients_are_told_and_ended():
    head = upload_head(5000)
    with service("--timeout", "2", "--queue", "0") as s:
        began = time.time()
        raw_fault(raw(s, b"GET /ver", b"sion HTTP/1.1" * 4, 0.3), 408, "too_slow")
        raw_fault(raw(s, head, b"--bound\r\nContent-Disposition: form-data" * 2, 0.3), 408, "too_slow")
        assert raw(s, b"") == b""  # says nothing
        assert time.time() - began < 20
        assert post(s).status_code == 200  # the place of the slow one is free again


def test_notes_name_no_file_of_the_service():
    """A knowledge base that breaks is the log's business: clients are told that it had no vote, not where it lies."""
    store = work / "broken.db"
    with service("--store", store) as s:
        sqlite3.connect(store).executescript("DROP TABLE items; DROP TABLE blocks;")
        answer = post(s)
        assert answer.status_code == 200 and str(work) not in answer.text, answer.text
        notes = answer.json()["conversation"]["provenance"]["notes"]
        assert [sum(word in n for n in notes) for word in ("had a vote", "not added to the")] == [1, 1], notes
        _, said = s.stop()
        assert said.count(str(store)) >= 2, said


def test_an_upload_ends_in_time_however_it_goes_on():
    """Fast enough every second, and still longer than a request may take."""
    with service("--upload_timeout", "3", "--timeout", "2", "--queue", "0") as s:
        assert requests.get(s.url + "/version", timeout=60).json()["limits"]["upload_seconds"] == 3
        began = time.time()
        with socket.create_connection(("127.0.0.1", s.port), timeout=20) as c:
            c.sendall(upload_head(10**8) + b"--bound\r\n%s\r\n\r\n" % FILE)
            c.settimeout(0.1)
            answer = b""
            while not answer and time.time() < began + 20:
                c.sendall(bytes(2048))  # 20 KiB a second
                with contextlib.suppress(TimeoutError):
                    answer = c.recv(65536)
        raw_fault(answer, 408, "too_slow")
        assert b"3 seconds" in answer and 3 <= time.time() - began < 10, answer
        after = post(s)
        while after.status_code == 503 and time.time() < began + 30:  # until the place that it held is given back
            time.sleep(0.1)
            after = post(s)
        assert after.status_code == 200, (after.status_code, after.text)


# --- what can be wrong ------------------------------------------------------------------------------------------------


def multipart(*parts, end=b"--bound--\r\n"):
    return b"".join(b"--bound\r\n" + head + b"\r\n\r\n" + body + b"\r\n" for head, body in parts) + end


def send(s, body, where="/analyze_emotion", **headers):
    headers = {"Content-Type": "multipart/form-data; boundary=bound", **headers}
    return requests.post(s.url + where, data=body, headers=headers, timeout=120)


FILE = b'Content-Disposition: form-data; name="audio_file"; filename="a.wav"'


def test_bad_forms():
    sound = RECORDING.read_bytes()
    with service("--rate", "0") as s:
        is_fault(requests.post(s.url + "/analyze_emotion", json={}), 415, "unsupported_media_type")
        is_fault(requests.post(s.url + "/analyze_emotion", data={"audio_file": "x"}), 415, "unsupported_media_type")
        is_fault(requests.post(s.url + "/analyze_emotion"), 415, "unsupported_media_type")
        is_fault(requests.post(s.url + "/analyze_emotion", data=b"x", headers={"Content-Type": "multipart/form-data"}),
                 400, "bad_form")
        is_fault(send(s, b""), 400, "missing_file")
        is_fault(send(s, b"no form at all"), 400, "missing_file")
        is_fault(send(s, multipart((b'Content-Disposition: form-data; name="language"', b"en"))), 400, "missing_file")
        is_fault(send(s, multipart((FILE, sound), (FILE, sound))), 400, "two_files")
        is_fault(send(s, multipart((FILE, b""))), 400, "empty_file")
        is_fault(send(s, multipart((FILE, sound), end=b"")), 400, "truncated")
        is_fault(send(s, multipart((FILE, sound))[: len(sound) // 2]), 400, "truncated")
        is_fault(send(s, multipart((FILE, b"this is no sound" * 100))), 422, "not_audio")
        is_fault(send(s, multipart((FILE, bytes(100000)))), 422, "not_audio")
        is_fault(send(s, multipart((FILE + b"\r\nContent-Transfer-Encoding: base64", b"AAAA"))), 415, "unsupported_encoding")
        for packed in ("gzip", "deflate", "br"):
            is_fault(send(s, bytes(1000), **{"Content-Encoding": packed}), 415, "unsupported_encoding")
        part = b'Content-Disposition: form-data; name="p%d"'
        is_fault(send(s, multipart(*((part % i, b"x") for i in range(10000)))), 400, "bad_option")
        part = b'Content-Disposition: form-data; name="timestamp_granularities[]"'
        many = send(s, multipart(*((part, b"word") for _ in range(10000))), "/v1/audio/transcriptions")
        assert many.status_code == 413 and many.json()["error"]["code"] == "too_many_parts", many.text
        is_fault(send(s, multipart((b"Content-Type: text/plain", b"x"), (FILE, sound))), 400, "bad_form")
        cut = send(s, multipart((FILE, sound[: len(sound) // 2])))
        notes = cut.json()["conversation"]["provenance"]["notes"]
        assert cut.status_code == 200 and any("cut short" in n for n in notes), (cut.status_code, notes)
        assert counter(s, "undertone_jobs_running") == 0
        assert post(s).status_code == 200


def test_bad_options_and_contexts():
    with service("--rate", "0") as s:
        for field, value in (("num_speakers", "99"), ("num_speakers", "two"), ("beam_size", "0"), ("channels", "three"),
                             ("modalities", "smell"), ("modalities", ""), ("unknown", "x"), ("store", "/etc/passwd"),
                             ("models_dir", "/"), ("llm", "gpt"), ("no_retrieval", "perhaps")):
            is_fault(post(s, **{field: value}), 400, "bad_option")
        is_fault(post(s, min_speakers="3", max_speakers="2"), 400, "bad_option")
        is_fault(post(s, initial_prompt="x" * 5000), 413, "too_large")
        is_fault(post(s, context="x" * 3000000), 413, "too_large")
        turn = {"speaker": "a", "text": "b"}
        for context in ("", "{", "[]", "3", '{"conversation_history": 3}', '{"history": []}', '{"conversation_history": [3]}',
                        '{"conversation_history": [{"speaker": "a"}]}', '{"conversation_history": [{"text": 3, "speaker": "a"}]}',
                        json.dumps({"conversation_history": [{**turn, "emotion": "cross"}]}),
                        json.dumps({"conversation_history": [{**turn, "mood": "cross"}]}),
                        json.dumps({"conversation_history": [turn] * 51}),
                        json.dumps({"conversation_history": [{**turn, "text": "x" * 9000}]}),
                        "[" * 100000, '{"conversation_history": [{"speaker": "\\ud800", "text": ""}]}'):
            is_fault(post(s, context=context), 400, "bad_context")
        body = multipart((FILE, RECORDING.read_bytes()), (b'Content-Disposition: form-data; name="context"', b'{"\xff": 1}'))
        is_fault(send(s, body), 400, "bad_form")
        body = multipart((FILE, RECORDING.read_bytes()), (b'Content-Disposition: form-data; name="language"', b"en\0"))
        is_fault(send(s, body), 400, "bad_form")
        for field in (b'name="language"', b'name="context"'):
            both = (b"Content-Disposition: form-data; " + field, b"en")
            is_fault(send(s, multipart((FILE, b"x"), both, both)), 400, "bad_form")
        most = json.dumps({"conversation_history": [{**turn, "text": "\u00e9" * 4000}] * 50})
        assert post(s, context=most).status_code == 200


def test_names_of_files_lead_nowhere():
    sound = RECORDING.read_bytes()
    with service("--rate", "0") as s:
        for given, shown in ((b"../../etc/passwd", "passwd"), (b"/etc/shadow", "shadow"), (b"C:\\calls\\one.wav", None),
                             (b"..", "recording"), (b"", "recording"), (b"a" * 5000 + b".wav", "a" * 255),
                             (b"\xff\xfe.wav", None), (b"%2e%2e%2fx.wav", "%2e%2e%2fx.wav"), (b"line\tbreak.wav", "line?break.wav"),
                             ("Gespr\u00e4ch.wav".encode(), "Gespr\u00e4ch.wav"), (b"-rf", "-rf"), (b"x; rm -rf .wav", "x; rm -rf .wav")):
            head = b'Content-Disposition: form-data; name="audio_file"; filename="' + given + b'"'
            got = send(s, multipart((head, sound)))
            assert got.status_code == 200, (given, got.text)
            name = got.json()["conversation"]["source"]["file"]
            assert "/" not in name and len(name) < 256 and (shown is None or name == shown), (given, name)
        wrong = send(s, multipart((FILE.replace(b"a.wav", b"../x.wav"), b"nonsense")))
        assert "/proc" not in wrong.text and "x.wav" in wrong.json()["message"], wrong.text


def test_clients_that_go_away():
    sound = long_recording().read_bytes()
    head = (b"POST /analyze_emotion HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=bound\r\n"
            b"Content-Length: %d\r\n\r\n")
    body = multipart((FILE, sound))
    with service("--queue", "0") as s:
        with socket.create_connection(("127.0.0.1", s.port)) as c:  # in the middle of its upload
            c.sendall(head % len(body) + body[: len(body) // 2])
        until = time.time() + 20
        while (answer := post(s)).status_code == 429 and time.time() < until:
            time.sleep(0.1)
        assert answer.status_code == 200, answer.text
        with socket.create_connection(("127.0.0.1", s.port)) as c:  # while it is analysed
            c.sendall(head % len(body) + body)
            while counter(s, "undertone_jobs_running") == 0:
                time.sleep(0.02)
        until = time.time() + 20
        while counter(s, 'undertone_jobs_total{state="cancelled"}') < 1 and time.time() < until:
            time.sleep(0.1)
        assert counter(s, 'undertone_jobs_total{state="cancelled"}') == 1
        assert post(s).status_code == 200


def test_requests_that_are_none():
    with service() as s:
        for nonsense in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), b"GET\r\n\r\n", b"\r\n" * 1000, b"\0" * 5000,
                         b"GET / HTTP/9.9\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: " + b"b" * 200000 + b"\r\n\r\n",
                         b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
                         b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
            answer = raw(s, nonsense, most=3)
            assert not answer.startswith(b"HTTP/1.1 2") and not answer.startswith(b"HTTP/1.1 500"), (nonsense[:40], answer[:200])
        assert requests.get(s.url + "/healthz").status_code == 200


def test_the_log_holds_no_content():
    log = work / "access.log"
    with service("--access_log", log, "--max_upload", "64") as s:
        post(s, context=json.dumps({"conversation_history": [{"speaker": "x", "text": "SECRETWORDS"}]}))
        requests.get(s.url + "/jobs/SECRETPATH?SECRETQUERY=1")
        is_fault(post(s, files={"audio_file": ("SECRETNAME.wav", b"SECRETBODY")}), 422, "not_audio")
        with contextlib.suppress(requests.ConnectionError):  # on the spot, in the middle of it
            requests.post(s.url + "/analyze_emotion", data=(bytes(10**6) for _ in range(80)), timeout=60)
        out, err = s.stop()
        text = log.read_text()
        assert "SECRET" not in text + out + err + "".join(s.said), text
        rows = [json.loads(line) for line in text.splitlines()]
        assert [(r["route"], r["status"]) for r in rows] == [("/analyze_emotion", 200), ("/jobs/{id}", 404),
                                                             ("/analyze_emotion", 422), ("/analyze_emotion", 415)], rows
        assert rows[2]["code"] == "not_audio" and rows[0]["received"] > 100000 and rows[0]["sent"] > 1000, rows


# --- the end ----------------------------------------------------------------------------------------------------------


def test_a_signal_drains():
    with service("--queue", "2") as s:
        answers = []

        def ask():
            answers.append(post(s, files={"audio_file": open(long_recording(), "rb")}))

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for t in threads:
            t.start()
        while counter(s, "undertone_jobs_running") < 1 or counter(s, "undertone_jobs_queued") < 1:
            time.sleep(0.05)
        open_one = requests.Session()
        open_one.get(s.url + "/healthz")
        s.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        try:
            requests.get(s.url + "/healthz", timeout=5)
            raise AssertionError("a new connection was taken")
        except requests.ConnectionError:
            pass
        for t in threads:
            t.join()
        assert [a.status_code for a in answers] == [200, 200], [a.text[:200] for a in answers]


def test_a_second_signal_hurries():
    with service() as s:
        job = threading.Thread(target=lambda: post(s, files={"audio_file": open(long_recording(), "rb")}))
        job.start()
        while counter(s, "undertone_jobs_running") < 1:
            time.sleep(0.05)
        s.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        began = time.time()
        s.process.send_signal(signal.SIGINT)
        assert s.process.wait(timeout=20) == 0 and time.time() - began < 10
        job.join()


def test_an_upload_is_taken_to_its_end_while_it_drains():
    body = multipart((FILE, RECORDING.read_bytes()))
    with service() as s:
        with socket.create_connection(("127.0.0.1", s.port), timeout=60) as c:
            c.sendall(upload_head(len(body)) + body[:1000])
            time.sleep(0.5)
            s.process.send_signal(signal.SIGTERM)
            time.sleep(7)
            c.sendall(body[1000:])
            assert c.recv(100).startswith(b"HTTP/1.1 200 "), "no answer"
            while c.recv(65536):
                pass


def test_draining_waits_for_no_slow_upload():
    for options, signals in ((["--timeout", "2"], 1), ([], 2)):
        with service(*options) as s, socket.create_connection(("127.0.0.1", s.port)) as c:
            c.sendall(upload_head(10**6) + b"--bound")
            time.sleep(0.5)
            for _ in range(signals):
                s.process.send_signal(signal.SIGTERM)
                time.sleep(0.3)
            until = time.time() + 15
            with contextlib.suppress(ConnectionError):
                while s.process.poll() is None and time.time() < until:
                    c.sendall(b"x")
                    time.sleep(0.3)
            assert s.process.wait(timeout=10) == 0


def test_a_killed_service_leaves_no_recording():
    s = Service()
    job = threading.Thread(target=lambda: contextlib.suppress(Exception).__enter__() or quiet_post(s))
    job.start()
    while counter(s, "undertone_jobs_running") < 1:
        time.sleep(0.05)
    s.process.kill()
    s.process.wait()
    job.join()
    assert not list(s.folder.iterdir())


def quiet_post(s):
    with contextlib.suppress(requests.RequestException):
        post(s, files={"audio_file": open(long_recording(), "rb")})


def test_wrong_usage():
    for options, word in ((["--port", "99999"], "65535"), (["--host", "no such host"], "--host"), (["extra"], "usage"),
                          (["--new_key", "x"], "api_keys"), (["--workers", "0"], "1 to 64")):
        _, error = run("serve", *BUNDLED, *options, expect=2)
        assert word in error, (options, error)
    with service() as s:
        _, error = run("serve", *BUNDLED, "--port", s.port, expect=1)
        assert "--port" in error, error


def test_the_description_holds():
    """schemathesis: requests made from /openapi.json, right and wrong; every answer is as described."""
    out = work / "recorded for schemathesis"
    run("run", "--audio_dir", FOLDER, "--output_dir", out, *BUNDLED, "--quiet")
    with service("--rate", "0", "--output_dir", out, "--store", work / "s.db") as s:
        done = subprocess.run(
            [str(pathlib.Path(sys.executable).parent / "schemathesis"), "run", s.url + "/openapi.json", "--max-examples", "10",
             "--seed", "7", "--generation-deterministic", "--no-color", "--request-timeout", "30",
             "--exclude-checks", "positive_data_acceptance",
             "--exclude-path", "/jobs/{id}/events"],
            capture_output=True, text=True, timeout=300, cwd=work)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


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
    import openai
    import requests

    wanted = sys.argv[1:]
    FOLDER.mkdir()
    subprocess.run(["ffmpeg", "-v", "error", "-i", SAMPLE / "watch_repair.flac", "-t", "20", RECORDING], check=True)
    try:
        main([value for name, value in list(globals().items())
              if name.startswith("test_") and (not wanted or name in wanted)])
    finally:
        shutil.rmtree(work, ignore_errors=True)
