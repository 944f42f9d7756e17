#!/usr/bin/env python3
"""Two-channel calls (--channels), every set of --modalities, and what `.env` may hold."""
import itertools
import json
import pathlib
import shutil
import subprocess
import tempfile
import wave

from support import BINARY, ROOT, SAMPLE, check_document, files, installed, load, main, run, skip, tone

RATE = 16000
SECONDS = 38  # of the sample: ten utterances, turn by turn
LISTEN = ["--asr_model", "none", "--vad_model", "bundled", "--speaker_model", "bundled"]
MODALITIES = ["audio", "text", "context"]
work = pathlib.Path(tempfile.mkdtemp(prefix="ut_calls_"))


def truth():
    return [u for u in load(ROOT / "data" / "ground_truth.json")["watch_repair.flac"] if u["end"] < SECONDS]


def decoded():
    """The sample's first seconds, 16-bit samples."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(next(SAMPLE.glob("*.flac"))), "-t", str(SECONDS)]
    raw = subprocess.run([*command, "-f", "s16le", "-ar", str(RATE), "-ac", "1", "-"], capture_output=True, check=True)
    return raw.stdout


def write(path, channels):
    """Channels of equal length as one WAV file."""
    frames = bytearray(len(channels[0]) * len(channels))
    width = 2 * len(channels)
    for i, channel in enumerate(channels):
        frames[2 * i :: width] = channel[0::2]
        frames[2 * i + 1 :: width] = channel[1::2]
    with wave.open(str(path), "wb") as out:
        out.setparams((len(channels), 2, RATE, 0, "NONE", ""))
        out.writeframes(bytes(frames))
    return path


def parties(pcm):
    """Two tracks: what the agent says and what the customer says, the other one's turns silent."""
    tracks = {"agent": bytearray(len(pcm)), "customer": bytearray(len(pcm))}
    for u in truth():
        a, b = (2 * int(RATE * (t + shift)) for t, shift in ((u["start"], -0.1), (u["end"], 0.1)))
        tracks[u["speaker"]][a:b] = pcm[a:b]
    return tracks["agent"], tracks["customer"]


def transcribed(path, name, *options):
    """(document, its bytes)"""
    out = work / name
    run("transcribe", path, "--output_dir", out, *LISTEN, *options)
    document = out / path.stem / "conversation.json"
    return check_document(document), document.read_bytes()


def right_speakers(document):
    """The share of truth's speech that carries its own party's speaker: 0 left, 1 right."""
    said = right = 0.0
    for t in truth():
        own = document["speakers"][0 if t["speaker"] == "agent" else 1]
        for u in document["utterances"]:
            overlap = min(t["end"], u["end"]) - max(t["start"], u["start"])
            if overlap > 0:
                said += overlap
                right += overlap * (u["speaker"] == own)
    assert said > 0.8 * sum(t["end"] - t["start"] for t in truth()), "speech was missed"
    return right / said


def test_a_party_a_channel():
    call = write(work / "call.wav", parties(decoded()))
    document, auto = transcribed(call, "auto")
    assert document["provenance"]["settings"]["channels"] == "split", document["provenance"]["settings"]
    assert document["source"]["channels"] == 2 and len(document["speakers"]) == 2
    assert right_speakers(document) > 0.99
    assert transcribed(call, "split", "--channels", "split")[1] == auto, "what auto finds is what split does"
    document, _ = transcribed(call, "mix", "--channels", "mix")
    assert document["provenance"]["settings"]["channels"] == "mix"


def test_words_of_a_party_are_its_own():
    if not installed("whisper-base"):
        return skip("words of a two-channel call", "whisper-base is not pulled")
    call = write(work / "words.wav", parties(decoded()))
    out = work / "words"
    run("transcribe", call, "--output_dir", out, *LISTEN[2:], "--asr_model", "whisper-base", "--beam_size", "1")
    document = check_document(out / "words" / "conversation.json")
    assert document["provenance"]["settings"]["channels"] == "split"
    for party, name in (("agent", document["speakers"][0]), ("customer", document["speakers"][1])):
        mine = {w for t in truth() if t["speaker"] == party for w in spoken(t["text"])}
        others = {w for t in truth() if t["speaker"] != party for w in spoken(t["text"])} - mine
        heard = [w for u in document["utterances"] if u["speaker"] == name for w in spoken(u["text"])]
        assert len([w for w in heard if w in mine]) > 0.85 * len(heard), (party, heard)
        assert not [w for w in heard if w in others], (party, heard)
    return None


def spoken(text):
    return "".join(c if c.isalpha() else " " for c in text.lower()).split()


def test_channels_that_hold_the_same():
    pcm = decoded()
    twice = write(work / "twice.wav", (pcm, pcm))
    document, _ = transcribed(twice, "twice_auto")
    assert document["provenance"]["settings"]["channels"] == "mix"
    document, _ = transcribed(twice, "twice_split", "--channels", "split")
    assert any("--channels mix" in note for note in document["provenance"]["notes"]), document["provenance"]["notes"]
    document, _ = transcribed(write(work / "mono.wav", (pcm,)), "mono", "--channels", "split")
    assert document["provenance"]["settings"]["channels"] == "mix"
    assert any("one channel" in note for note in document["provenance"]["notes"]), document["provenance"]["notes"]


def document_with_words():
    """The sample as extract leaves it, with truth's words: no recogniser is needed."""
    call = write(work / "sample.wav", (decoded(),))
    run("transcribe", call, "--output_dir", work / "heard", *LISTEN)
    document = load(work / "heard" / "sample" / "conversation.json")
    first = document["utterances"][0]
    document["utterances"] = [
        {**first, "index": i, "start": t["start"], "end": t["end"], "text": t["text"], "text_confidence": 0.9}
        for i, t in enumerate(truth())
    ]
    (work / "told").mkdir()
    with open(work / "told" / "conversation.json", "w", encoding="utf-8") as file:
        json.dump(document, file)
    run("extract", work / "told", "--audio_dir", work, "--output_dir", work / "measured", "--text_model", "bundled")
    return work / "measured"


def test_every_set_of_modalities():
    document = document_with_words()
    seen = {}
    for count in (1, 2, 3):
        for asked in itertools.combinations(MODALITIES, count):
            out = work / "_".join(asked)
            options = ["--text_model", "bundled", "--no_retrieval", "--modalities", ",".join(asked)]
            run("analyze", document, "--output_dir", out, *options)
            judged = check_document(out / "sample" / "conversation.json")["utterances"]
            heard = {name for u in judged for name in u["emotion"]["opinions"]}
            assert heard == {"acoustic" if m == "audio" else m for m in asked}, (asked, heard)
            seen[asked] = str([u["emotion"]["probabilities"] for u in judged])
    assert len(set(seen.values())) == 7, "two sets judge the same"
    run("analyze", document, "--output_dir", work / "default", "--text_model", "bundled", "--no-retrieval")
    assert (work / "default" / "sample" / "conversation.json").read_bytes() == (
        work / "audio_text_context" / "sample" / "conversation.json"
    ).read_bytes()
    again = work / "another_order"
    run("analyze", document, "--output_dir", again, *options[:3], "--modalities=context,audio,text")
    assert (again / "sample" / "conversation.json").read_bytes() == (
        work / "audio_text_context" / "sample" / "conversation.json"
    ).read_bytes()


def test_dotenv():
    folder = work / "here"
    folder.mkdir()
    tone(folder / "one.wav", seconds=0.5)
    arguments = ["run", "--audio_dir", "one.wav", "--output_dir", "out", *LISTEN, "--text_model", "bundled"]
    environment = {"OPENAI_API_KEY": "", "CUDA_VISIBLE_DEVICES": ""}
    _, err = run(*arguments, cwd=folder, env=environment)
    assert "OPENAI_API_KEY" not in err, err
    (folder / ".env").write_text("OPENAI_API_KEY=k # of a test\nCUDA_VISIBLE_DEVICES=0\nUNDERTONE_OUTPUT_DIR=other\n")
    _, err = run(*arguments, cwd=folder, env=environment)  # what is set, and be it to nothing, goes before the file
    assert "OPENAI_API_KEY" not in err, err
    plain = folder / "out" / "one" / "conversation.json"
    before = plain.read_bytes()
    command = ["env", "-u", "OPENAI_API_KEY", "-u", "CUDA_VISIBLE_DEVICES"]
    done = subprocess.run(
        [*command, str(BINARY), "run", "--audio_dir", "one.wav", *arguments[5:]], cwd=folder, capture_output=True,
        text=True, timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert len([line for line in done.stderr.splitlines() if "OPENAI_API_KEY" in line and "--llm" in line]) == 1
    assert files(folder / "other") and (folder / "other" / "one" / "conversation.json").read_bytes() == before


if __name__ == "__main__":
    if not list(SAMPLE.glob("*.flac")):
        skip("everything", "the sample is not there")
        raise SystemExit(77)
    try:
        main([value for name, value in list(globals().items()) if name.startswith("test_")])
    finally:
        shutil.rmtree(work, ignore_errors=True)
