"""The words of a document in one language: `words/en.json` and `words/es.json`, which have the same keys."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fork_wrapper.experiment.story import LANGUAGES as LANGUAGES  # noqa: PLC0414 - the languages of stories and documents


@dataclass(frozen=True, kw_only=True)
class Words:
    """One language."""

    language: str
    """`en` or `es`."""
    table: Mapping[str, str]
    """Templates by key."""

    def __call__(self, key: str, /, **values: Any) -> str:
        """The words of a key, with these values in their places."""
        return self.table[key].format(**values) if values else self.table[key]

    def counted(self, count: int, noun: str) -> str:
        """`1 image`, `2 images`: of the keys `one.NOUN` and `many.NOUN`."""
        return f"{count} {self(f'one.{noun}' if count == 1 else f'many.{noun}')}"

    def numbered(self, key: str, count: int, **values: Any) -> str:
        """The words of a key with a count; of `KEY.one` where there is one."""
        return self(f"{key}.one" if count == 1 else key, count=count, **values)

    def has(self, key: str) -> bool:
        """Whether there are words for it."""
        return key in self.table


@lru_cache(maxsize=2)
def words(language: str) -> Words:
    """The words of one of `LANGUAGES`."""
    path = Path(__file__).with_name("words") / f"{language}.json"
    return Words(language=language, table=json.loads(path.read_text(encoding="utf-8")))
