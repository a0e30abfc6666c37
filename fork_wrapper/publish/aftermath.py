"""What there is to say of a run beyond its record: notes made since, and the runs that came of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fork_wrapper.experiment.story import STORY
from fork_wrapper.formats.named_run import run_of
from fork_wrapper.formats.source import Source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.history import children_of
from fork_wrapper.records.lineage import REPRODUCTION, RESUME
from fork_wrapper.records.notes import Note, read_notes, said_in
from fork_wrapper.records.record import Record
from fork_wrapper.text import shown


@dataclass(frozen=True, kw_only=True)
class Afterwards:
    """What came after a run."""

    notes: tuple[Note, ...]
    """In the order in which they were made."""
    children: tuple[str, ...]
    """Ids of the runs of the same experiment that come from it, oldest first."""
    repeated_by: tuple[str, ...]
    """Those of them that reproduce it; the other ones go on from it."""

    def to_json(self) -> dict[str, Any]:
        """As `kft show --json` adds it to a record."""
        return {"notes": [asdict(note) for note in self.notes], "children": list(self.children)}


UNKNOWN: Mapping[str, Any] = {"notes": None, "children": None}
"""What takes the place of `to_json` where the run is not on this machine."""


def afterwards(source: Source, settings: Settings) -> Afterwards | None:
    """What came after the run that a source is, or was made by; None where that run is not on this machine."""
    run = run_of(source, settings)
    if run is None:
        return None
    run_id = str(run.record.run["id"])
    children = children_of(settings.outputs, run_id, cache=settings.cache)
    return Afterwards(
        notes=read_notes(run.folder),
        children=tuple(line.run_id for line in children),
        repeated_by=tuple(line.run_id for line in children if line.repeats == run_id),
    )


def came_from(record: Record) -> str:
    """What a run comes from, in words; empty for one that comes from nothing."""
    known = record.lineage or {}
    if known.get("kind") == REPRODUCTION:
        return _repeats(known)
    parent = known.get("parent") or record.run.get("parent")
    if not parent:
        return ""
    if known.get("kind") == RESUME:
        return f"goes on from {parent}, after step {known.get('step', '?')} (epoch {known.get('epoch', '?')})"
    return f"comes from {parent}"


def _repeats(lineage: Mapping[str, Any]) -> str:
    """The run and the file that was left of it, and what was allowed to be different."""
    source, differences = lineage.get("source") or {}, lineage.get("differences") or ()
    words = [str(lineage["parent"])] if lineage.get("parent") else []
    words += [f"from {source['file']}"] if source.get("file") else []
    other = [str(item["item"]) for item in differences if item.get("allowed")]
    allowed = f"; allowed to be different: {', '.join(other)}" if other else ""
    return f"repeats {', '.join(words) or 'another run'}{allowed}"


def story_rows(story: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A story as it is shown: its parts in the order in which it is told, each with its words; no translations."""
    own = [key for key, value in story.items() if not isinstance(value, Mapping)]
    parts = sorted(own, key=lambda key: [*STORY].index(key) if key in STORY else len(STORY))
    texts = {key: "; ".join(map(str, story[key])) if isinstance(story[key], list) else str(story[key]) for key in parts}
    return [(key, " ".join(text.split())) for key, text in texts.items()]


def note_rows(notes: tuple[Note, ...]) -> list[tuple[str, str, str]]:
    """Notes as they are shown: time, kind, words; a line of its own for every line that was written."""
    rows = []
    for note in notes:
        said = [(kind, line) for kind, text in said_in(note) for line in text.splitlines()]
        rows += [("" if number else note.time, kind, shown(line)) for number, (kind, line) in enumerate(said)]
    return rows
