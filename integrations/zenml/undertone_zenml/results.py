"""The artifacts: what a step wrote for one conversation, the scores, and a trained model."""
import hashlib
import json
import os
import pathlib
import struct
from typing import Any

from zenml.enums import ArtifactType, VisualizationType
from zenml.io import fileio
from zenml.materializers.base_materializer import BaseMaterializer

PICTURES = {".html": VisualizationType.HTML, ".png": VisualizationType.IMAGE, ".md": VisualizationType.MARKDOWN}


class Files:
    """Files by name, and what they are called together: a conversation's place in the results, the scores' or the model's
    file."""

    def __init__(self, identity: str, files: dict[str, bytes]):
        self.id = identity
        self.files = files

    @classmethod
    def gather(cls, identity: str, folder: pathlib.Path):
        return cls(identity, {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file()})

    def write(self, target: pathlib.Path) -> None:
        """Lays them into a folder, each whole or not at all."""
        target.mkdir(parents=True, exist_ok=True)
        for name, data in self.files.items():
            part = target / f".{name}.part"
            part.write_bytes(data)
            os.replace(part, target / name)

    def metadata(self) -> dict[str, Any]:
        """What ZenML's page shows beside the files."""
        return {}


class FilesMaterializer(BaseMaterializer):
    """Keeps files as files; pages and pictures among them are the artifact's visualizations."""

    SKIP_REGISTRATION = True
    ASSOCIATED_ARTIFACT_TYPE = ArtifactType.DATA

    def save(self, data: Files) -> None:
        for name, contents in {**data.files, "id": data.id.encode()}.items():
            with fileio.open(os.path.join(self.uri, name), "wb") as file:
                file.write(contents)

    def load(self, data_type: type) -> Files:
        files = {}
        for name in fileio.listdir(self.uri):
            with fileio.open(os.path.join(self.uri, name), "rb") as file:
                files[str(name)] = file.read()
        return data_type(files.pop("id").decode(), files)

    def save_visualizations(self, data: Files) -> dict[str, VisualizationType]:
        endings = {name: os.path.splitext(name)[1] for name in data.files}
        return {os.path.join(self.uri, n): PICTURES[e] for n, e in endings.items() if e in PICTURES}

    def extract_metadata(self, data: Files) -> dict[str, Any]:
        return data.metadata()


class Result(Files):
    """Files of one conversation, conversation.json among them."""

    @classmethod
    def read(cls, folder: pathlib.Path) -> "Result":
        """The one conversation below a folder that `undertone` wrote."""
        (document,) = pathlib.Path(folder).rglob("conversation.json")
        return cls.gather(str(document.parent.relative_to(folder)), document.parent)

    def lay(self, folder: pathlib.Path) -> pathlib.Path:
        """Where `undertone` would have written them; the document."""
        self.write(pathlib.Path(folder) / self.id)
        return pathlib.Path(folder) / self.id / "conversation.json"

    @property
    def conversation(self) -> dict[str, Any]:
        return json.loads(self.files["conversation.json"])

    def metadata(self) -> dict[str, Any]:
        c = self.conversation
        found = {
            "file": c["source"]["file"],
            "sha256": c["source"]["sha256"],
            "seconds": c["source"]["duration"],
            "speakers": len(c["speakers"]),
            "utterances": len(c["utterances"]),
        }
        models = c.get("provenance", {}).get("models", [])
        found["models"] = {m["job"]: f"{m['name']} {m['sha256'][:12]}" for m in models}
        return found


class ResultMaterializer(FilesMaterializer):
    ASSOCIATED_TYPES = (Result,)

    def save_visualizations(self, data: Result) -> dict[str, VisualizationType]:
        """The report; before there is one, the document."""
        document = {os.path.join(self.uri, "conversation.json"): VisualizationType.JSON}
        return super().save_visualizations(data) or document


class Scores(Files):
    """What `undertone evaluate` wrote: the scores as JSON, and pictures beside it."""

    @property
    def scores(self) -> dict[str, Any]:
        return json.loads(self.files[self.id])

    def metadata(self) -> dict[str, Any]:
        return {k: v for k, v in self.scores.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}


class ScoresMaterializer(FilesMaterializer):
    ASSOCIATED_TYPES = (Scores,)
    ASSOCIATED_ARTIFACT_TYPE = ArtifactType.DATA_ANALYSIS


class Model(Files):
    """What `undertone train` wrote: heads in the safetensors format, and what lies beside them."""

    def metadata(self) -> dict[str, Any]:
        """The model's hash, and what its file says of itself: data, scores, seed."""
        data = self.files[self.id]
        (length,) = struct.unpack("<Q", data[:8])
        said = json.loads(data[8 : 8 + length]).get("__metadata__", {})
        return {**{k: v for k, v in said.items() if len(v) < 1000}, "sha256": hashlib.sha256(data).hexdigest()}


class ModelMaterializer(FilesMaterializer):
    ASSOCIATED_TYPES = (Model,)
    ASSOCIATED_ARTIFACT_TYPE = ArtifactType.MODEL
