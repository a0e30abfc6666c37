"""Value-by-value comparison of two configurations: what differs in meaning, and what the difference changes.

Every option and dataset key is listed, in the order of the groups; a different spelling is not a difference. A value
that is the same for all data sets, or all subsets, is one row.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fork_wrapper.check.rules.case import Level
from fork_wrapper.compare.units import Pair, dataset_pairs, keys_of, said_at, subset_pairs, value_of
from fork_wrapper.compare.unused_values import both_off, why_idle, why_idle_in
from fork_wrapper.compare.values import ARGUMENTS, Understood, Value, origin_of
from fork_wrapper.sdscripts.meaning import TITLES, Effect, Group, Kind, kind_of

LEVELS = ("dataset", "subset")
"""The levels of the dataset config that a key may belong to."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One value in both configurations."""

    key: str
    """Name of the option or dataset key; `optimizer_args.NAME` for a single argument."""
    place: str
    """The data set or subset, e.g. `subset 2 (reg)`; empty for options and for values that are the same in all."""
    kind: Kind
    """Its group, and what changing it changes."""
    before: Value
    """The value in the first configuration."""
    after: Value
    """The value in the second."""
    idle_in: tuple[str, str] = ("", "")
    """Why each value has no effect, in words that follow `no effect`; empty if it has one."""

    @property
    def idle(self) -> str:
        """Why the difference changes nothing, if neither value has an effect; otherwise empty."""
        return " and ".join(dict.fromkeys(self.idle_in)) if all(self.idle_in) else ""

    @property
    def differs(self) -> bool:
        """Whether the two values differ in meaning."""
        return self.before.meaning != self.after.meaning

    @property
    def effect(self) -> Effect:
        """What changing the value changes."""
        return self.kind.effect

    @property
    def group(self) -> Group:
        """The part of the configuration it belongs to."""
        return self.kind.group

    @property
    def trains(self) -> bool:
        """Whether this is a difference that changes training."""
        return self.differs and self.effect == "trains" and not self.idle


def rows(first: Understood, second: Understood) -> list[Row]:
    """Return every value of both configurations, including equal ones."""
    found = [*_option_rows(first, second), *_dataset_rows(first, second)]
    groups = list(TITLES)
    return sorted(found, key=lambda row: (groups.index(row.group), row.kind.rank, row.key, row.place))


def _option_rows(first: Understood, second: Understood) -> Iterator[Row]:
    for key in [*first.options, *(key for key in second.options if key not in first.options)]:
        before = first.options.get(key) or _absent(first, key)
        after = second.options.get(key) or _absent(second, key)
        name = key.partition(".")[0]
        row = Row(key=key, place="", kind=kind_of(name), before=before, after=after)
        if row.differs:
            off = both_off(key, before, after)
            row = replace(row, idle_in=(off, off) if off else (why_idle(first.case, name), why_idle(second.case, name)))
        yield row


def _absent(side: Understood, key: str) -> Value:
    """Return the value of an argument or unknown option that is not set."""
    name = key.partition(".")[0] if key.startswith(ARGUMENTS) else key
    path = side.case.at(name)
    return Value(meaning=None, shown="(absent)", raw=None, said=False, path=path, origin=origin_of(side.source, path))


def _dataset_rows(first: Understood, second: Understood) -> Iterator[Row]:
    for level, pairs in zip(LEVELS, (dataset_pairs(first, second), subset_pairs(first, second)), strict=True):
        for key in keys_of(level):
            found = [
                _key_row(first, second, key, (pair.label, pair.before, pair.after))
                for pair in pairs
                if pair.before and pair.after
            ]
            yield from _merged(found)
        yield from (_unit_row(first, second, level, pair) for pair in pairs if not (pair.before and pair.after))


def _merged(found: list[Row]) -> list[Row]:
    """Return one row if all rows agree on both sides, otherwise all of them."""
    if len({(row.before.meaning, row.after.meaning) for row in found}) > 1:
        return found
    idle = found[0].idle_in if all(row.idle for row in found) else ("", "")
    return [replace(found[0], place="", idle_in=idle if len(found) > 1 else found[0].idle_in)]


def _key_row(first: Understood, second: Understood, key: str, pair: tuple[str, Level, Level]) -> Row:
    label, one, two = pair
    before, after = value_of(first, one, key), value_of(second, two, key)
    row = Row(key=key, place=label, kind=kind_of(key, dataset=True), before=before, after=after)
    if row.differs:
        row = replace(row, idle_in=(why_idle_in(first.case, one, key), why_idle_in(second.case, two, key)))
    return row


def _unit_row(first: Understood, second: Understood, level: str, pair: Pair) -> Row:
    """Return the row of a data set or subset that only one side has."""
    return Row(
        key=pair.label or level,
        place="",
        kind=kind_of("image_dir", dataset=True),
        before=_whole(first, pair.before),
        after=_whole(second, pair.after),
    )


def _whole(side: Understood, level: Level | None) -> Value:
    if level is None:
        return Value(meaning=None, shown="(absent)", raw=None, said=False, path="", origin=None)
    path = f"{level.path}.image_dir"
    own = dict(level.tables[0][1])
    return Value(
        meaning=("unit", level.path),
        shown=said_at(level),
        raw=own,
        said=True,
        path=level.path,
        origin=origin_of(side.source, path),
    )
