"""How long a training is in steps and epochs, what its scheduler is told, and what is written when and kept.

The arithmetic of sdxl_train.py:437-447, 575-578 and 626-867, and of what saves and samples in library/train_util.py
(5786-5806, 5864-5983, 6379-6391). Nothing is listed before it is asked for: a billion steps are planned at once.
"""

import heapq
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fork_wrapper.sdscripts.names import SUFFIX
from fork_wrapper.text import counted

Get = Callable[[str], Any]
"""From an option's name to its value in force."""

_CHECKPOINTS = ("-step{:08d}" + SUFFIX, "-{:06d}" + SUFFIX, SUFFIX)
_STATES = ("-step{:08d}-state", "-{:06d}-state", "-state")
_SAMPLES = ("_{:06d}", "_e{:06d}", "")
_TOO_MANY = 1 << 53  # from here on, floats skip whole numbers, and so does sdxl_train.py


class StepsError(Exception):
    """There are no steps to count: sd-scripts dies, or leaves without training. The text says why, in one line."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One thing that training will write."""

    file: str
    """Name of the file or folder; of sample images what their names begin with."""
    step: int
    """Optimizer steps done by then."""
    epoch: int | None
    """The epoch that ended, 0 before the first; None for what a step sets off, and at the end of training."""
    kept: bool
    """Whether it is still there at the end."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """Something written again and again: at which numbers of steps, or of epochs."""

    at: range = range(0)
    """When."""
    kept: range = range(0)
    """Those of them that are still there at the end: the last ones."""


@dataclass(frozen=True, kw_only=True)
class Writes:
    """All checkpoints, states or sample images of a training; iterating gives them in order of time."""

    name: str
    """What all their names begin with."""
    forms: tuple[str, str, str]
    """How names go on by step, by epoch and at the end."""
    steps_per_epoch: int
    """Of the training."""
    total_steps: int
    """Of the training."""
    by_step: Series = Series()
    """Those that steps set off."""
    by_epoch: Series = Series()
    """Those that the ends of epochs set off."""
    at_start: bool = False
    """Whether there is one before the first step."""
    at_end: bool = False
    """Whether there is one at the end of training."""

    def __len__(self) -> int:
        return len(self.by_step.at) + len(self.by_epoch.at) + self.at_start + self.at_end

    @property
    def kept(self) -> int:
        """How many are there at the end; before it there are never more."""
        return len(self.by_step.kept) + len(self.by_epoch.kept) + self.at_start + self.at_end

    def __iter__(self) -> Iterator[Planned]:
        if self.at_start:
            yield self._after_epoch(0)
        after_steps = (self._after_step(number) for number in self.by_step.at)
        after_epochs = (self._after_epoch(number) for number in self.by_epoch.at)
        yield from heapq.merge(after_steps, after_epochs, key=lambda one: one.step)
        if self.at_end:
            yield Planned(file=self.name + self.forms[2], step=self.total_steps, epoch=None, kept=True)

    def _after_step(self, number: int) -> Planned:
        file = self.name + self.forms[0].format(number)
        return Planned(file=file, step=number, epoch=None, kept=number in self.by_step.kept)

    def _after_epoch(self, number: int) -> Planned:
        file = self.name + self.forms[1].format(number)
        step = min(number * self.steps_per_epoch, self.total_steps)
        return Planned(file=file, step=step, epoch=number, kept=number in self.by_epoch.kept or not number)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A training from its first step to its last."""

    batches_per_epoch: int
    """Batches that each process sees; sdxl_train.py prints this number."""
    steps_per_epoch: int
    """Optimizer steps in one epoch."""
    total_steps: int
    """Optimizer steps in all."""
    epochs: int
    """Epochs, the last one whole or not."""
    processes: int
    """Processes in all: for each optimizer step the scheduler counts one for every process."""
    warmup_steps: int
    """As the scheduler is told, in its own count; not every scheduler looks at it."""
    decay_steps: int
    """Likewise."""
    checkpoints: Writes
    """Files of weights."""
    states: Writes
    """Folders to resume from."""
    samples: Writes
    """Sample images."""


def plan_steps(get: Get, *, batches: int, processes: int, name: str) -> Schedule:
    """The schedule of a training.

    Args:
        get: the options of sdxl_train.py in force.
        batches: per epoch, all datasets together, before they are shared out among processes.
        processes: in all, on all machines.
        name: `output_name`.

    Raises:
        StepsError: there is nothing to train.
    """
    if batches < 1:
        raise StepsError("there is no batch to train on")
    if get("gradient_accumulation_steps") < 1:
        raise StepsError(f"gradient_accumulation_steps is {get('gradient_accumulation_steps')}")
    try:
        return _plan(get, batches, processes, name)
    except ArithmeticError as error:
        raise StepsError("a number of steps or epochs is too large to calculate with") from error


def _plan(get: Get, batches: int, processes: int, name: str) -> Schedule:
    accumulated = get("gradient_accumulation_steps")
    total = get("max_train_steps")
    if get("max_train_epochs") is not None:
        total = get("max_train_epochs") * math.ceil(batches / processes / accumulated)
    if not 0 < total < _TOO_MANY:
        raise StepsError(f"it would train {counted(total, 'step')}")
    shared = math.ceil(batches / processes)
    run = _Run(get=get, name=name, steps_per_epoch=math.ceil(shared / accumulated), total=total)
    return Schedule(
        batches_per_epoch=shared,
        steps_per_epoch=run.steps_per_epoch,
        total_steps=total,
        epochs=run.epochs,
        processes=processes,
        warmup_steps=_scheduler_steps(get("lr_warmup_steps"), total * processes),
        decay_steps=_scheduler_steps(get("lr_decay_steps"), total * processes),
        checkpoints=run.checkpoints(),
        states=run.states(),
        samples=run.samples(),
    )


def _scheduler_steps(value: float, training_steps: int) -> int:
    """A float is a ratio of all steps, whatever its size (library/train_util.py:5274-5280)."""
    return int(value * training_steps) if isinstance(value, float) else value


@dataclass(frozen=True, kw_only=True)
class _Run:
    """A training as far as its writing needs it."""

    get: Get
    name: str
    steps_per_epoch: int
    total: int

    @property
    def epochs(self) -> int:
        return math.ceil(self.total / self.steps_per_epoch)

    @property
    def every_epochs(self) -> int | None:
        """`save_every_n_epochs`, or what `save_n_epoch_ratio` makes of it (sdxl_train.py:577-578)."""
        parts = self.get("save_n_epoch_ratio")
        every: int | None = self.get("save_every_n_epochs")
        return every if parts is None or parts <= 0 else self.epochs // parts or 1

    def checkpoints(self) -> Writes:
        """After every so many steps, after every so many epochs but the last one, and at the end."""
        return self._saves(_CHECKPOINTS, self.get("save_last_n_steps"), self.get("save_last_n_epochs"))

    def states(self) -> Writes:
        """Beside the checkpoints; a limit of 0 of their own is none (library/train_util.py:5951, 5973)."""
        if not self.get("save_state"):
            return self._writes(_STATES, at_end=bool(self.get("save_state_on_train_end")))
        steps = self.get("save_last_n_steps_state") or self.get("save_last_n_steps")
        epochs = self.get("save_last_n_epochs_state") or self.get("save_last_n_epochs")
        return self._saves(_STATES, steps, epochs)

    def samples(self) -> Writes:
        """An interval in epochs makes the one in steps void; below 1 is none (library/train_util.py:4462-4472)."""
        by_step, by_epoch = (max(0, self.get(f"sample_every_n_{unit}") or 0) for unit in ("steps", "epochs"))
        at_start = bool(self.get("sample_at_first"))
        if by_epoch:
            return self._writes(_SAMPLES, by_epoch=_series(by_epoch, self.epochs), at_start=at_start)
        return self._writes(_SAMPLES, by_step=_series(by_step, self.total), at_start=at_start)

    def _saves(self, forms: tuple[str, str, str], last_steps: int | None, last_epochs: int | None) -> Writes:
        by_step = _series(self.get("save_every_n_steps"), self.total, _step_to_remove, last_steps)
        by_epoch = _series(self.every_epochs, self.epochs - 1, _epoch_to_remove, last_epochs)
        return self._writes(forms, by_step=by_step, by_epoch=by_epoch, at_end=True)

    def _writes(self, forms: tuple[str, str, str], **when: Any) -> Writes:
        return Writes(name=self.name, forms=forms, steps_per_epoch=self.steps_per_epoch, total_steps=self.total, **when)


def _epoch_to_remove(number: int, every: int, last: int) -> int:
    """Which epoch's file goes when that of `number` is written (library/train_util.py:5786-5793)."""
    return number - every * last


def _step_to_remove(number: int, every: int, last: int) -> int:
    """Which step's file goes when that of `number` is written (library/train_util.py:5796-5806)."""
    before = number - last - 1
    return before - before % every


def _series(
    every: int | None,
    end: int,
    to_remove: Callable[[int, int, int], int] = _epoch_to_remove,
    last: int | None = None,
) -> Series:
    """Every so many up to the end; with `last`, each one that is written removes an older one.

    What is removed moves on as evenly as what is written, so that the last removal tells all of them: nothing up to
    there is left. A removal beyond the number just written finds no file. Every 0 has no series: sd-scripts divides by
    it at the first chance.
    """
    if not every:
        return Series()
    at = range(abs(every), end + 1, abs(every))
    if last is None or not at or to_remove(at[-1], every, last) > at[-1]:
        return Series(at=at, kept=at)
    return Series(at=at, kept=at[max(0, to_remove(at[-1], every, last) // abs(every)) :])
