"""`kft dataset stats`: what people read, and the contact sheet."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from dataset_tools.captions.vocabulary import shipped_vocabulary_text
from dataset_tools.sets.figures import caption, figure
from tests.builders.projects import assert_golden

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Answer

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "cli"
SIZES = ((64, 64), (64, 64), (48, 80))


@pytest.fixture
def pictures(project: Path) -> Path:
    """Twelve images of two sizes with captions of the sample set, one of them without; BMP: the same bytes for ever."""
    folder = project / "datasets" / "pictures"
    folder.mkdir(parents=True)
    for number in range(12):
        Image.new("RGB", SIZES[number % 3], (number, 90, 40)).save(folder / f"c{number:02}.bmp")
        if number != 7:
            (folder / f"c{number:02}.txt").write_text(caption(figure(2024, number)) + "\n", encoding="utf-8")
    (folder / "c03.txt").write_bytes((folder / "c04.txt").read_bytes())
    (folder / "c11.txt").write_text("a red hat", encoding="utf-8")
    return folder


def test_a_folder(kft: Callable[..., Answer], pictures: Path) -> None:
    """Facts, then a table each for sizes, aspects, buckets, tags, pairs, beginnings and the convention."""
    answer = kft("dataset", "stats", str(pictures), "--top", "4")
    assert (answer.code, answer.err) == (0, "")
    assert_golden(answer.out, GOLDEN / "dataset_stats.txt")


def test_a_folder_said_by_standing_in_it(
    kft: Callable[..., Answer], pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an argument it is the working folder."""
    monkeypatch.chdir(pictures)
    assert kft("dataset", "stats").out == kft("dataset", "stats", str(pictures)).out


@pytest.mark.usefixtures("pictures")
def test_an_experiment(kft: Callable[..., Answer]) -> None:
    """Its own folders, endings of captions and buckets."""
    told = json.loads(kft("dataset", "stats", "first", "--json").out)
    assert (told["name"], told["images"], told["captions"]["captions"]) == ("first", 12, 11)
    (buckets,) = told["buckets"]
    assert buckets["buckets"] == [{"count": 12, "resolution": [1024, 1024]}]  # enable_bucket is off there
    assert kft("dataset", "stats", "first", "--caption-extension", ".txt").code == 2


def test_masks_are_no_images(kft: Callable[..., Answer], pictures: Path, project: Path) -> None:
    """The folder of an experiment's masks is not counted."""
    masks = project / "datasets" / "masks"
    masks.mkdir()
    for image in pictures.glob("*.bmp"):
        (masks / image.name).write_bytes(image.read_bytes())
    (project / "experiments" / "masked.toml").write_text(
        "extends = 'first'\n[training]\nmasked_loss = true\n[[dataset.datasets]]\n"
        "[[dataset.datasets.subsets]]\nconditioning_data_dir = '{datasets}/masks'\n"
    )
    assert json.loads(kft("dataset", "stats", "masked", "--json").out)["images"] == 12


def test_json_says_which_images(kft: Callable[..., Answer], pictures: Path) -> None:
    """Those without a caption, and those whose caption lacks a part; the fingerprint is that of a record."""
    (pictures / "c00.txt").write_bytes(b"")
    told = json.loads(kft("dataset", "stats", str(pictures), "--json").out)
    assert (told["without_caption"], told["empty_captions"]) == (["c07.bmp"], ["c00.txt"])
    lacking = {part["part"]: part["lacking"] for part in told["captions"]["coverage"]}
    assert lacking["style tags"] == ["c11.bmp"]
    assert lacking["outfit and accessories"] == []
    assert len(told["fingerprint"]) == 64
    assert told["aspects"] == [{"images": 8, "ratio": "1:1"}, {"images": 4, "ratio": "9:16"}]


def test_a_vocabulary_of_ones_own(kft: Callable[..., Answer], pictures: Path, project: Path) -> None:
    """Its parts are counted, and no others; the one that comes with kft can be printed."""
    (project / "words.toml").write_text('headgear = ["hat", "helmet"]\n')
    told = json.loads(kft("dataset", "stats", str(pictures), "--vocabulary", "words.toml", "--json").out)
    assert [(part["part"], part["captions"]) for part in told["captions"]["coverage"]] == [("headgear", 2)]
    assert kft("dataset", "stats", "--show-vocabulary").out == shipped_vocabulary_text()
    (project / "words.toml").write_text("headgear = 3")
    assert "headgear is not a list of words" in kft("dataset", "stats", str(pictures), "--vocabulary", "words.toml").err


def test_a_contact_sheet(kft: Callable[..., Answer], pictures: Path, project: Path) -> None:
    """Of any selection; the tables are those of the whole."""
    whole = kft("dataset", "stats", str(pictures)).out
    answer = kft("dataset", "stats", str(pictures), "--sheet", "s.png", "--select", "a red hat", "--select", "c0[12]*")
    assert (answer.out, answer.code) == (whole, 0)
    assert "s.png: 3 images, " in answer.err
    with Image.open(project / "s.png") as sheet:
        assert sheet.width == 8 + 3 * 200
    (pictures / "c01.bmp").write_bytes(b"BM")
    answer = kft("dataset", "stats", str(pictures), "--sheet", "s.png", "--n", "6")
    assert "s.png: 6 images, " in answer.err
    assert kft("dataset", "stats", str(pictures), "--sheet", "s.png", "--select", "c01*").err.count("warning") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "nowhere"),
        (("datasets",), "there is no image in it"),
        (("datasets/pictures", "--select", "x"), "--sheet"),
        (("datasets/pictures", "--sheet", "s.png", "--select", "no such tag"), "no image has such a tag or name"),
        (("datasets/pictures", "--sheet", "datasets/pictures/s.png"), "it would be trained on"),
        (("datasets/pictures", "--sheet", "no/s.png"), "the sheet cannot be written"),
        (("datasets/pictures", "--vocabulary", "none.toml"), "none.toml"),
    ],
)
@pytest.mark.usefixtures("pictures")
def test_what_cannot_be_done(kft: Callable[..., Answer], arguments: tuple[str, ...], said: str) -> None:
    """Exit code 2, the reason, and no traceback."""
    answer = kft("dataset", "stats", *arguments)
    assert answer.code == 2
    assert said in answer.err


def test_an_unreadable_caption_costs_the_fingerprint_alone(
    kft: Callable[..., Answer], pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which file; the rest is counted."""
    from dataset_tools.errors import DatasetError  # noqa: PLC0415

    def fail(*_: object) -> None:
        raise DatasetError("the file changed while it was being read", where=pictures / "c01.bmp", next_step="Wait.")

    monkeypatch.setattr("fork_wrapper.datasets.stats.fingerprint", fail)
    assert "none: c01.bmp: the file changed while it was being read" in kft("dataset", "stats", str(pictures)).out


def test_help_needs_no_pillow(kft: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes at once."""
    monkeypatch.setitem(sys.modules, "dataset_tools.captions.stats", None)
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert kft("dataset", "stats", "--help").code == 0
