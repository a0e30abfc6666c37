"""A configuration from any source: an experiment, a run, a sidecar, a checkpoint, or another program's file.

Every verb that reads accepts all of them by name, id or path. A run is never guessed: an experiment's name means the
experiment file; names that stand for its runs are in `short_names`.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dataset_tools.names import lies_in
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.experiment import SUFFIX, TABLES, experiment_names, find_experiment
from fork_wrapper.experiment.resolve import Origin, Resolved, resolve
from fork_wrapper.files import flatten, parse_toml, read_json, read_text
from fork_wrapper.formats.found import Found, is_file
from fork_wrapper.machine.settings import Settings, begin
from fork_wrapper.records.checkpoints import CONFIG_KEY, embedded_config, read_metadata
from fork_wrapper.records.record import Record, from_json, read_record
from fork_wrapper.records.run_folder import RunFolder, newest_records
from fork_wrapper.text import nearest

if TYPE_CHECKING:
    from fork_wrapper.formats.fitted import Fitted

SCRIPT_SUFFIXES = frozenset([".sh", ".bash", ".bat", ".cmd", ".ps1", ".txt", ".log", ".ipynb"])
"""Suffixes of files that may hold a command line."""

SourceKind = Literal["experiment", "run", "sidecar", "checkpoint", "file"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One configuration and what else is known about it."""

    kind: SourceKind
    """The kind of source that was named."""
    label: str
    """The name used in output: an experiment's name, a run id, a file name."""
    path: Path
    """The file it was read from."""
    training: Mapping[str, Any]
    """The training options that are set."""
    dataset: Mapping[str, Any]
    """The dataset config as a tree."""
    origins: Mapping[str, Origin]
    """Origins by full key path; empty for a bare checkpoint."""
    resolved: Resolved | None = None
    """The resolved experiment, if it is one."""
    record: Record | None = None
    """The record, for a run or a sidecar."""
    checkpoint: Mapping[str, Any] | None = None
    """The `checkpoint` section, for a sidecar."""
    header: Mapping[str, Any] | None = None
    """The header of a checkpoint: identity, run, and all `modelspec.*`."""
    found: Found | None = None
    """For another program's file: what it is, and what there is to report about it."""


def open_source(text: str, settings: Settings, allow: Sequence[str] = ()) -> Source:
    """Open the configuration that `text` names; InputError lists the kinds of names there are.

    `allow` is for an experiment: unknown keys that are accepted.
    """
    path = Path(text)
    suffix = path.suffix.lower()
    if _is_command(text):
        return _foreign(text)
    if suffix == ".safetensors":
        return _checkpoint(path)
    if suffix == ".json":
        return _json(path)
    if suffix in SCRIPT_SUFFIXES or (is_file(path) and (path.suffix != SUFFIX or not _is_experiment(path))):
        return _foreign(text)
    if (run := _run_folder(text, settings)) is not None:
        return _run(run)
    try:
        find_experiment(text, settings.experiments)
    except InputError as error:
        raise _unknown(text, settings) if "/" in text or "\\" in text else error from None
    return _experiment(resolve(text, settings, allow=allow))


def is_run(text: str, settings: Settings) -> bool:
    """Return whether a text names a run, by its id or its folder."""
    return _run_folder(text, settings) is not None


def _run_folder(text: str, settings: Settings) -> RunFolder | None:
    for folder in (Path(text).absolute(), settings.outputs / text):
        with contextlib.suppress(OSError, ValueError):
            if (run := RunFolder(folder=folder)).record.is_file():
                return run
    return None


def open_run(text: str, settings: Settings) -> RunFolder:
    """Return the run folder that `text` names; InputError if it names anything else."""
    source = open_source(text, settings)
    if source.kind != "run":
        todo = "name EXPERIMENT/RUN, or its folder; `kft list` shows them"
        raise InputError(
            "a run is needed", [Finding(what=f"{text} is not a run ({source.kind})", where=text, todo=todo)]
        )
    return RunFolder(folder=source.path.absolute().parent)


def _experiment(resolved: Resolved) -> Source:
    return Source(
        kind="experiment",
        label=resolved.name,
        path=resolved.chain[-1].path,
        training=resolved.training,
        dataset=resolved.dataset,
        origins=resolved.origins,
        resolved=resolved,
    )


def _run(run: RunFolder) -> Source:
    return _recorded("run", run.run_id, run.record, read_record(run.record))


def _json(path: Path) -> Source:
    raw = read_json(path)
    if not isinstance(raw, Mapping) or raw.get("kind") not in ("run", "sidecar"):
        return _foreign(str(path))
    record = from_json(raw, path)
    if raw["kind"] == "run":
        return _recorded("run", str(record.run["id"]), path, record)
    return _recorded("sidecar", path.name, path, record, raw.get("checkpoint"))


def _recorded(
    kind: SourceKind, label: str, path: Path, record: Record, checkpoint: Mapping[str, Any] | None = None
) -> Source:
    return Source(
        kind=kind,
        label=label,
        path=path,
        training=record.training,
        dataset=record.dataset,
        origins={
            key: Origin(kind=origin["kind"], by=origin["by"])
            for key, origin in record.experiment["origins"].items()
            if isinstance(origin, Mapping) and origin.keys() >= {"kind", "by"}
        },
        record=record,
        checkpoint=checkpoint,
    )


def _checkpoint(path: Path) -> Source:
    if not path.is_file():
        raise InputError(
            f"cannot read {path.name}", [Finding(what="no such file", where=str(path), todo="check the path")]
        )
    metadata = read_metadata(path)
    if metadata is not None and CONFIG_KEY not in metadata:
        return _foreign(str(path))
    config = embedded_config(path)
    return Source(
        kind="checkpoint",
        label=path.name,
        path=path,
        training=config["training"],
        dataset=config["dataset"],
        origins={},
        header=config,
    )


def _is_experiment(path: Path) -> bool:
    """Return whether a TOML file holds only tables of an experiment; a broken one counts, to have its error shown."""
    try:
        raw = parse_toml(read_text(path), path)
    except InputError:
        return True
    return not raw or raw.keys() <= TABLES.keys()


def _is_command(text: str) -> bool:
    """Return whether a text is a command line itself, not a file name."""
    return "sdxl_train.py" in text and len(text.split()) > 1 and not is_file(Path(text))


def _foreign(text: str) -> Source:
    """Open a file of the GUI or of sd-scripts, or a command line itself, with values as they took effect."""
    fitted = _read(text)
    path = Path(text) if not _is_command(text) else fitted.found.path
    training = dict(fitted.training)
    if fitted.found.prompts and fitted.found.prompts.strip() and "sample_prompts" not in training:
        training["sample_prompts"] = str(path.absolute())  # the text is in the file itself
    ours = {f"training.{key}" for key in fitted.found.assumed}
    origins = {
        key: Origin(kind="assumed" if key in ours else "recovered", by=path.name)
        for key in flatten({"training": training, "dataset": fitted.dataset})
    }
    return Source(
        kind="file",
        label=path.name,
        path=path,
        training=training,
        dataset=fitted.dataset,
        origins=origins,
        found=fitted.found,
    )


def _read(text: str) -> "Fitted":
    """Read a file of any kind but an experiment, or a command line itself, into an experiment's values."""
    # Imported here so that comparing experiments and runs need not wait for the readers of other programs' files.
    from fork_wrapper.formats.fitted import fit  # noqa: PLC0415
    from fork_wrapper.formats.grouped_files import read_one  # noqa: PLC0415
    from fork_wrapper.formats.kft_import import with_own_record  # noqa: PLC0415

    return fit(with_own_record(read_one(text)))


def fitted_of(source: Source) -> "Fitted":
    """Return the experiment values of a source that is not an experiment itself."""
    if source.found is None:
        return _read(str(source.path))
    from fork_wrapper.formats.fitted import Fitted  # noqa: PLC0415

    own = {key: value for key, value in source.training.items() if value != str(source.path.absolute())}
    return Fitted(training=own, dataset=source.dataset, found=source.found)


def _unknown(text: str, settings: Settings) -> InputError:
    runs = [found.run_id for found in newest_records(settings.outputs)]
    names = experiment_names(settings.experiments)
    if near := nearest(text, runs, 3):
        todo = f"did you mean {' or '.join(near)}?"
    else:
        todo = (
            f"name an experiment ({', '.join(names)})" if names else begin(settings.experiments) or "name an experiment"
        )
        todo += f", a run ({', '.join(runs[2::-1])})" if runs else ", a run (EXPERIMENT/RUN)"
        todo += ", a sidecar, a checkpoint or a config file"
    finding = Finding(what="no such experiment, run or file", where=text, todo=todo)
    return InputError(f"cannot find {text!r}", [finding])


def named_prompts(source: Source) -> str | None:
    """Return the text of the sample prompt file that a source names; None if unreadable, or not the source's own.

    An experiment may name any file. Other sources may only name files in their own folder, or in their experiment's
    folder if it is here: a path in a record is no reason to pass a file on.
    """
    named = source.training.get("sample_prompts")
    path = Path(str(named)) if named else None
    if path is None or not (source.resolved is not None or any(lies_in(path, home) for home in _homes(source))):
        return None
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError):
        return None


def _homes(source: Source) -> list[Path]:
    """Return a source's folder, and the folders of its experiment's files that are here with the same text."""
    files = source.record.experiment["files"] if source.record is not None else ()
    homes = [source.path.absolute().parent]
    for file in files:
        path = Path(str(file.get("path", "")))
        with contextlib.suppress(OSError, ValueError, InputError):
            if path.is_file() and read_text(path) == file["text"]:
                homes.append(path.parent)
    return homes


def toml_texts(source: Source) -> tuple[str, str] | None:
    """Return the archived texts of train.toml and dataset.toml, byte for byte; None if only values are known."""
    if source.record is None:
        return None
    return source.record.toml["train"], source.record.toml["dataset"]
