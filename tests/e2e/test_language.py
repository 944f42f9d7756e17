"""The language of a recording whose first stretch of speech does not tell: windows vote."""
import os
import pathlib
import subprocess
import tempfile

import support

DATA = pathlib.Path(os.environ.get("UNDERTONE_TEST_DATA", support.ROOT / ".." / "shared"))
NEMO = DATA / "data" / "emotion" / "nemo"
# Whisper base hears Portuguese in the first alone (0.24) and Polish in the others (0.99 and more).
CLIPS = ["EB0_fear_59.opus", "EB0_fear_18.opus", "EB0_anger_75.opus", "EB0_happiness_26.opus"]


def join(clips, path):
    """The clips one behind another with pauses that end a window."""
    inputs = [part for clip in clips for part in ("-i", str(NEMO / clip))]
    padded = "".join(f"[{i}]apad=pad_dur=6[p{i}];" for i in range(len(clips)))
    graph = padded + "".join(f"[p{i}]" for i in range(len(clips))) + f"concat=n={len(clips)}:v=0:a=1"
    command = ["ffmpeg", "-v", "error", "-y", *inputs, "-filter_complex", graph, "-ar", "16000", "-ac", "1", str(path)]
    subprocess.run(command, check=True)


def heard(path, *options):
    """(language, what the utterances say)"""
    folder = path.with_suffix("")
    support.run("transcribe", path, "--output_dir", folder, "--asr_model", "whisper-base", "--beam_size", "1", *options)
    document = support.load(folder / path.stem / "conversation.json")
    return document["language"], [u["text"] for u in document["utterances"]]


def test_vote():
    if not (NEMO / CLIPS[0]).exists():
        return support.skip("language of Polish recordings", f"{NEMO} is not there")
    if not support.installed("whisper-base"):
        return support.skip("language of Polish recordings", "whisper-base is not pulled")
    with tempfile.TemporaryDirectory() as name:
        one, four = pathlib.Path(name) / "one.wav", pathlib.Path(name) / "four.wav"
        join(CLIPS[:1], one)
        join(CLIPS, four)
        language, alone = heard(one)
        assert language != "pl", "the first clip tells its language now; choose another"
        language, together = heard(four)
        assert language == "pl", language
        assert together == heard(four, "--language", "pl")[1], "the unsure window is not decoded in the elected language"
        assert together[0] != alone[0]
    return None


support.main([test_vote])
