"""The order of iterations, and what changed from one to the next, by meaning, as the experiments were meant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from fork_wrapper.compare.comparison import FileChanges, compare_understood
from fork_wrapper.compare.differences import Row
from fork_wrapper.compare.facts import Fact
from fork_wrapper.compare.values import Understood
from fork_wrapper.publish.document.answers import Answer
from fork_wrapper.publish.document.fields import Words
from fork_wrapper.publish.document.from_options import PLACES, last_part
from fork_wrapper.publish.document.subjects import Subject
from fork_wrapper.text import natural

NEVER = "~"
"""Sorts behind all dates."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """From one iteration to the next."""

    before: Subject
    """The one that it builds on."""
    after: Subject
    """The iteration."""
    rows: tuple[Row, ...]
    """Values that differ and change training."""
    rest: tuple[Row, ...]
    """Values that differ and do not."""
    facts: tuple[Fact, ...]
    """What both real trainings were made with, where it differs and changes training."""
    files: FileChanges | None
    """Images and captions of both real trainings; None where not both are known."""

    @property
    def count(self) -> int:
        """Differences that change training."""
        return len(self.rows) + len(self.facts) + bool(self.files)


def steps(
    subjects: Sequence[Subject], outside: Mapping[str, Subject], understood: Mapping[str, Understood]
) -> dict[str, Step]:
    """For every subject that goes on from another one what led to it, by label.

    `outside` are parents that are not in the document themselves, by the label of their child.
    """
    found: dict[str, Step] = {}
    for number, subject in enumerate(subjects):
        before = _before(subject, subjects[:number], subjects, outside.get(subject.label))
        if before is not None:
            found[subject.label] = _step(before, subject, understood)
    return found


def _before(
    subject: Subject, earlier: Sequence[Subject], subjects: Sequence[Subject], outside: Subject | None
) -> Subject | None:
    """An earlier one of the same experiment, or what it extends; None where it stands alone: nothing is guessed."""
    again = [one for one in earlier if one.name == subject.name]
    parents = [one for one in subjects if one.name == subject.stories.parent]
    found = [*again[-1:], *parents[-1:], *([outside] if outside else [])]
    return found[0] if found else None


def _step(before: Subject, after: Subject, understood: Mapping[str, Understood]) -> Step:
    rows, facts, files = compare_understood(understood[before.label], understood[after.label])
    real = before.real and after.real
    differing = [row for row in rows if row.differs and not _same_place(row)]
    return Step(
        before=before,
        after=after,
        rows=tuple(row for row in differing if row.trains),
        rest=tuple(row for row in differing if not row.trains),
        facts=tuple(fact for fact in facts if real and fact.trains),
        files=files if real else None,
    )


def _same_place(row: Row) -> bool:
    """Whether only the machine's folders differ."""
    texts = [row.before.raw, row.after.raw]
    named = row.key in PLACES and all(isinstance(text, str) for text in texts)
    return named and len({last_part(str(text)) for text in texts}) == 1


def changes(subject: Subject, step: Step | None, words: Words) -> Answer:
    """How much changed; what stands alone has nothing to be compared with."""
    if step is None:
        parent = subject.stories.parent
        text = words("goes_on_from", name=parent) if parent else words("stands_alone")
        return Answer(text=text, kind="computed")
    return Answer(text=words("changes_from", count=step.count, name=step.before.label), kind="computed")


def in_order(subjects: Sequence[Subject]) -> list[Subject]:
    """Parents before children; among those that could come next the one whose training, or a child's, began first.

    What never trained comes last, by name, numbers by their value.
    """
    left, found = list(subjects), []
    while left:
        waiting = {id(one) for one in left if any(_leads_to(other, one) for other in left)}
        ready = [one for one in left if id(one) not in waiting] or left  # a circle can only have been made by hand
        found.append(min(ready, key=lambda one: (_began(one, left), natural(one.label))))
        left.remove(found[-1])
    return found


def _leads_to(one: Subject, other: Subject) -> bool:
    """Whether one is what another extends, or an earlier run of the same experiment."""
    if one.name == other.name:
        return _started(one) < _started(other)
    return one.name == other.stories.parent


def _began(one: Subject, subjects: Sequence[Subject], above: frozenset[str] = frozenset()) -> str:
    """When its training or the first of its descendants' began; a text behind all dates where none did."""
    kin = [other for other in subjects if other.stories.parent == one.name and other.name not in above]
    return min([_started(one), *(_began(other, subjects, above | {one.name}) for other in kin)])


def _started(one: Subject) -> str:
    """In UTC; a text behind all dates of what never trained."""
    first = one.segments[0].record.run["started"] if one.real else None
    try:
        return datetime.fromisoformat(str(first)).astimezone(timezone.utc).isoformat() if first else NEVER
    except ValueError:  # a damaged record
        return NEVER
