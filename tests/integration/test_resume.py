"""A rehearsal that is broken off and resumed: one training of exactly the planned length, and nothing overwritten."""

import json
import math
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

from fork_wrapper.records.lineage import joined, segments
from fork_wrapper.records.progress import read_log
from fork_wrapper.records.record import read_record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.run.states import damage_of
from tests.builders.projects import Project

pytestmark = [pytest.mark.trainer, pytest.mark.usefixtures("trainer_packages")]

TOTAL = 6
RATE = 4e-6
RUN = (
    *("run", "humanoid_05", "--rehearse", "--unset", "sample_prompts", "--set", "save_state=true"),
    *("--set", f"max_train_steps={TOTAL}"),
)
FIRST_STATE = "humanoid_05-step00000002-state"

RATES = """
import json, sys
from pathlib import Path
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util.tensor_util import make_ndarray
found = []
for path in Path(sys.argv[1]).rglob("events.out*"):
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            if value.tag == "lr/unet":
                found.append((event.step, float(make_ndarray(value.tensor)[()])))
print(json.dumps(sorted(found)))
"""


def rates_of(run: RunFolder) -> list[tuple[int, float]]:
    """Step and learning rate of the U-Net, as TensorBoard has them."""
    argv = [sys.executable, "-W", "ignore", "-c", RATES, str(run.logs)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return [(step, rate) for step, rate in json.loads(done.stdout.splitlines()[-1])]


def broken_off(project: Project, stop: Callable[["subprocess.Popen[str]"], None]) -> RunFolder:
    """A rehearsal that is stopped once its first state is whole."""
    process = project.start(*RUN)
    deadline = time.monotonic() + 300
    while not any(damage_of(run / FIRST_STATE, {"learning_rate": RATE}) == "" for run in project.runs):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "waited in vain for the first state"
        time.sleep(0.05)
    stop(process)
    process.communicate(timeout=300)
    (run,) = project.runs
    return RunFolder(folder=run)


def _interrupt(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGINT)


def _kill(process: "subprocess.Popen[str]") -> None:
    """Kill kft and, as a power cut does, its trainer."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for one in family:
        one.kill()
    psutil.wait_procs(family, timeout=60)


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file with its size and time; of the record kft says anew how it ended, and the room for that goes."""
    found = {path.relative_to(folder).as_posix(): path.stat() for path in folder.rglob("*") if path.is_file()}
    own = (".json", RunFolder(folder=folder).reserve.name)
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in found.items() if not name.endswith(own)}


def check_one_story(project: Project, first: RunFolder, schema: dict[str, Any]) -> None:
    """Resume it: the planned steps in all, one curve of losses and of rates, and the first run as it was."""
    before = files_of(first.folder)
    done = project.kft("resume", first.run_id)
    assert done.returncode == 0, done.stderr
    assert files_of(first.folder) == before
    folder, run = project.runs
    second = RunFolder(folder=run)
    assert folder == first.folder
    record = read_record(second.record)
    assert record.lineage is not None
    assert (record.status, record.lineage["parent"]) == ("rehearsed", first.run_id)
    assert record.lineage["step"] + record.run["steps"] == TOTAL
    story = segments(project.folder / "runs", second, record)
    assert [one.run.run_id for one in story] == [first.run_id, second.run_id]
    losses = joined(story, [read_log(one.run.log).losses for one in story])
    assert [step for step, _ in losses] == list(range(1, TOTAL + 1))
    rates = joined(story, [rates_of(one.run) for one in story])
    planned = [(step, RATE * (1 + math.cos(math.pi * step / TOTAL)) / 2) for step in range(1, TOTAL + 1)]
    assert [step for step, _ in rates] == [step for step, _ in planned]
    assert [rate for _, rate in rates] == pytest.approx([rate for _, rate in planned], rel=1e-5, abs=1e-12)
    sidecar = project.read_json(run / "humanoid_05.json")
    jsonschema.validate(sidecar, schema)
    assert sidecar["checkpoint"]["training_step"] == TOTAL
    shown = project.kft("list", "humanoid_05").stdout.splitlines()
    assert [line.split()[1:3] for line in shown[-2:]] == [
        ["resumed", f"{project.record(first.folder)['run']['steps']}/{TOTAL}"],
        ["rehearsed", f"{record.lineage['step']}+{record.run['steps']}/{TOTAL}"],
    ]


@pytest.mark.sd_scripts
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
def test_the_real_trainer_goes_on(
    make_project: Callable[..., Project], sd_scripts: Path, schema: dict[str, Any]
) -> None:
    """The unmodified sdxl_train.py, interrupted by Ctrl-C."""
    project = make_project(sd_scripts=str(sd_scripts))
    first = broken_off(project, _interrupt)
    assert read_record(first.record).status == "interrupted"
    check_one_story(project, first, schema)


def test_the_stand_in_goes_on(make_project: Callable[..., Project], tmp_path: Path, schema: dict[str, Any]) -> None:
    """Killed with its kft while it wrote another state: that one is passed over, and the record is closed."""
    project = make_project(sd_scripts=str(tmp_path / "nowhere"))
    first = broken_off(project, _kill)
    half = first.folder / f"humanoid_05-step{TOTAL - 1:08d}-state"
    half.mkdir()
    shutil.copy2(first.folder / FIRST_STATE / "scheduler.bin", half)
    assert read_record(first.record).status == "running"
    planned = json.loads(project.kft("resume", first.run_id, "--check", "--json").stdout)
    assert half.name in planned["passed_over"]
    assert (planned["step"], planned["remaining"]) in ((2, 4), (4, 2))
    check_one_story(project, first, schema)
    assert read_record(first.record).run["stops"] == ["kft was killed"]
