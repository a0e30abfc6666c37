"""The program that trains, `sdxl_train.py` or what stands in for it in a rehearsal, and the Python that runs it."""

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fork_wrapper.files import canonical_json, sha256_text, write_whole
from fork_wrapper.machine.ask import ask
from fork_wrapper.machine.settings import Settings

TrainerKind = Literal["sd-scripts", "sd-scripts on the miniature", "stand-in"]


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """The program that trains, as `accelerate launch` starts it."""

    kind: TrainerKind
    """What it is; printed and recorded."""
    script: Path
    """The script that accelerate runs."""
    arguments: tuple[str, ...] = ()
    """Arguments before --config_file."""
    accelerate: tuple[str, ...] = ()
    """Arguments for `accelerate launch` that this trainer needs."""
    env: Mapping[str, str]
    """Environment variables that kft sets."""

    @property
    def rehearsal(self) -> bool:
        """Whether it trains the miniature."""
        return self.kind != "sd-scripts"


ENVIRONMENT: Mapping[str, str] = {
    "PYTHONUNBUFFERED": "1",  # stdout of a pipe is block buffered: lines would come minutes late
    "PYTHONUTF8": "1",  # sd-scripts logs Japanese; a Windows code page would crash on it
}


def real_trainer(settings: Settings) -> Trainer:
    """`sdxl_train.py` of the checkout that the settings name."""
    return Trainer(kind="sd-scripts", script=settings.sd_scripts / "sdxl_train.py", env=dict(ENVIRONMENT))


_PROBE = Path(__file__).with_name("probe.py")
"""The text that asks a Python about itself."""
_LIBRARY_PATH = "PATH" if sys.platform == "win32" else "LD_LIBRARY_PATH"
_LINKER_CACHE = "/etc/ld.so.cache"


@dataclass(frozen=True, kw_only=True)
class TrainerPython:
    """The Python that trains, asked without importing anything heavy."""

    executable: str
    """Its own `sys.executable`."""
    version: str
    """As 3.11.7."""
    packages: Mapping[str, str]
    """Installed distributions by their normalised names, and their versions."""
    torch_cuda: str | None = None
    """CUDA that torch was built for, as 13.0; None of other builds."""
    xformers_cuda: str | None = None
    """CUDA that xformers was built for; None of other builds."""
    xformers_runtime: bool | None = None
    """Whether xformers' CUDA runtime can be loaded; None where it is the one that torch brings."""

    def version_of(self, package: str) -> str | None:
        """The version of a distribution, however its name is spelled; None when it is not installed."""
        plain = {_plain(name): version for name, version in self.packages.items()}
        return plain.get(_plain(package))


def probe_python(python: str, memory: Path | None = None) -> TrainerPython | None:
    """The trainer's Python and its packages; None when it cannot be started.

    With a file as `memory`, the last answer is taken again while nothing that it hangs on has changed: the program,
    the folders that it imports from (pip never installs anything without touching them), where libraries are found,
    and the question itself.
    """
    question = _PROBE.read_text(encoding="utf-8")
    known = _remembered(memory).get(python)
    if known and known.get("stamp") == _stamp(python, question, known.get("places", [])):
        return _trainer_python(known.get("answer"))
    text = ask([python, "-c", question], timeout=60)
    try:  # the last line: a wrapper may greet first; and a program that is no Python says anything
        answer = json.loads((text or "").splitlines()[-1])
        places = [str(place) for place in answer.pop("places")]
    except (IndexError, ValueError, TypeError, AttributeError, KeyError):
        return None
    if memory is not None:
        entry = {"answer": answer, "places": places, "stamp": _stamp(python, question, places)}
        with contextlib.suppress(OSError):
            write_whole(memory, canonical_json({**_remembered(memory), python: entry}))
    return _trainer_python(answer)


def _trainer_python(answer: Any) -> TrainerPython | None:
    try:
        return TrainerPython(**answer)
    except TypeError:
        return None


def _remembered(memory: Path | None) -> dict[str, Any]:
    try:
        known = json.loads(memory.read_bytes()) if memory else {}
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _stamp(python: str, question: str, places: Sequence[str]) -> list[int | str]:
    """The question and where libraries are looked for; when files and folders last changed, 0 for what is gone."""
    libraries = os.environ.get(_LIBRARY_PATH, "")
    stamps: list[int | str] = [sha256_text(repr((question, libraries)))]
    for path in (shutil.which(python) or python, *places, _LINKER_CACHE, *filter(None, libraries.split(os.pathsep))):
        try:
            stamps.append(Path(path).stat().st_mtime_ns)
        except OSError:
            stamps.append(0)
    return stamps


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
