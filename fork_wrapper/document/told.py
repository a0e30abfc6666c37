"""What people wrote into the experiment files of a chain: stories in the languages they are told in, and origins.

Read from the texts alone, which a record holds as they were. A text that cannot be read tells nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from fork_wrapper.errors import InputError
from fork_wrapper.experiment import LANGUAGES, origins_of
from fork_wrapper.files import parse_toml

INHERITED = frozenset(["images", "image_size", "image_mode", "content", "preparation", "captions", "evaluation"])
"""Parts of a story that hold for the children of an experiment too: what all of them train on, how all are judged."""

OF_ITS_VALUES = frozenset(["purpose", "changes"])
"""Parts of a story that speak of the values beside them: those of a file that has changed since are about others."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """One part of a story."""

    value: Any
    """A text, a list of texts, or a number."""
    kind: str
    """Its origin."""
    by: str
    """The experiment that tells it."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """All that a chain of experiment files tells."""

    names: tuple[str, ...]
    """Of the chain, root first."""
    stories: tuple[Mapping[str, Any], ...]
    """By file."""
    kinds: tuple[Mapping[str, str], ...] = field(repr=False)
    """By file: the origin of every value and of every part of the story, by key path."""
    now: "Told | None" = None
    """Of an archived chain what its files tell now, which fills the gaps of its story; None where nobody asks them."""

    @property
    def parent(self) -> str:
        """What the experiment extends; empty where nothing."""
        return self.names[-2] if len(self.names) > 1 else ""

    def part(self, key: str, language: str) -> Said | None:
        """A part of the story in this language, else as it was told; None where nobody tells it."""
        last = len(self.names) - 1
        for number in range(last, -1, -1) if key in INHERITED else range(last, last - 1, -1):
            if number >= 0 and (said := self._said(number, key, language)) is not None:
                return said
        return self.now.part(key, language) if self.now is not None and key not in OF_ITS_VALUES else None

    def origin(self, path: str) -> tuple[str, str] | None:
        """The origin of a value and the file that says it last; None where none does."""
        for name, kinds in zip(reversed(self.names), reversed(self.kinds), strict=True):
            if path in kinds:
                return kinds[path], name
        return None

    def _said(self, number: int, key: str, language: str) -> Said | None:
        story, kinds = self.stories[number], self.kinds[number]
        others = [other for other in LANGUAGES if other != language]
        for table in (language, "", *others):
            value = (story.get(table) or {}).get(key) if table else story.get(key)
            if value:
                said = [f"story.{key}", f"story.{table}.{key}"]
                own = [kinds[path] for path in said if path in kinds]
                return Said(value=value, kind=own[0] if own else "assumed", by=self.names[number])
        return None


def told(files: Sequence[tuple[str, str]]) -> Told:
    """What files tell: (name, text) of each, root first."""
    found = [tables(text) for _, text in files]
    return Told(
        names=tuple(name for name, _ in files),
        stories=tuple(one.get("story", {}) for one in found),
        kinds=tuple(_origins(text) for _, text in files),
    )


@lru_cache(maxsize=256)
def tables(text: str) -> Mapping[str, Any]:
    """The content of an experiment file, tables of a wrong shape left out; nothing of one that cannot be read.

    The chains of all iterations begin with the same files: each is parsed once.
    """
    try:
        found = parse_toml(text, Path("experiment"))
    except InputError:
        return {}
    return {key: value for key, value in found.items() if isinstance(value, dict) or key == "extends"}


@lru_cache(maxsize=256)
def _origins(text: str) -> Mapping[str, str]:
    return origins_of(tables(text))
