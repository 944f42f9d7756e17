"""Finding and calling the program."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def find() -> str:
    """$UNDERTONE, `undertone` on PATH, or the build folder of the sources this package lies in."""
    built = HERE.parents[2] / "build" / "undertone"
    for candidate in (os.environ.get("UNDERTONE"), shutil.which("undertone"), str(built)):
        if candidate and os.access(candidate, os.X_OK):
            return str(pathlib.Path(candidate).resolve())
    raise FileNotFoundError(
        "the program undertone was not found; build it (`make`), put it on PATH or name it in $UNDERTONE"
    )


def call(*arguments: str, environment: dict[str, str] | None = None) -> None:
    """Runs it to its end. What it says is printed by this thread, so that ZenML's log of the step has it."""
    with subprocess.Popen(
        [find(), *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
        env={**os.environ, **(environment or {})},
    ) as child:
        last = ""
        for line in child.stderr:
            last = line.strip() or last
            print(line, end="", flush=True)
    if child.returncode:
        raise RuntimeError(f"undertone {arguments[0]}: {last or f'exit status {child.returncode}'}")


def exit_status(run) -> int:
    """Of a pipeline's run; None where the orchestrator only took it on."""
    return 0 if run is None or str(run.status) in ("completed", "ExecutionStatus.COMPLETED") else 1


def hand_over(name: str, arguments: list[str]) -> None:
    """Becomes `undertone NAME ...`."""
    sys.stdout.flush()
    os.execv(find(), [find(), name, *arguments])


def fingerprint() -> str:
    """Changes with the program and with the models it would take: part of every step's cache key."""
    digest = hashlib.sha256(pathlib.Path(find()).read_bytes())
    models = subprocess.run([find(), "models", "list"], capture_output=True, check=False)
    digest.update(models.stdout)
    digest.update(os.environ.get("UNDERTONE_MODELS", "").encode())
    return digest.hexdigest()


def hash_file(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if sys.version_info >= (3, 11) else _hash(file)


def _hash(file) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
