#!/usr/bin/python3
"""Makes the sample conversation: data/raw/watch_repair.flac and data/ground_truth.json.

A customer (flite's voice slt) and an agent (flite's voice awb) talk on the telephone for a minute and a half; the
customer's frustration grows to anger, falls to sadness and ends in relief. The text was written for this project. Each
turn has its own rate, pitch and level, so that the voice leans the way the words go, as far as the synthesizer can.

Needs the Debian packages flite (2.2) and sox. The same packages give the same bytes:
    tools/sample/make_sample.py [--out DIR]
"""
import argparse
import array
import json
import math
import pathlib
import subprocess
import tempfile
import wave

RATE = 16000
NAME = "watch_repair.flac"

# Base pitch (Hz), pitch deviation (Hz) and loudness (dB RMS over the turn) of each voice.
VOICES = {
    "customer": {"voice": "slt", "pitch": 175.0, "spread": 16.0, "level": -24.0},
    "agent": {"voice": "awb", "pitch": 105.0, "spread": 13.0, "level": -25.0},
}

# How a state moves the voice: stretch of durations, pitch factor, factor on the pitch deviation, gain in dB.
DELIVERY = {
    "plain": (1.00, 1.00, 1.00, 0.0),
    "brisk": (0.96, 1.02, 1.05, 0.5),
    "surprised": (0.98, 1.06, 1.30, 2.0),
    "tense": (0.94, 1.06, 1.30, 3.0),
    "angry": (0.92, 1.10, 1.35, 5.5),
    "furious": (0.91, 1.12, 1.40, 8.0),
    "gentle": (1.06, 0.97, 0.90, -1.5),
    "sad": (1.12, 0.95, 0.80, -3.5),
    "tearful": (1.15, 0.93, 0.75, -5.0),
    "warm": (0.98, 1.08, 1.35, 1.5),
    "delighted": (0.95, 1.12, 1.45, 4.0),
}

# Silence before the turn (seconds), speaker, emotion, delivery, text.
TURNS = [
    (0.60, "agent", "neutral", "plain", "Harbor Repairs, good afternoon. How can I help you?"),
    (0.55, "customer", "neutral", "plain", "Hello. I am calling about a watch that I left with you in August."),
    (0.45, "agent", "neutral", "plain", "Let me look for it. May I have your name, please?"),
    (0.40, "customer", "neutral", "plain", "My name is Helen Carter."),
    (0.80, "agent", "neutral", "plain", "Thank you. It says here that the watch was sent to you on Monday."),
    (0.35, "customer", "non-neutral", "surprised", "On Monday? No, that cannot be right. Nobody came to my door."),
    (0.70, "agent", "neutral", "brisk", "I see a delivery, but there is no signature on it."),
    (0.35, "customer", "non-neutral", "tense", "Wait, so you sent it away, and you do not even know who has it?"),
    (0.50, "agent", "neutral", "plain", "I would have to ask the delivery company. That can take up to ten days."),
    (0.30, "customer", "angry", "angry", "Ten days? I have already called you three times, and nobody called me back!"),
    (0.45, "agent", "neutral", "gentle", "I understand that you are upset."),
    (0.30, "customer", "angry", "furious", "No, you do not understand! You lost my watch, and now you tell me to wait!"),
    (0.80, "agent", "neutral", "gentle", "You are right. This was our mistake. Is it a special watch?"),
    (0.80, "customer", "sad", "sad", "It belonged to my father. He died in the spring, and it is the only thing of his that I have left."),
    (0.70, "agent", "sad", "sad", "I am so sorry for your loss. That must be very hard."),
    (0.65, "customer", "sad", "tearful", "I miss him every day. I just wanted to hear it ticking again."),
    (0.60, "agent", "neutral", "brisk", "Please stay on the line. I will ask the workshop myself."),
    (1.40, "agent", "happy", "warm", "Helen, I have good news! The watch never left the building. It is safe, and it is ticking."),
    (0.40, "customer", "happy", "delighted", "Oh, thank goodness! You found it! I am so happy that I could cry."),
    (0.45, "agent", "happy", "warm", "I am really glad. I will bring it to your house this evening."),
    (0.40, "customer", "happy", "delighted", "That is wonderful! Thank you so much. You have made my day."),
]
TAIL_S = 0.70
FLOOR_DB = -66.0  # faint hiss under everything: digital silence would be the easiest of all pauses to find


def speak(folder, speaker, delivery, text):
    """One turn as floats in [-1, 1], silence at both ends cut, at the level of its delivery."""
    voice = VOICES[speaker]
    stretch, pitch, spread, gain = DELIVERY[delivery]
    path = folder / "turn.wav"
    subprocess.run(
        ["flite", "-voice", voice["voice"], "--setf", f"duration_stretch={stretch:.3f}",
         "--setf", f"int_f0_target_mean={voice['pitch'] * pitch:.1f}",
         "--setf", f"int_f0_target_stddev={voice['spread'] * spread:.1f}", "-t", text, str(path)], check=True)
    with wave.open(str(path), "rb") as wav:
        assert wav.getframerate() == RATE and wav.getnchannels() == 1 and wav.getsampwidth() == 2
        pcm = array.array("h", wav.readframes(wav.getnframes()))
    hop = RATE // 100
    power = [sum(v * v for v in pcm[i:i + hop]) / hop for i in range(0, len(pcm) - hop, hop)]
    threshold = max(power) * 1e-4
    loud = [i for i, p in enumerate(power) if p > threshold]
    pcm = pcm[max(0, loud[0] - 1) * hop:(loud[-1] + 2) * hop]
    rms = math.sqrt(sum(v * v for v in pcm) / len(pcm))
    scale = 10 ** ((voice["level"] + gain) / 20) / rms
    fade = RATE // 200
    out = [v * scale for v in pcm]
    for i in range(min(fade, len(out) // 2)):
        out[i] *= i / fade
        out[-1 - i] *= i / fade
    return out


def hiss():
    """Endless noise, the same on every machine: a 32-bit linear congruence, uniform, at FLOOR_DB RMS."""
    state = 1
    scale = 10 ** (FLOOR_DB / 20) * math.sqrt(3)
    while True:
        state = (1664525 * state + 1013904223) & 0xFFFFFFFF
        yield scale * (state / 2 ** 31 - 1.0)


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=root / "data", help="folder for raw/ and ground_truth.json")
    out = parser.parse_args().out
    (out / "raw").mkdir(parents=True, exist_ok=True)
    samples, truth = [], []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for pause, speaker, emotion, delivery, text in TURNS:
            samples += [0.0] * int(pause * RATE)
            turn = speak(folder, speaker, delivery, text)
            truth.append({"start": round(len(samples) / RATE, 3), "end": round((len(samples) + len(turn)) / RATE, 3),
                          "speaker": speaker, "emotion": emotion, "text": text})
            samples += turn
        samples += [0.0] * int(TAIL_S * RATE)
        pcm = array.array("h", (max(-32768, min(32767, round(32767 * (s + n)))) for s, n in zip(samples, hiss())))
        with wave.open(str(folder / "all.wav"), "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(RATE)
            wav.writeframes(pcm.tobytes())
        subprocess.run(["sox", "-D", str(folder / "all.wav"), "-C", "8", str(out / "raw" / NAME)], check=True)
    with open(out / "ground_truth.json", "w", encoding="utf-8") as f:
        json.dump({NAME: truth}, f, indent=2, ensure_ascii=False)
        f.write("\n")
    peak = max(abs(v) for v in pcm)
    print(f"{NAME}: {len(pcm) / RATE:.1f} s, {len(truth)} turns, peak {20 * math.log10(peak / 32768):.1f} dB")


if __name__ == "__main__":
    main()
