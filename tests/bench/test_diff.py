"""How long a comparison takes. `make bench`; never part of `make test`."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.projects import Project

pytestmark = pytest.mark.bench

BASE = [sys.executable, "-c", "import click, rich.table"]
DIFF = [sys.executable, "-m", "fork_wrapper", "diff", "humanoid_04", "humanoid_05"]


def ratio(project: Project, rounds: int) -> float:
    """Median of the comparison over its base, run in turns, once the caches are filled."""
    env = {**project.env, "PYTHONDONTWRITEBYTECODE": ""}  # as people run it: compiled modules are kept

    def wall(argv: list[str]) -> float:
        start = time.perf_counter()
        done = subprocess.run(argv, cwd=project.folder, env=env, capture_output=True, check=False)
        taken = time.perf_counter() - start
        assert done.returncode == (1 if argv is DIFF else 0), done.stderr
        return taken

    wall(DIFF), wall(BASE)
    return statistics.median(wall(DIFF) / wall(BASE) for _ in range(rounds))


def test_diff_costs_little_more_than_click_and_rich(make_project: Callable[..., Project]) -> None:
    """`kft diff humanoid_04 humanoid_05` within 1.6 times `python -c "import click, rich.table"`."""
    found = ratio(make_project(), 30)
    print(f"\nkft diff / import click, rich.table: {found:.2f}")  # noqa: T201 - the figure is what a benchmark is for
    assert found <= 1.6


def test_ten_thousand_runs_cost_nothing(make_project: Callable[..., Project]) -> None:
    """What is named is opened; the folder of runs is not looked at."""
    project = make_project()
    before = ratio(project, 15)
    runs = project.folder / "runs" / "humanoid_02"
    for number in range(10_000):
        _run(runs / f"{number:08}")
    after = ratio(project, 15)
    print(f"\nkft diff with 0 and with 10,000 runs: {before:.2f}, {after:.2f}")  # noqa: T201
    assert after <= before * 1.1


def _run(folder: Path) -> None:
    folder.mkdir(parents=True)
    os.close(os.open(folder / "record.json", os.O_CREAT | os.O_WRONLY))
