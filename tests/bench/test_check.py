"""How long a verdict takes. `make bench`; never part of `make test`."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from PIL import Image

from tests.builders.projects import Project

pytestmark = pytest.mark.bench

IMAGES = 1486


def seconds(project: Project, rounds: int, *arguments: str) -> float:
    """Median wall time of `kft check humanoid_05`, after one that fills the caches."""

    def wall() -> float:
        start = time.perf_counter()
        argv = [sys.executable, "-m", "fork_wrapper", "check", "humanoid_05", *arguments]
        subprocess.run(argv, cwd=project.folder, env=project.env, capture_output=True, check=False)
        return time.perf_counter() - start

    wall()
    return statistics.median(wall() for _ in range(rounds))


def test_check_without_a_data_set(make_project: Callable[..., Project]) -> None:
    """At most 0.3 s: a person waits for it after each change."""
    median = seconds(make_project(), 15)
    print(f"\nkft check humanoid_05, no data set: {median:.3f} s")  # noqa: T201 - the figure is what a benchmark is for
    assert median <= 0.3


def test_check_with_a_whole_data_set(make_project: Callable[..., Project]) -> None:
    """At most 1 s with 1486 images and their captions, once they have been looked at."""
    project = make_project()
    folder = project.folder / "datasets" / "humanoid"
    folder.mkdir(parents=True)
    picture = Image.new("RGB", (1024, 1024), (90, 60, 30))
    for number in range(IMAGES):
        picture.save(folder / f"{number:04}.png", compress_level=1)
        (folder / f"{number:04}.txt").write_text("a character, stylized")
    median = seconds(project, 9)
    done = project.kft("plan", "humanoid_05")
    assert f"{IMAGES} x 1 = {IMAGES} in an epoch" in done.stdout
    print(f"\nkft check humanoid_05, {IMAGES} images, warm: {median:.3f} s")  # noqa: T201
    assert median <= 1.0
