"""The opening of a run: its inputs by their hashes, a folder of its own, and the record that says `running`."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

import psutil

from dataset_tools.scan.hashing import HashCache, known_hash
from fork_wrapper.check.check import Checked
from fork_wrapper.check.preflight import Machine
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.resolve import Resolved
from fork_wrapper.experiment.subsets import fingerprint_subsets
from fork_wrapper.files import pretty_json, write_whole
from fork_wrapper.machine.provenance import accelerate_config, base_model, git_state, host, own_state
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import Trainer
from fork_wrapper.records.progress import Progress
from fork_wrapper.records.record import Record, summary
from fork_wrapper.records.run_folder import RunFolder, new_run_folder
from fork_wrapper.run.archive import Archive
from fork_wrapper.run.job import Job, rendered_in
from fork_wrapper.run.render import Rendered, sealed

LONGEST_PROMPTS = 100_000
"""Characters of sample prompts that travel in every checkpoint."""


def read_inputs(job: Job, settings: Settings, hashing: Callable[[str, int], None]) -> dict[str, Any]:
    """The base model and the data set by their hashes, before the trainer can write them into a header.

    Seven gigabytes take seconds, and only the first time: later runs remember them. What cannot be read is None, and
    the archive tries again while the trainer runs: a rehearsal's first run builds its base model itself.
    """
    cache, training, dataset = HashCache(settings.cache / "hashes.json"), job.resolved.training, job.resolved.dataset
    name = str(training.get("pretrained_model_name_or_path", ""))
    if Path(name).is_file() and known_hash(name, cache) is None:
        hashing(name, Path(name).stat().st_size)
    base = base_model(name, cache)
    found = fingerprint_subsets(training, dataset, cache, lambda: False)
    cache.save()
    return {"base_model": base if base["sha256"] else None, "dataset": found.to_json() if found else None}


def _header(inputs: Mapping[str, Any], prompts: str | None) -> dict[str, Any]:
    """What a checkpoint's header says of its inputs: no list of files, and prompts of a length that people write."""
    data = inputs["dataset"]
    return {
        "base_model": inputs["base_model"],
        "dataset": data and {key: data.get(key) for key in ("images", "captions", "bytes", "sha256")},
        "sample_prompts": prompts if prompts and len(prompts) <= LONGEST_PROMPTS else None,
    }


def claim(job: Job, settings: Settings, inputs: Mapping[str, Any]) -> tuple[Rendered, datetime]:
    """A rendered job whose run folder exists and is ours."""
    folder, started = _own_folder(job, settings)
    try:
        rendered = rendered_in(job, settings, folder, started)
        prompts = (job.files or {}).get(PurePath(str(rendered.training.get("sample_prompts", ""))).name)
        header = _header(inputs, prompts if prompts is not None else prompts_of(rendered.training))
        return sealed(rendered, header), started
    except BaseException:
        folder.folder.rmdir()  # nothing was written yet
        raise


def _own_folder(job: Job, settings: Settings) -> tuple[RunFolder, datetime]:
    """A new run folder: two runs may start within one second, and the slower one takes another name."""
    while True:
        started = datetime.now().astimezone()
        folder = new_run_folder(settings.outputs, job.resolved.name, started, rehearsal=job.trainer.rehearsal)
        try:
            folder.folder.mkdir(parents=True)
        except OSError as error:
            if not folder.folder.is_dir():
                raise _unwritable(folder, error) from None
        else:
            return folder, started


def _unwritable(run: RunFolder, error: OSError) -> InputError:
    finding = Finding(what=str(error), where=str(run.folder), todo="set `outputs` to a folder you can write")
    return InputError("the run folder cannot be written", [finding])


def open_archive(
    job: Job, rendered: Rendered, checked: Checked, inputs: Mapping[str, Any], settings: Settings, started: datetime
) -> Archive:
    """Write the configs and the record that says `running`."""
    try:
        write_whole(rendered.run.train_toml, rendered.train_toml)
        write_whole(rendered.run.dataset_toml, rendered.dataset_toml)
        if inputs["dataset"]:
            write_whole(rendered.run.dataset_manifest, pretty_json(inputs["dataset"]))
        for name, text in (job.files or {}).items():
            write_whole(rendered.run.folder / name, text)
        record = begin(
            job.resolved,
            rendered,
            started=started,
            provenance={**_provenance(checked.machine, settings, rendered.trainer), **inputs},
            foreseen=(
                checked.plan.to_json(),
                [asdict(finding) for finding in (*job.warnings, *checked.findings)],
            ),
            rehearsal=job.rehearsal,
            process={"pid": os.getpid(), "created": psutil.Process().create_time(), "host": host()["hostname"]},
        ).with_lineage(job.lineage)
        archive = Archive(rendered.run, record, Progress(), HashCache(settings.cache / "hashes.json"))
        archive.reserve()
        archive.write()
    except OSError as error:
        with contextlib.suppress(OSError):
            rendered.run.reserve.unlink(missing_ok=True)
        raise _unwritable(rendered.run, error) from None
    return archive


def _provenance(machine: Machine, settings: Settings, trainer: Trainer) -> dict[str, Any]:
    """What is known of this machine before the launch."""
    scripts = git_state(settings.sd_scripts) if trainer.kind != "stand-in" else None
    return {
        "sd_scripts": {**asdict(scripts), "path": str(settings.sd_scripts)} if scripts else None,
        "project": asdict(own_state()),
        "python": asdict(machine.python) if machine.python else None,
        "gpus": [gpu.to_json() for gpu in machine.gpus],
        "host": host(),
        "accelerate": accelerate_config(os.environ),
    }


def begin(
    resolved: Resolved,
    rendered: Rendered,
    *,
    started: datetime,
    provenance: Mapping[str, Any],
    foreseen: tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]],
    rehearsal: Mapping[str, Any] | None,
    process: Mapping[str, Any],
) -> Record:
    """The record of a run that is about to be launched; `foreseen` are its plan and the findings of its check."""
    plan, findings = foreseen
    files = [
        {"name": link.name, "path": str(link.path), "sha256": link.sha256, "text": link.text} for link in resolved.chain
    ]
    return Record(
        experiment={
            "name": resolved.name,
            "files": files,
            "story": dict(resolved.story),
            "sample_prompts": prompts_of(rendered.training),
            "origins": {path: asdict(origin) for path, origin in sorted(rendered.origins.items())},
            "overrides": list(resolved.overrides),
            "allowed_unknown": list(resolved.allowed),
            "acknowledged": {key: asdict(one) for key, one in sorted(resolved.acknowledged.items())},
        },
        training=dict(rendered.training),
        dataset=dict(rendered.dataset),
        toml={"train": rendered.train_toml, "dataset": rendered.dataset_toml},
        launch={
            "argv": list(rendered.argv),
            "cwd": str(rendered.run.folder),
            "env": dict(rendered.trainer.env),
            "trainer": rendered.trainer.kind,
        },
        effective=dict(rendered.effective),
        effective_dataset=dict(rendered.effective_dataset),
        provenance=dict(provenance),
        plan=dict(plan),
        findings=tuple(findings),
        rehearsal=rehearsal,
        run={
            "id": rendered.run.run_id,
            "parent": None,
            "status": "running",
            "started": started.isoformat(timespec="seconds"),
            "ended": None,
            "seconds": None,
            "exit_code": None,
            "stops": [],
            "failure": None,
            "process": dict(process),
            "peak_vram_mib": None,
            **summary(Progress()),
        },
    )


def prompts_of(training: Mapping[str, Any]) -> str | None:
    """The text of the sample prompts: the path alone would not say what was drawn."""
    path = training.get("sample_prompts")
    try:
        return Path(path).read_text(encoding="utf-8") if path else None
    except (OSError, UnicodeDecodeError):
        return None
