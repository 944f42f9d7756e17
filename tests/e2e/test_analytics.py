#!/usr/bin/env python3
"""The analytics of the program against a second computation, written from the definitions in
src/conversation/analytics.h over a grid of milliseconds: one conversation made by hand, with what it must give written
down, and forty made by chance."""
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

from support import ROOT, run

EMOTIONS = ["sad", "happy", "angry", "neutral", "non-neutral"]
AROUND, TURNING = 3, 0.35


def template():
    """A document as the program writes it, for all that analytics do not look at."""
    build = pathlib.Path(os.environ.get("UT_BUILD_DIR", ROOT / "build"))
    with tempfile.TemporaryDirectory() as name:
        done = subprocess.run([build / "tests" / "unit_report_exports"], env={**os.environ, "UT_BUILD_DIR": name}, capture_output=True)
        assert done.returncode == 0, done.stderr
        return json.loads((pathlib.Path(name) / "exports" / "conversation.json").read_text())


def document(base, speakers, duration, lines):
    """lines: start, end, speaker or None, words, {feature: value}, probabilities or None; milliseconds."""
    model, utterances = base["utterances"][0], []
    for i, (start, end, speaker, words, features, p) in enumerate(lines):
        emotion = p and {**model["emotion"], "label": EMOTIONS[p.index(max(p))], "probabilities": dict(zip(EMOTIONS, p))}
        utterances.append({**model, "index": i, "start": start / 1000, "end": end / 1000, "speaker": speaker, "emotion": emotion, "text": " ".join(["so"] * words),
                           "features": {k: {"value": v, "relative": None} for k, v in features.items()},
                           "words": [{"text": "so", "start": start / 1000, "end": end / 1000, "probability": 0.9, "timing": "aligned"}] * words})
    return {**base, "speakers": speakers, "source": {**base["source"], "duration": duration / 1000}, "utterances": utterances}  # analytics: of another, to be made anew


def measured(documents):
    """What the program makes of them, as its reports hold it."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for i, d in enumerate(documents):
            (folder / "in" / str(i)).mkdir(parents=True)
            (folder / "in" / str(i) / "conversation.json").write_text(json.dumps({**d, "id": str(i)}))
        run("report", folder / "in", "--audio", "none", "--output_dir", folder / "out")
        pages = [(folder / "out" / str(i) / "report.html").read_text() for i in range(len(documents))]
    return [json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1))["conversation"]["analytics"] for page in pages]


def mood(parts):
    """parts: seconds, probabilities"""
    seconds = sum(s for s, _ in parts)
    return seconds and {e: sum(s * p[e] for s, p in parts) / seconds for e in EMOTIONS} or None


def moods(utterances, duration):
    judged = [u for u in utterances if u["emotion"]]
    within = lambda u, a, b: max(0.0, min(u["end"], b) - max(u["start"], a))
    quarters = [[(within(u, duration * q / 4, duration * (q + 1) / 4), u["emotion"]["probabilities"]) for u in judged] for q in range(4)]
    return mood([(u["end"] - u["start"], u["emotion"]["probabilities"]) for u in judged]), [mood([p for p in q if p[0] > 0]) for q in quarters]


def turns(d):
    found = []
    for speaker in d["speakers"]:
        own = [u for u in d["utterances"] if u["speaker"] == speaker and u["emotion"]]
        mean = lambda some: [sum(u["emotion"]["probabilities"][e] for u in some) / len(some) for e in EMOTIONS]
        at = {i: (mean(own[i - AROUND:i]), mean(own[i:i + AROUND])) for i in range(AROUND, len(own) - AROUND + 1)}
        change = {i: round(sum(abs(a - b) for a, b in zip(*at[i])) / 2, 9) for i in at}
        for i, (before, after) in at.items():
            near = [k for k in at if k != i and abs(k - i) <= AROUND]
            first = all(change[k] < change[i] or (change[k] == change[i] and k > i) for k in near)
            lead = [p.index(max(p)) for p in (before, after)]
            if change[i] >= TURNING and first and lead[0] != lead[1]:
                found.append({"time": own[i]["start"], "speaker": speaker, "utterance": own[i]["index"], "from": EMOTIONS[lead[0]], "to": EMOTIONS[lead[1]], "change": change[i]})
    return sorted(found, key=lambda t: t["utterance"])


def floor(d, talk):
    """Interruptions, and of each speaker the counts; everybody before is looked at anew for each utterance."""
    found, us = [], d["utterances"]
    for i, u in enumerate(us):
        others = [o for o in us[:i] if o["speaker"] not in (None, u["speaker"]) and o["end"] > u["start"]]
        if u["speaker"] is None or not others:
            continue
        held = max(others, key=lambda o: (o["end"], -d["speakers"].index(o["speaker"])))
        overlap = round(held["end"] - u["start"], 3)
        if u["end"] <= held["end"]:
            talk[u["speaker"]]["interjections"] += 1
        elif overlap >= 0.2:
            talk[u["speaker"]]["interrupted"] += 1
            talk[held["speaker"]]["was_interrupted"] += 1
            found.append({"time": u["start"], "by": u["speaker"], "of": held["speaker"], "overlap": overlap, "utterance": i})
    return found


def silences(us):
    """Runs of at least a second on the grid, after the first voice and before the last."""
    found = []
    for i in range(1, len(us)):
        end = max(u["end"] for u in us[:i])
        if round(us[i]["start"] - end, 3) >= 1:
            after = next(u for u in us[:i] if u["end"] == end)
            found.append({"start": end, "end": us[i]["start"], "after": after["speaker"], "before": us[i]["speaker"]})
    return found


def weighted(own, name):
    parts = [(u["end"] - u["start"], u["features"][name]["value"]) for u in own if u["features"].get(name, {}).get("value") is not None]
    return sum(w * v for w, v in parts) / sum(w for w, _ in parts) if parts else None


def again(d):
    us = d["utterances"]
    duration = max([d["source"]["duration"]] + [u["end"] for u in us])
    grid = [set() for _ in range(round(duration * 1000))]  # who speaks in each millisecond
    for u in us:
        for ms in range(round(u["start"] * 1000), round(u["end"] * 1000)):
            grid[ms].add(u["speaker"])
    talk, everybody = {}, sum(sum(s in who for who in grid) for s in d["speakers"])
    for s in d["speakers"]:
        own, time = [u for u in us if u["speaker"] == s], sum(s in who for who in grid) / 1000
        worded = sum(u["end"] - u["start"] for u in own if u["words"])
        words = sum(len(u["words"]) for u in own)
        whole, quarters = moods(own, duration)
        talk[s] = {"speaker": s, "talk_time": time, "talk_share": time * 1000 / everybody if everybody else 0,
                   "turns": sum(u["speaker"] == s and (i == 0 or us[i - 1]["speaker"] != s) for i, u in enumerate(us)), "utterances": len(own), "words": words,
                   "words_per_minute": words / worded * 60 if worded else None, "syllables_per_second": weighted(own, "speech_rate_sps"),
                   "loudness_db": weighted(own, "loudness_mean_db"), "interrupted": 0, "was_interrupted": 0, "interjections": 0, "emotions": whole, "quarters": quarters}
    interruptions, quiet = floor(d, talk), silences(us)
    return {"speech": sum(bool(who) for who in grid) / 1000, "overlap": sum(len(who) > 1 for who in grid) / 1000, "silence": sum(q["end"] - q["start"] for q in quiet),
            "speakers": list(talk.values()), "interruptions": interruptions, "silences": quiet, "quarters": moods(us, duration)[1], "turning_points": turns(d)}


def same(got, wanted, where):
    if isinstance(wanted, dict):
        assert got.keys() == wanted.keys(), (where, got, wanted)
        for k in wanted:
            same(got[k], wanted[k], f"{where}.{k}")
    elif isinstance(wanted, list):
        assert len(got) == len(wanted), (where, got, wanted)
        for i, pair in enumerate(zip(got, wanted)):
            same(*pair, f"{where}[{i}]")
    elif isinstance(wanted, (int, float)):
        assert got is not None and abs(got - wanted) < 6e-5 * max(1, abs(wanted)), (where, got, wanted)
    else:
        assert got == wanted, (where, got, wanted)


def by_chance(base, seed):
    r = random.Random(seed)
    speakers = [f"SPEAKER_{i:02d}" for i in range(r.randint(1, 4))]
    at, free, lines = 0, {}, []
    for _ in range(r.randint(0, 60)):
        speaker = r.choice([*speakers, *speakers, None])
        start = max(at, free.get(speaker, 0) if r.random() < 0.7 else 0) + r.choice([0, 0, 1, 999, 1000, 1001, r.randint(0, 3000)])
        end = start + r.choice([1, 200, r.randint(50, 6000)])
        at, free[speaker] = r.choice([start, max(start, end - r.choice([199, 200, 201, r.randint(0, 2000)])), end]), end
        weights = [r.random() ** r.choice([1, 6]) for _ in EMOTIONS]
        p = [round(w / sum(weights), 4) for w in weights]
        p[p.index(max(p))] += 1 - sum(p)
        p = [round(v, 4) for v in p]
        features = {name: round(r.uniform(-40, 8), 3) for name in ("speech_rate_sps", "loudness_mean_db") if r.random() < 0.7}
        lines.append((start, end, speaker, r.choice([0, 1, 7]), features, p if r.random() < 0.9 else None))
    return document(base, speakers, max([e for _, e, *_ in lines], default=0) + r.choice([0, 1, 2500]), lines)


def by_hand(base):
    sad, angry = [1, 0, 0, 0, 0], [0, 0, 1, 0, 0]
    loud = {"loudness_mean_db": -20, "speech_rate_sps": 4}
    lines = [(0, 4000, "A", 8, loud, sad), (3000, 6000, "B", 6, {"loudness_mean_db": -30}, angry),  # B takes the floor
             (5000, 5500, "A", 1, {**loud, "loudness_mean_db": -26}, sad),  # within B's
             (8000, 10000, "A", 0, {}, None),  # after two seconds of silence
             (9000, 10000, "A", 0, {}, None)]  # over its own: no overlap
    return document(base, ["A", "B"], 12000, lines)


def main():
    base = template()
    documents = [by_hand(base)] + [by_chance(base, seed) for seed in range(40)]
    got = measured(documents)
    a = got[0]
    assert (a["speech"], a["overlap"], a["silence"]) == (8, 1.5, 2), a
    first, second = a["speakers"]
    assert (first["talk_time"], first["talk_share"], second["talk_time"], second["talk_share"]) == (6.5, 0.6842, 3, 0.3158), a
    assert (first["words_per_minute"], second["words_per_minute"]) == (120, 120) and first["loudness_db"] == -20.6667, first
    assert (first["turns"], first["interjections"], first["was_interrupted"], second["interrupted"]) == (2, 1, 1, 1), a
    assert a["interruptions"] == [{"time": 3, "by": "B", "of": "A", "overlap": 1, "utterance": 1}], a["interruptions"]
    assert a["silences"] == [{"start": 6, "end": 8, "after": "B", "before": "A"}], a["silences"]
    assert [q and (q["sad"], q["angry"]) for q in a["quarters"]] == [(1, 0), (0.3333, 0.6667), None, None] and not a["turning_points"], a["quarters"]
    counts = {}
    for i, (mine, d) in enumerate(zip(got, documents)):
        wanted = again(d)
        same(mine, wanted, f"conversation {i}")
        for k in ("interruptions", "silences", "turning_points"):
            counts[k] = counts.get(k, 0) + len(wanted[k])
    assert all(n >= 10 for n in counts.values()), ("too little happens to be a test", counts)
    print(f"ok {len(documents)} conversations agree, with {counts}")


if __name__ == "__main__":
    sys.exit(main())
