"""Training as a ZenML pipeline: one step that calls `undertone train`.

    python -m pipelines.training_pipeline --train_data_path ... --val_data_path ... --model_output_path ...
"""
import argparse
import hashlib
import pathlib
import sys
import tempfile
from typing import Annotated

from zenml import pipeline, step

from undertone_zenml import program
from undertone_zenml.results import Model, ModelMaterializer


def hash_data(path: str) -> str:
    """Of every file's name and contents in a folder of labelled utterances, or in that of a manifest."""
    root = pathlib.Path(path)
    if not root.exists():
        raise FileNotFoundError(f"there is no {path}")
    root = root if root.is_dir() else root.parent
    digest = hashlib.sha256()
    for found in sorted(p for p in root.rglob("*") if p.is_file()):
        digest.update(f"{found.relative_to(root)}\0{program.hash_file(found)}\n".encode())
    return digest.hexdigest()


@step(output_materializers=ModelMaterializer)
def train(
    train_data_path: str, val_data_path: str, name: str, data_sha256: str, fingerprint: str, options: list[str]
) -> Annotated[Model, "emotion_classifier"]:
    """The trained model's file and what lies beside it."""
    with tempfile.TemporaryDirectory(prefix="undertone_") as folder:
        program.call(
            "train", "--train_data_path", train_data_path, "--val_data_path", val_data_path, "--model_output_path",
            str(pathlib.Path(folder) / name), *options,
        )
        return Model.gather(name, pathlib.Path(folder))


@step(enable_cache=False)
def publish_model(model: Model, folder: str) -> None:
    """Lays the model where it was asked for, also when it came from the cache."""
    model.write(pathlib.Path(folder))


@pipeline(name="emotion_training")
def training_pipeline(
    train_data_path: str, val_data_path: str, model_output_path: str, options: list[str] | None = None
) -> None:
    data = [str(pathlib.Path(p).resolve()) for p in (train_data_path, val_data_path)]
    output = pathlib.Path(model_output_path).resolve()
    model = train(*data, output.name, hash_data(data[0]) + hash_data(data[1]), program.fingerprint(), options or [])
    publish_model(model, str(output.parent))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train_data_path", required=True)
    parser.add_argument("--val_data_path", required=True)
    parser.add_argument("--model_output_path", required=True)
    arguments, options = parser.parse_known_args()
    run = training_pipeline(
        arguments.train_data_path, arguments.val_data_path, arguments.model_output_path, options
    )
    return program.exit_status(run)


if __name__ == "__main__":
    sys.exit(main())
