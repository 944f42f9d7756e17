"""Pooled features of every clip out of Whisper's encoder: mean and deviation over the clip's own frames, layer by layer.

Three ways of cutting a clip are pooled: its speech, the whole clip, and a random part of its speech; a segmenter will
sometimes cut as badly. The encoder runs in bfloat16: with AMX it takes 0.25 s a window of 30 s where f32 takes 0.64 s (Whisper
base, one thread, CPU time).
"""
import os
import time

import numpy as np
import torch

import voice_data
from voice_encoder import Encoder

FRAME = 320  # samples in an encoder frame (50 a second)
CUTS = ("speech", "whole", "part")


def pool(layers, t0, t1):
    """[L, 2, d]: mean and population deviation over frames t0 <= t < t1."""
    x = torch.stack([y[t0:max(t1, t0 + 1)] for y in layers])
    return torch.stack([x.mean(1), x.std(1, correction=0)], 1)


def moments(layer, start, end):
    """[n, d], 25 a second: the frames of the samples start <= s < end in pairs."""
    pairs = max(1, (end - start) // (2 * FRAME))
    first = min(round(start / FRAME), len(layer) - 2 * pairs)
    return layer[first:first + 2 * pairs].view(pairs, 2, -1).mean(1).numpy().astype(np.float16)


def extract(clips, chosen, encoder, rng, augment, followed=None):
    out, course = {}, {}
    for pcm, held in voice_data.windows(clips, chosen, rng, augment):
        layers = [y[0] for y in encoder(torch.from_numpy(pcm)[None])]
        for i, at in held:
            c = clips[i]
            length = rng.uniform(0.5, 1.0) * (c.end - c.start)
            a = c.start + rng.uniform(0, 1) * (c.end - c.start - length)
            spans = (c.start, c.end), (0, len(c.pcm)), (a, a + length)
            out[i] = np.stack([pool(layers, int((at + s) / FRAME), min(1500, round((at + e) / FRAME))).numpy()
                               for s, e in spans]).astype(np.float16)
            if followed is not None:
                course[i] = moments(layers[followed], at + c.start, at + c.end)
    index = np.array(sorted(out))
    made = {"index": index, "x": np.stack([out[i] for i in index])}
    if followed is not None:
        made["course"] = np.concatenate([course[i] for i in index])
        made["lengths"] = np.array([len(course[i]) for i in index])
    return made


def cached(clips, whisper, upto, cache, seed, augment, what="", every=1, first=0, followed=None):
    """(index [n], features [n, CUTS, L, 2, d]) of every `every`-th clip, from the cache folder where made before; where a
    layer is `followed`, also what it holds at each moment of the clip's speech: n arrays [moments, d]."""
    kind = what + ("augmented" if augment else "clean") + ("" if followed is None else f"_followed{followed}")
    path = os.path.join(cache, f"{os.path.basename(os.path.normpath(whisper))}_{kind}_{every}_{seed}.npz")
    if not os.path.exists(path):
        os.makedirs(cache, exist_ok=True)
        start = time.time()
        rng = np.random.default_rng(seed)
        made = extract(voice_data.trimmed(clips, rng) if augment else clips, list(range(first, len(clips), every)),
                       Encoder(whisper, upto), rng, augment, followed)
        with open(path + ".part", "wb") as f:
            np.savez(f, **made)
        os.replace(path + ".part", path)
        print(f"{path}: {len(made['index'])} clips, {time.time() - start:.0f} s", flush=True)
    with np.load(path) as z:
        if followed is None:
            return z["index"], z["x"]
        return z["index"], z["x"], np.split(z["course"], np.cumsum(z["lengths"])[:-1])
