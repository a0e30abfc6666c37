"""Around a trainer that fails, is stopped or outlives its kft: real processes, real accelerate, no training."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fork_wrapper.rehearsal.miniature import DESCRIPTION
from fork_wrapper.rehearsal.miniature_folder import base_model, miniature_folder
from tests.builders.projects import Project

pytestmark = [pytest.mark.trainer, pytest.mark.usefixtures("trainer_packages")]

RUN = ("run", "humanoid_05", "--rehearse")


@pytest.fixture(scope="module")
def double_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with an empty miniature: the double loads none, so none is built."""
    cache = tmp_path_factory.mktemp("double-cache")
    base_model(miniature_folder(cache)).mkdir(parents=True)
    (miniature_folder(cache) / DESCRIPTION).write_text("{}")
    return cache


@pytest.fixture
def project(make_project: Callable[..., Project], double: Path, double_cache: Path) -> Project:
    """A project whose sd-scripts is the double."""
    return make_project(sd_scripts=str(double), cache=str(double_cache))


def record_of(project: Project) -> dict[str, Any]:
    """The record of the project's only run."""
    (run,) = project.runs
    return project.record(run)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Poll until a condition holds."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)


def archived(project: Project) -> list[str]:
    """Names of the sidecars of the project's runs."""
    return sorted(path.name for run in project.runs for path in run.glob("humanoid_05*.json"))


def test_every_checkpoint_is_archived_while_the_trainer_goes_on(project: Project) -> None:
    """Sidecars appear as checkpoints become whole, with step, epoch and loss; the record is closed at the end."""
    done = project.kft(*RUN, DOUBLE="steps")
    assert done.returncode == 0, done.stderr
    record = record_of(project)
    assert record["run"]["status"] == "rehearsed"
    assert [(one["step"], one["epoch"]) for one in record["checkpoints"]] == [
        (2, 1),
        (4, 1),
        (6, 1),
        (8, 2),
        (10, 2),
        (10, None),
    ]
    assert record["run"]["loss"] == {
        "first": 0.8,
        "last": 0.8,
        "lowest": 0.1,
        "last_step": 10,
        "epoch_steps": 6,
        "first_epoch": 0.3,
        "lowest_epoch": 0.1,
    }
    assert "step 10/10" in done.stderr
    assert done.stdout.count(".safetensors") == 6


def test_one_ctrl_c_gives_the_trainer_its_time(project: Project, schema: dict[str, Any]) -> None:
    """The first Ctrl-C is passed on; the checkpoint that the trainer then saves is archived; exit code 130."""
    process = project.start(*RUN, DOUBLE="endless")
    wait_for(lambda: archived(project) != [], "the first sidecar")
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupt sent; the trainer has 600 s to finish" in err
    record = record_of(project)
    assert (record["run"]["status"], record["run"]["stops"]) == ("interrupted", ["interrupt"])
    assert archived(project) == ["humanoid_05-step00000002.json", "humanoid_05.json"]
    (run,) = project.runs
    assert b"saving after interrupt" in (run / "train.log").read_bytes()
    for sidecar in run.glob("humanoid_05*.json"):
        jsonschema.validate(json.loads(sidecar.read_text(encoding="utf-8")), schema)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
def test_a_polite_kill_is_an_interrupt_too_and_the_ladder_goes_on(project: Project) -> None:
    """SIGTERM climbs the same ladder: interrupt first, then terminate; the record says both."""
    process = project.start(*RUN, DOUBLE="endless")
    wait_for(lambda: archived(project) != [], "the first sidecar")
    process.send_signal(signal.SIGTERM)
    (run,) = project.runs
    wait_for(lambda: b"saving after interrupt" in (run / "train.log").read_bytes(), "the trainer's answer")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert record_of(project)["run"]["stops"] == ["interrupt", "terminate"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL to send")
def test_a_killed_kft_loses_nothing(project: Project, schema: dict[str, Any]) -> None:
    """After SIGKILL, `kft archive` gives every whole checkpoint its sidecar and the truncated one none."""
    process = project.start(*RUN, DOUBLE="truncated")
    wait_for(lambda: [run for run in project.runs if list(run.glob("*4.safetensors"))] != [], "the truncated file")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    (run,) = project.runs
    wait_for(lambda: '"status": "killed"' in project.kft("list", "--json").stdout, "the end of the trainer too")
    for sidecar in run.glob("humanoid_05*.json"):
        sidecar.unlink()
    done = project.kft("archive")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"humanoid_05/{run.name}: interrupted, 1 archived")
    assert archived(project) == ["humanoid_05-step00000002.json"]
    jsonschema.validate(json.loads((run / "humanoid_05-step00000002.json").read_text(encoding="utf-8")), schema)
    assert record_of(project)["run"]["stops"] == ["kft was killed"]
    again = project.kft("archive", f"humanoid_05/{run.name}")
    assert again.stdout == f"humanoid_05/{run.name}: interrupted, 1 archived, nothing new\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of a POSIX shell")
def test_a_vanished_reader_does_not_end_the_run(project: Project) -> None:
    """`kft run ... 2>&1 | head -1`: the run goes on without its onlooker and is archived to the end."""
    with project.start(*RUN, DOUBLE="steps") as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.stderr.close()
        assert process.stdout is not None
        process.stdout.read()
        assert process.wait(timeout=120) == 0
    assert record_of(project)["run"]["status"] == "rehearsed"
    assert len(archived(project)) == 6


def test_archiving_beside_a_live_run_changes_nothing(project: Project) -> None:
    """`kft archive` leaves a run whose kft is alive to it."""
    process = project.start(*RUN, DOUBLE="endless")
    wait_for(lambda: archived(project) != [], "the first sidecar")
    done = project.kft("archive")
    assert done.stdout.endswith("running, 1 archived, nothing new\n"), done.stderr
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert record_of(project)["run"]["stops"] == ["interrupt"]


@pytest.mark.parametrize(
    ("behaviour", "cause", "todo"),
    [
        ("memory", "out of memory: the GPU has too little memory", "lower batch_size"),
        ("nodata", "no data: sd-scripts found no image and left with exit code 0", "check image_dir"),
        ("package", "missing package: the trainer's Python lacks a package: a_package_that_nobody_has", "pip install"),
    ],
)
def test_a_failure_is_named_and_its_last_lines_shown(project: Project, behaviour: str, cause: str, todo: str) -> None:
    """A run without a final checkpoint failed, whatever its exit code; kft says why and where the log is."""
    done = project.kft(*RUN, DOUBLE=behaviour)
    assert done.returncode == 1
    record = record_of(project)
    assert record["run"]["status"] == "failed"
    assert record["run"]["exit_code"] == (0 if behaviour == "nodata" else 1)
    for words in (cause, todo, "the trainer's last lines:", "train.log"):
        assert words in done.stderr
    assert "CalledProcessError" not in done.stderr
