"""What a report says of runs, beside values, curves and samples: how they went, their data, their machines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fork_wrapper.compare.facts import COMPUTES, came_of, made_with, versions
from fork_wrapper.compare.units import value_of
from fork_wrapper.compare.values import Understood, understand
from fork_wrapper.publish.report.gather import Report, Shown
from fork_wrapper.publish.report.html import Html, breakable, join, tag
from fork_wrapper.publish.report.saved import Saved, saved
from fork_wrapper.publish.report.tables import UNKNOWN, badge, heads, marked, row, table
from fork_wrapper.records.lineage import position
from fork_wrapper.records.losses import losses_of
from fork_wrapper.text import counted, size

COLUMNS = (
    *("run", "status", "decision", "started", "steps", "epochs", "time", "steps per second", "loss", "saved"),
    "peak VRAM",
)
"""Of the table of runs."""


CONDITIONS = (
    *("flip_aug", "color_aug", "shuffle_caption", "keep_tokens", "caption_dropout_rate", "caption_tag_dropout_rate"),
    *("caption_prefix", "caption_suffix"),
)
"""Keys that say what becomes of images and captions on their way."""

STORY = ("purpose", "changes", "problems", "solutions", "decision", "notes")
"""In the order in which it is told."""


def runs_section(report: Report) -> Html:
    """How each run went, and its checkpoints."""
    rows = [_run_row(run) for run in report.runs]
    caption = "Loss is the trainer's mean: over the first and the last epoch, or over the steps that are said."
    parts: list[Html | None] = [table(caption, COLUMNS, rows, name="runs-table")]
    parts += [_checkpoints(run, number) for number, run in enumerate(report.runs)]
    return join(parts)


def _run_row(run: Shown) -> Html:
    facts, record = came_of(run.record), run.record
    words = str(losses_of(record.run) or UNKNOWN)
    failure = (record.run.get("failure") or {}).get("what")
    head = join([breakable(run.label), tag("br"), tag("small", tag("bdi", breakable(record.run["id"])))])
    cells: list[Any] = [
        join([badge(run), tag("small", str(failure)) if failure else None]),
        run.decision or "none",
        str(record.run["started"]).replace("T", " "),
        _steps(run),
        UNKNOWN if record.run.get("epochs") is None else str(record.run["epochs"]),
        *(facts[name] or UNKNOWN for name in ("time", "steps per second")),
        words,
        str(len(record.checkpoints)) if run.source.kind == "run" else "1 (its sidecar)",
        facts["peak VRAM"] or UNKNOWN,
    ]
    return row(head, cells)


def _steps(run: Shown) -> Html:
    """Steps of the run; of one that was resumed also those of the whole training."""
    own = came_of(run.record)["steps"]
    if len(run.segments) < 2:
        return join([own])
    before = run.segments[-1].step
    total = before + int(run.record.run["steps"])
    words = f"went on from {run.segments[-2].run.run_id} after step {before}: {total} in all"
    return join([own, tag("small", words)])


def _checkpoints(run: Shown, number: int) -> Html | None:
    entries = list(checkpoints_of(run))
    if not entries:
        return None
    rows = [
        row(
            breakable(entry.file or UNKNOWN),
            [
                *(_said(value) for value in (epoch, step)),
                UNKNOWN if entry.loss is None else f"{entry.loss:.4f}",
                UNKNOWN if entry.bytes is None else size(entry.bytes),
                tag("td", _said(entry.sha256), class_="hash"),
            ],
        )
        for epoch, step, entry in entries
    ]
    columns = ("checkpoint", "epoch", "step", "mean loss", "size", "sha256")
    inner = table(f"Checkpoints of {run.label}", columns, rows, name=f"checkpoints-{number}")
    return tag("details", tag("summary", f"{counted(len(entries), 'checkpoint')} of {run.label}"), inner)


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


def _said(value: Any) -> str:
    return UNKNOWN if value is None else str(value)


def data_section(report: Report) -> Html:
    """What each run was trained on."""
    known = [understand(run.source) for run in report.runs]
    facts = [_data_facts(run, one) for run, one in zip(report.runs, known, strict=True)]
    rows = [row(name, marked([one[name] for one in facts])) for name in facts[0]]
    parts = [table("Data of each run as it was recorded", ["fact", *heads(report.runs)], rows, name="data-table")]
    columns = ("folder", "run", "images", "repeats", "regularisation", "captions", "conditions")
    folders = [line for run, one in zip(report.runs, known, strict=True) for line in _folders(run, one)]
    if folders:
        parts.append(table("Folders of each run", columns, folders, name="folders-table"))
    return join(parts)


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


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _everywhere(known: Understood, key: str, levels: Sequence[Any]) -> str | None:
    """The value of all data sets or subsets, or those of each."""
    found = [value_of(known, level, key).shown for level in levels]
    return ", ".join(dict.fromkeys(found)) or None


def _folders(run: Shown, known: Understood) -> Iterator[Html]:
    counts = {
        str(subset.get("path")): subset.get("images")
        for one in (run.record.plan or {}).get("datasets", ())
        for subset in one.get("subsets") or ()
    }
    for level in known.case.subsets:
        own = dict(level.tables[0][1]) if level.tables else {}
        repeats = value_of(known, level, "num_repeats")
        origin = tag("small", repeats.origin.kind) if repeats.origin and repeats.said else None
        yield row(
            tag("bdi", str(own.get("image_dir") or own.get("metadata_file") or UNKNOWN)),
            [
                run.label,
                _said(counts.get(level.path)),
                join([repeats.shown, origin]),
                "yes" if own.get("is_reg") else "no",
                value_of(known, level, "caption_extension").shown,
                _conditions(known, level),
            ],
        )


def _conditions(known: Understood, level: Any) -> str:
    """What becomes of captions and images on their way, as far as it is said."""
    said = [(name, value_of(known, level, name)) for name in CONDITIONS]
    return ", ".join(f"{name} {value.shown}" for name, value in said if value.said) or "none"


def environment_section(report: Report) -> Html:
    """What each run was made with."""
    facts = [dict(made_with(run.record)) for run in report.runs]
    rows = [row(name, marked([one[name] for one in facts])) for name in facts[0]]
    main = table("Machine and programs of each run", ["fact", *heads(report.runs)], rows, name="environment-table")
    installed = [versions(run.record) for run in report.runs]
    if not any(installed):
        return join([main, tag("p", f"Packages: {UNKNOWN}.")])
    names = sorted({name for one in installed for name in one}, key=lambda name: (not COMPUTES.fullmatch(name), name))
    lines = [row(name, marked([_version(one, name) for one in installed])) for name in names]
    caption = "Packages, those first that compute what is trained"
    packages = table(caption, ["package", *heads(report.runs)], lines, name="packages")
    return join([main, tag("details", tag("summary", counted(len(names), "package")), packages)])


def _version(installed: Mapping[str, str], name: str) -> str | None:
    return installed.get(name, "not installed") if installed else None


def story_section(report: Report) -> Html:
    """What people say of each run: the story of its experiment, and the notes that were made later."""
    return join([_story(run) for run in report.runs])


def _story(run: Shown) -> Html:
    story = run.record.experiment.get("story") or {}
    items = [(key, story[key]) for key in STORY if story.get(key)]
    told = [[tag("dt", key), [tag("dd", tag("bdi", one)) for one in _lines(words)]] for key, words in items]
    for note in run.notes:
        words = [*(f"problem: {one}" for one in note.problems), *(f"solution: {one}" for one in note.solutions)]
        words += [f"decision: {note.decision}"] if note.decision else []
        words += [note.text] if note.text else []
        told.append([tag("dt", f"noted {note.time}"), [tag("dd", tag("bdi", one)) for one in words]])
    body = tag("dl", told) if told else tag("p", "Nobody has said anything of it.", class_="quiet")
    return join([tag("h3", run.label), body])


def _lines(words: Any) -> list[str]:
    return [str(one) for one in words] if isinstance(words, (list, tuple)) else [str(words)]
