"""How fast event files are read, and what the report of six long trainings weighs. `make bench`; never `make test`."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fork_wrapper.machine.settings import Settings, load_settings
from fork_wrapper.records.events import read_scalars
from tests.bench.many_runs import RUNS, make_runs
from tests.bench.test_history import wall
from tests.browser import Browser
from tests.builders.projects import Project
from tests.builders.trainings import run_with_samples, scalars, write_events

pytestmark = pytest.mark.bench

POINTS = 100_000
SIX = [f"humanoid_{number:02}" for number in range(2, 8)]
EPOCHS, PROMPTS, SIDE = 10, 8, 1024


def test_reading_events(tmp_path: Path) -> None:
    """A hundred thousand points, against TensorBoard's own reader of the same file."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = [one for one in scalars(POINTS) if one[1] == "loss"]
    write_events(tmp_path / "events.out.tfevents.1.a.1.0", found, check=True)
    seconds = {}
    for name, read in (
        ("kft", lambda: read_scalars(tmp_path)),
        ("kft, with checksums", lambda: read_scalars(tmp_path, check=True)),
        (
            "EventAccumulator",
            lambda: accumulator.EventAccumulator(str(tmp_path), size_guidance={"scalars": 0}).Reload(),
        ),
    ):
        start = time.process_time()
        read()
        seconds[name] = time.process_time() - start
    print(f"\n{POINTS} points: {', '.join(f'{name} {took:.2f} s' for name, took in seconds.items())}")  # noqa: T201
    assert seconds["kft"] * 5 < seconds["EventAccumulator"]


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Path]:
    """Six trainings of a hundred thousand steps, with ten checkpoints and samples of eight prompts at 1024 pixels."""
    folder = tmp_path_factory.mktemp("six")
    (folder / "kft.toml").write_text("")
    settings = _settings(folder, root)
    prompts = [f"a character number {number}, full body --w 1024 --h 1024 --d {number}" for number in range(PROMPTS)]
    for name in SIX:
        run = run_with_samples(name, settings, steps=POINTS, epochs=EPOCHS, prompts=prompts, side=SIDE)
        assert len(list(run.samples.iterdir())) == EPOCHS * PROMPTS
    yield folder
    shutil.rmtree(folder)


def _settings(folder: Path, root: Path) -> Settings:
    return load_settings(
        {"experiments": root / "experiments", "outputs": folder / "runs", "cache": folder / "cache"},
        environ={},
        cwd=folder,
    )


def test_six_long_trainings(
    six: Path, make_project: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """At most 15 MB; it opens without a complaint or a request, and its curves are drawn in under a second."""
    project = make_project(outputs=str(six / "runs"))
    took = wall(project, "report", *SIX)
    path = project.folder / "report.html"
    size = path.stat().st_size
    print(f"\nkft report, 6 x {EPOCHS} x {PROMPTS} samples, 6 x {POINTS} steps: {took:.1f} s, {size / 1e6:.2f} MB")  # noqa: T201
    assert size <= 15_000_000
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no Chromium in PATH")
    with Browser(program, tmp_path_factory.mktemp("chromium") / "profile") as browser:
        start = time.perf_counter()
        browser.open(path)
        loaded = time.perf_counter() - start
        drawn = browser.evaluate("performance.getEntriesByName('charts drawn')[0].duration")
        zoomed = browser.evaluate(
            "(() => { const start = performance.now(); document.querySelector('#loss [data-do=in]').click();"
            " document.body.offsetHeight; return performance.now() - start })()"
        )
        points = browser.evaluate("document.querySelectorAll('.lines polyline').length")
        assert browser.complaints() == []
        assert browser.requests() == []
        print(f"opened in {loaded:.2f} s, {points} lines drawn in {drawn:.0f} ms, zoomed in {zoomed:.0f} ms")  # noqa: T201
        assert points == 6 + 12 + 12
        assert drawn < 1000


def test_six_of_ten_thousand_runs(tmp_path: Path, root: Path, make_project: Callable[..., Project]) -> None:
    """At most 3 s, the caches warm, by names of runs and of experiments; each with a curve and samples."""
    (tmp_path / "kft.toml").write_text("")
    settings = _settings(tmp_path, root)
    make_runs(settings.outputs, settings)
    for name in SIX:
        run_with_samples(name, settings, steps=2000, epochs=EPOCHS, prompts=["a knight --d 1"], side=128)
    project = make_project(outputs=str(settings.outputs), cache=str(settings.cache))
    ids = [f"{name}/20260102-030405" for name in SIX]
    many = [f"exp_{number:02}" for number in range(6)]
    for words, names in (("runs", ids), ("experiments", SIX), ("experiments of 500 runs", many), ("all", [])):
        cold, warm = (wall(project, "report", *names) for _ in range(2))
        print(f"\nkft report, six {words} of {RUNS}: {cold:.2f} s, again {warm:.2f} s")  # noqa: T201
        assert (project.folder / "report.html").is_file()
        if words != "all":
            assert warm <= 3
    shutil.rmtree(settings.outputs)
