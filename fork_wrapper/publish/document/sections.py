"""Sections of the document that are tables: parameters, runs, checkpoints, and what is missing."""

from collections.abc import Iterator, Mapping
from typing import Any

from fork_wrapper.compare.markdown_text import aligned_table, code, escape
from fork_wrapper.publish.document.coverage import coverage
from fork_wrapper.publish.document.fields import fields, fields_of
from fork_wrapper.publish.document.from_runs import mean_words
from fork_wrapper.publish.document.gather import Column, Document
from fork_wrapper.publish.document.saying import hint_for, label, listed, said, side_by_side
from fork_wrapper.records.archived import acknowledged_in
from fork_wrapper.records.lineage import Segment
from fork_wrapper.records.losses import mean_at
from fork_wrapper.text import size

IN_TABLE = ("started", "duration", "losses", "speed", "vram_peak")
"""Of a run, what stands side by side; what is long stands in lines."""


def parameters(document: Document) -> Iterator[str]:
    """Every parameter that the authors list, and every other option that is set."""
    words = document.words
    rows = [
        (label(field, document), [said(column.answers[field.id], document) for column in document.columns])
        for field in fields_of("parameters")
    ]
    yield from side_by_side(rows, document, words("head.parameter"))
    unknown = [
        (field, columns)
        for field in fields_of("parameters")
        if (columns := [column for column in document.columns if column.answers[field.id] is None])
    ]
    for field, columns in unknown:
        names = ", ".join(code(column.subject.label) for column in columns)
        yield f"- {label(field, document)}, {names}: {hint_for(field, columns, document)}"
    yield from ("",) if unknown else ()
    yield from _further(document)
    yield from _acknowledged(document)


def _acknowledged(document: Document) -> Iterator[str]:
    """What the check says of these values and the experiments mean so, each reason with those that give it."""
    found: dict[str, list[str]] = {}
    for column in document.columns:
        source = column.subject.source
        known = source.resolved.acknowledged if source.resolved else {}
        known = acknowledged_in(source.record) if source.record else known
        for rule, one in known.items():
            line = f"- {code(rule)}: {escape(' '.join(one.reason.split()))}"
            found.setdefault(line, []).append(column.subject.label)
    if found:
        yield from (f"### {document.words('title.acknowledged')}", "")
    for line, labels in found.items():
        every = len(labels) == len(document.columns)
        yield line if every else f"{line} ({', '.join(map(code, labels))})"
    yield from ("",) if found else ()


def _further(document: Document) -> Iterator[str]:
    """What else is set: once where all agree, else side by side."""
    words = document.words
    shown = {part.rpartition(".")[2] for field in fields() for part in field.source.split(", ")}
    names = list(dict.fromkeys(name for column in document.columns for name in column.set_options))
    rows = {name: _cells(name, document) for name in names if name not in shown}
    same = [(code(name), cells[0]) for name, cells in rows.items() if len(set(cells)) == 1]
    other = [(code(name), cells) for name, cells in rows.items() if len(set(cells)) > 1]
    if same:
        yield from (f"### {words('title.further_same' if len(document.columns) > 1 else 'title.further')}", "")
        yield from aligned_table([words("head.option"), words("head.value")], same)
    if other:
        yield from (f"### {words('title.further_differing')}", "")
        yield from side_by_side(other, document, words("head.option"))


def _cells(name: str, document: Document) -> list[str]:
    found = [column.set_options.get(name) for column in document.columns]
    return [said(answer, document) if answer is not None else document.words("absent") for answer in found]


def run(document: Document) -> Iterator[str]:
    """Machine, time, losses."""
    words = document.words
    numbers = [field for field in fields_of("run") if field.id in IN_TABLE]
    yield from listed("run", document, but=IN_TABLE)
    rows = [
        (escape(column.subject.label), *(said(column.answers[field.id], document) for field in numbers))
        for column in document.columns
    ]
    yield from aligned_table([words("head.experiment"), *(label(field, document) for field in numbers)], rows)
    lacking = [column for column in document.columns if any(column.answers[field.id] is None for field in numbers)]
    if lacking:
        yield from (f"- **{words('unknown')}**: {hint_for(numbers[0], lacking, document)}", "")


def checkpoints(document: Document) -> Iterator[str]:
    """What every run saved, pruned files included, with where in the whole training it was."""
    words = document.words
    for column in document.columns:
        entries = [(segment, entry) for segment in column.subject.segments for entry in segment.record.checkpoints]
        if not entries:
            yield from (f"- {code(column.subject.label)}: {words('no_checkpoints')}", "")
            continue
        yield from (f"### {escape(column.subject.label)}{_of_rehearsal(column, document)}", "")
        yield from (_checkpoint(entry, segment, document) for segment, entry in entries)
        yield ""


def _of_rehearsal(column: Column, document: Document) -> str:
    return f" ({document.words('of_the_miniature')})" if column.subject.basis == "rehearsal" else ""


def _checkpoint(entry: Mapping[str, Any], segment: Segment, document: Document) -> str:
    words = document.words
    step, epoch, loss = (entry.get(name) for name in ("step", "epoch", "loss"))
    parts = [
        words("at_step", count=step + segment.step) if step is not None else "",
        words("at_epoch", count=epoch + segment.epoch) if epoch is not None else "",
        words(
            "with_loss",
            loss=f"{loss:.4f}",
            mean=mean_words(mean_at(segment.record.run, step or 0, loss), segment.step, words),
        )
        if loss is not None
        else "",
        size(entry["bytes"]) if entry.get("bytes") else "",
        f"sha256 {code(str(entry['sha256']))}" if entry.get("sha256") else "",
    ]
    return f"- {code(str(entry['file']))}: {', '.join(part for part in parts if part)}"


def missing(document: Document) -> Iterator[str]:
    """How much is filled, by origin; and every listed field that is not, with where it could come from."""
    words, found = document.words, coverage(document)
    rows = [(f"[{words(f'mark.{kind}')}] {words(f'kind.{kind}')}", str(count)) for kind, count in found.by_kind()]
    rows.append((words("unknown"), str(len(found.missing))))
    yield from aligned_table([words("head.origin"), words("head.fields")], rows)
    for field in fields():
        columns = [column for column in document.columns if field.listed and column.answers[field.id] is None]
        if columns:
            names = words("all") if len(columns) == len(document.columns) > 1 else ""
            names = names or ", ".join(code(column.subject.label) for column in columns)
            who = "" if field.tool else f" ({words('people_only')})"
            yield f"- **{label(field, document)}**{who}, {names}: {hint_for(field, columns, document)}"
    if not found.missing:
        yield words("nothing_missing")
    yield ""
