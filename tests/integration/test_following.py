"""`kft log -f` beside a run: it sees what comes, ends when the run ends or dies, and harms nothing when it leaves."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fork_wrapper.rehearsal.miniature import DESCRIPTION
from fork_wrapper.rehearsal.miniature_folder import base_model, miniature_folder
from tests.builders.projects import Project
from tests.integration.test_around_the_trainer import RUN, archived, record_of, wait_for

if TYPE_CHECKING:
    import subprocess

pytestmark = [pytest.mark.trainer, pytest.mark.usefixtures("trainer_packages")]


@pytest.fixture
def project(make_project: Callable[..., Project], double: Path, tmp_path: Path) -> Project:
    """A project whose sd-scripts is the double, and whose miniature is empty: the double loads none."""
    cache = tmp_path / "cache"
    base_model(miniature_folder(cache)).mkdir(parents=True)
    (miniature_folder(cache) / DESCRIPTION).write_text("{}")
    return make_project(sd_scripts=str(double), cache=str(cache))


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(project: Project) -> Iterator[Start]:
    """Start kft; none outlives the test."""
    with ExitStack() as stack:

        def starter(*arguments: str, **env: str) -> "subprocess.Popen[str]":
            process = project.start(*arguments, **env)
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return process

        yield starter


def begun(project: Project, start: Start, behaviour: str) -> "tuple[subprocess.Popen[str], str]":
    """A run that has begun, and its id."""
    process = start(*RUN, DOUBLE=behaviour)
    wait_for(lambda: any((run / "record.json").is_file() for run in project.runs), "the record")
    (run,) = project.runs
    return process, f"humanoid_05/{run.name}"


def test_to_the_end(project: Project, start: Start) -> None:
    """From before the first line to the last one; exit code 0."""
    process, run_id = begun(project, start, "steps")
    followed = project.kft("log", run_id, "-f")
    process.communicate(timeout=120)
    assert (followed.returncode, process.returncode) == (0, 0), followed.stderr
    lines = followed.stdout.splitlines()
    assert "  total optimization steps / 学習ステップ数: 10" in lines
    assert lines[-1].startswith("steps: 100%")
    assert followed.stderr == f"{run_id}: rehearsed\n"
    again = project.kft("log", run_id, "-f")
    assert again.returncode == 0
    assert [line for line in again.stdout.splitlines() if "steps:" in line] == lines[-1:]


def test_of_a_run_that_fails(project: Project, start: Start) -> None:
    """Its last words, why it failed, exit code 1."""
    process, run_id = begun(project, start, "memory")
    followed = project.kft("log", run_id, "-f")
    process.communicate(timeout=120)
    assert followed.returncode == 1
    assert "RuntimeError: CUDA out of memory." in followed.stdout
    assert followed.stderr == f"{run_id}: failed: the trainer ended with exit code 1\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
def test_ctrl_c_ends_the_look_and_a_kill_the_run(project: Project, start: Start) -> None:
    """Two look on: one leaves with 130 while the run goes on; the other one sees that its kft was killed."""
    process, run_id = begun(project, start, "endless")
    wait_for(lambda: archived(project) != [], "the first sidecar")
    leaves, stays = start("log", run_id, "-f"), start("log", run_id, "-f", "-n", "0")
    assert leaves.stdout is not None
    assert leaves.stdout.readline()
    leaves.send_signal(signal.SIGINT)
    _, said = leaves.communicate(timeout=60)
    assert (leaves.returncode, said.strip()) == (130, "interrupted")
    assert record_of(project)["run"]["status"] == "running"
    assert stays.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    _, said = stays.communicate(timeout=60)
    assert (stays.returncode, said) == (1, f"{run_id}: killed\n")
