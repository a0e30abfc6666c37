"""What takes less GPU memory than a configuration does, as flags: what saves most first, legal by itself and together.

Every change is tried on the case and judged by the rules: one that brings an error or a warning is not proposed.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fork_wrapper.check.gpu_memory import MIB, gpu_memory
from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.optimizers import optimizer
from fork_wrapper.check.rules.reading import caches_latents, caches_texts
from fork_wrapper.check.rules.table import findings
from fork_wrapper.experiment import keypath
from fork_wrapper.files import canonical_json

ADAFACTOR_ARGS = ["scale_parameter=False", "relative_step=False", "warmup_init=False"]
"""With these it keeps to the rates and the scheduler of the configuration."""

WORTH = 64
"""MiB for which nobody changes what is trained."""

Changes = Mapping[str, Any]
"""By key path; None unsets."""


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """One step towards less memory; it counts on those before it."""

    flags: tuple[str, ...]
    """--set and --unset, as a shell wants them."""
    saves_mib: int
    """Of what is certain; 0 where it saves activations, which nobody can compute."""

    @property
    def text(self) -> str:
        """The flags in one line."""
        return " ".join(self.flags)

    @property
    def saving(self) -> str:
        """For people."""
        return f"{self.saves_mib} MiB less" if self.saves_mib else "less for activations"

    def to_json(self) -> dict[str, Any]:
        """As records keep it."""
        return {"flags": list(self.flags), "saves_mib": self.saves_mib}


def remedies(case: Case) -> tuple[Remedy, ...]:
    """In the order in which they are to be tried; empty where nothing is left to save."""
    case = replace(case, surveys=None, prompts=None)
    found: list[Remedy] = []
    for changes in (_checkpointing, _attention):
        case = _accept(case, changes(case), found)
    waiting = [_fused, _adafactor, _eight_bits, _half, _frozen_texts, _cached_texts, _cached_latents]
    while waiting:
        waiting = [one for one in waiting if _saving(case, one(case)) >= WORTH]
        if not waiting:
            break
        best = max(waiting, key=lambda one: _saving(case, one(case)))
        waiting.remove(best)
        case = _accept(case, best(case), found)
    _accept(case, _smaller_batch(case), found)
    return tuple(found)


def _accept(case: Case, changes: Changes, found: list[Remedy]) -> Case:
    """The case with the changes, noted in `found`, if they change something and the rules have nothing against them."""
    if not changes:
        return case
    then = changed(case, changes)
    if _objections(then) - _objections(case):
        return case
    found.append(Remedy(flags=tuple(_flags(case, changes)), saves_mib=_saving(case, changes)))
    return then


def _objections(case: Case) -> set[str]:
    return {one.rule for one in findings(case) if one.severity != "note"}


def _saving(case: Case, changes: Changes) -> int:
    before, after = gpu_memory(case), gpu_memory(changed(case, changes))
    return max(0, before.bytes - after.bytes) // MIB if before and after else 0


def changed(case: Case, changes: Changes) -> Case:
    """The case with other values."""
    tree = keypath.merge({"training": case.training, "dataset": case.dataset}, {})
    for path, value in changes.items():
        if value is None:
            keypath.drop(tree, path)
        else:
            keypath.put(tree, path, value)
    return replace(case, training=tree["training"], dataset=tree["dataset"])


def _flags(case: Case, changes: Changes) -> Iterator[str]:
    tree = {"training": dict(case.training), "dataset": dict(case.dataset)}
    for path, value in changes.items():
        bare = path.rpartition(".")[2]
        key = bare if keypath.places(tree, bare) == [path] else path
        if value is None:
            yield f"--unset {key}"
        else:
            text = value if isinstance(value, str) else canonical_json(value).strip()
            yield f"--set {shlex.quote(f'{key}={text}')}"


def _training(case: Case, **values: Any) -> Changes:
    """Only what is otherwise now; what nobody says need not be unset."""
    return {
        f"training.{key}": value
        for key, value in values.items()
        if (case.said(key) if value is None else case.get(key) != value)
    }


def _checkpointing(case: Case) -> Changes:
    return _training(case, gradient_checkpointing=True)


def _attention(case: Case) -> Changes:
    chosen = any(case.get(key) for key in ("xformers", "sdpa", "mem_eff_attn"))
    return {} if chosen else _training(case, sdpa=True)


def _to_adafactor(case: Case) -> Changes:
    return _training(
        case,
        optimizer_type="Adafactor",
        optimizer_args=ADAFACTOR_ARGS,
        max_grad_norm=0.0,
        use_8bit_adam=None,
        use_lion_optimizer=None,
    )


def _fused(case: Case) -> Changes:
    """Gradients are gone as soon as they are used; sd-scripts has this for Adafactor, and without accumulation."""
    if case.get("fused_backward_pass"):
        return {}
    own = {} if optimizer(case).adafactor and not optimizer(case).relative else _to_adafactor(case)
    precision = "bf16" if case.get("mixed_precision") == "fp16" else case.get("mixed_precision")
    return {
        **own,
        **_training(
            case,
            fused_backward_pass=True,
            gradient_accumulation_steps=1,
            fused_optimizer_groups=None,
            mixed_precision=precision,
            full_fp16=None,
        ),
    }


def _adafactor(case: Case) -> Changes:
    """For several processes, which must exchange gradients."""
    return {} if optimizer(case).adafactor else _to_adafactor(case)


def _eight_bits(case: Case) -> Changes:
    plain = optimizer(case).path == "torch.optim.AdamW"
    return _training(case, optimizer_type="AdamW8bit") if plain and not optimizer(case).arguments else {}


def _half(case: Case) -> Changes:
    if case.get("full_bf16") or case.get("full_fp16"):
        return {}
    return _training(case, mixed_precision="bf16", full_bf16=True)


def _frozen_texts(case: Case) -> Changes:
    if not case.get("train_text_encoder"):
        return {}
    return _training(case, train_text_encoder=False, learning_rate_te1=None, learning_rate_te2=None)


def _cached_texts(case: Case) -> Changes:
    return {} if caches_texts(case) else _training(case, cache_text_encoder_outputs=True)


def _cached_latents(case: Case) -> Changes:
    return {} if caches_latents(case) else _training(case, cache_latents=True)


def _smaller_batch(case: Case) -> Changes:
    """Half the images at a time, and as many in a step where gradients can be accumulated."""
    sizes = {one.at("batch_size"): one.get("batch_size") for one in case.datasets}
    said = {path: size // 2 for path, size in sizes.items() if isinstance(size, int) and size > 1 and path}
    if not said:
        return {}
    fused = case.get("fused_backward_pass") or case.get("fused_optimizer_groups")
    more = {} if fused else _training(case, gradient_accumulation_steps=2 * case.get("gradient_accumulation_steps"))
    return {**said, **more}
