"""Whether the GPUs of a run have room for it: their size and what others hold there, against the least that it takes.

Which GPUs those are is said by CUDA_VISIBLE_DEVICES and the number of processes.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fork_wrapper.check.gpu_memory import GpuMemory
from fork_wrapper.check.machine_kinds import machine_finding
from fork_wrapper.check.measured import Neighbour
from fork_wrapper.errors import Finding, Severity
from fork_wrapper.machine.gpus import Gpu, GpuProcess

IN_USE = 1024
"""MiB of a GPU that a desktop may hold; more is somebody's work."""

ELSEWHERE = "end what uses it, or choose another GPU with CUDA_VISIBLE_DEVICES"

SHOWN = 3
"""Processes that a message names before it counts the rest."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """A GPU as one process of the training finds it."""

    gpu: Gpu
    """As nvidia-smi shows it."""
    index: int
    """Its place in nvidia-smi's list."""
    processes: tuple[GpuProcess, ...] = ()
    """What computes there now."""

    @property
    def used_mib(self) -> int:
        """What others hold of it."""
        return max(self.gpu.used_mib, sum(one.used_mib for one in self.processes))

    @property
    def label(self) -> str:
        """For messages."""
        return f"GPU {self.index} ({self.gpu.name})"


def used_cards(
    gpus: Sequence[Gpu], running: Sequence[GpuProcess], count: int, environ: Mapping[str, str] = os.environ
) -> tuple[Card, ...]:
    """Those that `count` processes of this machine will use; of differing ones the largest, where CUDA's order rules.

    CUDA counts the fastest GPU first unless CUDA_DEVICE_ORDER says PCI_BUS_ID, and nvidia-smi counts by the bus:
    which of differing GPUs comes first cannot be known from here.
    """
    uuids = {gpu.uuid for gpu in gpus}
    cards = [
        Card(
            gpu=gpu,
            index=index,
            processes=tuple(
                one for one in running if one.uuid == gpu.uuid or (one.uuid not in uuids and len(gpus) == 1)
            ),
        )
        for index, gpu in enumerate(gpus)
    ]
    certain = environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" or len({gpu.name for gpu in gpus}) < 2
    said = environ.get("CUDA_VISIBLE_DEVICES")
    if said is None:
        visible = cards
    elif all(word.strip().startswith("GPU-") for word in said.split(",")):
        visible, certain = _visible(cards, said), True
    else:
        visible = _visible(cards, said) if certain else cards
    if not certain:
        visible = sorted(visible, key=lambda card: -card.gpu.memory_mib)
    return tuple(visible[:count])


def _visible(cards: Sequence[Card], said: str) -> list[Card]:
    """As CUDA reads it: numbers, or the beginnings of names; the first that names nothing ends the list.

    Instances of a split GPU are left out: nvidia-smi says no memory of theirs here.
    """
    found: list[Card] = []
    for word in (word.strip() for word in said.split(",")):
        if word.isdecimal() and len(word) < 6:
            named = [card for card in cards if card.index == int(word)]
        else:
            named = [card for card in cards if word.startswith("GPU-") and card.gpu.uuid.startswith(word)]
        if len(named) != 1:
            break
        found += named
    return found


def room(
    memory: GpuMemory | None, cards: Sequence[Card], *, near: Sequence[Neighbour], batch: int, flags: str
) -> list[Finding]:
    """An error for each GPU that is too small or too full, a warning for each that others use, and like runs.

    What those took is a note, and a warning where it is more than a GPU has, with no more images at a time.

    Args:
        memory: the least that one process takes; None where nothing is certain.
        cards: those that will be used.
        near: what like runs took.
        batch: the most images at a time.
        flags: what takes less, where there is anything.
    """
    whole = [card for card in cards if not card.gpu.split]
    found = [finding for card in whole for finding in _room(memory, card, flags)]
    if near and whole and memory is not None:
        took = [one for one in near if one.batch_size is not None and one.batch_size <= batch]
        small = [card for card in whole if any(0 < card.gpu.memory_mib < one.mib for one in took)]
        cards_in_words = "".join(f"; {card.label} has {card.gpu.memory_mib} MiB" for card in small)
        said = " and ".join(f"{one.mib} MiB{_where(one)}" for one in near)
        severity: Severity = "warning" if small else "note"
        found.append(
            Finding(
                what=f"similar runs took {said}{cards_in_words}",
                where=", ".join(dict.fromkeys(one.source for one in near)),
                severity=severity,
            )
        )
    return found


def _where(one: Neighbour) -> str:
    batch = f" with batch_size {one.batch_size}" if one.batch_size else ""
    return f"{f' on {one.gpu}' if one.gpu else ''}{batch}"


def _room(memory: GpuMemory | None, card: Card, flags: str) -> Iterator[Finding]:
    total, least = card.gpu.memory_mib, memory.mib if memory else 0
    free = total - card.used_mib
    if total and least > total:
        yield machine_finding(
            "gpu-memory",
            f"{card.label} has {total} MiB, and this configuration takes at least {least} MiB",
            where="nvidia-smi",
            todo=flags or "take a larger GPU",
        )
    elif total and least > free:
        yield machine_finding(
            "gpu-memory",
            f"{card.label} has {free} of {total} MiB free{_holders(card)}; "
            f"this configuration takes at least {least} MiB",
            where="nvidia-smi",
            todo=ELSEWHERE,
        )
    elif card.used_mib >= IN_USE or any(one.used_mib for one in card.processes):
        of_all = f" of {total}" if total else ""
        yield machine_finding(
            "gpu-in-use",
            f"{card.label} is in use: {card.used_mib}{of_all} MiB{_holders(card)}",
            where="nvidia-smi",
            todo=ELSEWHERE,
        )


def _holders(card: Card) -> str:
    """The processes, those with the most memory first."""
    most = sorted(card.processes, key=lambda one: -one.used_mib)
    named = [
        f"{one.name or 'a process'} (pid {one.pid}{f', {one.used_mib} MiB' if one.used_mib else ''})"
        for one in most[:SHOWN]
    ]
    rest = [f"{len(most) - SHOWN} more"] if len(most) > SHOWN else []
    return f"; in use by {', '.join([*named, *rest])}" if named else ""


def hidden(gpus: Sequence[Gpu], environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """An error where CUDA_VISIBLE_DEVICES leaves the trainer no GPU."""
    said = environ.get("CUDA_VISIBLE_DEVICES")
    if not gpus or said is None or (said.strip() and said.strip() not in ("-1", "NoDevFiles")):
        return []
    return [
        machine_finding(
            "gpu-hidden",
            f'CUDA_VISIBLE_DEVICES = "{said}" hides every GPU from the trainer',
            where="the environment",
            todo="unset it, or name a GPU in it",
        )
    ]
