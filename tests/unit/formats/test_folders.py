"""Image folders without a dataset config, said as one."""

from pathlib import Path

import pytest

from fork_wrapper.formats.folders import concept_folders, count_images, dataset_of


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """A folder with two concepts and much that is none."""
    for name in ("10_a_b", "2_", "0_x", "-1_y", "none", "1.5_z"):
        (tmp_path / "train" / name).mkdir(parents=True)
    for name in ("a.png", "b.JPG", "c.webp", "c.txt", "d.npz"):
        (tmp_path / "train" / "10_a_b" / name).touch()
    (tmp_path / "train" / "3_file").touch()
    return tmp_path / "train"


def test_concepts_are_subsets(train: Path) -> None:
    """Each REPEATS_NAME folder with its number and its name; regularisation images are marked."""
    (train / "reg" / "1_person").mkdir(parents=True)
    found, notes = dataset_of({"train_data_dir": f"{train}/", "reg_data_dir": str(train / "reg")})
    subsets = [
        {"image_dir": f"{train}/10_a_b", "num_repeats": 10, "class_tokens": "a_b"},
        {"image_dir": f"{train}/2_", "num_repeats": 2, "class_tokens": ""},
        {"image_dir": f"{train}/reg/1_person", "num_repeats": 1, "class_tokens": "person", "is_reg": True},
    ]
    assert (found, notes) == ({"datasets": [{"subsets": subsets}]}, ())


def test_metadata_makes_one_subset() -> None:
    """With `in_json` the folder is only where its paths begin."""
    subset = {"metadata_file": "m.json", "image_dir": "d"}
    assert dataset_of({"in_json": "m.json", "train_data_dir": "d"}) == ({"datasets": [{"subsets": [subset]}]}, ())
    alone = {"datasets": [{"subsets": [{"metadata_file": "m.json"}]}]}
    assert dataset_of({"in_json": "m.json", "reg_data_dir": "r"}) == (alone, ())


@pytest.mark.parametrize("folder", ["/nowhere/at all", "D:\\data\\img", "a\0b", "a" * 5000, "b/" * 3000])
def test_a_folder_that_is_elsewhere_is_one_subset(folder: str) -> None:
    """Nobody can see its concepts: one stands for all, and that is said."""
    found, notes = dataset_of({"train_data_dir": folder})
    assert found == {"datasets": [{"subsets": [{"image_dir": folder}]}]}
    assert notes == (
        f"train_data_dir is not on this machine ({folder}): sd-scripts made one subset of each REPEATS_NAME folder in "
        "it; here one stands for all, to be split by hand",
    )
    assert (concept_folders(folder), count_images(folder)) == (None, None)


def test_no_images_are_said(train: Path) -> None:
    """A folder without concepts, and no folder at all."""
    folder = str(train / "none")
    assert dataset_of({"train_data_dir": folder}) == (
        {"datasets": [{"subsets": []}]},
        (f"train_data_dir holds no REPEATS_NAME folder ({folder}): sd-scripts finds no images in it",),
    )
    assert dataset_of({}) == ({}, ("it names no images: no train_data_dir, in_json or dataset_config",))
    assert dataset_of({"train_data_dir": "", "in_json": ""})[0] == {}


def test_images_are_counted_as_the_gui_counts(train: Path) -> None:
    """By suffix, whatever its case, directly in the folder."""
    assert (count_images(str(train / "10_a_b")), count_images(str(train))) == (3, 0)
