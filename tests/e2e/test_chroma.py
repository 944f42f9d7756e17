#!/usr/bin/env python3
"""The knowledge base on a Chroma server, through the binary: a real server and Chroma's own client, and a server that
misbehaves."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from support import BINARY, ROOT, main, run, skip

sys.path.insert(0, str(ROOT / "tests" / "support"))
import chroma_server  # noqa: E402

work = pathlib.Path(tempfile.mkdtemp(prefix="ut_chroma_e2e_"))
server = None
fake = None
BUNDLED = ["--text_model", "bundled"]
SENTENCES = [
    ("I cannot take any more of this, you have ruined everything!", "angry"),
    ("How dare you speak to me like that?", "angry"),
    ("We buried my dog this morning.", "sad"),
    ("What a lovely surprise, thank you all!", "happy"),
    ("The train to the coast leaves at nine.", "neutral"),
    ("Something moved behind the door, I am scared.", "non-neutral"),
]
TALK = ["Did you feed the cat?", "How dare you shout at me like that!", "My dog was buried this morning.", "Oh."]


def url(name):
    return f"chroma://127.0.0.1:{server.port}/{name}"


def lines(name, rows):
    path = work / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def own():
    return lines("own.jsonl", [{"text": t, "label": l, "source": "own"} for t, l in SENTENCES])


def talk():
    return lines("talk.jsonl", [{"dialogue": "d", "turn": i, "speaker": "AB"[i % 2], "text": t} for i, t in enumerate(TALK)])


def client(script, *arguments):
    """Runs lines of Python with Chroma's client; returns what they print."""
    start = (
        "import sys, json, chromadb; from chromadb.config import Settings\n"
        f"client = chromadb.HttpClient(port={server.port}, host='127.0.0.1', settings=Settings(anonymized_telemetry=False))\n"
    )
    done = subprocess.run(
        [str(server.python), "-c", start + script, *map(str, arguments)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def export(store, name):
    run("kb", "export", work / name, "--store", store)
    return (work / name).read_bytes()


def real_both_stores_hold_and_find_the_same():
    file, collection = work / "one.db", url("one")
    for store in (file, collection):
        run("kb", "import", own(), "--store", store, *BUNDLED)
        run("kb", "import", own(), "--store", store, *BUNDLED)  # adds nothing
    assert export(file, "a.jsonl") == export(collection, "b.jsonl")
    run("kb", "copy", url("copy"), "--store", file)
    run("kb", "copy", work / "back.db", "--store", url("copy"))
    assert export(work / "back.db", "c.jsonl") == export(file, "a.jsonl")
    for more in ([], ["--label", "sad"], ["--labelled", "--k", "2"], ["--source", "none"]):
        found = [run("kb", "query", "--text", "My poor dog!", "--store", s, *BUNDLED, *more)[0] for s in (file, collection)]
        distances = [[float(row.split("\t")[0]) for row in out.splitlines()] for out in found]
        assert [row.split("\t")[1:] for row in found[0].splitlines()] == [row.split("\t")[1:] for row in found[1].splitlines()]
        assert all(abs(a - b) < 2e-4 for a, b in zip(*distances)), distances
    judged = []
    for store in (file, collection):
        out = work / "judged.jsonl"
        run("analyze", "--text", talk(), "--output", out, "--store", store, *BUNDLED)
        judged.append([json.loads(row) for row in out.read_text().splitlines()])
    for a, b in zip(*judged):
        assert a["label"] == b["label"], (a, b)
        assert all(abs(a["probabilities"][k] - b["probabilities"][k]) < 2e-4 for k in a["probabilities"]), (a, b)


def real_chromas_client_reads_and_corrects():
    run("kb", "import", own(), "--store", url("shared"), *BUNDLED)
    got = json.loads(client(
        "c = client.get_collection('shared', embedding_function=None)\n"
        "g = c.get(include=['documents', 'metadatas', 'embeddings'], where={'label': 'sad'})\n"
        "c.update(ids=g['ids'], metadatas=[{'label': 'neutral'}])\n"
        "print(json.dumps([c.count(), g['ids'], g['documents'], g['metadatas'], len(g['embeddings'][0])]))"
    ))
    assert got[0] == len(SENTENCES) and got[2] == [SENTENCES[2][0]] and got[3][0]["source"] == "own", got
    rows = [json.loads(row) for row in export(url("shared"), "shared.jsonl").splitlines()]
    assert {row["id"]: row["label"] for row in rows}[got[1][0]] == "neutral"
    run("kb", "label", got[1][0], "sad", "--store", url("shared"))
    run("kb", "remove", got[1][0], "--store", url("shared"))
    out, _ = run("kb", "stats", "--store", url("shared"))
    assert f"utterances  {len(SENTENCES) - 1}\n" in out, out


def real_what_chromas_client_wrote_is_read():
    client(
        "c = client.create_collection('theirs', embedding_function=None)\n"
        "c.add(ids=['a', 'b'], embeddings=[[1, 0, 0], [0, 0.6, 0.8]], documents=['Go away!', None],"
        " metadatas=[{'label': 'angry', 'score': 3}, None])"
    )
    rows = [json.loads(row) for row in export(url("theirs"), "theirs.jsonl").splitlines()]
    assert [(r["id"], r["text"], r.get("label")) for r in rows] == [("a", "Go away!", "angry"), ("b", "", None)], rows
    _, error = run("kb", "import", own(), "--store", url("theirs"), *BUNDLED, expect=1)
    assert "other software" in error, error


def real_nothing_is_lost_when_the_server_is_killed():
    many = lines("many.jsonl", [{"text": f"This is sentence number {i}.", "label": "happy"} for i in range(3000)])
    importing = subprocess.Popen(
        [BINARY, "kb", "import", many, "--store", url("killed"), *BUNDLED],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )
    while "killed" not in client("print([c.name for c in client.list_collections()])"):
        assert importing.poll() is None, importing.stderr.read()
    server.kill()
    _, error = importing.communicate(timeout=300)
    assert importing.returncode in (0, 1), importing.returncode
    if importing.returncode:
        assert f"127.0.0.1:{server.port}/killed" in error and "chroma run" in error, error
    server.restart()
    run("kb", "import", many, "--store", url("killed"), *BUNDLED)  # completes what was cut short
    out, _ = run("kb", "stats", "--store", url("killed"))
    assert "utterances  3000\n" in out, out


def fails(fault, *arguments, expect=0):
    return run(*arguments, "--store", f"chroma://127.0.0.1:{fake_port}/things", *BUNDLED, expect=expect,
               env={"CHROMA_TOKEN": fault})


def test_a_run_completes_while_the_server_misbehaves():
    plain = work / "plain.jsonl"
    run("analyze", "--text", talk(), "--output", plain, *BUNDLED)
    for fault in ("query=500", "query=html", "query=cut", "add=500", "query=503twice"):
        out = work / "fault.jsonl"
        fails(fault, "analyze", "--text", talk(), "--output", out)
        assert len(out.read_text().splitlines()) == len(TALK), fault
    for fault, word, status in (
        ("preflight=html", "not JSON", 1), ("collection=401", "CHROMA_TOKEN", 2), ("preflight=404", "version 1", 1)
    ):
        _, error = fails(fault, "analyze", "--text", talk(), "--output", work / "none.jsonl", expect=status)
        assert word in error and fault not in error and not (work / "none.jsonl").exists(), error


def test_nobody_is_there():
    out, error = run("kb", "stats", "--store", "chroma://secret@127.0.0.1:1/things", expect=1)
    assert out == "" and "chroma://127.0.0.1:1/things" in error and "secret" not in error, error
    _, error = run("kb", "stats", "--store", "chroma://127.0.0.1/no such", expect=2)
    assert "chroma://host:port/collection" in error, error


if __name__ == "__main__":
    tests = [value for name, value in list(globals().items()) if name.startswith("test_")]
    try:
        fake = subprocess.Popen(
            [sys.executable, "-B", ROOT / "tests" / "unit" / "store" / "fake_chroma.py"], stdout=subprocess.PIPE, text=True
        )
        fake_port = int(fake.stdout.readline())
        try:
            server = chroma_server.Server(work / "data")
            tests += [value for name, value in list(globals().items()) if name.startswith("real_")]
        except chroma_server.Absent as why:
            skip("the knowledge base on a real Chroma server", why)
        main(tests)
    finally:
        for process in (fake, server):
            if process:
                process.kill()
        shutil.rmtree(work, ignore_errors=True)
