"""Reading and writing of kft's own files: TOML, JSON, and anything that must appear whole or not at all."""

import codecs
import hashlib
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dataset_tools import whole_files
from dataset_tools.names import UNUSABLE, is_device
from fork_wrapper.errors import Finding, InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


RECORD_NAME = "record"
"""What a run's record is called, less `.json`: no experiment may be."""

_UNUSABLE = f"[{UNUSABLE}{{}}]+"
_ENDINGS = r"(?i:\.(?:toml|json|safetensors)|[ .])+$"


def write_whole(path: Path, data: bytes | str) -> None:
    """Write `path` so that a reader sees the old file or the new one, never a part; parents are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole_files.write_whole(path, data.encode() if isinstance(data, str) else data)


def canonical_json(value: Any) -> str:
    """One line of JSON that is the same for equal values: sorted keys, no spaces, no NaN, text unescaped."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def pretty_json(value: Any) -> str:
    """JSON for files that people open: sorted keys, two spaces, final newline."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def sha256_text(text: str) -> str:
    """Hex sha256 of the UTF-8 bytes of `text`."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_json(path: Path) -> Any:
    """The JSON of a file that kft or the user names; InputError says the line when it is not JSON."""
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        place = f", line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        slashes = "escape" in what or "control character" in what
        todo = "write paths with /, or two backslashes for each one" if slashes else "fix the file, or name another"
        finding = Finding(what=what, where=f"{path}{place}", todo=todo)
        raise InputError(f"{path.name} is not JSON", [finding]) from None


def read_text(path: Path) -> str:
    """Text of `path` with its own line ends, a byte order mark dropped; InputError when it is not UTF-8 file.

    UTF-16 is taken where the mark says so: it is what `>` writes in Windows PowerShell.
    """
    try:
        data = path.read_bytes()
        wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        name = error.encoding.replace("utf-", "UTF-").replace("-16-le", "-16").replace("-16-be", "-16")
        finding = Finding(what=f"byte {error.start} is not {name}", where=str(path), todo="save the file as UTF-8")
        raise InputError(f"cannot read {path.name}", [finding]) from None
    except OSError as error:
        finding = Finding(what=error.strerror or str(error), where=str(path), todo="check the path and its permissions")
        raise InputError(f"cannot read {path.name}", [finding]) from None


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """Parse TOML; InputError with file and line when it is broken."""
    try:
        parsed: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, what int() says of 5000 digits, 5000 brackets
        raise InputError(f"{path.name} is not valid TOML", [parser_finding(text, path, error)]) from None
    try:
        flatten(parsed)
    except RecursionError:
        finding = Finding(what="its tables are nested too deeply", where=str(path), todo="no key needs more than three")
        raise InputError(f"{path.name} cannot be used", [finding]) from None
    return parsed


def line_of(text: str, key_path: str) -> int | None:
    """The line (from 1) on which a dotted key path such as `dataset.datasets[0].batch_size` is set.

    A scan for table headers and `key =` lines, good enough to point a person at a line; None when the key is
    written another way (inline tables, quoted keys).
    """
    *table, key = key_path.split(".")
    wanted, here = ".".join(table), ""
    seen: dict[str, int] = {}
    quote = ""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        inside, quote = quote, _open_quote(line, quote)
        if inside:
            continue
        if line.startswith("["):
            here = _header_path(line, seen)
        elif line.split("=")[0].strip() == key and "=" in line and here == wanted:
            return number
    return None


def _open_quote(line: str, quote: str) -> str:
    """The triple quote that is open after this line, or nothing."""
    for mark in (quote,) if quote else ('"""', "'''"):
        if line.count(mark) % 2:
            return "" if quote else mark
    return quote


def _header_path(line: str, seen: dict[str, int]) -> str:
    """`[[a.b]]` as `a.b[n]`, with the index of every array of tables on the way."""
    array = line.startswith("[[")
    parts = line.strip("[]").split("#")[0].rstrip("] ").split(".")
    path = ""
    for position, part in enumerate(parts):
        path = f"{path}.{part.strip()}" if path else part.strip()
        if array and position == len(parts) - 1:
            seen[path] = seen.get(path, -1) + 1
        if path in seen:
            path = f"{path}[{seen[path]}]"
    return path


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Leaves of nested tables and arrays of tables by key path: `datasets[0].subsets[0].image_dir`."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{path}."))
        elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            for index, item in enumerate(value):
                flat.update(flatten(item, f"{path}[{index}]."))
        else:
            flat[path] = value
    return flat


def parse_toml_value(text: str) -> Any:
    """One TOML value (`1e-5`, `true`, `[512, 512]`, `"x"`); text that is no TOML value is returned as it is."""
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return table["value"] if set(table) == {"value"} else text


def plain_name(name: str) -> str:
    """A name that is one file's on every system and no path: other programs let people write anything."""
    plain = re.sub(_ENDINGS, "", re.sub(_UNUSABLE, "_", name).lstrip(" .-")) or "imported"
    return f"{plain}_" if plain == RECORD_NAME or is_device(plain) else plain


_PLACE = r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$"


def parser_finding(text: str, path: Path, error: Exception) -> Finding:
    """The finding of a text that the parser refused: its words, line and column, and a hint that fits the line."""
    found = re.search(_PLACE, str(error))
    what = re.sub(_PLACE, "", str(error))
    if found is None:
        return Finding(what=what, where=str(path), todo="fix the file")
    lines = text.split("\n")
    number, column = int(found[1] or len(lines)), int(found[2] or 1)
    line = lines[number - 1] if number <= len(lines) else ""
    meant = _meant(what, lines, number, column)
    if meant is None and line.strip() and not _unquoted_text(line):
        meant = (what, f"fix that line: {_clear(line)}")
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
