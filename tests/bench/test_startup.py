"""How long kft itself takes, as ratios of whole processes run side by side. `make bench`; never part of `make test`."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.projects import Project

pytestmark = pytest.mark.bench


def paired(first: list[str], second: list[str], rounds: int, cwd: Path) -> float:
    """Median of first/second, run in turns so that what else the machine does hits both."""

    def wall(argv: list[str]) -> float:
        start = time.perf_counter()
        subprocess.run(argv, cwd=cwd, capture_output=True, check=False)
        return time.perf_counter() - start

    wall(first), wall(second)
    return statistics.median(wall(first) / wall(second) for _ in range(rounds))


def test_help_costs_little_more_than_click(root: Path) -> None:
    """`kft --help` within 1.6 times `python -c "import click"`."""
    ratio = paired([sys.executable, "-m", "fork_wrapper", "--help"], [sys.executable, "-c", "import click"], 40, root)
    print(f"\nkft --help / import click: {ratio:.2f}")  # noqa: T201 - the figure is what a benchmark is for
    assert ratio <= 1.6


@pytest.mark.trainer
@pytest.mark.usefixtures("trainer_packages")
def test_a_run_through_kft_costs_no_more_than_by_hand(make_project: Callable[..., Project], tmp_path: Path) -> None:
    """The same rehearsal through kft and by hand, in turns: at most a second more, and no fewer steps per second."""
    project = make_project(sd_scripts=str(tmp_path / "nowhere"))
    flags = ("--set", "max_train_steps=8", "--set", "save_every_n_steps=4")
    assert project.kft("run", "humanoid_02", "--rehearse", *flags).returncode == 0  # warms every cache
    extra, speeds = [], []
    for _ in range(2):
        start = time.perf_counter()
        assert project.kft("run", "humanoid_02", "--rehearse", *flags).returncode == 0
        through = time.perf_counter() - start
        record = project.record(project.runs[-1])
        by_hand, speed = project.by_hand(record)
        extra.append(through - by_hand)
        speeds.append(record["run"]["steps_per_second"] / speed)
    print(f"\nthrough kft - by hand: {statistics.median(extra):+.2f} s, steps/s ratio {statistics.median(speeds):.3f}")  # noqa: T201
    assert statistics.median(extra) <= 1
    assert statistics.median(speeds) >= 0.97
