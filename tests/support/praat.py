"""Praat's measures by Praat itself (the program `praat`, a Debian package), for tests and for tools/golden/dsp_praat.py."""
import math
import pathlib
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def script(text, *arguments):
    """What a script prints."""
    with tempfile.NamedTemporaryFile("w", suffix=".praat") as file:
        file.write(text)
        file.flush()
        return run(file.name, *arguments)


def run(path, *arguments):
    done = subprocess.run(["praat", "--run", str(path), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr[-2000:]
    return done.stdout


def saved(sound, command):
    """The numbers of the object that `command` makes of a sound, as Praat's short text file has them."""
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        script(f'Read from file: "{sound}"\n{command}\nSave as short text file: "{file.name}"\n')
        lines = pathlib.Path(file.name).read_text().split("\n")
    return [float(line) for line in lines[3:] if line]


def resampled(sound):
    """The second of the first sample at 11 kHz, and the samples."""
    _, _, count, _, first, *rest = saved(sound, "Resample: 11000, 50")
    return first, rest[-int(count) :]


def formants(sound):
    """The second of the first frame, and a row each frame: F1, its bandwidth ... F5, NaN where there is none."""
    _, _, count, _, first, _, *rest = saved(sound, "To Formant (burg): 0, 5, 5500, 0.025, 50")
    rows, at = [], 0
    for _ in range(int(count)):
        found = 2 * int(rest[at + 1])  # behind the frame's intensity
        rows.append(rest[at + 2 : at + 2 + found] + [math.nan] * (10 - found))
        at += 2 + found
    return first, rows


def intensity(sound):
    """The second of the first frame, the frames in dB, and mean (of the energy), median, deviation, least, greatest."""
    _, _, count, _, first, *rest = saved(sound, 'To Intensity: 75, 0, "yes"')
    queries = ('Get mean: 0, 0, "energy"', "Get quantile: 0, 0, 0.5", "Get standard deviation: 0, 0",
               'Get minimum: 0, 0, "none"', 'Get maximum: 0, 0, "none"')
    asked = "".join(f"x{i} = {q}\n" for i, q in enumerate(queries)) + "".join(f"appendInfoLine: x{i}\n" for i in range(5))
    out = script(f'Read from file: "{sound}"\nTo Intensity: 75, 0, "yes"\n{asked}')
    return first, rest[-int(count) :], [float(x) for x in out.split()]


def syllables(sound):
    """Syllables, pauses, seconds of phonation and of pauses."""
    return [float(x) for x in run(HERE / "syllables.praat", sound).split()]
