"""Checkpoints and states, and what becomes of them."""

from typing import Any

from tests.rules.casebook import Entry

STEPS = {"training.save_every_n_steps": 1}
EPOCHS = {"training.save_every_n_epochs": 1}
STATE = {"training.save_state": True}
TWO_EPOCHS = {"training.max_train_steps": 8}
"""Four images: eight steps are two epochs."""


def _ignored(trips: dict[str, Any], spares: dict[str, Any], what: str, rule: str) -> Entry:
    return Entry(rule=rule, trips=trips, spares=spares, what=what, program="goes on")


ENTRIES: tuple[Entry, ...] = (
    *(
        Entry(
            rule="save-every-zero",
            trips={f"training.save_every_n_{unit}": 0},
            spares={f"training.save_every_n_{unit}": 1},
            what=f"save_every_n_{unit} = 0 is divided by",
            program="dies",
            says="ZeroDivisionError",
        )
        for unit in ("steps", "epochs")
    ),
    Entry(
        rule="save-every-zero",
        trips={"training.save_every_n_epochs": 0, "training.save_n_epoch_ratio": 0},
        spares={"training.save_every_n_epochs": 0, "training.save_n_epoch_ratio": 1},
        what="save_every_n_epochs = 0 is divided by",
        program="dies",
        says="ZeroDivisionError",
    ),
    *(
        _ignored(
            {f"training.save_every_n_{unit}": -1},
            {f"training.save_every_n_{unit}": 1},
            f"save_every_n_{unit} = -1 saves every 1 {unit[:-1]}",
            "save-every-negative",
        )
        for unit in ("steps", "epochs")
    ),
    *(
        _ignored(
            {"training.save_n_epoch_ratio": ratio},
            {"training.save_n_epoch_ratio": 1},
            f"save_n_epoch_ratio = {ratio} has no effect",
            "save-ratio-idle",
        )
        for ratio in (0, -2)
    ),
    _ignored(
        EPOCHS | {"training.save_n_epoch_ratio": 2},
        {"training.save_n_epoch_ratio": 2},
        "save_every_n_epochs = 1 does not count beside save_n_epoch_ratio = 2",
        "save-ratio-wins",
    ),
    *(
        _ignored(
            {f"training.save_every_n_{unit}": ends + 1},
            {f"training.save_every_n_{unit}": ends},
            f"save_every_n_{unit} = {ends + 1} never comes: training ends after {said}",
            "save-never",
        )
        for unit, ends, said in (("steps", 2, "2 steps"), ("epochs", 1, "1 epoch"))
    ),
    _ignored(
        EPOCHS | TWO_EPOCHS,
        EPOCHS,
        "epoch 2, the last one, is saved as the final checkpoint alone",
        "last-epoch-not-saved",
    ),
    _ignored(
        {"training.save_n_epoch_ratio": 2} | TWO_EPOCHS,
        {"training.save_n_epoch_ratio": 2},
        "epoch 2, the last one, is saved as the final checkpoint alone",
        "last-epoch-not-saved",
    ),
    _ignored(
        {"training.save_every_n_steps": 2},
        {"training.save_every_n_steps": 2, "training.max_train_steps": 3},
        "step 2, the last one, is saved twice: with its number, and as the final checkpoint",
        "save-twice",
    ),
    _ignored(
        {"training.save_every_n_steps": 2, "training.save_last_n_steps": 1},
        {"training.save_every_n_steps": 2},
        "save_last_n_steps = 1 keeps 1 checkpoint of those every 2 steps",
        "save-last-steps",
    ),
    _ignored(
        STEPS | STATE | {"training.save_last_n_steps_state": 1},
        STEPS | STATE,
        "save_last_n_steps_state = 1 keeps 2 states of those every 1 step",
        "save-last-steps",
    ),
    _ignored(
        EPOCHS | {"training.save_last_n_epochs": 0},
        EPOCHS | {"training.save_last_n_epochs": 1},
        "save_last_n_epochs = 0 removes each checkpoint right after it is written",
        "save-last-deletes",
    ),
    _ignored(
        STEPS | {"training.save_last_n_steps": -1},
        STEPS | {"training.save_last_n_steps": -2},
        "save_last_n_steps = -1 removes each checkpoint right after it is written",
        "save-last-deletes",
    ),
    _ignored(
        EPOCHS | {"training.save_last_n_epochs": -1},
        EPOCHS | {"training.save_last_n_epochs": 1},
        "save_last_n_epochs = -1 removes no checkpoint",
        "save-last-endless",
    ),
    _ignored(
        STEPS | {"training.save_last_n_steps": -2},
        STEPS | {"training.save_last_n_steps": 0},
        "save_last_n_steps = -2 removes no checkpoint",
        "save-last-endless",
    ),
    _ignored(
        EPOCHS | STATE | {"training.save_last_n_epochs_state": 0},
        EPOCHS | STATE | {"training.save_last_n_epochs_state": 1},
        "save_last_n_epochs_state = 0 counts as unset",
        "save-last-endless",
    ),
    *(
        _ignored(
            {f"training.save_last_n_{unit}": 2},
            {f"training.save_last_n_{unit}": 2, f"training.save_every_n_{unit}": 1},
            f"save_last_n_{unit} = 2 has no effect without save_every_n_{unit}",
            "save-no-interval",
        )
        for unit in ("steps", "epochs")
    ),
    _ignored(
        {"training.save_last_n_epochs": 2},
        {"training.save_last_n_epochs": 2, "training.save_n_epoch_ratio": 1},
        "save_last_n_epochs = 2 has no effect without save_every_n_epochs",
        "save-no-interval",
    ),
    _ignored(
        EPOCHS | {"training.save_last_n_epochs_state": 2},
        EPOCHS | STATE | {"training.save_last_n_epochs_state": 2},
        "save_last_n_epochs_state = 2 has no effect without save_state",
        "save-no-interval",
    ),
    _ignored(
        STATE,
        STATE | EPOCHS,
        "save_state writes the final state alone: no interval is set",
        "save-no-interval",
    ),
    _ignored(
        {"training.save_precision": None},
        {"training.save_precision": "float"},
        "save_precision is not set: the U-Net is saved in 32 bits",
        "save-precision-unset",
    ),
    _ignored(
        {"training.save_precision": None, "training.mixed_precision": "bf16"},
        {"training.save_precision": None, "training.mixed_precision": "bf16", "training.full_bf16": True},
        "save_precision is not set: the U-Net is saved in 32 bits",
        "save-precision-unset",
    ),
)
