"""The parts of a comparison that are shown, in reading order; shared by terminal and Markdown output."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fork_wrapper.compare.comparison import Diff
from fork_wrapper.compare.differences import Row
from fork_wrapper.compare.facts import Counts, Fact
from fork_wrapper.compare.rule_changes import Changes
from fork_wrapper.sdscripts.meaning import TITLES
from fork_wrapper.text import counted

FEW = 8
"""The number of minor lines shown; the rest are counted."""

_SOURCE = re.compile(r" \([\w/]+\.py:[^)]*\)$")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a table."""

    group: str
    """The heading above it."""
    key: str
    """What differs."""
    before: str
    """The value on the first side."""
    after: str
    """The value on the second."""
    origin: str = ""
    """Where the second value comes from."""
    remark: str = ""
    """A remark about it, such as that it has no effect, and why."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """One table."""

    title: str
    """What its lines have in common."""
    lines: tuple[Line, ...]
    """Its lines, at least one."""


def sections(diff: Diff, *, everything: bool = False, only_training: bool = False) -> list[Section]:
    """Return the tables that have lines."""
    names = short_names(diff)

    def lines(*rows: Row) -> tuple[Line, ...]:
        return tuple(_line(row, names) for row in rows)

    found = [
        Section(title="changes training", lines=lines(*(row for row in diff.rows if row.trains))),
        Section(title="was made with", lines=tuple(_facts(diff, "trains", everything=everything))),
    ]
    if not only_training:
        rest = lines(*(row for row in diff.different if not row.trains))
        found.append(Section(title="does not change training", lines=rest))
        found.append(Section(title="ran on", lines=tuple(_facts(diff, "cost", everything=everything))))
        found.append(Section(title="came of it", lines=tuple(_facts(diff, "outcome", everything=everything))))
    if everything:
        found.append(Section(title="the same", lines=lines(*(row for row in diff.rows if not row.differs))))
    return [section for section in found if section.lines]


def short_names(diff: Diff) -> tuple[str, str]:
    """Return the column headings of the two sides; two runs of one experiment go by their own names."""
    first, second = (name.rpartition("/") for name in diff.names)
    if first[0] and first[0] == second[0]:
        return first[2], second[2]
    return diff.names


def file_lines(diff: Diff, names: int = 3) -> list[tuple[str, str]]:
    """Return the changes to images and captions, each with a few names."""
    parts = diff.files.parts() if diff.files else []
    return [(what, _some(found, names)) for what, found in parts]


def rule_lines(rules: Changes) -> list[tuple[str, str, str]]:
    """Return each rule as `+` or `-`, its id and severity, and its message."""
    return [
        (sign, f"{finding.rule} ({finding.severity})", finding.what.splitlines()[0])
        for sign, found in (("+", rules.appear), ("-", rules.vanish))
        for finding in found
    ]


def summary(diff: Diff) -> str:
    """Sum up the differences in one line."""
    parts = [_counted_rows(diff), _counted_files(diff), _counted_facts(diff), _counted_rules(diff.rules)]
    return "; ".join(part for part in parts if part)


def _line(row: Row, names: tuple[str, str]) -> Line:
    key = f"{row.key}, {row.place}" if row.place else row.key
    return Line(
        group=TITLES[row.group],
        key=key,
        before=row.before.shown,
        after=row.after.shown,
        origin=row.after.origin.kind if row.after.origin else "",
        remark=_remark(row, names) if row.differs else "",
    )


def _remark(row: Row, names: tuple[str, str]) -> str:
    if row.idle:
        return f"no effect: {row.idle}"
    for name, value, why in zip(names, (row.before, row.after), row.idle_in, strict=True):
        if why and (value.said or value.raw not in (None, False)):  # an absent switch is not expected to do anything
            return f"no effect in {name}: {why}"
    return _SOURCE.sub("", row.kind.note)


def _facts(diff: Diff, counts: Counts, *, everything: bool) -> Iterator[Line]:
    """Yield the facts of one kind that differ, and with `everything` the equal ones too."""
    wanted = [fact for fact in diff.facts if fact.counts == counts and (everything or fact.before != fact.after)]
    few = wanted if everything or counts != "cost" else wanted[:FEW]
    yield from (_fact_line(fact) for fact in few)
    if rest := len(wanted) - len(few):
        yield Line(group="", key=f"and {rest} more", before="", after="--all shows them")


def _fact_line(fact: Fact) -> Line:
    before, after = (text or "not recorded" for text in (fact.before, fact.after))
    return Line(group="", key=fact.name, before=before, after=after)


def _some(names: tuple[str, ...], count: int) -> str:
    rest = len(names) - count
    return ", ".join(names[:count]) + (f" and {rest} more" if rest > 0 else "")


def _counted_rows(diff: Diff) -> str:
    changing = sum(row.trains for row in diff.different)
    rest = len(diff.different) - changing
    if not diff.different:
        return ""
    first = f"{counted(changing, 'difference')} {'changes' if changing == 1 else 'change'} training"
    return f"{first}, {rest} {'does' if rest == 1 else 'do'} not" if rest else first


def _counted_files(diff: Diff) -> str:
    parts = replace(diff.files, renamed=()).parts() if diff.files else []  # added and removed count these
    return ", ".join(what for what, _names in parts)


def _counted_facts(diff: Diff) -> str:
    made = sum(fact.differs and fact.counts != "outcome" for fact in diff.facts)
    return f"{counted(made, 'difference')} in what they were made with" if made else ""


def _counted_rules(rules: Changes) -> str:
    appear, vanish = len(rules.appear), len(rules.vanish)
    words = [f"{counted(appear, 'rule')} {'appears' if appear == 1 else 'appear'}"] if appear else []
    if vanish:
        words.append(f"{vanish if appear else counted(vanish, 'rule')} {'vanishes' if vanish == 1 else 'vanish'}")
    return ", ".join(words)
