"""What remains of a run that was broken off, and what stands against going on."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from dataset_tools.scan.hashing import HashCache
from fork_wrapper.errors import InputError
from fork_wrapper.experiment.subsets import fingerprint_subsets
from fork_wrapper.machine.provenance import host
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.record import Record, read_record, write_record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.repeat import resume
from fork_wrapper.repeat.resume import Resumption, close_killed, job_of, plan_resume
from fork_wrapper.run.render import render
from tests.builders.checkpoints import put_state
from tests.builders.damage import damaged
from tests.builders.records import NOW, recorded

EXPERIMENT = """
[training]
learning_rate = 1e-5
seed = 7
lr_scheduler = "cosine"
max_train_epochs = 4
save_every_n_epochs = 1
save_state = true
sample_every_n_steps = 8
sample_at_first = true
[story]
purpose = "to be broken off"
[[dataset.datasets]]
resolution = 512
batch_size = 4
[[dataset.datasets.subsets]]
image_dir = "{datasets}/people"
token_warmup_step = 5
"""
LOG = (
    "  num examples / x: 40\n  num batches per epoch / x: 10\n  gradient accumulation steps / x = 2\n"
    "  total optimization steps / x: 20\n\nepoch 1/4\n"
)
STEPS_PER_EPOCH, TOTAL = 5, 20


def bars(steps: int, total: int = TOTAL, nan_from: int = 10**9) -> str:
    """A log up to a step."""
    losses = ((step, "nan" if step >= nan_from else f"0.{step:02}") for step in range(1, steps + 1))
    redraws = (f"\rsteps: 1%|# | {step}/{total} [00:01<00:09, 1.00s/it, avr_loss={loss}]" for step, loss in losses)
    return LOG.replace("x: 20", f"x: {total}") + "".join(redraws) + "\n"


def save(where: RunFolder, **changes: Any) -> Record:
    """Change the record of a run."""
    record = replace(read_record(where.record), **changes)
    write_record(where, record)
    return record


@pytest.fixture(autouse=True)
def _same_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the trainer's Python has is the business of another test."""
    monkeypatch.setattr(resume, "newer_programs", lambda *_: [])


@pytest.fixture
def run(settings: Settings, write: Callable[..., Path]) -> RunFolder:
    """Interrupted at step 13 of 20; states after both whole epochs."""
    write("one", EXPERIMENT)
    found = recorded("one", settings)
    found.log.write_text(bars(13), encoding="utf-8")
    save(found, run={**read_record(found.record).run, "status": "interrupted", "steps": 13, "total_steps": TOTAL})
    for epoch in (1, 2):
        put_state(found.folder / f"one-{epoch:06d}-state")
    return found


def changes_of(plan: Resumption) -> dict[str, Any]:
    """Key and new value of everything that changes."""
    return {change.key.removeprefix("training."): change.value for change in plan.changes}


def test_the_rest(run: RunFolder, settings: Settings) -> None:
    """From the newest state: steps and epochs done, steps left, and the values that make it so."""
    plan = plan_resume(run, settings)
    assert plan.state.path == run.folder / "one-000002-state"
    assert (plan.done.step, plan.done.epoch, plan.total_steps, plan.remaining) == (10, 2, 20, 10)
    assert plan.reached == 13
    assert changes_of(plan) == {
        "max_train_epochs": None,
        "max_train_steps": 10,
        "resume": plan.state.path.as_posix(),
        "sample_at_first": None,
        "lr_scheduler": None,
        "lr_scheduler_type": "transformers.optimization.get_cosine_schedule_with_warmup",
        "lr_scheduler_args": ["num_warmup_steps=0", "num_training_steps=20"],
    }


def test_what_is_said_of_it(run: RunFolder, settings: Settings) -> None:
    """Each consequence that there is, and none that there is not."""
    assert plan_resume(run, settings).consequences == (
        "learning rate, cosine: it goes on along the planned curve; sd-scripts would compute it anew for the rest",
        "the new run counts from 0: its checkpoints are named so, and sidecars add 10 steps and 2 epochs",
        "the mean loss that the trainer shows begins anew with the first step",
        "the data set is shuffled by seed and epoch, counted from 1 again: the batches of the first epochs return",
        "token_warmup_step counts from the beginning of the new run",
        "sample_every_n_steps = 8 comes due at step 18 of the training next",
    )


def test_in_the_middle_of_an_epoch(run: RunFolder, settings: Settings) -> None:
    """The data loader cannot go on from there."""
    put_state(run.folder / "one-step00000012-state")
    save(run, training={**read_record(run.record).training, "save_last_n_epochs": 2, "fused_optimizer_groups": 3})
    plan = plan_resume(run, settings)
    assert (plan.done.step, plan.done.epoch, plan.remaining) == (12, 2, 8)
    assert plan.consequences[3:5] == (
        "the state was saved 2 steps into an epoch of 5: the data loader begins a new one, so that some images come "
        "once more and others once less",
        "epochs, and what they set off, end 2 steps later than planned, the last one unfinished",
    )
    assert plan.consequences[-2:] == (
        "save_last_n_* removes files of the new run alone; those of the run before it stay",
        "of the fused optimizer groups the first one alone is restored; the others and their rates begin anew",
    )


def test_it_is_launched_with_the_values_of_the_record(
    run: RunFolder, settings: Settings, write: Callable[..., Path]
) -> None:
    """The experiment file has changed since: that changes nothing; everything else is as it was, byte for byte."""
    before = read_record(run.record)
    write("one", EXPERIMENT.replace("seed = 7", "seed = 8").replace("512", "768"))
    job = job_of(plan_resume(run, settings), settings)
    rendered = render(job.resolved, settings, job.trainer, RunFolder(folder=settings.outputs / "one" / "new"), NOW)
    own = ("output_dir", "logging_dir", "metadata_kft_config", "metadata_kft_run")
    changed = {
        key for key in {*before.training, *rendered.training} if before.training.get(key) != rendered.training.get(key)
    }
    assert changed == {*own, *changes_of(plan_resume(run, settings))}
    assert rendered.dataset_toml == before.toml["dataset"]
    assert rendered.training["output_name"] == "one"
    assert (job.resolved.story["purpose"], job.resolved.chain[0].text) == ("to be broken off", EXPERIMENT)
    assert job.resolved.origins["training.max_train_steps"].by == "resume"
    assert job.resolved.origins["training.seed"].by == "one"
    assert "training.max_train_epochs" not in job.resolved.origins


def test_its_lineage(run: RunFolder, settings: Settings) -> None:
    """Where it lies in the training, what it went on from, and what comes of that."""
    plan = plan_resume(run, settings)
    lineage = job_of(plan, settings).lineage
    assert lineage is not None
    state = lineage["state"]
    assert state["path"] == str(run.folder / "one-000002-state")
    assert {one["name"]: one["sha256"] is not None for one in state["files"]} == dict.fromkeys(
        ("model.safetensors", "optimizer.bin", "random_states_0.pkl", "scheduler.bin"), True
    )
    assert {key: lineage[key] for key in ("kind", "parent", "step", "epoch", "total_steps")} == {
        "kind": "resume",
        "parent": run.run_id,
        "step": 10,
        "epoch": 2,
        "total_steps": 20,
    }
    assert lineage["consequences"] == list(plan.consequences)
    assert len(lineage["changes"]) == len(plan.changes)


def test_a_chain(run: RunFolder, settings: Settings) -> None:
    """A resumed run that was broken off too goes on to the same end: its length is said, its schedule stays."""
    first = plan_resume(run, settings)
    job = job_of(first, settings)
    second = RunFolder(folder=settings.outputs / "one" / "20260103-000000")
    rendered = render(job.resolved, settings, job.trainer, second, NOW)
    record = replace(read_record(run.record), training=rendered.training).with_lineage(job.lineage)
    write_record(second, record.with_run(id=second.run_id, status="failed", steps=6, total_steps=10))
    second.log.write_text(bars(6, total=10), encoding="utf-8")
    put_state(second.folder / "one-000001-state")
    plan = plan_resume(second, settings)
    assert (plan.done.step, plan.done.epoch, plan.total_steps, plan.remaining, plan.reached) == (15, 3, 20, 5, 16)
    assert changes_of(plan) == {
        "max_train_steps": 5,
        "resume": (second.folder / "one-000001-state").as_posix(),
    }
    again = plan_resume(run, settings)
    assert [finding.what for finding in again.findings if "already" in finding.what] == [
        "one/20260103-000000 has resumed it already (failed)"
    ]


def test_a_ratio_of_epochs_is_kept(run: RunFolder, settings: Settings) -> None:
    """As the spacing that it was for the whole training."""
    training = {**read_record(run.record).training, "save_n_epoch_ratio": 2}
    save(run, training={key: value for key, value in training.items() if key != "save_every_n_epochs"})
    changes = changes_of(plan_resume(run, settings))
    assert (changes["save_n_epoch_ratio"], changes["save_every_n_epochs"]) == (None, 2)


def test_half_a_state_is_passed_over(run: RunFolder, settings: Settings) -> None:
    """The one before it is taken, and it is said why."""
    (run.folder / "one-000002-state" / "random_states_0.pkl").unlink()
    plan = plan_resume(run, settings)
    assert (plan.state.path.name, plan.remaining) == ("one-000001-state", 15)
    assert plan.choice.passed_over == {"one-000002-state": "not whole: random_states_0.pkl missing"}


def test_a_state_of_ones_own_choice(run: RunFolder, settings: Settings, tmp_path: Path) -> None:
    """By its name, or by its path wherever it was moved to."""
    assert plan_resume(run, settings, state=Path("one-000001-state")).remaining == 15
    moved = tmp_path / "elsewhere" / "one-000001-state"
    moved.parent.mkdir()
    (run.folder / "one-000001-state").rename(moved)
    assert changes_of(plan_resume(run, settings, state=moved))["resume"] == moved.as_posix()


def refusal(run: RunFolder, settings: Settings, **more: Any) -> str:
    """Everything that is said against it."""
    with pytest.raises(InputError) as caught:
        plan_resume(run, settings, **more)
    assert caught.value.title == f"cannot resume {run.run_id}"
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("one-000003-state", "there is no such folder"),
        ("two-000001-state", "its name is not that of a state of one"),
        ("one-state", "saved at the end: nothing is left to train"),
        (
            "one-step00000009-state",
            "not whole: model.safetensors, optimizer.bin, scheduler.bin, random_states_0.pkl missing",
        ),
    ],
)
def test_a_bad_choice(run: RunFolder, settings: Settings, name: str, words: str) -> None:
    """Is refused with the choices that there are."""
    put_state(run.folder / "two-000001-state")
    put_state(run.folder / "one-state")
    (run.folder / "one-step00000009-state").mkdir()
    said = refusal(run, settings, state=Path(name))
    assert words in said
    assert "name one of its own: one-000002-state, one-000001-state" in said


def test_a_state_of_another_run(run: RunFolder, settings: Settings, tmp_path: Path) -> None:
    """Its name counts from the beginning of that run; a copy of the same run is the same."""
    second = RunFolder(folder=settings.outputs / "one" / "second")
    write_record(second, read_record(run.record).with_run(id="one/second"))
    foreign = put_state(second.folder / "one-000001-state")
    assert "it is a state of one/second" in refusal(run, settings, state=foreign)
    shutil.copytree(run.folder, tmp_path / "copy")
    state = tmp_path / "copy" / "one-000001-state"
    assert plan_resume(run, settings, state=state).state.path == state


@pytest.mark.parametrize("status", ["completed", "rehearsed"])
def test_a_run_that_is_done(run: RunFolder, settings: Settings, status: str) -> None:
    """There is nothing left."""
    save(run, run={**read_record(run.record).run, "status": status, "steps": 20})
    assert f"it is {status}: 20 of 20 steps are done" in refusal(run, settings)


def refuse_to_write(*_: Any) -> None:
    """As a folder on a read-only disk."""
    raise PermissionError("read-only file system")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no zombies")
def test_a_zombie_does_not_go_on(run: RunFolder, settings: Settings) -> None:
    """In a container often nobody collects a kft that was killed."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    dead = {"pid": process.pid, "created": psutil.Process(process.pid).create_time(), "host": host()["hostname"]}
    save(run, run={**read_record(run.record).run, "status": "running", "process": dead})
    assert plan_resume(run, settings).remaining == 10
    process.wait()


def test_a_run_that_goes_on(run: RunFolder, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two trainers of one training would be one too many; of a killed one nothing is left running.

    What cannot be closed, for its folder cannot be written to, can be gone on from.
    """
    here = {"pid": os.getpid(), "created": psutil.Process().create_time(), "host": host()["hostname"]}
    known = read_record(run.record).run
    save(run, run={**known, "status": "running", "process": here})
    said = refusal(run, settings)
    assert "it is still running" in said
    assert f"kft archive {run.run_id} --over" in said
    save(run, run={**known, "status": "running", "process": {**here, "created": 0.0}, "steps": 0, "total_steps": None})
    assert plan_resume(run, settings).reached == 13
    assert read_record(run.record).status == "running"
    with monkeypatch.context() as read_only:
        read_only.setattr(resume, "sweep_run", refuse_to_write)
        assert "cannot be closed: " in close_killed(run, settings)
    assert close_killed(run, settings).endswith("its record is closed now, as by `kft archive`")
    closed = read_record(run.record)
    assert (closed.status, closed.run["steps"]) == ("interrupted", 13)
    assert not close_killed(run, settings)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "no state was saved\n"),
        ({"save_state_on_train_end": True}, "save_state_on_train_end saves one at the end alone"),
        ({"save_state": True}, "it stopped before its first state was saved"),
    ],
    ids=["none", "at the end", "too early"],
)
def test_no_state(settings: Settings, write: Callable[..., Path], options: dict[str, Any], words: str) -> None:
    """It says which option would have saved one."""
    write("one", EXPERIMENT.replace("save_state = true\n", ""))
    run = recorded("one", settings)
    run.log.write_text(bars(3), encoding="utf-8")
    record = read_record(run.record)
    save(run, training={**record.training, **options}, run={**record.run, "status": "failed"})
    said = refusal(run, settings)
    assert words in said
    assert ("save_every_n_steps" in said, "kft run one --set save_state=true" in said) == (
        True,
        "save_state" not in options,
    )


def test_no_state_of_its_own(run: RunFolder, settings: Settings) -> None:
    """Of a resumed run that was broken off at once: that before it is still there."""
    record = read_record(run.record)
    second = RunFolder(folder=settings.outputs / "one" / "second")
    lineage = {"kind": "resume", "parent": run.run_id, "step": 10, "epoch": 2, "total_steps": 20}
    write_record(second, record.with_lineage(lineage).with_run(id=second.run_id))
    assert f"resume {run.run_id} once more" in refusal(second, settings)


def test_no_state_that_can_be_used(run: RunFolder, settings: Settings) -> None:
    """Each is named with its reason: half of one, one after the loss was lost."""
    (run.folder / "one-000002-state" / "optimizer.bin").unlink()
    run.log.write_text(bars(13, nan_from=4), encoding="utf-8")
    said = refusal(run, settings)
    assert "one-000002-state: not whole: optimizer.bin missing" in said
    assert "one-000001-state: the loss is NaN since step 4" in said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lineage": {"kind": "resume", "parent": "one/x", "step": "4", "epoch": 0}}, "lineage"),
        ({"lineage": {"kind": "resume", "step": 4, "epoch": 0}}, "lineage"),
        ({"launch": {"argv": ["--num_processes"], "trainer": "sd-scripts"}}, "launch.argv"),
        ({"rehearsal": [1]}, "rehearsal"),
    ],
)
def test_damage_in_what_counts(run: RunFolder, settings: Settings, changes: dict[str, Any], words: str) -> None:
    """Steps are added up from it: nothing is guessed."""
    save(run, **changes)
    with pytest.raises(InputError) as caught:
        plan_resume(run, settings)
    assert caught.value.findings[0].what == f"missing or damaged: {words}"


def test_damage_anywhere(run: RunFolder, settings: Settings) -> None:
    """Is told, or does not matter; and a run planned from what is left has no more steps than before."""
    raw, chance = json.loads(run.record.read_text(encoding="utf-8")), random.Random(3)
    told = whole = 0
    for _ in range(150):
        run.record.write_text(json.dumps(damaged(raw, chance)), encoding="utf-8")
        try:
            plan = plan_resume(run, settings)
            job_of(plan, settings)
        except InputError:
            told += 1
        else:
            assert (plan.done.step, plan.total_steps) == (10, 20)
            whole += 1
    assert told > 20
    assert whole > 20


def test_another_number_of_processes(run: RunFolder, settings: Settings) -> None:
    """Scheduler and epochs are counted by process."""
    said = refusal(run, replace(settings, num_processes=2))
    assert "it was trained by 1 process, and the settings say 2" in said
    assert "--num-processes 1" in said


def test_the_run_of_another_machine(run: RunFolder, settings: Settings) -> None:
    """Whoever wrote its state decides what is run here: that is said, once."""
    record = read_record(run.record)
    for name, count in ((host()["hostname"], 0), ("elsewhere", 1)):
        write_record(run, record.with_provenance(host={"hostname": name}))
        said = [finding.what for finding in plan_resume(run, settings).findings if "another machine" in finding.what]
        assert len(said) == count


def test_several_processes(run: RunFolder, settings: Settings) -> None:
    """The schedule counts all of them, and what only one of them saved is said."""
    record = read_record(run.record)
    argv = [*record.launch["argv"]]
    argv[argv.index("--num_processes") + 1] = "2"
    save(run, launch={**record.launch, "argv": argv})
    plan = plan_resume(run, replace(settings, num_processes=2))
    assert changes_of(plan)["lr_scheduler_args"] == ["num_warmup_steps=0", "num_training_steps=40"]
    assert plan.consequences[-1].startswith("random numbers of the first process alone")


def test_a_caption_has_changed(run: RunFolder, settings: Settings) -> None:
    """It would be another training; named with everything else that stands against it."""
    people = settings.datasets / "people"
    people.mkdir(parents=True)
    (people / "a.png").write_bytes(b"image")
    (people / "a.txt").write_text("a person", encoding="utf-8")
    record = read_record(run.record)
    known = fingerprint_subsets(record.training, record.dataset, HashCache(settings.cache / "x.json"), lambda: False)
    assert known is not None
    save(run, provenance={**record.provenance, "dataset": known.to_json()})
    assert plan_resume(run, settings).remaining == 10
    (people / "a.txt").write_text("a Person", encoding="utf-8")
    said = refusal(run, replace(settings, num_processes=2))
    assert "the data set has changed: a.png" in said
    assert "it was trained by 1 process" in said


def test_a_rehearsal_is_resumed_as_one(run: RunFolder, settings: Settings) -> None:
    """With the same trainer, whatever the settings would choose now, and with the prompts that kft wrote for it."""
    record = read_record(run.record)
    prompts = f"{run.folder.as_posix()}/sample_prompts.txt"
    rehearsal = {"trainer": "stand-in", "miniature": 1, "changes": []}
    save(
        run,
        rehearsal=rehearsal,
        launch={**record.launch, "trainer": "stand-in"},
        training={**record.training, "sample_prompts": prompts},
        experiment={**record.experiment, "sample_prompts": "a person\n"},
    )
    job = job_of(plan_resume(run, settings), replace(settings, num_processes=4))
    assert (job.trainer.kind, job.rehearsal) == ("stand-in", rehearsal)
    assert job.files == {"sample_prompts.txt": "a person\n"}
    assert job.resolved.training["sample_prompts"] == "{run}/sample_prompts.txt"
    save(run, rehearsal={**rehearsal, "miniature": 0})
    assert "it rehearsed another miniature" in refusal(run, settings)


def test_a_length_that_nobody_knows(run: RunFolder, settings: Settings) -> None:
    """Neither log nor plan: nothing is guessed."""
    run.log.unlink()
    save(run, run={**read_record(run.record).run, "total_steps": None}, plan=None)
    assert "how many steps were planned is unknown" in refusal(run, settings)


def test_without_its_log(run: RunFolder, settings: Settings) -> None:
    """The record and its plan know enough."""
    run.log.unlink()
    save(run, plan={"schedule": {"steps_per_epoch": STEPS_PER_EPOCH, "total_steps": TOTAL}})
    assert plan_resume(run, settings).remaining == 10


def test_as_plain_values(run: RunFolder, settings: Settings) -> None:
    """For --json."""
    plain = plan_resume(run, settings).to_json()
    assert {key: plain[key] for key in ("run", "status", "reached", "step", "epoch", "total_steps", "remaining")} == {
        "run": run.run_id,
        "status": "interrupted",
        "reached": 13,
        "step": 10,
        "epoch": 2,
        "total_steps": 20,
        "remaining": 10,
    }
    assert [finding["severity"] for finding in plain["findings"]] == ["warning", "warning"]
