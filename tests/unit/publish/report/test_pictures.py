"""Images made to fit."""

from pathlib import Path

import pytest
from PIL import Image

from fork_wrapper.publish.report.pictures import Picture, pictures, shrunk
from tests.builders.trainings import draw_sample


@pytest.fixture
def samples(tmp_path: Path) -> list[Path]:
    """Images of 256 pixels."""
    paths = [tmp_path / f"{number}.png" for number in range(8)]
    for number, path in enumerate(paths):
        draw_sample(path, 256, number)
    return paths


def total(made: dict[Path, Picture]) -> int:
    """Bytes of all."""
    return sum(len(one.data) for one in made.values())


def test_in_full_where_there_is_room(samples: list[Path]) -> None:
    """Nothing is reduced, and nothing enlarged."""
    made = pictures(samples, 10_000_000)
    assert [one.size for one in made.values()] == [(256, 256)] * 8
    assert not any(one.reduced for one in made.values())


def test_the_largest_that_fits(samples: list[Path], tmp_path: Path) -> None:
    """All to one measure, within the budget, the same bytes every time; progress is told."""
    whole, told = total(pictures(samples, 10_000_000)), []
    made = pictures(samples, whole // 3, lambda done, count: told.append((done, count)))
    assert total(made) <= whole // 3
    (size,) = {one.size for one in made.values()}
    assert 64 < size[0] < 256
    assert all(one.reduced and one.original == (256, 256) for one in made.values())
    assert told[-1] == (8, 8)
    assert made == pictures(samples, whole // 3)
    assert next(iter(made.values())).data[8:12] == b"WEBP"
    assert not list(tmp_path.glob("*.webp"))


def test_a_budget_that_nothing_fits(samples: list[Path]) -> None:
    """The smallest side there is; a page may then be larger than wanted, and says so."""
    made = pictures(samples, 10)
    assert {one.size for one in made.values()} == {(64, 64)}


def test_odd_shapes_and_modes(tmp_path: Path) -> None:
    """The longer side counts; transparency and palettes are drawn."""
    Image.new("RGBA", (300, 10), (255, 0, 0, 128)).save(tmp_path / "wide.png")
    Image.new("P", (10, 300)).save(tmp_path / "tall.png")
    assert shrunk(tmp_path / "wide.png", 150).size == (150, 5)
    assert shrunk(tmp_path / "tall.png", 64).size == (2, 64)


def test_files_that_are_no_images(tmp_path: Path) -> None:
    """Missing, cut off, other: a picture without data beside those that are well."""
    draw_sample(tmp_path / "good.png", 64, 1)
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:200])
    (tmp_path / "text.png").write_text("no image")
    paths = [tmp_path / f"{name}.png" for name in ("good", "cut", "text", "missing")]
    assert [bool(one.data) for one in pictures(paths, 10_000).values()] == [True, False, False, False]
    assert pictures([], 10_000) == {}
