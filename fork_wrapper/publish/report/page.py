"""The report as one HTML page that asks the network for nothing: style, script and images are in it.

A policy in its head lets the browser run and draw these and nothing else, whatever text the records hold.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from fork_wrapper import __version__
from fork_wrapper.publish.report.gather import Report
from fork_wrapper.publish.report.html import Html, join, tag
from fork_wrapper.publish.report.pictures import Picture, pictures
from fork_wrapper.publish.report.sections import data_section, environment_section, runs_section, story_section
from fork_wrapper.publish.report.tables import matrix_section
from fork_wrapper.publish.report.views import curves_section, samples_section
from fork_wrapper.publish.report.writing import GENERATOR
from fork_wrapper.text import counted

LIMIT = 15_000_000
"""Bytes of a page, as far as its images can be reduced for it."""

NAMED = 8
"""Runs that a title names."""

SECTIONS = (
    ("runs", "Runs"),
    ("values", "Values, and how they changed"),
    ("curves", "Loss and learning rate"),
    ("samples", "Samples"),
    ("data", "Data"),
    ("environment", "Environment"),
    ("story", "Story"),
)


def page(
    report: Report, tell: Callable[[int, int], None] = lambda _done, _all: None
) -> tuple[str, dict[Path, Picture]]:
    """The page of a report, and the images in it; `tell` hears how many of them are done."""
    bodies = _bodies(report)
    wanted = [sample.path for run in report.runs for sample in run.sheet.samples()]
    empty = Picture(data=b"-", size=(1, 1), original=(2, 2))
    rest = len(_page(report, bodies, samples_section(report, dict.fromkeys(wanted, empty))).encode())
    made = pictures(wanted, max(0, LIMIT - rest) * 3 // 4 - 4 * len(wanted), tell)
    return _page(report, bodies, samples_section(report, made)), made


def _bodies(report: Report) -> dict[str, Html]:
    """What stands in each section, but for the samples: their images take what room is left."""
    return {
        "runs": runs_section(report),
        "values": matrix_section(report),
        "curves": curves_section(report),
        "data": data_section(report),
        "environment": environment_section(report),
        "story": story_section(report),
    }


def _page(report: Report, bodies: Mapping[str, Html], samples: Html) -> str:
    filled = {**bodies, "samples": samples}
    count = len(report.runs)
    names = ", ".join(run.label for run in report.runs) if count <= NAMED else f"{count} runs"
    links = [tag("li", tag("a", title, href=f"#{name}")) for name, title in SECTIONS]
    sections = [
        tag("section", tag("h2", title, id=f"{name}-title"), filled[name], id=name, aria_labelledby=f"{name}-title")
        for name, title in SECTIONS
    ]
    body = tag(
        "body",
        tag("a", "Skip to the report", class_="skip", href="#main"),
        tag("header", tag("h1", f"Report on {names}"), _introduction(report)),
        tag("nav", tag("ul", links), aria_label="Sections"),
        tag("main", sections, id="main"),
        _viewer(),
        tag("script", Html(_file("page.js"))),
    )
    return f"<!doctype html>\n{tag('html', _head(names), body, lang='en')}\n"


def _introduction(report: Report) -> Html:
    rehearsals = [run.label for run in report.runs if run.rehearsal]
    words = tag(
        "p", f"{counted(len(report.runs), 'run')}, from the records that kft {__version__} reads.", class_="quiet"
    )
    if not rehearsals:
        return words
    which = "All of these" if len(rehearsals) == len(report.runs) else ", ".join(rehearsals)
    verb = "are rehearsals" if len(rehearsals) > 1 else "is a rehearsal"
    if len(report.runs) == 1:
        which = "This"
    told = (
        f"{which} {verb} on the miniature: a few steps of a tiny model with random weights. "
        "Losses, samples and times of a rehearsal say that the way works, and nothing about a real model."
    )
    return join([words, tag("p", told, class_="warning")])


def _viewer() -> Html:
    buttons = [tag("button", words, type="button", data_go=way) for way, words in WAYS]
    return tag(
        "dialog",
        tag("h2", "Sample", id="viewer-title"),
        tag("img", alt="", src=_NOTHING),
        tag("p", aria_live="polite"),
        tag("div", buttons, class_="row"),
        aria_labelledby="viewer-title",
    )


WAYS = (
    *(("left", "Earlier"), ("right", "Later"), ("up", "Prompt above"), ("down", "Prompt below")),
    ("close", "Close"),
)
"""From one sample in full to the next."""

_NOTHING = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
"""A transparent pixel."""


def _head(names: str) -> Html:
    style, script = _file("page.css"), _file("page.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="generator", content=f"{GENERATOR} {__version__}"),  # in front: `writing` looks for it
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"Report on {names}"),
        tag("style", Html(style)),
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@lru_cache(maxsize=2)
def _file(name: str) -> str:
    """A file of this package, with one kind of line ends: the browser hashes what it parsed."""
    text = files("fork_wrapper.publish.report").joinpath(name).read_text(encoding="utf-8")
    return text.replace("\r\n", "\n")
