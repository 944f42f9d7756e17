#!/usr/bin/env python3
"""The reports in a real browser: every utterance appears, nothing loads from elsewhere, keys and filters work, the
recording plays, axe finds nothing, long conversations scroll smoothly; and the schema. The first half makes the
reports through the program; the second looks at them under the Python that has Playwright."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import browser  # noqa: E402
import packages  # noqa: E402

SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


def make(folder):
    """reports/ with a long and a short conversation and their collection, scores, and sample/ with its recording."""
    from support import ROOT, SAMPLE, load, run

    writer = pathlib.Path(os.environ.get("UT_BUILD_DIR", ROOT / "build")) / "tests" / "unit_report_html"
    done = subprocess.run([writer], env={**os.environ, "UT_BUILD_DIR": str(folder)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    long = load(folder / "report-example.json")
    check_schema(long, load(ROOT / "docs" / "conversation.schema.json"))
    short = {**long, "id": "short", "utterances": long["utterances"][:30], "analytics": None}
    for name, document in (("long one", long), ("short", short)):
        (folder / "results" / name).mkdir(parents=True)
        (folder / "results" / name / "conversation.json").write_text(json.dumps({**document, "id": name}))
    out, _ = run("report", folder / "results", "--audio", "none", "--output_dir", folder / "reports")
    assert out.split("\n") == [f"{folder}/reports/{n}report.html" for n in ("long one/", "short/", "")] + [""], out
    _, err = run("report", folder / "results", "--audio", "loud", expect=2)
    assert "usage" in err
    (folder / "results" / "short" / "conversation.json").write_text("{")
    out, err = run("report", folder / "results", "--audio", "none", "--output_dir", folder / "partly", expect=1)
    assert "short/conversation.json" in err and out.count("report.html") == 2, (out, err)
    (folder / "results" / "short" / "conversation.json").write_text(json.dumps({**short, "id": "short"}))

    bundled = ["--asr_model", "none", "--vad_model", "bundled", "--speaker_model", "bundled", "--text_model", "bundled"]
    run("run", "--audio_dir", SAMPLE, "--output_dir", folder / "sample", *bundled, "--ground_truth",
        ROOT / "data" / "ground_truth.json", "--evaluation_output", folder / "scores" / "results.json")
    first = (folder / "scores" / "results.html").read_bytes()
    run("report", folder / "scores" / "results.json")
    assert (folder / "scores" / "results.html").read_bytes() == first, "evaluate and report differ"
    sample = next((folder / "sample").glob("*/report.html"))
    first = sample.read_bytes()
    run("report", folder / "sample")
    assert sample.read_bytes() == first, "run and report differ"


def check_schema(conversation, schema):
    import jsonschema

    validator = jsonschema.validators.validator_for(schema)(schema)
    errors = [error.message for error in validator.iter_errors(conversation)]
    assert not errors, errors[:3]
    wrong = json.loads(json.dumps(conversation))
    wrong["utterances"][0]["emotion"]["label"] = "bored"
    assert list(validator.iter_errors(wrong)), "the schema accepts an unknown emotion"


# ---- under the Python that has Playwright


def look(chromium, path, fragment="", allowed="data:", **options):
    """A page that was opened, and what watches it."""
    context = chromium.new_context(**{"viewport": SIZES["wide"], **options})
    watched = browser.Watched(context, (path.as_uri(), "data:", "blob:", allowed))
    watched.page.goto(path.as_uri() + fragment)
    return watched, watched.page


def everything_appears(chromium, folder):
    conversation = json.loads((folder / "report-example.json").read_text())
    watched, page = look(chromium, folder / "reports" / "long one" / "report.html", "#u3")
    assert page.locator(".row").count() == 800
    said = page.locator(".said").all_text_contents()
    for text, u in zip(said, conversation["utterances"]):
        assert text == (u["text"] or "no words recognised"), (text, u["text"])
    assert page.locator("g.u").count() == 800
    assert page.locator("[aria-expanded=true]").count() == 1 and page.locator("li:nth-child(4) .more").count() == 1
    assert page.get_by_text("Opinions of the experts").is_visible()
    assert page.locator(".chart canvas").count() >= 2 and page.locator(".wave").evaluate("e => e.firstChild.shadowRoot !== null")
    watched.check()


def keys_and_filters_work(chromium, folder):
    watched, page = look(chromium, folder / "reports" / "long one" / "report.html")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.locator("li.now").count() == 1 and page.locator("li:nth-child(2).now .more").count() == 1
    assert page.locator("g.u.now").get_attribute("data-index") == "1"
    page.keyboard.press("ArrowUp")
    assert page.locator("li:nth-child(1).now .more").count() == 1
    angry = page.locator("#by-emotion button", has_text="angry")
    shown = page.locator("li:not([hidden]) > .row")
    before, count = shown.count(), int(angry.locator(".figure").text_content())
    angry.click()
    assert angry.get_attribute("aria-pressed") == "false" and shown.count() == before - count
    page.locator("#by-speaker button", has_text="SPEAKER_01").click()
    assert set(page.locator("li:not([hidden]) .who").all_text_contents()) == {"SPEAKER_00", "unknown"}
    page.keyboard.press("/")
    page.keyboard.type("nobody said this")
    assert page.get_by_text("No utterance matches.").is_visible()
    page.keyboard.press("Control+a")
    page.keyboard.type("harbor")
    assert all("Harbor" in t for t in page.locator("li:not([hidden]) .said").all_text_contents())
    scroll = page.get_by_role("slider")
    scroll.focus()
    scroll.press("End")
    assert scroll.get_attribute("aria-valuenow") == scroll.get_attribute("aria-valuemax")
    scroll.press("Home")
    page.get_by_role("button", name="Zoom in").click()
    assert page.locator(".track-inner").evaluate("e => e.offsetWidth") > 1.9 * scroll.evaluate("e => e.clientWidth")
    watched.check()


def the_recording_plays(chromium, folder):
    watched, page = look(chromium, next((folder / "sample").glob("*/report.html")))
    browser.until(page, "document.getElementById('audio').readyState > 0")
    page.locator("li:nth-child(3) .row").click()
    start = json.loads(next((folder / "sample").glob("*/conversation.json")).read_text())["utterances"][2]["start"]
    assert abs(page.evaluate("document.getElementById('audio').currentTime") - start) < 0.05
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press(" ")
    browser.until(page, f"document.getElementById('audio').currentTime > {start + 1}")
    assert page.get_by_role("button", name="Pause").is_visible()
    page.keyboard.press("ArrowRight")
    browser.until(page, f"document.getElementById('audio').currentTime > {start + 5}")
    browser.until(page, "document.querySelectorAll('li.now').length === 1")
    page.keyboard.press(" ")
    assert page.evaluate("document.getElementById('audio').paused")
    watched.check()


def the_collection_and_the_scores_are_right(chromium, folder):
    watched, page = look(chromium, folder / "reports" / "report.html")
    rows = page.get_by_role("group", name="Conversations", exact=True).locator("tbody tr")
    assert rows.count() == 2 and "not judged" in rows.nth(1).text_content()
    links = page.locator("main a").evaluate_all("all => all.map(a => a.href)")
    assert links
    for link in links:
        at = pathlib.Path(json.loads(page.evaluate("l => JSON.stringify(decodeURI(new URL(l).pathname))", link)))
        assert at.exists(), link
    page.locator("main a").first.click()
    page.wait_for_selector(".more")  # the moment's utterance is open in the conversation's own report
    watched, page = look(chromium, folder / "scores" / "results.html")
    scores = json.loads((folder / "scores" / "results.json").read_text())
    shown = [[int(c.split("<")[0]) for c in row.locator(".cell").evaluate_all("c => c.map(x => x.innerHTML)")] for row in page.locator(".confusion tbody tr").all()]
    wanted = scores["confusion_matrix"]["rows_true_columns_predicted"]
    assert [r[:5] for r in shown] == wanted, (shown, wanted)
    assert page.locator(".reliability .dot").count() == sum(b["count"] > 0 for b in scores["calibration"]["bins"])
    watched.check()


def everybody_can_use_it(chromium, folder):
    pages = [folder / "reports" / "short" / "report.html", next((folder / "sample").glob("*/report.html")), folder / "reports" / "report.html", folder / "scores" / "results.html"]
    for path in pages:
        for size, scheme in (("wide", "light"), ("wide", "dark"), ("phone", "light")):
            watched, page = look(chromium, path, "#u3", viewport=SIZES[size], color_scheme=scheme)
            found = browser.violations(page)
            assert not found, (path.name, size, scheme, found)
            assert browser.overflow(page) <= 0, (path, size)
            watched.check()
            page.context.close()


def it_fits_on_paper(chromium, folder):
    """What prints: no table, chart or timeline reaches past the sheet, colours stay, the controls do not."""
    for path in (next((folder / "sample").glob("*/report.html")), folder / "reports" / "report.html", folder / "scores" / "results.html"):
        watched, page = look(chromium, path)
        browser.until(page, "!document.querySelector('.chart') || document.querySelector('.chart canvas')")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 700, "height": 990})  # A4 within 12 mm
        assert browser.overflow(page) <= 0, path
        wide = page.locator(".table table, .chart canvas, .names + .scroll svg").evaluate_all("all => all.map(e => Math.round(e.getBoundingClientRect().right))")
        assert wide and max(wide) <= 700, (path, wide)
        assert page.locator(".letter").first.evaluate("e => getComputedStyle(e).printColorAdjust") == "exact"
        assert page.locator(".controls").count() == 0 or page.locator(".controls").is_hidden()
        watched.check()
        page.context.close()


def long_ones_scroll_smoothly(chromium, folder):
    watched, page = look(chromium, folder / "reports" / "long one" / "report.html")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert paint < 1000, f"first paint after {paint:.0f} ms"
    cost, times = browser.scroll_cost(page)
    print(f"800 utterances: first paint {paint:.0f} ms; scrolling takes {cost:.1f} ms of CPU a frame, frames come every {times[len(times) // 2]:.1f} ms (median)")
    assert cost < 16.7, cost
    watched.check()


def main():
    skipped = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        make(pathlib.Path(name))
        try:
            python = browser.python()
        except packages.Absent as why:
            skipped.append(f"SKIP: the reports in a browser ({why})")
        else:
            done = subprocess.run([python, "-B", __file__, name], timeout=300)
            assert done.returncode == 0
    print("\n".join(skipped))
    sys.exit(77 if skipped else 0)


def inside(folder):
    from playwright.sync_api import sync_playwright

    failed = 0
    with sync_playwright() as playwright:
        chromium = browser.open_browser(playwright)
        for test in (everything_appears, keys_and_filters_work, the_recording_plays, the_collection_and_the_scores_are_right,
                     everybody_can_use_it, it_fits_on_paper, long_ones_scroll_smoothly):
            try:
                test(chromium, folder)
                print("ok", test.__name__, flush=True)
            except Exception as error:  # each test reports for itself, the others go on
                failed += 1
                print(f"FAILED {test.__name__}: {error!r} {traceback.format_exc()}"[:3000], flush=True)
        chromium.close()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    inside(pathlib.Path(sys.argv[1])) if len(sys.argv) > 1 else main()
