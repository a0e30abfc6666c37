"""Shell text as commands: quotes, continuations, comments and plain variables of POSIX shells, cmd.exe and PowerShell.

No shell is run and nothing is looked up: a variable that the text does not set stays as it is.
"""

import ast
import contextlib
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fork_wrapper.formats.transcript import holds_a_command, out_of_strings, straight

_LIST = re.compile(r"'?\[\s*(?:[\"'fF][^\[\]]*)?\bsdxl_train\.py[\"'][^\[\]]*\]'?")
_ARRAY = re.compile(r"^[ \t]*(?:\$?\w+[ \t]*\+?=[ \t]*@?)\([^()]*\)[ \t]*$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*(#|::|rem\b|@rem\b|@?echo\b)", re.IGNORECASE)
_ASSIGNMENT = re.compile(
    r"^\s*(?P<how>export\s+|%env\s+|set\s+|local\s+|declare\s+(?:-\w+\s+)*|\$env:|\$)?\"?(?P<name>[A-Za-z_]\w*)\s*"
    r"(?P<more>\+?)=\s*(?P<value>.*?)\s*$",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"\$\{(\w+)(?:\[[@*]\])?(?::?-([^}]*))?\}|\$(?:env:)?(\w+)|%(\w+)%")
_WINDOWS = re.compile(
    r"(?:^|[\s\"'=])[A-Za-z]:\\|(?:^|[\s\"'=])\.{1,2}\\|\\\\\w|\.exe\b|(?:[%}]|\$\w+)\\\w", re.IGNORECASE
)
_SAID_BY = re.compile(r"\s\w+\.py:\d+$")
"""What a log appends to a line: the place in the program that logs it."""
_OPTION = re.compile(r"\s*(--[A-Za-z]|[\"']?[\w./\\:-]*\bsdxl_train\.py\b)")


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command of a text."""

    line: int
    """The line where it begins, from 1."""
    words: tuple[str, ...]
    """Its words, with quotes removed and known variables filled in."""
    folder: str = ""
    """The folder that the text changes to before it; empty if none."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The variables that the text has set for programs that it starts."""
    notes: tuple[str, ...] = ()
    """What was repaired to read it."""


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable that the text sets."""

    text: str
    """Its value inside a longer word or within quotes."""
    words: tuple[str, ...]
    """The words that it expands to when it stands alone."""


def commands(text: str, *, program: bool = False) -> Iterator[Command]:
    """Yield every command of the text, in order. In a `program`, `{name}` stands for a variable."""
    known: dict[str, Variable] = {}
    exported: dict[str, str] = {}
    folder = ""
    text = _LIST.sub(_as_shell, text)
    text = out_of_strings(text) if program else text
    for number, raw, mended in _logical_lines(_ARRAY.sub(_on_one_line, text)):
        line = straight(raw)
        if not line.strip() or _COMMENT.match(line):
            continue
        typeset = ("typographic quotes, dashes or spaces were read as plain ones",) if line != raw else ()
        if _assign(line, known, exported, program=program):
            continue
        for words in _split(line, known, program=program):
            if words and words[0].lower() in _CHANGES and len(words) > 1:
                folder = words[-1]
            if words:
                yield Command(
                    line=number,
                    words=tuple(_opened(words, known)),
                    folder=folder,
                    environment=dict(exported),
                    notes=(*mended, *typeset),
                )


def _opened(words: list[str], known: Mapping[str, Variable]) -> Iterator[str]:
    """Yield the words, and split a word that is itself a command; what it does before the training is dropped."""
    for word in words:
        if holds_a_command(word):
            yield from next((own for own in _split(word, known) if any("sdxl_train" in one for one in own)), [word])
        else:
            yield word


_CHANGES = frozenset(["cd", "%cd", "pushd", "set-location", "chdir"])


def _as_shell(found: re.Match[str]) -> str:
    """Return a command that a log or program shows as a Python list, `['python', 'sdxl_train.py']`, as shell words.

    What a program fills in at run time stays in braces: `f"--vae={vae}"`, `str(steps)`.
    """
    with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        listed = ast.parse(found[0].strip("'"), mode="eval").body
        if isinstance(listed, ast.List):
            words = [_element(one) for one in listed.elts]
            return f"; {shlex.join(words)};" + "\n" * found[0].count("\n")
    return found[0]


def _element(node: ast.expr) -> str:
    """Return one item of a list in a program, as a word."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_element(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return _element(node.value)
    if isinstance(node, ast.Call) and len(node.args) == 1 and ast.unparse(node.func) in ("str", "repr", "int", "float"):
        return _element(node.args[0])
    return str(node.value) if isinstance(node, ast.Constant) else f"{{{ast.unparse(node)}}}"


def _on_one_line(found: re.Match[str]) -> str:
    """Join an array over several lines onto its first line, without its comments."""
    lines = [re.sub(r"(^|\s)#.*", "", line) for line in found[0].splitlines()]
    return " ".join(lines) + "\n" * (len(lines) - 1)


def _assign(line: str, known: dict[str, Variable], exported: dict[str, str], *, program: bool) -> bool:
    """Add a line that sets a variable to `known`; False if the line also does something else."""
    found = _ASSIGNMENT.match(line)
    if found is None:
        return False
    how, value = (found["how"] or "").strip().lower(), found["value"]
    if program and how != "%env":
        value = re.sub(r"^[rRfFbBuU]{1,2}(?=[\"'])", "", value)
        if re.match(r"[^\"'#]*\(", value):  # the result of a function is unknown here
            return False
    array = re.fullmatch(r"@?\((.*)\)", value)
    whole = how == "set"  # cmd.exe takes the whole line
    if whole or how == "%env":
        parts = [[_filled(value.strip('"'), known, program=program)]]
    else:
        parts = list(_split(array[1] if array else value, known, program=program))
    if len(parts) > 1 or (len(parts[0]) > 1 and not array):
        return False
    words = [word for word in (part.rstrip(",") for part in parts[0]) if word] if array else parts[0]
    before = known[found["name"]].words if found["more"] and found["name"] in known else ()
    alone = (*before, *(words if array or how == "$" else " ".join(words).split()))
    known[found["name"]] = Variable(text=" ".join((*before, *words)), words=alone)
    if how in _EXPORTS or how.startswith("declare -x"):
        exported[found["name"]] = known[found["name"]].text
    return True


_EXPORTS = frozenset(["export", "set", "$env:", "%env"])
"""The ways that a text sets a variable for the programs it starts."""


def _logical_lines(text: str) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yield lines with their continuations joined, each with the number of its first line and what was repaired.

    A line that begins with an option continues the line above: people keep commands like this to paste them as one
    line. A comment inside a continued command would end it in a shell; here the lines after it still belong to the
    command.
    """
    parts: list[str] = []
    start, goes_on, notes = 1, False, list[str]()
    for number, raw in enumerate(text.split("\n"), start=1):
        line = _SAID_BY.sub("", raw.rstrip())
        if parts and goes_on and (comment := _WITHIN.match(line)):
            notes.append(f"line {number} is a comment within the command, where a shell would have ended it")
            goes_on = comment["on"] is not None
            continue
        line = _BEHIND.sub(r"\1", line)
        if parts and not goes_on and not (parts[-1] and _OPTION.match(line)):
            yield start, " ".join(parts), tuple(notes)
            parts, notes = [], []
        start = start if parts else number
        goes_on = _goes_on(line)
        parts.append(line[:-1] if goes_on else line)
    yield start, " ".join(parts), tuple(notes)


_WITHIN = re.compile(r"\s*#.*?(?P<on>\s[\\^`])?$")
"""A comment line inside a command, which continues if it ends with a continuation sign."""

_BEHIND = re.compile(r"(\s[\\^`])\s+#.*$")
"""A comment after a continuation sign."""


def _goes_on(line: str) -> bool:
    """Return whether a line ends in a continuation sign; a Windows path may end in a backslash that is not one."""
    if line.endswith("\\"):
        return line[-2:-1].isspace() or "\\" not in line[:-1]
    return line.endswith(("^", " `", "\t`"))


def _split(line: str, known: Mapping[str, Variable], *, program: bool = False) -> Iterator[list[str]]:
    """Yield the commands of one line as lists of words."""
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
        elif token["alone"] and word is None:
            words += _spread(token["alone"], known)
        else:
            word = (word or "") + _unquoted(token, known, windows=windows, program=program)
    yield words + ([] if word is None else [word])


_TOKEN = re.compile(
    r"""(?P<space>\s+) | (?P<alone>(?<!\S)(?:"\$\{\w+\[@\]\}"|\$\w+|\$\{\w+(?:\[[@*]\])?\}|%\w+%|@\w+)(?=[\s;|&]|$))
    | (?P<end>&&|\|\||(?<!\S)\d>|[;|&]|<(?![^<>\s]+>(?:\s|$))|(?<!\S)>) | (?P<comment>\#) | '(?P<single>[^']*)'
    | "(?P<double>(?:[^"\\]|\\.)*)" | (?P<escape>\\.) | (?P<plain>[^\s;|&<>'"\\#]+|.)""",
    re.VERBOSE,
)
"""The smallest pieces of a line; the last branch also takes a lone quote, and a `<name>` placeholder."""


def _unquoted(token: re.Match[str], known: Mapping[str, Variable], *, windows: bool, program: bool) -> str:
    """Return what a piece of a word stands for; on Windows a backslash is an ordinary character."""
    if token["single"] is not None:
        return _braces(token["single"], known) if program else token["single"]
    if token["double"] is not None:
        text = token["double"] if windows else re.sub(r'\\(["\\$`])', r"\1", token["double"])
        return _filled(text, known, program=program)
    if token["escape"] is not None and not windows:
        return token["escape"][1]
    return _filled(token[0], known, program=program)


def _spread(word: str, known: Mapping[str, Variable]) -> list[str]:
    """Expand a variable that stands alone into words, as the shell does."""
    name = re.sub(r"\W", "", word)
    return list(known[name].words) if name in known else [word.strip('"')]


def _braces(word: str, known: Mapping[str, Variable]) -> str:
    """Fill in `{name}` of a notebook or an f-string."""
    return re.sub(r"\{(\w+)\}", lambda match: known[match[1]].text if match[1] in known else match[0], word)


def _filled(word: str, known: Mapping[str, Variable], *, program: bool) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1] or match[3] or match[4]
        if name in known:
            return known[name].text
        return match[2] if match[2] is not None else match[0]

    filled = _VARIABLE.sub(value, word)
    return _braces(filled, known) if program else filled
