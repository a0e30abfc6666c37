"""Both languages are whole, and every key that the code asks for is there."""

import json
import re
from pathlib import Path
from string import Formatter

import fork_wrapper.publish.document
from fork_wrapper.experiment.story import DECISIONS, LANGUAGES
from fork_wrapper.publish.document.answers import KINDS
from fork_wrapper.publish.document.fields import fields, words
from fork_wrapper.publish.templating import FOLDER

PACKAGE = Path(fork_wrapper.publish.document.__file__).parent


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys() -> None:
    """And the same places for values, in every text."""
    english, spanish = words("en").table, words("es").table
    assert LANGUAGES == ("en", "es")
    assert list(english) == list(spanish)
    assert len(english) > 120
    assert {key: _places(text) for key, text in english.items()} == {
        key: _places(text) for key, text in spanish.items()
    }


def test_nothing_is_left_untranslated() -> None:
    """Texts that are the same in both languages are names, marks and numbers."""
    same = {key for key, text in words("en").table.items() if words("es").table[key] == text and len(text.split()) > 1}
    assert same == set()


def test_every_key_of_the_code_is_there() -> None:
    """Keys that are spelled out; those that are put together are below."""
    asked = set()
    for path in (*PACKAGE.rglob("*.py"), FOLDER / "document.md"):
        asked |= set(re.findall(r'\bwords\(\s*"([^"]+)"\s*[,)]', path.read_text(encoding="utf-8")))
    assert len(asked) > 40
    assert asked - {*words("en").table, "en", "es"} == set()


def test_every_key_that_is_put_together_is_there() -> None:
    """Origins, hints, decisions, titles, bases, statuses."""
    kinds = [f"{part}.{kind}" for part in ("mark", "kind", "legend") for kind in KINDS]
    hints = [f"missing.{field.missing}" for field in fields()] + ["missing.noted", "missing.imported"]
    decisions = [f"decision.{one}" for one in DECISIONS]
    bases = [f"basis.{one}" for one in ("run", "rehearsal", "experiment", "checkpoint", "miniature", "file")]
    bases += ["warning.rehearsal", "warning.miniature"]
    statuses = [f"status.{one}" for one in ("running", "completed", "rehearsed", "failed", "interrupted")]
    for key in (*kinds, *hints, *decisions, *bases, *statuses):
        assert words("en").has(key), key


def test_marks_are_told_apart() -> None:
    """One letter for each origin; and no letter means an assumption here and something else there."""
    marks = {language: {kind: words(language)(f"mark.{kind}") for kind in KINDS} for language in LANGUAGES}
    for found in marks.values():
        assert len(set(found.values())) == len(KINDS) == 11
    english, spanish = marks["en"], marks["es"]
    assert english["assumed"] not in spanish.values() or spanish["assumed"] == english["assumed"]
    assert spanish["assumed"] not in english.values()


def test_the_fields_of_the_authors() -> None:
    """What their document lists is in the table, with a label in both languages."""
    listed = [field for field in fields() if field.listed]
    assert (len(listed), sum(field.tool for field in listed)) == (52, 42)
    assert len({field.id for field in fields()}) == len(fields())
    assert all(set(field.labels) == set(LANGUAGES) and all(field.labels.values()) for field in fields())
    rows = json.loads((PACKAGE / "fields.json").read_text(encoding="utf-8"))
    assert len(rows) == len(fields())
