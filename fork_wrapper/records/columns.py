"""What a list of runs shows of each: its line, the decision in its notes, and values of what it trained with."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.files import flatten
from fork_wrapper.records.history import RunLine
from fork_wrapper.records.notes import decision_of, read_notes
from fork_wrapper.records.record import read_record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.sdscripts.options import dataset_keys, options
from fork_wrapper.text import clock, nearest, pace

DEFAULT = ("status", "steps", "loss", "time", "saved")
"""Of checkpoints it says `saved`: a run's line fits a terminal of 80 columns."""

GOING = ("speed", "left")
"""Columns that are shown unasked while some run is in progress."""

HEADS = {"loss": "mean loss"}
"""Of columns that are called otherwise than by their names: the last mean, over at most an epoch."""

NOTHING = "-"
"""What a run does not have, or did not set."""


def _steps(run: RunLine) -> str:
    done = f"{run.before}+{run.steps}" if run.before else str(run.steps)
    return f"{done}/{run.total_steps}" if run.total_steps else done


COLUMNS: Mapping[str, Callable[[RunLine], str]] = {
    "status": lambda run: run.status,
    "steps": _steps,
    "loss": lambda run: NOTHING if run.loss is None else f"{run.loss:.4f}",
    "time": lambda run: NOTHING if run.seconds is None else clock(run.seconds),
    "saved": lambda run: str(run.checkpoints),
    "started": lambda run: run.started[:16].replace("T", " ") or NOTHING,
    "parent": lambda run: run.parent or run.repeats or NOTHING,
    "speed": lambda run: pace(run.steps_per_second) if run.steps_per_second else NOTHING,
    "left": lambda run: NOTHING if run.seconds_left is None else clock(run.seconds_left),
    "decision": lambda _run: NOTHING,
}
"""Columns of a run's own line; the decision is read from its notes. All others are names of options and data keys."""


def parse_columns(text: str | None) -> tuple[str, ...]:
    """The columns that were asked for, behind the run's id; InputError with every name that there is not."""
    if text is None:
        return DEFAULT
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    findings = [_unknown(name) for name in names if not _is_column(name)]
    if not names:
        findings = [Finding(what="no column is named", todo=f"name some of {', '.join(COLUMNS)}, or of `kft options`")]
    if findings:
        raise InputError("cannot list this", findings)
    return names


def values_of(run: RunLine, names: Sequence[str], outputs: Path) -> dict[str, Any]:
    """What a run has for columns that are no part of its line: the decision, and values as they were set.

    None where there is none. A name that several parts of the data set say has a list of different values.
    """
    asked = [name for name in names if name == "decision" or name not in COLUMNS]
    if not asked:
        return {}
    folder = RunFolder(folder=outputs / run.run_id)
    known: dict[str, Any] = {}
    if any(name != "decision" for name in asked):
        try:
            record = read_record(folder.record, outline=True)
            known = flatten({"training": record.training, "dataset": record.dataset})
        except (InputError, AttributeError, TypeError):  # its line says that it cannot be read
            known = {}
    return {
        name: (decision_of(read_notes(folder)) or None) if name == "decision" else _value(known, name) for name in asked
    }


def row(run: RunLine, names: Sequence[str], values: Mapping[str, Any]) -> tuple[str, ...]:
    """A run's line in a table of these columns."""
    return (run.run_id, *(_spell(values[name]) if name in values else COLUMNS[name](run) for name in names))


def _is_column(name: str) -> bool:
    last = name.rsplit(".", 1)[-1]
    return name in COLUMNS or last in options() or last in dataset_keys()


def _unknown(name: str) -> Finding:
    near = nearest(name, [*COLUMNS, *options(), *dataset_keys()], 3)
    todo = f"did you mean {' or '.join(near)}?" if near else f"use {', '.join(COLUMNS)}, or a name of `kft options`"
    return Finding(what=f"no column is called {name}", where=f"--columns {name}", todo=todo)


def _value(known: Mapping[str, Any], name: str) -> Any:
    if name in known:
        return known[name]
    if f"training.{name}" in known:
        return known[f"training.{name}"]
    found = [value for key, value in known.items() if key.startswith("dataset.") and key.endswith(f".{name}")]
    different = [value for number, value in enumerate(found) if value not in found[:number]]
    return different[0] if len(different) == 1 else different or None


def _spell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_spell, value))
    return NOTHING if value is None else str(value).lower() if isinstance(value, bool) else str(value)
