"""`kft resume`, and how readers tell of a training that was resumed."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fork_wrapper.machine.settings import load_settings
from fork_wrapper.records.record import read_record, write_record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.repeat import resume
from tests.builders.checkpoints import put_state
from tests.builders.projects import assert_golden
from tests.builders.records import recorded
from tests.cli.conftest import Answer

Kft = Callable[..., Answer]
GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "cli"
RUN = "first/20260102-030405"


@pytest.fixture
def run(project: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run that was broken off at step 75 of 200, with a state at step 60 and half of one at 70."""
    monkeypatch.setattr(resume, "newer_programs", lambda *_: [])
    found = recorded("first", load_settings({}, cwd=project))
    record = read_record(found.record)
    training = {**record.training, "lr_scheduler": "cosine", "lr_warmup_steps": 0.05, "save_state": True, "seed": 1}
    plan = {"schedule": {"steps_per_epoch": 10, "total_steps": 200}}
    ended = record.with_provenance(dataset=None).with_run(
        status="failed", steps=75, total_steps=200, started="then", ended="later"
    )
    write_record(found, replace(ended, training={**training, "max_train_epochs": 20}, plan=plan))
    put_state(found.folder / "first-step00000060-state")
    put_state(found.folder / "first-000007-state", ("model.safetensors", "optimizer.bin", "scheduler.bin"))
    return found


def test_what_would_be_done(kft: Kft, run: RunFolder) -> None:
    """With --check, and nothing is; what stands against the launch is said, as by `kft check`."""
    before = sorted(run.folder.parent.rglob("*"))
    answer = kft("resume", RUN, "--check")
    assert_golden(re.sub(" {2,}", "  ", answer.out), GOLDEN / "resume_check.txt")
    assert answer.code == 1
    assert "• sd-scripts is missing" in answer.err
    assert "the data set cannot be compared: its sha256 was not recorded" in answer.err
    for rule in ("resume-counters", "scheduler-type-unchecked"):  # of values that kft itself has chosen
        assert rule not in answer.err
    assert sorted(run.folder.parent.rglob("*")) == before


def test_as_json(kft: Kft, run: RunFolder) -> None:
    """The same as values; the run named by its folder."""
    shown = json.loads(kft("resume", str(run.folder), "--check", "--json").out)
    assert (shown["step"], shown["total_steps"], shown["remaining"], shown["reached"]) == (60, 200, 140, 75)
    assert shown["passed_over"] == {"first-000007-state": "not whole: random_states_0.pkl missing"}
    assert {change["key"] for change in shown["changes"]} >= {"training.resume", "training.max_train_steps"}


def test_a_run_without_a_state(kft: Kft, run: RunFolder) -> None:
    """It is said what would have saved one; nothing is launched."""
    record = read_record(run.record)
    write_record(run, replace(record, training={**record.training, "save_state": False}))
    for state in run.folder.glob("*-state"):
        state.rename(run.folder / f"old-{state.name}")
    answer = kft("resume", RUN)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith(
        f"error: cannot resume {RUN}\n"
        "  • no state was saved\n"
        f"    PROJECT/runs/{RUN}\n"
        "    → one is saved beside every checkpoint (save_every_n_steps, save_every_n_epochs) with save_state: "
        "kft run first --set save_state=true\n"
    )


def test_what_is_no_run(kft: Kft) -> None:
    """An experiment is not resumed: it has no state."""
    answer = kft("resume", "first")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        "error: a run is needed\n"
        "  • first is not a run (experiment)\n"
        "    first\n"
        "    → name EXPERIMENT/RUN, or its folder; `kft list` shows them\n"
    )


def test_one_story(kft: Kft, run: RunFolder) -> None:
    """`kft list` counts on, and `kft show` names the runs before and after."""
    record = read_record(run.record)
    second = RunFolder(folder=run.folder.parent / "20260103-000000")
    words = ["learning rate, cosine: it goes on along the planned curve"]
    lineage = {"kind": "resume", "parent": RUN, "step": 60, "epoch": 6, "total_steps": 200, "consequences": words}
    child = record.with_lineage(lineage).with_run(id=second.run_id, status="completed", steps=140, total_steps=140)
    write_record(second, child)
    assert kft("list", "first").out == (
        "run                    status     steps       mean loss  time  saved\n"
        "first/20260102-030405  resumed    75/200      -          -     0\n"
        "first/20260103-000000  completed  60+140/200  -          -     0\n"
    )
    shown = re.sub(" {2,}", "  ", kft("show", second.run_id).out)
    assert (
        f"resumes  {RUN} from step 60 of 200\n"
        f"step 1 to 60  {RUN}\n"
        f"step 61 to 200  {second.run_id}\n"
        f"consequence  {words[0]}\n"
    ) in shown
    assert f"resumed by  {second.run_id} from step 60  completed\n" in re.sub(" {2,}", "  ", kft("show", RUN).out)
    (listed,) = [one for one in json.loads(kft("list", "--json").out)["runs"] if one["run_id"] == second.run_id]
    assert (listed["parent"], listed["before"], listed["total_steps"]) == (RUN, 60, 200)
