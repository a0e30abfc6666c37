"""Everything that is to be said about two sources, as one value, and how much of it there is.

Words and tables are made of it in `text` and `markdown`, JSON in `plain`; here is the verdict.
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
    """What became of the images and captions of a data set, by their names in the records."""

    added: tuple[str, ...] = ()
    """Images that only the second has."""
    removed: tuple[str, ...] = ()
    """Images that only the first has."""
    renamed: tuple[tuple[str, str], ...] = ()
    """Old and new name of one picture; named as removed and added too."""
    images: tuple[str, ...] = ()
    """Images of one name and other bytes."""
    captions: tuple[str, ...] = ()
    """Images whose caption has other bytes, came or went."""
    metadata: tuple[str, ...] = ()
    """Subsets whose `metadata_file` has other bytes: their captions stand in it."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.images or self.captions or self.metadata)

    def parts(self) -> list[tuple[str, tuple[str, ...]]]:
        """What happened how often, and the names it happened to; nothing that did not happen."""
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
    """Two sources, compared."""

    first: Source
    """What the reading begins with."""
    second: Source
    """What it ends with."""
    names: tuple[str, str]
    """What they are called, never the same."""
    rows: tuple[Row, ...]
    """Every value, in order."""
    rules: Changes
    """Rules that only one of them breaks."""
    files: FileChanges | None
    """Images and captions; None where not both sides recorded them."""
    facts: tuple[Fact, ...]
    """What both were made with and what came of it, equal ones too."""
    notes: tuple[str, ...]
    """What to know before reading."""
    why: str
    """What the second one's story says was changed; empty where it says nothing of its own."""

    @property
    def different(self) -> tuple[Row, ...]:
        """The rows that differ."""
        return tuple(row for row in self.rows if row.differs)

    @property
    def training(self) -> bool:
        """Whether anything differs that changes training."""
        return any(row.trains for row in self.rows) or any(fact.trains for fact in self.facts) or bool(self.files)

    @property
    def same(self) -> bool:
        """Whether nothing differs but what came of it."""
        counting = any(fact.differs and fact.counts != "outcome" for fact in self.facts)
        return not (self.different or self.rules or self.files or counting)


def compare_sources(first: Source, second: Source, cache: Path) -> Diff:
    """The whole comparison, of what the sources hold; what the rules say is remembered in the cache folder."""
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
    """Values, facts and files of two configurations, without what the rules say of them."""
    known, files = facts(one.source, two.source), _files(one.source, two.source)
    return tuple(_with_facts(row, known, files) for row in rows(one, two)), known, files


def _names(first: Source, second: Source) -> tuple[str, str]:
    if first.label != second.label or first.path == second.path:
        return first.label, second.label
    return str(first.path), str(second.path)


def _with_facts(row: Row, known: list[Fact], files: FileChanges | None) -> Row:
    """A path that led to the same bytes in both runs changes nothing."""
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
    """What became of a data set between two recorded manifests; None where one of them is damaged."""
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
    """What there is to know of a file of another program, before its values are believed."""
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
    """The names of an experiment's chain, root first; the story of a change is about the step from the last but one."""
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
    """The name of the parent: what an experiment extends, or the run that a run went on from."""
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
