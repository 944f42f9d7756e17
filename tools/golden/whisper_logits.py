#!/usr/bin/env python3
"""Records what openai-whisper makes of the sample, for tests/golden/speech/test_whisper_logits.c.

usage: whisper_logits.py CT2_DIR CONVERT.py OUT_DIR   (needs torch, openai-whisper, soundfile; run from the repository's root)

CT2_DIR is Systran/faster-whisper-base; CONVERT.py turns it into openai-whisper's file (whisper_convert.py --pt), so that
both sides compute with the same weights, in f32. Written are: a forced transcript of the sample's first 11.6 s, special
tokens and timestamps included; the logits behind each of its tokens, every STEP-th of the vocabulary, and the TOP
largest of each; and part of the encoder's output.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import soundfile
import torch
import whisper
from whisper.tokenizer import get_tokenizer

SECONDS, UTTERANCES, STEP, TOP = 11.6, 3, 512, 8
folder, convert, out = sys.argv[1:]
with tempfile.TemporaryDirectory() as scratch:
    subprocess.run([sys.executable, convert, folder, "--pt", f"{scratch}/base.pt"], check=True)
    model = whisper.load_model(f"{scratch}/base.pt", device="cpu").float().eval()

pcm, rate = soundfile.read("data/raw/watch_repair.flac", dtype="float32")
truth = json.loads(pathlib.Path("data/ground_truth.json").read_text(encoding="utf-8"))["watch_repair.flac"]
tokenizer = get_tokenizer(True, num_languages=model.num_languages, language="en", task="transcribe")
tokens = list(tokenizer.sot_sequence)
for said in truth[:UTTERANCES]:
    begin, end = (tokenizer.timestamp_begin + round(said[at] / 0.02) for at in ("start", "end"))
    tokens += [begin, *tokenizer.encode(" " + said["text"]), end]
tokens.append(tokenizer.eot)

with torch.no_grad():
    mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(pcm[: int(SECONDS * rate)]), model.dims.n_mels)
    encoded = model.encoder(mel[None])
    logits = model.decoder(torch.tensor([tokens]), encoded)[0].numpy()
top = np.argsort(-logits, kind="stable")[:, :TOP]
np.save(f"{out}/whisper_tokens.npy", np.array(tokens, np.int32))
np.save(f"{out}/whisper_logits.npy", logits[:, ::STEP])
np.save(f"{out}/whisper_top.npy", np.stack([top, np.take_along_axis(logits, top, 1)]).astype(np.float32))
np.save(f"{out}/whisper_encoded.npy", encoded[0, ::25, ::16].numpy())
print(len(tokens), "tokens;", tokenizer.decode_with_timestamps(tokens))
