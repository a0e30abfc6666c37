"""The page: what stands in it, and what can not."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.report.choose import choose
from fork_wrapper.publish.report.facts import checkpoints_of
from fork_wrapper.publish.report.gather import Report, gather
from fork_wrapper.publish.report.page import page
from fork_wrapper.records.notes import add_note
from fork_wrapper.records.record import read_record
from fork_wrapper.records.run_folder import RunFolder
from tests.builders.records import NOW
from tests.builders.trainings import run_with_samples, went_on, write_events

HOSTILE_NAME = "\"'><script>alert(1)<img src=x onerror=alert(1)>&amp;"
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)></style><!--\u202e&amp;"
VOID = {"br", "img", "input", "meta", "wbr"}


class Reader(HTMLParser):
    """What a browser makes of a page, as far as these tests ask."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it, and that it is open."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Only what was opened last may be closed."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep it."""
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    def of(self, name: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a name."""
        return [attributes for tag, attributes in self.elements if tag == name]

    @property
    def text(self) -> str:
        """All words."""
        return " ".join("".join(self.texts).split())


def read(report: Report) -> Reader:
    """A report's page, read."""
    return Reader(page(report)[0])


def of(settings: Settings, *names: str) -> Report:
    """The report on these names."""
    return gather(choose(names, settings), settings)


def test_well_formed_and_named(report: Report) -> None:
    """Everything that is opened is closed, ids are unique, and what is referred to is there."""
    found = read(report)
    assert found.open == []
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids)) > 20
    for _, attributes in found.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert attributes.get(name, ids[0]) in ids
    links = [str(attributes["href"]) for attributes in found.of("a")]
    assert len(links) == 8
    assert all(link.removeprefix("#") in ids for link in links)


def test_the_policy_lets_nothing_else_run(report: Report) -> None:
    """Its hashes are those of the style and the script; nothing is fetched, and no attribute holds code or style."""
    markup, _ = page(report)
    found = Reader(markup)
    policy = next(one["content"] for one in found.of("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert str(policy).startswith("default-src 'none'; img-src data:; ")
    for name in ("style", "script"):
        (inside,) = re.findall(rf"<{name}>(.*?)</{name}>", markup, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in str(policy)
    for _, attributes in found.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert str(attributes.get("src", "data:")).startswith("data:")
        assert str(attributes.get("href", "#")).startswith("#")


def test_runs_values_samples(report: Report) -> None:
    """What was recorded stands there, changes marked in words, and what was not is called unknown."""
    found = read(report)
    words = found.text
    for said in ("one/20260102-030405", "40 of 40", "0.0900, running mean", "NVIDIA H100", "24"):
        assert said in words, said
    assert "changed, and training with it: 5e-06chosen" in words.replace(" assumed", "assumed")
    assert "less is more" in words
    assert "not recorded" in words
    assert "a <b>fox</b>" in words
    images = [one for one in found.of("img") if one["alt"]]
    assert len(images) == 8
    assert images[0]["alt"] == "one, epoch 1, prompt 1: a knight, seed 101"
    assert "rehearsal" not in words


def test_a_table_for_every_picture_of_numbers(report: Report) -> None:
    """A chart is named, described in words and given as a table."""
    found = read(report)
    charts = [one for one in found.of("figure") if one.get("class") == "chart"]
    assert len(charts) == 5  # both losses together and each alone, two rates
    assert len([one for one in found.of("svg") if one.get("role") == "img"]) == 5
    assert found.text.count("The values as a table") == 5
    captions = len(found.of("caption"))
    assert captions == len(found.of("table")) >= 10
    assert all(one.get("scope") in ("col", "row", "colgroup") for one in found.of("th"))


def test_the_same_report_is_the_same_page(report: Report, settings: Settings) -> None:
    """Byte for byte: there is not a date in it."""
    assert page(report) == page(of(settings, "one", "two"))


def test_rehearsals_are_called_so(settings: Settings, write: Callable[..., Path]) -> None:
    """At the top and beside every number."""
    write("one")
    run_with_samples("one", settings, rehearsal=True)
    words = read(of(settings, "one")).text
    assert "This is a rehearsal on the miniature" in words
    assert "Loss of one (rehearsal)" in words
    assert words.count("rehearsal") >= 6


def test_a_resumed_training(settings: Settings, write: Callable[..., Path]) -> None:
    """One curve, and where it was resumed."""
    write("one")
    first = run_with_samples("one", settings)
    child = went_on("one", settings, first, step=20, epoch=1, stamp="20260103-000000")
    words = read(of(settings, child.run_id)).text
    assert f"went on from {first.run_id} after step 20: 60 in all" in words
    assert "0.1 at step 1" not in words
    assert "at step 60" in words
    saved = list(checkpoints_of(of(settings, child.run_id).runs[0]))
    parts = [read_record(run.record).checkpoints for run in (first, child)]
    assert [step for _, step, _ in saved] == [
        *(entry["step"] for entry in parts[0]),
        *(entry["step"] + 20 for entry in parts[1]),
    ]
    assert [epoch for epoch, _, _ in saved][-1] == parts[1][-1]["epoch"] + 1


def test_notes_and_stories(settings: Settings, write: Callable[..., Path]) -> None:
    """What was said later stands beside what was said before, and a decision in a note is the last word."""
    write(
        "one", "[story]\npurpose = 'a base'\nproblems = ['too dark', 'too red']\ndecision = 'candidate'\n[training]\n"
    )
    run = run_with_samples("one", settings)
    add_note(run, NOW, problems=["overfits"], decision="rejected", text="see epoch 2")
    words = read(of(settings, "one")).text
    for said in ("a base", "too dark", "too red", "problem: overfits", "decision: rejected", "see epoch 2"):
        assert said in words, said
    assert of(settings, "one").runs[0].decision == "rejected"


def test_only_a_sidecar(two: tuple[RunFolder, RunFolder], settings: Settings, tmp_path: Path) -> None:
    """What it knows stands there; that there are no curves and no samples is said."""
    from fork_wrapper.files import pretty_json  # noqa: PLC0415
    from fork_wrapper.records.record import read_record  # noqa: PLC0415
    from fork_wrapper.run.archive import sidecar  # noqa: PLC0415

    record = read_record(two[0].record)
    (alone := tmp_path / "alone.json").write_text(pretty_json(sidecar(record, record.checkpoints[0])))
    two[0].record.unlink()
    report = of(settings, str(alone))
    assert [one.what for one in report.findings()] == ["one has only its sidecar here: no curves, no samples"]
    words = read(report).text
    assert "No loss was recorded of one." in words
    assert "No samples of one were found." in words
    assert "one-000001.safetensors" in words


def test_a_loss_that_broke(two: tuple[RunFolder, RunFolder], settings: Settings) -> None:
    """It is said below the chart, and the chart is drawn of the rest; with nothing left there is none."""
    (path,) = two[0].logs.rglob("events*")
    write_events(path, [(1, "loss", 0.5), (2, "loss", float("nan"))])
    assert "The loss was no number 1 time, first at step 2." in read(of(settings, "one")).text
    write_events(path, [(1, "loss", float("nan"))])
    assert "The loss of one was no number, from step 1 on." in read(of(settings, "one")).text


def poisoned(value: Any) -> Any:
    """A record's value in which every text says more than it should."""
    if isinstance(value, dict):
        return {key: poisoned(one) for key, one in value.items()}
    if isinstance(value, list):
        return [poisoned(one) for one in value]
    return f"{value}{HOSTILE}" if isinstance(value, str) else value


def test_no_record_can_write_markup(two: tuple[RunFolder, RunFolder], settings: Settings) -> None:
    """Every text of a record poisoned, its notes and prompts too: the page has the same elements as before."""
    before = read(of(settings, "one"))
    record = json.loads(two[0].record.read_text())
    kept = {name: record["run"][name] for name in ("id", "status", "started")}
    for name in ("experiment", "provenance", "launch", "plan", "run", "checkpoints", "findings"):
        record[name] = poisoned(record[name])
    record["run"] |= kept
    record["experiment"]["name"] = f"one{HOSTILE_NAME}"
    for entry in record["checkpoints"]:
        entry["file"] = f"{HOSTILE_NAME}{entry['file'].replace(HOSTILE, '')}"
    origins = record["experiment"]["origins"]
    record["experiment"]["origins"] = {key: {"kind": "assumed", "by": HOSTILE} for key in origins}
    for key in ("optimizer_type", "sample_sampler"):
        record["training"][key] = HOSTILE
    record["training"]["sample_prompts"] = "prompts.txt"
    record["experiment"]["sample_prompts"] = f"{HOSTILE} --d 101\n{HOSTILE} --d 202\n"
    two[0].record.write_text(json.dumps(record))
    add_note(two[0], NOW, text=HOSTILE)
    after = read(of(settings, two[0].run_id))
    assert after.open == []
    for name in ("script", "style", "img", "svg", "dialog", "input"):
        assert len(after.of(name)) == len(before.of(name)), name
    assert after.text.count("<script>alert(1)</script>") > 10
    assert not [one for one in after.elements if "onerror" in one[1]]


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    """From 1 to 21."""
    dark, light = sorted((luminance(one), luminance(two)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_contrast(root: Path, scheme: int) -> None:
    """Texts 4.5 on everything they stand on, lines 3, in both schemes."""
    css = (root / "fork_wrapper" / "publish" / "templates" / "report.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    assert len(blocks) == 2
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme]))
    assert len(colours) == 16
    grounds = ("page", "strip", "changed", "other")
    pairs = [("text", ground) for ground in grounds] + [("quiet", "page"), ("quiet", "strip"), ("link", "page")]
    for ink, ground in [*pairs, ("warn", "page"), ("warn", "warn-page")]:
        assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for number in range(6):
        assert contrast(colours[f"c{number}"], colours["page"]) >= 3, number
