"""Time and memory come from records of this machine, or not at all."""

import json
import os
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.check import measured as measured_module
from fork_wrapper.check.measured import Measured, measured
from fork_wrapper.check.rules.case import Case, Host
from fork_wrapper.experiment.resolve import parse_overrides, resolve
from fork_wrapper.machine.gpus import Gpu
from fork_wrapper.machine.provenance import host
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import real_trainer
from fork_wrapper.records import record_memory
from fork_wrapper.records.record import write_record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.run.opening import begin
from fork_wrapper.run.render import render

CARD = Gpu(name="A card", memory_mib=24000, used_mib=0, driver="1")
Ran = Callable[..., None]


@pytest.fixture
def ran(settings: Settings, write: Callable[..., Path]) -> Ran:
    """Leave the record of a run of the experiment, with overrides and other facts."""
    write("one")

    def runner(stamp: str, *overrides: str, speed: float | None = 2.0, where: str = "", gpu: str = CARD.name) -> None:
        run = RunFolder(folder=settings.outputs / "one" / stamp)
        resolved = resolve("one", settings, parse_overrides(overrides))
        rendered = render(resolved, settings, real_trainer(settings), run, datetime.now(timezone.utc))
        facts: dict[str, Any] = {"host": {"hostname": where or host()["hostname"]}, "gpus": [{"name": gpu}]}
        record = begin(
            resolved,
            rendered,
            started=datetime.now(timezone.utc),
            provenance=facts,
            foreseen=({}, ()),
            rehearsal=None,
            process={},
        )
        write_record(run, record.with_run(steps_per_second=speed, peak_vram_mib=[20000], status="completed"))

    return runner


def ask(settings: Settings, *overrides: str, processes: int = 1) -> Measured | None:
    """What is known about the experiment with these overrides."""
    resolved = resolve("one", settings, parse_overrides(overrides))
    host_of = Host(packages=None, cuda=True, processes=processes)
    case = Case(training=resolved.training, dataset=resolved.dataset, host=host_of)
    return measured(case, "sd-scripts", [CARD], settings).same


def test_the_newest_run_whose_steps_cost_the_same(settings: Settings, ran: Ran) -> None:
    """A learning rate or a seed costs nothing; the newest such run is named."""
    ran("20260101-000000", speed=1.0)
    ran("20260102-000000", "learning_rate=3e-6", "seed=8", speed=2.0)
    expected = Measured(run="one/20260102-000000", steps_per_second=2.0, peak_vram_mib=(20000,))
    assert ask(settings) == expected


@pytest.mark.parametrize(
    "overrides", ["gradient_checkpointing=true", "batch_size=8", "resolution=256", "optimizer_type=Lion"]
)
def test_what_makes_a_step_dearer_counts(settings: Settings, ran: Ran, overrides: str) -> None:
    """A run of other steps tells nothing about these."""
    ran("20260101-000000")
    assert ask(settings) is not None
    assert ask(settings, overrides) is None


def test_another_machine_tells_nothing(settings: Settings, ran: Ran) -> None:
    """Neither another host, nor another GPU, nor more of them, nor a run that never came to a step."""
    ran("20260101-000000", where="elsewhere")
    ran("20260101-000001", gpu="Another card")
    ran("20260101-000002", speed=None)
    assert ask(settings) is None
    ran("20260101-000003")
    assert ask(settings) is not None
    assert ask(settings, processes=2) is None


def test_a_broken_record_is_passed_over(settings: Settings, ran: Ran) -> None:
    """It does not hide the runs before it."""
    ran("20260101-000000")
    ran("20260102-000000")
    (settings.outputs / "one" / "20260102-000000" / "record.json").write_text(json.dumps({"kind": "run"}))
    found = ask(settings)
    assert found is not None
    assert found.run == "one/20260101-000000"


def test_a_record_known_to_the_memory_is_not_read(
    settings: Settings, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hundred take half a second; one that changes is read again."""
    ran("20260101-000000", "batch_size=8")
    ran("20260102-000000")
    for path in settings.outputs.glob("*/*/record.json"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    first = ask(settings, "batch_size=8")
    assert first is not None
    with monkeypatch.context() as patched:
        patched.delattr(record_memory, "read_record")
        assert ask(settings, "batch_size=8") == first
    ran("20260101-000000", "batch_size=8", speed=3.0)
    again = ask(settings, "batch_size=8")
    assert again is not None
    assert again.steps_per_second == 3.0


def test_a_newer_kft_asks_for_more(settings: Settings, ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was remembered under other options that cost time is found anew."""
    ran("20260101-000000")
    for path in settings.outputs.glob("*/*/record.json"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    assert ask(settings) is not None
    others = ["debug_dataset" if key == "lowram" else key for key in measured_module.COSTLY]
    with monkeypatch.context() as newer:
        newer.setattr(measured_module, "COSTLY", tuple(others))
        assert ask(settings) is not None
        newer.delattr(record_memory, "read_record")
        assert ask(settings) is not None
    monkeypatch.delattr(record_memory, "read_record")
    with pytest.raises(NameError):
        ask(settings)


@pytest.mark.parametrize("fact", [None, [], ["x", "fast", []], ["x", 2.0, ["much"]], [1, 2.0, []], ["x", 2.0, None]])
def test_a_damaged_memory_is_none(settings: Settings, ran: Ran, fact: Any) -> None:
    """The record is read instead."""
    ran("20260101-000000")
    for path in settings.outputs.glob("*/*/record.json"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    first = ask(settings)
    (memory,) = settings.cache.glob("speeds-*.json")
    content = json.loads(memory.read_bytes())
    (key,) = content["files"]
    content["files"][key][2][1] = fact
    memory.write_text(json.dumps(content), encoding="ascii")
    assert ask(settings) == first
