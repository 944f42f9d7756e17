#!/usr/bin/env python3
"""Runs that are repeated, killed, shared, damaged, sharded; records, artifacts, stacks, secrets, settings."""
import concurrent.futures
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
import xml.dom.minidom

import jsonschema

from runs import (
    MODELS, artifacts, audio, check_store, clean, command, contents, make_audio, records, reference, statuses, work,
)
from support import BINARY, ROOT, SAMPLE, load, main, run, skip, tone

KILLS = int(os.environ.get("UT_KILLS", "20"))


def test_a_second_run_does_nothing_and_says_so():
    want = reference()
    before = {n: os.stat(work / "reference" / n).st_mtime_ns for n in want}
    out, err = run(*command(work / "reference"))
    assert err.count(": unchanged") == 4 and "nothing had to be done" in err, err
    assert "SPEAKER_00" in out
    assert contents(work / "reference") == want
    assert before == {n: os.stat(work / "reference" / n).st_mtime_ns for n in want}
    assert set(statuses(work / "reference").values()) == {"cached"}


def test_nothing_of_the_models_is_opened_when_nothing_is_to_be_done():
    models = work / "models"
    shutil.copytree(ROOT / "models", models)
    run(*command(work / "lazy", "--models_dir", models))
    for path in models.rglob("*.safetensors"):
        path.chmod(0)
    if os.geteuid() == 0:
        skip("weights that cannot be read", "root reads everything")
    _, err = run(*command(work / "lazy", "--models_dir", models))
    assert "nothing had to be done" in err, err


def test_a_changed_setting_does_only_what_depends_on_it():
    output = work / "changed"
    run(*command(output))
    run(*command(output, "--no_retrieval"))
    done = statuses(output)
    assert done[("part0", "transcribe")] == done[("part0", "extract")] == "cached", done
    assert done[("part0", "analyze")] == "completed", done
    run(*command(output, "--num_speakers", "1"))
    done = statuses(output)
    assert done[("part0", "transcribe")] == "completed", done
    _, err = run(*command(output))  # back again: all of it is known
    assert set(statuses(output).values()) <= {"cached", "completed"}
    assert all(v == "cached" for (_, step), v in statuses(output).items() if step in ("transcribe", "extract"))
    assert contents(output) == reference()


def test_changed_audio_and_changed_models_are_seen():
    source = work / "moving"
    shutil.copytree(audio, source)
    output = work / "moved"
    run(*command(output, source=source))
    shutil.copy(audio / "part1.wav", source / "part0.wav")
    run(*command(output, source=source))
    done = statuses(output)
    assert done[("part0", "transcribe")] == "completed" and done[("part2", "transcribe")] == "cached", done
    assert load(output / "part0" / "conversation.json")["source"]["sha256"] == load(
        output / "part1" / "conversation.json")["source"]["sha256"]
    models = work / "other models"
    shutil.copytree(ROOT / "models", models)
    with open(models / "knowledge" / "starter.jsonl", "a", encoding="utf-8") as file:
        file.write(open(models / "knowledge" / "starter.jsonl", encoding="utf-8").readline())
    run(*command(output, "--models_dir", models, source=source))
    done = statuses(output)
    assert done[("part2", "extract")] == "cached" and done[("part2", "analyze")] == "completed", done


def test_results_that_were_lost_or_changed_are_written_again():
    want = reference()
    output = work / "touched"
    shutil.copytree(work / "reference", output)
    (output / "part0" / "report.html").unlink()
    (output / "part1" / "conversation.json").write_text("{}")
    _, err = run(*command(output))
    assert contents(output) == want
    assert err.count(": unchanged") == 2, err


def test_single_steps_share_the_cache_with_run():
    project = work / "project"
    project.mkdir()
    run("init", cwd=project)
    run(*command(project / "r"), cwd=project)
    _, err = run("transcribe", audio, "--output_dir", "t", *MODELS[:6], cwd=project)
    rows = records(project / ".undertone", "SELECT DISTINCT status FROM steps WHERE run = 2")
    assert rows == [("cached",)], rows
    run("extract", "t", "--output_dir", "x", *MODELS[6:], cwd=project)
    run("analyze", "x", "--output_dir", "a", *MODELS[6:], cwd=project)
    rows = records(project / ".undertone", "SELECT DISTINCT status FROM steps WHERE run > 2 AND step != 'report'")
    assert rows == [("cached",)], rows
    for name in ("part0", "part1", "tone"):
        assert (project / "a" / name / "conversation.json").read_bytes() == (
            project / "r" / name / "conversation.json").read_bytes()
    assert not (project / "r" / ".undertone").exists()


def test_no_cache_only_and_from():
    output = work / "bounds"
    _, err = run(*command(output, "--only", "analyze"), expect=1)
    assert "--only" in err and "transcribe" in err, err
    run(*command(output, "--only", "transcribe"))
    document = load(output / "part0" / "conversation.json")
    assert document["utterances"] and not document["utterances"][0]["emotion"]
    assert not (output / "part0" / "report.html").exists()
    run(*command(output, "--only", "extract"))
    run(*command(output, "--only", "analyze"))
    assert {s for (_, s) in statuses(output)} >= {"analyze", "report"}
    assert contents(output) == reference()
    run(*command(output, "--from", "extract"))
    done = statuses(output)
    assert done[("part0", "transcribe")] == "cached"
    assert done[("part0", "extract")] == done[("part0", "analyze")] == "completed", done
    run(*command(output, "--no_cache"))
    assert set(statuses(output).values()) == {"completed"}
    assert contents(output) == reference()


def test_killed_at_any_moment_it_resumes_to_the_same_bytes():
    want = reference()
    began = time.monotonic()
    run(*command(work / "timed", "--no_cache"))
    length = time.monotonic() - began
    random.seed(os.environ.get("UT_SEED", "1"))
    killed = 0
    for i in range(KILLS):
        output = work / f"killed{i % 4}"
        if i < 4 or random.random() < 0.5:
            shutil.rmtree(output, ignore_errors=True)
        more = ["--no_cache"] if random.random() < 0.3 else []
        child = subprocess.Popen(
            [str(BINARY), *map(str, command(output, "--jobs", "2", *more))],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.random() * length)
        killed += child.poll() is None
        child.kill()
        child.wait()
        run(*command(output))
        assert contents(output) == want, f"kill {i}: {set(contents(output)) ^ set(want)}"
        assert not list(output.rglob("*.part")), (i, list(output.rglob("*.part")))
        check_store(output / ".undertone")
    print(f"   {killed} of {KILLS} runs were killed at work, {length:.1f} s each")
    assert killed > KILLS / 4
    out, _ = run("pipeline", "runs", "list", "--output_dir", output)
    assert "running" not in out


def test_two_runs_at_once_share_the_cache():
    output = work / "together"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        done = [pool.submit(run, *command(output, "--jobs", "2")) for _ in range(3)]
        for d in done:
            d.result()
    assert contents(output) == reference()
    check_store(output / ".undertone")
    assert len(records(output / ".undertone", "SELECT * FROM runs WHERE status = 'completed'")) == 3


def test_a_damaged_or_lost_artifact_is_made_again():
    output = work / "damaged"
    run(*command(output))
    home = output / ".undertone"
    (sha,) = records(home, "SELECT output FROM steps WHERE conversation = 'part0' AND step = 'extract'")[0]
    path = home / "artifacts" / sha[:2] / sha[2:]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-5] + b"false")
    (lost,) = records(home, "SELECT output FROM steps WHERE conversation = 'part1' AND step = 'extract'")[0]
    (home / "artifacts" / lost[:2] / lost[2:]).unlink()
    _, err = run(*command(output, "--from", "analyze"))
    assert "warning" in err and "damaged" in err and sha[2:] in err and lost[2:] in err, err
    assert contents(output) == reference()
    check_store(home)


def test_one_bad_file_fails_alone_and_is_recorded():
    source = work / "mixed"
    source.mkdir()
    tone(source / "good.wav")
    (source / "bad.wav").write_text("this is no audio")
    output = work / "mixed results"
    run(*command(output, source=source), expect=1)
    assert statuses(output)[("bad", "transcribe")] == "failed"
    _, err = run(*command(output, source=source), expect=1)  # a failure is not remembered as done
    assert "good.wav: unchanged" in err and "bad.wav" in err, err
    out, _ = run("pipeline", "runs", "show", "latest", "--output_dir", output)
    assert "failed" in out and "not audio" in out or "bad.wav" in out, out


def test_prune_keeps_what_a_run_names():
    output = work / "pruned"
    run(*command(output))
    home = output / ".undertone"
    kept = set(artifacts(home))
    stray = home / "artifacts" / "ab" / ("c" * 62)
    stray.parent.mkdir(exist_ok=True)
    stray.write_text("named by nothing")
    half = stray.parent / "x.AbCdEf.part"
    half.write_text("half")
    _, err = run("artifacts", "prune", "--dry-run", "--output_dir", output)
    assert "1 artifacts" in err and stray.exists(), err
    run("artifacts", "prune", "--output_dir", output)
    assert set(artifacts(home)) == kept and not half.exists()
    run(*command(output, "--no_retrieval"))
    first = records(home, "SELECT id FROM runs ORDER BY number")[0][0]
    run("pipeline", "runs", "delete", first, "--output_dir", output)
    run("artifacts", "prune", "--output_dir", output)
    check_store(home)
    assert len(artifacts(home)) < len(kept) + 8
    _, err = run(*command(output, "--no_retrieval"))
    assert "nothing had to be done" in err, err


def test_records_that_cannot_be_used_are_named():
    output = work / "records"
    run(*command(output))
    home = output / ".undertone"
    with sqlite3.connect(home / "records.db") as db:
        db.execute("PRAGMA user_version = 99")
    _, err = run(*command(output), expect=1)
    assert "newer undertone" in err and "records.db" in err, err
    with sqlite3.connect(home / "records.db") as db:
        db.execute("PRAGMA user_version = 1")
    lock = sqlite3.connect(home / "records.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    _, err = run(*command(output, "--no_cache"), expect=1)
    assert "locked" in err, err
    lock.execute("ROLLBACK")
    lock.close()
    assert contents(output) == reference()
    for name in os.listdir(home):
        if name.startswith("records.db"):
            (home / name).unlink()
    (home / "records.db").write_text("this is no database, but it is long enough to look like one" * 20)
    _, err = run(*command(output), expect=1)
    assert "damaged" in err or "another program" in err, err


def test_a_store_that_cannot_be_written_is_an_error_and_loses_nothing():
    output = work / "full"
    run(*command(output))
    before = contents(output)

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

    done = subprocess.run(
        [str(BINARY), *map(str, command(output, "--from", "extract"))], capture_output=True, text=True,
        preexec_fn=small_files, check=False)
    assert done.returncode == 1 and "error" in done.stderr, done.stderr
    assert contents(output) == before
    assert not list(output.rglob("*.part"))
    run(*command(output))
    assert contents(output) == before
    if os.geteuid() == 0:
        output = work / "no folder"
        output.mkdir()
        (output / ".undertone").write_text("a file where the folder should be")
    else:
        output = work / "read only"
        output.mkdir()
        output.chmod(0o500)
    _, err = run(*command(output), expect=1)
    assert ".undertone" in err, err


def test_shards_together_are_the_whole():
    output = work / "shards"
    for i in (1, 2, 3):
        run(*command(output, "--shard", f"{i}/3"))
    assert contents(output) == reference()
    _, err = run("pipeline", "runs", "merge", "--output_dir", output)
    assert "3 runs" in err, err
    check_store(output / ".undertone")
    rows = records(output / ".undertone", "SELECT shard FROM runs ORDER BY shard")
    assert rows == [("1/3",), ("2/3",), ("3/3",)], rows
    assert len(records(output / ".undertone", "SELECT DISTINCT conversation FROM steps")) == 4
    _, err = run(*command(output))
    assert "nothing had to be done" in err, err
    _, err = run("pipeline", "runs", "merge", "--output_dir", output)
    assert "0 runs" in err, err
    for bad in ("0/3", "4/3", "1", "1/0", "a/b", "1/3x"):
        _, err = run(*command(output, "--shard", bad), expect=2)
        assert "I/N" in err, err
    _, err = run(*command(output, "--shard", "1/2", "--ground_truth", "x", "--evaluation_output", "y"), expect=2)
    assert "evaluate" in err, err


def test_runs_are_listed_shown_and_compared():
    output = work / "listed"
    truth = work / "truth.json"
    truth.write_text(json.dumps({"part0.wav": [{"emotion": "neutral"}], "part1.wav": [{"emotion": "happy"}]}))
    run(*command(output, "--ground_truth", truth, "--evaluation_output", work / "scores.json"))
    run(*command(output, "--no_retrieval", "--jobs", "2"))
    out, _ = run("pipeline", "runs", "list", "--output_dir", output)
    ids = [line.split()[0] for line in out.splitlines()]
    assert len(ids) == 2 and out.count("completed") == 2, out
    out, _ = run("pipeline", "runs", "show", ids[0], "--output_dir", output)
    for word in ("accuracy", "vad-small", "--audio_dir", "transcribe", "completed", "avx2" if "avx2" in out else "ref"):
        assert word in out, (word, out)
    out, _ = run("pipeline", "runs", "compare", *ids, "--output_dir", output)
    assert "no_retrieval" in out and "part0/analyze" in out and "part0/transcribe" not in out, out
    out, _ = run("pipeline", "runs", "logs", ids[1], "--output_dir", output)
    assert "part0.wav" in out, out
    _, err = run("pipeline", "runs", "show", "nope", "--output_dir", output, expect=1)
    assert "nope" in err
    _, err = run("pipeline", "runs", "show", "2", "--output_dir", output, expect=2)
    assert "give more" in err, err
    out, _ = run("artifact", "list", "--output_dir", output)
    assert "part0/transcribe" in out and "recording" in out
    out, _ = run("artifact", "show", "part0/extract", "--output_dir", output)
    assert "made by extract" in out and "sha-256" in out
    run("artifact", "lineage", "part0/analyze", "--output", work / "l.svg", "--output_dir", output)
    svg = xml.dom.minidom.parse(str(work / "l.svg"))
    words = " ".join(t.firstChild.data for t in svg.getElementsByTagName("text") if t.firstChild)
    for word in ("part0.wav", "transcribe", "extract", "analyze", "report"):
        assert word in words, (word, words)


def test_the_known_lines_of_stacks_and_secrets_work():
    project = work / "stacks"
    project.mkdir()
    for line in (["stack", "list"], ["secret", "list"], ["pipeline", "runs", "list"]):
        _, err = run(*line, cwd=project, expect=1)
        assert "undertone init" in err, err
    run("init", cwd=project)
    run("stack", "register", "emotion_recognition_stack", "-a", "default", "-o", "default", "-c", "default", "-m",
        "default", cwd=project)
    run("secret", "create", "openai_api_key", "--schema=api_key", "--value=sk-test-1234", cwd=project)
    out, _ = run("stack", "list", cwd=project)
    assert "emotion_recognition_stack" in out
    out, _ = run("secret", "get", "openai_api_key", cwd=project)
    assert "sk-test-1234" in out
    home = project / ".undertone"
    assert (home / "secrets" / ".key").stat().st_mode & 0o777 == 0o600
    assert (home / "secrets" / "openai_api_key").stat().st_mode & 0o777 == 0o600
    for path in home.rglob("*"):
        assert not path.is_file() or b"sk-test" not in path.read_bytes(), path
    done = subprocess.run([str(BINARY), "secret", "create", "other", "--api_key=-"], input="from-stdin\n", text=True,
                          cwd=project, check=True)
    assert done.returncode == 0
    out, _ = run("secret", "get", "other", cwd=project)
    assert out == "api_key: from-stdin\n", out
    assert run("secret", "list", cwd=project)[0].split() == ["openai_api_key", "other"]
    _, err = run("secret", "create", "other", "--value=x", cwd=project, expect=2)
    assert "already" in err
    _, err = run("secret", "create", "../escape", "--value=x", cwd=project, expect=2)
    assert "name" in err
    run("secret", "delete", "other", cwd=project)
    _, err = run("secret", "get", "other", cwd=project, expect=1)
    assert "no secret other" in err
    (home / "secrets" / ".key").chmod(0o644)
    _, err = run("secret", "get", "openai_api_key", cwd=project, expect=2)
    assert "chmod 600" in err, err
    (home / "secrets" / ".key").chmod(0o600)
    (home / "secrets" / ".key").write_bytes(b"k" * 32)
    _, err = run("secret", "get", "openai_api_key", cwd=project, expect=1)
    assert "another key" in err, err


def test_a_stack_keeps_artifacts_where_it_says():
    project = work / "elsewhere"
    project.mkdir()
    run("init", cwd=project)
    run("stack", "register", "disk", "-a", "store", cwd=project)
    _, err = run("stack", "set", "nope", cwd=project, expect=1)
    assert "no stack nope" in err
    _, err = run("stack", "register", "cloud", "-o", "kubernetes", cwd=project, expect=2)
    assert "integrations/zenml" in err
    run("stack", "set", "disk", cwd=project)
    out, _ = run("stack", "describe", cwd=project)
    assert "disk (active)" in out and str(project / "store") in out, out
    run(*command("r"), cwd=project)
    assert not artifacts(project / ".undertone")
    assert [p for p in (project / "store").rglob("*") if p.is_file()]
    run("artifacts", "prune", cwd=project)
    _, err = run(*command("r", "--from", "analyze"), cwd=project)
    assert "again" not in err, err


def test_settings_tell_where_they_came_from():
    project = work / "config"
    project.mkdir()
    (project / "s.yaml").write_text("jobs: 3\nbeam_size: 2\nlanguage: de\nnum_speakers: 2\n")
    (project / ".env").write_text("UNDERTONE_NUM_SPEAKERS=4\nUNDERTONE_BEAM_SIZE=3\n")
    out, _ = run("config", "show", "--config", "s.yaml", "--jobs=5", cwd=project, env={"UNDERTONE_BEAM_SIZE": "7"})
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert " 5 " in rows["jobs"] and "--jobs" in rows["jobs"], rows["jobs"]
    assert " 7 " in rows["beam_size"] and ".env" not in rows["beam_size"], rows["beam_size"]
    assert " 4 " in rows["num_speakers"] and ".env" in rows["num_speakers"], rows["num_speakers"]
    assert "de" in rows["language"] and "s.yaml, line 3" in rows["language"], rows["language"]
    assert "default" in rows["vad_model"]
    schema = json.loads(run("config", "schema")[0])
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"jobs": 3, "channels": "mix"}, schema)
    try:
        jsonschema.validate({"surprise": 1}, schema)
    except jsonschema.ValidationError:
        return
    raise AssertionError("the schema takes anything")


def test_the_schema_agrees_with_the_program():
    """What it allows is taken from a YAML file, what it forbids is refused, setting by setting."""
    project = work / "schema"
    project.mkdir()
    schema = json.loads(run("config", "schema")[0])
    for name, kind in schema["properties"].items():
        if kind["type"] == "integer":
            values = [(kind["minimum"], True), (kind["maximum"], True), (kind["minimum"] - 1, False),
                      (kind["maximum"] + 1, False), ("many", False)]
        elif kind["type"] == "boolean":
            values = [(True, True), (False, True), ("perhaps", False)]
        elif "enum" in kind:
            values = [*((v, True) for v in kind["enum"][:2]), ("none of these", False)]
        else:
            continue
        for value, allowed in values:
            try:
                jsonschema.validate({name: value}, schema)
                said = True
            except jsonschema.ValidationError:
                said = False
            assert said == allowed, (name, value)
            (project / "s.yaml").write_text(f"{name}: {json.dumps(value)}\n")
            done = subprocess.run([str(BINARY), "config", "show", "--config", "s.yaml"], cwd=project, capture_output=True,
                                  text=True, check=False)
            named = f"s.yaml, line 1: {name}" in done.stderr
            assert not named if allowed else named and done.returncode == 2, (name, value, done.stderr)


if __name__ == "__main__":
    if not list(SAMPLE.glob("*.flac")):
        skip("everything", "the sample is not there")
        raise SystemExit(77)
    try:
        make_audio()
        main([value for name, value in list(globals().items()) if name.startswith("test_")])
    finally:
        clean()
