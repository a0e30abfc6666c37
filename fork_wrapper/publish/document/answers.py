"""One answer: a value in words, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fork_wrapper.compare.values import Understood
    from fork_wrapper.publish.document.fields import Words
    from fork_wrapper.publish.document.folder import Folder
    from fork_wrapper.publish.document.subjects import Subject

Kind = Literal[
    "documented",
    "recovered",
    "measured",
    "noted",
    "chosen",
    "computed",
    "archived",
    "default",
    "kft",
    "rehearsed",
    "assumed",
]

KINDS: tuple[Kind, ...] = (
    *("documented", "recovered", "measured", "noted", "chosen", "computed", "archived", "default", "kft", "rehearsed"),
    "assumed",
)
"""Every origin that a value can have, the surest first; of several values the least sure one speaks for all."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is known of one field."""

    text: str
    """In words of the document's language; values as they are."""
    kind: Kind
    """Its origin."""
    by: str = ""
    """The experiment, run or program that says it."""
    also: Answer | None = None
    """What another origin says, where it says something else."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """All that an answer is looked for in."""

    subject: Subject
    """Whose."""
    understood: Understood
    """Its configuration with defaults filled in."""
    folder: Folder | None
    """What its images are, where they are at hand and those that were trained on."""
    words: Words
    """The document's language."""


Answering = Callable[[Asked], "Answer | None"]
"""How one field is answered; None where nobody knows."""


def weakest(kinds: Iterable[Kind]) -> Kind:
    """The least sure of some origins: what rests on an assumption is assumed."""
    return max(kinds, key=KINDS.index, default="default")


def joined(parts: Mapping[str, Answer] | Iterable[Answer], between: str = ", ") -> Answer | None:
    """Several answers as one, by the least sure of them; None for none."""
    found = list(parts.values() if isinstance(parts, Mapping) else parts)
    if not found:
        return None
    texts = list(dict.fromkeys(one.text for one in found))
    return Answer(text=between.join(texts), kind=weakest(one.kind for one in found), by=found[-1].by)


def beside(first: Answer | None, second: Answer | None) -> Answer | None:
    """The first answer with the second one beside it where that says something else; the second where there is none."""
    if first is None or second is None or first.text == second.text:
        return first or second
    return Answer(text=first.text, kind=first.kind, by=first.by, also=second)
