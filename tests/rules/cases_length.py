"""How long a training is, and what feeds it."""

from tests.rules.casebook import Entry

UNSET = {"training.max_train_steps": None}

ENTRIES: tuple[Entry, ...] = (
    Entry(
        rule="epochs-over-steps",
        trips={"training.max_train_epochs": 1},
        spares={"training.max_train_epochs": 1, **UNSET},
        what="max_train_steps = 2 does not count beside max_train_epochs = 1",
        program="goes on",
    ),
    *(
        Entry(
            rule="zero-steps",
            trips={"training.max_train_steps": steps},
            spares={"training.max_train_steps": 1},
            what=f"max_train_steps = {steps} leaves nothing to train",
            program="dies",
            says="UnboundLocalError",
        )
        for steps in (0, -5)
    ),
    *(
        Entry(
            rule="zero-steps",
            trips={"training.max_train_epochs": epochs},
            spares={"training.max_train_epochs": 1, "training.max_train_steps": 0},
            what=f"max_train_epochs = {epochs} leaves nothing to train",
            program="dies",
            says="UnboundLocalError",
        )
        for epochs in (0, -1)
    ),
    Entry(
        rule="steps-huge",
        trips={"training.max_train_steps": 2**63},
        spares={"training.max_train_steps": 2**63 - 1},
        what="max_train_steps = 9223372036854775808 is too large to count",
        program="dies",
        says="OverflowError",
    ),
    Entry(
        rule="steps-huge",
        trips={"training.max_train_epochs": 2**63},
        spares={"training.max_train_epochs": 2**32},
        what="max_train_epochs = 9223372036854775808 is too large to count",
        program="dies",
        says="OverflowError",
    ),
    Entry(
        rule="steps-default",
        trips=UNSET,
        spares={**UNSET, "training.max_train_epochs": 1},
        what="no length is set: it trains 1600 steps",
        program="goes on",
    ),
    Entry(
        rule="workers-persistent",
        trips={"training.persistent_data_loader_workers": True},
        spares={"training.persistent_data_loader_workers": True, "training.max_data_loader_n_workers": 1},
        what="persistent_data_loader_workers needs workers, and max_data_loader_n_workers is 0",
        program="dies",
        says="persistent_workers option needs num_workers > 0",
    ),
)
