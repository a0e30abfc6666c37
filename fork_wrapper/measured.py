"""What runs of this machine have measured for a configuration like this one. Never an estimate."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fork_wrapper.errors import InputError
from fork_wrapper.paths import run_folders
from fork_wrapper.provenance import Gpu, host
from fork_wrapper.record import Record, read_record
from fork_wrapper.render import TrainerKind
from fork_wrapper.rules.case import Case

NEWEST = 200
"""Runs that are looked at: reading ten thousand records would take longer than it is worth."""

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
    """Over the whole of its training loop."""
    peak_vram_mib: tuple[int, ...]
    """Highest memory in use per GPU, sampled; empty where there was none."""


def measured(case: Case, trainer: TrainerKind, gpus: Sequence[Gpu], outputs: Path) -> Measured | None:
    """The newest run on this host and these GPUs whose steps cost the same; None when there is none."""
    here, wanted = host()["hostname"], _cost(case, trainer, [gpu.name for gpu in gpus])
    for folder in reversed(run_folders(outputs)[-NEWEST:]):
        try:
            record = read_record(folder.record)
        except InputError:
            continue
        speed = record.run["steps_per_second"]
        if speed and _host(record) == here and _cost_of(record) == wanted:
            peak = record.run.get("peak_vram_mib") or ()
            return Measured(run=folder.run_id, steps_per_second=speed, peak_vram_mib=tuple(peak))
    return None


def _host(record: Record) -> str:
    return str((record.provenance.get("host") or {}).get("hostname"))


def _cost_of(record: Record) -> tuple[Any, ...]:
    processes = _after(record.launch["argv"], "--num_processes")
    host_gpus = [str(gpu.get("name")) for gpu in record.provenance.get("gpus") or ()]
    case = Case(training=record.training, dataset=record.dataset)
    return _signature(case, record.launch["trainer"], host_gpus, processes)


def _cost(case: Case, trainer: TrainerKind, names: list[str]) -> tuple[Any, ...]:
    return _signature(case, trainer, names, str(case.host.processes))


def _signature(case: Case, trainer: str, names: list[str], processes: str) -> tuple[Any, ...]:
    sets = tuple((one.resolution, one.get("batch_size"), one.get("enable_bucket")) for one in case.datasets)
    return trainer, names, processes, sets, tuple(repr(case.get(key)) for key in COSTLY)


def _after(argv: Sequence[str], flag: str) -> str:
    return str(argv[list(argv).index(flag) + 1]) if flag in argv else "1"
