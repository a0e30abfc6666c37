"""The report as one HTML page that asks the network for nothing: style, script and images are in it.

A policy in its head lets the browser run and draw these and nothing else, whatever text the records hold. A report is
written over an older one, never over anything else.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from fork_wrapper import __version__
from fork_wrapper.errors import Finding, raise_if_any
from fork_wrapper.publish.report import facts
from fork_wrapper.publish.report.chart import FRAME
from fork_wrapper.publish.report.charts import lacking, loss_charts, rate_charts
from fork_wrapper.publish.report.gather import Report
from fork_wrapper.publish.report.pictures import Picture, pictures
from fork_wrapper.publish.templating import asset, html_templates

GENERATOR = "kft report"
"""Stands in everything that a report is made of."""

HEAD = 4096
"""Bytes in which it stands."""

_PAGE = f'<meta name="generator" content="{GENERATOR} '.encode()
_PICTURE = b"Software\0" + GENERATOR.encode()
"""How it stands there. The words alone prove nothing: they stand in notes of people, too."""

LIMIT = 15_000_000
"""Bytes of a page, as far as its images can be reduced for it."""

SECTIONS = (
    ("runs", "Runs"),
    ("values", "Values, and how they changed"),
    ("curves", "Loss and learning rate"),
    ("samples", "Samples"),
    ("data", "Data"),
    ("environment", "Environment"),
    ("story", "Story"),
)
"""Anchors and titles."""

SHORT = 3
"""Prompts of a sheet that fits on a page of paper."""


def page(
    report: Report, tell: Callable[[int, int], None] = lambda _done, _all: None
) -> tuple[str, dict[Path, Picture]]:
    """The page of a report, and the images in it; `tell` hears how many of them are done."""
    known = {"report": report, "facts": facts, "frame": FRAME, "short": SHORT}
    sections = html_templates().get_template("sections.html").make_module(known)
    bodies = {name: getattr(sections, name) for name, _ in SECTIONS}
    samples = bodies.pop("samples")
    made = {name: body() for name, body in bodies.items() if name != "curves"}
    made["curves"] = bodies["curves"](loss_charts(report), rate_charts(report), lacking)
    wanted = [sample.path for run in report.runs for sample in run.sheet.samples()]
    empty = Picture(data=b"-", size=(1, 1), original=(2, 2))
    rest = len(_page(report, {**made, "samples": samples(dict.fromkeys(wanted, empty))}).encode())
    drawn = pictures(wanted, max(0, LIMIT - rest) * 3 // 4 - 4 * len(wanted), tell)
    return _page(report, {**made, "samples": samples(drawn)}), drawn


def _page(report: Report, bodies: Mapping[str, Any]) -> str:
    style, script = asset("report.css"), asset("report.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        html_templates()
        .get_template("report.html")
        .render(
            report=report,
            names=facts.title_of(report),
            warning=facts.rehearsal_warning(report),
            version=__version__,
            generator=GENERATOR,
            policy=policy,
            style=style,
            script=script,
            sections=SECTIONS,
            bodies=bodies,
        )
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def refuse_to_overwrite(files: Iterable[Path]) -> None:
    """InputError that names every file that is there and that no report left."""
    foreign = [file for file in files if not _is_ours(file)]
    what, todo = "it exists and is not a report by kft", "name another place"
    findings = [Finding(what=what, where=str(file), todo=todo) for file in foreign]
    raise_if_any("nothing is overwritten that kft did not write", findings)


def refuse_one_place(page: Path, pictures: Iterable[Path]) -> None:
    """InputError where the page would go where a picture goes."""
    todo = "name another file with -o, or another folder with --png"
    same = [path for path in pictures if path.absolute() == page.absolute()]
    raise_if_any(
        "page and picture cannot be one file", [Finding(what="both", where=str(path), todo=todo) for path in same]
    )


def _is_ours(file: Path) -> bool:
    """Whether it is not there, or says in its head that kft made it, as pages and pictures do."""
    try:
        with file.open("rb") as there:
            head = there.read(HEAD)
    except FileNotFoundError:
        return True
    is_picture = head.startswith(b"\x89PNG") and _PICTURE in head
    return is_picture or (head.startswith(b"<!doctype html>") and _PAGE in head)
