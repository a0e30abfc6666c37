"""A project in which `kft run NAME` is a real run: a made-up GPU, an SDXL base of zeros, images, a scripted trainer.

Nothing is rehearsed there and nothing of kft is replaced: the settings name another Python and another checkout, and
PATH another nvidia-smi. What the trainer does is said by the environment (see trainer_double/sdxl_train.py).
"""

import json
import os
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w
from PIL import Image

from dataset_tools.scan.hashing import HashCache
from tests.builders.projects import Project
from tests.builders.sdxl_layout import sdxl_tensors, write_sparse

if TYPE_CHECKING:
    from subprocess import Popen

PROGRAMS = Path(__file__).with_name("programs")
CARD = {
    "index": 0,
    "uuid": "GPU-00000000-0000-0000-0000-000000000000",
    "name": "NVIDIA GeForce RTX 4090",
    "memory.total": 24564,
    "memory.used": 1,
    "memory.free": 24563,
    "driver_version": "570.86.15",
    "compute_cap": "8.9",
}
"""One GPU of 24 GB, by the names that nvidia-smi gives its fields."""
LARGE_CARD = {
    **CARD,
    "name": "NVIDIA H100 80GB HBM3",
    "memory.total": 81559,
    "memory.free": 81558,
    "compute_cap": "9.0",
}
"""One of 80 GB, which holds whatever the shipped experiments ask for."""

BASE_SHA256 = "f3229c8b37f60cd1fcea29bff01abb69d9d416e1011423f9f7a0aa5d5f95f806"
"""Of the base of zeros: seven gigabytes that no test has to read."""


@dataclass(frozen=True, kw_only=True)
class RealProject(Project):
    """A project of its own kind of machine."""

    def start(self, *arguments: str, **env: str) -> "Popen[str]":
        """As a project's; how full the disk of the testing machine is matters to launches with REAL_DISK alone."""
        launches = arguments[0] in ("run", "resume", "reproduce") and "REAL_DISK" not in env
        return super().start(*arguments, *(("--allow", "disk") if launches else ()), **env)

    @property
    def datasets(self) -> Path:
        """Where `{datasets}` is."""
        return self.folder / "datasets"

    @property
    def models(self) -> Path:
        """Where `{models}` is: one folder for all tests, so that the base is hashed once. To be left as it is."""
        return Path(self.env["KFT_MODELS"])

    def machine(self, gpus: Sequence[Mapping[str, Any]], apps: Sequence[Mapping[str, Any]] = ()) -> None:
        """What nvidia-smi says from now on; rows are like `CARD`, those of `apps` are running processes."""
        text = json.dumps({"gpus": [dict(one) for one in gpus], "apps": [dict(one) for one in apps]})
        Path(self.env["MADE_UP_MACHINE"]).write_text(text, encoding="utf-8")

    def experiment(self, name: str, text: str) -> Path:
        """Write an experiment file."""
        path = self.folder / "experiments" / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        return path

    def wait_for_step(self, step: int) -> None:
        """Until the trainer of some run has printed a step."""
        deadline = time.monotonic() + 60
        while not any(f" {step}/".encode() in log.read_bytes() for log in self.folder.glob("runs/*/*/train.log")):
            assert time.monotonic() < deadline, f"step {step} never came"
            time.sleep(0.05)

    def images(self, folder: str = "humanoid", count: int = 6, size: tuple[int, int] = (1024, 1024)) -> Path:
        """Draw images of one colour each, with captions, below `{datasets}`."""
        place = self.datasets / folder
        place.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.new("RGB", size, (number * 40 % 256, 90, 200)).save(place / f"{number:04}.png", compress_level=1)
            (place / f"{number:04}.txt").write_text(f"a character, number {number}", encoding="utf-8")
        return place


def real_project(folder: Path, root: Path, double: Path, cache: Path, *, share: Path) -> RealProject:
    """Make one in an empty folder; `share` is a folder for the base that many projects can share."""
    base = share / "sd_xl_base_1.0.safetensors"
    if not base.exists():
        fresh = write_sparse(base.with_suffix(f".{os.getpid()}"), sdxl_tensors())
        os.utime(fresh, (1_700_000_000, 1_700_000_000))  # what is younger than two seconds is not remembered
        fresh.replace(base)
    known = HashCache(cache / "hashes.json")
    known.put(base, base.stat(), BASE_SHA256)
    known.save()
    experiments = folder / "experiments"
    experiments.mkdir(parents=True)
    for shipped in [*(root / "experiments").rglob("*.toml"), *(root / "experiments").rglob("*.txt")]:
        target = experiments / shipped.relative_to(root / "experiments")
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(shipped.read_bytes())
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    settings = {"cache": str(cache), "python": str(bin_folder / "python"), "sd_scripts": str(double)}
    (folder / "kft.toml").write_text(tomli_w.dumps(settings), encoding="utf-8")
    _program(bin_folder / "python", "python.py")
    _program(bin_folder / "nvidia-smi", "nvidia_smi.py")
    env = {
        **os.environ,
        "KFT_MODELS": str(share),
        "MADE_UP_MACHINE": str(bin_folder / "machine.json"),
        "MADE_UP_PYTHON": str(bin_folder / "python"),
        "PATH": os.pathsep.join([str(bin_folder), os.environ.get("PATH", "")]),
        "PYTHONPATH": str(root),
        "PYTHONUTF8": "1",
    }
    project = RealProject(folder=folder, env=env)
    project.machine([LARGE_CARD])
    project.images()
    return project


def _program(path: Path, script: str) -> None:
    words = shlex.join([sys.executable, str(PROGRAMS / script)])
    path.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
