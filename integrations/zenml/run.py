"""The whole analysis as a ZenML pipeline, with the flags of `undertone run`:

    python run.py --audio_dir data/raw/ --output_dir results/
    python run.py --audio_dir data/raw/ --output_dir results/ --ground_truth gt.json --evaluation_output eval/results.json

Other options of `undertone transcribe`, `extract` and `analyze` go to the steps that know them."""
import argparse
import re
import subprocess
import sys

from pipelines.emotion_pipeline import emotion_pipeline
from undertone_zenml import program

STEPS = ("transcribe", "extract", "analyze")
OURS = {"audio_dir", "output_dir", "jobs", "help", "quiet"}


def known_options(step: str) -> dict[str, bool]:
    """The options of a step, by its --help; True where a value follows."""
    text = subprocess.run([program.find(), step, "--help"], capture_output=True, text=True, check=True).stdout
    lines = re.findall(r"^  --(\w+)(?: (\S+))?(?= |$)", text, flags=re.M)
    return {name: bool(value) for name, value in lines if name not in OURS}


def sort_options(rest: list[str]) -> dict[str, list[str]]:
    """Each option to every step that knows it. SystemExit for one that none knows."""
    known = {step: known_options(step) for step in STEPS}
    found: dict[str, list[str]] = {step: [] for step in STEPS}
    i = 0
    while i < len(rest):
        name, equals, value = rest[i].removeprefix("--").partition("=")
        name = name.replace("-", "_")
        takers = [s for s in STEPS if name in known[s]]
        if not rest[i].startswith("--") or not takers:
            sys.exit(f"run.py: there is no option {rest[i]}; `undertone run --help` lists them")
        option = [f"--{name}"]
        if known[takers[0]][name]:
            if not equals:
                i += 1
                if i == len(rest):
                    sys.exit(f"run.py: --{name} needs a value")
                value = rest[i]
            option.append(value)
        for step in takers:
            found[step] += option
        i += 1
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio_dir", "--audio-dir", required=True)
    parser.add_argument("--output_dir", "--output-dir", required=True)
    parser.add_argument("--ground_truth", "--ground-truth", default="")
    parser.add_argument("--evaluation_output", "--evaluation-output", default="")
    arguments, rest = parser.parse_known_args()
    if bool(arguments.ground_truth) != bool(arguments.evaluation_output):
        parser.error("--ground_truth and --evaluation_output belong together")
    options = sort_options(rest)
    run = emotion_pipeline(
        audio_dir=arguments.audio_dir,
        output_dir=arguments.output_dir,
        ground_truth=arguments.ground_truth,
        evaluation_output=arguments.evaluation_output,
        **{f"{step}_options": found for step, found in options.items()},
    )
    return program.exit_status(run)


if __name__ == "__main__":
    sys.exit(main())
