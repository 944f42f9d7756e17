"""A Whisper that costs next to nothing, as a folder of the hub's form: one block of width 64 on either side, random but
for what makes it say the same sentences in every window. What the program does around the networks is the same as with
a real one; what it hears is not."""
import json
import pathlib

import numpy

WIDTH, MELS, FRAMES, CONTEXT = 64, 80, 1500, 448
VOCABULARY, END, START = 51865, 50257, 50258
ENGLISH, TRANSCRIBE, TIMESTAMP = START + 1, START + 101, START + 106
SYLLABLES = ["ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "zu"]
WORDS = 40  # said in every window, unless asked for fewer: sentences of eight words


def vocabulary():
    words = ["".join(SYLLABLES[int(c)] for c in f"{i:03d}") for i in range(WORDS)]
    texts = [f" {w}." if i % 8 == 7 else f" {w}" for i, w in enumerate(words)]
    texts += [f" x{i}" for i in range(WORDS, END)]
    return [t.replace(" ", "\u0120") for t in texts] + [f"<|{i}|>" for i in range(END, VOCABULARY)]


def weights(words):
    draw = numpy.random.default_rng(1)
    tokens = draw.standard_normal((VOCABULARY, WIDTH)) * 0.5
    # The block adds nothing to the residual, so that a position alone says which token comes next.
    places = draw.standard_normal((CONTEXT, WIDTH)) * 0.1
    places[:] += 20 * tokens[END]
    for position, token in enumerate([ENGLISH, TRANSCRIBE, TIMESTAMP, *range(words), TIMESTAMP + 100]):
        places[position] = 20 * tokens[token]
    table = {
        "encoder.conv1.weight": draw.standard_normal((WIDTH, MELS, 3)) * 0.1,
        "encoder.conv1.bias": numpy.zeros(WIDTH),
        "encoder.conv2.weight": draw.standard_normal((WIDTH, WIDTH, 3)) * 0.1,
        "encoder.conv2.bias": numpy.zeros(WIDTH),
        "encoder.embed_positions.weight": draw.standard_normal((FRAMES, WIDTH)) * 0.1,
        "decoder.embed_tokens.weight": tokens,
        "decoder.embed_positions.weight": places,
    }
    for side in ("encoder", "decoder"):
        block = f"{side}.layers.0."
        norms = [f"{side}.layer_norm", block + "self_attn_layer_norm", block + "final_layer_norm"]
        attentions = [block + "self_attn"]
        if side == "decoder":
            norms.append(block + "encoder_attn_layer_norm")
            attentions.append(block + "encoder_attn")
        for norm in norms:
            table[norm + ".weight"], table[norm + ".bias"] = numpy.ones(WIDTH), numpy.zeros(WIDTH)
        for name in attentions:
            for part in ("q_proj", "k_proj", "v_proj"):
                table[f"{name}.{part}.weight"] = draw.standard_normal((WIDTH, WIDTH)) * 0.2
            for part in ("q_proj", "v_proj", "out_proj"):
                table[f"{name}.{part}.bias"] = numpy.zeros(WIDTH)
            table[name + ".out_proj.weight"] = numpy.zeros((WIDTH, WIDTH))
        table[block + "fc1.weight"] = draw.standard_normal((4 * WIDTH, WIDTH)) * 0.1
        table[block + "fc1.bias"] = numpy.zeros(4 * WIDTH)
        table[block + "fc2.weight"], table[block + "fc2.bias"] = numpy.zeros((WIDTH, 4 * WIDTH)), numpy.zeros(WIDTH)
    return {f"model.{name}": values.astype("<f2") for name, values in table.items()}


def write_safetensors(path, table):
    header, at = {}, 0
    for name, values in table.items():
        header[name] = {"dtype": "F16", "shape": values.shape, "data_offsets": [at, at + values.nbytes]}
        at += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(v.tobytes() for v in table.values()))


def write(folder, words=WORDS):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / "model.safetensors", weights(words))
    (folder / "config.json").write_text("{}")
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary()))
    return folder
