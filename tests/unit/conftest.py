"""A project of its own for tests that need settings or experiment files."""

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from textwrap import dedent

import pytest

from fork_wrapper.experiment.resolve import resolve
from fork_wrapper.machine.settings import Settings, load_settings
from fork_wrapper.records.record import Record
from fork_wrapper.records.run_folder import RunFolder
from tests.builders.records import STAMP, begun

BASE = """
[training]
learning_rate = 1e-5
seed = 1
sample_prompts = "prompts/a.txt"
[dataset.general]
flip_aug = true
[[dataset.datasets]]
resolution = 512
batch_size = 4
[[dataset.datasets.subsets]]
image_dir = "{datasets}/people"
num_repeats = 1
[origin]
default = "documented"
seed = "measured"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty project in `tmp_path/project`, with no other layer above the built-in one."""
    project = tmp_path / "project"
    (project / "experiments").mkdir(parents=True)
    (project / "kft.toml").write_text("", encoding="utf-8")
    elsewhere = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    return load_settings({}, environ=elsewhere, cwd=project)


@pytest.fixture
def write(settings: Settings) -> Callable[..., Path]:
    """Write an experiment of the project, by name; without a text, one with a few values everywhere."""

    def writer(name: str, text: str = BASE) -> Path:
        path = settings.experiments / f"{name}.toml"
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return writer


@pytest.fixture
def run_folder(settings: Settings) -> RunFolder:
    """The folder of a run that has not begun."""
    return RunFolder(folder=settings.outputs / "one" / STAMP)


@pytest.fixture
def record(write: Callable[..., Path], settings: Settings) -> Record:
    """The record of a run that is about to be launched."""
    write("one")
    resolved = resolve("one", settings)
    started = datetime(2026, 1, 2, tzinfo=timezone.utc)
    return begun(resolved, settings, stamp=STAMP, started=started, provenance={}, process={}).record
