"""Which learning rates a configuration comes to. No rules here."""

import contextlib
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from fork_wrapper.check.rules.case import Case
from fork_wrapper.sdscripts.sizes import Trained, trained

BLOCKS = 23
"""Rates that block_lr holds (sdxl_train.py:49)."""


class Rate(NamedTuple):
    """The rate of one parameter group."""

    key: str
    """Option that says it."""
    value: float
    """Never 0: what has that is left out."""


def block_rates(case: Case) -> tuple[float, ...] | None:
    """The numbers of block_lr, read as sdxl_train.py:113-119 does; None where nobody says any, or they are wrong."""
    with contextlib.suppress(ValueError):
        found = tuple(float(part) for part in (case.get("block_lr") or "").split(","))
        return found if len(found) == BLOCKS else None
    return None


def blocks_in_words(blocks: Sequence[float], held: str = "frozen") -> str:
    """`1e-06 ... 1e-05 (block_lr: 14 / 23, frozen 0-8)`: the range of what is trained, and the blocks that are not.

    `held` is the word for a block that is not trained, in the reader's language.
    """
    moved, frozen = [rate for rate in blocks if rate], [number for number, rate in enumerate(blocks) if not rate]
    if not moved:
        return f"{held} (block_lr: 0 / {BLOCKS})"
    span = f"{moved[0]:g}" if len(set(moved)) == 1 else f"{min(moved):g} ... {max(moved):g}"
    rest = f", {held} {_spans(frozen)}" if frozen else ""
    return f"{span} (block_lr: {len(moved)} / {BLOCKS}{rest})"


def _spans(numbers: Sequence[int]) -> str:
    """`0-3, 7, 9-10`."""
    starts = [one for one in numbers if one - 1 not in numbers]
    ends = [one for one in numbers if one + 1 not in numbers]
    return ", ".join(f"{one}-{end}" if end > one else str(one) for one, end in zip(starts, ends, strict=True))


def borrowed_rate(case: Case) -> str:
    """The rate that a text encoder takes where it has none of its own, and that of the U-Net where it is another."""
    rate, blocks = case.get("learning_rate"), block_rates(case)
    if rate == 0:
        return "the rate of the U-Net, 0: both are frozen"
    if blocks is None:
        return f"the rate of the U-Net, {rate}"
    return f"learning_rate, {rate}, and the U-Net {blocks_in_words(blocks)}"


def rates(case: Case) -> tuple[Rate, ...]:
    """The parameter groups in the order in which the optimizer gets them (sdxl_train.py:345-359)."""
    parts, blocks = trained(case.get), block_rates(case)
    unet = [Rate(key="learning_rate", value=parts.unet)]
    if blocks is not None:
        unet = [Rate(key="block_lr", value=value) for value in blocks]
    groups = unet if parts.unet else []
    for number, value in ((1, parts.text_encoder_1), (2, parts.text_encoder_2)):
        key = f"learning_rate_te{number}"
        groups.append(Rate(key=key if case.get(key) is not None else "learning_rate", value=value))
    return tuple(rate for rate in groups if rate.value != 0)


def trained_parts(case: Case) -> Trained:
    """The rates of the U-Net and of both text encoders; 0 for what is frozen."""
    return trained(case.get)


def optimizers(case: Case) -> int:
    """How many optimizers there will be at least (sdxl_train.py:374-414); a new rate begins a new one."""
    groups = int(case.get("fused_optimizer_groups") or 0)
    return max(groups, len(list(groupby(rate.value for rate in rates(case)))))
