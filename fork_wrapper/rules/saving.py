"""Rules about checkpoints and training states: when they are written, and which of them stay."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.length import length
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.words import counted

UNITS = ("epochs", "steps")


@rule(
    "save-every-zero",
    "error",
    phase="step",
    when="save_every_n_steps = 0, or save_every_n_epochs = 0 without save_n_epoch_ratio",
    why="ZeroDivisionError after the first step, or after the first epoch.",
    fix="unset it; 0 does not mean never",
    source="sdxl_train.py:777, library/train_util.py:5864-5865",
)
def save_every_zero(case: Case) -> Iterator[Hit]:
    for unit in UNITS:
        key = f"save_every_n_{unit}"
        if case.get(key) == 0 and not (unit == "epochs" and _by_ratio(case)):
            yield Hit(what=f"{key} = 0 is divided by", at=case.at(key))


@rule(
    "save-every-negative",
    "warning",
    phase="never",
    when="save_every_n_steps or save_every_n_epochs below 0",
    why="It saves as often as without the sign, but older checkpoints are removed by another count, or not at all.",
    fix="remove the sign",
    source="sdxl_train.py:777, library/train_util.py:5786-5806, library/train_util.py:5864-5865",
)
def save_every_negative(case: Case) -> Iterator[Hit]:
    for unit in UNITS:
        key = f"save_every_n_{unit}"
        if (case.get(key) or 0) < 0 and not (unit == "epochs" and _by_ratio(case)):
            yield Hit(what=f"{key} = {case.get(key)} saves every {counted(-case.get(key), unit[:-1])}", at=case.at(key))


@rule(
    "save-ratio-idle",
    "warning",
    phase="never",
    when="save_n_epoch_ratio of 0 or below",
    why="It is passed over.",
    fix="unset save_n_epoch_ratio",
    source="sdxl_train.py:577-578",
)
def save_ratio_idle(case: Case) -> Iterator[Hit]:
    ratio = case.get("save_n_epoch_ratio")
    if ratio is not None and ratio <= 0:
        yield Hit(what=f"save_n_epoch_ratio = {ratio} has no effect", at=case.at("save_n_epoch_ratio"))


@rule(
    "save-ratio-wins",
    "warning",
    phase="never",
    when="save_n_epoch_ratio and save_every_n_epochs",
    why="The interval is computed from the ratio, and the one that was set is forgotten.",
    fix="unset one of the two",
    source="sdxl_train.py:577-578",
)
def save_ratio_wins(case: Case) -> Iterator[Hit]:
    every, ratio = case.get("save_every_n_epochs"), case.get("save_n_epoch_ratio")
    if every is not None and _by_ratio(case):
        what = f"save_every_n_epochs = {every} does not count beside save_n_epoch_ratio = {ratio}"
        yield Hit(what=what, at=case.at("save_every_n_epochs"))


@rule(
    "save-never",
    "warning",
    phase="never",
    when="save_every_n_epochs or save_every_n_steps beyond the end of training",
    why="The last epoch is saved as the final checkpoint alone, and steps after the end never come.",
    fix="set a shorter interval, or unset it",
    source="sdxl_train.py:777, library/train_util.py:5864-5867",
)
def save_never(case: Case) -> Iterator[Hit]:
    for unit in UNITS:
        every = abs(_every(case, unit) or 0)
        if every and not length(case).reaches(every, unit):
            ends = counted(length(case).of(unit) or 0, unit[:-1])
            what = f"save_every_n_{unit} = {every} never comes: training ends after {ends}"
            yield Hit(what=what, at=case.at(f"save_every_n_{unit}"))


@rule(
    "last-epoch-not-saved",
    "note",
    phase="never",
    when="save_every_n_epochs that divides the number of epochs",
    why="What the last epoch made is saved once, as the final checkpoint, whose name has no number.",
    fix="look for the final checkpoint",
    source="library/train_util.py:5864-5867, library/train_util.py:6029-6047",
)
def last_epoch_not_saved(case: Case) -> Iterator[Hit]:
    every = _every(case, "epochs")
    last = length(case).epochs if every else None
    if every and last and last % every == 0 and last > 1:
        what = f"epoch {last}, the last one, is saved as the final checkpoint alone"
        yield Hit(what=what, at=case.at("save_n_epoch_ratio" if _by_ratio(case) else "save_every_n_epochs"))


@rule(
    "save-twice",
    "note",
    phase="never",
    when="save_every_n_steps that divides the number of steps",
    why="After the last step the same weights are saved twice: as a checkpoint of that step, and as the final one.",
    fix="nothing, if there is room for both; else choose an interval that does not end with the training",
    source="sdxl_train.py:777-798, sdxl_train.py:871-887",
)
def save_twice(case: Case) -> Iterator[Hit]:
    every = _every(case, "steps")
    last = length(case).steps if every else None
    if every and last and last % every == 0:
        what = f"step {last}, the last one, is saved twice: with its number, and as the final checkpoint"
        yield Hit(what=what, at=case.at("save_every_n_steps"))


@rule(
    "save-last-steps",
    "note",
    phase="never",
    when="save_last_n_steps or save_last_n_steps_state with save_every_n_steps",
    why="It counts steps, not files: what is older than so many steps is removed.",
    fix="for N files set (N - 1) times save_every_n_steps",
    source="library/train_util.py:5796-5806, library/train_util.py:5973-5983",
)
def save_last_steps(case: Case) -> Iterator[Hit]:
    every = _counted(case, "steps")
    for key, files in _limits(case, "steps") if every else ():
        last = case.get(key)
        if last >= 0:
            kept = last // every + 1
            what = f"{key} = {last} keeps {counted(kept, files)} of those every {counted(every, 'step')}"
            yield Hit(what=what, at=case.at(key))


@rule(
    "save-last-deletes",
    "warning",
    phase="never",
    when="save_last_n_epochs = 0, or save_last_n_steps below 0 by less than save_every_n_steps",
    why="What goes is then the checkpoint that has just been written: nothing is left but the final one. States go the "
    "same way.",
    fix="set 1 or more for epochs, 0 or more for steps, or unset it to keep all",
    source="library/train_util.py:5786-5806, library/train_util.py:5895-5905",
)
def save_last_deletes(case: Case) -> Iterator[Hit]:
    for unit in UNITS:
        every = _counted(case, unit)
        for key, files in _limits(case, unit) if every else ():
            last = case.get(key)
            if last == 0 if unit == "epochs" else -every <= last < 0:
                yield Hit(what=f"{key} = {last} removes each {files} right after it is written", at=case.at(key))


@rule(
    "save-last-endless",
    "warning",
    phase="never",
    when="a limit of checkpoints or states so far below 0 that it limits nothing, or one of states that is 0",
    why="What it would remove was never written, so all are kept. A limit of 0 for states counts as none: then that of "
    "the checkpoints applies.",
    fix="set 1 or more, or unset it",
    source="library/train_util.py:5786-5806, library/train_util.py:5951-5957, library/train_util.py:5973-5983",
)
def save_last_endless(case: Case) -> Iterator[Hit]:
    for unit in UNITS:
        every = _counted(case, unit)
        for key, files in _limits(case, unit) if every else ():
            last = case.get(key)
            if last < (0 if unit == "epochs" else -every):
                yield Hit(what=f"{key} = {last} removes no {files}", at=case.at(key))
        own = f"save_last_n_{unit}_state"
        if every and case.get(own) == 0 and case.get("save_state"):
            yield Hit(what=f"{own} = 0 counts as unset", at=case.at(own))


@rule(
    "save-no-interval",
    "warning",
    phase="never",
    when="a limit of checkpoints or states, or save_state, without an interval at which they are written",
    why="Nothing is written before the end then: a limit removes nothing, and save_state writes the final state alone.",
    fix="set save_every_n_epochs or save_every_n_steps; for the final state alone set save_state_on_train_end",
    source="sdxl_train.py:777, sdxl_train.py:824, sdxl_train.py:866-867, library/train_util.py:5931-5935",
)
def save_no_interval(case: Case) -> Iterator[Hit]:
    for unit in UNITS:
        for key in (f"save_last_n_{unit}", f"save_last_n_{unit}_state"):
            lacking = "" if _every(case, unit) is not None else f"save_every_n_{unit}"
            if not lacking and key.endswith("_state") and not case.get("save_state"):
                lacking = "save_state"
            if lacking and case.get(key) is not None:
                yield Hit(what=f"{key} = {case.get(key)} has no effect without {lacking}", at=case.at(key))
    if case.get("save_state") and all(_every(case, unit) is None for unit in UNITS):
        what = "save_state writes the final state alone: no interval is set"
        yield Hit(what=what, at=case.at("save_state"))


@rule(
    "save-precision-unset",
    "note",
    phase="never",
    when="save_precision unset, without full_fp16 or full_bf16",
    why="Weights are saved as they are trained: the U-Net in 32 bits, and so a checkpoint of 12 to 14 GB instead of 7.",
    fix='set save_precision = "fp16" or "bf16", unless 32 bits are meant: then "float" says so',
    source="library/train_util.py:5514-5522, library/sdxl_model_util.py:494-502",
)
def save_precision_unset(case: Case) -> Iterator[Hit]:
    if case.get("save_precision") is None and not (case.get("full_fp16") or case.get("full_bf16")):
        what = "save_precision is not set: the U-Net is saved in 32 bits"
        yield Hit(what=what, at=case.at("save_precision"))


def _by_ratio(case: Case) -> bool:
    """Whether the interval in epochs is computed."""
    return (case.get("save_n_epoch_ratio") or 0) > 0


def _every(case: Case, unit: str) -> int | None:
    """The interval in force; 1 stands for one that only the number of epochs tells (sdxl_train.py:577-578)."""
    if unit == "epochs" and _by_ratio(case):
        last = length(case).epochs
        return last // case.get("save_n_epoch_ratio") or 1 if last else 1
    every: int | None = case.get(f"save_every_n_{unit}")
    return every


def _counted(case: Case, unit: str) -> int:
    """The interval that limits are counted in; 0 where there is none, or a negative one, which rounds otherwise."""
    return max(0, _every(case, unit) or 0)


def _limits(case: Case, unit: str) -> Iterator[tuple[str, str]]:
    """The limits that are set and looked at, and what they are limits of."""
    for key, file in ((f"save_last_n_{unit}", "checkpoint"), (f"save_last_n_{unit}_state", "state")):
        if case.get(key) is not None and (file == "checkpoint" or (case.get("save_state") and case.get(key))):
            yield key, file
