"""What a resumed training does otherwise than one that was never broken off, in words.

Facts of sdxl_train.py: nothing but weights, optimizer, scheduler and random numbers is in a state (accelerate 1.6.0,
checkpointing.py); step, epoch and the place within an epoch are not.
"""

from collections.abc import Iterator

from fork_wrapper.check.rules.case import Case
from fork_wrapper.experiment.resolve import Resolved
from fork_wrapper.records.lineage import Position
from fork_wrapper.run.states import Length
from fork_wrapper.text import counted

LIMITS = ("save_last_n_epochs", "save_last_n_steps", "save_last_n_epochs_state", "save_last_n_steps_state")


def consequences(resolved: Resolved, done: Position, own: int, length: Length, processes: int) -> list[str]:
    """One line for each.

    Args:
        resolved: the values of the run that saved the state.
        done: where the training was then.
        own: the steps that this run had done then.
        length: of this run.
        processes: that trained, on all machines.
    """
    case = Case(training=resolved.training, dataset=resolved.dataset)
    epochs = _epochs(done, own, length.steps_per_epoch)
    return [*_counts(done), *epochs, *_data(case), *_spacing(case, done), *_others(case, processes)]


def _counts(done: Position) -> Iterator[str]:
    yield (
        f"the new run counts from 0: its checkpoints are named so, and sidecars add {counted(done.step, 'step')} "
        f"and {counted(done.epoch, 'epoch')}"
    )
    yield "the mean loss that the trainer shows begins anew with the first step"


def _epochs(done: Position, own: int, per_epoch: int | None) -> Iterator[str]:
    if not per_epoch:
        return
    if into := own % per_epoch:
        yield (
            f"the state was saved {counted(into, 'step')} into an epoch of {per_epoch}: the data loader begins a new "
            "one, so that some images come once more and others once less"
        )
    if late := done.step - done.epoch * per_epoch:
        yield f"epochs, and what they set off, end {counted(late, 'step')} later than planned, the last one unfinished"


def _data(case: Case) -> Iterator[str]:
    """library/train_util.py:1086-1091 shuffles by seed + epoch, 833 and 891-895 look at epoch and step."""
    if case.get("seed") is not None:
        yield "the data set is shuffled by seed and epoch, counted from 1 again: the batches of the first epochs return"
    keys = ("token_warmup_step", "caption_dropout_every_n_epochs")
    for key in keys:
        if any(subset.get(key) for subset in case.subsets):
            yield f"{key} counts from the beginning of the new run"


def _spacing(case: Case, done: Position) -> Iterator[str]:
    for what in ("save", "sample"):
        for unit, count in (("steps", done.step), ("epochs", done.epoch)):
            every = case.get(f"{what}_every_n_{unit}")
            if every and count % every:
                yield f"{what}_every_n_{unit} = {every} comes due at {unit[:-1]} {count + every} of the training next"


def _others(case: Case, processes: int) -> Iterator[str]:
    if processes > 1:  # states are saved by the main process alone (sdxl_train.py:777-781, 826)
        yield "random numbers of the first process alone are in a state: those of the others begin anew"
    if any(case.get(key) is not None for key in LIMITS):
        yield "save_last_n_* removes files of the new run alone; those of the run before it stay"
    groups = case.get("fused_optimizer_groups") or 0
    if groups > 1:  # sdxl_train.py:520-544
        yield "of the fused optimizer groups the first one alone is restored; the others and their rates begin anew"
