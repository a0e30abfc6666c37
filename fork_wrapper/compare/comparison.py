"""The full comparison of two sources as one value, and the verdict on it.

`text` and `markdown` turn it into words and tables, `as_json` into JSON.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dataset_tools.errors import DatasetError
from fork_wrapper.compare.differences import Row, rows
from fork_wrapper.compare.facts import BASE_MODEL, Fact, facts, is_rehearsal
from fork_wrapper.compare.rule_changes import Changes, rule_changes
from fork_wrapper.compare.values import Understood, understand
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.formats.source import Source
from fork_wrapper.text import counted


@dataclass(frozen=True, kw_only=True)
class FileChanges:
    """Changes to the images and captions of a data set, by their names in the records."""

    added: tuple[str, ...] = ()
    """Images only in the second."""
    removed: tuple[str, ...] = ()
    """Images only in the first."""
    renamed: tuple[tuple[str, str], ...] = ()
    """Old and new names of the same picture, which also appear in `removed` and `added`."""
    images: tuple[str, ...] = ()
    """Images with the same name and different bytes."""
    captions: tuple[str, ...] = ()
    """Images whose caption changed, appeared or disappeared."""
    metadata: tuple[str, ...] = ()
    """Subsets whose `metadata_file`, which holds their captions, has different bytes."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.images or self.captions or self.metadata)

    def parts(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return each kind of change that occurred, with its count, and the names concerned."""
        pairs = tuple(f"{old} -> {new}" for old, new in self.renamed)
        told = [
            (f"{counted(len(self.added), 'image')} added", self.added),
            (f"{counted(len(self.removed), 'image')} removed", self.removed),
            (f"{len(pairs)} of these only renamed", pairs),
            (f"{counted(len(self.images), 'image')} changed", self.images),
            (f"{counted(len(self.captions), 'caption')} changed", self.captions),
            (f"{counted(len(self.metadata), 'metadata_file')} changed", self.metadata),
        ]
        return [(what, names) for what, names in told if names]


@dataclass(frozen=True, kw_only=True)
class Diff:
    """Two sources and everything that differs between them."""

    first: Source
    """The source on the left."""
    second: Source
    """The source on the right."""
    names: tuple[str, str]
    """Their display names, never equal."""
    rows: tuple[Row, ...]
    """Every value, in display order."""
    rules: Changes
    """Rules that only one of them breaks."""
    files: FileChanges | None
    """Changes to images and captions; None unless both sides recorded them."""
    facts: tuple[Fact, ...]
    """What both were made with and how they turned out, including equal facts."""
    notes: tuple[str, ...]
    """What to know before reading the comparison."""
    why: str
    """The change as told by the second one's story; empty if it has none of its own."""

    @property
    def different(self) -> tuple[Row, ...]:
        """The rows that differ."""
        return tuple(row for row in self.rows if row.differs)

    @property
    def training(self) -> bool:
        """Whether any difference changes training."""
        return any(row.trains for row in self.rows) or any(fact.trains for fact in self.facts) or bool(self.files)

    @property
    def same(self) -> bool:
        """Whether nothing differs except the outcome."""
        counting = any(fact.differs and fact.counts != "outcome" for fact in self.facts)
        return not (self.different or self.rules or self.files or counting)


def compare_sources(first: Source, second: Source, cache: Path) -> Diff:
    """Compare two sources in full; findings of rules are cached in `cache`."""
    one, two = understand(first), understand(second)
    found, known, files = compare_understood(one, two)
    return Diff(
        first=first,
        second=second,
        names=_names(first, second),
        rows=found,
        rules=rule_changes(one, two, cache),
        files=files,
        facts=tuple(known),
        notes=tuple(_notes(first, second)),
        why=_why(first, second),
    )


def compare_understood(one: Understood, two: Understood) -> tuple[tuple[Row, ...], list[Fact], FileChanges | None]:
    """Compare values, facts and files of two configurations, without the rules."""
    known, files = facts(one.source, two.source), _files(one.source, two.source)
    return tuple(_with_facts(row, known, files) for row in rows(one, two)), known, files


def _names(first: Source, second: Source) -> tuple[str, str]:
    if first.label != second.label or first.path == second.path:
        return first.label, second.label
    return str(first.path), str(second.path)


def _with_facts(row: Row, known: list[Fact], files: FileChanges | None) -> Row:
    """Mark a changed path as having no effect if it led to the same bytes in both runs."""
    models = [fact for fact in known if fact.name == BASE_MODEL and fact.before]
    if row.differs and row.key == "pretrained_model_name_or_path" and models and models[0].before == models[0].after:
        return replace(row, idle_in=("the same bytes by their sha256",) * 2)
    if row.differs and row.key == "image_dir" and files is not None and not files:
        return replace(row, idle_in=("the same images and captions by their sha256",) * 2)
    return row


def _files(first: Source, second: Source) -> FileChanges | None:
    before, after = (source.record.provenance.get("dataset") if source.record else None for source in (first, second))
    return None if before is None or after is None else file_changes(before, after)


def file_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> FileChanges | None:
    """Compare two recorded manifests of a data set; None if one of them is damaged."""
    from dataset_tools.scan.drift import compare  # noqa: PLC0415 - two experiments do not pay for it
    from dataset_tools.scan.fingerprint import Fingerprint  # noqa: PLC0415

    try:
        drift = compare(Fingerprint.from_json(before), Fingerprint.from_json(after))
    except DatasetError:
        return None
    return FileChanges(
        added=drift.added,
        removed=drift.removed,
        renamed=drift.renamed,
        images=drift.changed_images,
        captions=drift.changed_captions,
        metadata=drift.changed_metadata,
    )


def _notes(first: Source, second: Source) -> Iterator[str]:
    rehearsals = [is_rehearsal(first), is_rehearsal(second)]
    for source, rehearsal in zip((first, second), rehearsals, strict=True):
        if rehearsal and not all(rehearsals):
            yield f"{source.label} is a rehearsal: scale, precision and data are those of the miniature"
    if all(rehearsals):
        yield "both are rehearsals on the miniature"
    for source in (first, second):
        yield from _about(source)
    lacking = [source for source in (first, second) if source.record is None]
    if len(lacking) == 1:
        one = lacking[0]
        what = "has not run" if one.kind == "experiment" else "says nothing of its run"
        yield f"{one.label} {what}: data, base model, code, machine and results have nothing to be compared with"
    elif not lacking and _files(first, second) is None:
        yield "images and captions are not compared: not both records have them"


def _about(source: Source) -> Iterator[str]:
    """Yield what to know about another program's file before trusting its values."""
    if source.found is None:
        return
    yield from (f"{source.label}: {note}" for note in source.found.notes)
    if source.found.then:
        count = counted(len(source.found.then), "value")
        yield f"{source.label}: {count} took effect otherwise than the file shows (kft import-config says which)"


def _why(first: Source, second: Source) -> str:
    before, after = _story(first), _story(second)
    return " ".join(after.split()) if after != before and _line_of(first)[-1:] == _line_of(second)[-2:-1] else ""


def _line_of(source: Source) -> list[str]:
    """Return the names in an experiment's chain, root first; the story describes the last step of it."""
    if source.resolved is not None:
        return [link.name for link in source.resolved.chain]
    files = source.record.experiment.get("files") if source.record is not None else None
    return [str(file["name"]) for file in files or []]


def _story(source: Source) -> str:
    if source.record is not None:
        story = source.record.experiment.get("story") or {}
    else:
        story = source.resolved.story if source.resolved else {}
    return str(story.get("changes", ""))


def parent_of(source: Source) -> str:
    """Return what names the parent: the file that an experiment extends, or the run that a run resumed from."""
    if source.resolved is not None:
        if len(source.resolved.chain) > 1:
            return str(source.resolved.chain[-2].path)
        raise _none(source, "it extends no other experiment", "another experiment")
    if source.record is not None:
        if source.record.run.get("parent"):
            return str(source.record.run["parent"])
        raise _none(source, "it did not go on from another run", f"such as {source.record.name}")
    known = (source.header or {}).get("experiment")
    raise _none(source, f"a {source.kind} names no parent", f"such as {known}" if known else "an experiment")


def _none(source: Source, what: str, with_what: str) -> InputError:
    finding = Finding(
        what=what,
        where=str(source.path),
        todo=f"name what to compare it with, {with_what}: kft diff OTHER {source.label}",
    )
    return InputError(f"{source.label} has no parent", [finding])
