"""Undo what consoles, programs and word processors do to a command line, before it is parsed.

A console breaks long lines, a notebook and a program keep commands as strings, a word processor turns quotes and
dashes into typographic ones.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

TRAINER = "sdxl_train.py"

_LAUNCH = re.compile(r"(?:^|[\s\"'!/\\;&|(])(?:accelerate(?:\.exe)?[\"']?\s+launch|torchrun|deepspeed|sdxl_train\.py)")
_LOGGED = re.compile(r"^(?P<head>\s*(?:\[?\d[\d:T.,/ -]*\]?\s+)?(?:INFO|WARNING|ERROR|DEBUG|CRITICAL)\s+)\S")
_SAID_BY = re.compile(r"\s+\w+\.py:\d+\s*$")
_ENDS = re.compile(r"[\\^;|&({`]\s*$")
_MARK = re.compile(r"\s+[\\^`]\s*$")
_LOG_LINE = re.compile(r"\s*(?:\[?\d\d[\d:T.,/ -]*\]?\s+)?(?:INFO|WARNING|ERROR|DEBUG|CRITICAL)\s|\s*\[?\d\d:\d\d")
_ANOTHER = re.compile(
    r"\s*(?:#|::|rem\b|[!$]?\s*(?:accelerate|python[\d.]*|torchrun|deepspeed|done|fi|then|else|exit|echo|cd|pause)\b)",
    re.IGNORECASE,
)
"""Matches the start of a line that is a comment or a command of its own."""


def broken_lines(text: str) -> Iterator[tuple[int, int, list[str]]]:
    """Yield commands that were broken over lines: first line, the line after the last, both from 0, and the pieces.

    A piece is a line without its indentation and without what a log puts around it. The pieces do not certainly belong
    together: the lines that follow may be other commands.
    """
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        line, end = lines[number], number + 1
        head = _LOGGED.match(line)
        if head or (_LAUNCH.search(line) and not _ENDS.search(line) and not line.lstrip().startswith("#")):
            end = _end(lines, number)
        if end > number + 1:
            rest = lines[number + 1 : end]
            deep = min(map(_indentation, rest))
            pieces = [line[len(head["head"]) :] if head else line.lstrip(), *(one[deep:] for one in rest)]
            pieces = [_MARK.sub("", _SAID_BY.sub("", one)).rstrip() for one in pieces]
            if any(TRAINER in one and _LAUNCH.search(one) for one in (" ".join(pieces), "".join(pieces))):
                yield number, end, pieces
            else:
                end = number + 1
        number = end


def _end(lines: Sequence[str], start: int) -> int:
    """Return the line after the last one that may belong to a command that begins on `start`.

    In a log the command's lines are indented like its first word; elsewhere it ends with its paragraph, or before a
    line that is another command.
    """
    head = _LOGGED.match(lines[start])
    least = len(head["head"]) if head else 0
    end = start + 1
    while end < len(lines) and lines[end].strip() and not _LOG_LINE.match(lines[end]):
        if _indentation(lines[end]) < least or (not head and _ANOTHER.match(lines[end])):
            break
        end += 1
    rest = lines[start + 1 : end]
    return start + 1 if all(re.match(r"\s*[\"']?--[A-Za-z]", one) for one in rest) else end


_QUOTE = re.compile(r"^(?:[ \t]*>)+[ \t]?", re.MULTILINE)


def unquoted(text: str) -> str:
    """Return the text without the `>` of a quotation or a shell's continuation prompt at line starts."""
    return _QUOTE.sub("", text)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def joined(pieces: Sequence[str]) -> tuple[str, str]:
    """Join the pieces in both ways that a console breaks lines: between words, and between letters.

    A console that breaks between words still breaks a word longer than its width: such a piece is one word, as long
    as the longest piece.
    """
    wide = max(map(len, pieces))
    words, letters = pieces[0], pieces[0]
    for before, piece in pairwise(pieces):
        begins = re.match(r"\s*--[A-Za-z]", piece) is not None
        chopped = len(before) == wide and not re.search(r"\s", before) and not begins
        words += ("" if chopped else " ") + piece.strip()
        letters += (" " if begins else "") + piece
    return words, letters


_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'")
_DASHES = re.compile(r"(?<!\S)[\u2010-\u2015\u2212][\u2010-\u2015\u2212-]*(?=[A-Za-z])")
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u00a0\u2007\u202f\u3000\u2009\u200a", " "),
        **dict.fromkeys("\u200b\u200c\u200d\ufeff\u2060", ""),
    }
)
_SINGLE = re.compile(r"(?<!\w)[\u2018\u201a\u201b]|[\u2019](?!\w)|(?<!\w)[\u2019]")


def straight(line: str) -> str:
    """Return the line with plain quotes, dashes and spaces, as a shell needs; text within plain quotes is unchanged."""
    if line.isascii():
        return line
    parts, at = [], 0
    for quoted in _QUOTED.finditer(line):
        parts += [_straight(line[at : quoted.start()]), quoted[0]]
        at = quoted.end()
    return "".join([*parts, _straight(line[at:])])


def _straight(text: str) -> str:
    return _DASHES.sub("--", _SINGLE.sub("'", text.translate(_PLAIN)))


_STRING = (
    r"(?:[rRbBuUfF]{0,2}(?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''"
    r"|\"(?:[^\"\\\n]|\\[\s\S])*\"|'(?:[^'\\\n]|\\[\s\S])*'))"
)
_ALONE = re.compile(_STRING)
_TOGETHER = re.compile(rf"{_STRING}(?:\s*(?:(?:\\\n|\+)\s*)?{_STRING})*")


def out_of_strings(text: str) -> str:
    """Return a program's text with each string that holds a whole command on a line of its own.

    Adjacent strings are one. `{name}` of an f-string stays as it is. The number of lines above a command is kept.
    """
    return _TOGETHER.sub(_as_line, text) if TRAINER in text else text


def holds_a_command(word: str) -> bool:
    """Return whether one word of a command is another command: `bash -c "accelerate launch ..."`."""
    return TRAINER in word and re.search(r"\s", word.strip()) is not None and _LAUNCHED.search(word) is not None


_LAUNCHED = re.compile(r"accelerate|python|torchrun|deepspeed")


def _as_line(found: re.Match[str]) -> str:
    whole = found[0]
    if TRAINER not in whole or not _LAUNCHED.search(whole) or "--" not in whole:
        return whole
    try:
        text = "".join(_value(one[0]) for one in _ALONE.finditer(whole))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return whole
    if len(text.split()) < 3:  # a word of a command, not a command
        return whole
    return f"; {_LINE_END.sub(' ', text.strip())} ;" + "\n" * whole.count("\n")


_LINE_END = re.compile(r"[ \t]*\\?\n[ \t]*")


def _value(literal: str) -> str:
    """Return what a string literal holds."""
    prefix = re.match(r"[a-zA-Z]*", literal)
    assert prefix is not None
    kept = prefix[0].lower().replace("f", "").replace("b", "")
    return str(ast.literal_eval(kept + literal[len(prefix[0]) :]))
