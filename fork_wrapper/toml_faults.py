"""What is wrong with a TOML file, in words that help: where its parser stopped, and what people mostly meant there.

Also what no parser sees: a path of Windows in double quotes, whose single backslashes have become tabs and line breaks.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fork_wrapper.errors import Finding
from fork_wrapper.files import line_of

_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


def parser_finding(text: str, path: Path, error: Exception) -> Finding:
    """The finding of a text that the parser refused: its words, line and column, and a hint that fits the line."""
    found = _PLACE.search(str(error))
    what = _PLACE.sub("", str(error))
    if found is None:
        return Finding(what=what, where=str(path), todo="mend the file")
    lines = text.split("\n")
    number, column = int(found[1] or len(lines)), int(found[2] or 1)
    line = lines[number - 1] if number <= len(lines) else ""
    meant = _meant(what, lines, number, column)
    if meant is None and line.strip() and not _unquoted_text(line):
        meant = (what, f"mend that line: {_clear(line)}")
    what, todo = meant or (what, "strings need quotes in TOML")
    return Finding(what=what, where=f"{path}, line {number}, column {column}", todo=todo)


def _clear(line: str) -> str:
    return line.strip()[:80]


def _unquoted_text(line: str) -> bool:
    """Whether a value begins like a word, and has no quotes."""
    return re.match(r"\s*[\w.\"'-]+\s*=\s*[A-Za-z/~{\\]", line) is not None


BACKSLASHES = r"write paths with /, or in single quotes: 'D:\models\base.safetensors'"


def _meant(what: str, lines: list[str], number: int, column: int) -> tuple[str, str] | None:
    """What a common mistake is and what to do about it; None for one that is not common."""
    line = lines[number - 1] if number <= len(lines) else ""
    key, sign, value = (part.strip() for part in line.partition("="))
    if "overwrite" in what:
        first = _first_line(lines, number, key)
        return f"{key} is set a second time" + (f" (line {first} sets it first)" if first else ""), "keep one of them"
    if not sign and "Invalid statement" in what:
        return what, _statement(line)
    for words, said, todo in _KINDS:
        if re.search(words, what):
            return said.format(what=what, line=_clear(line)), todo or _statement(line)
    return _value(value, line[column - 1 :].strip())


_KINDS: tuple[tuple[str, str, str], ...] = (
    (r"declare|already", "{line} stands there twice", "put its keys under the first one"),
    (r"hex value|(?i:escape)", "a backslash in double quotes begins a sign of its own: {line}", BACKSLASHES),
    (
        r"Illegal character '\\[nr]'",
        "a text is not closed on its line",
        "close its quotes, or use triple quotes for several lines",
    ),
    (r"Expected '='", "{what}", ""),
    (r"Unclosed|array", "{what}", "a closing bracket is missing, here or above"),
    (r"table declaration", "{what}", "close the name of the table: [training], [[dataset.datasets]]"),
)
"""Words of the parser, what is wrong then, and what to do; where that is empty, it is `_statement`'s to say."""


def _first_line(lines: list[str], number: int, key: str) -> int | None:
    """The line above, in the same table, that sets a key."""
    for above in range(number - 1, 0, -1):
        line = lines[above - 1].strip()
        if line.startswith("["):
            return None
        if line.partition("=")[0].strip() == key or line.startswith(f"{key}."):
            return above
    return None


def _statement(line: str) -> str:
    for start, todo in (
        (r"\s*\[?\{", "this is JSON: call the file .json"),
        (r"\s*[\w-]+\s*:", "write KEY = VALUE: a colon is YAML's or JSON's"),
        (r"\s*--\w", "write KEY = VALUE, without dashes: --seed 1 is seed = 1"),
    ):
        if re.match(start, line):
            return todo
    return "write KEY = VALUE on each line"


_VALUES: tuple[tuple[str, str, str], ...] = (
    (r"(?:#|$)", "there is no value behind the =", "write one, or remove the line"),
    (r"(True|False)\b", "{word} is Python's", "write {small}"),
    (r"(?i:none|null|nil)\b", "TOML has no such value", "remove the line: an absent option is not set"),
    (r"[\u201c\u201d\u201e\u2018\u2019\u00ab]", "typographic quotes are no quotes in TOML", "write plain ones"),
    (r"[+-]?\.\d", "a number needs a digit before its point", "write {before}"),
    (r"[+-]?\d+\.(?:[eE\s]|$)", "a number needs a digit behind its point", "write {behind}"),
)
_BEHIND: tuple[tuple[str, str, str], ...] = (
    (r"[+-]?0\d", "a number cannot begin with 0", "remove the zeros, or put the text in quotes"),
    (r"[+-]?\d", "{word} is no number", "write the number alone, or put the text in quotes"),
    (r"[\"'].", "something stands behind the value: {rest}", "write one KEY = VALUE on each line"),
)
"""How a value begins, what is wrong with it, and what to do: before and after one looks at what stands behind it."""


def _value(value: str, rest: str) -> tuple[str, str] | None:
    """What is wrong with a value, or with what stands behind it."""
    word = re.split(r"[\s,#]", value, maxsplit=1)[0]
    marked = ((re.escape(value[:1]), "a line ends without a comma or semicolon", f"remove the {rest[:1]}"),)
    parts = {
        "word": word,
        "small": word.lower(),
        "before": word.replace(".", "0.", 1),
        "behind": word.replace(".", ".0", 1),
        "rest": _clear(rest),
    }
    for start, what, todo in (*_VALUES, *(marked if rest.startswith((",", ";")) else ()), *_BEHIND):
        if re.match(start, value) and (rest or start != _BEHIND[-1][0]):
            return what.format(**parts), todo.format(**parts)
    return None


_PATH_KEY = re.compile(
    r"(?:_dir|_path|_file|_folder|_config|_json)$"
    r"|^(?:vae|resume|models|datasets|outputs|experiments|sd_scripts|python|cache|train_dir)$"
)
_DRIVE = re.compile(r"[A-Za-z]:[\\/\x08\t\n\x0c\r\x1b]")
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
            if _DRIVE.match(one) or (_PATH_KEY.search(own) and not one.startswith("/")):
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
