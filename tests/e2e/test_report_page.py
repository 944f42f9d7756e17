"""The HTML report in a real browser: every utterance appears, nothing loads from elsewhere; and the schema."""
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

build = pathlib.Path(os.environ.get("UT_BUILD_DIR", "build"))
source = pathlib.Path(os.environ.get("UT_SOURCE_DIR", "."))
CHROMIUM = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --dump-dom""".split()
skipped = []
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
    folder = pathlib.Path(name)
    writer = [build / "tests" / "unit_report_html"]
    done = subprocess.run(writer, env={**os.environ, "UT_BUILD_DIR": name}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    conversation = json.loads((folder / "report-example.json").read_text())
    try:
        import jsonschema
    except ImportError:
        skipped.append("SKIP: conversation schema (python3-jsonschema is not installed)")
    else:
        schema = json.loads((source / "docs/conversation.schema.json").read_text())
        validator = jsonschema.validators.validator_for(schema)(schema)
        errors = [error.message for error in validator.iter_errors(conversation)]
        assert not errors, errors[:3]
        conversation["utterances"][0]["emotion"]["label"] = "bored"
        assert list(validator.iter_errors(conversation)), "the schema accepts an unknown emotion"

    chromium = shutil.which("chromium")
    if not chromium:
        skipped.append("SKIP: the report in a browser (chromium is not installed)")
    else:
        page = (folder / "report-example-long.html").as_uri() + "#u3"
        command = [chromium, *CHROMIUM, f"--user-data-dir={folder / 'profile'}", page]
        dom = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
        drawn = dom.split('id="list"', 1)[1]
        assert drawn.count('class="row"') == 800, drawn.count('class="row"')
        for utterance in conversation["utterances"][:16]:
            assert html.escape(utterance["text"], quote=False) in drawn, utterance["text"]
        assert dom.count('<g class="u ') == 800, "the timeline lacks utterances"
        assert drawn.count('aria-expanded="true"') == 1 and "Opinions of the experts" in drawn
        loads = re.findall(r'<[^<>]* (?:src|href|action)="([^"]*)"', drawn)
        assert all(link.startswith("data:") for link in loads), loads[:5]
for line in skipped:
    print(line)
sys.exit(77 if skipped else 0)
