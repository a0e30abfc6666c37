"""Versions in the trainer's Python, against what sd-scripts' requirements.txt and kft's constraints.txt ask for."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from fork_wrapper.machine.trainer import TrainerPython
from fork_wrapper.sdscripts.packages import ALTERNATIVES, needed_packages

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
