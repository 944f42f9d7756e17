#!/usr/bin/env python3
"""Records what openai-whisper's beam search and rules find, for tests/golden/speech/test_search.c.

usage: whisper_search.py OUT.txt   (needs openai-whisper)

The language model is a hash of the tokens so far, which the C test computes as well; its special tokens are those of
tests/support/fake_whisper.h. One line a case: seed, beam, timestamps, ending, sum of log-probabilities, tokens.
"""
import sys
import types

import numpy as np
import torch
from whisper.decoding import ApplyTimestampRules, BeamSearchDecoder, MaximumLikelihoodRanker, SuppressBlank, SuppressTokens

WORDS, END, START, LANGUAGE, TRANSCRIBE, NO_TIMESTAMPS, TIMESTAMP, VOCABULARY = 12, 12, 13, 14, 18, 22, 23, 103
LONGEST = 224
M = 0xFFFFFFFF


def logits(seed, tokens, ending):
    h = (2166136261 ^ seed * 2654435761) & M
    for t in tokens:
        h = ((h ^ t) * 16777619) & M
    row = np.empty(VOCABULARY, np.float32)
    for i in range(VOCABULARY):
        x = (h + i * 0x9E3779B9) & M
        x = ((x ^ x >> 16) * 0x7FEB352D) & M
        x = ((x ^ x >> 15) * 0x846CA68B) & M
        x ^= x >> 16
        row[i] = np.float32(x >> 8) * np.float32(2.0**-21) - np.float32(4)
    row[TIMESTAMP:] -= np.float32(2.75)
    row[END] += np.float32(0.25) * np.float32(len(tokens) - 8) if ending else np.float32(-50)
    return row


def search(seed, beam, timestamps, ending):
    prompt = [START, LANGUAGE, TRANSCRIBE] + ([] if timestamps else [NO_TIMESTAMPS])
    tokenizer = types.SimpleNamespace(
        no_timestamps=NO_TIMESTAMPS, timestamp_begin=TIMESTAMP, eot=END, encode=lambda text: [7]
    )
    special = [t for t in range(END + 1, TIMESTAMP)]
    filters = [SuppressBlank(tokenizer, len(prompt)), SuppressTokens([3, 5, *special])]
    if timestamps:
        filters.append(ApplyTimestampRules(tokenizer, len(prompt), 50))
    else:
        filters.append(SuppressTokens(list(range(TIMESTAMP, VOCABULARY))))
    decoder = BeamSearchDecoder(beam, END, types.SimpleNamespace(rearrange_kv_cache=lambda indices: None))
    decoder.reset()
    tokens, sums = torch.tensor([prompt] * beam), torch.zeros(beam)
    for _ in range(LONGEST):
        rows = torch.tensor(np.stack([logits(seed, row, ending) for row in tokens.tolist()]))
        for each in filters:
            each.apply(rows, tokens)
        tokens, completed = decoder.update(tokens, rows, sums)
        if completed:
            break
    found, sums = decoder.finalize(tokens[None], sums[None])
    texts = [[t[len(prompt) : (t == END).nonzero()[0, 0]] for t in found[0]]]
    best = MaximumLikelihoodRanker(None).rank(texts, sums)[0]
    return sums[0][best], texts[0][best].tolist()


with open(sys.argv[1], "w", encoding="ascii") as out:
    for case in range(48):
        beam, timestamps, ending = [1, 2, 3, 5, 8][case % 5], case // 5 % 2, int(case < 44)
        total, tokens = search(case, beam, timestamps, ending)
        print(case, beam, timestamps, ending, f"{total:.5f}", len(tokens), *tokens, file=out)
