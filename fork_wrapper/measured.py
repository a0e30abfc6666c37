"""What runs of this machine have measured for a configuration like this one. Never an estimate."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from fork_wrapper.files import sha256_text
from fork_wrapper.paths import newest_records
from fork_wrapper.provenance import Gpu, host
from fork_wrapper.record import Record
from fork_wrapper.record_memory import RecordMemory
from fork_wrapper.render import TrainerKind
from fork_wrapper.rules.case import Case
from fork_wrapper.settings import Settings

NEWEST = 200
"""Runs that are looked at: reading ten thousand records would take longer than it is worth."""

Fact = list[Any]
"""What is remembered of a record: the sha256 of all that its steps' cost hangs on, their speed, the peak VRAM."""

NOTHING: Fact = ["", None, []]
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


def measured(case: Case, trainer: TrainerKind, gpus: Sequence[Gpu], settings: Settings) -> Measured | None:
    """The newest run on this host and these GPUs whose steps cost the same; None when there is none."""
    names, processes = [gpu.name for gpu in gpus], str(case.host.processes)
    wanted = _cost(case, trainer, names, processes, host()["hostname"])
    form = f"1 of {sha256_text(repr(COSTLY))}"
    memory = RecordMemory(settings.cache, settings.outputs, name="speeds", form=form, find=_fact, sound=_is_fact)
    try:
        for file in islice(newest_records(settings.outputs), NEWEST):
            cost, speed, peak = memory.recall(file) or memory.read(file) or NOTHING
            if speed and cost == wanted:
                return Measured(run=file.run_id, steps_per_second=speed, peak_vram_mib=tuple(peak))
    finally:
        memory.save()
    return None


def _fact(record: Record) -> Fact:
    provenance, argv = record.provenance, record.launch["argv"]
    names = [str(gpu.get("name")) for gpu in provenance.get("gpus") or ()]
    case = Case(training=record.training, dataset=record.dataset)
    place = str((provenance.get("host") or {}).get("hostname"))
    cost = _cost(case, record.launch["trainer"], names, _after(argv, "--num_processes"), place)
    return [cost, record.run["steps_per_second"], list(record.run.get("peak_vram_mib") or ())]


def _is_fact(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    cost, speed, peak = value
    return (
        isinstance(cost, str)
        and isinstance(speed, int | float | None)
        and isinstance(peak, list)
        and all(isinstance(one, int) for one in peak)
    )


def _cost(case: Case, trainer: str, names: list[str], processes: str, place: str) -> str:
    """One text for all runs whose steps cost the same, another for all others."""
    return sha256_text(repr((place, _signature(case, trainer, names, processes))))


def _signature(case: Case, trainer: str, names: list[str], processes: str) -> tuple[Any, ...]:
    sets = tuple((one.resolution, one.get("batch_size"), one.get("enable_bucket")) for one in case.datasets)
    return trainer, names, processes, sets, tuple(repr(case.get(key)) for key in COSTLY)


def _after(argv: Sequence[str], flag: str) -> str:
    return str(argv[list(argv).index(flag) + 1]) if flag in argv else "1"
