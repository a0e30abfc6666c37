"""When two spellings are the same value: numbers, paths, optimizers, sizes. The contents of files are not compared.

A meaning is for comparison only; what users read comes from `shown`.
"""

import posixpath
import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from fork_wrapper.check.rules.optimizers import Optimizer
from fork_wrapper.experiment.resolve import MODEL_OPTIONS, PATH_OPTIONS, is_hub_name
from fork_wrapper.text import shown as printable

_DRIVE = re.compile(r"[A-Za-z]:(?=[/\\]|$)")
_OWN_WAY = frozenset(["adafactor", "sgdnesterov", "sgdnesterov8bit"])
"""Optimizers that sd-scripts builds differently from the class of that name (library/train_util.py:4968-5081)."""


def meaning(key: str, value: Any, kind: str | None) -> Hashable:
    """Return what a value of an option or dataset key means; `kind` is the type that sd-scripts expects.

    0, false and absent are three meanings; an absent value is None.
    """
    if value is None or isinstance(value, bool):
        return value if value is None else ("bool", value)
    if key == "resolution":
        return _pair(value, int)
    if key == "face_crop_aug_range":
        return _pair(value, float)
    if isinstance(value, (int, float)):
        return _number(value, kind)
    if isinstance(value, str):
        return _text(key, value)
    return nested(value)


def _number(value: float, kind: str | None) -> Hashable:
    """An integer means the same as an equal float, except for steps or a ratio, where 1 and 1.0 differ.

    0 means no steps either way (library/train_util.py:5275-5280).
    """
    if kind == "int_or_float" and value != 0:
        return (type(value).__name__, value)
    return ("number", value)


def _pair(value: Any, kind: type) -> Hashable:
    """Treat `1024`, `[1024, 1024]`, `"1024"` and `"1024,1024"` as one size (library/train_util.py:5409-5422)."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, (list, tuple)) else [value]
    try:
        numbers = tuple(kind(part) for part in parts)
    except (TypeError, ValueError):
        return ("unreadable", str(value))
    return ("pair", *(numbers * 2 if len(numbers) == 1 else numbers))


def _text(key: str, value: str) -> Hashable:
    if key in PATH_OPTIONS or (key in MODEL_OPTIONS and not is_hub_name(value)):
        return ("path", path_meaning(value))
    if key == "caption_extension" and value and not value.startswith("."):
        return ("text", f".{value}")  # library/train_util.py:536-537
    return ("text", value)


def nested(value: Any) -> Hashable:
    """Return the meaning of a value that is not an option: a table entry or an optimizer argument."""
    if isinstance(value, Mapping):
        return ("table", *sorted((str(key), nested(item)) for key, item in value.items()))
    if isinstance(value, (list, tuple)):
        return ("list", *(nested(item) for item in value))
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return ("number", value) if plain else (type(value).__name__, str(value))


def path_meaning(text: str) -> str:
    """Return one spelling of a path: plain separators, no `.`, `..` or trailing slash, an upper-case drive letter.

    A backslash separates on Windows only: in a path with a drive or a share, or without any slash.
    """
    drive = _DRIVE.match(text)
    if drive or text.startswith("\\\\") or "/" not in text:
        text = text.replace("\\", "/")
    path = posixpath.normpath(text) if text else ""
    return path[0].upper() + path[1:] if drive else path


def optimizer_meaning(one: Optimizer) -> Hashable:
    """Return the optimizer class that sd-scripts builds, in one spelling, and whether it builds it in its own way."""
    lower = one.said.lower()
    return ("optimizer", one.path or one.said, lower if lower in _OWN_WAY else "")


def shown(value: Any) -> str:
    """Return a value as users read it: no needless quotes, sizes as width x height."""
    if value is None:
        return "(absent)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{printable(str(key))} = {shown(item)}" for key, item in value.items()) + "}"
    text = printable(str(value)) if value != "" else ""
    return text if any(letter.isalnum() for letter in text) and text == text.strip() else f'"{text}"'


def shown_size(value: Any) -> str:
    """Return a resolution as text: one number for a square, otherwise both sides."""
    pair = _pair(value, int)
    if not isinstance(pair, tuple) or pair[0] != "pair" or len(pair) != 3:
        return shown(value)
    return str(pair[1]) if pair[1] == pair[2] else f"{pair[1]} x {pair[2]}"
