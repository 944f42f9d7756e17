"""Record what PyTorch's autograd and AdamW make of the two trainable heads, for tests/golden/train.

    python tools/golden/train.py tests/golden/train/data

Five steps without dropout from weights and inputs of a linear congruential generator that the C test has too: the loss of
each step, then every 37th parameter, block by block."""
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

STEPS, ROWS, EVERY, RATE = 5, 6, 37, 1e-2


def uniform(count, seed):
    x, out = seed, np.empty(count, np.float32)
    for i in range(count):
        x = (1664525 * x + 1013904223) % (1 << 32)
        out[i] = np.float32((x >> 8) / 8388608.0 - 1.0)
    return out


def blocks(shapes, scale=0.2):
    """Parameters one behind the other out of one sequence, as they lie in memory in C."""
    values, out, at = uniform(sum(int(np.prod(s)) for s in shapes), 11) * np.float32(scale), [], 0
    for s in shapes:
        n = int(np.prod(s))
        out.append(torch.tensor(values[at:at + n].reshape(s), requires_grad=True))
        at += n
    return out


def record(path, params, losses):
    flat = np.concatenate([p.detach().numpy().ravel() for p in params])
    np.save(path, np.concatenate([np.array(losses, np.float32), flat[::EVERY]]).astype(np.float32))
    print(path, losses)


def set_loss(z, sets, smoothing):
    logp = F.log_softmax(z, 1)
    right = torch.stack([torch.logsumexp(logp[i, list(s)], 0) for i, s in enumerate(sets)])
    return -(1 - smoothing) * right - smoothing * logp.mean(1)


def voice(folder, name, inputs, project):
    rows = 128 if project else 0
    shapes = [(rows, inputs), (rows,), (2, 96, 128), (2, 96), (2, 9, 96), (2, 9)]
    params = blocks(shapes)
    wp, bp, wh, bh, wo, bo = params
    x = torch.tensor(uniform(ROWS * inputs, 5).reshape(ROWS, inputs))
    b = torch.tensor(uniform(ROWS * inputs, 6).reshape(ROWS, inputs))
    ways = [(0,), (1,), (3,), (5, 6, 7, 8), (3, 4), (2,)]
    others = [(2,), (0,), (1,), (3,), (8,), (5,)]
    mix = 0.7
    optimizer = torch.optim.AdamW([{"params": [wp, bp], "weight_decay": 0.5}, {"params": [wh, bh, wo, bo], "weight_decay": 0.1}],
                                  lr=RATE)
    losses = []
    for _ in range(STEPS):
        v, v0 = (F.linear(x, wp, bp), F.linear(b, wp, bp)) if project else (x, b)
        loss = 0
        for k, u in ((0, v), (1, v - v0)):
            z = F.linear(F.gelu(F.linear(u, wh[k], bh[k])), wo[k], bo[k])
            loss = loss + (mix * set_loss(z, ways, 0.1) + (1 - mix) * set_loss(z, others, 0.1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    record(folder / name, params, losses)


def text(folder):
    hidden, buckets = 12, 13
    params = blocks([(hidden, 384), (hidden,), (5, hidden), (5,), (buckets, 5)])
    wi, bi, wo, bo, table = params
    x = torch.tensor(uniform(ROWS * 384, 5).reshape(ROWS, 384))
    hashes, starts = [5, 9, 5, 100, 7, 7, 3, 2, 0, 11], [0, 2, 3, 6, 7, 8, 10]
    ids = torch.tensor(hashes) % buckets
    count = torch.tensor(np.diff(starts)).float()
    y = torch.tensor([0, 1, 2, 3, 4, 0])
    optimizer = torch.optim.AdamW([{"params": [wi, bi, wo, bo], "weight_decay": 0.01},
                                   {"params": [table], "weight_decay": 0.0, "lr": 2 * RATE}], lr=RATE)
    losses = []
    for _ in range(STEPS):
        z = F.linear(F.relu(F.linear(x, wi, bi)), wo, bo)
        z = z + F.embedding_bag(ids, table, torch.tensor(starts[:-1]), mode="sum") / count.sqrt()[:, None]
        loss = F.cross_entropy(z, y, label_smoothing=0.05) + 1e-5 * (table ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    record(folder / "text.npy", params, losses)


folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
voice(folder, "voice.npy", 40, True)
voice(folder, "voice_net.npy", 128, False)
text(folder)
