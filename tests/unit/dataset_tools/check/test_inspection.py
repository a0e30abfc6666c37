"""Every planted fault is found with its file and severity, and nothing else is."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dataset_tools.check.faults import KINDS
from dataset_tools.check.inspection import Inspection, inspect
from dataset_tools.scan.training_folder import Size, TrainingFolder
from tests.unit.dataset_tools.planted import (
    PLANTS,
    SIDE,
    Expected,
    caption,
    clean_set,
    content,
    image,
    picture,
    settle,
)

BY_FOLDER = {"folder", "folder-empty", "caption-extension", "twin-regularisation"}
"""Kinds that are about whole folders, with tests of their own below."""

BY_METADATA = {"metadata", "metadata-image"}
"""Kinds of metadata files (test_metadata_file.py)."""

BY_SYSTEM = {"image-unreadable", "image-memory", "caption-unreadable"}
"""Kinds that depend on rights and memory."""


def place(size: Size) -> tuple[Size, Size] | str:
    """One bucket, into which every image is cut."""
    if min(size) < 80:
        return "too small for any bucket"
    scale = max(SIDE / size[0], SIDE / size[1])
    return (SIDE, SIDE), (round(size[0] * scale), round(size[1] * scale))


def folder_of(path: Path, **values: object) -> TrainingFolder:
    """A folder of the set, measured at its side."""
    return TrainingFolder(folder=path, place=place, most_tokens=75, **values)  # type: ignore[arg-type]


def seen(found: Inspection) -> Counter[Expected]:
    """What was found, to be compared."""
    return Counter(Expected(file=one.file.name, kind=one.kind, severity=one.severity) for one in found.faults)


@pytest.mark.skipif(os.name == "nt", reason="some names and links cannot be made there")
def test_every_planted_fault_is_found_and_nothing_else(tmp_path: Path) -> None:
    """At least forty defects in one folder, each with the right file and severity, beside good images."""
    folder = tmp_path / "set"
    clean_set(folder)
    expected: Counter[Expected] = Counter()
    for plant in PLANTS.values():
        expected.update(plant(folder))
    settle(folder)
    memory = tmp_path / "memory"
    found = inspect([folder_of(folder)], memory=memory)
    assert len(PLANTS) == 71
    assert seen(found) - expected == Counter()
    assert expected - seen(found) == Counter()
    assert set(KINDS) - {one.kind for one in expected} - BY_FOLDER - BY_METADATA - BY_SYSTEM == {"image-no-bucket"}
    again = inspect([folder_of(folder)], memory=memory)
    assert again.faults == found.faults
    assert again.decoded == 1, "a HEIC, which another Pillow may read; all else is known"


@pytest.mark.skipif(os.name == "nt", reason="links cannot be made there")
def test_a_link_to_a_folder_says_where_it_leads(tmp_path: Path) -> None:
    """sd-scripts looks into it no more than into others; one without images, or put aside, is nobody's concern."""
    clean_set(tmp_path / "set", 3)
    for name in ("other", "aside"):
        (tmp_path / name).mkdir()
        picture(5).save(tmp_path / name / "a.png")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").touch()
    for name, target in (("linked", "other"), ("words", "texts"), ("kft-aside", "aside"), (".hidden", "aside")):
        (tmp_path / "set" / name).symlink_to(tmp_path / target)
    (one,) = inspect([folder_of(tmp_path / "set")]).faults
    assert (one.kind, one.file.name, one.reason) == (
        *("image-below", "linked"),
        f"images lie in it, a link to {tmp_path / 'other'}",
    )


def test_a_clean_set_has_no_findings(tmp_path: Path) -> None:
    """Zero: of any severity."""
    clean_set(tmp_path, 24)
    found = inspect([folder_of(tmp_path)])
    assert (found.faults, found.images, found.captions, found.decoded) == ((), 24, 24, 24)
    assert not found.is_bad


def test_an_image_without_a_bucket(tmp_path: Path) -> None:
    """What the configuration's buckets say of a size is said of the image."""
    picture(1, (40, 300)).save(tmp_path / "a.png")
    caption(tmp_path, "a")
    (one,) = inspect([folder_of(tmp_path)]).faults
    assert (one.kind, one.severity, one.reason) == ("image-no-bucket", "error", "too small for any bucket")


def test_captions_of_another_extension_are_one_finding(tmp_path: Path) -> None:
    """37 of 40 have .txt, the config says .caption; the other three are named."""
    for number in range(40):
        picture(number, (SIDE, SIDE)).save(tmp_path / f"{number:02}.png")
        if number >= 3:
            caption(tmp_path, f"{number:02}")
    faults = inspect([folder_of(tmp_path, caption_extension=".caption")]).faults
    (folder,) = [one for one in faults if one.kind == "caption-extension"]
    assert folder.file == tmp_path
    assert folder.reason == "37 of 40 images have .txt, and .caption is read"
    assert [one.file.name for one in faults if one.kind == "caption-missing"] == ["00.png", "01.png", "02.png"]


def test_class_tokens_make_captions_needless(tmp_path: Path) -> None:
    """Then a missing one is no fault."""
    picture(1).save(tmp_path / "a.png")
    assert inspect([folder_of(tmp_path, captions_needed=False)]).faults == ()


def test_lines_and_length_follow_the_configuration(tmp_path: Path) -> None:
    """With enable_wildcard every line is read, and the longest counts."""
    picture(1).save(tmp_path / "a.png")
    caption(tmp_path, "a", "short\n" + "word " * 100)
    assert [one.kind for one in inspect([folder_of(tmp_path)]).faults] == ["caption-lines"]
    (one,) = inspect([folder_of(tmp_path, all_lines=True)]).faults
    assert one.reason == "about 100 tokens, of which 75 are read; 150 would hold it"


def test_transparency_is_meant_with_alpha_mask(tmp_path: Path) -> None:
    """Then it is the mask."""
    PLANTS["transparent"](tmp_path)
    assert inspect([folder_of(tmp_path, alpha_mask=True)]).faults == ()


def test_caches_that_are_not_used_are_only_worth_knowing(tmp_path: Path) -> None:
    """A run without cache_latents_to_disk does not open them."""
    PLANTS["latents_with_nan"](tmp_path)
    (one,) = inspect([folder_of(tmp_path, latents_cached=False)]).faults
    assert (one.kind, one.severity) == ("cache-nan", "note")


def test_training_and_regularisation_images_are_compared(tmp_path: Path) -> None:
    """A copy, and the same picture in another form, in both sets."""
    trained, regular = tmp_path / "trained", tmp_path / "regular"
    for folder in (trained, regular):
        clean = 0 if folder is trained else 500
        folder.mkdir()
        for number in range(3):
            picture(clean + number).save(folder / f"{number}.png")
            caption(folder, str(number))
    image(regular, "copy.png", (trained / "0.png").read_bytes())
    image(regular, "again.jpg", content(1, "JPEG", quality=70))
    found = inspect([folder_of(trained), folder_of(regular, regularisation=True)])
    assert {(one.kind, one.severity, one.file, one.others) for one in found.faults} == {
        ("twin-regularisation", "warning", regular / "copy.png", (trained / "0.png",)),
        ("twin-regularisation", "warning", trained / "1.png", (regular / "again.jpg",)),
    }


def test_one_folder_in_two_subsets_is_no_copy(tmp_path: Path) -> None:
    """Two resolutions of one folder are common."""
    clean_set(tmp_path, 3)
    assert inspect([folder_of(tmp_path), folder_of(tmp_path)]).faults == ()


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda _path: None, "folder"),
        (lambda path: path.mkdir(), "folder-empty"),
        (lambda path: path.touch(), "folder"),
    ],
)
def test_a_folder_that_is_none(make: Callable[[Path], None], kind: str, tmp_path: Path) -> None:
    """Missing, empty, or a file: an error about the folder, and nothing else."""
    make(tmp_path / "x")
    (one,) = inspect([folder_of(tmp_path / "x")]).faults
    assert (one.kind, one.severity, one.file) == (kind, "error", tmp_path / "x")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read(tmp_path: Path) -> None:
    """Rights are said as rights."""
    clean_set(tmp_path, 2)
    (tmp_path / "good_0.png").chmod(0)
    (tmp_path / "good_1.txt").chmod(0)
    assert {one.kind for one in inspect([folder_of(tmp_path)]).faults} == {"image-unreadable", "caption-unreadable"}


def test_what_changed_is_looked_at_again(tmp_path: Path) -> None:
    """The memory follows size and time, and a damaged memory is none."""
    folder, memory = tmp_path / "set", tmp_path / "memory"
    clean_set(folder, 4)
    settle(folder)
    assert inspect([folder_of(folder)], memory=memory).decoded == 4
    assert inspect([folder_of(folder)], memory=memory).decoded == 0
    PLANTS["truncated_png"](folder)
    found = inspect([folder_of(folder)], memory=memory)
    assert (found.decoded, [one.kind for one in found.faults]) == (1, ["image-truncated"])
    for part in (memory / "decoded").iterdir():
        part.write_text(part.read_text()[:50])
    assert inspect([folder_of(folder)], memory=memory).decoded == 5
