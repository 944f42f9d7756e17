#!/usr/bin/env python3
"""The main job through the binary: `run` on the sample, the steps one by one, bad input, wrong usage."""
import base64
import csv
import json
import os
import pathlib
import re
import shutil
import stat
import struct
import tempfile

from support import ROOT, SAMPLE, check_document, files, load, main, run, skip, tone

EXPORTS = {"conversation.json", "report.html", "source.json", "utterances.csv"}
work = pathlib.Path(tempfile.mkdtemp(prefix="ut_e2e_"))
# Voice only and bundled models: what works on every machine, and quickly.
BUNDLED = ["--asr_model", "none", "--vad_model", "bundled", "--speaker_model", "bundled", "--text_model", "bundled"]


def sample_document(folder):
    found = list(pathlib.Path(folder).rglob("conversation.json"))
    assert len(found) == 1, found
    return found[0]


def test_run_gives_a_valid_document_and_every_export():
    out, err = run("run", "--audio_dir", SAMPLE, "--output_dir", work / "run", *BUNDLED)
    document = sample_document(work / "run")
    conversation = check_document(document)
    assert conversation["utterances"], "no speech found in the sample"
    assert all(u["emotion"] for u in conversation["utterances"])
    names = set(os.listdir(document.parent))
    assert EXPORTS <= names, names
    assert any(n.endswith(".srt") for n in names) and any(n.endswith(".rttm") for n in names)
    assert not [n for n in files(work / "run") if n.endswith(".part")]
    with open(document.parent / "utterances.csv", newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(conversation["utterances"])
    assert "SPEAKER_00" in out and "error" not in err


def test_the_steps_one_by_one_give_the_same_bytes():
    run("transcribe", SAMPLE, "--output_dir", work / "t", *BUNDLED[:6])
    run("extract", work / "t", "--output-dir", work / "x", "--text-model=bundled")
    run("analyze", work / "x", "--output_dir", work / "a", "--text_model", "bundled")
    together = sample_document(work / "run").read_bytes()
    assert sample_document(work / "a").read_bytes() == together


def test_voices_heard_by_another_edition_are_not_judged():
    run("extract", work / "t", "--output_dir", work / "old", "--text_model=bundled")
    path = sample_document(work / "old")
    text = path.read_text(encoding="utf-8")
    mark = next(u["voice"]["model"] for u in load(path)["utterances"] if u.get("voice"))
    assert re.fullmatch("voice-net@[0-9a-f]{8}", mark), mark
    path.write_text(text.replace(mark, "voice-net@00000000"), encoding="utf-8")
    run("analyze", work / "old", "--output_dir", work / "not", "--text_model", "bundled")
    conversation = check_document(sample_document(work / "not"))
    assert any("voice-net@00000000" in note for note in conversation["provenance"]["notes"]), conversation["provenance"]["notes"]
    assert not any("acoustic" in u["emotion"]["opinions"] for u in conversation["utterances"])


def test_words_of_another_edition_are_refused():
    """The sample's document, its first utterance said in words that some encoder has embedded."""
    def document(model):
        shutil.rmtree(work / "said", ignore_errors=True)
        shutil.copytree(work / "x", work / "said")
        path = sample_document(work / "said")
        conversation = load(path)
        vector = base64.b64encode(struct.pack("<384f", 1, *[0] * 383)).decode()
        conversation["utterances"][0] |= {"text": "I am so sorry.", "text_embedding": {"model": model, "f32": vector}}
        path.write_text(json.dumps(conversation), encoding="utf-8")
        return "analyze", work / "said", "--output_dir", work / "said out", "--text_model", "bundled"

    _, err = run(*document("undertone-static-160@00000000"), expect=1)
    mark = re.search("undertone-static-160@(?!0{8})[0-9a-f]{8}", err)
    assert mark and "extract again" in err, err
    for model in (mark.group(), "undertone-static-160"):  # with no edition: of a program that knows of none
        run(*document(model))
        first = check_document(sample_document(work / "said out"))["utterances"][0]
        assert "text" in first["emotion"]["opinions"] and first["text_embedding"]["model"] == mark.group(), first


def test_clock_place_and_jobs_change_nothing():
    elsewhere = work / "else where" / "raw"
    shutil.copytree(SAMPLE, elsewhere)
    recording = next(p for p in elsewhere.iterdir() if p.suffix in (".flac", ".wav"))
    run("run", "--audio_dir", elsewhere, "--output_dir", work / "again", "--jobs", "2", *BUNDLED)
    assert sample_document(work / "again").read_bytes() == sample_document(work / "run").read_bytes()
    os.remove(recording)


def test_scores_are_written_with_pictures():
    out, _ = run(
        "evaluate", "--predictions", work / "run", "--ground_truth", ROOT / "data" / "ground_truth.json",
        "--evaluation_output", work / "eval" / "results.json",
    )
    assert "accuracy" in out.lower()
    load(work / "eval" / "results.json")
    names = files(work / "eval")
    for kind in ("confusion_matrix", "reliability"):
        for ending in ("svg", "png"):
            assert f"results.{kind}.{ending}" in names, names


def test_one_bad_file_fails_alone():
    folder = work / "mixed"
    folder.mkdir()
    tone(folder / "silence.wav", level=0)
    tone(folder / "tone.wav")
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("this is no audio")
    (folder / "line\nbreak.wav").write_text("nor is this")
    (folder / "cut.flac").write_bytes((next(SAMPLE.glob("*.flac"))).read_bytes()[:100])
    _, err = run("run", "--audio_dir", folder, "--output_dir", work / "m", *BUNDLED, expect=1)
    for name in ("empty.wav", "text.wav", "line?break.wav", "cut.flac"):
        assert re.search(rf"error: .*{re.escape(name)}", err), (name, err)
    assert "4 of 6 files failed" in err
    for name in ("silence", "tone"):
        check_document(work / "m" / name / "conversation.json")
    assert not [n for n in files(work / "m") if "empty" in n or n.endswith(".part")]


def test_names_that_would_collide_keep_their_endings():
    folder = work / "collide"
    (folder / "sub").mkdir(parents=True)
    tone(folder / "a.wav", level=0)
    source = next(SAMPLE.glob("*.flac"))
    shutil.copy(folder / "a.wav", folder / "sub" / "a.wav")
    shutil.copy(source, folder / "a.flac")
    run("transcribe", folder, "--output_dir", work / "c", *BUNDLED[:6])
    got = {n for n in files(work / "c") if n.endswith("conversation.json")}
    assert got == {"a.wav/conversation.json", "a.flac/conversation.json", "sub/a/conversation.json"}, got


def test_wrong_usage_is_2_and_says_what_is_right():
    for arguments, word in [
        (["run"], "usage"),
        (["run", "--nonsense"], "--nonsense"),
        (["run", "--jobs", "many", "--audio_dir", "x", "--output_dir", "y"], "jobs"),
        (["run", "--channels", "left"], "auto|mix|split"),
        (["run", "--modalities", "smell", "--audio_dir", "x", "--output_dir", "y"], "audio,text,context"),
        (["run", "--audio_dir", SAMPLE, "--output_dir", work / "z", "--ground_truth", "x"], "evaluation_output"),
        (["dance"], "dance"),
    ]:
        _, err = run(*arguments, expect=2)
        assert word in err, (arguments, err)
    for arguments in (["--help"], ["run", "--help"], ["transcribe", "--help"], ["evaluate", "--help"]):
        out, err = run(*arguments)
        assert "usage" in out or "undertone" in out
        assert not err


def test_errors_name_the_file_and_the_remedy():
    cases = [
        (["run", "--audio_dir", work / "nowhere", "--output_dir", work / "z", *BUNDLED], "nowhere"),
        (["run", "--audio_dir", SAMPLE, "--output_dir", "/proc/nowhere", *BUNDLED], "/proc/nowhere"),
        (["run", "--audio_dir", SAMPLE, "--output_dir", work / "z", "--asr_model", "whisper-none"], "whisper-none"),
        (["extract", SAMPLE, "--output_dir", work / "z"], "undertone transcribe"),
    ]
    for arguments, word in cases:
        _, err = run(*arguments, expect=1)
        assert word in err, (arguments, err)


def test_settings_come_from_files_and_the_environment():
    config = work / "settings.yaml"
    config.write_text(f"asr_model: none\nvad_model: bundled\nspeaker_model: bundled\noutput_dir: {work / 'y'}\n")
    tone(work / "one.wav", level=0)
    run("transcribe", work / "one.wav", "--config", config)
    assert (work / "y" / "one" / "conversation.json").exists()
    run("transcribe", work / "one.wav", "--config", config, env={"UNDERTONE_OUTPUT_DIR": str(work / "env")})
    assert (work / "env" / "one" / "conversation.json").exists()
    config.write_text("asr_model: none\nsurprise: 1\n")
    _, err = run("transcribe", work / "one.wav", "--config", config, "--output_dir", work / "z", expect=2)
    assert "line 2" in err and "surprise" in err
    (work / ".env").write_text("this is not a setting\n")
    _, err = run("transcribe", work / "one.wav", "--output_dir", work / "z", expect=2, cwd=work)
    assert ".env, line 1" in err
    (work / ".env").unlink()


def test_a_damaged_document_is_named():
    folder = work / "damaged"
    folder.mkdir()
    (folder / "conversation.json").write_text('{"format": "undertone-conversation", "version": 1')
    _, err = run("analyze", folder, "--output_dir", work / "z", expect=1)
    assert "conversation.json" in err and "line" in err


def test_damaged_weights_are_refused_by_name():
    models = work / "models"
    shutil.copytree(ROOT / "models", models)
    for path in models.rglob("*"):
        os.chmod(path, path.stat().st_mode | stat.S_IWUSR)
    target = models / "speech" / "vad-small.safetensors"
    target.write_bytes(target.read_bytes()[:-100])
    _, err = run("transcribe", work / "one.wav", "--output_dir", work / "z", "--models_dir", models, *BUNDLED[:6], expect=1)
    assert "vad-small.safetensors" in err, err


if __name__ == "__main__":
    if not list(SAMPLE.glob("*.flac")):
        skip("everything", "the sample is not there")
        raise SystemExit(77)
    try:
        main([value for name, value in list(globals().items()) if name.startswith("test_")])
    finally:
        shutil.rmtree(work, ignore_errors=True)
