"""The opening of a run: a folder of its own, rendered once."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.experiment.resolve import Resolved, resolve
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import real_trainer
from fork_wrapper.records.run_folder import RunFolder, new_run_folder
from fork_wrapper.run import opening
from fork_wrapper.run.job import Job
from fork_wrapper.run.opening import claim
from fork_wrapper.run.render import Rendered, render

INPUTS = {"base_model": None, "dataset": None}


@pytest.fixture(name="resolved")
def _resolved(write: Callable[..., Path], settings: Settings) -> Resolved:
    write("one")
    return resolve("one", settings)


def test_the_loser_of_a_race_renders_once(
    resolved: Resolved, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run takes the folder's name first: only a name is chosen anew."""
    rendered: list[RunFolder] = []
    taken: list[RunFolder] = []

    def rendering(run: RunFolder, started: datetime) -> Rendered:
        rendered.append(run)
        return render(resolved, settings, real_trainer(settings), run, started)

    def overtaken(outputs: Path, experiment: str, now: datetime, *, rehearsal: bool) -> RunFolder:
        folder = new_run_folder(outputs, experiment, now, rehearsal=rehearsal)
        if len(taken) < 2:
            folder.folder.mkdir(parents=True)
            taken.append(folder)
        return folder

    monkeypatch.setattr(opening, "new_run_folder", overtaken)
    job = Job(resolved=resolved, trainer=real_trainer(settings), rendered=rendering)
    mine, _started = claim(job, settings, INPUTS)
    assert len(taken) == 2
    assert rendered == [mine.run]
    assert mine.run not in taken
    assert mine.run.folder.is_dir()


def test_what_cannot_be_rendered_leaves_no_folder(resolved: Resolved, settings: Settings) -> None:
    """An empty folder would look like a run."""

    def refusing(_run: RunFolder, _started: datetime) -> Rendered:
        raise InputError("cannot be rendered")

    with pytest.raises(InputError):
        claim(Job(resolved=resolved, trainer=real_trainer(settings), rendered=refusing), settings, INPUTS)
    assert not list((settings.outputs / "one").iterdir())


def test_a_place_that_cannot_be_written(resolved: Resolved, settings: Settings) -> None:
    """It says which setting to change."""
    settings.outputs.parent.mkdir(parents=True, exist_ok=True)
    settings.outputs.write_text("a file")
    with pytest.raises(InputError) as caught:
        claim(Job(resolved=resolved, trainer=real_trainer(settings)), settings, INPUTS)
    assert "`outputs`" in caught.value.findings[0].todo
