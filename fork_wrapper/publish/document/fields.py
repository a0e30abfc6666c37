"""What a document asks of every experiment, and the words of its languages; both are data.

`fields.json` lists the fields: those of the authors' document, and a few more that kft adds. `words/en.json` and
`words/es.json` have the same keys.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

Section = Literal["model", "dataset", "parameters", "evolution", "evaluation", "selection", "run", "provenance"]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One thing that a reader wants to know of an experiment."""

    id: str
    """Its name in JSON."""
    section: Section
    """Part of the document."""
    listed: bool
    """Whether the authors' document lists it; only these count for coverage."""
    tool: bool
    """Whether a tool can know it; what is not can only be told by people."""
    source: str
    """Where it comes from, for people: key paths of records and stories."""
    missing: str
    """Which hint says where it could come from: `missing.HINT` of the words."""
    labels: dict[str, str]
    """What it is called, by language."""


@lru_cache(maxsize=1)
def fields() -> tuple[Field, ...]:
    """All fields, in the order of the document."""
    rows = json.loads(Path(__file__).with_name("fields.json").read_text(encoding="utf-8"))
    return tuple(
        Field(
            id=row["id"],
            section=row["section"],
            listed=row["listed"],
            tool=row["tool"],
            source=row["from"],
            missing=row["missing"],
            labels={language: row[language] for language in ("en", "es")},
        )
        for row in rows
    )


def fields_of(section: Section) -> tuple[Field, ...]:
    """The fields of one section."""
    return tuple(field for field in fields() if field.section == section)


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
