"""A real browser for the tests: Debian's chromium, driven by Playwright. Run a script of tests under python() and use
open_browser() in it."""
import shutil
import time

import packages

CHROMIUM = shutil.which("chromium")


def python():
    """The Python that has Playwright and axe; packages.Absent where there is no browser or they cannot be had."""
    if not CHROMIUM:
        raise packages.Absent("chromium is not installed")
    return packages.python("browser", "playwright==1.65.2", "axe-playwright-python==0.1.8")


def open_browser(playwright, *arguments):
    return playwright.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required", *arguments]
    )


class Watched:
    """A page that remembers what it should not have done: errors, violations of its policy, requests elsewhere."""

    def __init__(self, context, allowed):
        self.page = context.new_page()
        self.complaints = []
        self.page.on("console", lambda m: m.type in ("error", "warning") and self.complaints.append(m.text))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("request", lambda r: r.url.startswith(allowed) or self.complaints.append(f"request to {r.url[:200]}"))

    def check(self):
        assert not self.complaints, self.complaints[:5]


def violations(page):
    """What axe finds, one line each."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['help']}: {n['html'][:160]} {n.get('failureSummary', '')[:200]}" for v in found for n in v["nodes"][:3]]


def until(page, expression, seconds=20):
    """Waits for a condition; Playwright's own wait_for_function needs eval, which the pages' policy forbids."""
    end = time.time() + seconds
    while not page.evaluate(expression):
        assert time.time() < end, f"never came: {expression}"
        page.wait_for_timeout(50)


def overflow(page):
    """Pixels by which the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def scroll_cost(page, speed=4000, seconds=2.0):
    """Scrolls down, at `speed` pixels a second, as a hard fling does: (milliseconds of the page's main thread a frame, in CPU time, which other work on
    the machine does not lengthen; the times between frames, sorted)."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy():
        return {m["name"]: m["value"] for m in devtools.send("Performance.getMetrics")["metrics"]}["TaskDuration"]

    before = busy()
    times = page.evaluate(
        """([speed, seconds]) => new Promise(done => {
          const times = [], begin = performance.now();
          let last = begin;
          function frame(now) {
            times.push(now - last);
            last = now;
            scrollTo(0, speed * (now - begin) / 1000);
            if (now - begin < seconds * 1000) requestAnimationFrame(frame); else done(times.slice(1).sort((a, b) => a - b));
          }
          requestAnimationFrame(frame);
        })""",
        [speed, seconds],
    )
    return (busy() - before) * 1000 / len(times), times
