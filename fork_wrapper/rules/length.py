"""Rules about the length of a training, and about the processes that feed it."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from fork_wrapper.layout import layouts
from fork_wrapper.rules.case import Case
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.sdscripts.steps import Schedule, StepsError, plan_steps


@dataclass(frozen=True, kw_only=True)
class Length:
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


def _batches(case: Case) -> int:
    """Optimizer steps that an epoch has at least; 1 where the length is said in steps, or no image is known."""
    if case.get("max_train_epochs") is None or case.surveys is None:
        return 1
    at_once = case.host.processes * max(1, case.get("gradient_accumulation_steps"))
    return int(max(1, sum(one.batches for one in layouts(case)) // at_once))


def _schedule(case: Case) -> Schedule | None:
    laid_out = () if case.surveys is None else layouts(case)
    if not laid_out or any(one.problem for one in laid_out):
        return None
    batches = sum(one.batches for one in laid_out)
    try:
        return plan_steps(case.get, batches=batches, processes=case.host.processes, name="")
    except StepsError:
        return None


@rule(
    "epochs-over-steps",
    "warning",
    phase="never",
    when="max_train_epochs and max_train_steps",
    why="The steps are computed from the epochs, and those that were set are forgotten.",
    fix="unset one of the two; in a child of an experiment: `unset = [...]`",
    source="sdxl_train.py:437-444",
)
def epochs_over_steps(case: Case) -> Iterator[Hit]:
    epochs, steps = case.get("max_train_epochs"), case.get("max_train_steps")
    if epochs is not None and case.said("max_train_steps"):
        what = f"max_train_steps = {steps} does not count beside max_train_epochs = {epochs}"
        yield Hit(what=what, at=case.at("max_train_steps"))


@rule(
    "zero-steps",
    "error",
    phase="step",
    when="no step to train: max_train_epochs below 1, or without it max_train_steps below 1",
    why="The loop is passed over, and saving fails: it asks for an epoch that never began.",
    fix="set max_train_steps or max_train_epochs to 1 or more",
    source="sdxl_train.py:437-444, sdxl_train.py:576, sdxl_train.py:626, sdxl_train.py:873-887",
)
def zero_steps(case: Case) -> Iterator[Hit]:
    key = "max_train_steps" if case.get("max_train_epochs") is None else "max_train_epochs"
    if case.get(key) < 1:
        yield Hit(what=f"{key} = {case.get(key)} leaves nothing to train", at=case.at(key))


@rule(
    "steps-huge",
    "error",
    phase="model",
    when="more steps than a progress bar can count",
    why="Python refuses the range of the progress bar: 2 to the power of 63 is too much.",
    fix="set a length that ends one day, and interrupt the run where you like",
    source="sdxl_train.py:437-444, sdxl_train.py:576, sdxl_train.py:595",
)
def steps_huge(case: Case) -> Iterator[Hit]:
    key = "max_train_steps" if case.get("max_train_epochs") is None else "max_train_epochs"
    if case.get(key) > sys.maxsize // _batches(case):
        yield Hit(what=f"{key} = {case.get(key)} is too large to count", at=case.at(key))


@rule(
    "steps-default",
    "note",
    phase="never",
    when="neither max_train_steps nor max_train_epochs",
    why="sd-scripts trains 1600 steps then, whatever the number of images.",
    fix="set max_train_epochs or max_train_steps",
    source="library/train_util.py:3952-3958",
)
def steps_default(case: Case) -> Iterator[Hit]:
    if not case.said("max_train_steps") and case.get("max_train_epochs") is None:
        yield Hit(what="no length is set: it trains 1600 steps", at=case.at("max_train_steps"))


@rule(
    "workers-persistent",
    "error",
    phase="model",
    when="persistent_data_loader_workers, and max_data_loader_n_workers = 0",
    why="torch refuses to keep workers that there are not, once the model is loaded.",
    fix="unset persistent_data_loader_workers, or set max_data_loader_n_workers = 1 or more",
    source="sdxl_train.py:426-435",
)
def workers_persistent(case: Case) -> Iterator[Hit]:
    idle = case.get("max_data_loader_n_workers") == 0 and not case.get("deepspeed")  # which always takes one
    if idle and case.get("persistent_data_loader_workers"):
        what = "persistent_data_loader_workers needs workers, and max_data_loader_n_workers is 0"
        yield Hit(what=what, at=case.at("persistent_data_loader_workers"))
