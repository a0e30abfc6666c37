"""Rows of a report's tables: how runs went, their checkpoints, their data, their machines, what people say of them.

Each is made of plain values; the templates lay them out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fork_wrapper.compare.facts import COMPUTES, came_of, made_with, versions
from fork_wrapper.compare.units import value_of
from fork_wrapper.compare.values import Understood, understand
from fork_wrapper.publish.report.gather import Report, Shown
from fork_wrapper.publish.report.matrix import Cell
from fork_wrapper.publish.report.saved import Saved, saved
from fork_wrapper.records.lineage import position
from fork_wrapper.records.losses import losses_of
from fork_wrapper.text import counted, size

UNKNOWN = "not recorded"
"""For what no record says."""

CONDITIONS = (
    *("flip_aug", "color_aug", "shuffle_caption", "keep_tokens", "caption_dropout_rate", "caption_tag_dropout_rate"),
    *("caption_prefix", "caption_suffix"),
)
"""Keys that say what becomes of images and captions on their way."""

STORY = ("purpose", "changes", "problems", "solutions", "decision", "notes")
"""In the order in which it is told."""

Rows = list[tuple[str, list[Cell]]]
"""Names of facts and their values, one for each run."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """One subset of one run."""

    folder: str
    """Its images or its metadata file."""
    run: str
    """Label of the run."""
    cells: tuple[Cell, ...]
    """Images, repeats, regularisation, captions, conditions."""


def run_cells(run: Shown) -> list[Cell]:
    """How a run went: decision, start, steps, epochs, time, speed, loss, checkpoints, peak VRAM."""
    facts, record = came_of(run.record), run.record
    own, total = facts["steps"], ""
    if len(run.segments) > 1:
        before = run.segments[-1].step
        total = f"went on from {run.segments[-2].run.run_id} after step {before}: "
        total += f"{before + int(record.run['steps'])} in all"
    return [
        Cell(shown=run.decision or "none"),
        Cell(shown=str(record.run["started"]).replace("T", " ")),
        Cell(shown="" if own is None else own, remark=total),
        _cell(record.run.get("epochs")),
        *(Cell(shown=facts[name] or UNKNOWN) for name in ("time", "steps per second")),
        Cell(shown=str(losses_of(record.run) or UNKNOWN)),
        Cell(shown=str(len(record.checkpoints)) if run.source.kind == "run" else "1 (its sidecar)"),
        Cell(shown=facts["peak VRAM"] or UNKNOWN),
    ]


def checkpoint_rows(run: Shown) -> list[tuple[str, ...]]:
    """Of each checkpoint its file, epoch, step, mean loss, size and sha256."""
    return [
        (
            entry.file or UNKNOWN,
            *(_said(value) for value in (epoch, step)),
            UNKNOWN if entry.loss is None else f"{entry.loss:.4f}",
            UNKNOWN if entry.bytes is None else size(entry.bytes),
            _said(entry.sha256),
        )
        for epoch, step, entry in checkpoints_of(run)
    ]


def checkpoints_of(run: Shown) -> Iterator[tuple[int | None, int | None, Saved]]:
    """Each checkpoint of a whole training, or of a sidecar alone, with its epoch and step counted through it."""
    records = [one.record for one in run.segments] or [run.record]
    if run.source.checkpoint:
        records = [replace(run.record, checkpoints=(run.source.checkpoint,))]
    for record in records:
        before = position(record)
        for entry in saved(record.checkpoints):
            epoch = None if entry.epoch is None else before.epoch + entry.epoch
            yield epoch, None if entry.step is None else before.step + entry.step, entry


def data_rows(report: Report) -> tuple[Rows, list[Folder]]:
    """What each run was trained on: as facts side by side, and folder by folder."""
    known = [understand(run.source) for run in report.runs]
    pairs = list(zip(report.runs, known, strict=True))
    folders = [folder for run, one in pairs for folder in _folders(run, one)]
    return _side_by_side([_data_facts(run, one) for run, one in pairs]), folders


def _data_facts(run: Shown, known: Understood) -> dict[str, str | None]:
    data = run.record.provenance.get("dataset") or {}
    planned = [one for one in (run.record.plan or {}).get("datasets", ()) if isinstance(one, dict)]
    repeats = [one["repeats"] for one in planned if isinstance(one.get("repeats"), int)]
    per_epoch = sum(repeats) if repeats and len(repeats) == len(planned) else None
    buckets = [bucket for one in planned for bucket in one.get("buckets") or ()]
    shown = ", ".join(f"{one['count']} of {one['resolution'][0]} x {one['resolution'][1]}" for one in buckets)
    return {
        "images": _text(data.get("images")),
        "captions": _text(data.get("captions")),
        "images in an epoch, with repeats": _text(per_epoch),
        "size": size(data["bytes"]) if isinstance(data.get("bytes"), int) else None,
        "buckets": shown or None,
        "resolution": _everywhere(known, "resolution", known.case.datasets),
        "batch size": _everywhere(known, "batch_size", known.case.datasets),
        "caption extension": _everywhere(known, "caption_extension", known.case.subsets),
        "fingerprint": None if data.get("sha256") is None else str(data["sha256"])[:12],
    }


def _everywhere(known: Understood, key: str, levels: Sequence[Any]) -> str | None:
    """The value of all data sets or subsets, or those of each."""
    found = [value_of(known, level, key).shown for level in levels]
    return ", ".join(dict.fromkeys(found)) or None


def _folders(run: Shown, known: Understood) -> Iterator[Folder]:
    counts = {
        str(subset.get("path")): subset.get("images")
        for one in (run.record.plan or {}).get("datasets", ())
        for subset in one.get("subsets") or ()
    }
    for level in known.case.subsets:
        own = dict(level.tables[0][1]) if level.tables else {}
        repeats = value_of(known, level, "num_repeats")
        said = [(name, value_of(known, level, name)) for name in CONDITIONS]
        conditions = ", ".join(f"{name} {value.shown}" for name, value in said if value.said)
        yield Folder(
            folder=str(own.get("image_dir") or own.get("metadata_file") or UNKNOWN),
            run=run.label,
            cells=(
                _cell(counts.get(level.path)),
                Cell(shown=repeats.shown, origin=repeats.origin.kind if repeats.origin and repeats.said else ""),
                Cell(shown="yes" if own.get("is_reg") else "no"),
                Cell(shown=value_of(known, level, "caption_extension").shown),
                Cell(shown=conditions or "none"),
            ),
        )


def environment_rows(report: Report) -> tuple[Rows, Rows]:
    """What each run was made with: machine and programs, then packages, those first that compute what is trained."""
    installed = [versions(run.record) for run in report.runs]
    names = sorted({name for one in installed for name in one}, key=lambda name: (not COMPUTES.fullmatch(name), name))
    packages = [{name: one.get(name, "not installed") if one else None for name in names} for one in installed]
    return _side_by_side([dict(made_with(run.record)) for run in report.runs]), _side_by_side(packages)


def story_of(run: Shown) -> list[tuple[str, list[str]]]:
    """What people say of a run: the story of its experiment, and the notes that were made later."""
    story = run.record.experiment.get("story") or {}
    parts = [(key, _lines(story[key])) for key in STORY if story.get(key)]
    for note in run.notes:
        words = [*(f"problem: {one}" for one in note.problems), *(f"solution: {one}" for one in note.solutions)]
        words += [f"decision: {note.decision}"] if note.decision else []
        parts.append((f"noted {note.time}", [*words, note.text] if note.text else words))
    return parts


def changes_of(report: Report) -> list[tuple[str, str]]:
    """Why each run differs from the one before, in the words of its story; and what became of the images."""
    found = []
    for step, run in zip(report.matrix.steps, report.runs[1:], strict=True):
        words = [step.why] if step.why else []
        if step.files:
            words.append("Images and captions: " + ", ".join(what for what, _ in step.files.parts()) + ".")
        found.append((run.label, " ".join(words)))
    return [(label, words) for label, words in found if words]


def rehearsal_warning(report: Report) -> str:
    """What a reader must not take for a real training; empty where nothing was rehearsed."""
    rehearsals = [run.label for run in report.runs if run.rehearsal]
    if not rehearsals:
        return ""
    which = "All of these" if len(rehearsals) == len(report.runs) else ", ".join(rehearsals)
    which = "This" if len(report.runs) == 1 else which
    what = "are rehearsals" if len(rehearsals) > 1 else "is a rehearsal"
    return (
        f"{which} {what} on the miniature: a few steps of a tiny model with random weights. Losses, samples and times "
        "of a rehearsal show that the pipeline works, and say nothing about a real model."
    )


def failure_of(run: Shown) -> str:
    """Why a run failed; empty where it did not."""
    return str((run.record.run.get("failure") or {}).get("what") or "")


def sample_folders(report: Report) -> str:
    """Where the samples lie in full."""
    folders = [str(segment.run.samples) for run in report.runs for segment in run.segments if run.sheet.lines]
    return ", ".join(dict.fromkeys(folders))


def title_of(report: Report, most: int = 8) -> str:
    """The runs that a title names, or how many there are where they are more than `most`."""
    count = len(report.runs)
    return ", ".join(run.label for run in report.runs) if count <= most else counted(count, "run")


def _side_by_side(facts: Sequence[Mapping[str, str | None]]) -> Rows:
    """Facts of each run as rows; a value that differs from the last known one is marked."""
    return [(name, _marked([one[name] for one in facts])) for name in facts[0]]


def _marked(values: Sequence[str | None]) -> list[Cell]:
    cells, before = [], None
    for value in values:
        differs = value is not None and before is not None and value != before
        cells.append(Cell(shown=UNKNOWN if value is None else value, change="other" if differs else ""))
        before = before if value is None else value
    return cells


def _cell(value: Any) -> Cell:
    return Cell(shown=_said(value))


def _said(value: Any) -> str:
    return UNKNOWN if value is None else str(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _lines(words: Any) -> list[str]:
    return [str(one) for one in words] if isinstance(words, (list, tuple)) else [str(words)]
