"""Recordings to explained emotions: a chain of three steps for each recording, so that an orchestrator that can work
on many at once does."""
import pathlib
import re

from zenml import pipeline

from undertone_zenml import program
from undertone_zenml.steps import analyze, evaluate, extract, publish, publish_scores, transcribe

ENDINGS = {
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".mp4", ".webm", ".amr", ".wma", ".aac", ".aif",
    ".aiff", ".au", ".caf", ".w64", ".mkv", ".mov", ".3gp", ".avi",
}


def recordings(audio_dir: str) -> list[str]:
    """Recordings below a folder, as `undertone run` finds them."""
    root = pathlib.Path(audio_dir)
    if not root.is_dir():
        raise FileNotFoundError(f"there is no folder {audio_dir}")
    found = sorted(
        str(p.relative_to(root)) for p in root.rglob("*")
        if p.suffix.lower() in ENDINGS and p.is_file() and not any(q.startswith(".") for q in p.relative_to(root).parts)
    )
    if not found:
        raise FileNotFoundError(f"{audio_dir} holds no recordings")
    stems = [str(pathlib.PurePath(f).with_suffix("")) for f in found]
    twice = {s for s in stems if stems.count(s) > 1}
    if twice:
        raise ValueError(f"recordings of one name but for the ending cannot be told apart here: {sorted(twice)}")
    return found


def step_id(name: str, file: str, taken: set[str]) -> str:
    """ZenML's names of steps are plain letters."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", f"{name}_{pathlib.PurePath(file).with_suffix('')}").strip("_")
    unique, i = plain, 2
    while unique in taken:
        unique, i = f"{plain}_{i}", i + 1
    taken.add(unique)
    return unique


@pipeline(name="emotion_recognition")
def emotion_pipeline(
    audio_dir: str,
    output_dir: str,
    ground_truth: str = "",
    evaluation_output: str = "",
    transcribe_options: list[str] | None = None,
    extract_options: list[str] | None = None,
    analyze_options: list[str] | None = None,
) -> None:
    root = str(pathlib.Path(audio_dir).resolve())
    fingerprint = program.fingerprint()
    taken: set[str] = set()
    results = []
    for file in recordings(root):
        sha256 = program.hash_file(pathlib.Path(root) / file)
        transcript = transcribe(
            root, file, sha256, fingerprint, transcribe_options or [], id=step_id("transcribe", file, taken)
        )
        features = extract(
            transcript, root, fingerprint, extract_options or [], id=step_id("extract", file, taken)
        )
        results.append(analyze(features, root, fingerprint, analyze_options or [], id=step_id("analyze", file, taken)))
    publish(results, str(pathlib.Path(output_dir).resolve()))
    if ground_truth:
        truth = pathlib.Path(ground_truth).resolve()
        scores = evaluate(results, str(truth), program.hash_file(truth), fingerprint)
        publish_scores(scores, str(pathlib.Path(evaluation_output).resolve()))
