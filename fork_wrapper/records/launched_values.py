"""From a record back to the values that were launched: nothing is read again that may have changed since."""

from pathlib import Path, PurePath
from typing import Any

from dataset_tools.names import is_plain
from fork_wrapper.experiment.experiment import Experiment
from fork_wrapper.experiment.resolve import Acknowledged, Origin, Resolved
from fork_wrapper.experiment.schema import MANAGED
from fork_wrapper.records.record import Record

PROMPTS = "training.sample_prompts"


def resolved_of(record: Record) -> Resolved:
    """The values of a run as they were resolved, without what kft manages; files in its folder become `{run}/…`."""
    folder = str(record.launch.get("cwd") or record.training.get("output_dir") or "")
    training = {key: _movable(value, folder) for key, value in record.training.items() if not _is_managed(key)}
    origins = {path: Origin(**origin) for path, origin in record.experiment["origins"].items()}
    return Resolved(
        name=record.name,
        chain=_chain(record),
        training=training,
        dataset=record.dataset,
        origins={path: origin for path, origin in origins.items() if not _is_managed(path.removeprefix("training."))},
        overrides=tuple(record.experiment.get("overrides", ())),
        allowed=tuple(record.experiment.get("allowed_unknown", ())),
        acknowledged=acknowledged_in(record),
    )


def acknowledged_in(record: Record) -> dict[str, Acknowledged]:
    """What the experiment acknowledged when it ran, by the rule's id; nothing in records older than that."""
    known = record.experiment.get("acknowledged") or {}
    return {key: Acknowledged(reason=str(one["reason"]), by=str(one["by"])) for key, one in known.items()}


def own_files(record: Record) -> dict[str, str]:
    """The files that kft wrote into the run folder for the trainer to read, by name: the prompts of a rehearsal."""
    path = resolved_of(record).training.get("sample_prompts")
    text = record.experiment.get("sample_prompts")
    if not isinstance(path, str) or not path.startswith("{run}/") or text is None:
        return {}
    name = PurePath(path).name
    return {name: str(text)} if is_plain(name) else {}


def processes_of(record: Record) -> int:
    """How many processes trained, on all machines."""
    return 1 if record.processes is None else int(record.processes)


def _is_managed(key: str) -> bool:
    return key in MANAGED or key.startswith("metadata_kft_")


def _movable(value: Any, folder: str) -> Any:
    inside = f"{PurePath(folder).as_posix()}/"
    if folder and isinstance(value, str) and value.startswith(inside):
        return f"{{run}}/{value.removeprefix(inside)}"
    return value


def _chain(record: Record) -> tuple[Experiment, ...]:
    """The experiment files as they were written; of the last one the story."""
    files = record.experiment["files"]
    return tuple(
        Experiment(
            name=str(file["name"]),
            path=Path(file["path"]),
            text=str(file["text"]),
            sha256=str(file["sha256"]),
            extends=None,
            unset=(),
            story=record.experiment.get("story") or {} if file is files[-1] else {},
            training={},
            dataset={},
            origins={},
        )
        for file in files
    )
