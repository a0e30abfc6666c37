"""A comparison as plain values for programs: complete, and always of the same shape."""

from collections.abc import Mapping
from typing import Any

from fork_wrapper.compare.comparison import Diff
from fork_wrapper.compare.differences import Row
from fork_wrapper.compare.facts import is_rehearsal
from fork_wrapper.compare.values import Value
from fork_wrapper.errors import Finding
from fork_wrapper.formats.source import Source


def to_json(diff: Diff, *, everything: bool, only_training: bool) -> dict[str, Any]:
    """Return the comparison as plain values; an absent value is null, and `*_set` tells a set value from a default."""
    shown = [row for row in diff.rows if (everything or row.differs) and (row.trains or not only_training)]
    return {
        "first": _source_json(diff.first),
        "second": _source_json(diff.second),
        "same": diff.same,
        "trains_the_same": not diff.training,
        "why": diff.why or None,
        "notes": list(diff.notes),
        "differences": [_row_json(row) for row in shown if row.differs],
        "equal": [_row_json(row) for row in shown if not row.differs] if everything else None,
        "rules": {
            "appear": [_rule_json(finding) for finding in diff.rules.appear],
            "vanish": [_rule_json(finding) for finding in diff.rules.vanish],
        },
        "files": None if diff.files is None else {**diff.files.__dict__},
        "facts": [
            {**fact.__dict__, "differs": fact.differs} for fact in diff.facts if everything or fact.before != fact.after
        ],
    }


def _source_json(source: Source) -> dict[str, Any]:
    return {
        "kind": source.kind,
        "label": source.label,
        "path": str(source.path),
        "rehearsal": is_rehearsal(source),
    }


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "key": row.key,
        "place": row.place or None,
        "group": row.group,
        "effect": row.effect,
        "trains": row.trains,
        "no_effect": row.idle or None,
        "note": row.kind.note or None,
        **_value_json("before", row.before),
        **_value_json("after", row.after),
        "origin": row.after.origin.kind if row.after.origin else None,
    }


def _value_json(side: str, value: Value) -> Mapping[str, Any]:
    return {
        side: value.raw,
        f"{side}_shown": value.shown,
        f"{side}_set": value.said,
        f"{side}_path": value.path or None,
    }


def _rule_json(finding: Finding) -> dict[str, str]:
    return {"rule": finding.rule, "severity": finding.severity, "what": finding.what, "where": finding.where}
