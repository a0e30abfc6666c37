"""The run that is to be repeated, as one file tells it: a sidecar, a record, a checkpoint, another program's file.

Nothing else is read: the experiment, its run folder and the machine may be gone. The exact values of the archive go
in, not what an experiment of that name would come to today; what is not said is None, and never guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import tomli_w

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.experiment import Experiment
from fork_wrapper.experiment.resolve import Resolved, with_defaults
from fork_wrapper.files import parse_toml, plain_name, sha256_text
from fork_wrapper.formats.source import Source, SourceKind
from fork_wrapper.machine.settings import Settings, placeholders
from fork_wrapper.records.checkpoints import CONFIG_KEY, RUN_KEY, inputs_of
from fork_wrapper.records.launched_values import acknowledged_in
from fork_wrapper.records.record import Record
from fork_wrapper.repeat.archive_soundness import (
    CONFIG,
    MANAGED,
    RUN,
    check_agreement,
    check_values,
    identity_of,
    sound_facts,
    tables_of,
    text_of,
    texts_of,
    without_run,
)
from fork_wrapper.run.render import dataset_text, sorted_tree

NO_FOLDERS = ("(output_dir)", "(logging_dir)")
"""What stands for the folders of a run in the rendered values of a file that had none."""

IMPLEMENTATION = "modelspec.implementation_version"
"""The header key under which sd-scripts names itself (library/sai_model_spec.py:272-287)."""


@dataclass(frozen=True, kw_only=True)
class Original:
    """A run, as far as its archive tells it."""

    path: Path
    """The file."""
    kind: SourceKind
    """What it is: run, sidecar, checkpoint or file."""
    name: str
    """Of the experiment, and of its checkpoints."""
    run_id: str | None
    """Of the run."""
    training: Mapping[str, Any]
    """Options, without what belongs to one run."""
    dataset: Mapping[str, Any]
    """The dataset config as a tree, its keys in the archive's order."""
    texts: tuple[str, str]
    """train.toml and dataset.toml, byte for byte; of a file of another program, as its values are rendered."""
    folders: tuple[str, str] | None
    """`output_dir` and `logging_dir` of the run; None of a file of another program."""
    identity: Mapping[str, Any] | None
    """What the run wrote into its checkpoints' headers, `metadata_kft_config`."""
    trainer: str | None
    """The kind of program that trained."""
    rehearsal: Mapping[str, Any] | None
    """As in the record; of a checkpoint, that it was one; None for a real run."""
    provenance: Mapping[str, Any]
    """As in the record; empty parts are not known."""
    record: Record | None
    """The record, where the archive has one."""
    prompts: str | None
    """The text of the sample prompts."""
    resolved: Resolved
    """The same values for the check and the record."""


def original_of(source: Source, settings: Settings) -> Original:
    """What a source tells of its run; InputError for an experiment, and for an archive that is damaged."""
    if source.record is not None:
        original = _of_record(source, source.record)
    elif source.header is not None:
        original = _of_checkpoint(source, source.header)
    elif source.found is not None:
        return _of_file(source, settings)
    else:
        finding = Finding(
            what="it is an experiment, which has not run",
            where=str(source.path),
            todo=f"kft run {source.label}, or name a sidecar, a record, a checkpoint or a config file",
        )
        raise InputError(f"{source.label} cannot be reproduced", [finding])
    if original.name != plain_name(original.name):
        what = f"{original.name!r} cannot be the name of an experiment"
        finding = Finding(what=what, where=str(original.path), todo="use another copy of the archive")
        raise InputError(f"cannot use {original.path.name}", [finding])
    return original


def _of_record(source: Source, record: Record) -> Original:
    training = parse_toml(record.toml["train"], source.path)
    dataset = parse_toml(record.toml["dataset"], source.path)
    check_agreement(source.path, record, training, dataset)
    check_values(source.path, training, dataset)
    files = tables_of(record.experiment["files"])
    chain = [
        _link(str(file.get("name")), Path(str(file.get("path"))), str(file.get("text", "")), file.get("sha256"))
        for file in files
    ]
    experiment = record.experiment
    return Original(
        path=source.path,
        kind=source.kind,
        name=record.name,
        run_id=str(record.run["id"]),
        training=without_run(training),
        dataset=dataset,
        texts=(record.toml["train"], record.toml["dataset"]),
        folders=_folders(training),
        identity=identity_of(training.get(CONFIG), source.path),
        trainer=str(record.launch["trainer"]),
        rehearsal=dict(record.rehearsal) if isinstance(record.rehearsal, Mapping) else None,
        provenance=sound_facts(record.provenance),
        record=record,
        prompts=text_of(experiment.get("sample_prompts")),
        resolved=Resolved(
            name=record.name,
            chain=_with_story(chain or [_link(record.name, source.path, "", None)], experiment.get("story")),
            training=without_run(training),
            dataset=dataset,
            origins={key: origin for key, origin in source.origins.items() if key.rsplit(".", 1)[-1] not in MANAGED},
            overrides=texts_of(experiment.get("overrides")),
            allowed=texts_of(experiment.get("allowed_unknown")),
            acknowledged=acknowledged_in(record),
        ),
    )


def _of_checkpoint(source: Source, header: Mapping[str, Any]) -> Original:
    """A header says what was configured, from what, and by which run and program; of the machine it knows nothing."""
    meta, run = header["header"], header["run"]
    name = str(header.get("experiment"))
    check_values(source.path, source.training, source.dataset)
    dataset = sorted_tree(source.dataset)
    whole = {**source.training, CONFIG: meta[CONFIG_KEY], RUN: meta.get(RUN_KEY, "{}")}
    files = tables_of(header.get("files"))
    chain = [_link(str(file.get("name")), Path(f"{file.get('name')}.toml"), "", file.get("sha256")) for file in files]
    commit = str(meta.get(IMPLEMENTATION, "")).removeprefix("sd-scripts/")
    known = {"commit": commit, "dirty": None} if len(commit) == 40 else None  # a full hash
    inputs = inputs_of(meta)
    return Original(
        path=source.path,
        kind=source.kind,
        name=name,
        run_id=text_of(run.get("run")),
        training=without_run(source.training),
        dataset=dataset,
        texts=(tomli_w.dumps(dict(sorted(whole.items()))), dataset_text(dataset)),
        folders=_folders(source.training),
        identity=identity_of(meta[CONFIG_KEY], source.path),
        trainer=text_of(run.get("trainer")),
        rehearsal={} if run.get("rehearsal") else None,
        provenance={"sd_scripts": known, **{name: inputs.get(name) for name in ("base_model", "dataset")}},
        record=None,
        prompts=text_of(inputs.get("sample_prompts")),
        resolved=Resolved(
            name=name,
            chain=tuple(chain) or (_link(name, source.path, "", None),),
            training=without_run(source.training),
            dataset=dataset,
            origins={},
            overrides=texts_of(header.get("overrides")),
            allowed=texts_of(header.get("allowed_unknown")),
        ),
    )


def _of_file(source: Source, settings: Settings) -> Original:
    """A file of the GUI or of sd-scripts: a configuration without a run; what kft always sets is added."""
    from fork_wrapper.formats.experiment_text import experiment_text  # noqa: PLC0415 - archives of kft do not pay for it
    from fork_wrapper.formats.fitted import Fitted  # noqa: PLC0415

    assert source.found is not None
    name = plain_name(source.found.name)
    fitted = Fitted(training=source.training, dataset=source.dataset, found=source.found)
    prompts = str(source.training["sample_prompts"]) if "sample_prompts" in source.training else None
    now = datetime.now().astimezone()
    text = experiment_text(fitted, name=name, folders=placeholders(settings), prompts=prompts, now=now)
    resolved = with_defaults(
        Resolved(
            name=name,
            chain=(_link(name, source.path.absolute(), text, None),),
            training=source.training,
            dataset=source.dataset,
            origins=source.origins,
        )
    )
    dataset = sorted_tree(resolved.dataset)
    places = dict(zip(("output_dir", "logging_dir"), NO_FOLDERS, strict=True))
    whole = {**resolved.training, **dict.fromkeys(MANAGED, ""), **places, "output_name": name}
    return Original(
        path=source.path,
        kind=source.kind,
        name=name,
        run_id=None,
        training=resolved.training,
        dataset=dataset,
        texts=(tomli_w.dumps(dict(sorted(whole.items()))), dataset_text(dataset)),
        folders=None,
        identity=None,
        trainer=None,
        rehearsal=None,
        provenance={},
        record=None,
        prompts=source.found.prompts,
        resolved=replace(resolved, dataset=dataset),
    )


def _folders(training: Mapping[str, Any]) -> tuple[str, str]:
    return str(training.get("output_dir", "")), str(training.get("logging_dir", ""))


def _link(name: str, path: Path, text: str, sha256: Any) -> Experiment:
    """An experiment file as the archive remembers it: for the next record, and for the places of findings."""
    return Experiment(
        name=name,
        path=path,
        text=text,
        sha256=sha256 if isinstance(sha256, str) else sha256_text(text),
        extends=None,
        unset=(),
        story={},
        training={},
        dataset={},
        origins={},
    )


def _with_story(chain: list[Experiment], story: Any) -> tuple[Experiment, ...]:
    return (*chain[:-1], replace(chain[-1], story=dict(story) if isinstance(story, Mapping) else {}))
