"""How long a training is, and whether it comes to the first sample images. No rules here."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # what lays images out is loaded where there are some
    from fork_wrapper.check.dataset_layout import DatasetLayout
    from fork_wrapper.check.rules.case import Case
    from fork_wrapper.sdscripts.steps import Schedule


class Length(NamedTuple):
    """How long a training is; None where only the images would tell, and nobody looked at them.

    What an option says is taken from there: laying out a thousand images takes its time.
    """

    case: Case
    """The configuration."""

    @property
    def epochs(self) -> int | None:
        """Epochs, the last one whole or not."""
        given: int | None = self.case.get("max_train_epochs")
        schedule = _schedule(self.case) if given is None else None
        return schedule.epochs if schedule else given

    @property
    def steps(self) -> int | None:
        """Optimizer steps."""
        if self.case.get("max_train_epochs") is None:
            steps: int = self.case.get("max_train_steps")
            return steps
        schedule = _schedule(self.case)
        return schedule.total_steps if schedule else None

    def of(self, unit: str) -> int | None:
        """In `epochs` or `steps`."""
        return self.epochs if unit == "epochs" else self.steps

    def reaches(self, number: int, unit: str) -> bool:
        """Whether training comes to this epoch or step, as far as anybody knows; to the first one it does."""
        given = self.case.get("max_train_epochs")
        if number == 1 or (unit == "steps" and given is not None and number <= given):
            return True
        last = self.of(unit)
        return last is None or number <= last


def length(case: Case) -> Length:
    """How long the training of a configuration is."""
    return Length(case=case)


def batches(case: Case) -> int:
    """Optimizer steps that an epoch has at least; 1 where the length is said in steps, or no image is known."""
    if case.get("max_train_epochs") is None or case.surveys is None:
        return 1
    at_once = case.host.processes * max(1, case.get("gradient_accumulation_steps"))
    return int(max(1, sum(one.batches for one in _laid_out(case)) // at_once))


def _schedule(case: Case) -> Schedule | None:
    laid_out = _laid_out(case)
    if not laid_out or any(one.problem for one in laid_out):
        return None
    from fork_wrapper.sdscripts.steps import StepsError, plan_steps  # noqa: PLC0415 - see above

    try:
        return plan_steps(
            case.get, batches=sum(one.batches for one in laid_out), processes=case.host.processes, name=""
        )
    except StepsError:
        return None


def _laid_out(case: Case) -> tuple[DatasetLayout, ...]:
    """How the images come into batches; empty where nobody looked at them."""
    if case.surveys is None:
        return ()
    from fork_wrapper.check.dataset_layout import layouts  # noqa: PLC0415 - see above

    return layouts(case)


def interval(case: Case, unit: str) -> int | None:
    """`sample_every_n_…`; what is below 1 is switched off (library/train_util.py:4462-4472)."""
    every = case.get(f"sample_every_n_{unit}")
    return every if every is not None and every > 0 else None


def draws(case: Case) -> bool:
    """Whether samples are drawn, as far as anybody knows how long the training is."""
    if case.get("sample_at_first"):
        return True
    unit, every = interval_in_force(case)
    return every is not None and length(case).reaches(every, unit)


def interval_in_force(case: Case) -> tuple[str, int | None]:
    """`epochs` or `steps`, and the interval at which samples are drawn; None where none is."""
    unit = "steps" if interval(case, "epochs") is None else "epochs"
    return unit, interval(case, unit)
