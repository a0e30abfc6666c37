"""What a loss of a run is: over which steps the trainer took its mean, and which means may be compared.

sd-scripts shows one number, `avr_loss`: in the first epoch the mean of all steps so far, later that of the last
epoch's length (library/train_util.py:LossRecorder). So what it shows at step 1 is that one step's value, and only
from the end of the first epoch on are two of its numbers means over equally many steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fork_wrapper.text import counted


@dataclass(frozen=True, kw_only=True)
class Mean:
    """One mean that the trainer showed."""

    value: float
    """The mean."""
    step: int
    """The step at which it was shown, the last that it covers."""
    span: int | None
    """Over how many steps it is; None where nobody said how long an epoch is."""

    @property
    def first(self) -> int | None:
        """The first step that it covers, from 1."""
        return None if self.span is None else self.step - self.span + 1

    def over(self, before: int = 0) -> str:
        """`mean of steps 9 to 18`, in the count of a training of which `before` steps were done by earlier runs."""
        if self.first is None:
            return "running mean"
        first, last = self.first + before, self.step + before
        return f"mean of step {last} alone" if first == last else f"mean of steps {first} to {last}"


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The means of one run that say how it went."""

    last: Mean
    """The newest."""
    first: float | None
    """Over the first whole epoch; None where the newest does not reach beyond it, or nobody kept it."""
    lowest: float | None
    """The lowest over as many steps; likewise."""

    def __str__(self) -> str:
        """In words: means over an epoch compared with each other, or else the newest with its steps."""
        if self.first is None or self.lowest is None or self.last.span is None:
            return f"{self.last.value:.4f}, {self.last.over()}"
        span = counted(self.last.span, "step") if self.last.span > 1 else "one step"
        return f"{self.first:.4f} -> {self.last.value:.4f}, lowest {self.lowest:.4f}, means of an epoch ({span})"


def summary(shown: Sequence[tuple[int, float]], epoch: int | None) -> dict[str, Any] | None:
    """What a record keeps of the losses (step, mean) that a run showed; `epoch` is the length of one in steps.

    `first` and `lowest` are as the trainer showed them, over however few steps; those of `first_epoch` and
    `lowest_epoch` are over a whole epoch, and absent before the end of the first.
    """
    if not shown:
        return None
    values = [value for _, value in shown]
    found: dict[str, Any] = {"first": values[0], "last": values[-1], "lowest": min(values), "last_step": shown[-1][0]}
    if epoch:
        found["epoch_steps"] = epoch
        if whole := [value for step, value in shown if step >= epoch]:
            found |= {"first_epoch": whole[0], "lowest_epoch": min(whole)}
    return found


def losses_of(run: Mapping[str, Any]) -> Losses | None:
    """The losses of the `run` section of a record, older ones included; None where it has none."""
    known = run.get("loss")
    if not known:
        return None
    step = int(known.get("last_step") or run.get("steps") or 0)
    last = mean_at(run, step, float(known["last"]))
    beyond = last.span is not None and step > last.span
    return Losses(
        last=last,
        first=known.get("first_epoch") if beyond else None,
        lowest=known.get("lowest_epoch") if beyond else None,
    )


def mean_at(run: Mapping[str, Any], step: int, value: float) -> Mean:
    """A mean that a run showed at a step, such as that of a checkpoint."""
    epoch = epoch_of(run)
    return Mean(value=value, step=step, span=None if epoch is None or step < 1 else min(step, epoch))


def epoch_of(run: Mapping[str, Any]) -> int | None:
    """Steps of an epoch, as the run's trainer said; None where it did not (sdxl_train.py:train)."""
    facts = run.get("facts") or {}
    if (batches := facts.get("batches_per_epoch", 0)) > 0:
        return int(-(-batches // max(1, facts.get("gradient_accumulation_steps", 1))))
    known = (run.get("loss") or {}).get("epoch_steps")
    return int(known) if known else None
