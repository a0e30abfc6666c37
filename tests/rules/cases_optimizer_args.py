"""Arguments of optimizers."""

from collections.abc import Mapping
from typing import Any

from tests.rules.casebook import Entry
from tests.rules.cases_optimizer import PRODIGY, dies, goes_on, optimizer

ADAFACTOR = optimizer("Adafactor", max_grad_norm=0.0)


def refused(trips: Mapping[str, Any], spares: Mapping[str, Any], what: str, says: str) -> Entry:
    """An argument that the optimizer's class does not take."""
    return dies("opt-args-name", trips, spares, f"optimizer_args: {what}", says)


def value(name: str, bad: str, good: str, what: str, says: str) -> Entry:
    """A value that an optimizer refuses, and one that it takes."""
    rate = {"learning_rate": 1.0} if "rodigy" in name else {}
    trips, spares = optimizer(name, bad, **rate), optimizer(name, good, **rate)
    return dies("opt-args-value", trips, spares, f"optimizer_args: {what}", says)


ENTRIES: tuple[Entry, ...] = (
    *(
        dies("opt-args", optimizer("AdamW", bad), optimizer("AdamW", good), f'optimizer_args: "{bad}" {why}', says)
        for bad, good, why, says in (
            ("weight_decay", "weight_decay=0.1", 'has no "="', "not enough values"),
            ("", "eps=1e-8", 'has no "="', "not enough values"),
            ("eps=1e-8 amsgrad=True", "amsgrad=True", 'has more than one "="', "too many values"),
            ("amsgrad=true", "amsgrad=1", "has a value that is no Python literal: true", "malformed node"),
            ("eps=1e-8;", "eps=1e-8", "has a value that is no Python literal: 1e-8;", "SyntaxError"),
            ("eps=", "eps= 1e-8", "has a value that is no Python literal: nothing", "SyntaxError"),
        )
    ),
    dies(
        "opt-args",
        {"training.lr_scheduler_args": ["last_epoch"]},
        {"training.lr_scheduler_args": ["last_epoch=-1"]},
        'lr_scheduler_args: "last_epoch" has no "="',
        "not enough values",
    ),
    refused(
        optimizer("AdamW", "weight_decay =0.1"),
        optimizer("AdamW", "weight_decay= 0.1"),
        "AdamW takes no 'weight_decay '",
        "unexpected keyword argument",
    ),
    refused(
        optimizer("AdamW", "lr=1e-5"),
        optimizer("AdamW", learning_rate=1e-6),
        "lr comes from learning_rate, and cannot be given twice",
        "multiple values",
    ),
    refused(
        optimizer("SGDNesterov", "nesterov=True"),
        optimizer("torch.optim.SGD", "nesterov=True", "momentum=0.9"),
        "nesterov is part of SGDNesterov, and cannot be given twice",
        "multiple values",
    ),
    refused(
        {**ADAFACTOR, "training.optimizer_args": ["fused_backward_pass=True"]},
        {**ADAFACTOR, "training.fused_backward_pass": True},
        "Adafactor takes no 'fused_backward_pass'",
        "unexpected keyword argument",
    ),
    value("AdamW", "eps=-1e-8", "eps=1e-9", "eps of AdamW must be a number from 0, not -1e-08", "Invalid epsilon"),
    value("AdamW", "eps=None", "eps=1", "eps of AdamW must be a number from 0, not None", "TypeError"),
    value(
        "AdamW",
        "betas=0.9",
        "betas=0.9,0.99",
        "betas of AdamW must be 2 of: a number with a decimal point from 0 to below 1, not 0.9",
        "TypeError",
    ),
    value(
        "AdamW",
        "betas=0.9,1.0",
        "betas=[0.9,0.0]",
        "betas of AdamW must be 2 of: a number with a decimal point from 0 to below 1, not (0.9, 1.0)",
        "Invalid beta",
    ),
    value(
        "AdamW",
        "betas=0.9,0",
        "betas=0.9,0.0",
        "betas of AdamW must be 2 of: a number with a decimal point from 0 to below 1, not (0.9, 0)",
        "both floats",
    ),
    value(
        "AdamW8bit",
        "optim_bits=8",
        "optim_bits=32",
        "optim_bits of AdamW8bit must be 32, not 8",
        "only supports optim_bits=32",
    ),
    value(
        "Prodigy",
        "d0=0",
        "d0=1e-5",
        "d0 of Prodigy must be a number above 0, not 0",
        "Invalid d0",
    ),
    value(
        "Lion",
        "betas=0.9,1.1",
        "betas=0.9,1",
        "betas of Lion must be 2 of: a number from 0 to 1, not (0.9, 1.1)",
        "AssertionError",
    ),
    value(
        "torch.optim.Rprop",
        "etas=0.5,1.0",
        "etas=0.5,1.1",
        "etas of torch.optim.Rprop must be 2 values: a number above 0 to below 1; a number above 1, not (0.5, 1.0)",
        "Invalid eta",
    ),
    value(
        "Adafactor",
        "eps=1e-8",
        "eps=1e-30,1e-3",
        "eps of Adafactor must be 2 or more of: a number, not 1e-08",
        "not subscriptable",
    ),
    dies(
        "opt-args-required",
        optimizer("bitsandbytes.optim.SGD8bit"),
        optimizer("bitsandbytes.optim.SGD8bit", "momentum=0.9"),
        "bitsandbytes.optim.SGD8bit needs momentum in optimizer_args",
        "SGD without momentum is not supported",
    ),
    dies(
        "opt-args-clash",
        optimizer("SGDNesterov", "momentum=0"),
        optimizer("SGDNesterov", "momentum=0.5"),
        "optimizer_args: Nesterov momentum needs momentum above 0, and no dampening",
        "Nesterov momentum requires",
    ),
    dies(
        "opt-args-clash",
        optimizer("AdamW", "foreach=True", "fused=True"),
        optimizer("AdamW", "foreach=False", "fused=True"),
        "optimizer_args: foreach and fused cannot both be True",
        "cannot be `True` together",
    ),
    dies(
        "opt-args-clash",
        optimizer("AdamW", "differentiable=True"),
        optimizer("AdamW", "differentiable=False"),
        "optimizer_args: differentiable=True forbids steps in place, and all steps are",
        "in-place operation",
    ),
    dies(
        "opt-args-clash",
        optimizer("transformers.Adafactor", "scale_parameter=False"),
        optimizer("transformers.Adafactor", "relative_step=False"),
        "optimizer_args: transformers.Adafactor needs relative_step=False, and no warmup_init: sd-scripts gives it "
        "a rate",
        "Cannot combine manual `lr`",
    ),
    dies(
        "opt-args-clash",
        {**PRODIGY, "training.optimizer_args": ["fsdp_in_use=True"]},
        {**PRODIGY, "training.optimizer_args": ["fsdp_in_use=False"]},
        "optimizer_args: fsdp_in_use=True needs several processes",
        "Error",
    ),
    Entry(
        rule="opt-args-clash",
        trips=optimizer("AdamW", "capturable=True"),
        spares=optimizer("AdamW", "capturable=False"),
        what="optimizer_args: capturable=True needs a GPU",
        program="not asked",
        host={"cuda": False},
    ),
    Entry(
        rule="opt-args-clash",
        trips=optimizer("Lion", "use_triton=True"),
        spares=optimizer("Lion", "use_triton=False"),
        what="optimizer_args: use_triton=True needs the package triton, which is not installed",
        program="not asked",
        host={"packages": {"torch": "2.13.0", "lion-pytorch": "0.2.3"}},
    ),
    goes_on(
        "opt-args-twice",
        optimizer("AdamW", "eps=1e-8", "eps=1e-7"),
        optimizer("AdamW", "eps=1e-8", "weight_decay=0"),
        "optimizer_args: eps is said 2 times, and the last one counts",
    ),
    goes_on(
        "opt-args-maximize",
        optimizer("AdamW", "maximize=True"),
        optimizer("AdamW", "maximize=False"),
        "optimizer_args: with maximize=True AdamW makes the loss larger",
    ),
    goes_on(
        "opt-args-fused-back-pass",
        optimizer("prodigyplus.ProdigyPlusScheduleFree", "fused_back_pass=True", learning_rate=1.0),
        optimizer("prodigyplus.ProdigyPlusScheduleFree", "fused_back_pass=False", learning_rate=1.0),
        "optimizer_args: with fused_back_pass=True no weight changes",
    ),
)
