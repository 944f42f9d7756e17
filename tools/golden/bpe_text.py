#!/usr/bin/env python3
"""Records what openai-whisper's tokenizer makes of many strings, for tests/golden/text/test_bpe.c.

usage: bpe_text.py OUT.json [TINY_EN]   (needs openai-whisper; TINY_EN: Systran/faster-whisper-tiny.en, to compare with
Hugging Face's tokenizers too. The multilingual tokenizer.json lacks its first merges: there they differ from OpenAI's,
"they" behind a space is two tokens, and openai-whisper's is the one that the model was trained with.)

OUT.json: [[text, [multilingual identifiers], [English-only identifiers]], ...]. The strings are written here, the rest
drawn at random from an alphabet of awkward characters.
"""
import json
import random
import sys

from whisper.tokenizer import get_encoding

WRITTEN = [
    "",
    " ",
    "  ",
    "a",
    " a",
    "Hello world",
    "I'm, you're, he's, we'll, they'd, I've, can't",
    "I'M YOU'RE O'Clock 'tis ' s 's'll",
    "1 22 333 4444 55555 3.14 1,000 12th x2 2x",
    "tabs\tand\nlines\r\n\r\n  indented\n",
    "trailing spaces   ",
    "   leading",
    "two  spaces   three    four",
    "Wait... what?! (really) [yes] {no} <|en|> <|endoftext|>",
    "e-mail: someone@example.org, https://example.org/a?b=c&d=%20#e",
    "naïve café Ångström façade Straße İstanbul ǅ",
    "cafe\u0301 combining marks n\u0303",
    "Привет, как дела? Ёлка",
    "Γειά σου Κόσμε",
    "你好，世界。今天天气很好",
    "こんにちは世界、カタカナ",
    "안녕하세요 세계",
    "مرحبا بالعالم",
    "שלום עולם",
    "नमस्ते दुनिया",
    "สวัสดีชาวโลก",
    "½ ² ³ Ⅷ ① ٣ 六 １２３",
    "a \u0085 b\u0085\u0085c \u0085",
    "no\u00a0break\u2003em\u3000wide\u0085next\u2028line\u200bzero",
    "😀 👩‍👩‍👧‍👦 🇩🇪 ❤️ ♪♪",
    "“quoted” ‘single’ — dash – en … ellipsis ¿qué? ¡sí!",
    "$100 €20 £3 ¥5 50% ±1 × ÷ ≈ ∞ √2",
    "snake_case camelCase kebab-case UPPER lower",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "================ -------- ........ !!!!!!!!",
    "\ufeffmark \ufffd replacement \U0010ffff last",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "Harbor Repairs, good afternoon. How can I help you?",
]
ALPHABET = list("aeinorstTHEqz   ''''..,-0123\n\t") + ["é", "ß", "ж", "中", "ら", "ी", "²", "\u00a0", "\u3000", "😀", "'s", "'ll", " the"]


def strings():
    draw = random.Random(1)
    yield from WRITTEN
    for length in range(300):
        yield "".join(draw.choices(ALPHABET, k=1 + length % 24))
    for _ in range(100):
        points = (draw.choice([draw.randrange(0x20, 0x3000), draw.randrange(0x20, 0x250)]) for _ in range(8))
        yield "".join(map(chr, points))


def main():
    encodings = get_encoding("multilingual"), get_encoding("gpt2")
    rows = [[text, *(e.encode(text, disallowed_special=()) for e in encodings)] for text in strings()]
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        print("[", ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows), "]", file=out, sep="\n")
    if len(sys.argv) > 2:
        from tokenizers import Tokenizer

        other = Tokenizer.from_file(f"{sys.argv[2]}/tokenizer.json")
        # It would read "<|en|>" as one token.
        plain = [row for row in rows if "<|" not in row[0]]
        wrong = [row for row in plain if other.encode(row[0], add_special_tokens=False).ids != row[2]]
        print(f"{len(plain)} strings, {len(wrong)} of them different in Hugging Face's tokenizers", wrong[:3])


main()
