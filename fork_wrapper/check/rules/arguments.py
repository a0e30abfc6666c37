"""`optimizer_args` and `lr_scheduler_args`: how sd-scripts reads them, and whether a value is of a kind that lives.

No rules here. A kind is a text of optimizers.json: `number [0, 1)`, `whole [1, inf) or none`, `2 x number`, `list`,
`float`, `any`; a list of kinds, one for each item; or `{"one of": [...]}`.
"""

import ast
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

_COUNTED = r"(?P<count>\d)(?P<more>\+?) x (?P<kind>.*)"
_PLAIN = (  # compiled by `re` when a kind is first read
    r"(?P<base>any|number|float|whole|list)(?: (?P<open>[\[(])(?P<low>\S+), (?P<high>\S+?)(?P<close>[\])]))?"
    r"(?P<not_zero> not 0)?(?P<none> or none)?(?P<list> or list)?(?P<no_bool>, no bool)?"
)
_TYPES: Mapping[str, tuple[type, ...]] = {"number": (int, float), "float": (float,), "whole": (int,)}
_WORDS: Mapping[str, str] = {
    "any": "anything",
    "float": "a number with a decimal point",
    "list": "a list",
    "number": "a number",
    "whole": "a whole number",
}


class Argument(NamedTuple):
    """One text of the list, as sd-scripts reads it (library/train_util.py:4857-4874, 5287-5292)."""

    text: str
    """As it is said."""
    name: str
    """What stands before the `=`, spaces and all."""
    value: Any
    """What the Python literal behind it means; None where there is a problem."""
    problem: str
    """Why it cannot be read, in words that go on from the text; empty when it can."""


def read_arguments(texts: Sequence[str] | None) -> tuple[Argument, ...]:
    """Every text of the list."""
    return tuple(_read(text) for text in texts or ())


def values(arguments: Sequence[Argument]) -> dict[str, Any]:
    """What can be read, by name; of a name that comes twice, the last."""
    return {one.name: one.value for one in arguments if not one.problem}


@lru_cache(maxsize=256)
def _read(text: str) -> Argument:
    name, *rest = text.split("=")
    if len(rest) != 1:
        problem = 'has no "="' if not rest else 'has more than one "="'
        return Argument(text=text, name=name, value=None, problem=problem)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's own remarks about odd literals
            value = ast.literal_eval(rest[0])
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        problem = f"has a value that is no Python literal: {rest[0] or 'nothing'}"
        return Argument(text=text, name=name, value=None, problem=problem)
    return Argument(text=text, name=name, value=value, problem="")


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is of a kind."""
    if isinstance(kind, Mapping):
        return value in kind["one of"]
    if isinstance(kind, list):
        same = isinstance(value, (tuple, list)) and len(value) == len(kind)
        return same and all(fits(*pair) for pair in zip(value, kind, strict=True))
    if counted := re.fullmatch(_COUNTED, kind):
        right = isinstance(value, (tuple, list)) and _is_so_many(len(value), counted)
        return right and all(fits(one, counted["kind"]) for one in value[: int(counted["count"])])
    return _fits_plain(value, _parts(kind))


def in_words(kind: Any) -> str:
    """A kind as a message says it: what the value must be."""
    if isinstance(kind, Mapping):
        return " or ".join(map(repr, kind["one of"]))
    if isinstance(kind, list):
        return f"{len(kind)} values: {'; '.join(in_words(one) for one in kind)}"
    if counted := re.fullmatch(_COUNTED, kind):
        least = " or more" if counted["more"] else ""
        return f"{counted['count']}{least} of: {in_words(counted['kind'])}"
    parts = _parts(kind)
    words = _WORDS[parts["base"]]
    alternatives = (" or None" if parts["none"] else "") + (" or a list" if parts["list"] else "")
    return words + _interval_in_words(parts) + (" other than 0" if parts["not_zero"] else "") + alternatives


def _is_so_many(length: int, counted: re.Match[str]) -> bool:
    return length >= int(counted["count"]) if counted["more"] else length == int(counted["count"])


def _parts(kind: str) -> re.Match[str]:
    match = re.fullmatch(_PLAIN, kind)
    if match is None:
        raise ValueError(f"no such kind: {kind}")
    return match


def _fits_plain(value: Any, parts: re.Match[str]) -> bool:
    if parts["base"] == "any" or (value is None and parts["none"]):
        return True
    if isinstance(value, (tuple, list)):
        return parts["base"] == "list" or bool(parts["list"])
    if parts["base"] == "list":
        return not isinstance(value, (int, float, complex))
    return _is_number(value, parts) and _is_inside(value, parts)


def _is_number(value: Any, parts: re.Match[str]) -> bool:
    if isinstance(value, bool) and parts["no_bool"]:
        return False
    return isinstance(value, _TYPES[parts["base"]])


def _is_inside(value: float, parts: re.Match[str]) -> bool:
    if parts["not_zero"] and value == 0:
        return False
    if not parts["open"]:
        return True
    low, high = float(parts["low"]), float(parts["high"])
    above = value >= low if parts["open"] == "[" else value > low
    return above and (value <= high if parts["close"] == "]" else value < high or high == math.inf)


def _interval_in_words(parts: re.Match[str]) -> str:
    if not parts["open"]:
        return ""
    low, high = parts["low"], parts["high"]
    if low == high:
        return f" that is {low}"
    from_low = "" if low == "-inf" else (f" from {low}" if parts["open"] == "[" else f" above {low}")
    to_high = "" if high == "inf" else (f" to {high}" if parts["close"] == "]" else f" below {high}")
    if low != "-inf" and high != "inf" and parts["close"] == ")":
        return f"{from_low} to below {high}"
    return from_low + to_high
