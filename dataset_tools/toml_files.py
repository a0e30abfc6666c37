"""The small TOML files that people write for a data set: a vocabulary, rules."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import DatasetError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from pathlib import Path


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file; DatasetError when it cannot be read, or is no TOML (then with the line)."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(
            f"the file cannot be read ({error.strerror})", where=path, next_step="Check the path and its permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"byte {error.start} is not UTF-8", where=path, next_step="Save the file as UTF-8."
        ) from error
    try:
        tables: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise DatasetError(
            f"this is not TOML: {error}", where=path, next_step="Fix that line; text needs quotes in TOML."
        ) from error
    return tables
