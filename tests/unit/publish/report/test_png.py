"""Curves and sheets as PNG."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from fork_wrapper.errors import InputError
from fork_wrapper.publish.report.gather import Report
from fork_wrapper.publish.report.page import refuse_to_overwrite
from fork_wrapper.publish.report.png import COLOURS, SIZE, need_matplotlib, picture_paths, write_pictures
from fork_wrapper.records.run_folder import RunFolder

pytest.importorskip("matplotlib")

NAMES = ["loss.png", "loss-0.png", "loss-1.png", "rate-0.png", "rate-1.png", "samples-0-one.png", "samples-1-two.png"]


def test_every_chart_and_every_sheet(report: Report, tmp_path: Path) -> None:
    """As it was promised, the same bytes every time, and told as it goes."""
    told: list[tuple[int, int]] = []
    written = write_pictures(report, tmp_path / "a", lambda done, count: told.append((done, count)))
    assert [path.name for path in written] == NAMES
    assert written == picture_paths(report, tmp_path / "a")
    assert told == [(done, 7) for done in range(1, 8)]
    again = write_pictures(report, tmp_path / "b", lambda _done, _all: None)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written]


def test_what_is_drawn(report: Report, tmp_path: Path) -> None:
    """Both runs' colours on the common chart; on a sheet each sample in its place, with words below."""
    paths = write_pictures(report, tmp_path, lambda _done, _all: None)
    with Image.open(paths[0]) as chart:
        assert chart.size == SIZE
        seen = {colour for _, colour in chart.convert("RGB").getcolors(1 << 24) or ()}
    for colour in COLOURS[:2]:
        assert tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5)) in seen
    with Image.open(paths[-1]) as sheet, Image.open(report.runs[1].sheet.samples()[0].path) as sample:
        assert sheet.crop((8, 110, 72, 174)).tobytes() == sample.convert("RGB").tobytes()
        words = sheet.crop((0, 174, sheet.width, 110 + 64 + 84)).convert("L")
        assert words.getextrema()[0] < 100


def test_an_unreadable_sample(two: tuple[RunFolder, RunFolder], report: Report, tmp_path: Path) -> None:
    """Its place is left, and says so; the rest is drawn."""
    for path in two[0].samples.iterdir():
        path.write_text("no image")
    assert len(write_pictures(report, tmp_path, lambda _done, _all: None)) == 7


def test_only_what_a_report_left_is_overwritten(report: Report, tmp_path: Path) -> None:
    """Pictures of kft may be written anew; a file of somebody else stops it, each by name."""
    write_pictures(report, tmp_path, lambda _done, _all: None)
    refuse_to_overwrite(picture_paths(report, tmp_path))
    for name in NAMES[:2]:
        (tmp_path / name).write_text("mine")
    with pytest.raises(InputError) as caught:
        refuse_to_overwrite(picture_paths(report, tmp_path))
    assert [Path(finding.where).name for finding in caught.value.findings] == NAMES[:2]


def test_names_that_look_like_mathematics(report: Report, tmp_path: Path) -> None:
    """No text is a formula, hides its line from the legend, or must be in the font."""
    runs = [replace(run, label=label) for run, label in zip(report.runs, ("_a $\\frac{1", "训练 $"), strict=True)]
    assert len(write_pictures(replace(report, runs=tuple(runs)), tmp_path, lambda _done, _all: None)) == 7


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setattr("fork_wrapper.publish.report.png.find_spec", lambda _name: None)
    with pytest.raises(InputError) as caught:
        need_matplotlib()
    (finding,) = caught.value.findings
    assert (finding.what, finding.todo) == ("matplotlib is not installed", "pip install 'kft[png]', or leave out --png")
