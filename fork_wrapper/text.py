"""Numbers, names and values as messages word them: units and plurals, TOML's spelling, what is safe to print."""

import contextlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time
from typing import Any

WORDS: Mapping[str, str] = {
    "any": "a plain value",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "number": "a number",
    "str": "a string",
    "int_or_float": "a whole number (steps) or a fraction (of all steps)",
    "list[str]": "a list of strings",
    "int_or_pair": "a whole number or a pair of them",
    "float_pair": "a pair of numbers with decimal points",
    "table": "a table",
}
"""What a value of each type must be."""

_TYPES: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "int_or_pair": (int,),
    "float": (float,),
    "number": (int, float),
    "int_or_float": (int, float),
}
"""What a text or another number is read as, the first that takes it."""

_SWITCHES = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def shown(text: str) -> str:
    """A name or a text on one line: what cannot be printed as an escape, an empty name as two quotes."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text) or '""'


_DRIVING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters but for tab and line feed, and those that turn the direction of writing."""


def harmless(text: str) -> str:
    """A text that drives no terminal: what would is spelled as in Python, and all other letters stay."""
    return _DRIVING.sub(lambda match: repr(match[0])[1:-1], text)


def nearest(word: str, names: Iterable[str], count: int, *, cutoff: float = 0.6) -> list[str]:
    """The names that are most like a misspelt word."""
    import difflib  # noqa: PLC0415 - what is spelled well never needs it

    return difflib.get_close_matches(word, list(names), n=count, cutoff=cutoff)


def spell(value: Any) -> str:
    """A value as a message names it: `the string "1e-5"`, `true`, `[1, 2]`, `a table`."""
    return f"the string {_text(value)}" if isinstance(value, str) else as_toml(value)


def as_toml(value: Any) -> str:
    """A value as TOML spells it; `a table` for one."""
    return "a table" if isinstance(value, Mapping) else _plain(value)


def advice(name: str, value: Any, kind: str, default: Any) -> str:
    """What to write for a value of the wrong type: the value itself in the right one where that is plain."""
    if kind == "table" and isinstance(value, Mapping):
        return "remove the dates and NaN"
    example = _example(name, value, kind)
    if example is None and kind in _TYPES and _is_number(default):
        example = str(default)
    if example is not None:
        return f"write {shown(name)} = {example}"
    quotes = " without quotes" if isinstance(value, str) else ""
    return f"write {WORDS[kind]}{quotes}"


def _example(name: str, value: Any, kind: str) -> str | None:
    if kind == "str":
        return _text(_plain(value)) if _is_number(value) or isinstance(value, (date, time)) else '"..."'
    if kind == "bool":
        switch = _SWITCHES.get(str(value).lower())
        return None if switch is None else _plain(switch)
    if kind == "float_pair":
        pair = value if isinstance(value, list) and len(value) == 2 else []
        return _plain([float(item) for item in pair] if pair and all(map(_is_number, pair)) else [2.0, 4.0])
    if kind in _TYPES:
        return _number(value, _TYPES[kind])
    return {"list[str]": '["name=value"]' if name.endswith("_args") else '["..."]', "table": "{}"}.get(kind)


def _number(value: Any, types: tuple[type, ...]) -> str | None:
    """The same number as one of `types`; None where there is none."""
    if not isinstance(value, str) and not _is_number(value):
        return None
    for kind in types:
        with contextlib.suppress(ValueError, OverflowError):
            number = kind(value)
            if math.isfinite(number) and (isinstance(value, str) or number == value):
                return str(number)
    return None


def _is_number(value: Any) -> bool:
    """Whether it is a number that a float can hold; a bool is none."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    with contextlib.suppress(OverflowError):
        return math.isfinite(value)
    return False


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{shown(key)} = {_plain(item)}' for key, item in value.items())}}}"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(value: str) -> str:
    return f'"{shown(value)}"' if value else '""'


def clock(seconds: float) -> str:
    """Seconds as 1:02:03 or 2:03."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def size(count: float | None) -> str:
    """Bytes as people say them."""
    if count is None:
        return "-"
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """A name as a sort key: digits by their value, so that luna_10 comes behind luna_2."""
    parts = re.split(r"(\d+)", name)
    return (*((int(part) if part.isdecimal() else -1, part.casefold()) for part in parts if part), (-2, name))


def sizes(counts: Sequence[float]) -> list[str]:
    """Bytes that are compared: all in the unit of the largest, but where that would leave nothing of one."""
    divisor, unit = next((pair for pair in _UNITS if max(counts, default=0) >= pair[0]), _UNITS[-1])
    digits = 2 if unit == "GB" else 0
    if any(0 < count / divisor < 0.5 / 10**digits for count in counts):
        return [size(count) for count in counts]
    return [f"{count / divisor:.{digits}f} {unit}" for count in counts]


_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B"))


def counted(count: float, noun: str, plural: str = "") -> str:
    """`1 step`, `2 steps`; `2 batches` where the plural is no more than an s."""
    return f"{count:g} {noun}" if count == 1 else f"{_amount(count)} {plural or f'{noun}s'}"


def part(count: int, total: int, noun: str, verbs: tuple[str, str]) -> str:
    """`1 of 6 images is`, `2 of 6 images are`: a part and its verb."""
    return f"{count} of {counted(total, noun)} {verbs[count != 1]}"


def pace(steps_per_second: float) -> str:
    """Speed as seconds a step, however fast it is: a unit that changed from line to line could not be compared."""
    seconds = 1 / steps_per_second
    digits = 0 if seconds >= 100 else 1 if seconds >= 10 else 2 if seconds >= 1 else 3
    return f"{seconds:.{digits}f} s/it"


def _amount(count: float) -> str:
    return str(count) if isinstance(count, int) else f"{count:g}"
