"""Shell text as commands: quotes, continuations, comments and plain variables of POSIX shells, cmd.exe and PowerShell.

No shell is run and nothing is looked up: a variable that the text does not set stays as it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_CONTINUED = re.compile(r"[ \t]*[\\^`][ \t]*\r?\n")
_COMMENT = re.compile(r"^\s*(#|::|rem\b|@?echo\b)", re.IGNORECASE)
_ASSIGNMENT = re.compile(
    r"^\s*(?P<how>export\s+|set\s+|local\s+|\$env:|\$)?\"?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*?)\s*$",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"\$\{(\w+)(?::?-([^}]*))?\}|\$(?:env:)?(\w+)|%(\w+)%")
_WINDOWS = re.compile(r"(?:^|[\s\"'=])[A-Za-z]:\\|(?:^|[\s\"'=])\.{1,2}\\|\\\\\w|\.exe\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command of a text."""

    line: int
    """The line on which it begins, from 1."""
    words: tuple[str, ...]
    """Its words, quotes removed, known variables filled in."""


def commands(text: str) -> Iterator[Command]:
    """Every command of the text, in order."""
    known: dict[str, str] = {}
    for number, line in _logical_lines(text):
        if not line.strip() or _COMMENT.match(line):
            continue
        if assigned := _assigned(line):
            known[assigned[0]] = _filled(assigned[1], known)
            continue
        for words in _split(line):
            if words:
                yield Command(line=number, words=tuple(_filled(word, known) for word in words))


def _assigned(line: str) -> tuple[str, str] | None:
    """The variable that a line sets, and its value; None for a line that does something else as well."""
    found = _ASSIGNMENT.match(line)
    if found is None or found["value"].startswith("("):
        return None
    if found["how"] and found["how"].strip().lower() == "set":  # cmd.exe takes all of the line
        return found["name"], found["value"].strip('"')
    parts = list(_split(found["value"]))
    if len(parts) > 1 or len(parts[0]) > 1:
        return None
    return found["name"], parts[0][0] if parts[0] else ""


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their continuations joined, each with the number of its first one."""
    joined = _CONTINUED.sub("\x00 ", text)
    number = 1
    for line in joined.splitlines():
        yield number, line.replace("\x00", " ")
        number += 1 + line.count("\x00")


def _split(line: str) -> Iterator[list[str]]:
    """The commands of one line as lists of words."""
    windows = bool(_WINDOWS.search(line))
    words: list[str] = []
    word: str | None = None
    for token in _TOKEN.finditer(line):
        if token["space"] or token["end"]:
            words += [] if word is None else [word]
            word = None
            if token["end"]:
                yield words
                words = []
        elif token["comment"] and word is None:
            break
        else:
            word = (word or "") + _unquoted(token, windows=windows)
    yield words + ([] if word is None else [word])


_TOKEN = re.compile(
    r"""(?P<space>\s+) | (?P<end>&&|\|\||[;|&<>]) | (?P<comment>\#) | '(?P<single>[^']*)'
    | "(?P<double>(?:[^"\\]|\\.)*)" | (?P<escape>\\.) | (?P<plain>[^\s;|&<>'"\\#]+|.)""",
    re.VERBOSE,
)
"""The smallest pieces of a line; the last branch also takes a lone quote."""


def _unquoted(token: re.Match[str], *, windows: bool) -> str:
    """What a piece of a word stands for; on Windows a backslash is a letter like any other."""
    if token["single"] is not None:
        return token["single"]
    if token["double"] is not None:
        return token["double"] if windows else re.sub(r'\\(["\\$`])', r"\1", token["double"])
    if token["escape"] is not None and not windows:
        return token["escape"][1]
    return token[0]


def _filled(word: str, known: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1] or match[3] or match[4]
        if name in known:
            return known[name]
        return match[2] if match[2] is not None else match[0]

    return _VARIABLE.sub(value, word)
