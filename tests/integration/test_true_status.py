"""What a record says of a run is true, whatever ended it: real processes, a full disk, signals, no training."""

import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from fork_wrapper.records.checkpoints import is_whole
from tests.builders.real_projects import RealProject
from tests.integration.test_around_the_trainer import wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

FAST = (
    *("--set", "max_train_epochs=4", "--set", "batch_size=1", "--set", "gradient_accumulation_steps=1"),
    *("--set", "save_every_n_epochs=1", "--unset", "sample_every_n_epochs"),
)
"""24 steps, a checkpoint every six."""
STEPS = 24


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(real: RealProject) -> Iterator[Start]:
    """Start kft; neither it nor its trainer outlives the test."""
    with ExitStack() as stack:

        def starter(*arguments: str, **env: str) -> "subprocess.Popen[str]":
            process = real.start(*arguments, **env)
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return process

        stack.callback(kill_trainers, real)
        yield starter


def kill_trainers(project: RealProject) -> None:
    """Leave none behind."""
    for one in trainers(project):
        one.kill()


def trainers(project: RealProject) -> list[psutil.Process]:
    """Processes that train in a project."""
    inside = str(project.folder / "runs")
    every = psutil.process_iter(["cmdline"])
    return [one for one in every if any(word.startswith(inside) for word in one.info["cmdline"] or [])]


def only(project: RealProject) -> Path:
    """The only run."""
    (run,) = project.runs
    return run


def run_of(project: RealProject) -> dict[str, Any]:
    """What the record says of the only run."""
    facts: dict[str, Any] = project.record(only(project))["run"]
    return facts


def listed(project: RealProject) -> dict[str, Any]:
    """The only run, as `kft list` has it."""
    (line,) = json.loads(project.kft("list", "--json").stdout)["runs"]
    return dict(line)


def shown(project: RealProject) -> dict[str, Any]:
    """The only run, as `kft show` has it."""
    return dict(json.loads(project.kft("show", listed(project)["run_id"], "--json").stdout)["run"])


def bars(project: RealProject, step: int) -> bool:
    """Whether the log shows that step."""
    return any(f"| {step}/{STEPS} [".encode() in (run / "train.log").read_bytes() for run in logs(project))


def logs(project: RealProject) -> list[Path]:
    """Runs with a log."""
    return [run for run in project.runs if (run / "train.log").exists()]


def trainer(project: RealProject) -> psutil.Process:
    """The process that trains, and not its launcher."""
    (found,) = [one for one in trainers(project) if "accelerate.commands.launch" not in one.info["cmdline"]]
    return found


def settled(path: Path) -> bytes:
    """The content of a record that the archive of a waiting run has no more to add to."""
    content, since = path.read_bytes(), time.monotonic()
    while time.monotonic() - since < 5:  # it looks every two seconds
        time.sleep(0.25)
        if (now := path.read_bytes()) != content:
            content, since = now, time.monotonic()
    return content


def test_a_run_in_progress_and_what_becomes_of_it(real: RealProject, start: Start, tmp_path: Path) -> None:
    """List and show know step, total, loss, speed and time left; after a kill both say the same, and write nothing."""
    env = {"DOUBLE_WAIT_AT": "12", "DOUBLE_GO": str(tmp_path / "go")}
    process = start("run", "humanoid_05", *FAST, **env)
    wait_for(lambda: bars(real, 12), "step 12")
    record = settled(only(real) / "record.json")
    line, told = listed(real), shown(real)
    assert (line["status"], told["status"]) == ("running", "running")
    assert (line["steps"], line["total_steps"], line["loss"]) == (12, STEPS, 0.6)
    assert (told["steps"], told["total_steps"], told["loss"]["last"], told["epochs"]) == (12, STEPS, 0.6, 4)
    assert line["steps_per_second"] == told["steps_per_second"] == 1.0
    assert line["seconds_left"] == told["seconds_left"] == 12
    text = real.kft("list").stdout
    assert "1.00 s/it  0:12" in text
    seen = real.kft("show", line["run_id"]).stdout
    assert re.search(rf"^steps +12 of {STEPS}, 1\.00 s/it$", seen, re.MULTILINE)
    assert re.search(r"^left +0:12$", seen, re.MULTILINE)
    assert (only(real) / "record.json").read_bytes() == record
    process.kill()
    process.communicate()
    trainer(real).kill()
    wait_for(lambda: listed(real)["status"] == "killed", "the trainer's end")
    assert shown(real)["status"] == "killed"
    assert shown(real)["steps"] == listed(real)["steps"] == 12
    assert f"killed; kft archive {line['run_id']} closes it" in real.kft("show", line["run_id"]).stdout
    assert real.kft("archive").stdout.startswith(f"{line['run_id']}: interrupted, 1 archived")
    assert listed(real)["status"] == shown(real)["status"] == "interrupted"


def test_a_trainer_without_its_kft_is_still_running(real: RealProject, start: Start, tmp_path: Path) -> None:
    """Until it ends, `kft archive` archives what is whole and closes nothing; `kft resume` waits for it too."""
    env = {"DOUBLE_WAIT_AT": "12", "DOUBLE_GO": str(tmp_path / "go")}
    process = start("run", "humanoid_05", *FAST, **env)
    wait_for(lambda: bars(real, 12), "step 12")
    process.kill()
    process.communicate()
    orphan = trainer(real)
    assert listed(real)["status"] == shown(real)["status"] == "running"
    assert ": running, " in real.kft("archive").stdout
    assert f"it is still running (process {orphan.pid} on " in real.kft("resume", listed(real)["run_id"]).stderr
    orphan.kill()
    wait_for(lambda: listed(real)["status"] == "killed", "its end")


def test_accelerate_is_killed_and_the_trainer_goes_on(real: RealProject, start: Start, tmp_path: Path) -> None:
    """The run is completed: its steps are done, and its final checkpoint is whole and new."""
    go = tmp_path / "go"
    env = {"DOUBLE_WAIT_AT": "12", "DOUBLE_GO": str(go), "ACCELERATE": "real"}
    process = start("run", "humanoid_05", *FAST, **env)
    wait_for(lambda: bars(real, 12), "step 12")
    launcher = next(one for one in psutil.Process(process.pid).children() if "accelerate" in " ".join(one.cmdline()))
    launcher.kill()
    time.sleep(0.5)
    go.touch()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    facts = run_of(real)
    assert (facts["status"], facts["steps"], facts["exit_code"]) == ("completed", STEPS, None)
    assert facts["evidence"].startswith("by progress and final checkpoint: accelerate was killed")


@pytest.mark.parametrize(
    ("number", "launcher", "name"),
    [(9, "real", "killed"), (9, "", "killed"), (11, "real", "crashed"), (6, "", "aborted")],
)
def test_a_trainer_that_dies_by_a_signal(real: RealProject, number: int, launcher: str, name: str) -> None:
    """Its real end is named, with what it means, whether accelerate told it or not."""
    done = real.kft("run", "humanoid_05", *FAST, DOUBLE_DIES=f"{number}@3", ACCELERATE=launcher)
    assert done.returncode == 1
    word = signal.Signals(number).name
    assert f"failed: the trainer was killed by {word}" in done.stderr
    failure = run_of(real)["failure"]
    assert (failure["what"], failure["cause"]["name"]) == (f"the trainer was killed by {word}", name)
    assert "epoch 1/4" in failure["tail"]
    assert failure["cause"]["what"] in real.kft("show", listed(real)["run_id"]).stdout


def test_a_damaged_line_ends_no_run(real: RealProject, tmp_path: Path) -> None:
    """The run is completed, with every sidecar, and can be archived again, and resumed, and listed."""
    said = tmp_path / "said"
    said.write_bytes(
        b"\rsteps:  1%|#   | " + b"9" * 5000 + b"/9 [00:01<00:01]\n  gradient accumulation steps / x = 0\n"
        b"  num batches per epoch / x: " + b"8" * 5000 + b"\n\xed\xa0\x80\x1b[31m\x00\nepoch 0/0\n"
        b"steps: 100%|#| 7/7 [" + b"1:" * 3000 + b"00<0, avr_loss=1e999]\n"
    )
    done = real.kft("run", "humanoid_05", *FAST, DOUBLE_SAYS=str(said))
    assert done.returncode == 0, done.stderr
    assert (run_of(real)["status"], len(list(only(real).glob("humanoid_05*.json")))) == ("completed", 4)
    assert real.kft("archive").returncode == 0
    assert "it is completed" in real.kft("resume", listed(real)["run_id"]).stderr


def test_one_bad_run_stops_the_archive_of_no_other(real: RealProject) -> None:
    """It is named, and the later ones are archived; exit code 2."""
    assert real.kft("run", "humanoid_05", *FAST).returncode == 0
    run = only(real)
    bad = run.parent / "20200101-000000"
    shutil.copytree(run, bad)
    for one in (bad, run):
        (one / "humanoid_05.json").unlink()
    (bad / "humanoid_05.json").mkdir()
    (bad / "humanoid_05.json" / "x").touch()
    done = real.kft("archive")
    assert done.returncode == 2
    assert "not every run can be archived" in done.stderr
    assert (run / "humanoid_05.json").is_file()


@pytest.fixture
def small(real: RealProject) -> Iterator[RealProject]:
    """The same project, with its runs on a disk that can be made small."""
    if sys.platform != "linux" or shutil.which("mount") is None:
        pytest.skip("a small disk needs Linux and its mount")
    disk = real.folder / "runs"
    disk.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=64g", "tmpfs", str(disk)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted: {done.stderr.strip()}")
    yield replace(real, folder=real.folder)
    subprocess.run(["umount", "-l", str(disk)], check=True)


def room(project: RealProject, spare: int | None) -> None:
    """Leave so many bytes on the disk of runs; None for all it ever had."""
    disk = project.folder / "runs"
    size = "64g" if spare is None else str(shutil.disk_usage(disk).used + spare)
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


@pytest.mark.parametrize("spare", [0, 4096, 16384, 61440, 1 << 20])
def test_a_disk_that_fills_up(small: RealProject, start: Start, tmp_path: Path, spare: int) -> None:
    """Whether the trainer failed or finished, the record says so at once, and `kft archive` keeps to it."""
    go = tmp_path / "go"
    process = start("run", "humanoid_05", *FAST, DOUBLE_WAIT_AT="19", DOUBLE_GO=str(go))
    wait_for(lambda: bars(small, 19) or process.poll() is not None, "step 19")
    time.sleep(3)  # until what is whole is archived
    room(small, spare)
    go.touch()
    _, err = process.communicate(timeout=120)
    facts = run_of(small)
    finished = spare > 16384
    assert facts["status"] == ("completed" if finished else "failed"), err
    if not finished:
        assert facts["failure"]["cause"]["id"] == "disk-full"
        assert "disk full: the disk of the run folder is full" in err
    room(small, None)
    assert f": {facts['status']}, " in small.kft("archive").stdout
    assert run_of(small)["status"] == facts["status"]
    whole = [path for path in only(small).glob("humanoid_05*.safetensors") if is_whole(path)]
    assert len(whole) == 3 + finished
    assert all(path.with_suffix(".json").is_file() for path in whole)
    assert not (only(small) / ".reserve").exists()


def records(project: RealProject) -> int:
    """How many runs have a record."""
    return sum((run / "record.json").exists() for run in project.runs)


@pytest.mark.parametrize("behaviour", ["endless", "train"])
def test_impatient_ctrl_c(real: RealProject, start: Start, behaviour: str) -> None:
    """Two to four within a second, at any moment: a true final status, exit code 130, no traceback.

    Every second training is so short that they may come when it is over: then it has simply succeeded.
    """
    dice = random.Random(behaviour)
    for number in range(4):
        short = behaviour == "train" and number % 2 == 0
        process = start("run", "humanoid_05", *FAST, DOUBLE=behaviour, DOUBLE_PACE="0.05" if short else "0.25")
        wait_for(lambda number=number: records(real) > number, "the record")  # type: ignore[misc]
        time.sleep(dice.uniform(0, 2))
        for _ in range(dice.randint(2, 4)):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            time.sleep(dice.uniform(0, 0.4))
        _, err = process.communicate(timeout=60)
        assert "Traceback" not in err
        assert process.returncode == 130 or (short and process.returncode == 0), err
    statuses = [real.record(run)["run"]["status"] for run in real.runs if (run / "record.json").exists()]
    assert len(statuses) == 4
    assert set(statuses) <= {"interrupted", "completed"}, statuses
    assert not (real.runs[0] / ".reserve").exists()


def test_other_steps_than_planned_are_said_once(real: RealProject) -> None:
    """In the terminal while it runs, and in the record."""
    done = real.kft("run", "humanoid_05", *FAST, DOUBLE="steps")
    assert done.returncode == 0, done.stderr
    words = "the trainer runs 10 steps, and 24 were planned; it counts 24 images in an epoch, the plan 6"
    assert done.stderr.count(words) == 1
    findings = real.record(only(real))["findings"]
    assert [one["what"] for one in findings if one["what"] == words] == [words]
