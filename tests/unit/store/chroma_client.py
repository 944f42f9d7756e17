"""What Chroma's own client does to a server, for test_chroma_server.c.

usage: chroma_client.py PORT make              collections as other software makes them
       chroma_client.py PORT check NAME FILE   fails unless the collection holds what FILE (JSON lines of ours) says
       chroma_client.py PORT label NAME ID L   gives an item another label, as a person with a notebook would"""
import base64
import json
import sys

import chromadb
import numpy as np
from chromadb.config import Settings

port, action, *rest = sys.argv[1:]
quiet = Settings(anonymized_telemetry=False)
client = chromadb.HttpClient(host="127.0.0.1", port=int(port), settings=quiet)
IP = {"hnsw": {"space": "ip", "ef_search": 1000}}


def vectors(count, dim=24):
    values = np.random.default_rng(5).standard_normal((count, dim)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def fill(name, **settings):
    collection = client.create_collection(name, embedding_function=None, **settings)
    labels = ["angry", "SAD", "ecstatic", None, 7]
    metadatas = [{"label": labels[i % 5], "language": "en" if i % 2 else "de", "score": i / 7, "start": i} for i in range(50)]
    metadatas = [{k: v for k, v in m.items() if v is not None} for m in metadatas]
    metadatas[13] = None
    documents = [f"Line {i}: é \u4f60 \U0001f600" for i in range(50)]
    documents[17] = None
    collection.add(ids=[f"id-{i:02}" for i in range(50)], embeddings=vectors(50), metadatas=metadatas, documents=documents)
    return collection


def make():
    fill("others-l2")
    fill("others-cosine", configuration={"hnsw": {"space": "cosine", "ef_search": 1000}}, metadata={"about": "x"})
    client.create_collection("others-empty", embedding_function=None)
    ours = {"undertone": 1, "model": "a model", "dim": 24}
    fill("ours-by-python", configuration=IP, metadata=ours)
    client.create_collection("ours-other-space", embedding_function=None, metadata=ours)
    client.create_collection("ours-newer", embedding_function=None, configuration=IP, metadata=dict(ours, undertone=2))
    client.create_collection("ours-damaged", embedding_function=None, configuration=IP, metadata={"undertone": 1, "dim": "x"})
    admin = chromadb.AdminClient(Settings(
        anonymized_telemetry=False, chroma_api_impl="chromadb.api.fastapi.FastAPI",
        chroma_server_host="127.0.0.1", chroma_server_http_port=int(port)))
    admin.create_tenant("ten.ant")
    admin.create_database("data.base", tenant="ten.ant")


def check(name, path):
    lines = [json.loads(line) for line in open(path, encoding="utf-8")]
    collection = client.get_collection(name, embedding_function=None)
    assert collection.count() == len(lines) > 0, (collection.count(), len(lines))
    assert collection.metadata["model"] == lines[0]["model"], collection.metadata
    assert collection.configuration["hnsw"]["space"] == "ip" and collection.configuration["hnsw"]["ef_search"] >= 1000
    for line in lines:
        got = collection.get(ids=[line["id"]], include=["documents", "metadatas", "embeddings"])
        vector = np.frombuffer(base64.b64decode(line["vector"]), "<f4")
        assert got["documents"] == [line["text"]], (got, line)
        assert np.array_equal(np.asarray(got["embeddings"][0], np.float32), vector), (got, line)
        wanted = {k: v for k, v in line.items() if k not in ("id", "text", "vector", "model")}
        assert got["metadatas"] == [wanted], (got["metadatas"], wanted)
    some = collection.query(query_embeddings=[vector], n_results=1, where={"conversation": {"$ne": "none"}})
    assert some["ids"] == [[lines[-1]["id"]]], some


if action == "make":
    make()
elif action == "check":
    check(*rest)
elif action == "label":
    client.get_collection(rest[0], embedding_function=None).update(ids=[rest[1]], metadatas=[{"label": rest[2]}])
