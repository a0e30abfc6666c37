"""What torch and xformers in the trainer's Python were built for, and whether that is there.

torch is asked, which takes seconds; xformers is not imported: what its files say is in the `TrainerPython`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fork_wrapper.check.preflight import Machine
from fork_wrapper.errors import Finding
from fork_wrapper.machine.ask import ask_python
from fork_wrapper.machine.trainer import TrainerPython
from fork_wrapper.sdscripts.refresh import TIME_LIMIT

_TORCH = """
import json, torch
count = torch.cuda.device_count() if torch.cuda.is_available() else 0
print(json.dumps({"version": torch.__version__, "cuda": torch.version.cuda, "hip": torch.version.hip,
    "devices": [torch.cuda.get_device_name(index) for index in range(count)]}))
"""


@dataclass(frozen=True, kw_only=True)
class Torch:
    """What torch says of itself, in the trainer's Python."""

    version: str = ""
    """With its build tag."""
    build: str = ""
    """CUDA or ROCm with its version, or CPU."""
    devices: tuple[str, ...] = ()
    """Names of the GPUs that it sees."""
    problem: str = ""
    """Why it says nothing: its last words, or that it took too long."""


@dataclass(frozen=True, kw_only=True)
class Xformers:
    """xformers in the trainer's Python, as its files say."""

    version: str
    """Of the package."""
    cuda: str | None
    """CUDA that its operators were built for; None of other builds."""
    fits: bool
    """Whether what it was built for is there; where nothing is known of it, it is believed."""


def ask_torch(python: str) -> Torch:
    """What the trainer's torch says of itself and of the GPUs."""
    said, problem = ask_python(python, ["-c", _TORCH], TIME_LIMIT)
    if problem:
        return Torch(problem=problem)
    build = f"CUDA {said['cuda']}" if said["cuda"] else f"ROCm {said['hip']}" if said["hip"] else "CPU"
    return Torch(version=said["version"], build=build, devices=tuple(said["devices"]))


def xformers_of(python: TrainerPython) -> Xformers | None:
    """What is known of xformers; None when it is not installed."""
    version = python.version_of("xformers")
    if version is None:
        return None
    return Xformers(version=version, cuda=python.xformers_cuda, fits=python.xformers_runtime is not False)


def about_torch(torch: Torch | None, machine: Machine) -> Iterator[Finding]:
    """That it cannot be used, or sees no GPU; of CPU builds preflight speaks."""
    if torch is None:
        return
    where = machine.python.executable if machine.python else ""
    if torch.problem:
        todo = "install it anew (see the README), and start it there by hand: python -c 'import torch'"
        yield Finding(what=f"torch cannot be used: {torch.problem}", where=where, todo=todo)
    elif machine.gpus and torch.build != "CPU" and not torch.devices:  # of CPU builds preflight speaks
        todo = "install a build of torch that this driver can run, and look at CUDA_VISIBLE_DEVICES"
        yield Finding(what=f"torch {torch.version} ({torch.build}) sees none of the GPUs", where=where, todo=todo)


def about_xformers(machine: Machine) -> Iterator[Finding]:
    """That its operators for GPUs cannot be loaded: a warning, for sdpa does the same."""
    python = machine.python
    if machine.gpus and python and python.xformers_runtime is False:
        what = (
            f"xformers cannot be used: it is built for CUDA {python.xformers_cuda}, torch for CUDA {python.torch_cuda}"
        )
        todo = "train with sdpa: --unset xformers --set sdpa=true"
        yield Finding(what=what, where=python.executable, todo=todo, severity="warning")
