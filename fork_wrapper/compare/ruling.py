"""Which rules appear or vanish between two configurations.

Both are judged by this kft and by what they say alone: no image, no machine, and nothing that a rule read from a
file. Between two runs, what their records hold of images and machines is compared as well.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fork_wrapper.compare.judged import judged
from fork_wrapper.compare.values import Understood
from fork_wrapper.errors import Finding


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Rules that only one side breaks; one rule may speak of several keys."""

    appear: tuple[Finding, ...]
    """Of the second configuration alone."""
    vanish: tuple[Finding, ...]
    """Of the first alone."""

    def __bool__(self) -> bool:
        return bool(self.appear or self.vanish)


def rule_changes(first: Understood, second: Understood, cache: Path) -> Changes:
    """What only one of the two has, the gravest first; a finding whose values alone differ stays one finding."""
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
    found = [Finding(**{**row, "acknowledged": ""}) for row in rows if row.get("rule") and row["rule"] not in known]
    return {(finding.rule, ""): finding for finding in found}
