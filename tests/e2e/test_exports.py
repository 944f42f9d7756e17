#!/usr/bin/env python3
"""Each export read by the program or the library it is for, and compared with the conversation: Praat, ELAN's schema,
ELAN's and Praat's readers in Python, subtitle and table readers. What each of them reads is written to JSON by the second
half of this file, under the Python that has the libraries."""
import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree

PRAAT = """form Tiers
  sentence path
endform
grid = Read from file: path$
tiers = Get number of tiers
for i to tiers
  name$ = Get tier name: i
  count = Get number of intervals: i
  for k to count
    begin = Get start time of interval: i, k
    finish = Get end time of interval: i, k
    label$ = Get label of interval: i, k
    appendInfoLine: name$, tab$, fixed$ (begin, 3), tab$, fixed$ (finish, 3), tab$, label$
  endfor
endfor
"""
PYMPI = "pympi-ling==1.71"
PACKAGES = [PYMPI, "praatio==6.2.2", "webvtt-py==0.6.0", "srt==3.5.3"]


def libraries(folder):
    """Under the Python with PACKAGES: what they read."""
    import praatio.textgrid
    import pympi
    import srt
    import webvtt

    grid = praatio.textgrid.openTextgrid(str(folder / "conversation.TextGrid"), includeEmptyIntervals=False)
    eaf = pympi.Elan.Eaf(str(folder / "conversation.eaf"))
    return {
        "praatio": {name: [[i.start, i.end, i.label] for i in grid.getTier(name).entries] for name in grid.tierNames},
        "pympi": {name: sorted(eaf.get_annotation_data_for_tier(name)) for name in eaf.get_tier_names()},
        "vocabulary": sorted(v[0][0][0] for v in eaf.controlled_vocabularies["emotions"][1].values()),
        "srt": [[c.start.total_seconds(), c.end.total_seconds(), c.content] for c in srt.parse((folder / "conversation.srt").read_text())],
        "vtt": [[c.start, c.end, c.voice, c.text] for c in webvtt.read(str(folder / "conversation.vtt"))],
    }


def one_line(text):
    """As the exports have it: runs of control characters and spaces are one space."""
    spaced = "".join(c if c > " " and c != "\x7f" else " " for c in text)
    return " ".join(word for word in spaced.split(" ") if word)


def tiers(conversation):
    """What the tiers should hold, by name: [start, end, text]."""
    held = {}
    for u in conversation["utterances"]:
        name = u["speaker"] or "unknown"
        held.setdefault(name, []).append([u["start"], u["end"], one_line(u["text"])])
        held.setdefault(name + " emotion", []).append([u["start"], u["end"], u["emotion"]["label"] if u["emotion"] else ""])
    return held


def close(got, wanted, what):
    assert len(got) == len(wanted), (what, len(got), len(wanted))
    for a, b in zip(got, wanted):
        assert abs(a[0] - b[0]) < 0.0011 and abs(a[1] - b[1]) < 0.0011 and a[2] == b[2], (what, a, b)


def check_praat(folder, held):
    script = folder / "tiers.praat"
    script.write_text(PRAAT)
    done = subprocess.run(["praat", "--run", str(script), str(folder / "conversation.TextGrid")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    read, ends = {}, {}
    for line in done.stdout.split("\n")[:-1]:
        name, start, end, label = line.split("\t")
        assert float(start) == ends.get(name, 0.0), ("a gap or an overlap", line)
        ends[name] = float(end)
        if label:
            read.setdefault(name, []).append([float(start), float(end), label])
    assert len(set(ends.values())) == 1, ends
    for name, rows in held.items():
        close(read.get(name, []), [r for r in rows if r[2]], f"praat {name}")


def check_libraries(read, held, conversation):
    for name, rows in held.items():
        close(read["praatio"].get(name, []), [r for r in rows if r[2]], f"praatio {name}")
        wanted = [r for r in rows if r[2] or not name.endswith(" emotion")]
        close([[a[0] / 1000, a[1] / 1000, a[2]] for a in read["pympi"].get(name, [])], wanted, f"pympi {name}")
    assert read["vocabulary"] == sorted(["sad", "happy", "angry", "neutral", "non-neutral"])
    spoken = "".join(one_line(u["text"]).replace(" ", "") or (f"({u['emotion']['label']})" if u["emotion"] else "")
                     for u in conversation["utterances"])
    squeezed = "".join(c for cue in read["srt"] for c in cue[2].split("]: ", 1)[-1] if c not in " \n")
    assert squeezed == spoken, (squeezed[:200], spoken[:200])
    assert len(read["vtt"]) == len(read["srt"])
    assert {cue[2] for cue in read["vtt"]} == {*conversation["speakers"], None}, {cue[2] for cue in read["vtt"]}
    for srt, vtt in zip(read["srt"], read["vtt"]):
        assert srt[0] < srt[1]
        for a, b in zip(srt, vtt[:2]):
            hours, minutes, seconds = b.split(":")
            assert abs(int(hours) * 3600 + int(minutes) * 60 + float(seconds) - a) < 1e-6, (srt, vtt)


def check_eaf(path):
    """What the schema cannot say, or xmllint does not look at (ID and IDREF), and a reader relies on."""
    root = tree.parse(path).getroot()
    assert root.tag == "ANNOTATION_DOCUMENT" and {"AUTHOR", "DATE", "VERSION", "FORMAT"} <= set(root.attrib)
    order = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "LANGUAGE", "CONSTRAINT", "CONTROLLED_VOCABULARY"]
    places = [order.index(child.tag) for child in root]
    assert places == sorted(places), [child.tag for child in root]
    times = {s.get("TIME_SLOT_ID"): int(s.get("TIME_VALUE")) for s in root.find("TIME_ORDER")}
    assert list(times.values()) == sorted(set(times.values()))
    types = {t.get("LINGUISTIC_TYPE_ID"): t for t in root.findall("LINGUISTIC_TYPE")}
    names = {t.get("TIER_ID") for t in root.findall("TIER")}
    entries = {e.get("CVE_ID"): e[0].text for e in root.iter("CV_ENTRY_ML")}
    ids, own = set(), {}
    for tier in root.findall("TIER"):
        kind = types[tier.get("LINGUISTIC_TYPE_REF")]
        assert (kind.get("CONSTRAINTS") is None) == (tier.get("PARENT_REF") is None)
        assert tier.get("PARENT_REF") is None or tier.get("PARENT_REF") in names
        last = 0
        for annotation in (a[0] for a in tier):
            name = annotation.get("ANNOTATION_ID")
            assert name not in ids, name
            ids.add(name)
            own[name] = tier.get("TIER_ID")
            if annotation.tag == "ALIGNABLE_ANNOTATION":
                start, end = (times[annotation.get(f"TIME_SLOT_REF{i}")] for i in (1, 2))
                assert last <= start < end, (tier.get("TIER_ID"), start, end, last)
                last = end
            else:
                assert own[annotation.get("ANNOTATION_REF")] == tier.get("PARENT_REF")
                assert entries[annotation.get("CVE_REF")] == annotation[0].text
    assert ids


def check_schema(schema, *paths):
    """The schema of ELAN's own makers, which pympi's tests carry; it refuses what is broken on purpose."""
    validate = ["xmllint", "--noout", "--nonet", "--schema", str(schema)]
    for path in paths:
        done = subprocess.run([*validate, str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    text = paths[0].read_text()
    for good, bad in ((' LINGUISTIC_TYPE_REF="emotion"', ' LINGUISTIC_TYPE_REF="mood"'), ("<TIME_ORDER>", "<TIME_ORDER><TIER/>"), ('CONSTRAINTS="Symbolic', 'CONSTRAINT="Symbolic')):
        assert good in text, good
        done = subprocess.run([*validate, "-"], input=text.replace(good, bad, 1), capture_output=True, text=True)
        assert done.returncode != 0, bad


def check_tables(folder, conversation):
    rows = list(csv.DictReader((folder / "utterances.csv").open(newline="", encoding="utf-8")))
    assert [r["text"] for r in rows] == [u["text"] for u in conversation["utterances"]]
    lines = (folder / "conversation.audacity.txt").read_text().split("\n")
    assert lines.pop() == ""
    for line, u in zip(lines, conversation["utterances"], strict=True):
        start, end, label = line.split("\t")  # Audacity: two times in seconds and the label, separated by tabs
        assert abs(float(start) - u["start"]) < 1e-9 and abs(float(end) - u["end"]) < 1e-9
        assert label.startswith(f"[{u['speaker'] or 'unknown'}]") and one_line(u["text"]) in label
    known = [u for u in conversation["utterances"] if u["speaker"]]
    for line, u in zip((folder / "conversation.rttm").read_text().splitlines(), known, strict=True):
        field = line.split(" ")  # the nine fields of NIST's RT-09 evaluation plan, and the signal look-ahead time
        assert len(field) == 10 and field[0] == "SPEAKER" and field[7] == u["speaker"]
        assert abs(float(field[3]) - u["start"]) < 1e-9 and abs(float(field[3]) + float(field[4]) - u["end"]) < 0.0011
    lines = (folder / "conversation.tsv").read_text().split("\n")[1:-1]
    assert [int(l.split("\t")[0]) for l in lines] == [round(u["start"] * 1000) for u in conversation["utterances"]]


def main():
    import sys as system

    root = pathlib.Path(__file__).resolve().parents[2]
    system.path.insert(0, str(root / "tests" / "support"))
    import packages

    build = pathlib.Path(os.environ.get("UT_BUILD_DIR", root / "build"))
    skipped = []
    with tempfile.TemporaryDirectory() as name:
        done = subprocess.run(
            [build / "tests" / "unit_report_exports"], env={**os.environ, "UT_BUILD_DIR": name}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        folder = pathlib.Path(name) / "exports"
        conversation = json.loads((folder / "conversation.json").read_text())
        held = tiers(conversation)
        check_tables(folder, conversation)
        check_eaf(folder / "conversation.eaf")
        if shutil.which("praat"):
            check_praat(folder, held)
        else:
            skipped.append("SKIP: the TextGrid in Praat (praat is not installed)")
        try:
            check_schema(packages.source(PYMPI) / "test" / "EAFv3.0.xsd", folder / "conversation.eaf", folder / "nothing.eaf")
        except packages.Absent as why:
            skipped.append(f"SKIP: ELAN's schema ({why})")
        try:
            python = packages.python("export-readers", *PACKAGES)
        except packages.Absent as why:
            skipped.append(f"SKIP: exports in their readers ({why})")
        else:
            done = subprocess.run([python, "-B", __file__, str(folder)], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[-2000:]
            check_libraries(json.loads(done.stdout), held, conversation)
    print("\n".join(skipped) if skipped else "ok every export was read")
    sys.exit(77 if skipped else 0)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        json.dump(libraries(pathlib.Path(sys.argv[1])), sys.stdout)
    else:
        main()
