"""Which rules appear or disappear between two configurations.

Both are judged by this version of kft and by their configuration alone: no images, no machine, and nothing that a
rule read from a file. For two runs, what their records say about images and machines is compared too.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fork_wrapper import __version__
from fork_wrapper.check.rules.case import Case
from fork_wrapper.compare.values import Understood
from fork_wrapper.errors import Finding
from fork_wrapper.files import canonical_json, sha256_text, write_whole
from fork_wrapper.sdscripts.options import options, pinned_table


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Rules that only one side breaks; one rule may concern several keys."""

    appear: tuple[Finding, ...]
    """Findings only in the second configuration."""
    vanish: tuple[Finding, ...]
    """Findings only in the first."""

    def __bool__(self) -> bool:
        return bool(self.appear or self.vanish)


def rule_changes(first: Understood, second: Understood, cache: Path) -> Changes:
    """Return the findings of only one side, most severe first; findings that differ only in values count as equal."""
    one, two = judged([first.case, second.case], cache)
    before, after = _by_subject(one), _by_subject(two)
    if first.source.record is not None and second.source.record is not None:
        known = {finding.rule for finding in (*one, *two)}
        before |= _recorded(first.source.record.findings, known)
        after |= _recorded(second.source.record.findings, known)
    return Changes(
        appear=tuple(finding for key, finding in after.items() if key not in before),
        vanish=tuple(finding for key, finding in before.items() if key not in after),
    )


def _by_subject(found: Iterable[Finding]) -> dict[tuple[str, str], Finding]:
    return {(finding.rule, finding.where): finding for finding in found}


def _recorded(rows: Iterable[Mapping[str, Any]], known: set[str]) -> dict[tuple[str, str], Finding]:
    """What was found at the launch by rules that the configuration alone says nothing to; each named once."""
    from fork_wrapper.check.machine_kinds import MACHINE_KINDS  # noqa: PLC0415 - experiments have no recorded findings

    skipped = {"", *known, *MACHINE_KINDS}  # what the machines were, the facts compare
    found = [Finding(**{**row, "acknowledged": ""}) for row in rows if row.get("rule", "") not in skipped]
    return {(finding.rule, ""): finding for finding in found}


KEPT = 200
"""The number of configurations kept in the cache: the most recent ones."""

LOOKS_AROUND = frozenset(["console-log-folder"])
"""Rules that look at the machine although their finding names only a key."""

_CODE = Path(__file__).resolve().parents[1]


def judged(cases: Sequence[Case], cache: Path) -> list[tuple[Finding, ...]]:
    """Return the findings of each configuration alone, most severe first.

    Only findings under the pinned option table are cached.
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
    """Return a stamp of the code that rules may use, from its version, file count, newest time and total size."""
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
    """Return whether `where` is a key path; a rule that has read a file names a place in it instead."""
    return where.startswith(("training.", "dataset.")) and " " not in where


def _name(case: Case) -> str:
    """Hash the configuration; empty if it has no canonical form."""
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
