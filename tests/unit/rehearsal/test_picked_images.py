"""Which of somebody's images a rehearsal takes, and that it leaves the rest, and all of their folders, alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fork_wrapper.machine.settings import Settings
from fork_wrapper.rehearsal.picked_images import MOST, copy_picked, pick_images, remove_caches

Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Draw images of one size with captions: folder, how many, size, first number."""

    def drawer(name: str, count: int, size: tuple[int, int] = (1024, 1024), start: int = 0, text: bool = True) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(start, start + count):
            Image.new("1", size).save(folder / f"{number:04}.png")
            if text:
                (folder / f"{number:04}.txt").write_text(f"number {number}", encoding="utf-8")
        return folder

    return drawer


def dataset(*subsets: dict[str, Any]) -> dict[str, Any]:
    """One data set of these subsets."""
    one = {"resolution": 1024, "enable_bucket": True, "max_bucket_reso": 2048, "subsets": list(subsets)}
    return {"general": {"caption_extension": ".txt"}, "datasets": [one]}


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """All files of a folder, with their times."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir() if path.is_file()}


def test_few_images_are_taken_as_they_are(settings: Settings, draw: Draw) -> None:
    """Nothing is copied of a set that is small, unless caches on disk would fall beside it."""
    data = dataset({"image_dir": str(draw("luna", MOST))})
    assert pick_images({}, data, settings) == []
    (pick,) = pick_images({"cache_latents_to_disk": True}, data, settings)
    assert (len(pick.files), pick.of) == (MOST, MOST)


def test_every_bucket_has_its_share(settings: Settings, draw: Draw) -> None:
    """A rare shape is among them, and common ones are taken from the first to the last."""
    folder = draw("luna", 60)
    draw("luna", 2, (1024, 2048), 60)
    draw("luna", 30, (1216, 832), 62)
    before = state(folder)
    (pick,) = pick_images({}, dataset({"image_dir": str(folder), "num_repeats": 5}), settings)
    numbers = [int(name[:4]) for name in pick.files]
    assert (len(numbers), pick.of, pick.key) == (MOST, 92, "dataset.datasets[0].subsets[0]")
    shares = [sum(low <= number < high for number in numbers) for low, high in ((0, 60), (60, 62), (62, 92))]
    assert shares == [11, 2, 11]
    assert max(number for number in numbers if number < 60) > 50
    copy_picked([pick])
    assert pick.target.name == "luna"
    assert sorted(path.name for path in pick.target.glob("*.png")) == list(pick.files)
    assert all(path.with_suffix(".txt").read_text() == f"number {int(path.stem)}" for path in pick.target.glob("*.png"))
    assert state(folder) == before
    again = pick_images({}, dataset({"image_dir": str(folder)}), settings)
    assert again[0].target == pick.target


def test_every_folder_has_its_share(settings: Settings, draw: Draw) -> None:
    """Regularisation images, and folders that two data sets share; masks travel with their images."""
    big, reg, one = draw("big", 50), draw("reg", 40, text=False), draw("one", 1)
    masks = draw("masks", 50, text=False)
    data = dataset(
        {"image_dir": str(big), "conditioning_data_dir": str(masks)},
        {"image_dir": str(reg), "is_reg": True},
        {"image_dir": str(one)},
    )
    data["datasets"].append({"resolution": 512, "subsets": [{"image_dir": str(one)}]})
    picks = pick_images({}, data, settings)
    assert [(pick.source.name, len(pick.files)) for pick in picks] == [("big", 12), ("reg", 11), ("one", 1), ("one", 1)]
    assert picks[2].target == picks[3].target
    copy_picked(picks)
    assert picks[0].masks is not None
    assert sorted(path.name for path in picks[0].masks.iterdir()) == list(picks[0].files)
    assert not list(picks[1].target.glob("*.txt"))


def test_more_folders_than_images(settings: Settings, draw: Draw) -> None:
    """At least one of each: sd-scripts would say that a folder is empty."""
    folders = [draw(f"f{number}", 2) for number in range(MOST + 6)]
    picks = pick_images({}, dataset(*({"image_dir": str(folder)} for folder in folders)), settings)
    assert [len(pick.files) for pick in picks] == [1] * (MOST + 6)


def test_changed_images_are_copied_anew(settings: Settings, draw: Draw) -> None:
    """The copies of yesterday are no images of today; what a rehearsal cached is not read by the next."""
    folder = draw("luna", 30)
    data = dataset({"image_dir": str(folder)})
    (first,) = pick_images({}, data, settings)
    copy_picked([first])
    cached = first.target / "0000_1024x1024_sdxl.npz"
    cached.write_bytes(b"latents")
    copy_picked([first])
    remove_caches([first.target])
    assert not cached.exists()
    (folder / "0000.txt").write_text("another text", encoding="utf-8")
    (second,) = pick_images({}, data, settings)
    copy_picked([second])
    assert second.target != first.target
    assert (second.target / "0000.txt").read_text(encoding="utf-8") == "another text"


def test_a_file_that_names_images(settings: Settings, draw: Draw, tmp_path: Path) -> None:
    """A part of the file takes its place; the images stay, and are neither copied nor listed as a folder."""
    folder = draw("luna", 40)
    metadata = tmp_path / "meta.json"
    metadata.write_text(json.dumps({f"{folder}/{number:04}.png": {"caption": "niño"} for number in range(40)}))
    data = dataset({"image_dir": str(folder), "metadata_file": str(metadata)})
    (pick,) = pick_images({}, data, settings)
    assert (pick.option, pick.of, len(pick.files), pick.copies) == ("metadata_file", 40, MOST, ())
    copy_picked([pick])
    assert list(json.loads(pick.target.read_text(encoding="utf-8"))) == list(pick.files)
    metadata.write_text("[")
    assert pick_images({}, data, settings) == []
