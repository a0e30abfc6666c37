"""Whether the record of a run is sound enough to go on from: steps are added up from it, and values launched.

What is damaged in what counts is an error, all of it at once. What is damaged in the facts around it is as good as
unknown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.files import plain_name
from fork_wrapper.records.launched_values import processes_of
from fork_wrapper.records.lineage import RESUME
from fork_wrapper.records.record import Record
from fork_wrapper.repeat.archive_soundness import check_values, sound_facts, texts_of


def sound_record(record: Record, path: Path) -> Record:
    """A record without damaged facts; InputError where it cannot be gone on from."""
    if wrong := list(_wrong(record)):
        what = f"missing or damaged: {', '.join(wrong)}"
        finding = Finding(what=what, where=str(path), todo="restore it from a copy, or from a sidecar")
        raise InputError(f"cannot use {path.name}", [finding])
    check_values(path, record.training, record.dataset)
    said = record.experiment
    origins = {key: one for key, one in said["origins"].items() if _has(one, "kind", "by") and len(one) == 2}
    lists = {key: list(texts_of(said.get(key))) for key in ("overrides", "allowed_unknown")}
    schedule = record.plan.get("schedule") if isinstance(record.plan, Mapping) else None
    sound = replace(
        record,
        experiment={**said, "origins": origins, **lists},
        provenance=_with_texts(sound_facts(record.provenance)),
        plan={"schedule": counts(schedule)},
    )
    return sound.with_run(facts=counts(record.run.get("facts")), nan_step=counts(record.run).get("nan_step"))


def counts(values: Any) -> dict[str, int]:
    """The numbers among some values of which at least one is counted."""
    table = values if isinstance(values, Mapping) else {}
    return {key: value for key, value in table.items() if type(value) is int and value > 0}


def _wrong(record: Record) -> Iterator[str]:
    if record.name != plain_name(record.name):
        yield "experiment.name"
    if not all(_has(file, "name", "path", "text", "sha256") for file in record.experiment["files"]):
        yield "experiment.files"
    if not isinstance(record.experiment.get("story") or {}, Mapping):
        yield "experiment.story"
    try:
        processes_of(record)
    except (IndexError, ValueError, TypeError):
        yield "launch.argv"
    rehearsal: Any = record.rehearsal  # of a type that no reader has looked at
    if not isinstance(rehearsal, Mapping | None):
        yield "rehearsal"
    if not _is_lineage(record.lineage):
        yield "lineage"


def _is_lineage(value: Any) -> bool:
    """Of a segment, the steps and epochs before it are added to its own."""
    if not isinstance(value, Mapping) or value.get("kind") != RESUME:
        return isinstance(value, Mapping | None)
    numbers = [value.get("step"), value.get("epoch")]
    return isinstance(value.get("parent"), str) and all(type(one) is int and one >= 0 for one in numbers)


def _has(value: Any, *keys: str) -> bool:
    return isinstance(value, Mapping) and all(isinstance(value.get(key), str) for key in keys)


def _with_texts(provenance: dict[str, Any]) -> dict[str, Any]:
    """Without a sha256 or a commit that is no text."""
    for part, key in (("base_model", "sha256"), ("sd_scripts", "commit")):
        if not isinstance((provenance.get(part) or {}).get(key), str | None):
            provenance[part] = None
    return provenance
