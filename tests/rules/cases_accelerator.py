"""What is counted otherwise than the options read: clipped gradients, DeepSpeed's batches."""

from tests.rules.casebook import Entry

FUSED = {
    "training.optimizer_type": "Adafactor",
    "training.optimizer_args": ["relative_step=False", "scale_parameter=False"],
    "training.fused_backward_pass": True,
}
FROZEN = {"training.block_lr": ",".join(["0", *["1e-5"] * 22])}
DEEPSPEED = {"training.deepspeed": True, "training.max_data_loader_n_workers": 1, "training.train_batch_size": 1}

ENTRIES: tuple[Entry, ...] = (
    Entry(
        rule="fused-clips-each",
        trips=FUSED,
        spares={**FUSED, "training.max_grad_norm": 0.0},
        what="max_grad_norm = 1.0 limits each parameter by itself",
        program="goes on",
    ),
    Entry(
        rule="frozen-block-gradients",
        trips=FROZEN,
        spares={**FROZEN, "training.max_grad_norm": 0.0},
        what="max_grad_norm = 1.0 counts gradients of frozen blocks (1), which are never cleared",
        program="goes on",
    ),
    Entry(
        rule="deepspeed-workers",
        trips={**DEEPSPEED, "training.max_data_loader_n_workers": 4},
        spares=DEEPSPEED,
        what="max_data_loader_n_workers = 4 becomes 1 with deepspeed",
        program="not on a CPU",
    ),
    Entry(
        rule="deepspeed-batch-size",
        trips={**DEEPSPEED, "training.train_batch_size": 2},
        spares=DEEPSPEED,
        what="deepspeed is told train_batch_size = 2, and batches have 1",
        program="not on a CPU",
    ),
)
