"""What people wrote into the experiment files of a chain: stories in the languages they are told in, and origins.

Read from the texts alone, which a record holds as they were. A text that cannot be read tells nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from fork_wrapper.errors import InputError
from fork_wrapper.experiment.experiment import OWN, origins_of, source_of
from fork_wrapper.experiment.story import LANGUAGES
from fork_wrapper.files import flatten, parse_toml

OF_ITS_IMAGES = frozenset(["images", "image_size", "image_mode", "content", "preparation", "captions"])
"""Parts of a story that speak of the images: they hold for the children of an experiment that train on the same."""

INHERITED = OF_ITS_IMAGES | {"evaluation"}
"""Parts of a story that hold for the children of an experiment too."""

FOLDERS = ("image_dir", "metadata_file", "train_data_dir", "in_json")
"""Options and keys that say which images there are."""

OF_ITS_VALUES = frozenset(["purpose", "changes"])
"""Parts of a story that speak of the values beside them: those of a file that has changed since are about others."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a story."""

    value: Any
    """A text, a list of texts, or a number."""
    kind: str
    """Its origin."""
    by: str
    """The experiment that tells it."""


@dataclass(frozen=True, kw_only=True)
class Stories:
    """All that a chain of experiment files tells."""

    names: tuple[str, ...]
    """Of the chain, root first."""
    parts: tuple[Mapping[str, Any], ...]
    """By file."""
    kinds: tuple[Mapping[str, str], ...] = field(repr=False)
    """By file: the origin of every value and of every part of the story, by key path."""
    folders: tuple[Mapping[str, str], ...] = field(repr=False)
    """By file: the folders of images that it names, by key path."""
    sources: tuple[tuple[str, str], ...] = ()
    """The documents that the files name for what is documented in them: (experiment, document), root first."""
    now: "Stories | None" = None
    """Of an archived chain what its files tell now, which fills the gaps of its story; None where nobody asks them."""

    @property
    def parent(self) -> str:
        """What the experiment extends; empty where nothing."""
        return self.names[-2] if len(self.names) > 1 else ""

    @property
    def image_dirs(self) -> dict[str, str]:
        """The folders of images that the files name, by key path; the last file has the last word."""
        return {path: text for folders in self.folders for path, text in folders.items()}

    def part(self, key: str, language: str) -> Part | None:
        """A part of the story in this language, else as it was told; None where nobody tells it."""
        for number in range(len(self.names) - 1, -1, -1):
            if (said := self._said(number, key, language)) is not None:
                return said
            if key not in INHERITED or (key in OF_ITS_IMAGES and self.folders[number]):
                break  # what stands above is not about this one, or about other images
        return self.now.part(key, language) if self.now is not None and self._may_ask(key, self.now) else None

    def _may_ask(self, key: str, now: "Stories") -> bool:
        """Whether the files speak now of what they spoke of then."""
        return key not in OF_ITS_VALUES and (key not in OF_ITS_IMAGES or now.image_dirs == self.image_dirs)

    def origin(self, path: str) -> tuple[str, str] | None:
        """The origin of a value and the file that says it last; None where none does."""
        for name, kinds in zip(reversed(self.names), reversed(self.kinds), strict=True):
            if path in kinds:
                return kinds[path], name
        return None

    def _said(self, number: int, key: str, language: str) -> Part | None:
        story, kinds = self.parts[number], self.kinds[number]
        others = [other for other in LANGUAGES if other != language]
        for table in (language, "", *others):
            value = (story.get(table) or {}).get(key) if table else story.get(key)
            if value:
                said = [f"story.{key}", f"story.{table}.{key}"]
                own = [kinds[path] for path in said if path in kinds]
                return Part(value=value, kind=own[0] if own else OWN, by=self.names[number])
        return None


def read_stories(files: Sequence[tuple[str, str]]) -> Stories:
    """What files tell: (name, text) of each, root first."""
    found = [tables(text) for _, text in files]
    return Stories(
        names=tuple(name for name, _ in files),
        parts=tuple(one.get("story", {}) for one in found),
        kinds=tuple(_origins(text) for _, text in files),
        folders=tuple(_folders(one) for one in found),
        sources=tuple(
            (name, source) for (name, _), one in zip(files, found, strict=True) if (source := source_of(one))
        ),
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
    return {key: value for key, value in found.items() if isinstance(value, dict) or key in ("extends", "template")}


@lru_cache(maxsize=256)
def _origins(text: str) -> Mapping[str, str]:
    return origins_of(tables(text))


def _folders(found: Mapping[str, Any]) -> dict[str, str]:
    values = flatten({"dataset": found.get("dataset", {}), "training": found.get("training", {})})
    return {path: str(text) for path, text in values.items() if path.rpartition(".")[2] in FOLDERS}
