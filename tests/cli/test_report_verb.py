"""`kft report` as it is called."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from fork_wrapper.machine.settings import load_settings
from fork_wrapper.records.run_folder import RunFolder
from tests.builders.trainings import run_with_samples
from tests.cli.conftest import Answer

needs_png = pytest.mark.skipif(find_spec("matplotlib") is None, reason="needs matplotlib: pip install 'kft[png]'")

Call = Callable[..., Answer]


@pytest.fixture
def runs(project: Path) -> list[RunFolder]:
    """A completed run of the first experiment and a rehearsal of the second."""
    settings = load_settings({}, cwd=project)
    return [run_with_samples("first", settings), run_with_samples("second", settings, rehearsal=True)]


@pytest.mark.usefixtures("runs")
def test_all_that_has_run(kft: Call, project: Path) -> None:
    """The page's name on stdout, what is in it on stderr; a second time over the first."""
    for _ in range(2):
        answer = kft("report")
        assert (answer.code, answer.out) == (0, "report.html\n")
        assert answer.err.startswith("2 runs, 4 samples, ")
    assert "Report on first, second" in (project / "report.html").read_text(encoding="utf-8")
    assert not list(project.glob(".*.tmp"))


@needs_png
@pytest.mark.usefixtures("runs")
def test_names_a_place_and_pictures(kft: Call, project: Path) -> None:
    """Where they were wanted; --json names every file and what each run is."""
    answer = kft("report", "second", "-o", "out/page.html", "--png", "out/pictures", "--json")
    assert answer.code == 0, answer.err
    said = json.loads(answer.out)
    assert said["runs"] == [{"label": "second", "rehearsal": True, "run": "second/20260102-030405"}]
    assert said["files"][0] == str(Path("out/page.html"))
    assert said["bytes"] == (project / "out" / "page.html").stat().st_size
    assert said["images"] == 2
    assert sorted(path.name for path in (project / "out" / "pictures").iterdir()) == [
        "loss-0.png",
        "rate-0.png",
        "rate-1.png",
        "samples-0-second.png",
    ]
    assert all((project / name).is_file() for name in said["files"])
    assert len(said["files"]) == 5


@needs_png
@pytest.mark.usefixtures("runs")
def test_nothing_of_others_is_overwritten(kft: Call, project: Path) -> None:
    """Before any work; and neither is anything written."""
    (project / "report.html").write_text("mine")
    answer = kft("report", "--png", "pictures")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        "error: nothing is overwritten that kft did not write\n"
        "  • it exists and is not a report by kft\n"
        "    report.html\n"
        "    → name another place\n"
    )
    assert (project / "report.html").read_text() == "mine"
    assert not (project / "pictures").exists()


@needs_png
@pytest.mark.usefixtures("runs")
def test_words_about_a_report_are_no_report(kft: Call, project: Path) -> None:
    """A file that speaks of it stays, whatever it is; what it left is written anew, but never page over picture."""
    for name, text in (
        ("notes.txt", "every day: kft report"),
        ("a.html", "<!doctype html><p>made by kft report 0.1</p>"),
        ("b.png", "\x89PNG kft report"),
    ):
        (project / name).write_text(text)
        assert kft("report", "-o", name).code == 2
        assert (project / name).read_text() == text
    for _ in range(2):
        assert kft("report", "-o", "here/page.html", "--png", "here").code == 0
    before = (project / "here" / "loss-0.png").read_bytes()
    answer = kft("report", "-o", "here/loss-0.png", "--png", "here")
    assert (answer.code, "page and picture cannot be one file" in answer.err) == (2, True)
    assert (project / "here" / "loss-0.png").read_bytes() == before


@pytest.mark.usefixtures("runs")
def test_wrong_names(kft: Call, project: Path) -> None:
    """All at once, and no page."""
    answer = kft("report", "first", "frist", "runs/first/nothing")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        "error: cannot report on these\n"
        "  • no such experiment\n"
        "    PROJECT/experiments\n"
        "    → did you mean first?\n"
        "  • no such experiment, run or file\n"
        "    runs/first/nothing\n"
        "    → name an experiment (first, second), a run (first/20260102-030405, second/20260102-030405), a sidecar,"
        " a checkpoint or a config file\n"
    )
    assert not (project / "report.html").exists()


def test_nothing_has_run(kft: Call) -> None:
    """What to do first."""
    answer = kft("report")
    assert answer.code == 2
    assert answer.err == (
        "error: there is nothing to report\n"
        "  • there is not a run that can be read\n"
        "    PROJECT/runs\n"
        "    → run an experiment first: kft run NAME --rehearse, or say where your runs are: --outputs\n"
    )
