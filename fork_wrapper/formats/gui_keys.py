"""The keys of kohya_ss GUI files, and which versions of the GUI a file can come from.

`gui_keys.json` has every key that the finetune and dreambooth tabs ever saved since v17, with the first and the last
version that did. A file does not say its version: the set of its keys does, as far as behaviour changed with it.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

Tab = Literal["finetune", "dreambooth"]
TABS: tuple[Tab, ...] = ("finetune", "dreambooth")

How = Literal["same", "zero", "special", "other", "launch", "ui"]
"""same: an option of that name; zero: likewise, but 0 means unset; special: translated by name in `gui_then`;
other: another model family's; launch: accelerate's; ui: the form's own."""

Version = tuple[int, ...]

NEWEST: Version = (9999,)
"""Stands for the newest version that kft knows, and those after it."""

BY_HAND = frozenset(["create_buckets", "create_caption", "save_as_bool"])
"""Keys that only files saved by hand have; `generate_*` are their names in files saved by a start."""

STRANGE = 1000
"""How many missing keys one impossible key outweighs."""

_SOMETIMES = BY_HAND | {
    *("generate_caption_database", "generate_image_buckets", "stop_text_encoder_training", "file_path", "headless"),
    *("stop_text_encoder_training_pct", "print_only", "save_as", "train", "model_list"),
}
"""Keys whose absence says nothing of the version."""


@dataclass(frozen=True, kw_only=True)
class GuiKey:
    """One key of a GUI file."""

    name: str
    """As in the JSON."""
    how: How
    """How it becomes an option."""
    option: str
    """The option of the same meaning; empty where there is none, or no single one."""
    tabs: Mapping[Tab, tuple[Version, Version]]
    """First and last version that saved it, by tab."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """The versions that a file can come from."""

    first: Version
    """The oldest."""
    last: Version
    """The newest; NEWEST where nothing newer is known."""
    strange: tuple[str, ...] = ()
    """Keys of the file that none of these versions saved."""
    missing: tuple[str, ...] = ()
    """Keys that these versions saved and the file lacks."""

    def __str__(self) -> str:
        """`v24.0.5 to v24.1.7`."""
        if self.first == self.last:
            return spell_version(self.first)
        if self.last == NEWEST:
            return f"{spell_version(self.first)} or newer"
        return f"{spell_version(self.first)} to {spell_version(self.last)}"


@lru_cache(maxsize=1)
def gui_keys() -> Mapping[str, GuiKey]:
    """All keys by name."""
    found = {}
    for name, row in _file()["keys"].items():
        option = row.get("as", name if row["how"] in ("same", "zero", "special") else "")
        tabs = {tab: (version(row[tab][0]), version(row[tab][1])) for tab in TABS if tab in row}
        found[name] = GuiKey(name=name, how=row["how"], option=option, tabs=tabs)
    return found


@lru_cache(maxsize=1)
def versions() -> tuple[Version, ...]:
    """Every released version that is known, oldest first, and NEWEST.

    The tag v22.1.5 is not among them: it was put on code of v23.1 (2024-04-12).
    """
    return (*(version(text) for text in _file()["versions"]), NEWEST)


def version(text: str | None) -> Version:
    """`v24.0.5` as numbers that compare; None is the newest."""
    return NEWEST if text is None else tuple(int(part) for part in re.findall(r"\d+", text))


def spell_version(number: Version) -> str:
    """The numbers as the GUI's tag."""
    return "the newest known" if number == NEWEST else "v" + ".".join(map(str, number))


@cache
def saved_by(tab: Tab, number: Version) -> frozenset[str]:
    """The keys that a version of a tab saved."""
    return frozenset(
        name for name, key in gui_keys().items() if tab in key.tabs and key.tabs[tab][0] <= number <= key.tabs[tab][1]
    )


def span_of(tab: Tab, keys: Collection[str]) -> Span:
    """The versions whose keys fit those of a file best: fewest that it should not have, fewest that it lacks."""
    own = set(keys)
    known = versions()
    misfits = [_misfit(tab, own, number) for number in known]
    least = min(misfits)
    # What a person has trimmed fits an old version best, merely as that one had fewer keys: then all count that had
    # every key which is left.
    if 4 * (least % STRANGE) > len(own):
        least += STRANGE - 1 - least % STRANGE
    best = [index for index, misfit in enumerate(misfits) if misfit <= least]
    first, last = known[best[0]], known[best[-1]]
    missing = saved_by(tab, first) & saved_by(tab, last) - own - _SOMETIMES
    strange = own - saved_by(tab, first) - saved_by(tab, last) - _SOMETIMES
    return Span(first=first, last=last, strange=tuple(sorted(strange)), missing=tuple(sorted(missing)))


def _misfit(tab: Tab, own: set[str], number: Version) -> int:
    expected = saved_by(tab, number)
    strange = sum(1 for key in own - expected if key in gui_keys() and key not in _SOMETIMES)
    # A preset or an edited file lacks keys that its version had; a key that did not exist yet it cannot have, so that
    # one such key outweighs all that may be missing.
    return STRANGE * strange + len(expected - own - _SOMETIMES)


def fresh_form(tab: Tab) -> dict[str, Any]:
    """A new form of the newest version: every key that it saves, with the value and the type of its field.

    Paths and names are empty. `gui_fresh.json` was read off the fields of kohya_ss at 45088f04 (after v26.0.0).
    """
    return dict(_file("gui_fresh.json")[tab])


def held_by_a_new_form(key: str) -> tuple[Any, ...]:
    """Values that a field had in new forms of earlier versions, where they are not that of the newest, nor empty."""
    return tuple(_file("gui_fresh.json")["earlier"].get(key, ()))


def allows(key: str, value: Any) -> bool:
    """Whether the field of a number or of a choice can hold a value: the GUI does not start with another one."""
    fresh = _file("gui_fresh.json")
    if key in fresh["choices"]:
        return value in fresh["choices"][key]
    if isinstance(value, str) or key not in fresh["ranges"]:
        return True
    least, most = fresh["ranges"][key]
    return bool(least <= value and (most is None or value <= most))


@lru_cache
def _file(name: str = "gui_keys.json") -> dict[str, Any]:
    read: dict[str, Any] = json.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))
    return read
