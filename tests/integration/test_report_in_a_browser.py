"""The report in a real browser: nothing fetched, nothing complained of, by pointer and by keyboard, on paper."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.machine.settings import load_settings
from fork_wrapper.publish.report.choose import choose
from fork_wrapper.publish.report.gather import gather
from fork_wrapper.publish.report.page import page
from tests.browser import Browser
from tests.builders.trainings import run_with_samples

pytestmark = pytest.mark.browser

PROMPTS = ("a knight --w 64 --h 64 --d 101", "<script>alert(1)</script> --w 64 --h 64 --d 202")
VIEW = "document.querySelector('#loss .axes').textContent"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """The page of two runs of 400 steps, one of them a rehearsal."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "kft.toml").write_text("")
    settings = load_settings({"experiments": root / "experiments", "cache": folder / "cache"}, environ={}, cwd=folder)
    for name in ("humanoid_04", "humanoid_05"):
        run_with_samples(name, settings, steps=400, epochs=3, prompts=PROMPTS, rehearsal=name == "humanoid_05")
    text, _ = page(gather(choose([], settings), settings))
    (path := folder / "report.html").write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, or a skip."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None or os.name == "nt":
        pytest.skip("no Chromium in PATH, or one whose pipe is spoken to otherwise (apt-get install chromium)")
    with Browser(program, tmp_path_factory.mktemp("chromium") / "profile") as opened:
        yield opened


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, from $AXE_CORE or npm's global folder, or a skip."""
    npm = shutil.which("npm")
    said = subprocess.run([npm, "root", "-g"], capture_output=True, text=True, check=False).stdout if npm else ""
    places = [Path(os.environ.get("AXE_CORE", "none")), Path(said.strip() or "none") / "axe-core" / "axe.min.js"]
    for place in places:
        if place.is_file():
            return place.read_text(encoding="utf-8")
    pytest.skip("no axe-core (npm install -g axe-core, or AXE_CORE=.../axe.min.js)")


@pytest.fixture
def opened(browser: Browser, report: Path) -> Browser:
    """The page, open."""
    browser.open(report)
    return browser


def test_no_complaint_and_no_request(opened: Browser) -> None:
    """The console is silent and the network is left alone; every image is there and every chart is drawn."""
    assert opened.complaints() == []
    assert opened.requests() == []
    assert opened.evaluate("[...document.images].filter(i => i.closest('.thumb')).length") == 12
    assert opened.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert opened.evaluate("performance.getEntriesByName('charts drawn').length") >= 1
    assert opened.evaluate("document.querySelectorAll('figure.chart .axes text').length") > 30
    # That it would be heard of: the same pipe reports a script that the policy stops.
    opened.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: '1'}))")
    opened.evaluate("fetch('https://example.invalid/').catch(() => 1)")
    assert any("Content Security Policy" in one for one in opened.complaints())


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_axe_finds_no_fault(browser: Browser, report: Path, axe: str, width: int, dark: bool) -> None:
    """No serious or critical one, in both schemes, on wide screens and narrow ones; with everything unfolded."""
    browser.open(report, width=width, dark=dark)
    browser.evaluate("document.querySelectorAll('details').forEach(one => (one.open = true))")
    browser.evaluate(f"{axe};1")
    found = json.loads(browser.evaluate("axe.run(document).then(r => JSON.stringify([r.violations, r.passes.length]))"))
    faults = [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found[0]]
    assert [one for one in faults if one[1] in ("serious", "critical")] == []
    assert found[1] > 30
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


def middle(browser: Browser, selector: str, across: float = 0.5) -> tuple[float, float]:
    """A place in an element, brought into sight."""
    code = f"""(() => {{ const one = document.querySelector({selector!r});
        one.scrollIntoView({{block: 'center', behavior: 'instant'}});
        const box = one.getBoundingClientRect();
        return [box.left + box.width * {across}, box.top + box.height / 2] }})()"""
    x, y = browser.evaluate(code)
    return x, y


def test_zoom_by_pointer(opened: Browser) -> None:
    """A span that is dragged fills the picture; a double click, or the button, shows all again."""
    whole = opened.evaluate(VIEW)
    opened.drag(middle(opened, "#loss .plot svg", 0.4), middle(opened, "#loss .plot svg", 0.6))
    zoomed = opened.evaluate(VIEW)
    assert zoomed != whole
    assert "400" not in zoomed
    assert opened.evaluate("document.querySelectorAll('#loss .selection').length") == 0
    assert opened.evaluate("document.querySelector('#loss .readout').textContent").startswith("step ")
    opened.evaluate("document.querySelector('#loss [data-do=all]').click()")
    assert opened.evaluate(VIEW) == whole


def test_zoom_by_keyboard(opened: Browser) -> None:
    """Plus, minus, arrows and 0, with the picture in focus; the page itself does not move."""
    whole = opened.evaluate(VIEW)
    opened.evaluate("document.querySelector('#loss .plot').focus()")
    before = opened.evaluate("scrollX")
    seen = [whole]
    for key in ("+", "ArrowRight", "ArrowLeft", "-", "+", "0"):
        opened.press(key)
        seen.append(opened.evaluate(VIEW))
    assert seen[1] == seen[3] == seen[5] != whole
    assert seen[2] not in (whole, seen[1])
    assert seen[4] == seen[6] == whole
    assert opened.evaluate("scrollX") == before
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert opened.evaluate(outline) == "solid"


def test_lines_can_be_switched_off(opened: Browser) -> None:
    """The other stays."""
    opened.evaluate("document.querySelector('#loss [data-line=\"0\"]').click()")
    code = "[...document.querySelectorAll('#loss .lines polyline')].map(l => l.classList.contains('off'))"
    assert opened.evaluate(code) == [True, False]


def test_samples_in_full_by_keyboard_alone(opened: Browser) -> None:
    """Enter opens, arrows go through checkpoints and prompts, Escape closes, and the focus goes back."""
    title = "document.querySelector('dialog h2').textContent"
    opened.evaluate("document.querySelector('.thumb').focus()")
    opened.press("Enter")
    assert opened.evaluate("document.querySelector('dialog').open")
    assert opened.evaluate(title) == "humanoid_04, epoch 1, prompt 1"
    words = "document.querySelector('dialog p').textContent"
    assert opened.evaluate(words).startswith("a knight; seed 101; ")
    seen = []
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowLeft", "ArrowUp"):
        opened.press(key)
        seen.append(opened.evaluate(title).partition(", ")[2])
    expected = ["epoch 2, prompt 1", "epoch 2, prompt 2", "epoch 1, prompt 2", "epoch 1, prompt 2", "epoch 1, prompt 1"]
    assert seen == expected
    opened.press("Escape")
    assert not opened.evaluate("document.querySelector('dialog').open")
    assert opened.evaluate("document.activeElement === document.querySelector('.thumb')")
    assert opened.complaints() == []


def test_the_keyboard_reaches_everything(opened: Browser) -> None:
    """Tab goes from the link past the navigation through every control, each of which shows that it is there."""
    wanted = "[...document.querySelectorAll('a, button, input, summary, [tabindex=\"0\"]')]"
    count = opened.evaluate(f"{wanted}.filter(one => one.checkVisibility()).length")
    opened.evaluate("document.body.focus()")
    seen: list[Any] = []
    for _ in range(count):
        opened.press("Tab")
        code = "[document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]"
        seen.append(tuple(opened.evaluate(code)))
    names = {name for name, _ in seen}
    assert {"A", "BUTTON", "INPUT", "SUMMARY", "DIV"} <= names
    assert "BODY" not in names
    assert {outline for _, outline in seen} == {"solid"}


def test_on_paper(opened: Browser, tmp_path: Path) -> None:
    """It prints, with its pictures and without its buttons."""
    opened.pdf(tmp_path / "report.pdf")
    data = (tmp_path / "report.pdf").read_bytes()
    assert data.startswith(b"%PDF")
    assert data.count(b"/Subtype /Image") >= 12
    opened.call("Emulation.setEmulatedMedia", media="print")
    shown = "[...document.querySelectorAll('.tools, .legend input, nav')].filter(one => one.offsetParent).length"
    assert opened.evaluate(shown) == 0
    opened.call("Emulation.setEmulatedMedia", media="")


def test_without_a_script(browser: Browser, report: Path, tmp_path: Path) -> None:
    """All that is on the page is there without one: lines, axes, images; what needs it is not shown."""
    before, _, rest = report.read_text(encoding="utf-8").partition("<script>")
    (path := tmp_path / "lame.html").write_text(before + rest.partition("</script>")[2], encoding="utf-8")
    browser.open(path)
    assert browser.evaluate("document.querySelectorAll('#loss polyline[points]').length") == 4
    assert browser.evaluate("document.querySelectorAll('#loss .axes text').length") > 8
    shown = "[...document.querySelectorAll('.tools, .legend input')].filter(one => one.offsetParent).length"
    assert browser.evaluate(shown) == 0
