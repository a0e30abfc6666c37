"""Nested parts of a set."""

from __future__ import annotations

import hashlib
import json
import shutil
import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.errors import DatasetError
from dataset_tools.scan.fingerprint import fingerprint
from dataset_tools.scan.scan import scan_folder
from dataset_tools.sets.subset import Candidate, Subset, candidates_of, make_folder, ordered, part_of
from tests.unit.dataset_tools.captioned import drawn, spoken

if TYPE_CHECKING:
    from pathlib import Path


FROZEN = [10, 5, 7, 0, 9, 8, 6, 2, 3, 11, 4, 1]
FROZEN_BY_TAG = [10, 0, 5, 7, 9, 8, 2, 6, 11, 4, 3, 1]


def _candidates(count: int, every: int = 3) -> list[Candidate]:
    return [
        Candidate(
            one=spoken(f"{number:04}.png", "cape" if number % every == 0 else "hat"),
            sha256=hashlib.sha256(str(number).encode()).hexdigest(),
        )
        for number in range(count)
    ]


def _names(items: list[Candidate]) -> list[str]:
    return [item.one.name for item in items]


def test_the_order_is_frozen() -> None:
    """The same seed must give the same images for ever: studies are compared years later."""
    assert [int(name[:4]) for name in _names(ordered(_candidates(12), 0))] == FROZEN
    assert [int(name[:4]) for name in _names(ordered(_candidates(12), 0, ["cape"]))] == FROZEN_BY_TAG


def test_the_order_of_the_disk_and_the_names_do_not_matter() -> None:
    """It follows from the bytes of the images alone."""
    straight = _candidates(40)
    renamed = [Candidate(one=spoken(f"z{99 - n}.png", "x"), sha256=item.sha256) for n, item in enumerate(straight)]
    assert [item.sha256 for item in ordered(straight, 7)] == [item.sha256 for item in ordered(renamed[::-1], 7)]


def test_another_seed_is_another_order() -> None:
    """And every order has all images, once."""
    orders = [_names(ordered(_candidates(40), seed)) for seed in range(5)]
    assert len({tuple(order) for order in orders}) == 5
    assert all(sorted(order) == _names(_candidates(40)) for order in orders)


def test_images_of_the_same_bytes_stand_by_name() -> None:
    """Both are there, and which comes first does not depend on the disk."""
    twins = [Candidate(one=spoken(name, "x"), sha256="f" * 64) for name in ("b.png", "a.png")]
    assert _names(ordered(twins, 3)) == ["a.png", "b.png"]


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 80), every=st.integers(1, 9), seed=st.integers(0, 99))
def test_every_beginning_has_its_share(count: int, every: int, seed: int) -> None:
    """Of any first n, n x share have the tag, give or take one."""
    order = ordered(_candidates(count, every), seed, ["cape"])
    share = sum("cape" in item.one.tags for item in order) / count
    for n in range(1, count + 1):
        have = sum("cape" in item.one.tags for item in order[:n])
        assert abs(have - n * share) <= 1


def test_what_is_rare_does_not_come_first() -> None:
    """One of forty is as likely missing from the first half as from the second: it stands in the middle."""
    order = ordered(_candidates(40, every=40), 3, ["cape"])
    assert [place for place, item in enumerate(order) if "cape" in item.one.tags] in ([19], [20])


@pytest.mark.parametrize(
    ("n", "fraction", "count"), [(5, None, 5), (None, 0.5, 5), (None, 0.25, 3), (None, 1.0, 10), (None, 0.001, 1)]
)
def test_how_many(n: int | None, fraction: float | None, count: int) -> None:
    """A fraction is rounded, and never to nothing."""
    assert part_of(10, n, fraction) == count


def _subset(folder: Path, n: int, stratify: tuple[str, ...] = ()) -> Subset:
    scan = scan_folder(folder, ".txt")
    digest = fingerprint([scan])
    items = ordered(candidates_of(scan, digest.folders[0], ","), 1, stratify)
    return Subset(
        chosen=tuple(items[:n]),
        of=len(items),
        seed=1,
        stratify=stratify,
        source=folder,
        source_sha256=digest.sha256,
        caption_extension=".txt",
    )


def _set(folder: Path) -> Path:
    return drawn(folder, **{f"c{number}": None if number == 3 else f"caption {number}" for number in range(8)})


def test_the_small_part_is_within_the_large_one(tmp_path: Path) -> None:
    """Images and captions, wherever the source lies and in whatever order it was written."""
    source = _set(tmp_path / "set")
    make_folder(_subset(source, 3), tmp_path / "three")
    shutil.copytree(source, tmp_path / "elsewhere")
    make_folder(_subset(tmp_path / "elsewhere", 6), tmp_path / "six")
    three, six = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("three", "six"))
    del three["subset.json"], six["subset.json"]
    assert (sum(n.endswith(".png") for n in three), sum(n.endswith(".png") for n in six)) == (3, 6)
    assert three.items() <= six.items()


def test_images_are_links_and_captions_copies(tmp_path: Path) -> None:
    """An image takes no room; a caption edited in place leaves the source as it was."""
    source = _set(tmp_path / "set")
    assert make_folder(_subset(source, 8), tmp_path / "all") == "hard links"
    assert (tmp_path / "all" / "c1.png").stat().st_ino == (source / "c1.png").stat().st_ino
    with (tmp_path / "all" / "c1.txt").open("w") as file:
        file.write("edited")
    assert (source / "c1.txt").read_text() == "caption 1"
    assert not (tmp_path / "all" / "c3.txt").exists()


def test_the_manifest_says_what_was_chosen(tmp_path: Path) -> None:
    """In the order, with hashes, the seed and where it came from; sd-scripts sees the images alone."""
    source = _set(tmp_path / "set")
    subset = _subset(source, 4, ("caption 1",))
    make_folder(subset, tmp_path / "part")
    told = json.loads((tmp_path / "part" / "subset.json").read_text(encoding="utf-8"))
    assert [item["image"] for item in told["images"]] == [item.one.name for item in subset.chosen]
    assert (told["n"], told["of"], told["seed"], told["stratify"]) == (4, 8, 1, ["caption 1"])
    assert told["source_sha256"] == fingerprint([scan_folder(source, ".txt")]).sha256
    first = (source / told["images"][0]["image"]).read_bytes()
    assert told["images"][0]["sha256"] == hashlib.sha256(first).hexdigest()
    assert scan_folder(tmp_path / "part", ".txt").images == 4


def test_without_links_there_are_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another disk, or one that knows none."""

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("dataset_tools.linking.os.link", refuse)
    assert make_folder(_subset(_set(tmp_path / "set"), 3), tmp_path / "part") == "copies"


def test_what_is_there_stays(tmp_path: Path) -> None:
    """An empty folder may be filled, no other."""
    subset = _subset(_set(tmp_path / "set"), 2)
    (tmp_path / "part").mkdir()
    make_folder(subset, tmp_path / "part")
    with pytest.raises(DatasetError, match="something there already"):
        make_folder(subset, tmp_path / "part")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatasetError, match="something there already"):
        make_folder(subset, tmp_path / "file")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """An image that went meanwhile: nothing is left behind."""
    subset = _subset(_set(tmp_path / "set"), 8)
    (tmp_path / "set" / "c5.png").unlink()
    with pytest.raises(DatasetError, match="cannot be written"):
        make_folder(subset, tmp_path / "part")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_names_with_accents_find_their_hash(tmp_path: Path) -> None:
    """Whatever form the disk keeps them in."""
    folder = drawn(tmp_path, **{unicodedata.normalize("NFD", "niño"): "x"})
    scan = scan_folder(folder, ".txt")
    (item,) = candidates_of(scan, fingerprint([scan]).folders[0], ",")
    assert item.sha256 == hashlib.sha256(scan.pictures[0].image.read_bytes()).hexdigest()
