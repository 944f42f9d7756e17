#!/usr/bin/env python3
"""Disks that are full or must not be written, and artifacts that are damaged all at once: clear errors, nothing lost."""
import subprocess

from runs import artifacts, check_store, clean, command, contents, make_audio, records, reference, statuses, work
from support import BINARY, SAMPLE, main, run, skip, small_disk

mounted = []


def disk(name, kilobytes):
    place = small_disk(work / name, kilobytes)
    if place is None:
        skip(name, "no file system can be mounted here")
    else:
        mounted.append(place)
    return place


def remount(place, option):
    subprocess.run(["mount", "-o", f"remount,{option}", str(place)], check=True)


def test_a_disk_that_fills_at_any_moment():
    """From one where not even the records fit to one where all fits: each run goes on where the one before ended."""
    want = reference()
    place = disk("filling", 16)
    if place is None:
        return
    failed, kilobytes = 0, 16
    for kilobytes in (16, 48, 96, 160, 240, 340, 460, 600, 800, 1100, 1500, 2000, 3000, 6000):
        remount(place, f"size={kilobytes}k")
        done = subprocess.run(
            [str(BINARY), *map(str, command(place / "r"))], capture_output=True, text=True, timeout=300, check=False)
        if done.returncode == 0:
            break
        failed += 1
        assert done.returncode == 1, done
        assert "no space left" in done.stderr.lower() and "make room" in done.stderr, (kilobytes, done.stderr)
        assert str(place) in done.stderr, done.stderr
        assert not list(place.rglob("*.part")), (kilobytes, list(place.rglob("*.part")))
        if (place / "r").exists():
            for name, data in contents(place / "r").items():
                assert data == want[name], (kilobytes, name)
    assert done.returncode == 0 and failed >= 4, (failed, kilobytes, done.stderr)
    assert contents(place / "r") == want
    check_store(place / "r" / ".undertone")
    print(f"   {failed} runs on a full disk, then one on {kilobytes} kB")


def test_a_passing_trouble_is_waited_for():
    """The results' disk is full until the program says so; the records lie elsewhere."""
    place = disk("passing", 120)
    if place is None:
        return
    project = work / "waiting"
    project.mkdir()
    run("init", cwd=project)
    _, err = run(*command(place / "r"), cwd=project, expect=1)
    assert "no space left" in err.lower() and "trying again" not in err, err
    out, _ = run("pipeline", "runs", "show", "latest", cwd=project)
    assert "No space left" in out or "no space left" in out, out
    child = subprocess.Popen(
        [str(BINARY), *map(str, command(place / "r", "--retries", "6"))], cwd=project, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True)
    said = []
    for line in child.stderr:
        said.append(line)
        if "trying again" in line:
            remount(place, "size=6000k")
    assert child.wait(300) == 0 and any("trying again" in line for line in said), said
    assert contents(place / "r") == reference()


def test_a_home_that_must_not_be_written():
    place = disk("read only", 20000)
    if place is None:
        return
    run(*command(place / "r"))
    before = contents(place / "r")
    remount(place, "ro")
    _, err = run(*command(place / "r", "--no_retrieval"), expect=1)
    assert ".undertone" in err and ("Read-only" in err or "cannot be opened or written" in err), err
    out, _ = run("pipeline", "runs", "list", "--output_dir", place / "r")  # looking needs no writing
    assert "completed" in out
    out, _ = run("artifact", "list", "--output_dir", place / "r")
    assert "part0/transcribe" in out
    _, err = run("artifacts", "prune", "--output_dir", place / "r", expect=1)
    assert "records.db" in err or "lock" in err, err
    remount(place, "rw")
    run(*command(place / "r"))
    assert contents(place / "r") == before == reference()


def test_a_store_that_must_not_be_written():
    place = disk("store", 20000)
    if place is None:
        return
    project = work / "project"
    project.mkdir()
    run("init", cwd=project)
    run("stack", "register", "disk", "-a", place, cwd=project)
    run("stack", "set", "disk", cwd=project)
    run(*command("r"), cwd=project)
    before = contents(project / "r")
    remount(place, "ro")
    _, err = run(*command("r"), cwd=project)  # nothing is to be written
    assert "nothing had to be done" in err, err
    _, err = run(*command("r", "--no_retrieval"), cwd=project, expect=1)
    assert str(place) in err and "Read-only" in err, err
    out, _ = run("pipeline", "runs", "show", "latest", cwd=project)
    assert "failed" in out and "Read-only" in out, out
    remount(place, "rw")
    run(*command("r"), cwd=project)
    assert contents(project / "r") == before


def test_every_artifact_damaged_at_once():
    output = work / "damaged"
    run(*command(output))
    home = output / ".undertone"
    for path in artifacts(home):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    _, err = run(*command(output, "--from", "analyze"))
    assert err.count("damaged") >= 4 and "doing extract again" in err, err
    assert contents(output) == reference()
    run(*command(output))  # the lists of results were damaged, too: the results are written again
    assert contents(output) == reference()
    check_store(home)
    _, err = run(*command(output))
    assert "nothing had to be done" in err, err
    assert set(statuses(output).values()) == {"cached"}
    assert not [row for row in records(home, "SELECT error FROM steps WHERE status = 'failed'")]


def test_an_unknown_stack_is_no_way_out():
    project = work / "unknown"
    project.mkdir()
    run("init", cwd=project)
    run("stack", "register", "disk", "-a", "store", cwd=project)
    _, err = run("stack", "set", "nope", cwd=project, expect=1)
    assert "there is no stack nope" in err and "stack list" in err, err
    _, err = run("stack", "describe", "nope", cwd=project, expect=1)
    assert "there is no stack nope" in err, err
    (project / ".undertone" / "stacks.json").write_text('{"active": "gone", "stacks": {"default": {}}}')
    _, err = run(*command("r"), cwd=project, expect=1)
    assert "stacks.json is damaged" in err and not (project / "r" / "part0").exists(), err


if __name__ == "__main__":
    if not list(SAMPLE.glob("*.flac")):
        skip("everything", "the sample is not there")
        raise SystemExit(77)
    try:
        make_audio()
        main([value for name, value in list(globals().items()) if name.startswith("test_")])
    finally:
        for place in mounted:
            subprocess.run(["umount", str(place)], check=False)
        clean()
