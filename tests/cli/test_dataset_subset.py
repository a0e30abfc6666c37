"""`kft dataset subset`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.unit.dataset_tools.captioned import drawn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Answer


@pytest.fixture
def pictures(project: Path) -> Path:
    """Twenty images, a quarter of them with a cape."""
    texts = {f"c{number:02}": "cape, x" if number % 4 == 0 else "hat, x" for number in range(20)}
    return drawn(project / "all", **texts)


def images(folder: Path) -> set[str]:
    """Names."""
    return {path.name for path in folder.glob("*.png")}


@pytest.mark.usefixtures("pictures")
def test_nested_parts(kft: Callable[..., Answer], project: Path) -> None:
    """The eight are within the half; shares of a tag are shown and kept."""
    answer = kft("dataset", "subset", "all", "eight", "--n", "8", "--stratify", "cape")
    assert answer.code == 0
    assert answer.out == "tag   of all   of these\ncape  5 of 20  2 of 8\n"
    assert answer.err == "eight: 8 of 20 images (hard links), seed 0\n"
    assert kft("dataset", "subset", "all", "half", "--fraction", "0.5", "--stratify", "cape").code == 0
    assert (len(images(project / "eight")), len(images(project / "half"))) == (8, 10)
    assert images(project / "eight") < images(project / "half")
    assert len(list((project / "half").glob("*.txt"))) == 10


@pytest.mark.usefixtures("pictures")
def test_another_seed(kft: Callable[..., Answer], project: Path) -> None:
    """Other images; the same seed again, the same."""
    for name, seed in (("one", "1"), ("two", "2"), ("again", "1")):
        assert kft("dataset", "subset", "all", name, "--n", "8", "--seed", seed).code == 0
    assert images(project / "one") == images(project / "again") != images(project / "two")


def test_a_list_makes_no_folder(kft: Callable[..., Answer], project: Path, pictures: Path) -> None:
    """Paths, one a line, in the order; what was chosen stands beside them."""
    answer = kft("dataset", "subset", "all", "--n", "3", "--list", "names.txt")
    assert answer.err == "names.txt, names.txt.json: 3 of 20 images, seed 0\n"
    lines = (project / "names.txt").read_text().splitlines()
    told = json.loads((project / "names.txt.json").read_text())
    assert lines == [str(pictures / item["image"]) for item in told["images"]]
    kft("dataset", "subset", "all", "--n", "5", "--list", "more.txt")
    assert (project / "more.txt").read_text().splitlines()[:3] == lines


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("all", "part"), "either --n or --fraction"),
        (("all", "part", "--n", "3", "--fraction", "0.5"), "either --n or --fraction"),
        (("all", "--n", "3"), "either DST or --list"),
        (("all", "part", "--n", "3", "--list", "x"), "either DST or --list"),
        (("all", "part", "--n", "21"), "there are 20 images, not 21"),
        (("all", "part", "--n", "0"), "0 is not in the range"),
        (("all", "part", "--fraction", "1.5"), "1.5 is not in the range"),
        (("none", "part", "--n", "3"), "the image folder does not exist"),
        (("all", "all", "--n", "3"), "something there already"),
        (("all", "part", "--n", "3", "--stratify", "cape", "--stratify", "nose"), "no caption has the tag nose"),
    ],
)
@pytest.mark.usefixtures("pictures")
def test_what_cannot_be_done(kft: Callable[..., Answer], project: Path, arguments: tuple[str, ...], said: str) -> None:
    """Exit code 2, the reason, and nothing made."""
    answer = kft("dataset", "subset", *arguments)
    assert (answer.code, said in answer.err) == (2, True), answer.err
    assert not (project / "part").exists()
