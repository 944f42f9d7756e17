"""Python packages for tests, each set in an environment of its own below the sources' build folder, installed once,
whatever build asks."""
import fcntl
import os
import pathlib
import subprocess
import sys
import tarfile

BUILD = pathlib.Path(os.environ.get("UT_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2])) / "build"


class Absent(Exception):
    """Why they are not here."""


def python(name, *packages):
    """The Python that has the packages ("chromadb==1.5.9"), in build/<name>, made if need be."""
    BUILD.mkdir(exist_ok=True)
    place = BUILD / name
    with open(BUILD / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            install(place, packages)
    return place / "bin" / "python"


def source(package):
    """The folder with the source of a package ("pympi-ling==1.71"), in build/, fetched if need be."""
    BUILD.mkdir(exist_ok=True)
    place = BUILD / package.replace("==", "-")
    with open(BUILD / f"{place.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            call([package], "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--no-binary", ":all:", "--dest", place, package)
            with tarfile.open(next(place.glob("*.tar.gz"))) as archive:
                archive.extractall(place)
            (place / "complete").touch()
    return next(p for p in place.iterdir() if p.is_dir())


def install(place, packages):
    call(packages, "-m", "venv", "--clear", "--without-pip", place)
    call(packages, "-m", "pip", "--python", place / "bin" / "python", "install", "--quiet", "--no-input", *packages)
    (place / "complete").touch()


def call(packages, *arguments):
    done = subprocess.run([sys.executable, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["?"])[-1][:200]
        raise Absent(f"{' '.join(packages)} could not be installed: {why}")
