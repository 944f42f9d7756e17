"""Whisper's encoder in PyTorch, read from a CTranslate2 folder: the output of every block, for training heads on them."""
import os
import struct

import numpy as np
import torch
import torch.nn.functional as F

DTYPE = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def read_ctranslate2(path):
    """CTranslate2 binary, version 6: {name: array}; int8 weights are dequantised by their `<name>_scale`."""
    with open(path, "rb") as f:
        b = memoryview(f.read())
    o = 0

    def num(fmt):
        nonlocal o
        (v,) = struct.unpack_from("<" + fmt, b, o)
        o += struct.calcsize("<" + fmt)
        return v

    def text():
        nonlocal o
        n = num("H")
        s = bytes(b[o:o + n - 1]).decode()
        o += n
        return s

    version, spec, _ = num("I"), text(), num("I")
    if version != 6 or spec != "WhisperSpec":
        raise SystemExit(f"{path}: not a Whisper model in CTranslate2's version 6 ({spec}, {version})")
    out = {}
    for _ in range(num("I")):
        name = text()
        shape = [num("I") for _ in range(num("B"))]
        kind = DTYPE[num("B")]
        size = num("I")
        out[name] = np.frombuffer(b[o:o + size], kind).reshape(shape)
        o += size
    for _ in range(num("I")):
        new, old = text(), text()
        out[new] = out[old]
    for k in [k for k in out if k + "_scale" in out]:
        s = out.pop(k + "_scale").astype(np.float32)
        out[k] = out[k].astype(np.float32) / s.reshape(-1, *([1] * (out[k].ndim - 1)))
    return out


def mel_filters(bins=80, n_fft=400, rate=16000):
    """Slaney's mel scale with area normalisation, as librosa's and Whisper's: [bins, n_fft / 2 + 1]."""
    step = np.log(6.4) / 27

    def hz(m):
        return np.where(m < 15, m * 200 / 3, 1000 * np.exp(step * (m - 15)))

    top = 15 + np.log(rate / 2 / 1000) / step
    edge = hz(np.linspace(0, top, bins + 2))
    f = np.linspace(0, rate / 2, n_fft // 2 + 1)
    up = (f - edge[:-2, None]) / (edge[1:-1] - edge[:-2])[:, None]
    down = (edge[2:, None] - f) / (edge[2:] - edge[1:-1])[:, None]
    return (np.maximum(0, np.minimum(up, down)) * (2 / (edge[2:] - edge[:-2]))[:, None]).astype(np.float32)


class Encoder:
    """Blocks 1 .. upto; call with pcm [B, 480000] -> list of [B, 1500, d]: after the convolutions, then each block."""

    def __init__(self, folder, upto=None, dtype=torch.bfloat16):
        w = read_ctranslate2(os.path.join(folder, "model.bin"))
        self.w = {k[8:]: torch.tensor(np.array(v, np.float32)) for k, v in w.items() if k.startswith("encoder/")
                  and np.ndim(v) > 0}
        self.blocks = sum(k.endswith("ffn/linear_0/weight") for k in self.w)
        self.upto = self.blocks if upto is None else upto
        self.width = self.w["conv1/weight"].shape[0]
        self.heads = self.width // 64
        self.dtype = dtype
        self.filters = torch.tensor(mel_filters(self.w["conv1/weight"].shape[1]))
        self.low = {k: v.to(dtype) for k, v in self.w.items()}

    def log_mel(self, pcm):
        spec = torch.stft(pcm, 400, 160, window=torch.hann_window(400), center=True, pad_mode="reflect",
                          return_complex=True)[..., :-1].abs() ** 2
        x = torch.clamp(self.filters @ spec, min=1e-10).log10()
        x = torch.maximum(x, x.amax((1, 2), keepdim=True) - 8)
        return (x + 4) / 4

    def norm(self, x, name):
        return F.layer_norm(x, (self.width,), self.w[name + "/gamma"], self.w[name + "/beta"]).to(self.dtype)

    def linear(self, x, name):
        return F.linear(x.to(self.dtype), self.low[name + "/weight"], self.low[name + "/bias"])

    @torch.inference_mode()
    def __call__(self, pcm):
        x = self.log_mel(pcm)
        x = F.gelu(F.conv1d(x, self.w["conv1/weight"], self.w["conv1/bias"], padding=1))
        x = F.gelu(F.conv1d(x, self.w["conv2/weight"], self.w["conv2/bias"], stride=2, padding=1))
        x = x.transpose(1, 2) + self.w["position_encodings/encodings"]
        out = [x]
        b, n, d = x.shape
        for i in range(self.upto):
            p = f"layer_{i}/"
            q, k, v = self.linear(self.norm(x, p + "self_attention/layer_norm"), p + "self_attention/linear_0").view(
                b, n, 3, self.heads, 64).permute(2, 0, 3, 1, 4)
            a = F.scaled_dot_product_attention(q, k, v)
            a = a.transpose(1, 2).reshape(b, n, d)
            x = x + self.linear(a, p + "self_attention/linear_1").float()
            h = F.gelu(self.linear(self.norm(x, p + "ffn/layer_norm"), p + "ffn/linear_0"))
            x = x + self.linear(h, p + "ffn/linear_1").float()
            out.append(x)
        return out

    def final(self, x):
        return F.layer_norm(x, (self.width,), self.w["layer_norm/gamma"], self.w["layer_norm/beta"])
