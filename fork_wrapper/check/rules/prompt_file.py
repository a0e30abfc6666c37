"""Reads sample prompts as sd-scripts does: lines with flags, or tables of TOML or JSON.

library/train_util.py:6254-6326 and 6411-6451. No rule itself.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import toml

SUFFIXES = (".txt", ".toml", ".json")
"""How the file's name may end, in small letters."""


class PromptFileError(Exception):
    """sd-scripts cannot read the file; the text says why, in one line."""


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """One sample image."""

    place: str
    """Where it stands: `line 3`, `prompt 2`."""
    values: Mapping[str, Any]
    """What it says."""
    ignored: tuple[str, ...] = ()
    """Flags that sd-scripts does not understand, as they are written."""


_FLAGS: tuple[tuple[re.Pattern[str], str, Callable[[str], Any]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), name, kind)
    for pattern, name, kind in (
        (r"w (\d+)", "width", int),
        (r"h (\d+)", "height", int),
        (r"d (\d+)", "seed", int),
        (r"s (\d+)", "sample_steps", lambda text: max(1, min(1000, int(text)))),
        (r"l ([\d\.]+)", "scale", float),
        (r"g ([\d\.]+)", "guidance_scale", float),
        (r"n (.+)", "negative_prompt", str),
        (r"ss (.+)", "sample_sampler", str),
        (r"cn (.+)", "controlnet_image", str),
        (r"ctr (.+)", "cfg_trunc_ratio", float),
        (r"rcfg (.+)", "renorm_cfg", float),
        (r"fs (.+)", "flow_shift", str),
    )
)
"""In the order in which they are tried."""
IDLE = {"guidance_scale", "cfg_trunc_ratio", "renorm_cfg", "flow_shift"}
"""Understood, and of no use to SDXL (library/train_util.py:6504-6513)."""


def read_prompts(text: str, name: str) -> tuple[Prompt, ...]:
    """The prompts of a file of this name; none for a name that ends otherwise.

    Raises:
        PromptFileError: sd-scripts dies of it.
    """
    if any("\udc80" <= letter <= "\udcff" for letter in text):  # what was no UTF-8 when it was read
        raise PromptFileError("it is not UTF-8")
    if name.endswith(".txt"):
        return tuple(_lines(text))
    if name.endswith(".toml"):
        return tuple(_rows(_toml_rows(text)))
    return tuple(_rows(_json_rows(text))) if name.endswith(".json") else ()


def _lines(text: str) -> Iterator[Prompt]:
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        if line.strip() and not line.startswith("#"):
            yield _line(line.strip(), f"line {number}")


def _line(text: str, place: str) -> Prompt:
    """The text in front of the first flag is tried as a flag, too, as the program does."""
    first, *flags = text.split(" --")
    values: dict[str, Any] = {"prompt": first}
    _take(first, values)
    ignored = tuple(f"--{flag}" for flag in flags if not _take(flag, values))
    return Prompt(place=place, values=values, ignored=ignored)


def _take(flag: str, values: dict[str, Any]) -> bool:
    """Whether the flag was understood and is of use; then it is among the values."""
    for pattern, name, kind in _FLAGS:
        if match := pattern.match(flag):
            try:
                values[name] = kind(match[1])
            except ValueError:
                return False
            return name not in IDLE
    return False


def _rows(rows: list[Any]) -> Iterator[Prompt]:
    for number, row in enumerate(rows, start=1):
        place = f"prompt {number}"
        if isinstance(row, str):
            yield _line(row, place)
        elif isinstance(row, Mapping):
            yield Prompt(place=place, values=row)
        else:
            raise PromptFileError(f"{place} is neither a text nor a table")


def _json_rows(text: str) -> list[Any]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PromptFileError(f"it is no JSON: {error}") from error
    if rows in ({}, ""):
        return []
    if not isinstance(rows, list):
        raise PromptFileError("it is no list of prompts")
    return rows


def _toml_rows(text: str) -> list[Any]:
    try:
        above = toml.loads(text).get("prompt")
    except (ValueError, IndexError, TypeError, KeyError) as error:  # what toml 0.10.2 makes of broken files
        raise PromptFileError(f"it is no TOML: {error}") from error
    if not isinstance(above, Mapping) or "subset" not in above:
        raise PromptFileError("it has no [[prompt.subset]]")
    rows = above["subset"] or []
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise PromptFileError("prompt.subset is no array of tables")
    twice = sorted({key for row in rows for key in row.keys() & above.keys()})
    if twice:
        raise PromptFileError(f"{', '.join(twice)} stands in [prompt] and again in [[prompt.subset]]")
    return [{**above, **row} for row in rows]
