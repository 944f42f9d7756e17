#!/usr/bin/env python3
"""Peak memory of `undertone run` on a 10-minute and on a 2-hour recording of the same voices.

    bench/memory.py                          # without a recogniser: audio, speech, speakers
    bench/memory.py --asr_model whisper-base # with one; the long recording takes its share of two hours
    bench/memory.py --minutes 10 30          # other lengths

Both recordings are the LibriSpeech sample over and over, as 16 kHz mono WAV. Printed is the peak resident set as the
kernel records it (weights mapped from files included), and the peak of the part that is not mapped from files. Memory
should grow with the window, not with the recording: the long one may take what its longer result takes
(--per_minute_kb, for words, speaker embeddings and text) and a fixed slack; more is an error, exit status 1.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import wave

ROOT = pathlib.Path(__file__).resolve().parents[1]
RATE = 16000


def samples_of(folder):
    """All recordings of a folder in order, as 16-bit samples at 16 kHz; decoded by the ffmpeg program."""
    paths = sorted(folder.glob("*.flac"))
    if not paths:
        sys.exit(f"memory: no recordings in {folder}; name a folder of FLAC files with --data")
    pieces = []
    for path in paths:
        command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-f", "s16le", "-ac", "1", "-ar", str(RATE)]
        pieces.append(subprocess.run([*command, "-"], stdout=subprocess.PIPE, check=True).stdout)
    return b"".join(pieces)


def write_recording(path, samples, minutes):
    left = int(minutes * 60 * RATE) * 2
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        while left > 0:
            out.writeframes(samples[:left])
            left -= len(samples)


def resident_kb(pid):
    """Peak resident memory so far, and what is resident now and not mapped from files; zeros at the end."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0, 0
    values = dict(line.split(":", 1) for line in lines)
    return tuple(int(values.get(name, "0").split()[0]) for name in ("VmHWM", "RssAnon"))


def measure_child(command):
    """Runs a program: peak resident kB, peak anonymous kB, CPU s, s by the clock."""
    silence = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    began = time.monotonic()
    pid, peak, anonymous = os.posix_spawnp(command[0], command, os.environ, file_actions=silence), 0, 0
    # Asked of /proc while it runs: the peak that wait4 returns begins with this script's own, taken before the exec.
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            break
        now = resident_kb(pid)
        peak, anonymous = max(peak, now[0]), max(anonymous, now[1])
        time.sleep(0.02)
    if status:
        sys.exit(f"memory: {' '.join(command)} failed (status {os.waitstatus_to_exitcode(status)})")
    return peak, anonymous, usage.ru_utime + usage.ru_stime, time.monotonic() - began


def measure(arguments, recording, folder):
    """Runs the program on one recording: peak resident kB, peak anonymous kB, CPU s, bytes of the result."""
    command = [arguments.program, "run", "--audio_dir", str(recording), "--output_dir", str(folder)]
    peak, anonymous, cpu, _ = measure_child([*command, "--asr_model", arguments.asr_model, *arguments.more])
    document = folder / recording.stem / "conversation.json"
    json.loads(document.read_text(encoding="utf-8"))
    return peak, anonymous, cpu, document.stat().st_size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/undertone"))
    parser.add_argument("--asr_model", default="none")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT / "../shared/data/asr/librispeech_train_clean_3spk")
    parser.add_argument("--minutes", type=float, nargs=2, default=(10, 120), metavar=("SHORT", "LONG"))
    parser.add_argument("--slack_mb", type=float, default=8)
    parser.add_argument("--per_minute_kb", type=float, default=100)
    parser.add_argument("more", nargs="*", help="arguments for undertone, after --")
    arguments = parser.parse_args()

    samples, peaks = samples_of(arguments.data), []
    print(f"recogniser {arguments.asr_model}")
    print(f"{'minutes':>8} {'peak MB':>8} {'not mapped':>11} {'CPU s':>8} {'result kB':>10}")
    with tempfile.TemporaryDirectory() as scratch:
        for minutes in arguments.minutes:
            recording = pathlib.Path(scratch) / f"minutes-{minutes:g}.wav"
            write_recording(recording, samples, minutes)
            peak, anonymous, cpu, size = measure(arguments, recording, pathlib.Path(scratch) / "results")
            peaks.append(peak / 1024)
            print(
                f"{minutes:8g} {peak / 1024:8.1f} {anonymous / 1024:8.1f} MB {cpu:8.1f} {size / 1024:10.0f}", flush=True
            )
            recording.unlink()
    grown = peaks[1] - peaks[0]
    allowed = arguments.slack_mb + arguments.per_minute_kb / 1024 * (arguments.minutes[1] - arguments.minutes[0])
    print(f"the long recording took {grown:+.1f} MB; allowed {allowed:.1f} MB")
    sys.exit(grown > allowed)


if __name__ == "__main__":
    main()
