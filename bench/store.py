#!/usr/bin/env python3
"""The embedded store beside hnswlib, in one run on one core: bench/store.py [--count 100000] [--folder DIR]

Vectors of 384 values: 32 latent ones mixed, plus a tenth of noise, at unit length, which has the intrinsic dimension of
sentence embeddings. hnswlib (M 16, ef_construction 200) gets the least ef that reaches a recall of 0.996 of the true 10
nearest; the store's answers must all be true. Passes over all queries take turns, best of three by CPU time. With
--no-hnsw the store alone (then without the slow building of the graph). Needs numpy, hnswlib and a built tree.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[1]
DIM, K, RECALL = 384, 10, 0.996


def make(count, mix, generator):
    out = numpy.empty((count, DIM), "f")
    for start in range(0, count, 10000):
        part = out[start:start + 10000]
        part[:] = generator.standard_normal((len(part), 32), "f") @ mix
        part += 0.1 * 32 ** 0.5 * generator.standard_normal(part.shape, "f")
        part /= numpy.linalg.norm(part, axis=1, keepdims=True)
    return out


def nearest(vectors, queries):
    """The true numbers of the K nearest, by products in f32."""
    best = numpy.empty((len(queries), K), int)
    for start in range(0, len(queries), 100):
        products = queries[start:start + 100] @ vectors.T
        part = numpy.argpartition(-products, K, axis=1)[:, :K]
        best[start:start + 100] = part
    return best


def recall(found, truth):
    return sum(len(set(f) & set(t)) for f, t in zip(found.tolist(), truth.tolist())) / truth.size


class Store:
    """bench_store as a child."""

    def __init__(self, folder, count):
        libraries = subprocess.run(["pkg-config", "--libs", "jansson", "libsodium", "zlib", "sqlite3", "libcurl"],
                                   check=True, capture_output=True, text=True).stdout.split()
        program = folder / "bench_store"
        archives = [str(ROOT / "build" / f"libut_{name}.a") for name in ("store", "nn", "net", "conversation", "base")]
        subprocess.run(["cc", "-O3", "-std=gnu17", "-D_GNU_SOURCE", f"-I{ROOT}/src", f"-I{ROOT}/include",
                        str(ROOT / "bench/bench_store.c"), *archives, *libraries, "-lpthread", "-lm", "-o", program],
                       check=True)
        self.answers = folder / "answers.txt"
        arguments = [f"store-{count}.db", f"vectors-{count}.f32", "queries.f32"]
        self.child = subprocess.Popen([program, *(folder / a for a in arguments), str(DIM), self.answers],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, command):
        self.child.stdin.write(command + "\n")
        self.child.stdin.flush()
        return [float(x) for x in self.child.stdout.readline().split()]

    def found(self):
        return numpy.loadtxt(self.answers, dtype=int)


def build_graph(vectors, path):
    import hnswlib
    graph = hnswlib.Index("ip", DIM)
    if path.exists():
        graph.load_index(str(path))
    else:
        start = time.process_time()
        graph.init_index(len(vectors), M=16, ef_construction=200, random_seed=1)
        graph.set_num_threads(1)
        graph.add_items(vectors, num_threads=1)
        print(f"hnswlib: built in {time.process_time() - start:.0f} s of CPU time", flush=True)
        graph.save_index(str(path))
    return graph


def choose_ef(graph, queries, truth):
    for ef in [*range(20, 400, 20), *range(400, 4000, 100)]:
        graph.set_ef(ef)
        found = recall(graph.knn_query(queries, K, num_threads=1)[0].astype(int), truth)
        if found >= RECALL:
            return ef, found
    sys.exit("hnswlib does not reach the recall")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--folder", help="keeps data, store and graph there for the next run")
    parser.add_argument("--no-hnsw", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(options.folder or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        generator = numpy.random.default_rng(7)
        mix = generator.standard_normal((32, DIM), "f")
        queries = make(options.queries, mix, generator)
        queries.tofile(folder / "queries.f32")
        path = folder / f"vectors-{options.count}.f32"
        if not path.exists():
            make(options.count, mix, generator).tofile(path)
        vectors = numpy.memmap(path, "f", "r", shape=(options.count, DIM))
        measure(folder, options, vectors, queries)


def measure(folder, options, vectors, queries):
    count = options.count
    truth = nearest(vectors, queries)
    fresh = not (folder / f"store-{count}.db").exists()
    store = Store(folder, count)
    cpu, wall = store("fill 1000")
    if fresh:
        print(f"store: {count} x {DIM}, adding 1000 a transaction: {count / cpu:.0f} items/s of CPU time,"
              f" {count / wall:.0f} by the clock")
    opened, first, cpu = min((store("open") for _ in range(5)), key=lambda times: times[2])
    size = (folder / f"store-{count}.db").stat().st_size / 2 ** 20
    print(f"store: opens in {opened:.1f} ms, first answer after {first:.1f} ms more ({cpu:.1f} ms of CPU time in"
          f" all); {size:.0f} MB on disk")
    graph = ef = None
    if not options.no_hnsw:
        graph = build_graph(vectors, folder / f"graph-{count}.bin")
        ef, found = choose_ef(graph, queries, truth)
        print(f"hnswlib: ef {ef} for a recall of {found:.4f}", flush=True)
    rates = {}
    for _ in range(3):
        for batch in (1, 8, 64):
            rates.setdefault(batch, []).append(len(queries) / store(f"pass {batch} {K}")[0])
            found = recall(store.found(), truth)
            if found < 1:
                print(f"store: recall {found:.5f} beside numpy's products (equal ones aside)")
        if graph:
            start = time.process_time()
            graph.knn_query(queries, K, num_threads=1)
            rates.setdefault("hnswlib", []).append(len(queries) / (time.process_time() - start))
    for name, values in rates.items():
        what = name if name == "hnswlib" else f"store, {name} at a time"
        ratio = f", {max(values) / max(rates['hnswlib']):.2f} x hnswlib" if graph else ""
        print(f"{what}: {max(values):.0f} queries/s{ratio}")
    print("store: {:.0f} MB resident, {:.0f} at most (its mapped input among them)".format(*store("memory")))


if __name__ == "__main__":
    main()
