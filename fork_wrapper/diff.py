"""What differs between two configurations, by value: 0, false and absent are three different things.

Keys that name the run and not the training (`output_dir`, `metadata_kft_*` …) are left out: they differ always.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fork_wrapper.files import flatten
from fork_wrapper.resolve import Origin
from fork_wrapper.schema import MANAGED
from fork_wrapper.sdscripts.options import options
from fork_wrapper.source import Source


class _Absent:
    """The value of a key that is not set and has no default."""

    def __repr__(self) -> str:
        return "(absent)"


ABSENT = _Absent()


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One key whose values differ."""

    key: str
    """Full key path."""
    before: Any
    """In the first configuration; its default or ABSENT where it is not set."""
    after: Any
    """In the second."""
    before_set: bool
    """Whether the first sets it."""
    after_set: bool
    """Whether the second sets it."""
    origin: Origin | None
    """Where the second value comes from, if it says."""


def differences(first: Source, second: Source) -> list[Difference]:
    """Every key that trains differently, in order of key path; unset options count as their default."""
    before, after = comparable(first), comparable(second)
    found = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key, _default(key)), after.get(key, _default(key))
        if repr(old) != repr(new):
            found.append(
                Difference(
                    key=key,
                    before=old,
                    after=new,
                    before_set=key in before,
                    after_set=key in after,
                    origin=second.origins.get(key),
                )
            )
    return found


def comparable(source: Source) -> dict[str, Any]:
    """The values of a source by full key path, without those that name a run."""
    training = {key: value for key, value in source.training.items() if not _names_a_run(key)}
    return flatten({"training": training, "dataset": source.dataset})


def _names_a_run(key: str) -> bool:
    return key in MANAGED or key.startswith("metadata_kft_")


def _default(key: str) -> Any:
    table, name = key.split(".", 1)
    option = options().get(name) if table == "training" else None
    return ABSENT if option is None or option.default is None else option.default


def to_json(found: list[Difference]) -> list[Mapping[str, Any]]:
    """Differences as plain values; an absent value is null and says so in `*_set`."""
    return [
        {
            "key": one.key,
            "before": None if one.before is ABSENT else one.before,
            "after": None if one.after is ABSENT else one.after,
            "before_set": one.before_set,
            "after_set": one.after_set,
            "origin": one.origin.kind if one.origin else None,
        }
        for one in found
    ]
