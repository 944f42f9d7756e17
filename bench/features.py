#!/usr/bin/env python3
"""Acoustic features beside other programs': how far eGeMAPSv02 agrees with openSMILE's, and how fast all sets are.

    bench/features.py agreement ../shared/data/emotion/emodb ../shared/data/emotion/ravdess --clips 100 --seed 7
    bench/features.py speed ../shared/data/emotion/ravdess

agreement takes as many recordings out of each folder, by chance, as 16 kHz WAV files. For each functional: the share of
recordings within 1 % (of openSMILE's value), the correlation over recordings, the median difference; for each descriptor the
same over frames (of those about the voice, where both have one).

speed takes recordings by chance until there are ten minutes, and measures every set of `undertone features` and Praat's commands
(where `praat` is installed), from a WAV file on with start and reading, and openSMILE, librosa and kaldi-native-fbank on samples
in memory, from the second call on: processor seconds at one thread, the least of --runs. --program A --program B measures two
builds in turns.

Both need ffmpeg; the peers' packages are installed into build/ where the interpreter lacks one.
"""
import argparse
import importlib.util
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import wave

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))
VOICE = 10  # the first descriptor that needs a voice: the pitch
RATE, SECONDS = 16000, 600
PEERS = {"agreement": {"opensmile": "opensmile==2.6.0"},
         "speed": {"opensmile": "opensmile==2.6.0", "librosa": "librosa==0.11.0", "kaldi_native_fbank": "kaldi-native-fbank==1.23.0"}}
WHOLE = ("egemaps", "voice", "voice-report", "syllables")  # sets that are measured as a whole; the others by frame


def with_peers(what):
    """Goes on in an interpreter that has them."""
    if not all(importlib.util.find_spec(module) for module in PEERS[what]):
        import packages

        python = packages.python(f"features-{what}", *PEERS[what].values())
        sys.exit(subprocess.run([str(python), *sys.argv]).returncode)


def found_in(folder, chance):
    """Its recordings, in an order by chance."""
    all_ = sorted(p for p in folder.rglob("*") if p.suffix in (".wav", ".flac", ".opus", ".mp3"))
    return chance.sample(all_, len(all_))


def convert(path, clip):
    command = ["ffmpeg", "-v", "error", "-y", "-i", path, "-ac", 1, "-ar", RATE, "-c:a", "pcm_s16le", clip]
    subprocess.run(list(map(str, command)), check=True)


def recordings(arguments, scratch):
    chance = random.Random(arguments.seed)
    found = []
    for folder in arguments.folders:
        for path in found_in(folder, chance)[: arguments.clips]:
            found.append(scratch / f"{len(found):05d}.wav")
            convert(path, found[-1])
    return found


def samples(clip):
    import numpy as np

    with wave.open(str(clip)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


def children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def child(*command):
    """CPU seconds of a program."""
    before = children()
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    return children() - before


def measure(program, clips, name, level, out):
    """CPU seconds of `undertone features`, start and reading with it."""
    return child(program, "features", *clips, "--set", name, "--level", level, "--output", out, "--quiet")


def ours(arguments, clips, level, scratch):
    """(names, rows of each clip, CPU seconds)"""
    import numpy as np

    out = scratch / f"{level}.npz"
    seconds = measure(arguments.program[0], clips, "egemaps", level, out)
    table = np.load(out)
    files = [pathlib.Path(f).name for f in table["files"][table["file"]]]
    by_file = {}
    for name, row in zip(files, table["features"]):
        by_file.setdefault(name, []).append(row)
    return list(map(str, table["names"])), [np.array(by_file[c.name]) for c in clips], seconds


def theirs(clips, level):
    import opensmile

    smile = opensmile.Smile(feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=level)
    rows, seconds, names = [], 0.0, None
    for clip in clips:
        pcm = samples(clip)
        before = time.process_time()
        table = smile.process_signal(pcm, RATE)
        seconds += time.process_time() - before
        names = list(table.columns)
        rows.append(table.values)
    return names, rows, seconds


def line(name, a, b):
    import numpy as np

    off = np.abs(a - b) / np.maximum(np.abs(b), 1e-6)
    r = np.corrcoef(a, b)[0, 1] if a.std() > 0 and b.std() > 0 else float("nan")
    print(f"| {name} | {100 * np.mean(off <= 0.01):.1f} | {r:.4f} | {100 * np.median(off):.2g} |")


def agreement(arguments):
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        clips = recordings(arguments, scratch)
        length = sum((c.stat().st_size - 44) / 32000 for c in clips)
        print(f"{len(clips)} recordings, {length:.0f} s\n\n| functional | within 1 % | r | median % |\n|---|---|---|---|")
        names, a, seconds = ours(arguments, clips, "utterance", scratch)
        start = ours(arguments, clips[:1], "utterance", scratch)[2]
        expected_names, b, their_seconds = theirs(clips, "func")
        assert names == expected_names, (names, expected_names)
        for i, name in enumerate(names):
            line(name, np.array([x[0][i] for x in a]), np.array([x[0][i] for x in b]))
        print("\n| descriptor, of frames | within 1 % | r | median % |\n|---|---|---|---|")
        names, a, _ = ours(arguments, clips, "frames", scratch)
        expected_names, b, _ = theirs(clips, "lld")
        assert names == expected_names, (names, expected_names)
        b = [y[: len(x)] for x, y in zip(a, b)]
        a, b = np.concatenate(a), np.concatenate(b)
        voiced = (a[:, VOICE] > 0) & (b[:, VOICE] > 0)
        for i, name in enumerate(names):
            line(name, a[voiced if i >= VOICE else slice(None), i], b[voiced if i >= VOICE else slice(None), i])
        print(f"\nvoiced in one alone: {100 * np.mean((a[:, VOICE] > 0) != (b[:, VOICE] > 0)):.2f} % of {len(a)} frames")
        print(f"CPU, one thread: undertone {length / seconds:.0f}x real time with reading and {start:.2f} s of start, "
              f"{length / max(1e-9, seconds - start):.0f}x without the start; openSMILE {length / their_seconds:.0f}x")


# --- speed ------------------------------------------------------------------------------------------------------------


def ten_minutes(arguments, scratch):
    import numpy as np

    chance, parts, length = random.Random(arguments.seed), [], 0
    for path in (p for folder in arguments.folders for p in found_in(folder, chance)):
        clip = scratch / "part.wav"
        convert(path, clip)
        parts.append(samples(clip))
        length += len(parts[-1])
        if length > SECONDS * RATE:
            break
    return np.resize(np.concatenate(parts), SECONDS * RATE - 1600)  # a whole is ten minutes at most


def peers(signal, scratch):
    import kaldi_native_fbank
    import librosa
    import opensmile

    spec = importlib.util.spec_from_file_location("peers", ROOT / "tools" / "golden" / "dsp_mfcc_peers.py")
    recorded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recorded)
    configuration = scratch / "htk.conf"
    configuration.write_text(recorded.HTK)
    smile = opensmile.Smile(feature_set=str(configuration), feature_level="lld", num_workers=1)
    whole = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=1)
    scaled = (signal * 32768).tolist()

    def kaldi():
        options = kaldi_native_fbank.MfccOptions()
        options.frame_opts.dither = 0
        mfcc = kaldi_native_fbank.OnlineMfcc(options)
        mfcc.accept_waveform(RATE, scaled)
        mfcc.input_finished()
        return [mfcc.get_frame(i) for i in range(mfcc.num_frames_ready)]

    return {"openSMILE, HTK's MFCC_0_D_A": lambda: smile.process_signal(signal, RATE), "kaldi-native-fbank": kaldi,
            "librosa": lambda: librosa.feature.mfcc(y=signal, sr=RATE), "openSMILE, eGeMAPSv02 functionals": lambda: whole.process_signal(signal, RATE)}


def praat(clip, scratch):
    """Commands, each a whole program."""
    import praat as scripts

    if not shutil.which("praat"):
        return {}
    found = {"Praat, tests/support/syllables.praat": ["praat", "--run", ROOT / "tests" / "support" / "syllables.praat", clip]}
    for call in ("To Pitch: 0, 75, 600", "To Formant (burg): 0, 5, 5500, 0.025, 50", 'To Intensity: 75, 0, "yes"'):
        script = scratch / f"{len(found)}.praat"
        script.write_text(f'Read from file: "{clip}"\n{call}\n')
        found[f"Praat, {call.split(':')[0]}"] = ["praat", "--run", script]
    script = scratch / "report.praat"
    script.write_text(scripts.report_script(clip))
    found["Praat, the voice report's commands"] = ["praat", "--run", script]
    return found


def timed(work):
    before = time.process_time()
    work()
    return time.process_time() - before


def speed(arguments):
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        signal = ten_minutes(arguments, scratch)
        clip = scratch / "speech.wav"
        with wave.open(str(clip), "wb") as out:
            out.setparams((1, 2, RATE, 0, "NONE", ""))
            out.writeframes(np.round(signal * 32768).astype("<i2").tobytes())
        said = subprocess.run([str(arguments.program[0]), "features", "--help"], capture_output=True, text=True, check=True).stdout
        least = {}
        for name in arguments.sets or re.findall(r"(?m)^  --set (\S+)", said):
            for _ in range(arguments.runs):
                for program in arguments.program:
                    level = "utterance" if name in WHOLE else "frames"
                    taken = measure(program, [clip], name, level, scratch / "t.npy")
                    what = f"`{name}`" + (f", {program}" if len(arguments.program) > 1 else "")
                    least[what] = min(taken, least.get(what, taken))
        if not arguments.alone:
            for what, command in praat(clip, scratch).items():
                least[what] = min(child(*command) for _ in range(arguments.runs))
            for what, work in peers(signal, scratch).items():
                work()
                least[what] = min(timed(work) for _ in range(arguments.runs))
        print("| | s | x real time |\n|---|---|---|")
        for what, taken in least.items():
            print(f"| {what} | {taken:.3f} | {SECONDS / taken:.0f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=PEERS)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--clips", type=int, default=50, help="agreement: of each folder (50)")
    parser.add_argument("--runs", type=int, default=3, help="speed: the least of so many counts (3)")
    parser.add_argument("--sets", nargs="+", help="speed: these sets alone")
    parser.add_argument("--alone", action="store_true", help="speed: without the peers")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--program", type=pathlib.Path, action="append")
    arguments = parser.parse_args()
    arguments.program = arguments.program or [ROOT / "build" / "undertone"]
    if not arguments.alone:
        with_peers(arguments.what)
    {"agreement": agreement, "speed": speed}[arguments.what](arguments)


if __name__ == "__main__":
    main()
