"""The command in this process: arguments in, exit code and both streams out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fork_wrapper.cli import call


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a call of kft did."""

    code: int
    """Exit code."""
    out: str
    """stdout, with the project's folder as PROJECT."""
    err: str
    """stderr, likewise."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with kft.toml and two experiments, and no sd-scripts, model or data."""
    folder = tmp_path / "project"
    (folder / "experiments").mkdir(parents=True)
    (folder / "kft.toml").write_text("")
    (folder / "experiments" / "first.toml").write_text(
        "[training]\nlearning_rate = 1e-5\nmixed_precision = 'no'\n"
        "pretrained_model_name_or_path = '{models}/base.safetensors'\n"
        "[[dataset.datasets]]\nresolution = 1024\nbatch_size = 4\n"
        "[[dataset.datasets.subsets]]\nimage_dir = '{datasets}/pictures'\n"
    )
    (folder / "experiments" / "second.toml").write_text("extends = 'first'\n[training]\nlearning_rate = 2e-5\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def kft(project: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Call kft in the project."""

    def run(*arguments: str) -> Answer:
        code = call(arguments)
        said = capsys.readouterr()
        place = str(project)
        return Answer(code=code, out=said.out.replace(place, "PROJECT"), err=said.err.replace(place, "PROJECT"))

    return run
