"""The parts that a caption should have, known by words: which caption has which.

The convention is that of the humanoid data set: visual traits, style tags, anatomy and structure, outfit and
accessories. Its words stand in `vocabulary.toml`, which people are meant to copy and edit.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import DatasetError
from dataset_tools.toml_files import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Words by part."""

    parts: Mapping[str, tuple[str, ...]]
    """Name of the part to its words, in the order of the file."""

    @cached_property
    def _patterns(self) -> dict[str, re.Pattern[str]]:
        return {name: _pattern(words) for name, words in self.parts.items()}

    def found(self, text: str) -> dict[str, tuple[str, ...]]:
        """For each part that `text` has, the words that show it, as the text spells them but in lower case."""
        plain = _plain(text)
        matches = {name: tuple(pattern.findall(plain)) for name, pattern in self._patterns.items()}
        return {name: words for name, words in matches.items() if words}


def shipped_vocabulary_text() -> str:
    """The file that comes with the package, to copy and edit."""
    return files("dataset_tools.captions").joinpath("vocabulary.toml").read_text(encoding="utf-8")


def load_vocabulary(path: Path | None = None) -> Vocabulary:
    """The vocabulary of a file, or the one that comes with the package.

    Raises:
        DatasetError: it cannot be read, or is no table of lists of words.
    """
    place = path or Path(str(files("dataset_tools.captions").joinpath("vocabulary.toml")))
    parts = read_toml(place)
    if not parts or not all(_are_words(words) for words in parts.values()):
        bad = next((name for name, words in parts.items() if not _are_words(words)), "")
        raise DatasetError(
            f"{bad} is no list of words" if bad else "there is no part in this vocabulary",
            where=place,
            next_step='Write each part as: "name of the part" = ["word", "other word"].',
        )
    return Vocabulary(parts={name: tuple(words) for name, words in parts.items()})


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) and _plain(word) for word in value)


def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    # The longest first, so that "fortnite style" is found as itself and not as "fortnite".
    known = sorted({_plain(word) for word in words}, key=lambda word: (-len(word), word))
    alternatives = "|".join(re.escape(word).replace(r"\*", r"\w*") for word in known)
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)")


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().replace("_", " ").split())
