"""How much GPU memory a configuration takes at the least, counted from what is certain.

Weights, gradients and what the optimizer keeps all lie on the GPU at the end of the first step. Activations, images,
CUDA's own context and the sorting of memory come on top, and nobody can compute them: what they add is measured
(`measured`). Copies of averaged weights (EMA) do not exist in sdxl_train.py.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.optimizers import Optimizer, optimizer
from fork_wrapper.check.rules.rates import block_rates, rates
from fork_wrapper.check.rules.reading import caches_latents, caches_texts
from fork_wrapper.sdscripts.sizes import (
    BYTES,
    FACTORED,
    FACTORED_UNET_BLOCKS,
    IDLE_1,
    IDLE_1_FACTORED,
    TEXT_ENCODER_1,
    TEXT_ENCODER_2,
    UNET,
    UNET_BLOCKS,
    VAE,
    trained,
)

MIB = 2**20

LIKE_WEIGHTS: Mapping[str, int] = {
    **{f"torch.optim.{name}": 2 for name in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam", "Adadelta")},
    **{f"torch.optim.{name}": 1 for name in ("Adagrad", "RMSprop")},
    "lion_pytorch.Lion": 1,
    "schedulefree.AdamWScheduleFree": 2,
    "schedulefree.RAdamScheduleFree": 2,
    "schedulefree.SGDScheduleFree": 1,
    "prodigyopt.Prodigy": 4,
    "dadaptation.DAdaptAdam": 3,
    "dadaptation.experimental.DAdaptAdamPreprint": 3,
}
"""Numbers of the weights' own type that an optimizer keeps for each trained one."""

_8_BITS = {"Adam8bit": 2, "AdamW8bit": 2, "LAMB8bit": 2, "AdEMAMix8bit": 3}
_8_BITS |= dict.fromkeys(("Adagrad8bit", "Lion8bit", "RMSprop8bit", "SGD8bit"), 1)
_32_BITS = {name: 8 for kind in ("Adam", "AdamW", "LAMB") for name in (kind, f"{kind}32bit")}
_32_BITS |= {name: 4 for kind in ("Adagrad", "Lion", "RMSprop", "SGD") for name in (kind, f"{kind}32bit")}
IN_BYTES: Mapping[str, int] = {f"bitsandbytes.optim.{name}": count for name, count in {**_8_BITS, **_32_BITS}.items()}
"""Bytes for each, whatever the type of the weights; the constants of 8-bit blocks come on top."""

PAGED = ".Paged"
"""Before the name of a class of bitsandbytes: the same, in memory that the driver may move to the host."""
ADAFACTOR = "transformers.optimization.Adafactor"


@dataclass(frozen=True, kw_only=True)
class Term:
    """One thing that lies on the GPU."""

    kind: str
    """weights, gradients, optimizer or buckets."""
    part: str
    """U-Net, text encoder 1, text encoder 2 or VAE; of the optimizer its name."""
    bytes: int
    """How much."""


@dataclass(frozen=True, kw_only=True)
class GpuMemory:
    """The least that one process takes on its GPU."""

    terms: tuple[Term, ...]
    """What it is made of."""
    left_out: str = ""
    """What is certainly there too, and of unknown size; empty where there is nothing."""

    @property
    def bytes(self) -> int:
        """In all."""
        return sum(term.bytes for term in self.terms)

    @property
    def mib(self) -> int:
        """In all, in MiB, as nvidia-smi counts."""
        return self.bytes // MIB

    def of(self, kind: str) -> tuple[Term, ...]:
        """The terms of one kind."""
        return tuple(term for term in self.terms if term.kind == kind)


def gpu_memory(case: Case, launcher: str = "") -> GpuMemory | None:
    """The lower bound; None where the model is shared out over GPUs or the host, or trained on a CPU.

    `launcher` is what else `accelerate launch` is told: its arguments, and its default config.
    """
    if case.get("deepspeed") or shares_out(launcher):
        return None
    state, left_out = _state(case)
    gradients = tuple(_gradients(case))
    terms = [*_weights(case), *gradients, *state]
    if case.host.processes > 1 and not case.get("ddp_gradient_as_bucket_view"):
        # torch's DistributedDataParallel: its reducer holds all gradients once more, to send them
        copies = sum(count for _, count in _learning(case)) * _size(case)
        terms.append(Term(kind="buckets", part="to exchange gradients", bytes=copies))
    return GpuMemory(terms=tuple(term for term in terms if term.bytes), left_out=left_out)


def state_bytes(case: Case) -> int | None:
    """Of one `-state` folder: what is trained and what the optimizer keeps; None for an optimizer not known here."""
    kept = _state_bytes(case, optimizer(case), dict(_stepping(case)))
    return None if kept is None else trained(case.get).parameters * _size(case) + kept


def shares_out(launcher: str) -> bool:
    """Whether accelerate's arguments or its config speak of sharding, or of a CPU."""
    flags = r"--(?:use_)?(?:fsdp|deepspeed|megatron_lm|cpu)\b"
    lines = r"(?im)^\s*(?:distributed_type:\s*['\"]?(?:FSDP|DEEPSPEED|MEGATRON_LM)|use_cpu:\s*['\"]?true)"
    return bool(re.search(flags, launcher) or re.search(lines, launcher))


def _size(case: Case) -> int:
    """Bytes of one trained weight, and of its gradient (sdxl_train.py:train; library/sdxl_model_util.py)."""
    return 2 if case.get("full_fp16") or case.get("full_bf16") else 4


def _frozen_size(case: Case) -> int:
    return BYTES.get(str(case.get("mixed_precision")), 4)


def _weights(case: Case) -> Iterator[Term]:
    """Of all that stays on the GPU while it trains (sdxl_train.py:train)."""
    parts, full, half = trained(case.get), _size(case), _frozen_size(case)
    yield Term(kind="weights", part="U-Net", bytes=UNET * (full if parts.unet else half))
    if not caches_texts(case):  # else they go to the CPU
        one = TEXT_ENCODER_1 * (full if parts.text_encoder_1 else half)
        yield Term(kind="weights", part="text encoder 1", bytes=one)
        two = TEXT_ENCODER_2 * (full if parts.text_encoder_2 else half)
        yield Term(kind="weights", part="text encoder 2", bytes=two)
    if not caches_latents(case):  # likewise
        yield Term(kind="weights", part="VAE", bytes=VAE * (4 if case.get("no_half_vae") else half))


def _learning(case: Case) -> Iterator[tuple[str, int]]:
    """Parts that get gradients, and their numbers; a block whose rate is 0 gets them too, for nothing."""
    parts = trained(case.get)
    if parts.unet:
        yield "U-Net", UNET
    if parts.text_encoder_1 and not caches_texts(case):
        yield "text encoder 1", TEXT_ENCODER_1 - IDLE_1
    if parts.text_encoder_2 and not caches_texts(case):
        yield "text encoder 2", TEXT_ENCODER_2


def _stepping(case: Case) -> Iterator[tuple[str, int]]:
    """Parts that the optimizer moves, and their numbers."""
    blocks = block_rates(case)
    for name, count in _learning(case):
        if name == "U-Net" and blocks is not None:
            count = sum(size for rate, size in zip(blocks, UNET_BLOCKS, strict=True) if rate)  # noqa: PLW2901
        yield name, count


def _gradients(case: Case) -> Iterator[Term]:
    """Those that are there all at once at the end of a step; a fused step leaves few of them."""
    moved = dict(_stepping(case))
    for name, count in _learning(case):
        idle = count - moved[name]
        if case.get("fused_backward_pass"):
            held = idle
        elif groups := int(case.get("fused_optimizer_groups") or 0):
            most = abs(groups) + len(list(groupby(rate.value for rate in rates(case))))
            held = idle + moved[name] // most  # of the largest group at least
        else:
            held = count
        yield Term(kind="gradients", part=name, bytes=held * _size(case))


def _state(case: Case) -> tuple[list[Term], str]:
    """What the optimizer keeps, and the words for what is not counted."""
    one, moved = optimizer(case), dict(_stepping(case))
    if not moved:
        return [], ""
    if PAGED in one.path or one.values.get("is_paged"):
        return [], f"what {one.name} keeps can lie in the host's memory"
    count = _state_bytes(case, one, moved)
    if count is None:
        return [], f"what {one.name} keeps is not known"
    return [Term(kind="optimizer", part=one.name, bytes=count)], ""


def _state_bytes(case: Case, one: Optimizer, moved: Mapping[str, int]) -> int | None:
    """In all; None where nobody knows it."""
    numbers = sum(moved.values())
    if one.path == ADAFACTOR:
        return 4 * (_factored(case, moved) + (numbers if one.values.get("beta1") is not None else 0))
    if one.path == "torch.optim.SGD":
        return numbers * _size(case) if one.values.get("momentum") else 0
    if one.path == "prodigyopt.Prodigy" and one.arguments and {"slice_p", "betas"} & one.values.keys():
        return numbers * _size(case)
    if (path := one.path.replace(PAGED, ".")) in IN_BYTES:
        return numbers * IN_BYTES[path]
    kept = LIKE_WEIGHTS.get(one.path)
    return None if kept is None else numbers * _size(case) * kept


def _factored(case: Case, moved: Mapping[str, int]) -> int:
    """Numbers of Adafactor's rows and columns, in 32 bits (library/adafactor_fused.py:adafactor_step_param)."""
    blocks = block_rates(case) or (1.0,) * len(UNET_BLOCKS)
    unet = sum(size for rate, size in zip(blocks, FACTORED_UNET_BLOCKS, strict=True) if rate)
    parts = {"U-Net": unet, "text encoder 1": FACTORED[0] - IDLE_1_FACTORED, "text encoder 2": FACTORED[1]}
    return sum(count for name, count in parts.items() if name in moved)
