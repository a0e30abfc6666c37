"""The parts of a dataset config that are fingerprinted."""

import json
import os
from pathlib import Path

import pytest

from dataset_tools.scan.hashing import HashCache
from fork_wrapper.experiment.subsets import fingerprint_subsets, parts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One captioned image and a metadata file, changed long ago."""
    said = json.dumps({"a.png": {"caption": "a square", "tags": "red"}})
    for name, text in (("a.png", "a.png"), ("a.txt", "a.txt"), ("meta.json", said)):
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (1e9, 1e9))
    return tmp_path


def config(*subsets: dict[str, object]) -> dict[str, object]:
    """One data set of these subsets."""
    return {"datasets": [{"num_repeats": 2, "subsets": list(subsets)}]}


def test_every_subset_is_a_part(folder: Path) -> None:
    """With its key path, the repeats in force and its metadata file; without a folder, paths have to be whole."""
    place, meta = str(folder), str(folder / "meta.json")
    dataset = config(
        {"image_dir": place, "num_repeats": 3}, {"image_dir": place, "metadata_file": meta}, {"metadata_file": meta}
    )
    found = list(parts({"caption_extension": ".txt"}, dataset))
    assert [(one.subset[-11:], one.repeats, one.metadata, one.scan.captioned) for one in found] == [
        (".subsets[0]", 3, None, 1),
        (".subsets[1]", 2, folder / "meta.json", 1),
        (".subsets[2]", 2, folder / "meta.json", 0),
    ]
    assert [picture.text for one in found for picture in one.scan.pictures] == [None, "a square,red"]


def test_captions_of_a_metadata_file_are_in_the_manifest(folder: Path) -> None:
    """One that changes there has another hash, and a text file beside the image has none."""
    dataset = config({"image_dir": str(folder), "metadata_file": str(folder / "meta.json")})
    cache = HashCache(folder / "cache" / "hashes.json")
    first = fingerprint_subsets({}, dataset, cache, lambda: False)
    (folder / "a.txt").write_text("never read")
    assert fingerprint_subsets({}, dataset, cache, lambda: False) == first
    (folder / "meta.json").write_text(json.dumps({"a.png": {"caption": "a circle", "tags": "red"}}))
    second = fingerprint_subsets({}, dataset, cache, lambda: False)
    assert first is not None
    assert second is not None
    assert (first.images, first.captions) == (1, 1)
    pairs = [one.folders[0].files["a.png"] for one in (first, second)]
    assert pairs[0][0] == pairs[1][0]
    assert pairs[0][1] != pairs[1][1]


@pytest.mark.parametrize("name", ["a.png", "meta.json"])
def test_what_changed_since_is_not_what_trained(folder: Path, name: str) -> None:
    """An image, a caption or the metadata file: then nothing is recorded."""
    dataset = config({"image_dir": str(folder), "metadata_file": str(folder / "meta.json")})
    training, cache = {"caption_extension": ".txt"}, HashCache(folder / "cache" / "hashes.json")
    assert fingerprint_subsets(training, dataset, cache, lambda: False, until=1.5e9)
    os.utime(folder / name, (1.6e9, 1.6e9))
    assert fingerprint_subsets(training, dataset, cache, lambda: False, until=1.5e9) is None


def test_a_metadata_file_that_is_gone(folder: Path) -> None:
    """No fingerprint, and no error in a run."""
    dataset = config({"image_dir": str(folder), "metadata_file": str(folder / "gone.json")})
    assert fingerprint_subsets({}, dataset, HashCache(folder / "c" / "h.json"), lambda: False) is None
