"""Rules about what the accelerator counts otherwise than the options read: clipped gradients, DeepSpeed's batches."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.rates import block_rates, rates
from fork_wrapper.rules.rule import Hit, rule

MODES = ("fused_backward_pass", "fused_optimizer_groups")


def _is_fused(case: Case) -> bool:
    """Whether steps are done within backpropagation (sdxl_train.py:742)."""
    return any(case.get(mode) for mode in MODES)


@rule(
    "fused-clips-each",
    "note",
    phase="never",
    when="fused_backward_pass or fused_optimizer_groups with a max_grad_norm above 0",
    why="Gradients are used up before all of them are there: each parameter's gradient is limited by itself.",
    fix="set max_grad_norm = 0, or know that it limits less than it does elsewhere",
    source="sdxl_train.py:532-536, sdxl_train.py:560-562",
)
def fused_clips_each(case: Case) -> Iterator[Hit]:
    limit = case.get("max_grad_norm")
    if _is_fused(case) and limit > 0:
        yield Hit(what=f"max_grad_norm = {limit} limits each parameter by itself", at=case.at("max_grad_norm"))


@rule(
    "frozen-block-gradients",
    "warning",
    phase="never",
    when="a 0 in block_lr with a max_grad_norm that is not 0",
    why="Such a block is left out of the optimizer, not out of backpropagation: its gradients are summed up over the "
    "steps and counted when gradients are clipped, which makes those of the other blocks smaller.",
    fix="set max_grad_norm = 0",
    source="sdxl_train.py:71-77, sdxl_train.py:341, sdxl_train.py:742-751",
)
def frozen_block_gradients(case: Case) -> Iterator[Hit]:
    zeros, limit = (block_rates(case) or ()).count(0), case.get("max_grad_norm")
    learns = case.get("learning_rate") != 0 and rates(case)
    if zeros and limit != 0 and learns and not _is_fused(case):
        what = f"max_grad_norm = {limit} counts gradients of frozen blocks ({zeros}), which are never cleared"
        yield Hit(what=what, at=case.at("max_grad_norm"))


@rule(
    "deepspeed-workers",
    "warning",
    phase="never",
    when="deepspeed with a max_data_loader_n_workers that is not 1",
    why="With DeepSpeed there is one worker, whatever is set.",
    fix="set max_data_loader_n_workers = 1",
    source="library/deepspeed_utils.py:64-69",
)
def deepspeed_workers(case: Case) -> Iterator[Hit]:
    workers = case.get("max_data_loader_n_workers")
    if case.get("deepspeed") and case.said("max_data_loader_n_workers") and workers != 1:
        what = f"max_data_loader_n_workers = {workers} becomes 1 with deepspeed"
        yield Hit(what=what, at=case.at("max_data_loader_n_workers"))


@rule(
    "deepspeed-batch-size",
    "warning",
    phase="never",
    when="deepspeed with a train_batch_size that is not the batch size of every data set",
    why="DeepSpeed is told train_batch_size; batches are as large as their data set says.",
    fix="set train_batch_size to the batch size of the data set",
    source="library/deepspeed_utils.py:95-98, sdxl_train.py:587",
)
def deepspeed_batch_size(case: Case) -> Iterator[Hit]:
    told = case.get("train_batch_size")
    for dataset in case.datasets if case.get("deepspeed") else ():
        size = dataset.get("batch_size")
        if size != told:
            what = f"deepspeed is told train_batch_size = {told}, and batches have {size}"
            yield Hit(what=what, at=dataset.at("batch_size"))
