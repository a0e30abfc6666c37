"""The keys of kohya_ss GUI files, the GUI versions that a file can come from, and the quirks of each version.

All of it is rows of `gui_keys.json`. `keys` has every key that the finetune and dreambooth tabs have saved since v17:
how it becomes an option, the first and the last version that saved it, and what its field can hold. `quirks` has what
versions did differently, each with its first version and the first without it; they were found by running the tabs'
own code of thirteen versions from v21.8.9 on. Line references are to kohya_gui/ (before v23.1: the root and library/)
at the version named.

A file does not state its version; its set of keys gives it away, as far as behaviour changed with the keys.
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

How = Literal["same", "zero", "value", "number", "box", "odd", "other", "launch", "ui"]
"""How a key becomes an option. same: the option of that name, passed on unless false; zero: like same, but 0 is the
default; value: passed on unchanged; number: 0 means unset; box: only a tick is passed on; odd: translated by code of
its own; other: for another model family; launch: an accelerate setting; ui: for the GUI itself.
"""

HOLDS_ITS_OPTION: Collection[How] = frozenset(["same", "zero", "value", "number", "box"])
"""The kinds of fields that hold the option's own value."""

Quirk = Literal[
    "command_line",
    "drops_zeros",
    "drops_zero_rate",
    "drops_te_rates",
    "warmup_fraction",
    "typed_steps",
    "trains_encoders",
    "stops_encoders",
    "sdxl_boxes",
    "names_wandb",
    "keeps_quotes",
    "adds_quotes",
    "additional_first",
]
"""Something that only some versions do; `gui_keys.json` describes each one."""

Version = tuple[int, ...]

NEWEST: Version = (9999,)
"""Stands for the newest version that kft knows, and later ones."""

BY_HAND = frozenset(["create_buckets", "create_caption", "save_as_bool"])
"""Keys that only files saved by hand have; files saved by a start call them `generate_*`."""

STRANGE = 1000
"""How many missing keys one impossible key outweighs."""

_SOMETIMES = BY_HAND | {
    *("generate_caption_database", "generate_image_buckets", "stop_text_encoder_training", "file_path", "headless"),
    *("stop_text_encoder_training_pct", "print_only", "save_as", "train", "model_list"),
}
"""Keys whose absence says nothing about the version."""


@dataclass(frozen=True, kw_only=True)
class GuiKey:
    """One key of a GUI file."""

    name: str
    """The name in the JSON."""
    how: How
    """How it becomes an option."""
    option: str
    """The option with the same meaning; empty if there is none, or more than one."""
    tabs: Mapping[Tab, tuple[Version, Version]]
    """First and last version that saved it, by tab."""
    type: str
    """bool, int, float or str if the option has another type or there is no option; otherwise empty."""
    family: str
    """The other model family that ticking it selects, e.g. `an SD3 model`; empty for other keys."""
    unused: str
    """Why its value has no effect by itself; empty if it has one."""
    carried: bool
    """Whether its value is always carried over under other names."""
    earlier: tuple[Any, ...]
    """Values that new forms of earlier versions had in its field, other than the newest one's and empty."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """The versions that a file can come from."""

    first: Version
    """The oldest version."""
    last: Version
    """The newest version; NEWEST if no newer one is known."""
    strange: tuple[str, ...] = ()
    """Keys of the file that none of these versions saved."""
    missing: tuple[str, ...] = ()
    """Keys that these versions saved and the file lacks."""

    def __str__(self) -> str:
        """Format the versions, e.g. `v24.0.5 to v24.1.7`."""
        if self.first == self.last:
            return spell_version(self.first)
        if self.last == NEWEST:
            return f"{spell_version(self.first)} or newer"
        return f"{spell_version(self.first)} to {spell_version(self.last)}"


@lru_cache(maxsize=1)
def gui_keys() -> Mapping[str, GuiKey]:
    """Return all keys by name."""
    return {
        name: GuiKey(
            name=name,
            how=row["how"],
            option=row.get("as", "" if row["how"] in ("other", "launch", "ui") else name),
            tabs={tab: (version(row[tab][0]), version(row[tab][1])) for tab in TABS if tab in row},
            type=row.get("type", ""),
            family=row.get("family", ""),
            unused=row.get("unused", ""),
            carried=row.get("carried", False),
            earlier=tuple(row.get("earlier", ())),
        )
        for name, row in _facts()["keys"].items()
    }


@lru_cache(maxsize=1)
def versions() -> tuple[Version, ...]:
    """Return every known released version, oldest first, and NEWEST.

    The tag v22.1.5 is left out: it was put on code of v23.1 (2024-04-12).
    """
    return (*(version(text) for text in _facts()["versions"]), NEWEST)


def version(text: str | None) -> Version:
    """Parse `v24.0.5` into comparable numbers; None is the newest version."""
    return NEWEST if text is None else tuple(int(part) for part in re.findall(r"\d+", text))


def spell_version(number: Version) -> str:
    """Format the numbers as the GUI's tag."""
    return "the newest known" if number == NEWEST else "v" + ".".join(map(str, number))


@cache
def quirks_of(tab: Tab, number: Version) -> frozenset[Quirk]:
    """Return what one version of a tab does differently from others."""

    def has(since: str | None, before: str | None) -> bool:
        return (since is None or version(since) <= number) and (before is None or number < version(before))

    return frozenset(name for name, row in _facts()["quirks"].items() if tab in row and has(*row[tab]))


@cache
def saved_by(tab: Tab, number: Version) -> frozenset[str]:
    """Return the keys that a version of a tab saved."""
    return frozenset(
        name for name, key in gui_keys().items() if tab in key.tabs and key.tabs[tab][0] <= number <= key.tabs[tab][1]
    )


def span_of(tab: Tab, keys: Collection[str]) -> Span:
    """Return the versions that fit a file's keys best: fewest keys too many, then fewest missing."""
    own = set(keys)
    known = versions()
    misfits = [_misfit(tab, own, number) for number in known]
    least = min(misfits)
    # A file trimmed by hand fits an old version best, merely because that one had fewer keys. Then all versions count
    # that have every remaining key.
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
    # A preset or an edited file lacks keys that its version had, but it cannot have a key that did not exist yet. So
    # one such key outweighs all that may be missing.
    return STRANGE * strange + len(expected - own - _SOMETIMES)


def fresh_form(tab: Tab) -> dict[str, Any]:
    """Return a new form of the newest version: every key that it saves, with its field's value and type.

    Paths and names are empty. The values were read from the fields of kohya_ss at 45088f04 (after v26.0.0).
    """
    form = {}
    for name, row in _facts()["keys"].items():
        fresh = row.get("fresh")
        values = fresh if isinstance(fresh, dict) else dict.fromkeys((one for one in TABS if one in row), fresh)
        if "fresh" in row and tab in values:
            form[name] = values[tab]
    return form


def allows(key: str, value: Any) -> bool:
    """Return whether a number or choice field can hold a value; with any other, the GUI does not start."""
    row = _facts()["keys"].get(key, {})
    if "choices" in row:
        return value in row["choices"]
    if isinstance(value, str) or "range" not in row:
        return True
    least, most = row["range"]
    return bool(least <= value and (most is None or value <= most))


@lru_cache(maxsize=1)
def _facts() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((Path(__file__).parent / "gui_keys.json").read_text(encoding="utf-8"))
    return read
