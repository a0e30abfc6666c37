"""What runs of this machine have measured for a configuration like this one. Never an estimate."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.optimizers import optimizer
from fork_wrapper.files import sha256_text
from fork_wrapper.machine.gpus import Gpu
from fork_wrapper.machine.provenance import host
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import TrainerKind
from fork_wrapper.records.record import Record
from fork_wrapper.records.record_memory import RecordMemory
from fork_wrapper.records.run_folder import newest_records
from fork_wrapper.sdscripts.sizes import trained

NEWEST = 200
"""Runs that are looked at: reading ten thousand records would take longer than it is worth."""

NEAR = 2
"""Neighbours that are shown."""

Fact = list[Any]
"""What is remembered of a record: the sha256 of all that its steps' cost hangs on, their speed, the peak VRAM; of a
whole real run also what its memory hangs on most, its GPU and its largest batch."""

NOTHING: Fact = ["", None, [], "", "", 0]
"""Of a record that cannot be read."""

COSTLY = (
    *("optimizer_type", "use_8bit_adam", "use_lion_optimizer", "optimizer_args", "train_text_encoder"),
    *("learning_rate_te1", "learning_rate_te2", "block_lr", "gradient_accumulation_steps", "gradient_checkpointing"),
    *("mixed_precision", "full_fp16", "full_bf16", "xformers", "sdpa", "mem_eff_attn", "diffusers_xformers"),
    *("fused_backward_pass", "fused_optimizer_groups", "torch_compile", "deepspeed", "lowram", "highvram"),
    *("cache_latents", "cache_text_encoder_outputs", "max_token_length", "max_data_loader_n_workers"),
)
"""Options that decide how fast a step is and how much memory it takes."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one earlier run measured."""

    run: str
    """Its id."""
    steps_per_second: float
    """Of training alone: without the first step, saves and samples (`Progress.steps_per_second`)."""
    peak_vram_mib: tuple[int, ...]
    """Highest memory in use per GPU, sampled; empty where there was none."""


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """The memory of a run with the same kinds of weights, gradients and optimizer, whatever else it did otherwise."""

    mib: int
    """Peak of one GPU, CUDA's own included."""
    gpu: str
    """Its name; empty where the source does not say it."""
    batch_size: int | None
    """Largest; None where the source does not say it."""
    source: str
    """Id of the run, or where it was published."""


@dataclass(frozen=True, kw_only=True)
class Experience:
    """What earlier runs tell about a configuration."""

    same: Measured | None
    """The newest run on this host and these GPUs whose steps cost the same; None when there is none."""
    near: tuple[Neighbour, ...]
    """Runs that are like it in what takes most memory: those nearest in batch size, this machine's first."""


def measured(case: Case, trainer: TrainerKind, gpus: Sequence[Gpu], settings: Settings) -> Experience:
    """What the newest runs of `settings.outputs`, and the published ones, have measured."""
    names, processes = [gpu.name for gpu in gpus], str(case.host.processes)
    wanted = _cost(case, trainer, names, processes, host()["hostname"])
    form = f"2 of {sha256_text(repr(COSTLY))}"
    memory = RecordMemory(settings.cache, settings.outputs, name="speeds", form=form, find=_fact, sound=_is_fact)
    same, own, like = None, [], _like(case)
    try:
        for file in islice(newest_records(settings.outputs), NEWEST):
            cost, speed, peak, other, gpu, batch = memory.recall(file) or memory.read(file) or NOTHING
            if speed and cost == wanted and same is None:
                same = Measured(run=file.run_id, steps_per_second=speed, peak_vram_mib=tuple(peak))
            if peak and other == like:
                own.append(Neighbour(mib=max(peak), gpu=gpu, batch_size=batch or None, source=file.run_id))
    finally:
        memory.save()
    mine = _batch(case)
    known = [one for other, one in published() if other == like]
    near = [*sorted(own, key=lambda one: _distance(one, mine)), *sorted(known, key=lambda one: _distance(one, mine))]
    return Experience(same=same, near=tuple(near[:NEAR]))


@lru_cache(maxsize=1)
def published() -> tuple[tuple[str, Neighbour], ...]:
    """The measurements that kft comes with, each after what its memory hangs on most."""
    return tuple(
        (
            _like(Case(training=row["training"], dataset={})),
            Neighbour(mib=row["mib"], gpu=row["gpu"] or "", batch_size=row["batch_size"], source=row["source"]),
        )
        for row in published_rows()
    )


def published_rows() -> list[dict[str, Any]]:
    """They as they are written."""
    text = Path(__file__).with_name("measured_memory.json").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)["rows"]
    return rows


def _like(case: Case) -> str:
    """One text for all whose weights, gradients and optimizer are of the same kinds."""
    parts, one = trained(case.get), optimizer(case)
    full = bool(case.get("full_fp16") or case.get("full_bf16"))
    fused = bool(case.get("fused_backward_pass")), bool(case.get("fused_optimizer_groups"))
    return repr((one.path, full, *fused, bool(case.get("gradient_checkpointing")), bool(parts.unet)))


def _batch(case: Case) -> int:
    sizes = [one.get("batch_size") for one in case.datasets]
    return max((size for size in sizes if isinstance(size, int)), default=1)


def _distance(one: Neighbour, batch: int) -> float:
    return abs((one.batch_size or 1) - batch) + (0 if one.batch_size else 0.5)


def _fact(record: Record) -> Fact:
    provenance, argv = record.provenance, record.launch["argv"]
    names = [str(gpu.get("name")) for gpu in provenance.get("gpus") or ()]
    case = Case(training=record.training, dataset=record.dataset)
    place = str((provenance.get("host") or {}).get("hostname"))
    cost = _cost(case, record.launch["trainer"], names, _after(argv, "--num_processes"), place)
    measures = [cost, record.run["steps_per_second"], list(record.run.get("peak_vram_mib") or ())]
    whole = record.run["status"] == "completed" and "deepspeed" not in record.training
    return [*measures, *([_like(case), names[0] if names else "", _batch(case)] if whole else NOTHING[3:])]


def _is_fact(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != len(NOTHING):
        return False
    cost, speed, peak, like, gpu, batch = value
    return (
        isinstance(cost, str)
        and isinstance(speed, int | float | None)
        and isinstance(peak, list)
        and all(isinstance(one, int) for one in peak)
        and isinstance(like, str)
        and isinstance(gpu, str)
        and isinstance(batch, int)
    )


def _cost(case: Case, trainer: str, names: list[str], processes: str, place: str) -> str:
    """One text for all runs whose steps cost the same, another for all others."""
    return sha256_text(repr((place, _signature(case, trainer, names, processes))))


def _signature(case: Case, trainer: str, names: list[str], processes: str) -> tuple[Any, ...]:
    sets = tuple((one.resolution, one.get("batch_size"), one.get("enable_bucket")) for one in case.datasets)
    return trainer, names, processes, sets, tuple(repr(case.get(key)) for key in COSTLY)


def _after(argv: Sequence[str], flag: str) -> str:
    return str(argv[list(argv).index(flag) + 1]) if flag in argv else "1"
