"""Weeks with real runs: short names of runs and checkpoints, what is said at the end, and what to do next."""

import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.builders.real_projects import RealProject

if TYPE_CHECKING:
    from subprocess import Popen

SHORT = ("--set", "max_train_epochs=4", "--set", "batch_size=2", "--set", "gradient_accumulation_steps=1")
EVERY = ("--set", "save_every_n_epochs=1")


def _interrupt(real: RealProject, kft: "Popen[str]", at: str) -> str:
    """Interrupt a run once it has reached a step; what it said."""
    deadline = time.monotonic() + 120
    while not any(f"| {at}/" in log.read_text(errors="replace") for log in _logs(real)):
        assert time.monotonic() < deadline, f"waited in vain for step {at}"
        time.sleep(0.05)
    time.sleep(0.5)
    os.kill(kft.pid, signal.SIGINT)
    _, said = kft.communicate(timeout=120)
    assert kft.returncode == 130, said
    return said


def _logs(real: RealProject) -> list[Path]:
    return [run / "train.log" for run in real.runs if (run / "train.log").exists()]


def test_an_interrupted_run_names_the_way_on(real: RealProject) -> None:
    """With a state saved it is `kft resume RUN`; the bare name means the same run, `:epoch1` an earlier state."""
    waiting = {"DOUBLE_WAIT_AT": "8", "DOUBLE_GO": str(real.folder / "never")}
    kft = real.start("run", "humanoid_05", *SHORT, *EVERY, "--set", "save_state=true", **waiting)
    said = _interrupt(real, kft, "8")
    (run,) = real.runs
    name = f"humanoid_05/{run.name}"
    assert f"error: {name} was interrupted at step 8 of 12; 2 checkpoints are archived\n" in said
    assert "(interrupt)" not in said
    assert f"it can resume after step 6, from humanoid_05-000002-state\n    → kft resume {name}\n" in said

    plan = real.kft("resume", "humanoid_05", "--check")
    assert f"humanoid_05 is {name}: its newest run that was broken off (interrupted)" in plan.stderr
    assert "humanoid_05-000002-state" in plan.stdout
    earlier = real.kft("resume", "humanoid_05@latest:epoch1", "--check", "--json")
    assert json.loads(earlier.stdout)["state"].endswith("humanoid_05-000001-state")

    done = real.kft("resume", "humanoid_05")
    assert done.returncode == 0, done.stderr
    first, second = real.runs
    again = real.kft("show", "humanoid_05@latest:epoch3")
    assert f"{second / 'humanoid_05-000001.json'}" in again.stdout
    before = real.kft("show", "humanoid_05@latest:epoch2")
    assert f"{first / 'humanoid_05-000002.json'}" in before.stdout


def test_without_a_state_it_says_how_to_have_one(real: RealProject) -> None:
    """And counts one checkpoint as one."""
    waiting = {"DOUBLE_WAIT_AT": "5", "DOUBLE_GO": str(real.folder / "never")}
    said = _interrupt(real, real.start("run", "humanoid_05", *SHORT, *EVERY, **waiting), "5")
    assert "was interrupted at step 5 of 12; 1 checkpoint is archived" in said
    assert "no state was saved" in said
    assert "kft run humanoid_05 --set save_state=true" in said
    assert "kft resume" not in said


def test_a_success_says_what_to_do_next(real: RealProject) -> None:
    """Each of the commands works as it stands; losses say over which steps they are, speed has one unit."""
    done = real.kft("run", "humanoid_05", *SHORT)
    assert done.returncode == 0, done.stderr
    assert "loss 0.6000 -> 0.6000, lowest 0.1000, means of an epoch (3 steps)" in done.stdout
    assert "it/s" not in done.stdout + done.stderr.replace("bit/s", "")
    second = real.kft("run", "humanoid_05", *SHORT, "--set", "seed=7")
    steps = [line.split("→ ")[1].split("  ")[0] for line in second.stderr.splitlines() if line.startswith("  → kft ")]
    assert [step.split()[1] for step in steps] == ["show", "diff", "report", "promote"]
    assert len(steps) == 4
    for step in steps:
        answer = real.kft(*step.split()[1:])
        assert answer.returncode == (1 if " diff " in step else 0), answer.stderr


def test_what_is_acknowledged_stands_in_the_record(real: RealProject, schema: dict[str, Any]) -> None:
    """With its reason, and with the file that says so; the check and the run name it in one short line."""
    done = real.kft("run", "humanoid_05", *SHORT)
    said = [line for line in done.stderr.splitlines() if "• acknowledged" in line or "clip_skip" in line]
    assert said == ["  • acknowledged: huber-unused, clip-skip"]
    (run,) = real.runs
    sidecar = real.read_json(run / "humanoid_05.json")
    jsonschema.validate(sidecar, schema)
    reason = "the authors' document gives clip_skip = 1"
    assert sidecar["experiment"]["acknowledged"]["clip-skip"] == {"reason": reason, "by": "sdxl_base"}
    assert [one["acknowledged"] for one in sidecar["findings"] if one["rule"] == "clip-skip"] == [reason]
    assert f"clip-skip: {reason}  (sdxl_base)" in real.kft("show", "humanoid_05@latest").stdout


VERBS = ("show", "export-config", "promote", "reproduce", "log", "note", "archive", "diff", "check", "plan")


@pytest.mark.parametrize("verb", [*VERBS, "dataset check", "dataset stats"])
def test_every_verb_takes_short_names(real: RealProject, verb: str) -> None:
    """`@latest` and a checkpoint of it, and says on stderr which run was meant."""
    done = real.kft("run", "humanoid_05", *SHORT, *EVERY)
    assert done.returncode == 0, done.stderr
    (run,) = real.runs
    more = {"promote": ["--name", "x"], "reproduce": ["--check"], "diff": ["humanoid_05@-1:final"]}.get(verb, [])
    for name in ("humanoid_05@latest", "humanoid_05:epoch2", f"humanoid_05/{run.name}:step6"):
        if verb == "archive" and ":" in name:
            continue
        answer = real.kft(*verb.split(), name, *more)
        assert answer.returncode in (0, 1), answer.stderr
        assert answer.stderr.startswith(f"{name} is humanoid_05/{run.name}"), answer.stderr
        assert ("humanoid_05-000002.safetensors" in answer.stderr.splitlines()[0]) == (":" in name)
        more = ["--name", "y" if "epoch" not in name else "z"] if verb == "promote" else more
