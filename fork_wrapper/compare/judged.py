"""What the rules say of a configuration by itself, remembered: to load and ask them takes a tenth of a diff.

The memory is a file in the cache, by the configuration and by the code that judges. Losing it costs a hundredth of a
second; one that was written by other code, or is damaged, counts for nothing.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fork_wrapper import __version__
from fork_wrapper.check.rules.case import Case
from fork_wrapper.errors import Finding
from fork_wrapper.files import canonical_json, sha256_text, write_whole
from fork_wrapper.sdscripts.options import options, pinned_table

KEPT = 200
"""Configurations that are remembered, the latest."""

LOOKS_AROUND = frozenset(["console-log-folder"])
"""Rules that look at the machine although what they say names only a key."""

_CODE = Path(__file__).resolve().parents[1]


def judged(cases: Sequence[Case], cache: Path) -> list[tuple[Finding, ...]]:
    """For each configuration, the findings that it alone gives rise to, the gravest first.

    Under another table than the pinned one nothing is remembered.
    """
    if options() is not pinned_table().options:
        return [_judge(case) for case in cases]
    path, code = cache / "judged.json", code_stamp()
    known = _remembered(path, code)
    names = [_name(case) for case in cases]
    new = {name: _judge(case) for name, case in zip(names, cases, strict=True) if name and name not in known}
    found = [(known | new)[name] if name else _judge(case) for name, case in zip(names, cases, strict=True)]
    if new:
        latest = list((known | new).items())[-KEPT:]
        rows = {name: [asdict(finding) for finding in findings] for name, findings in latest}
        with contextlib.suppress(OSError):  # a cache that cannot be written is only slow
            write_whole(path, json.dumps({"code": code, "findings": rows}))
    return found


def code_stamp() -> str:
    """Changes with any file of kft that the rules may use: its version, and how new and how large its files are."""
    folders = (_CODE / name for name in ("check", "check/rules", "sdscripts"))
    files = [entry.stat() for folder in folders for entry in _files(folder)]
    newest, size = max(file.st_mtime_ns for file in files), sum(file.st_size for file in files)
    return f"{__version__} {len(files)} {newest} {size}"


def _files(folder: Path) -> Iterable["os.DirEntry[str]"]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if entry.name.endswith((".py", ".json"))]


def _judge(case: Case) -> tuple[Finding, ...]:
    from fork_wrapper.check.rules.table import findings  # noqa: PLC0415 - see above

    return tuple(
        finding for finding in findings(case) if _is_key_path(finding.where) and finding.rule not in LOOKS_AROUND
    )


def _is_key_path(where: str) -> bool:
    """A place in a file is what a rule says that has read it."""
    return where.startswith(("training.", "dataset.")) and " " not in where


def _name(case: Case) -> str:
    """The configuration in a few letters; empty for one that has no canonical form."""
    try:
        return sha256_text(canonical_json({"training": dict(case.training), "dataset": dict(case.dataset)}))
    except (TypeError, ValueError):
        return ""


def _remembered(path: Path, code: str) -> dict[str, tuple[Finding, ...]]:
    try:
        document: Any = json.loads(path.read_bytes())
        if document["code"] != code:
            return {}
        return {name: tuple(Finding(**row) for row in rows) for name, rows in document["findings"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
