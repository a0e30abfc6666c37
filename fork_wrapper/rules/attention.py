"""Rules about how attention is calculated: xformers, sdpa, mem_eff_attn, or none of them."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.rule import Hit, rule

KINDS = ("mem_eff_attn", "xformers", "sdpa")
"""In the order in which sd-scripts looks."""


@rule(
    "xformers-missing",
    "error",
    phase="model",
    when="xformers or diffusers_xformers, and the package is not installed in the trainer's Python",
    why="The import fails once the base model is loaded.",
    fix="set sdpa = true instead, which is part of torch",
    source="library/train_util.py:3366-3373, sdxl_train.py:258-268",
)
def xformers_missing(case: Case) -> Iterator[Hit]:
    if (key := _wants_xformers(case)) and not case.host.has("xformers"):
        yield Hit(what=f"{key} needs the package xformers, which is not installed", at=case.at(key))


@rule(
    "xformers-cpu",
    "error",
    phase="model",
    when="xformers or diffusers_xformers on a machine without a GPU",
    why="Both switch the VAE to xformers as well, which diffusers refuses without a GPU.",
    fix="set sdpa = true instead",
    source="sdxl_train.py:258-268",
)
def xformers_cpu(case: Case) -> Iterator[Hit]:
    if (key := _wants_xformers(case)) and case.host.cuda is False:
        yield Hit(what=f"{key} needs a GPU", at=case.at(key))


@rule(
    "xformers-build",
    "error",
    phase="model",
    when="xformers or diffusers_xformers, built for another CUDA than torch, whose runtime library is not there",
    why="xformers then switches all its operators for GPUs off, with a warning, and the first call of one is a "
    "NotImplementedError. Nothing is lost without it: an H100 took 1.80 s a step at full size, and 1.18 with sdpa.",
    fix="unset it and set sdpa = true: --unset xformers --set sdpa=true",
    source="sdxl_train.py:258-268, library/train_util.py:3366-3373",
)
def xformers_build(case: Case) -> Iterator[Hit]:
    host = case.host
    if (key := _wants_xformers(case)) and host.cuda and host.xformers_runtime is False:
        what = f"{key} has no operators here: xformers is built for CUDA {host.xformers_cuda}, torch for CUDA "
        todo = f"--unset {key} --set sdpa=true"
        yield Hit(what=what + str(host.torch_cuda), at=case.at(key), todo=todo)


def _wants_xformers(case: Case) -> str:
    """The option that brings xformers in; empty when none does."""
    return next((key for key in ("diffusers_xformers", "xformers") if case.get(key)), "")


@rule(
    "attention-priority",
    "warning",
    phase="never",
    when="more than one of mem_eff_attn, xformers and sdpa",
    why="The first of them counts for the U-Net, in this order. xformers counts for the VAE in any case.",
    fix="keep sdpa alone",
    source="library/train_util.py:3362-3376, sdxl_train.py:266-268",
)
def attention_priority(case: Case) -> Iterator[Hit]:
    first, *others = [key for key in KINDS if case.get(key)] or [""]
    if not case.get("diffusers_xformers"):
        for key in others:
            yield Hit(what=f"{key} does not count beside {first}", at=case.at(key))


@rule(
    "attention-none",
    "note",
    phase="never",
    when="none of sdpa, xformers and mem_eff_attn, on a machine with a GPU",
    why="The U-Net then holds the whole attention matrix: it is slower, and takes far more memory.",
    fix="set sdpa = true",
    source="library/train_util.py:3362-3376",
)
def attention_none(case: Case) -> Iterator[Hit]:
    chosen = any(case.get(key) for key in (*KINDS, "diffusers_xformers"))
    if not chosen and case.host.cuda is not False:
        yield Hit(what="no attention is chosen: the plain one takes far more memory", at=case.at("sdpa"))


@rule(
    "diffusers-xformers",
    "warning",
    phase="never",
    when="diffusers_xformers",
    why="It is for the VAE. The U-Net is sd-scripts' own and keeps plain attention: mem_eff_attn, xformers and sdpa "
    "are not looked at.",
    fix="unset diffusers_xformers, and set sdpa = true",
    source="sdxl_train.py:258-268",
)
def diffusers_xformers(case: Case) -> Iterator[Hit]:
    if case.get("diffusers_xformers"):
        others = [key for key in KINDS if case.get(key)]
        also = f", and {' and '.join(others)} cannot change that" if others else ""
        what = f"diffusers_xformers leaves the U-Net with plain attention{also}"
        yield Hit(what=what, at=case.at("diffusers_xformers"))
