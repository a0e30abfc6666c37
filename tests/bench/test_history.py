"""How long ten thousand runs keep a person waiting. `make bench`; never part of `make test`."""

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from fork_wrapper.machine.settings import load_settings
from tests.bench.many_runs import EXPERIMENTS, RUNS, make_runs
from tests.builders.projects import Project

pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Path]:
    """Ten thousand runs: 1.6 GB, gone afterwards."""
    folder = tmp_path_factory.mktemp("many")
    settings = load_settings({"experiments": root / "experiments"}, environ={}, cwd=folder)
    make_runs(folder / "runs", settings)
    yield folder / "runs"
    shutil.rmtree(folder)


@pytest.fixture
def project(make_project: Callable[..., Project], tmp_path: Path, outputs: Path) -> Project:
    """A project whose runs they are, and whose cache is empty."""
    return make_project(outputs=str(outputs), cache=str(tmp_path / "cache"))


def wall(project: Project, *arguments: str) -> float:
    """Seconds that one call of kft takes."""
    argv = [sys.executable, "-m", "fork_wrapper", *arguments]
    start = time.perf_counter()
    subprocess.run(argv, cwd=project.folder, env=project.env, capture_output=True, check=False)
    return time.perf_counter() - start


def median(project: Project, *arguments: str, rounds: int = 11) -> float:
    """Median of several calls."""
    return statistics.median(wall(project, *arguments) for _ in range(rounds))


def ratio(first: Project, second: Project, arguments: Sequence[str], rounds: int = 11) -> float:
    """Median of first/second, in turns so that what else the machine does hits both."""
    return statistics.median(wall(first, *arguments) / wall(second, *arguments) for _ in range(rounds))


def test_list(project: Project) -> None:
    """At most 0.5 s once the records have been read; the first look may take its time."""
    cold = wall(project, "list")
    whole, as_json, one = median(project, "list"), median(project, "list", "--json"), median(project, "list", "exp_05")
    print(f"\nkft list, {RUNS} runs: {cold:.1f} s cold, {whole:.3f} s warm, {as_json:.3f} s as JSON")  # noqa: T201
    print(f"kft list EXPERIMENT, {RUNS // EXPERIMENTS} runs of {RUNS}: {one:.3f} s")  # noqa: T201
    assert project.kft("list").stdout.count("\n") == RUNS + 2
    assert project.kft("list", "exp_05").stdout.count("\n") == RUNS // EXPERIMENTS + 1
    assert max(whole, as_json, one) <= 0.5


def test_list_chosen_and_sorted(project: Project, outputs: Path) -> None:
    """No slower for being sorted and filtered, and at most 0.5 s where the notes of every run are asked for."""
    wall(project, "list")
    for run in sorted((outputs / "exp_05").iterdir())[:100]:
        (run / "notes.jsonl").write_text('{"time": "2026-11-01T00:00:00+00:00", "decision": "selected"}\n')
    filtered = ("list", "--sort", "-loss", "--filter", "experiment=exp_0*", "--filter", "loss<0.1")
    noted = ("list", "--filter", "decision=selected")
    chosen, decided = median(project, *filtered), median(project, *noted)
    print(f"\nkft list sorted and filtered: {chosen:.3f} s; by the notes of {RUNS} runs: {decided:.3f} s")  # noqa: T201
    assert project.kft(*noted).stdout.count("\n") == 100 + 2
    assert max(chosen, decided) <= 0.5


def few(project: Project, outputs: Path, make_project: Callable[..., Project]) -> tuple[list[str], Project]:
    """Two runs of an experiment, and a project that has no others."""
    runs = sorted((outputs / "exp_05").iterdir())[:2]
    for run in runs:
        shutil.copytree(run, project.folder / "two" / "exp_05" / run.name)
    names = [f"exp_05/{run.name}" for run in runs]
    return names, make_project("few", outputs=str(project.folder / "two"), cache=str(project.folder / "cache"))


def test_other_verbs_do_not_notice(project: Project, outputs: Path, make_project: Callable[..., Project]) -> None:
    """`kft diff` of two runs, and `kft check`, with ten thousand runs against with two."""
    names, alone = few(project, outputs, make_project)
    for arguments, most in ((["diff", *names], 1.1), (["check", "humanoid_05"], 1.3)):
        wall(project, *arguments), wall(alone, *arguments)
        found = ratio(project, alone, arguments)
        print(f"\nkft {arguments[0]}, {RUNS} runs / 2: {found:.2f}")  # noqa: T201
        assert found <= most
