"""Runs to report on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.report.choose import choose
from fork_wrapper.publish.report.gather import Report, gather
from fork_wrapper.records.run_folder import RunFolder
from tests.builders.trainings import run_with_samples

PROMPTS = (
    "a knight --n blurry --w 64 --h 64 --d 101 --s 8 --l 7",
    "a <b>fox</b> --w 64 --h 64 --d 202",
)


@pytest.fixture
def two(settings: Settings, write: Callable[..., Path]) -> tuple[RunFolder, RunFolder]:
    """A completed run of each of two experiments, of which the second has another rate and another seed."""
    write("one")
    write("two", "extends = 'one'\n[story]\nchanges = 'less is more'\n[training]\nlearning_rate = 5e-6\n")
    return run_with_samples("one", settings, prompts=PROMPTS), run_with_samples("two", settings, prompts=PROMPTS)


@pytest.fixture
def report(two: tuple[RunFolder, RunFolder], settings: Settings) -> Report:
    """The report on both."""
    return gather(choose([run.experiment for run in two], settings), settings)
