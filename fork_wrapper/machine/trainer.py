"""The program that trains: `sdxl_train.py`, or what stands in for it in a rehearsal."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
