"""What no parser sees: a Windows path in double quotes, whose single backslashes became tabs and line breaks."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fork_wrapper.errors import Finding
from fork_wrapper.files import line_of

_PATH_KEY = (
    r"(?:_dir|_path|_file|_folder|_config|_json)$"
    r"|^(?:vae|resume|models|datasets|outputs|experiments|sd_scripts|python|cache|train_dir)$"
)
_DRIVE = r"[A-Za-z]:[\\/\x08\t\n\x0c\r\x1b]"
_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "\x1b": "\\e"}
_NAMES = dict(
    zip(_ESCAPES, ("a backspace", "a tab", "a line break", "a form feed", "a line break", "an escape"), strict=True)
)


def swallowed_backslashes(values: Mapping[str, Any], text: str, path: Path) -> list[Finding]:
    r"""Paths among `values`, by key path, that hold what a single backslash makes in double quotes.

    `"D:\train\new"` is a drive, a tab, `rain`, a line break and `ew`. `text` is that of the file, for the lines.
    """
    found = []
    for key, value in values.items():
        own = key.rsplit(".", 1)[-1]
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, str) or not (signs := [sign for sign in _ESCAPES if sign in one]):
                continue
            if re.match(_DRIVE, one) or (re.search(_PATH_KEY, own) and not one.startswith("/")):
                meant = "".join(_ESCAPES.get(letter, letter) for letter in one)
                names = " and ".join(dict.fromkeys(_NAMES[sign] for sign in signs))
                line = line_of(text, key)
                place = f"{path}, line {line}: {key}" if line else f"{path}: {key}"
                what = f"{own} holds {names}, which its single backslashes have become: {meant} was meant"
                found.append(Finding(what=what, where=place, todo=_mended(meant, path)))
    return found


def _mended(meant: str, path: Path) -> str:
    if path.suffix.lower() in (".json", ".ipynb"):
        return f'write "{meant.replace(chr(92), "/")}", or two backslashes for each'
    return f"write '{meant}' in single quotes, or {meant.replace(chr(92), '/')}"
