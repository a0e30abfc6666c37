"""Checkpoints as records name them; a record is data, and what in it is not as it should be is not known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Saved:
    """One checkpoint; None for what is not recorded."""

    file: str
    """Its name."""
    kind: str
    """epoch, step or final."""
    epoch: int | None
    """From 1, within its run."""
    step: int | None
    """Likewise."""
    loss: float | None
    """The trainer's mean then."""
    bytes: int | None
    """Size of the file."""
    sha256: str | None
    """Of the file."""


def saved(entries: Iterable[Any]) -> tuple[Saved, ...]:
    """The checkpoints that the entries of a record tell of."""
    return tuple(_saved(entry) for entry in entries if isinstance(entry, Mapping))


def _saved(entry: Mapping[str, Any]) -> Saved:
    loss = entry.get("loss")
    return Saved(
        file=str(entry.get("file", "")),
        kind=str(entry.get("kind", "")),
        epoch=_count(entry.get("epoch")),
        step=_count(entry.get("step")),
        loss=float(loss) if isinstance(loss, (int, float)) else None,
        bytes=_count(entry.get("bytes")),
        sha256=str(entry["sha256"]) if entry.get("sha256") else None,
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else None
