"""The record of one run, `record.json`: written as `running` before the launch, closed afterwards.

Plain JSON with a schema version; what a sidecar holds is this plus one checkpoint (`archive`). Reading an older
version goes through small named functions, one per version.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from fork_wrapper import __version__
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.files import pretty_json, read_json, write_whole
from fork_wrapper.records import losses

if TYPE_CHECKING:  # readers of records pay for none of it
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fork_wrapper.records.progress import Progress
    from fork_wrapper.records.run_folder import RunFolder

SCHEMA_VERSION = 1

Status = Literal["running", "completed", "rehearsed", "failed", "interrupted"]

_NOTHING = type(None)
FIELDS: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "experiment": {"name": str, "origins": dict, "files": list},
    "toml": {"train": str, "dataset": str},
    "launch": {"argv": list, "trainer": str},
    "run": {
        "id": str,
        "status": str,
        "started": str,
        "ended": (str, _NOTHING),
        "process": dict,
        "steps": int,
        "total_steps": (int, _NOTHING),
        "steps_per_second": (float, int, _NOTHING),
        "loss": (dict, _NOTHING),
        "seconds": (float, int, _NOTHING),
        "exit_code": (int, _NOTHING),
        "failure": (dict, _NOTHING),
    },
}
"""What readers rely on in a record, and of which type."""

PARTS = ("base_model", "dataset", "sd_scripts", "project", "python", "host", "accelerate")
"""Tables of `provenance`."""

UPGRADES: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From an older schema version to the next; empty while version 1 is the only one."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """Everything known about a run. Sections are plain JSON values, as they stand in the file."""

    experiment: Mapping[str, Any]
    """name, the files of the chain as written, stories, origins by key path, overrides, sample prompts."""
    training: Mapping[str, Any]
    """The content of train.toml."""
    dataset: Mapping[str, Any]
    """The content of dataset.toml."""
    toml: Mapping[str, str]
    """Both TOML texts: `train`, `dataset`."""
    launch: Mapping[str, Any]
    """argv, env set by kft, cwd, trainer."""
    effective: Mapping[str, Any]
    """All options of sdxl_train.py with defaults filled in."""
    provenance: Mapping[str, Any]
    """base_model, dataset, sd_scripts, project, python, gpus, host, accelerate."""
    rehearsal: Mapping[str, Any] | None
    """trainer and overrides of a rehearsal; None for a real run."""
    run: Mapping[str, Any]
    """id, parent, status, times, exit code, stops, process, steps, speed, loss, peak VRAM, failure."""
    checkpoints: tuple[Mapping[str, Any], ...] = ()
    """One entry per archived checkpoint, pruned ones included."""
    plan: Mapping[str, Any] | None = None
    """What the run was to do; None in records older than the plan."""
    findings: tuple[Mapping[str, Any], ...] = ()
    """What was found, short of errors, before the launch."""
    effective_dataset: Mapping[str, Any] | None = None
    """Every key of every dataset and subset as it took effect; None in older records."""
    lineage: Mapping[str, Any] | None = None
    """Of a run that comes from another: `kind` (resume, reproduction), `parent` (run id), and more by kind."""

    @property
    def status(self) -> Status:
        """How the run stands."""
        status: Status = self.run["status"]
        return status

    @property
    def name(self) -> str:
        """The experiment's name."""
        return str(self.experiment["name"])

    @property
    def processes(self) -> str | None:
        """How many processes `accelerate launch` was told to start, on all machines; None if it was not told.

        The word as it stands in `argv`; empty if `argv` is cut off there.
        """
        argv = [str(word) for word in self.launch["argv"]]
        if "--num_processes" not in argv:
            return None
        return "".join(argv[argv.index("--num_processes") + 1 :][:1])

    def with_run(self, **changes: Any) -> Record:
        """This record with fields of `run` replaced."""
        return replace(self, run={**self.run, **changes})

    def with_provenance(self, **changes: Any) -> Record:
        """This record with fields of `provenance` replaced."""
        return replace(self, provenance={**self.provenance, **changes})

    def with_lineage(self, lineage: Mapping[str, Any] | None) -> Record:
        """This record as that of a run which comes from another; as it is for None."""
        return replace(self, lineage=dict(lineage)).with_run(parent=lineage["parent"]) if lineage else self

    def to_json(self) -> dict[str, Any]:
        """The JSON of `record.json`."""
        return {"kft": __version__, "kind": "run", "schema_version": SCHEMA_VERSION, **asdict(self)}


def summary(progress: Progress) -> dict[str, Any]:
    """What a run's progress comes to: steps, epochs, speed, loss. Losses are the trainer's running means."""
    speed = progress.steps_per_second
    return {
        "steps": progress.step,
        "total_steps": progress.total or None,
        "epochs": progress.epochs or None,
        "facts": dict(progress.facts),
        "steps_per_second": round(speed, 5) if speed else None,
        "loss": losses.summary(progress.losses, progress.step_of_epoch(1)),
        "nan_step": progress.nan_step,
    }


def write_record(run: RunFolder, record: Record) -> None:
    """Write `record.json` whole."""
    write_whole(run.record, pretty_json(record.to_json()))


def read_record(path: Path, *, outline: bool = False) -> Record:
    """Read a record or the record part of a sidecar; InputError when it is neither, or newer than this kft.

    For an `outline` only the parts in `FIELDS` are judged: a list of ten thousand reads no more of them.
    """
    return from_json(read_json(path), path, outline=outline)


def from_json(raw: Any, path: Path, *, outline: bool = False) -> Record:
    """A record from its JSON, upgraded from older versions; see `read_record`."""
    kind = raw.get("kind") if isinstance(raw, dict) else None
    if kind not in ("run", "sidecar"):
        finding = Finding(what="neither a run record nor a sidecar of kft", where=str(path), todo="name another file")
        raise InputError(f"cannot use {path.name}", [finding])
    version = raw.get("schema_version")
    while isinstance(version, int) and version in UPGRADES:
        raw = UPGRADES[version](raw)
        version = raw["schema_version"]
    if version != SCHEMA_VERSION:
        finding = Finding(
            what=f"it has schema version {version}, this kft reads up to {SCHEMA_VERSION}",
            where=str(path),
            todo="update kft",
        )
        raise InputError(f"cannot use {path.name}", [finding])
    if wrong := _wrong_parts(raw) or ([] if outline else _damaged(raw)):
        finding = Finding(
            what=f"missing or damaged: {', '.join(wrong)}", where=str(path), todo="restore it from a copy"
        )
        raise InputError(f"cannot use {path.name}", [finding])
    values = {name: raw[name] for name in Record.__dataclass_fields__ if name in raw}
    facts = raw["provenance"].items()
    values["provenance"] = {name: part if _is_part(name, part, outline=outline) else None for name, part in facts}
    return Record(
        **{"rehearsal": None, **values, **{name: tuple(raw.get(name, ())) for name in ("checkpoints", "findings")}}
    )


def sound_folders(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The folders of images of `provenance.dataset`; none where one is damaged, for their sum would be wrong."""
    folders = data.get("folders") or []
    sound = all(
        isinstance(one, dict) and isinstance(one.get("files", {}), dict) and isinstance(one.get("subset", ""), str)
        for one in folders
    )
    return folders if sound else []


def _damaged(raw: dict[str, Any]) -> list[str]:
    """What is wrong below its sections, of which all are there."""
    from fork_wrapper.records.record_shape import damaged  # noqa: PLC0415 - a list of remembered runs reads no record

    return damaged(raw)


def _wrong_parts(raw: dict[str, Any]) -> list[str]:
    """Parts of a record that readers rely on and that are not there, or not of their shape."""
    optional = ("rehearsal", "checkpoints", "plan", "findings", "effective_dataset", "lineage")
    sections = [name for name in Record.__dataclass_fields__ if name not in optional]
    wrong = [name for name in sections if not isinstance(raw.get(name), dict)]
    wrong += [name for name in ("checkpoints", "findings") if not isinstance(raw.get(name, []), list)]
    wrong += [
        name
        for name in ("rehearsal", "plan", "effective_dataset", "lineage")
        if not isinstance(raw.get(name), dict | _NOTHING)
    ]
    for section, fields in FIELDS.items():
        content = raw[section] if isinstance(raw.get(section), dict) else {}
        wrong += [
            f"{section}.{name}" for name, kind in fields.items() if not isinstance(content.get(name, Ellipsis), kind)
        ]
    return wrong


def _is_part(name: str, part: Any, *, outline: bool) -> bool:
    """Whether a fact about a run's surroundings has its shape; of another one it is as good as unknown."""
    if not outline:
        from fork_wrapper.records.record_shape import is_sound_fact  # noqa: PLC0415 - as above

        return is_sound_fact(name, part)
    if name == "gpus":
        return isinstance(part, list) and all(isinstance(card, dict) for card in part)
    return isinstance(part, dict) or name not in PARTS
