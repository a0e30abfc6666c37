"""Curves: joined over resumed runs, smoothed, and thinned out."""

import math
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.report.curves import Curve, Curves, Point, curves_of, decimated
from fork_wrapper.records.lineage import segments
from fork_wrapper.records.record import read_record
from fork_wrapper.records.run_folder import RunFolder
from tests.builders.trainings import run_with_samples, went_on, write_events

NAME = "events.out.tfevents.1767323045.host.1.0"
BAR = "steps: 50%|x| {step}/4 [00:0{step}<00:09, 1.00it/s, avr_loss={loss}]\r"


@pytest.fixture
def first(settings: Settings, write: Callable[..., Path]) -> RunFolder:
    """A run of 40 steps."""
    write("one")
    return run_with_samples("one", settings)


def curves(run: RunFolder, settings: Settings) -> Curves:
    """The curves of the training that ended with a run."""
    return curves_of(segments(settings.outputs, run, read_record(run.record)))


def test_events(first: RunFolder, settings: Settings) -> None:
    """Losses and rates by step, the U-Net first."""
    found = curves(first, settings)
    assert found.loss is not None
    assert [step for step, _ in found.loss.points] == list(range(1, 41))
    assert [rate.name for rate in found.rates] == ["unet", "text_encoder1"]
    assert found.loss.origin == "events"


def test_a_resumed_training_is_one_curve(first: RunFolder, settings: Settings) -> None:
    """Steps go on from the state; what the parent trained past it is left out, and nothing stands twice."""
    child = went_on("one", settings, first, step=25, epoch=1, stamp="20260103-000000")
    found = curves(child, settings)
    assert found.loss is not None
    steps = [step for step, _ in found.loss.points]
    assert steps == list(range(1, 66))
    before, after = (curves_of(segments(settings.outputs, one, read_record(one.record))) for one in (first, child))
    assert before.loss is not None
    assert after.loss is not None
    assert found.loss.points[:25] == before.loss.points[:25]
    assert [value for _, value in found.loss.points[25:]] == [value for _, value in before.loss.points]
    assert [len(rate.points) for rate in found.rates] == [65, 65]


def test_the_log_where_there_are_no_events(first: RunFolder, settings: Settings) -> None:
    """Its running means, and it is said."""
    (event_file,) = first.logs.rglob("events*")
    event_file.unlink()
    first.log.write_text("".join(BAR.format(step=step, loss=0.5 / step) for step in (1, 2, 3)) + "\n")
    found = curves(first, settings)
    assert found.loss == Curve(name="loss", points=((1.0, 0.5), (2.0, 0.25), (3.0, 0.5 / 3)), origin="log")
    assert found.rates == ()


def test_neither_events_nor_log(first: RunFolder, settings: Settings) -> None:
    """Nothing is known, and nothing is made up."""
    (event_file,) = first.logs.rglob("events*")
    event_file.unlink()
    first.log.unlink()
    assert curves(first, settings) == Curves(loss=None, rates=())


def test_a_loss_that_is_no_number(first: RunFolder, settings: Settings) -> None:
    """Left out of the line, and told."""
    (event_file,) = first.logs.rglob("events*")
    write_events(event_file, [(1, "loss", 1), (2, "loss", math.nan), (3, "loss", math.inf), (4, "loss", 2)])
    loss = curves(first, settings).loss
    assert loss is not None
    assert loss.points == ((1.0, 1.0), (4.0, 2.0))
    assert loss.broken == (2, 2)


def test_smoothing() -> None:
    """A mean that begins with the first value, stays within all of them and leaves a straight line alone."""
    chance = random.Random(1)
    noisy = Curve(name="loss", points=tuple((float(step), chance.gauss(1, 0.5)) for step in range(1000)))
    smooth = noisy.smoothed()
    assert noisy.span == 20
    assert smooth[0] == noisy.points[0]
    assert [step for step, _ in smooth] == [step for step, _ in noisy.points]

    def roughness(points: tuple[Point, ...]) -> float:
        return sum(abs(two[1] - one[1]) for one, two in pairwise(points))

    assert roughness(smooth) < roughness(noisy.points) / 5
    flat = Curve(name="loss", points=tuple((float(step), 3.0) for step in range(1000)))
    assert all(value == pytest.approx(3.0) for _, value in flat.smoothed())
    few = Curve(name="loss", points=noisy.points[:5])
    assert few.smoothed() == few.points


points = st.lists(st.tuples(st.integers(0, 10**6), st.floats(-1e6, 1e6)), max_size=400).map(
    lambda found: sorted((float(step), value) for step, value in found)
)


@given(points, st.integers(4, 60))
def test_thinned_out(found: list[Point], most: int) -> None:
    """Points of the line itself, few, in order, with both ends and the extremes; a short line is left as it is."""
    kept = decimated(found, most)
    assert len(kept) <= max(most + 2, min(len(found), most))
    assert [step for step, _ in kept] == sorted(step for step, _ in kept)
    assert set(kept) <= set(found)
    if len(found) <= most:
        assert list(kept) == found
    if found:
        assert (kept[0], kept[-1]) == (found[0], found[-1])
        for extreme in (min, max):
            assert extreme(value for _, value in kept) == extreme(value for _, value in found)


def test_a_spike_survives() -> None:
    """One wild value among a hundred thousand is what one looks for."""
    row = [(float(step), 1.0) for step in range(100_000)]
    row[54_321] = (54_321.0, 9.0)
    kept = decimated(row, 1000)
    assert (54_321.0, 9.0) in kept
    assert len(kept) <= 1002
