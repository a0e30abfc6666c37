"""What a run would do, before it does it: images, buckets, steps, rates, files and their sizes.

Everything is computed as sd-scripts computes it. Time and memory are never computed: they are what an earlier run of
this machine measured, or not there.
"""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from fork_wrapper.errors import Finding
from fork_wrapper.layout import DatasetLayout, layouts
from fork_wrapper.measured import Measured, measured
from fork_wrapper.preflight import Machine, existing
from fork_wrapper.render import Trainer
from fork_wrapper.rules.case import Case
from fork_wrapper.rules.optimizers import optimizer
from fork_wrapper.rules.prompt_file import PromptFileError, read_prompts
from fork_wrapper.sdscripts.sizes import (
    BYTES,
    Trained,
    checkpoint_bytes,
    latent_bytes,
    state_bytes,
    text_bytes,
    trained,
)
from fork_wrapper.sdscripts.steps import Schedule, StepsError, plan_steps
from fork_wrapper.settings import Settings

SPARE = 2 * 10**9
"""Bytes that logs, samples and everything else may take."""

LISTED = 200
"""Names of files that a plan spells out: a run that saves at every step has tens of thousands."""


@dataclass(frozen=True, kw_only=True)
class Cache:
    """Something that sd-scripts computes once for each image."""

    bytes: int
    """In all."""
    on_disk: bool
    """Beside the images, and not in memory."""


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
    """What has the last word on rates, where it is not the options: an optimizer that finds its own, or block_lr."""
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
        return {**plain, "kept_bytes": self.kept_bytes, "seconds": self.seconds, "schedule": _plain(self.schedule)}


def make_plan(case: Case, name: str, settings: Settings, machine: Machine, trainer: Trainer) -> Plan:
    """The plan of one run; never an error, however little is known."""
    laid_out = layouts(case)
    schedule, unknown = _schedule(case, laid_out, name)
    return Plan(
        name=name,
        datasets=laid_out,
        schedule=schedule,
        unknown=unknown,
        processes=case.host.processes,
        accumulation=case.get("gradient_accumulation_steps"),
        rates=trained(case.get),
        rates_by=_who_decides_rates(case),
        lr_scheduler=str(case.get("lr_scheduler_type") or case.get("lr_scheduler")),
        checkpoint_bytes=0 if trainer.rehearsal else checkpoint_bytes(case.get),
        state_bytes=0 if trainer.rehearsal else state_bytes(case.get),
        latents=_latents(case, laid_out),
        texts=_texts(case, laid_out),
        prompts=_count_prompts(case),
        free=_free(settings.outputs),
        measured=measured(case, trainer.kind, machine.gpus, settings),
    )


def space(plan: Plan, outputs: Path) -> list[Finding]:
    """Free space against what will be written; it stops a run only when not even one checkpoint fits."""
    needed = SPARE + (plan.checkpoint_bytes if plan.kept_bytes is None else plan.kept_bytes)
    if plan.free is None or plan.free >= needed:
        return []
    return [
        Finding(
            what=f"checkpoints and states need about {needed / 1e9:.0f} GB, {plan.free / 1e9:.1f} GB are free",
            where=str(outputs),
            todo="free space, set `outputs` to another disk, or save fewer of them",
            severity="error" if plan.free < SPARE + plan.checkpoint_bytes else "warning",
        )
    ]


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
    return "block_lr, block by block" if case.get("block_lr") else ""


def _latents(case: Case, laid_out: tuple[DatasetLayout, ...]) -> Cache | None:
    on_disk = bool(case.get("cache_latents_to_disk"))
    if not (on_disk or case.get("cache_latents")):
        return None
    half = BYTES.get(str(case.get("mixed_precision")), 4)
    each = 4 if on_disk or case.get("no_half_vae") else half
    sizes = 0
    for dataset, layout in zip(case.datasets, laid_out, strict=True):
        flipped = any(subset.get("flip_aug") for subset in dataset.subsets)
        share = layout.images / layout.repeats if layout.repeats else 0.0  # repeats share one cache
        sizes += round(
            sum(latent_bytes(one.resolution, flipped=flipped, each=each) * one.count for one in layout.buckets) * share
        )
    return Cache(bytes=sizes, on_disk=on_disk) if sizes else None


def _texts(case: Case, laid_out: tuple[DatasetLayout, ...]) -> Cache | None:
    on_disk = bool(case.get("cache_text_encoder_outputs_to_disk"))
    images = sum(one.images for one in laid_out)
    if not images or not (on_disk or case.get("cache_text_encoder_outputs")):
        return None
    return Cache(bytes=images * text_bytes(case.get), on_disk=on_disk)


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
