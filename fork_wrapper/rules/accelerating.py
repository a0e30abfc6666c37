"""Rules about what accelerate is asked for: compiling, deepspeed, trackers."""

from collections.abc import Iterator, Mapping

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.rule import Hit, rule

GONE = ("aot_ts_nvfuser", "nvprims_nvfuser", "ofi", "fx2trt")
"""Backends that torch has had, and has no more."""
BACKEND_PACKAGES: Mapping[str, tuple[str, ...]] = {
    "onnxrt": ("onnxruntime", "onnxruntime-gpu", "onnxruntime-training"),
    "ipex": ("intel-extension-for-pytorch",),
    "tvm": ("apache-tvm", "tvm"),
}
"""Distributions that bring a backend with them."""


@rule(
    "compile-backend",
    "error",
    phase="model",
    when="torch_compile with a dynamo_backend that is not there",
    why="The list of choices is years old: tensort is misspelt, and accelerate refuses it; torch has forgotten four of "
    "the others. onnxrt, ipex and tvm come with packages of their own.",
    fix='set dynamo_backend = "inductor", or unset torch_compile',
    source="library/train_util.py:5466-5469, library/train_util.py:3916-3938",
)
def compile_backend(case: Case) -> Iterator[Hit]:
    backend = case.get("dynamo_backend")
    if not case.get("torch_compile"):
        return
    if backend == "tensort" or backend in GONE:
        yield Hit(what=f'torch has no dynamo_backend "{backend}"', at=case.at("dynamo_backend"))
    elif backend in BACKEND_PACKAGES and not case.host.has(*BACKEND_PACKAGES[backend]):
        what = f'dynamo_backend = "{backend}" needs the package {BACKEND_PACKAGES[backend][0]}, which is not installed'
        yield Hit(what=what, at=case.at("dynamo_backend"))


@rule(
    "compile-keys",
    "warning",
    phase="save",
    when="torch_compile",
    why="The compiled model is saved under the names of its wrapper: every weight is called _orig_mod.NAME, and no "
    "program finds what it looks for until they are renamed.",
    fix="unset torch_compile, or remove _orig_mod. from the names of every checkpoint",
    source="sdxl_train.py:777-798, sdxl_train.py:858-887, library/sdxl_model_util.py:501-508",
)
def compile_keys(case: Case) -> Iterator[Hit]:
    if case.get("torch_compile"):
        what = "weights trained with torch_compile are saved as _orig_mod.NAME, which no program loads"
        yield Hit(what=what, at=case.at("torch_compile"))


@rule(
    "deepspeed-missing",
    "error",
    phase="dataset",
    when="deepspeed, and the package is not installed in the trainer's Python",
    why="sd-scripts leaves with exit code 1 when the images are listed.",
    fix="install deepspeed in the trainer's Python, or unset deepspeed",
    source="library/deepspeed_utils.py:76-82",
)
def deepspeed_missing(case: Case) -> Iterator[Hit]:
    if case.get("deepspeed") and not case.host.has("deepspeed"):
        yield Hit(what="deepspeed needs the package deepspeed, which is not installed", at=case.at("deepspeed"))


@rule(
    "deepspeed-alone",
    "warning",
    phase="dataset",
    when="deepspeed with one process",
    why="sd-scripts asks the environment for WORLD_SIZE, which accelerate sets for several processes alone, or with "
    "--use_deepspeed: a KeyError.",
    fix='set num_processes above 1 in the settings, or accelerate_args = ["--use_deepspeed"]',
    source="library/deepspeed_utils.py:95-98",
)
def deepspeed_alone(case: Case) -> Iterator[Hit]:
    if case.get("deepspeed") and case.host.processes == 1:
        yield Hit(what="deepspeed needs WORLD_SIZE, which one process alone does not get", at=case.at("deepspeed"))


@rule(
    "wandb-missing",
    "error",
    phase="dataset",
    when='log_with = "wandb" or "all", and the package is not installed in the trainer\'s Python',
    why="The import fails when the images are listed. No requirements file names wandb.",
    fix='install wandb in the trainer\'s Python, or set log_with = "tensorboard"',
    source="library/train_util.py:5455-5459",
)
def wandb_missing(case: Case) -> Iterator[Hit]:
    tracker = case.get("log_with")
    if tracker in {"wandb", "all"} and not case.host.has("wandb"):
        yield Hit(
            what=f'log_with = "{tracker}" needs the package wandb, which is not installed', at=case.at("log_with")
        )


@rule(
    "tensorboard-missing",
    "warning",
    phase="never",
    when='log_with = "tensorboard", and the package is not installed in the trainer\'s Python',
    why="accelerate leaves out a tracker that is not installed: it trains, and logs nothing.",
    fix="install tensorboard in the trainer's Python",
    source="library/train_util.py:5443-5454, library/train_util.py:5494-5502",
)
def tensorboard_missing(case: Case) -> Iterator[Hit]:
    tracker = case.get("log_with") or "tensorboard"  # logging_dir, which kft sets, implies it
    if tracker == "tensorboard" and not case.host.has("tensorboard", "tensorboardx"):
        what = "nothing is logged: the package tensorboard is not installed"
        yield Hit(what=what, at=case.at("log_with"))
