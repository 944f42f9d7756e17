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


def asked(sound, command, queries):
    """What Praat answers to each query about the object that `command` makes of a sound."""
    answers = "".join(f"x = {query}\nappendInfoLine: x\n" for query in queries)
    out = script(f'Read from file: "{sound}"\n{command}\n{answers}')
    return [math.nan if x == "--undefined--" else float(x) for x in out.split()]


def formants(sound):
    """The second of the first frame; a row each frame: F1, its bandwidth ... F5, NaN where there is none; mean and deviation
    of F1, of F2 ... F4."""
    command = "To Formant (burg): 0, 5, 5500, 0.025, 50"
    _, _, count, _, first, _, *rest = saved(sound, command)
    rows, at = [], 0
    for _ in range(int(count)):
        found = 2 * int(rest[at + 1])  # behind the frame's intensity
        rows.append(rest[at + 2 : at + 2 + found] + [math.nan] * (10 - found))
        at += 2 + found
    queries = [f'Get {what}: {i}, 0, 0, "hertz"' for i in range(1, 5) for what in ("mean", "standard deviation")]
    return first, rows, asked(sound, command, queries)


def intensity(sound):
    """The second of the first frame, the frames in dB, and mean (of the energy), median, deviation, least, greatest."""
    command = 'To Intensity: 75, 0, "yes"'
    _, _, count, _, first, *rest = saved(sound, command)
    queries = ('Get mean: 0, 0, "energy"', "Get quantile: 0, 0, 0.5", "Get standard deviation: 0, 0",
               'Get minimum: 0, 0, "none"', 'Get maximum: 0, 0, "none"')
    return first, rest[-int(count) :], asked(sound, command, queries)


def syllables(sound):
    """Syllables, pauses, seconds of phonation and of pauses."""
    return [float(x) for x in run(HERE / "syllables.praat", sound).split()]


def pitch(sound):
    """The second of the first frame, and hertz and strength of each, NaN where unvoiced."""
    _, _, count, _, first, ceiling, _, *rest = saved(sound, "To Pitch: 0, 75, 600")
    rows, at = [], 0
    for _ in range(int(count)):
        candidates, hz, strength = rest[at + 1 : at + 4]  # behind the frame's intensity; the first one is chosen
        rows.append([hz, strength] if 0 < hz < ceiling else [math.nan, math.nan])
        at += 2 + 2 * int(candidates)
    return first, rows


def harmonicity(sound):
    """The second of the first frame, and each frame in dB, NaN where Praat has -200."""
    _, _, count, _, first, *rest = saved(sound, "To Harmonicity (cc): 0.01, 75, 0.1, 1")
    return first, [math.nan if x == -200 else x for x in rest[-int(count) :]]


PULSES = "sound = selected()\nTo Pitch: 0, 75, 600\nplusObject: sound\nTo PointProcess (cc)"


def pulses(sound):
    """Seconds."""
    return saved(sound, PULSES)[3:]


PERIODS = "0, 0, 0.0001, 0.02, 1.3"
# Name and query of what `undertone features --set voice-report` has: of the pulses, of sound and pulses, of the harmonicity.
OF_PULSES = {"pulses": "Get number of points", "periods": f"Get number of periods: {PERIODS}",
             "period_mean_s": f"Get mean period: {PERIODS}", "period_std_s": f"Get stdev period: {PERIODS}"}
OF_PULSES |= {f"jitter_{name.replace(', ', '_')}{'_s' * (',' in name)}": f"Get jitter ({name}): {PERIODS}"
              for name in ("local", "local, absolute", "rap", "ppq5", "ddp")}
OF_BOTH = {f"shimmer_{name.replace('_dB', '_db')}": f"Get shimmer ({name}): {PERIODS}, 1.6"
           for name in ("local", "local_dB", "apq3", "apq5", "apq11", "dda")}
OF_HARMONICITY = {"hnr_mean_db": "Get mean: 0, 0", "hnr_std_db": "Get standard deviation: 0, 0"}


def report_script(sound):
    text = f'Read from file: "{sound}"\n{PULSES}\n'
    for before, queries in (("", OF_PULSES), ("plusObject: sound\n", OF_BOTH),
                            ("selectObject: sound\nTo Harmonicity (cc): 0.01, 75, 0.1, 1\n", OF_HARMONICITY)):
        text += before + "".join(f"{name} = {query}\nappendInfoLine: {name}\n" for name, query in queries.items())
    return text


def voice_report(sound):
    """Name and value of each."""
    values = [math.nan if "undefined" in x else float(x) for x in script(report_script(sound)).split()]
    return dict(zip([*OF_PULSES, *OF_BOTH, *OF_HARMONICITY], values, strict=True))
