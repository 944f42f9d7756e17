#!/usr/bin/env python3
"""The page of the real service in a real browser: drop a recording, see progress, look, play, filter, correct, export;
record from a microphone; runs, their comparison and lineage; keys; what goes wrong; axe; a telephone's width."""
import base64
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import browser  # noqa: E402
import packages  # noqa: E402

BUNDLED = ["--asr_model", "none", "--vad_model", "bundled", "--speaker_model", "bundled", "--text_model", "bundled"]
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
LOOKS = [("wide", {}), ("dark", {"color_scheme": "dark"}), ("phone", {"viewport": PHONE})]


class Service:
    def __init__(self, binary, *arguments):
        self.process = subprocess.Popen(
            [binary, "serve", "--port", "0", *BUNDLED, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        said = ""
        for line in self.process.stderr:
            said += line
            if match := re.search(r"listens on (http://\S+)", line):
                self.url = match.group(1) + "/"
                return
        raise AssertionError(said)

    def stop(self):
        self.process.terminate()
        self.process.communicate(timeout=60)


class Page:
    """A window on the service; `sound` is what its microphone hears."""

    def __init__(self, chromium, url, **options):
        self.context = chromium.new_context(**{"viewport": WIDE, "accept_downloads": True, "permissions": ["microphone"], **options})
        service = url.split("#")[0]
        self.watched = browser.Watched(self.context, (service, "blob:" + service, "data:"))
        self.page = self.watched.page
        self.page.goto(url)


def drop(page, path):
    """As a hand does it: a file over the window, and let go."""
    page.evaluate(
        """([name, text]) => {
          const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0)), data = new DataTransfer();
          data.items.add(new File([bytes], name));
          for (const type of ['dragenter', 'dragover', 'drop'])
            document.getElementById('drop').dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true}));
        }""",
        [path.name, base64.b64encode(path.read_bytes()).decode()],
    )


def a_dropped_recording_is_shown(chromium, s):
    window = Page(chromium, s["url"])
    page = window.page
    assert page.locator("#start h1").is_visible()
    page.evaluate("""() => {
      window.seen = [];
      new MutationObserver(() => {
        const bar = document.querySelector('progress'), step = document.querySelector('.steps [aria-current]');
        if (bar) seen.push([bar.value, step && step.textContent]);
      }).observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
    }""")
    drop(page, s["sample"])
    page.wait_for_selector(".conversation", timeout=120000)
    seen = page.evaluate("window.seen")
    values = [v for v, _ in seen]
    assert values == sorted(values) and len(set(values)) > 3, values
    assert "Listening" in {step for _, step in seen}, seen
    job = page.evaluate("location.hash").split("/")[-1]
    answer = json.loads(page.evaluate(f"fetch('jobs/{job}/result').then(r => r.text())"))["conversation"]
    count = len(answer["utterances"])
    assert count > 5 and page.locator(".row").count() == count == page.locator("g.u").count()
    assert page.locator(".names div").all_text_contents() == answer["speakers"]
    labels = [b.split(" ")[0] for b in page.locator(".row > .badge").evaluate_all("all => all.map(b => b.childNodes[1].textContent)")]
    assert labels == [u["emotion"]["label"] for u in answer["utterances"]]
    for name, options in LOOKS:
        if name == "phone":
            page.set_viewport_size(PHONE)
        page.emulate_media(color_scheme=options.get("color_scheme", "light"))
        assert not (found := browser.violations(page)), (name, found)
        assert browser.overflow(page) <= 0, name
    page.set_viewport_size(WIDE)
    window.watched.check()
    return window, answer


def it_plays_filters_corrects_and_exports(chromium, s):
    window, document = a_dropped_recording_is_shown(chromium, s)
    page = window.page
    page.get_by_role("button", name="Play").click()
    browser.until(page, "parseInt(document.querySelector('[role=timer]').textContent.split(':')[1]) >= 3")
    browser.until(page, "document.querySelectorAll('li.now').length === 1")
    page.get_by_role("button", name="Pause").click()
    name, speaker = document["utterances"][1]["emotion"]["label"], document["utterances"][1]["speaker"]
    page.locator("#by-emotion button", has_text=re.compile(f"{name}\\d")).click()
    wanted = [u for u in document["utterances"] if u["emotion"]["label"] != name]
    assert page.locator("li:not([hidden]) > .row").count() == len(wanted) and page.locator("g.u.off").count() == len(document["utterances"]) - len(wanted)
    page.locator("#by-emotion button", has_text=re.compile(f"{name}\\d")).click()
    page.locator("#by-speaker button", has_text=speaker).click()
    assert speaker not in page.locator("li:not([hidden]) .who").all_text_contents()
    page.locator("#by-speaker button", has_text=speaker).click()

    page.locator(".row").nth(1).click()
    more = page.locator("li:nth-child(2) .more")
    assert more.locator(".why").text_content() == document["utterances"][1]["emotion"]["explanation"]
    more.get_by_role("group", name="Correct the emotion").get_by_role("button", name="happy").click()
    page.get_by_text("Kept as happy").wait_for()
    assert more.get_by_role("button", name="happy").get_attribute("aria-pressed") == "true"

    for choice, begin in (("Subtitles, SRT", "1\n00:00:"), ("ELAN", "<?xml"), ("Audacity labels", "0."), ("Document", "{\n  \"format\": \"undertone-conversation\"")):
        page.locator(".menu summary").click()
        with page.expect_download() as got:
            page.get_by_role("button", name=choice, exact=True).click()
        assert pathlib.Path(got.value.path()).read_text().startswith(begin), choice

    page.reload()  # the address alone: the result is there, the recording has to be opened
    page.wait_for_selector(".conversation")
    assert page.locator("li:nth-child(2) .corrected").text_content().endswith("happy") and page.locator(".corrected").count() == 1
    page.locator(".row").nth(1).click()
    assert page.locator("li:nth-child(2)").get_by_role("button", name="happy", exact=True).get_attribute("aria-pressed") == "true"
    assert not (found := browser.violations(page)), found
    assert page.locator("#recording").is_visible() and page.get_by_role("button", name="Play").is_disabled()
    drawn = "document.querySelector('.wave').firstChild.shadowRoot.querySelector('canvas').toDataURL()"
    levels = page.evaluate(drawn)
    page.set_input_files("#recording", s["sample"])
    assert page.get_by_role("button", name="Play").is_enabled()
    browser.until(page, f"{drawn} !== {json.dumps(levels)}")
    page.get_by_role("button", name="Forget").click()
    page.wait_for_selector("#start h1")
    window.watched.check()


def earlier_turns_are_taken_and_shown(chromium, s):
    window = Page(chromium, s["url"])
    page = window.page
    page.locator(".options summary").click()
    field = page.get_by_label("Turns before the recording")
    field.fill("no colon here")
    drop(page, s["sample"])
    page.get_by_role("alert").wait_for()
    assert "Line 1" in page.get_by_role("alert").text_content() and page.locator("#start h1").is_visible()
    field.fill("customer [angry]: This is the third time that I call!\n\nagent: I am sorry: let me see. ")
    drop(page, s["sample"])
    page.wait_for_selector(".conversation", timeout=120000)
    job = page.evaluate("location.hash").split("/")[-1]
    answer = json.loads(page.evaluate(f"fetch('jobs/{job}/result').then(r => r.text())"))["conversation"]
    assert [(t["speaker"], t["text"], t["emotion"]) for t in answer["history"]] == [
        ("customer", "This is the third time that I call!", "angry"), ("agent", "I am sorry: let me see.", None)], answer["history"]
    page.locator(".earlier summary").click()
    assert page.locator(".earlier li").count() == 2 and "third time" in page.locator(".earlier li").first.text_content()
    assert not (found := browser.violations(page)), found
    window.watched.check()


def cues_are_said_in_words(chromium, s):
    """A word, measurements, a turn of the recording and one before it, put into a real answer."""
    window = Page(chromium, s["url"])
    page = window.page

    def with_cues(route):
        answer = route.fetch().json()
        document = answer["conversation"]
        cue = {"text": "the turn before, by another speaker", "relative": None, "effect": 0.031}
        document["history"] = [{"speaker": "customer", "text": "I said so!", "emotion": None}]
        document["utterances"][1]["text"] = "Nobody came to my door."
        document["utterances"][0]["emotion"]["evidence"]["cues"] = [{**cue, "name": "turn -1", "value": -1}]
        document["utterances"][2]["emotion"]["evidence"]["cues"] = [{**cue, "name": "turn 1", "value": 1, "effect": -0.2}, {**cue, "name": "never", "text": "a word that moved the text's opinion", "value": None},
                                                                     {**cue, "name": "f0_mean_hz", "text": "higher than this speaker's usual", "value": 210.5, "relative": 1.5, "effect": 0}]
        route.fulfill(json=answer)

    page.route("**/result", with_cues)
    drop(page, s["sample"])
    page.wait_for_selector(".conversation", timeout=120000)
    cells = page.get_by_role("group", name="Cues").locator("tbody tr")
    page.locator(".row").nth(0).click()
    assert cells.first.locator("td").all_text_contents() == ["the turn before, by another speaker (customer, before the recording): \u201cI said so!\u201d", "", "", "+3 %"]
    page.locator(".row").nth(2).click()
    assert [r.locator("td").all_text_contents()[1:] for r in cells.all()] == [["", "", "\u221220 %"], ["", "", "+3 %"], ["210.5", "1.5", "0 %"]]
    assert cells.first.locator("td").first.text_content().endswith(": \u201cNobody came to my door.\u201d") and "turn 1" not in cells.first.text_content()
    assert not (found := browser.violations(page)), found
    cells.first.get_by_role("button").click()
    assert page.locator("li:nth-child(2).now .more").count() == 1, "the turn itself"
    window.watched.check()


def the_microphone_is_heard(chromium, s):
    window = Page(chromium, s["url"])
    page = window.page
    page.locator("#record").click()
    page.get_by_text("Stop and analyse").wait_for()
    browser.until(page, "document.getElementById('level').value > 0.02 || document.getElementById('record-time').textContent >= '0:04'")
    browser.until(page, "document.getElementById('record-time').textContent >= '0:05'")
    page.locator("#record").click()
    page.wait_for_selector(".conversation", timeout=120000)
    assert page.locator("h1").last.text_content() == "recording.webm"
    assert page.locator(".row").count() >= 1, "nothing was heard"
    window.watched.check()


def what_goes_wrong_is_said(chromium, s):
    window = Page(chromium, s["url"])
    page = window.page
    drop(page, s["folder"] / "text.wav")
    fault = page.get_by_role("alert")
    fault.wait_for()
    assert len(fault.locator("p").all_text_contents()) == 2 and page.locator("#start h1").is_visible(), fault.text_content()
    page.goto(s["url"] + "#/job/" + "0" * 32)
    fault.wait_for()
    assert page.locator("#start h1").is_visible()
    drop(page, s["sample"])
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_selector("#start h1", state="visible")
    window.watched.complaints = [c for c in window.watched.complaints if "the server responded with a status of 4" not in c]
    window.watched.check()


def runs_are_compared_and_traced(chromium, s):
    window = Page(chromium, s["url"] + "#/runs")
    page = window.page
    rows = page.get_by_role("group", name="Runs", exact=True).locator("tbody tr")
    rows.first.wait_for()
    assert rows.count() == 2
    assert not (found := browser.violations(page)), found
    for i in (0, 1):
        rows.nth(i).get_by_role("checkbox").check()
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("group", name="Differences").wait_for()
    assert "num_speakers" in page.locator("main").text_content()
    assert browser.overflow(page) <= 0 and page.locator("td a").count() == 8, "two results of each of four steps"
    assert not (found := browser.violations(page)), found
    page.get_by_role("link", name="All runs").click()
    page.locator("td a").first.click()
    page.get_by_role("heading", name="Steps").wait_for()
    steps = page.get_by_role("group", name="Steps").locator("tbody tr")
    assert {"transcribe", "extract", "analyze", "report"} <= {r.locator("td").nth(1).text_content() for r in steps.all()}
    assert not (found := browser.violations(page)), found
    page.set_viewport_size(PHONE)
    assert browser.overflow(page) <= 0
    steps.last.locator("a").click()
    page.get_by_role("heading", name="Lineage").wait_for()
    browser.until(page, "document.querySelector('.lineage img').naturalWidth > 100")
    assert not (found := browser.violations(page)), found
    window.watched.check()


def an_hour_scrolls_smoothly(chromium, s):
    """The real result of the sample, again and again until it lasts an hour and has 800 utterances."""
    window = Page(chromium, s["url"])
    page = window.page
    drop(page, s["sample"])
    page.wait_for_selector(".conversation", timeout=120000)

    def lengthened(route):
        answer = route.fetch().json()
        document = answer["conversation"]
        once, length = document["utterances"], document["source"]["duration"]
        times = -(-800 // len(once))
        document["utterances"] = [{**u, "start": u["start"] + k * length, "end": u["end"] + k * length} for k in range(times) for u in once][:800]
        document["source"]["duration"] = times * length
        route.fulfill(json=answer)

    page.route("**/result", lengthened)
    page.reload()
    page.wait_for_selector(".conversation")
    assert page.locator(".row").count() == page.locator("g.u").count() == 800
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    cost, times = browser.scroll_cost(page)
    print(f"800 utterances: first paint {paint:.0f} ms; scrolling takes {cost:.1f} ms of CPU a frame, frames come every {times[len(times) // 2]:.1f} ms (median)")
    devtools = page.context.new_cdp_session(page)
    devtools.send("HeapProfiler.collectGarbage")
    heap = {m["name"]: m["value"] for m in (devtools.send("Performance.enable"), devtools.send("Performance.getMetrics"))[1]["metrics"]}["JSHeapUsedSize"]
    print(f"JavaScript's heap with them: {heap / 1e6:.1f} MB")
    assert paint < 1000 and cost < 16.7 and heap < 40e6, (paint, cost, heap)
    assert not (found := browser.violations(page)), found
    window.watched.check()


def it_begins_at_once_and_for_everybody(chromium, s):
    paints = []
    for name, options in LOOKS:
        window = Page(chromium, s["url"], **options)
        window.page.wait_for_load_state("load")
        browser.until(window.page, "performance.getEntriesByName('first-contentful-paint').length > 0")
        paints.append(window.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        window.page.locator(".options summary").click()
        assert not (found := browser.violations(window.page)), (name, found)
        assert browser.overflow(window.page) <= 0, name
        window.page.keyboard.press("Tab")
        window.watched.check()
        window.context.close()
    print(f"first paint of the page: {' / '.join(f'{p:.0f}' for p in paints)} ms")
    assert min(paints) < 1000, paints


def a_key_is_asked_for(chromium, s):
    window = Page(chromium, s["locked"] + "#/runs")
    page = window.page
    field = page.get_by_label("Key")
    field.wait_for()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert not (found := browser.violations(page)), (scheme, found)
    field.fill(s["key"])
    field.press("Enter")
    page.get_by_text("this service shows no runs").wait_for()
    page.get_by_role("link", name="Analyse").click()
    drop(page, s["sample"])  # the key goes along with the upload, the events and the result
    page.wait_for_selector(".conversation", timeout=120000)
    page.locator(".menu summary").click()
    with page.expect_download():
        page.get_by_role("button", name="Document", exact=True).click()


TESTS = [it_begins_at_once_and_for_everybody, it_plays_filters_corrects_and_exports, earlier_turns_are_taken_and_shown, cues_are_said_in_words, the_microphone_is_heard, what_goes_wrong_is_said,
         an_hour_scrolls_smoothly, runs_are_compared_and_traced, a_key_is_asked_for]


def main():
    from support import BINARY, SAMPLE, run

    sample = next(SAMPLE.glob("*.flac"), None)
    try:
        python = browser.python()
    except packages.Absent as why:
        print(f"SKIP: the page in a browser ({why})")
        sys.exit(77)
    if not sample or not shutil.which("ffmpeg"):
        print("SKIP: the page in a browser (it needs the sample and ffmpeg)")
        sys.exit(77)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = pathlib.Path(name)
        (folder / "text.wav").write_text("this is no audio")
        subprocess.run(["ffmpeg", "-loglevel", "error", "-i", sample, "-ar", "48000", folder / "heard.wav"], check=True)
        run("run", "--audio_dir", SAMPLE, "--output_dir", folder / "results", *BUNDLED)
        run("run", "--audio_dir", SAMPLE, "--output_dir", folder / "results", "--num_speakers", "3", *BUNDLED)
        key = run("serve", "--api_keys", folder / "keys", "--new_key", "tester")[0].split()[-1]
        open_one = Service(BINARY, "--store", folder / "own.db", "--output_dir", folder / "results")
        locked = Service(BINARY, "--api_keys", folder / "keys")
        try:
            setting = {"url": open_one.url, "locked": locked.url, "key": key, "sample": str(sample), "folder": name}
            (folder / "setting.json").write_text(json.dumps(setting))
            done = subprocess.run([python, "-B", __file__, str(folder / "setting.json")], timeout=400)
        finally:
            open_one.stop()
            locked.stop()
        assert done.returncode == 0
        run("kb", "export", folder / "own.jsonl", "--store", folder / "own.db")
        kept = [json.loads(line) for line in (folder / "own.jsonl").read_text().splitlines()]
        assert [k["label"] for k in kept if k.get("label")] == ["happy"], kept
    sys.exit(0)


def inside(path):
    from playwright.sync_api import sync_playwright

    s = json.loads(path.read_text())
    s["sample"], s["folder"] = pathlib.Path(s["sample"]), pathlib.Path(s["folder"])
    failed = 0
    with sync_playwright() as playwright:
        chromium = browser.open_browser(
            playwright, "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={s['folder'] / 'heard.wav'}"
        )
        for test in TESTS:
            try:
                test(chromium, s)
                print("ok", test.__name__, flush=True)
            except Exception as error:  # each test reports for itself, the others go on
                failed += 1
                print(f"FAILED {test.__name__}: {error!r} {traceback.format_exc()}"[:3000], flush=True)
        chromium.close()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    inside(pathlib.Path(sys.argv[1])) if len(sys.argv) > 1 else main()
