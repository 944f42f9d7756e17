#!/usr/bin/env python3
"""Records what the reference programs make of the sample, for tests/golden/speech/test_whisper_logits.c.

usage: whisper_logits.py BASE TINY_EN CONVERT.py OUT_DIR
       (needs torch, openai-whisper, ctranslate2, transformers, soundfile; run from the repository's root)

BASE and TINY_EN are the folders of Systran/faster-whisper-base and -tiny.en; CONVERT.py turns them into openai-whisper's
file (whisper_convert.py --pt) and into transformers' folder (--hf), so that both sides compute with the same weights.

base: openai-whisper in f32, a forced transcript of the sample's first 11.6 s, special tokens and timestamps included.
int8, int16: tiny.en, quantised by CTranslate2's converter and run by CTranslate2 in f32, greedy.
Written are the tokens; the logits behind the last of them, every STEP-th of the vocabulary, and the TOP largest of each;
and part of the encoder's output.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import ctranslate2
import numpy as np
import soundfile
import torch
import whisper
from whisper.tokenizer import get_tokenizer

SECONDS, UTTERANCES, STEP, TOP, LONGEST = 11.6, 3, 512, 8, 60
base, tiny, convert, out = sys.argv[1:]
pcm, rate = soundfile.read("data/raw/watch_repair.flac", dtype="float32")
mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(pcm[: int(SECONDS * rate)]), 80)


def save(name, tokens, logits, encoded):
    top = np.argsort(-logits, kind="stable")[:, :TOP]
    np.save(f"{out}/whisper_{name}_tokens.npy", np.array(tokens, np.int32))
    np.save(f"{out}/whisper_{name}_logits.npy", logits[:, ::STEP].astype(np.float32))
    best = np.stack([top, np.take_along_axis(logits, top, 1)])
    np.save(f"{out}/whisper_{name}_top.npy", best.astype(np.float32))
    np.save(f"{out}/whisper_{name}_encoded.npy", encoded[::25, ::16].astype(np.float32))
    print(name, len(tokens), "tokens, logits behind the last", len(logits))


def forced(tokenizer):
    truth = json.loads(pathlib.Path("data/ground_truth.json").read_text(encoding="utf-8"))["watch_repair.flac"]
    tokens = list(tokenizer.sot_sequence)
    for said in truth[:UTTERANCES]:
        begin, end = (tokenizer.timestamp_begin + round(said[at] / 0.02) for at in ("start", "end"))
        tokens += [begin, *tokenizer.encode(" " + said["text"]), end]
    return [*tokens, tokenizer.eot]


with tempfile.TemporaryDirectory() as scratch:
    subprocess.run([sys.executable, convert, base, "--pt", f"{scratch}/base.pt"], check=True)
    model = whisper.load_model(f"{scratch}/base.pt", device="cpu").float().eval()
    tokens = forced(get_tokenizer(True, num_languages=model.num_languages, language="en", task="transcribe"))
    with torch.no_grad():
        encoded = model.encoder(mel[None])
        logits = model.decoder(torch.tensor([tokens]), encoded)[0].numpy()
    save("base", tokens, logits, encoded[0].numpy())

    subprocess.run([sys.executable, convert, tiny, "--hf", f"{scratch}/hf"], check=True)
    for kind in "int8", "int16":
        converter = ctranslate2.converters.TransformersConverter(f"{scratch}/hf")
        converter.convert(f"{scratch}/{kind}", quantization=kind)
        model = ctranslate2.models.Whisper(f"{scratch}/{kind}", compute_type="float32")
        encoded = model.encode(ctranslate2.StorageView.from_array(mel[None].numpy()))
        prompt = [50257, 50362]  # start, no timestamps
        result = model.generate(
            encoded,
            [prompt],
            beam_size=1,
            max_length=LONGEST,
            suppress_blank=False,
            suppress_tokens=[],
            return_logits_vocab=True,
        )[0]
        logits = np.array([np.array(step) for step in result.logits[0]])
        save(kind, (prompt + result.sequences_ids[0])[: len(logits) + 1], logits, np.array(encoded)[0])
