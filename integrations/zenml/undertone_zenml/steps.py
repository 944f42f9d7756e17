"""One ZenML step for each of the program's. A step's cache key holds the hash of the recording, of the program and
of the models, since ZenML compares parameters and artifacts, never files."""
import json
import os
import pathlib
import tempfile
from typing import Annotated

from zenml import step
from zenml.client import Client

from undertone_zenml import program
from undertone_zenml.results import Result, ResultMaterializer, Scores, ScoresMaterializer


def _secret(name: str, variable: str) -> dict[str, str]:
    """The text of a ZenML secret, whatever its key is called: `--api_key=...` today, `--value=...` before."""
    if os.environ.get(variable):
        return {}
    try:
        values = Client().get_secret(name).secret_values
    except KeyError:
        return {}
    for key in ("api_key", "value", "token"):
        if values.get(key):
            return {variable: values[key]}
    return {}


def _run(command: str, source: pathlib.Path, options: list[str], environment: dict[str, str] | None = None) -> Result:
    with tempfile.TemporaryDirectory(prefix="undertone_") as work:
        program.call(command, str(source), "--output_dir", work, *options, environment=environment)
        return Result.read(pathlib.Path(work))


@step(output_materializers=ResultMaterializer)
def transcribe(
    audio_dir: str, file: str, sha256: str, fingerprint: str, options: list[str]
) -> Annotated[Result, "transcript"]:
    """Who spoke when, and what was said, in one recording."""
    source = pathlib.Path(audio_dir) / file
    if program.hash_file(source) != sha256:
        raise RuntimeError(f"{source} was changed since the pipeline began; run it again")
    # A folder with the one recording at its place, so that its name is as `undertone run` gives it.
    with tempfile.TemporaryDirectory(prefix="undertone_") as folder:
        staged = pathlib.Path(folder) / file
        staged.parent.mkdir(parents=True, exist_ok=True)
        staged.symlink_to(source.resolve())
        result = _run("transcribe", pathlib.Path(folder), options, _secret("hf_token", "HF_TOKEN"))
    result.files.pop("source.json", None)  # names the folder above, which is gone
    return result


@step(output_materializers=ResultMaterializer)
def extract(
    transcript: Result, audio_dir: str, fingerprint: str, options: list[str]
) -> Annotated[Result, "features"]:
    """What can be measured in each utterance's voice, and its words as a vector."""
    with tempfile.TemporaryDirectory(prefix="undertone_") as folder:
        transcript.lay(pathlib.Path(folder))
        result = _run("extract", pathlib.Path(folder), ["--audio_dir", audio_dir, *options])
    result.files.pop("source.json", None)
    return result


@step(output_materializers=ResultMaterializer)
def analyze(features: Result, audio_dir: str, fingerprint: str, options: list[str]) -> Annotated[Result, "emotions"]:
    """The emotion of each utterance, and why; with the report, which carries the recording where it can be reached."""
    with tempfile.TemporaryDirectory(prefix="undertone_") as folder:
        document = features.lay(pathlib.Path(folder))
        recording = pathlib.Path(audio_dir) / features.conversation["source"]["file"]
        document.with_name("source.json").write_text(json.dumps({"recording": str(recording)}), encoding="utf-8")
        return _run("analyze", pathlib.Path(folder), options, _secret("openai_api_key", "OPENAI_API_KEY"))


@step(enable_cache=False)
def publish(results: list[Result], output_dir: str) -> Annotated[int, "conversations"]:
    """Lays the results into a folder, as `undertone run` does."""
    for result in results:
        result.lay(pathlib.Path(output_dir))
    return len(results)


@step(output_materializers=ScoresMaterializer)
def evaluate(results: list[Result], ground_truth: str, truth_sha256: str, fingerprint: str) -> Annotated[Scores, "scores"]:
    """Scores against labelled utterances."""
    with tempfile.TemporaryDirectory(prefix="undertone_") as folder:
        predictions = pathlib.Path(folder) / "results"
        for result in results:
            result.lay(predictions)
        output = pathlib.Path(folder) / "scores.json"
        program.call(
            "evaluate", "--predictions", str(predictions), "--ground_truth", ground_truth, "--evaluation_output",
            str(output),
        )
        return Scores.gather(output.name, output.parent)


@step(enable_cache=False)
def publish_scores(scores: Scores, evaluation_output: str) -> None:
    """Lays the scores and their pictures where they were asked for."""
    output = pathlib.Path(evaluation_output)
    output.parent.mkdir(parents=True, exist_ok=True)
    for name, data in scores.files.items():
        (output if name == "scores.json" else output.with_suffix(name.removeprefix("scores"))).write_bytes(data)
    for name, value in scores.scores.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            print(f"{name}: {value}")
