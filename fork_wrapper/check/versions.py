"""Versions in the trainer's Python: what sd-scripts and kft ask for, and what torch and xformers were built for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from fork_wrapper.check.preflight import Machine
from fork_wrapper.errors import Finding
from fork_wrapper.machine.ask import ask_python
from fork_wrapper.machine.trainer import TrainerPython
from fork_wrapper.sdscripts.packages import ALTERNATIVES, needed_packages
from fork_wrapper.sdscripts.refresh import TIME_LIMIT

CONSTRAINTS = Path(__file__).resolve().parents[2] / "constraints.txt"
"""The versions kft is tested with; absent where kft is installed without its checkout."""

ALWAYS_SHOWN = ("torch", "torchvision", "xformers")
"""What sd-scripts needs or can use and its requirements.txt leaves out."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """One distribution in the trainer's Python, against what is asked for."""

    name: str
    """As it is asked for."""
    asked: str
    """Version specifier; empty where any version will do."""
    by: Literal["sd-scripts", "kft", ""]
    """Whose file asks: sd-scripts' requirements.txt, or kft's constraints.txt."""
    installed: str | None
    """Its version; None when it is not installed."""
    verdict: Literal["ok", "differs", "missing"]
    """What comes of comparing the two."""


def compare(python: TrainerPython, requirements: Path) -> tuple[Package, ...]:
    """Every package that training may need, against sd-scripts' requirements, and else against kft's constraints."""
    theirs, ours = _requirements(requirements, python), _requirements(CONSTRAINTS, python)
    rows = []
    for name in dict.fromkeys((*ALWAYS_SHOWN, *theirs, *needed_packages({}))):
        asked = theirs.get(name) or ours.get(name)
        by: Literal["sd-scripts", "kft", ""] = "sd-scripts" if name in theirs else "kft" if asked else ""
        versions = (python.version_of(one) for one in (name, *ALTERNATIVES.get(name, ())))
        installed = next((version for version in versions if version), None)
        rows.append(
            Package(
                name=name,
                asked=str(asked.specifier) if asked else "",
                by=by,
                installed=installed,
                verdict=_verdict(asked, installed),
            )
        )
    return tuple(rows)


def _verdict(asked: Requirement | None, installed: str | None) -> Literal["ok", "differs", "missing"]:
    if installed is None:
        return "missing"
    try:
        fits = asked is None or asked.specifier.contains(installed, prereleases=True)
    except InvalidVersion:
        fits = False
    return "ok" if fits else "differs"


def _requirements(path: Path, python: TrainerPython) -> dict[str, Requirement]:
    """The requirements in a pip file, by plain name; options (`-e .`) and those for other systems are left out."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    here = {"python_version": ".".join(python.version.split(".")[:2]), "python_full_version": python.version}
    found = {}
    for line in text.splitlines():
        try:
            one = Requirement(re.sub(r"(^|\s)#.*", "", line).strip())
        except InvalidRequirement:
            continue
        if one.marker is None or one.marker.evaluate(here):
            found[str(canonicalize_name(one.name))] = one
    return found


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
