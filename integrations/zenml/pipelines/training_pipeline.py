"""Training as a ZenML pipeline: one step that calls `undertone train`.

    python -m pipelines.training_pipeline --train_data_path ... --val_data_path ... --model_output_path ...
"""
import argparse
import hashlib
import pathlib
import sys
from typing import Annotated

from zenml import pipeline, step

from undertone_zenml import program


def hash_folder(folder: str) -> str:
    """Of every file's name and contents."""
    root = pathlib.Path(folder)
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        digest.update(f"{path.relative_to(root)}\0{program.hash_file(path)}\n".encode())
    return digest.hexdigest()


@step
def train(
    train_data_path: str, val_data_path: str, model_output_path: str, data_sha256: str, fingerprint: str,
    options: list[str],
) -> Annotated[bytes, "emotion_classifier"]:
    """The trained model's file."""
    program.call(
        "train", "--train_data_path", train_data_path, "--val_data_path", val_data_path, "--model_output_path",
        model_output_path, *options,
    )
    return pathlib.Path(model_output_path).read_bytes()


@step(enable_cache=False)
def publish_model(model: bytes, model_output_path: str) -> None:
    """Lays the model where it was asked for, also when it came from the cache."""
    path = pathlib.Path(model_output_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != model:
        path.write_bytes(model)


@pipeline(name="emotion_training")
def training_pipeline(
    train_data_path: str, val_data_path: str, model_output_path: str, options: list[str] | None = None
) -> None:
    paths = [str(pathlib.Path(p).resolve()) for p in (train_data_path, val_data_path, model_output_path)]
    data = hash_folder(paths[0]) + hash_folder(paths[1])
    publish_model(train(*paths, data, program.fingerprint(), options or []), paths[2])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train_data_path", required=True)
    parser.add_argument("--val_data_path", required=True)
    parser.add_argument("--model_output_path", required=True)
    arguments, options = parser.parse_known_args()
    if not program.has_command("train"):
        print("this build of undertone has no command `train`; update it", file=sys.stderr)
        return 2
    training_pipeline(
        arguments.train_data_path, arguments.val_data_path, arguments.model_output_path, options
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
