"""What a run would do, before it does it: images, buckets, steps, rates, files and their sizes.

Everything is computed as sd-scripts computes it. Time and the peak of GPU memory are never computed: they are what an
earlier run of this machine measured, or not there. What can be computed of GPU memory is its least (`gpu_memory`).
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from fork_wrapper.check.dataset_layout import DatasetLayout, layouts
from fork_wrapper.check.gpu_memory import GpuMemory, gpu_memory, state_bytes
from fork_wrapper.check.machine_kinds import machine_finding
from fork_wrapper.check.measured import Measured, Neighbour, measured
from fork_wrapper.check.preflight import Machine, existing
from fork_wrapper.check.rules.case import Case, DatasetCase
from fork_wrapper.check.rules.optimizers import optimizer
from fork_wrapper.check.rules.prompt_file import PromptFileError, read_prompts
from fork_wrapper.check.rules.rates import block_rates
from fork_wrapper.check.rules.reading import caches_texts
from fork_wrapper.errors import Finding
from fork_wrapper.machine.provenance import accelerate_config
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import Trainer
from fork_wrapper.sdscripts.sizes import (
    BYTES,
    Trained,
    checkpoint_bytes,
    latent_bytes,
    text_bytes,
    trained,
)
from fork_wrapper.sdscripts.steps import Schedule, StepsError, plan_steps

SPARE = 2 * 10**9
"""Bytes that logs and everything else may take."""

SAMPLE = 2 * 10**6
"""Bytes of a sample image of a megapixel."""

LISTED = 200
"""Names of files that a plan spells out: a run that saves at every step has tens of thousands."""


@dataclass(frozen=True, kw_only=True)
class Cache:
    """Something that sd-scripts computes once for each image."""

    bytes: int
    """In all."""
    on_disk: bool
    """Beside the images, and not in memory."""
    missing: tuple[tuple[str, int], ...] = ()
    """On disk: each folder of images, and the bytes that are not there yet."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run would do."""

    name: str
    """The experiment's."""
    datasets: tuple[DatasetLayout, ...]
    """In order; one that cannot be laid out says why."""
    schedule: Schedule | None
    """Steps and what is written when; None when `unknown` says why."""
    unknown: str
    """Why there is no schedule, in one line."""
    processes: int
    """GPUs in all."""
    accumulation: int
    """`gradient_accumulation_steps`."""
    rates: Trained
    """Learning rate of each part; 0 is frozen."""
    rates_by: str
    """What has the last word on rates, where it is not the options: an optimizer that finds its own."""
    block_rates: tuple[float, ...] | None
    """Learning rates of the U-Net's 23 blocks by block_lr, in place of `rates.unet`; None where it has one rate."""
    lr_scheduler: str
    """How rates move, as sd-scripts is told."""
    checkpoint_bytes: int
    """Of one."""
    state_bytes: int | None
    """Of one; None for an optimizer whose state nobody measured."""
    latents: Cache | None
    """Cached latents; None where none are cached, or no image is known."""
    texts: Cache | None
    """Cached text encoder outputs, likewise."""
    prompts: int
    """Sample images at a time."""
    free: int | None
    """Bytes free where runs are written."""
    measured: Measured | None
    """What an earlier run measured; None: not measured yet."""
    memory: GpuMemory | None = None
    """The least that each process takes on its GPU; None for a rehearsal, and where nothing is certain."""
    neighbours: tuple[Neighbour, ...] = ()
    """What similar runs took."""

    @property
    def kept_bytes(self) -> int | None:
        """Of all checkpoints and states that lie there at once; None when the length of the run is unknown."""
        if self.schedule is None:
            return None
        states = len(self.schedule.states) and self.schedule.states.kept * (self.state_bytes or 0)
        return self.schedule.checkpoints.kept * self.checkpoint_bytes + states

    @property
    def seconds(self) -> float | None:
        """Of all steps at the measured speed; start, samples and saves come on top."""
        if self.schedule is None or self.measured is None:
            return None
        return self.schedule.total_steps / self.measured.steps_per_second

    def to_json(self) -> dict[str, Any]:
        """As plain values, for records and `--json`; checkpoints and states with their names."""
        plain = {key: value for key, value in asdict(self).items() if key != "schedule"}
        if self.memory is not None:
            plain["memory"] |= {"bytes": self.memory.bytes, "mib": self.memory.mib}
        return {**plain, "kept_bytes": self.kept_bytes, "seconds": self.seconds, "schedule": _plain(self.schedule)}


def make_plan(case: Case, name: str, settings: Settings, machine: Machine, trainer: Trainer) -> Plan:
    """The plan of one run; never an error, however little is known."""
    laid_out = layouts(case)
    schedule, unknown = _schedule(case, laid_out, name)
    experience = measured(case, trainer.kind, machine.gpus, settings)
    return Plan(
        name=name,
        datasets=laid_out,
        schedule=schedule,
        unknown=unknown,
        processes=case.host.processes,
        accumulation=case.get("gradient_accumulation_steps"),
        rates=trained(case.get),
        rates_by=_who_decides_rates(case),
        block_rates=block_rates(case) if trained(case.get).unet else None,
        lr_scheduler=str(case.get("lr_scheduler_type") or case.get("lr_scheduler")),
        checkpoint_bytes=0 if trainer.rehearsal else checkpoint_bytes(case.get),
        state_bytes=0 if trainer.rehearsal else state_bytes(case),
        latents=_latents(case, laid_out),
        texts=_texts(case, laid_out),
        prompts=_count_prompts(case),
        free=_free(settings.outputs),
        measured=experience.same,
        memory=None if trainer.rehearsal else least_memory(case, settings),
        neighbours=() if trainer.rehearsal else experience.near,
    )


def least_memory(case: Case, settings: Settings) -> GpuMemory | None:
    """The lower bound of GPU memory for a launch with these settings."""
    config = str(accelerate_config(os.environ)["text"] or "")
    return gpu_memory(case, "\n".join([" ".join(settings.accelerate_args), config]))


def space(plan: Plan, outputs: Path) -> list[Finding]:
    """An error for each disk that has no room for all that is to lie there at once: what is pruned takes none."""
    found = []
    for disk, writes in _by_disk(plan, outputs).items():
        needed, free = sum(writes.values()), plan.free if "checkpoints" in writes else _free(disk)
        if free is not None and free < needed:
            what = f"{_listed(list(writes))} need about {needed / 1e9:.0f} GB, {free / 1e9:.1f} GB are free"
            saves = "set `outputs` to another disk, or save fewer of them"
            todo = f"free space, {saves if 'checkpoints' in writes else 'or cache in memory'}"
            found.append(machine_finding("disk", what, where=str(disk), todo=todo))
    return found


def _by_disk(plan: Plan, outputs: Path) -> dict[Path, dict[str, int]]:
    """A folder of each disk that is written to, and the bytes of each kind; the one of the runs with what is spare."""
    runs = {"checkpoints": plan.checkpoint_bytes if plan.kept_bytes is None else plan.kept_bytes}
    if plan.schedule is not None and len(plan.schedule.states):
        runs = {"checkpoints": runs["checkpoints"], "states": 0}  # `kept_bytes` holds both
    if plan.schedule is not None and (images := plan.prompts * len(plan.schedule.samples)):
        runs["samples"] = images * SAMPLE
    runs["logs"] = SPARE
    disks = {_disk(outputs): (outputs, runs)}
    for cache in (plan.latents, plan.texts):
        for name, size in cache.missing if cache else ():
            disk = _disk(Path(name))
            if disk not in disks:
                disks[disk] = (Path(name), {})
            writes = disks[disk][1]
            writes["caches"] = writes.get("caches", 0) + size
    return dict(disks.values())


def _disk(folder: Path) -> int | str:
    """What is the same for all folders of one disk."""
    try:
        return existing(folder).stat().st_dev
    except OSError:
        return str(folder)


def _listed(names: Sequence[str]) -> str:
    *most, last = [name for name in names if name != "logs"]
    return f"{', '.join(most)} and {last}" if most else last


def _schedule(case: Case, laid_out: tuple[DatasetLayout, ...], name: str) -> tuple[Schedule | None, str]:
    """Steps, and why they are unknown: a data set that is not here leaves only lengths that are given in steps."""
    problems = [one.problem for one in laid_out if one.problem]
    if problems or case.surveys is None:
        return None, problems[0] if problems else "nobody looked at the images"
    try:
        batches = sum(one.batches for one in laid_out)
        return plan_steps(case.get, batches=batches, processes=case.host.processes, name=name), ""
    except StepsError as error:
        return None, str(error)


def _who_decides_rates(case: Case) -> str:
    chosen = optimizer(case)
    if chosen.adafactor and chosen.relative:
        return "Adafactor with relative_step finds its own"
    if chosen.adapts:
        return f"{case.get('optimizer_type')} multiplies them by what it finds"
    return ""


def _latents(case: Case, laid_out: tuple[DatasetLayout, ...]) -> Cache | None:
    on_disk = bool(case.get("cache_latents_to_disk"))
    if not (on_disk or case.get("cache_latents")):
        return None
    half = BYTES.get(str(case.get("mixed_precision")), 4)
    each = 4 if on_disk or case.get("no_half_vae") else half
    sizes, missing = 0, list[tuple[str, int]]()
    for dataset, layout in zip(case.datasets, laid_out, strict=True):
        flipped = any(subset.get("flip_aug") for subset in dataset.subsets)
        share = layout.images / layout.repeats if layout.repeats else 0.0  # repeats share one cache
        own = round(
            sum(latent_bytes(one.resolution, flipped=flipped, each=each) * one.count for one in layout.buckets) * share
        )
        sizes += own
        missing += _missing(dataset, layout, own / layout.images if layout.images else 0.0, texts=False)
    return Cache(bytes=sizes, on_disk=on_disk, missing=tuple(missing) if on_disk else ()) if sizes else None


def _texts(case: Case, laid_out: tuple[DatasetLayout, ...]) -> Cache | None:
    on_disk = bool(case.get("cache_text_encoder_outputs_to_disk"))
    images = sum(one.images for one in laid_out)
    if not images or not caches_texts(case):
        return None
    each = text_bytes(case.get)
    found = [
        folder
        for dataset, layout in zip(case.datasets, laid_out, strict=True)
        for folder in _missing(dataset, layout, each, texts=True)
    ]
    return Cache(bytes=images * each, on_disk=on_disk, missing=tuple(found) if on_disk else ())


def _missing(dataset: DatasetCase, layout: DatasetLayout, each: float, *, texts: bool) -> Iterator[tuple[str, int]]:
    """Folders of a dataset and the bytes of the caches that are not there yet; each image has one."""
    images = {one.path: one.images for one in layout.subsets}
    for subset in dataset.subsets:
        if (survey := subset.survey) is not None:
            there = survey.text_encoder_outputs if texts else survey.latents
            cached = len({file.image for file in there if not file.older})
            yield str(survey.folder), round(max(0, images.get(subset.path, 0) - cached) * each)


def _count_prompts(case: Case) -> int:
    """Prompts in the file; none where it cannot be read, which a rule says."""
    try:
        return len(read_prompts(case.prompts or "", str(case.get("sample_prompts"))))
    except PromptFileError:
        return 0


def _free(outputs: Path) -> int | None:
    folder = existing(outputs)
    return shutil.disk_usage(folder).free if folder.is_dir() else None


def _plain(schedule: Schedule | None) -> Mapping[str, Any] | None:
    if schedule is None:
        return None
    names = ("batches_per_epoch", "steps_per_epoch", "total_steps", "epochs", "warmup_steps", "decay_steps")
    written = {
        kind: {
            "count": len(writes),
            "kept": writes.kept,
            "files": [one.file for one in islice(writes, LISTED)],
        }
        for kind, writes in (("checkpoints", schedule.checkpoints), ("states", schedule.states))
    }
    return {**{name: getattr(schedule, name) for name in names}, **written, "samples": len(schedule.samples)}
