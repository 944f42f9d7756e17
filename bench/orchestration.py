#!/usr/bin/env python3
"""What recording, caching and resuming cost, and how runs grow: bench/orchestration.py [--files 1000] [--sample]

Recordings are pieces of 3 s of the sample, each with its own noise, judged with the bundled models and no recogniser: next
to nothing a step, so that what is around the steps shows. Sides that are compared take turns, and the best of --rounds
counts (processor time; beside it the clock, which other work on the machine stretches).

  overhead     the same steps and results by themselves and as a run
  growth       processor time a file, and peak memory, of 1, 100 and all files
  two jobs     the clock of --jobs 2 against --jobs 1
  cached       all files again, nothing changed
  store        bytes of records and artifacts a file

--sample sets the overhead beside a run of 30 s with whisper-base, too, where a step has real work. TMPDIR=/dev/shm keeps
the disk out of the clock.
"""
import argparse
import array
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import wave

from memory import ROOT, measure_child

MODELS = ["--asr_model", "none", "--vad_model", "bundled", "--speaker_model", "bundled", "--text_model", "bundled"]
LIBRARIES = ["sndfile", "soxr", "libcurl", "jansson", "yaml-0.1", "sqlite3", "libsodium", "cairo", "libutf8proc", "zlib"]
PROGRAM = ROOT / "build" / "undertone"
STEPS = 4  # transcribe, extract, analyze, report


def make_audio(folder, count):
    """Pieces of the sample; a few random samples make each its own recording."""
    source = next((ROOT / "data" / "raw").glob("*.flac"))
    raw = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", str(source), "-f", "s16le", "-ac", "1", "-ar", "16000",
                          "-"], stdout=subprocess.PIPE, check=True).stdout
    samples = array.array("h", raw)
    random.seed(1)
    folder.mkdir()
    for i in range(count):
        begin = i * 7919 % (len(samples) - 48000)
        piece = samples[begin:begin + 48000]
        for _ in range(100):
            piece[random.randrange(48000)] += 1
        with wave.open(str(folder / f"{i:05}.wav"), "wb") as out:
            out.setparams((1, 2, 16000, 0, "NONE", ""))
            out.writeframes(piece.tobytes())


def first(folder, count, scratch):
    """A folder of links to the first recordings."""
    few = scratch / f"first{count}"
    if not few.exists():
        few.mkdir()
        for path in sorted(folder.iterdir())[:count]:
            (few / path.name).symlink_to(path)
    return few


def build(scratch):
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", *LIBRARIES], check=True, capture_output=True, text=True)
    archives = sorted(str(p) for p in (ROOT / "build").glob("libut_*.a") if p.stem not in ("libut_cli", "libut_serve"))
    program = scratch / "bench_orchestration"
    subprocess.run(["cc", "-O3", "-std=gnu17", "-D_GNU_SOURCE", f"-I{ROOT}/src", f"-I{ROOT}/include",
                    str(ROOT / "bench/bench_orchestration.c"), "-Wl,--start-group", *archives, "-Wl,--end-group",
                    *flags.stdout.split(), "-lpthread", "-lm", "-o", str(program)], check=True)
    return program


def overhead(program, folder, scratch, rounds):
    """Processor s that a step costs around its own work."""
    best = {"bare": (9e9, 9e9), "run": (9e9, 9e9)}
    environment = {**os.environ, "UNDERTONE_MODELS": str(ROOT / "models")}
    for _ in range(rounds):
        for side in best:
            out = scratch / "overhead"
            done = subprocess.run([program, side, folder, out], check=True, capture_output=True, text=True,
                                  env=environment, cwd=scratch)
            best[side] = tuple(map(min, best[side], map(float, done.stdout.split())))
            shutil.rmtree(out)
    steps = STEPS * len(list(folder.iterdir()))
    bare, run = best["bare"], best["run"]
    print(f"overhead, files of 3 s without a recogniser: bare {bare[0]:.3f} s, as a run {run[0]:.3f} s of processor:"
          f" {(run[0] - bare[0]) / steps * 1e3:.3f} ms a step, {(run[0] / bare[0] - 1) * 100:.2f} %"
          f" (clock {bare[1]:.2f} s, {run[1]:.2f} s: {(run[1] - bare[1]) / steps * 1e3:.3f} ms a step)", flush=True)
    return (run[0] - bare[0]) / steps


def beside_recognition(step, scratch):
    """What `step` seconds of overhead are of a run that recognises words."""
    recording = scratch / "half" / "half.wav"
    recording.parent.mkdir()
    source = str(next((ROOT / "data" / "raw").glob("*.flac")))
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-t", "30", "-i", source, str(recording)], check=True)
    _, _, cpu, wall = measure_child([str(PROGRAM), "run", "--audio_dir", str(recording.parent), "--output_dir",
                                     str(scratch / "half_out"), "--asr_model", "whisper-base", "--quiet"])
    print(f"a run of 30 s with whisper-base: {cpu:.2f} s of processor ({wall:.1f} s by the clock); {STEPS} steps' overhead is"
          f" {STEPS * step / cpu * 100:.3f} % of it", flush=True)


def measure(folder, out, *more):
    """Peak resident kB, processor s, clock s of `undertone run`."""
    command = [str(PROGRAM), "run", "--audio_dir", str(folder), "--output_dir", str(out), *MODELS, "--quiet", *more]
    peak, _, cpu, wall = measure_child(command)
    return peak, cpu, wall


def growth(folder, scratch, total):
    rows = {}
    for count in (1, 100, total):
        rows[count] = measure(first(folder, count, scratch), scratch / f"out{count}")
        peak, cpu, wall = rows[count]
        print(f"{count:6} files: {cpu / count * 1e3:8.2f} ms of processor a file, {cpu:7.2f} s in all ({wall:.1f} s by the"
              f" clock), peak {peak / 1024:.1f} MB", flush=True)
    return rows


def two_jobs(folder, scratch, rounds):
    few, best = first(folder, 100, scratch), {}
    for _ in range(rounds):
        for jobs in ("1", "2"):
            _, cpu, wall = measure(few, scratch / "jobs", "--jobs", jobs)
            best[jobs] = tuple(map(min, best.get(jobs, (9e9, 9e9)), (cpu, wall)))
            shutil.rmtree(scratch / "jobs")
    (cpu1, wall1), (cpu2, wall2) = best["1"], best["2"]
    print(f"100 files: --jobs 1 {wall1:.2f} s, --jobs 2 {wall2:.2f} s by the clock, {wall1 / wall2:.2f} times as many a"
          f" second; {cpu1:.2f} s and {cpu2:.2f} s of processor; load {os.getloadavg()[0]:.1f} on {os.cpu_count()}"
          f" processors", flush=True)


def cached(folder, out, rounds):
    walls = [measure(folder, out)[1:] for _ in range(rounds)]
    print(f"all files again, nothing changed: {min(w[1] for w in walls):.2f} s by the clock at best,"
          f" {max(w[1] for w in walls):.2f} s at worst, {min(w[0] for w in walls):.2f} s of processor", flush=True)


def store(out, count):
    home = out / ".undertone"
    kept = [p.stat().st_size for p in (home / "artifacts").rglob("*") if p.is_file()]
    results = sum(p.stat().st_size for p in out.rglob("*") if p.is_file() and ".undertone" not in p.parts)
    print(f"a file of 3 s: {sum(kept) / count / 1e3:.1f} kB in {len(kept) / count:.1f} artifacts,"
          f" {(home / 'records.db').stat().st_size / count / 1e3:.1f} kB of records, {results / count / 1e3:.1f} kB of results")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sample", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        audio = scratch / "audio"
        make_audio(audio, arguments.files)
        program = build(scratch)
        step = overhead(program, first(audio, 100, scratch), scratch, arguments.rounds)
        if arguments.sample:
            beside_recognition(step, scratch)
        rows = growth(audio, scratch, arguments.files)
        two_jobs(audio, scratch, arguments.rounds)
        out = scratch / f"out{arguments.files}"
        store(out, arguments.files)
        cached(first(audio, arguments.files, scratch), out, arguments.rounds)
    alone, few, many = (rows[n] for n in (1, 100, arguments.files))
    grown = (many[0] - few[0]) / 1024
    print(f"memory grew by {grown:.1f} MB from 100 to {arguments.files} files; a file's processor time is"
          f" {many[1] / arguments.files / alone[1]:.2f} of one alone")
    sys.exit(grown > 8 or many[1] / arguments.files > alone[1])


if __name__ == "__main__":
    main()
