#!/usr/bin/env python3
"""`undertone features`: sets, levels and formats, read back by what people read them with; another level of the recording;
bad files, a full disk, half an hour."""
import array
import ast
import csv
import io
import math
import pathlib
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import wave
import zipfile

from support import ROOT, files, main, run, skip, small_disk, tone

sys.path.insert(0, str(ROOT / "tests" / "support"))
import packages  # noqa: E402

work = pathlib.Path(tempfile.mkdtemp(prefix="ut_features_"))
SETS = {"egemaps": (88, 25), "voice": (67, 0), "pitch": (6, 2), "formants": (20, 10), "intensity": (5, 1), "syllables": (7, 0), "voice-report": (17, 1), "mfcc-htk": (78, 39), "mfcc-kaldi": (26, 13), "mfcc-librosa": (40, 20), "spectral": (12, 6)}


def save(path, samples, times=1, rate=16000):
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        for _ in range(times):
            out.writeframesraw(array.array("h", samples).tobytes())


def voice(seconds=2.0, gain=1.0):
    """Syllables of a voice that glides, with noise: something for every set to measure."""
    samples, phase, state = [], 0.0, 1
    for i in range(int(16000 * seconds)):
        phase += 2 * math.pi * (140 + 20 * math.sin(i / 9000)) / 16000
        state = (state * 1103515245 + 12345) % 2**31
        x = sum(math.sin(h * phase) / h for h in range(1, 9)) * (0.15 + math.sin(i / 1500) ** 2)
        samples.append(int(gain * 9000 * (x + 0.02 * (state / 2**30 - 1))))
    return samples


def table(text):
    rows = list(csv.reader(io.StringIO(text)))
    return rows[0], rows[1:]


def measured(*arguments):
    out, _ = run("features", *arguments)
    return table(out)


def test_every_set_at_every_level():
    save(work / "voice.wav", voice())
    for name, (summary, frame) in SETS.items():
        head, rows = measured(work / "voice.wav", "--set", name)
        assert head[:3] == ["file", "start", "end"] and len(head) == 3 + summary, (name, len(head))
        assert len(rows) == 1 and rows[0][:3] == ["voice.wav", "0", "2"] and all(rows[0]), rows
        head, rows = measured(work / "voice.wav", "--set", name, "--level", "windows", "--window", "0.5", "--step=0.25")
        assert len(head) == 3 + summary and [r[1] for r in rows] == [f"{i / 4:g}" for i in range(7)], (name, rows)
        if not frame:
            _, err = run("features", work / "voice.wav", "--set", name, "--level", "frames", expect=2)
            assert "no frames" in err, err
            continue
        head, rows = measured(work / "voice.wav", "--set", name, "--level", "frames")
        assert len(head) == 3 + frame and len(rows) == {"mfcc-librosa": 63, "egemaps": 195, "pitch": 197, "formants": 312, "intensity": 180}.get(name, 198), (name, len(rows))
        step = float(rows[9][1]) - float(rows[8][1])
        assert abs(step - {"mfcc-librosa": 0.032, "formants": 0.00625, "intensity": 0.8 / 75}.get(name, 0.01)) < 1e-6, step
    out, _ = run("features", "--help")
    assert all(f"--set {name}" in out for name in SETS), out


def test_a_short_recording_is_one_window():
    save(work / "short.wav", voice(0.7))
    _, rows = measured(work / "short.wav", "--level", "windows")
    assert [r[1:3] for r in rows] == [["0", "0.7"]], rows


def npy(data):
    assert data[:6] == b"\x93NUMPY"
    (length,) = struct.unpack("<H", data[8:10])
    assert (10 + length) % 64 == 0
    head = ast.literal_eval(data[10 : 10 + length].decode())
    body = data[10 + length :]
    kinds = {"<f4": "f", "<f8": "d", "<i4": "i"}
    if head["descr"] in kinds:
        return head["shape"], list(struct.unpack(f"<{len(body) // int(head['descr'][2])}{kinds[head['descr']]}", body))
    width = int(head["descr"][2:]) * 4
    return head["shape"], [body[i : i + width].decode("utf-32-le").rstrip("\0") for i in range(0, len(body), width)]


def several(odd):
    folder = work / odd
    if not folder.exists():
        (folder / "deep").mkdir(parents=True)
        save(folder / "deep" / f"{odd}, it's.wav", voice(0.5))
        save(folder / "b c.wav", voice(0.8))
        tone(folder / "silent.wav", seconds=0.5, level=0)
    return folder


def test_formats_hold_the_same(odd="zażółć"):
    folder = several(odd)
    for level, kind in (("utterance", "voice"), ("frames", "spectral")):
        head, rows = measured(folder, "--level", level, "--set", kind)
        names = sorted({r[0] for r in rows})
        assert len(names) == 3 and "" in rows[-1], rows[-1]
        for ending in ("csv", "arff", "npy", "npz"):
            run("features", folder, "--level", level, "--set", kind, "--output", work / f"t.{ending}")
        assert table((work / "t.csv").read_text(encoding="utf-8")) == (head, rows)
        shape, values = npy((work / "t.npy").read_bytes())
        expected = [float(x) if x else math.nan for r in rows for x in r[3:]]
        assert shape == (len(rows), len(head) - 3), shape
        assert all(abs(a - b) <= 1e-6 * abs(b) or (a != a and b != b) for a, b in zip(values, expected))
        with zipfile.ZipFile(work / "t.npz") as archive:
            assert archive.testzip() is None
            assert archive.read("features.npy") == (work / "t.npy").read_bytes()
            assert npy(archive.read("names.npy")) == ((len(head) - 3,), head[3:])
            listed = npy(archive.read("files.npy"))[1]
            assert [listed[i] for i in npy(archive.read("file.npy"))[1]] == [r[0] for r in rows]
            ends = npy(archive.read("end.npy"))[1]
            assert all(abs(e - float(r[2])) < 1e-6 for e, r in zip(ends, rows))
        assert files(folder) == sorted(names)


READ = """
import sys, warnings, numpy, pandas
from scipy.io import arff
folder = sys.argv[1]
frame = pandas.read_csv(folder + "/t.csv")
plain = numpy.load(folder + "/t.npy")
archive = numpy.load(folder + "/t.npz")
data, meta = arff.loadarff(folder + "/t.arff")
names = list(frame.columns)
assert meta.names() == names, meta.names()
assert list(archive["names"]) == names[3:] and plain.dtype == numpy.float32
numpy.testing.assert_allclose(frame[names[3:]].to_numpy(float), plain, rtol=1e-6)
numpy.testing.assert_allclose(numpy.array([[row[n] for n in names[3:]] for row in data]), plain, rtol=1e-6)
numpy.testing.assert_array_equal(archive["features"], plain)
numpy.testing.assert_allclose(archive["start"], frame["start"], atol=1e-6)
assert list(archive["files"][archive["file"]]) == list(frame["file"])
print(len(set(row["file"] for row in data)), len(data), plain.shape)
"""


def test_pandas_scipy_and_numpy_read_them():
    test_formats_hold_the_same("plain")  # scipy knows no other letters than ASCII
    try:
        python = packages.python("features-readers", "numpy==2.2.6", "pandas==2.2.3", "scipy==1.15.3")
    except packages.Absent as why:
        skip("tables of features read by pandas, scipy and numpy", why)
        return
    done = subprocess.run([python, "-c", READ, work], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("3 "), done.stdout


# What tells how loud a recording is; all else is the same 40 dB softer.
LEVELS = ("loudness_mean_db", "mfcc0_mean", "equivalentSoundLevel_dBp")
# eGeMAPS has a loudness that grows with the level's power 0.3, a flux of it, and slopes over an absolute floor.
FOLLOW = ("loudness", "spectralFlux", "slope")


def test_forty_decibels_softer():
    loud = voice(gain=1)
    save(work / "loud.wav", loud)
    # Not by 16-bit samples, whose rounding would be noise 40 dB nearer.
    samples = array.array("f", (x * 0.01 / 32768 for x in loud)).tobytes()
    head = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 36 + len(samples), b"WAVEfmt ", 16, 3, 1, 16000, 64000, 4, 32, b"data",
                       len(samples))
    (work / "soft.wav").write_bytes(head + samples)
    for name in SETS:
        head, (a,) = measured(work / "loud.wav", "--set", name)
        _, (b,) = measured(work / "soft.wav", "--set", name)
        for column, x, y in zip(head[3:], a[3:], b[3:]):
            if column in LEVELS or name == "intensity" and "std" not in column:
                assert float(x) - float(y) > 9, (name, column, x, y)
            elif name == "egemaps" and column.startswith(FOLLOW):
                assert math.isfinite(float(y)), (name, column, x, y)
            else:
                assert abs(float(x) - float(y)) < 0.02 * (1 + abs(float(x))), (name, column, x, y)


def test_bad_ones_beside_good_ones():
    folder = work / "bad"
    folder.mkdir()
    save(folder / "good.wav", voice(0.5))
    (folder / "text.wav").write_text("no audio\n" * 99)
    out, err = run("features", folder, "--output", work / "bad.csv", expect=1)
    assert out == "" and "text.wav" in err and "not audio" in err and "1 recording could not" in err, err
    assert [r[0] for r in table((work / "bad.csv").read_text())[1]] == ["good.wav"]
    _, err = run("features", folder / "text.wav", "--output", work / "none.csv", expect=1)
    assert not (work / "none.csv").exists(), err
    assert not [n for n in files(work) if "none" in n or n.endswith(".part")], files(work)


def test_wrong_usage():
    good = work / "good.wav"
    save(good, voice(0.3))
    for arguments, words in (
        ((good, "--set", "best"), ("best", "mfcc-htk")), ((good, "--level", "word"), ("word", "windows")),
        ((good, "--output", work / "t.xlsx"), ("t.xlsx", ".csv")), ((good, "--level", "windows", "--window", "x"), ("seconds",)),
        ((good, "--level", "windows", "--window", "0"), ("window",)), ((good, "--levels", "x"), ("--levels",)),
        ((), ("usage",)),
    ):
        out, err = run("features", *arguments, expect=2)
        assert out == "" and all(word in err for word in words), (arguments, err)
    _, err = run("features", work / "nowhere.wav", expect=1)
    assert "nowhere.wav" in err, err
    _, err = run("features", good, "--output", work / "no" / "such" / "t.csv", expect=1)
    assert "No such file" in err, err


def test_full_disk():
    disk = small_disk(work / "disk", 64)
    if not disk:
        skip("features onto a full disk", "a small file system could not be mounted")
        return
    try:
        save(work / "long.wav", voice(1.0), times=30)
        for ending in ("csv", "npy", "npz"):
            _, err = run("features", work / "long.wav", "--set", "mfcc-htk", "--level", "frames", "--output",
                         disk / f"t.{ending}", expect=1)
            assert "No space left" in err, err
            assert files(disk) == [], files(disk)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_recording_that_fails_in_its_middle_has_no_rows():
    """Of one whose samples are no numbers that is known at its end alone; the table is as without it."""
    folder = work / "break"
    folder.mkdir()
    sound = [math.nan] * 16000 * 8
    data = struct.pack(f"<{len(sound)}f", *sound)
    (folder / "b.wav").write_bytes(
        b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 3, 1, 16000, 64000, 4, 32) +
        b"data" + struct.pack("<I", len(data)) + data)
    for name, seconds in (("a.wav", 4.0), ("c.wav", 3.0)):
        save(folder / name, voice(seconds))
    options = ("--set", "egemaps", "--level", "windows", "--window", "1", "--step", "1")
    whole = [run("features", folder / name, *options)[0].splitlines() for name in ("a.wav", "c.wav")]
    out, err = run("features", folder, *options, expect=1)
    assert "b.wav" in err and "not numbers" in err and "1 recording could not be measured" in err, err
    assert out.splitlines() == whole[0] + whole[1][1:], out
    tables = [work / f"break.{ending}" for ending in ("csv", "arff", "npy", "npz")]
    for path in tables:
        run("features", folder, *options, "--output", path, expect=1)
    assert tables[0].read_text() == out
    data = tables[1].read_text().split("@data\n")[1].splitlines()
    assert [line.split(",")[:2] for line in data] == [[f"'{r.split(',')[0]}'", r.split(",")[1]] for r in out.splitlines()[1:]], data
    assert npy(tables[2].read_bytes())[0] == (7, 88)
    with zipfile.ZipFile(tables[3]) as archive:
        assert npy(archive.read("file.npy"))[1]== [0] * 4 + [2] * 3
        assert npy(archive.read("start.npy"))[1]== [0, 1, 2, 3, 0, 1, 2]
        assert npy(archive.read("features.npy"))[0] == (7, 88)


def test_half_an_hour_takes_no_more_memory():
    save(work / "long_talk.wav", voice(1.0), times=1800)
    _, rows = measured(work / "long_talk.wav", "--level", "windows", "--window", "2", "--step", "300", "--set", "mfcc-kaldi")
    assert len(rows) == 6
    run("features", work / "long_talk.wav", "--set", "mfcc-kaldi", "--level", "frames", "--output", work / "long_talk.npz")
    with zipfile.ZipFile(work / "long_talk.npz") as archive:
        shape, values = npy(archive.read("features.npy"))
        starts = npy(archive.read("start.npy"))[1]
    assert shape == (179998, 13), shape
    assert all(abs(s - i / 100) < 1e-6 for i, s in enumerate(starts))
    # The sound repeats each second, and so must the rows, where pieces meet too.
    for seam in (30000, 60000, 150000):
        for frame in range(seam - 5, seam + 5):
            now, before = (values[13 * f : 13 * f + 13] for f in (frame, frame - 700))
            assert all(abs(a - b) < 1e-3 for a, b in zip(now, before)), (frame, now, before)
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    assert most < 250, most
    _, err = run("features", work / "long_talk.wav", expect=1)
    assert "longer than 600 s" in err and "--level" in err, err


def test_frames_go_on_where_pieces_meet():
    """Frames that stand in the middle of what is measured, too: until the last piece, whose length is any."""
    save(work / "quiet.wav", [0] * 16000, times=606)
    for name, hop in (("pitch", 0.01), ("voice-report", 0.01), ("formants", 0.00625), ("intensity", 0.8 / 75)):
        run("features", work / "quiet.wav", "--set", name, "--level", "frames", "--output", work / "quiet.npz")
        with zipfile.ZipFile(work / "quiet.npz") as archive:
            starts = [s for s in npy(archive.read("start.npy"))[1] if s < 599.9]
        assert len(starts) > 599 / hop, (name, len(starts))
        assert all(abs(s - starts[0] - i * hop) < 1e-6 for i, s in enumerate(starts)), name


if __name__ == "__main__":
    try:
        main([value for name, value in list(globals().items()) if name.startswith("test_")])
    finally:
        shutil.rmtree(work, ignore_errors=True)
