#!/usr/bin/env python3
"""Writes the small weights files that the readers are tested and fuzzed with: tests/fuzz/nn/corpus_weights.

Needs PyTorch, safetensors, NumPy and ctranslate2. Tensors hold 0, 1/4, 2/4 ... so that the test can say what it expects;
CTranslate2's own converter writes the quantised ones.
"""
import pathlib
import struct
import sys
import tempfile
from collections import OrderedDict

import numpy as np
import torch
from ctranslate2.specs import common_spec, model_spec
from safetensors.torch import save_file

root = pathlib.Path(__file__).resolve().parents[2] / "tests/fuzz/nn/corpus_weights"


def ramp(*shape, dtype=torch.float32):
    count = int(np.prod(shape))
    return (torch.arange(count, dtype=torch.float32) / 4).to(dtype).reshape(shape)


class Foreign:
    """An object of a class that the reader does not know."""

    def __init__(self):
        self.value = 3


def checkpoint():
    state = OrderedDict(
        weight=ramp(3, 4),
        turned=ramp(3, 4).t(),
        part=ramp(20)[5:9],
        half=ramp(2, 2, dtype=torch.float16),
        wide=ramp(3, dtype=torch.float64),
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
        counter=torch.arange(3),
        parameter=torch.nn.Parameter(ramp(2, 3)),
    )
    return {"state": state, "list": [ramp(2), (ramp(3),)], "foreign": Foreign(), "epoch": 7, 5: ramp(1), "f": 0.5}


def text(value):
    raw = value.encode() + b"\0"
    return struct.pack("<H", len(raw)) + raw


def variable(name, array, kind):
    head = text(name) + struct.pack("<B", array.ndim) + b"".join(struct.pack("<I", n) for n in array.shape)
    return head + struct.pack("<BI", kind, array.nbytes) + array.tobytes()


def ctranslate2():
    values = (np.arange(6, dtype=np.float32) / 4).reshape(2, 3)
    variables = [
        variable("a/bias", values[0], 0),
        variable("a/weight", (np.arange(6) - 3).astype(np.int8).reshape(2, 3), 1),
        variable("a/weight_scale", np.array([2, 4], np.float32), 0),
        variable("half", values.astype(np.float16), 4),
        variable("scalar", np.array(3, np.int16), 2),
    ]
    body = struct.pack("<I", 6) + text("TestSpec") + struct.pack("<II", 3, len(variables)) + b"".join(variables)
    return body + struct.pack("<I", 1) + text("other/weight") + text("a/weight")


class Quantized(model_spec.ModelSpec):
    name = "TestSpec"

    def __init__(self):
        super().__init__()
        self.linear, self.conv = common_spec.LinearSpec(), common_spec.Conv1DSpec()
        self.linear.weight = ramp(4, 6).numpy() - 3
        self.linear.bias = ramp(4).numpy()
        self.conv.weight = ramp(2, 3, 3).numpy() - 2


def quantized(kind):
    spec = Quantized()
    spec.validate()
    spec.optimize(kind)
    with tempfile.TemporaryDirectory() as folder:
        spec.save(folder)
        return (pathlib.Path(folder) / "model.bin").read_bytes()


def main():
    tensors = {
        "weight": ramp(3, 4),
        "half": ramp(2, 2, dtype=torch.float16),
        "brain": ramp(2, 2, dtype=torch.bfloat16),
        "bytes": torch.arange(3, dtype=torch.uint8),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "five": ramp(1, 1, 1, 1, 2),
    }
    save_file(tensors, root / "seed.safetensors", metadata={"format": "pt", "kind": "test"})
    (root / "ctranslate2.bin").write_bytes(ctranslate2())
    for kind in "int8", "int16":
        (root / f"ctranslate2_{kind}.bin").write_bytes(quantized(kind))
    torch.save(checkpoint(), root / "zip.pt")
    torch.save(checkpoint(), root / "zip_protocol4.pt", pickle_protocol=4)
    torch.save(checkpoint(), root / "stream.pt", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    sys.exit(main())
