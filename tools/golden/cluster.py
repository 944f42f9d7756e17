#!/usr/bin/env python3
"""Records SciPy's average linkage over cosine distance for tests/golden/speech/test_cluster.c, which makes the same vectors.

usage: cluster.py OUT.npy     rows: n, then per merge a, b, height, padded to one width
"""
import sys

import numpy as np
from scipy.cluster.hierarchy import linkage


def vectors(n, size, seed):
    state, out = seed, np.empty(n * size, np.float32)
    for i in range(n * size):
        state = (state * 1664525 + 1013904223) % 2**32
        out[i] = state / 2**31 - 1
    # Three directions, so that there is something to find.
    out = out.reshape(n, size)
    for i in range(n):
        out[i, i % 3] += 1.5
    return out


rows = []
for n in 2, 3, 7, 60:
    for a, b, height, _ in linkage(vectors(n, 12, n).astype(np.float64), "average", "cosine"):
        rows.append((n, min(a, b), max(a, b), height))
np.save(sys.argv[1], np.array(rows, np.float32))
