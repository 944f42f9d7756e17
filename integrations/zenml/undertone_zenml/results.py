"""The artifacts: what a step wrote for one conversation, and the scores."""
import json
import os
import pathlib
from typing import Any

from zenml.enums import ArtifactType, VisualizationType
from zenml.io import fileio
from zenml.materializers.base_materializer import BaseMaterializer


class Result:
    """Files of one conversation by name, conversation.json among them; `id` is its place in the results."""

    def __init__(self, identity: str, files: dict[str, bytes]):
        self.id = identity
        self.files = files

    @classmethod
    def read(cls, folder: pathlib.Path) -> "Result":
        """The one conversation below a folder that `undertone` wrote."""
        (document,) = pathlib.Path(folder).rglob("conversation.json")
        files = {p.name: p.read_bytes() for p in sorted(document.parent.iterdir()) if p.is_file()}
        return cls(str(document.parent.relative_to(folder)), files)

    def write(self, folder: pathlib.Path) -> pathlib.Path:
        """Lays the files where `undertone` would have written them."""
        target = pathlib.Path(folder) / self.id
        target.mkdir(parents=True, exist_ok=True)
        for name, data in self.files.items():
            part = target / f".{name}.part"
            part.write_bytes(data)
            os.replace(part, target / name)
        return target / "conversation.json"

    @property
    def conversation(self) -> dict[str, Any]:
        return json.loads(self.files["conversation.json"])

    def metadata(self) -> dict[str, Any]:
        """Numbers and models' hashes for ZenML's page."""
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


class ResultMaterializer(BaseMaterializer):
    """Keeps the files as files; the HTML report is the artifact's picture."""

    ASSOCIATED_TYPES = (Result,)
    ASSOCIATED_ARTIFACT_TYPE = ArtifactType.DATA

    def save(self, data: Result) -> None:
        for name, contents in {**data.files, "id": data.id.encode()}.items():
            with fileio.open(os.path.join(self.uri, name), "wb") as file:
                file.write(contents)

    def load(self, data_type: type) -> Result:
        files = {}
        for name in fileio.listdir(self.uri):
            with fileio.open(os.path.join(self.uri, name), "rb") as file:
                files[str(name)] = file.read()
        return data_type(files.pop("id").decode(), files)

    def save_visualizations(self, data: Result) -> dict[str, VisualizationType]:
        if "report.html" in data.files:
            return {os.path.join(self.uri, "report.html"): VisualizationType.HTML}
        return {os.path.join(self.uri, "conversation.json"): VisualizationType.JSON}

    def extract_metadata(self, data: Result) -> dict[str, Any]:
        return data.metadata()


class Scores:
    """What `undertone evaluate` wrote: the scores as JSON, and pictures beside it."""

    def __init__(self, files: dict[str, bytes]):
        self.files = files

    @property
    def scores(self) -> dict[str, Any]:
        return json.loads(self.files["scores.json"])


class ScoresMaterializer(BaseMaterializer):
    ASSOCIATED_TYPES = (Scores,)
    ASSOCIATED_ARTIFACT_TYPE = ArtifactType.DATA_ANALYSIS

    def save(self, data: Scores) -> None:
        for name, contents in data.files.items():
            with fileio.open(os.path.join(self.uri, name), "wb") as file:
                file.write(contents)

    def load(self, data_type: type) -> Scores:
        files = {}
        for name in fileio.listdir(self.uri):
            with fileio.open(os.path.join(self.uri, name), "rb") as file:
                files[str(name)] = file.read()
        return data_type(files)

    def save_visualizations(self, data: Scores) -> dict[str, VisualizationType]:
        return {os.path.join(self.uri, n): VisualizationType.IMAGE for n in data.files if n.endswith(".png")}

    def extract_metadata(self, data: Scores) -> dict[str, Any]:
        return {k: v for k, v in data.scores.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
