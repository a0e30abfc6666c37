"""The fields of the document as data: what it asks of every experiment, and who can know it.

`fields.json` is the list: those that the authors' document lists, and a few more that kft adds.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

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
