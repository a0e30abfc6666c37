"""Reading and writing of kft's own files: TOML, JSON, and anything that must appear whole or not at all."""

import codecs
import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dataset_tools import whole_files
from fork_wrapper.errors import Finding, InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


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
        todo = "write paths with /, or two backslashes for each one" if slashes else "mend the file, or name another"
        finding = Finding(what=what, where=f"{path}{place}", todo=todo)
        raise InputError(f"{path.name} is not JSON", [finding]) from None


def read_text(path: Path) -> str:
    """Text of `path` with its own line ends, a byte order mark dropped; InputError when it is no UTF-8 file.

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
        finding = Finding(what=error.strerror or str(error), where=str(path), todo="check the path and its rights")
        raise InputError(f"cannot read {path.name}", [finding]) from None


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """Parse TOML; InputError with file and line when it is broken."""
    try:
        parsed: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, what int() says of 5000 digits, 5000 brackets
        from fork_wrapper.toml_faults import parser_finding  # noqa: PLC0415 - most files have none

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
