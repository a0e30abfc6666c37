"""What the stand-in reads: options, datasets, captions, tokens, batches."""

import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fork_wrapper.rehearsal.standin_data import (
    Batches,
    Dataset,
    Options,
    Subset,
    chunk_tokens,
    find_images,
    flatten,
    parse_resolution,
    read_caption,
    read_datasets,
    read_options,
    resolve_datasets,
    vary_caption,
)

BEGIN, END, PAD = 512, 513, 0


def subset(folder: Path = Path(), **values: Any) -> Subset:
    """A subset with sd-scripts' defaults, except for `values`."""
    config = {"datasets": [{"resolution": 64, "subsets": [{"image_dir": str(folder), **values}]}]}
    return resolve_datasets(config, Options())[0].subsets[0]


def paint(folder: Path, name: str, size: tuple[int, int] = (64, 64), caption: str | None = None) -> Path:
    """An image file, with a caption file when there is a caption."""
    path = folder / name
    Image.new("RGB", size, (255, 0, 0)).save(path)
    if caption is not None:
        path.with_suffix(".txt").write_text(caption, encoding="utf-8")
    return path


def test_sections_mean_nothing_and_the_later_key_wins() -> None:
    """The file is one flat set of options, whatever tables it was written in."""
    options = flatten({"seed": 1, "a": {"learning_rate": 1e-5}, "b": {"seed": 2}})
    assert options == {"learning_rate": 1e-5, "seed": 2}


def test_unset_options_have_the_trainers_default() -> None:
    """What the file leaves out is sdxl_train.py's default, and None where it has none."""
    options = flatten({"learning_rate": 0})
    assert options["learning_rate"] == 0
    assert options["max_train_steps"] == 1600
    assert options["noise_offset"] is None


def test_the_options_file_is_read_with_its_text(tmp_path: Path) -> None:
    """Text that is not ASCII comes through as it was written."""
    path = tmp_path / "train.toml"
    path.write_text('[x]\nmetadata_kft_config = "{\\"a\\": \\"ä\\"}"\n', encoding="utf-8")
    assert read_options(path) == {"metadata_kft_config": '{"a": "ä"}'}


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (("s", "d", "g", "o"), "s"),
        (("d", "g", "o"), "d"),
        (("g", "o"), "g"),
        (("o",), "o"),
        ((), ".caption"),
    ],
)
def test_the_nearest_level_wins(levels: tuple[str, ...], expected: str) -> None:
    """Subset, dataset, general, training option, default, in this order."""
    said = {level: {"caption_extension": level} for level in levels}
    config = {
        "general": said.get("g", {}),
        "datasets": [{"resolution": 64, **said.get("d", {}), "subsets": [{"image_dir": "a", **said.get("s", {})}]}],
    }
    found = resolve_datasets(config, Options(said.get("o", {})))[0].subsets[0]
    assert found.caption_extension == expected


def test_false_at_a_lower_level_is_a_value() -> None:
    """A subset can switch off what the general section switches on."""
    config = {
        "general": {"flip_aug": True, "resolution": 64},
        "datasets": [{"subsets": [{"image_dir": "a", "flip_aug": False}, {"image_dir": "b"}]}],
    }
    first, second = resolve_datasets(config, Options())[0].subsets
    assert (first.flip_aug, second.flip_aug) == (False, True)


def test_batch_size_and_repeats_have_other_names_among_the_options() -> None:
    """train_batch_size and dataset_repeats stand behind the dataset's own keys."""
    options = Options(train_batch_size=3, dataset_repeats=5, resolution="96,64")
    dataset = resolve_datasets({"datasets": [{"subsets": [{"image_dir": "a"}]}]}, options)[0]
    assert (dataset.batch_size, dataset.subsets[0].num_repeats, dataset.resolution) == (3, 5, (96, 64))


def test_a_subset_without_repeats_is_left_out() -> None:
    """Zero repeats switch a subset off, as in sd-scripts."""
    config = {"datasets": [{"resolution": 64, "subsets": [{"image_dir": "a", "num_repeats": 0}]}]}
    assert resolve_datasets(config, Options())[0].subsets == ()


def test_a_dataset_without_resolution_says_so() -> None:
    """There is no default to fall back on."""
    with pytest.raises(ValueError, match="no resolution: set it in the dataset config"):
        resolve_datasets({"datasets": [{"subsets": []}]}, Options())


def test_a_dataset_file_is_read(tmp_path: Path) -> None:
    """Every value of a small dataset config arrives."""
    path = tmp_path / "dataset.toml"
    path.write_text(
        "[[datasets]]\nresolution = [96, 64]\nbatch_size = 2\n[[datasets.subsets]]\nimage_dir = 'a'\n",
        encoding="utf-8",
    )
    expected = Dataset(resolution=(96, 64), batch_size=2, subsets=(subset(Path("a")),))
    assert read_datasets(path, Options()) == [expected]


@pytest.mark.parametrize(
    ("written", "pixels"),
    [(64, (64, 64)), ([96, 64], (96, 64)), ([64], (64, 64)), ("64", (64, 64)), ("96,64", (96, 64))],
)
def test_resolutions_have_many_spellings(written: Any, pixels: tuple[int, int]) -> None:
    """Width comes first in all of them."""
    assert parse_resolution(written) == pixels


def test_images_are_found_by_suffix_in_order(tmp_path: Path) -> None:
    """Only images, only of this folder; a folder that is not there holds none."""
    for name in ("b.PNG", "a.jpg", "note.txt"):
        (tmp_path / name).touch()
    (tmp_path / "deeper").mkdir()
    assert [path.name for path in find_images(tmp_path)] == ["a.jpg", "b.PNG"]
    assert find_images(tmp_path / "absent") == []


def test_a_caption_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    """Later lines are for wildcards, which the stand-in does not know."""
    image = paint(tmp_path, "a.png", caption="  1girl, solo \nsecond\n")
    assert read_caption(image, subset(caption_extension=".txt")) == "1girl, solo"


def test_class_tokens_stand_in_for_a_missing_caption(tmp_path: Path) -> None:
    """Without caption file the class tokens are the caption; without these it is empty."""
    assert read_caption(tmp_path / "a.png", subset(class_tokens="humanoid")) == "humanoid"
    assert read_caption(tmp_path / "a.png", subset()) == ""


def test_an_empty_caption_file_is_an_error(tmp_path: Path) -> None:
    """sd-scripts stops here, so a rehearsal must too."""
    image = paint(tmp_path, "a.png", caption="")
    with pytest.raises(ValueError, match="caption file is empty"):
        read_caption(image, subset(caption_extension=".txt"))


def test_shuffling_keeps_the_first_tags() -> None:
    """keep_tokens tags stay in front; the others all remain, in another order at times."""
    shuffled = subset(shuffle_caption=True, keep_tokens=2)
    seen = {vary_caption("a, b, c, d", shuffled, random.Random(seed)) for seed in range(20)}
    assert seen == {"a, b, c, d", "a, b, d, c"}


@pytest.mark.parametrize(("rate", "expected"), [(1.0, ""), (0.0, "a, b")])
def test_dropout_empties_a_share_of_the_captions(rate: float, expected: str) -> None:
    """All at rate 1, none at rate 0."""
    assert vary_caption("a, b", subset(caption_dropout_rate=rate), random.Random(0)) == expected


def test_a_short_caption_is_one_untouched_row() -> None:
    """75 tokens need no cutting, even when they begin with the padding token."""
    tokens = [BEGIN, PAD, *[5] * 74, END]
    assert chunk_tokens(tokens, PAD, END) == [tokens]


@pytest.mark.parametrize("chunks", [2, 3])
def test_long_captions_are_cut_into_rows_of_77(chunks: int) -> None:
    """Every row begins and ends like a whole caption, and no text is lost."""
    text = list(range(1, 75 * chunks + 1))
    rows = chunk_tokens([BEGIN, *text, END], PAD, END)
    assert [len(row) for row in rows] == [77] * chunks
    assert {(row[0], row[-1]) for row in rows} == {(BEGIN, END)}
    assert [token for row in rows for token in row[1:-1]] == text


def test_padding_rows_of_the_second_encoder() -> None:
    """A full row is closed with an end token; an empty one starts with it, so that it can be pooled."""
    first, second = chunk_tokens([BEGIN, *[5] * 75, *[PAD] * 76], PAD, END)
    assert first == [BEGIN, *[5] * 75, END]
    assert second == [BEGIN, END, *[PAD] * 75]


def test_a_text_that_ends_inside_a_row_is_left_alone() -> None:
    """The end token and the padding behind it are already there."""
    row = chunk_tokens([BEGIN, *[5] * 80, END, *[PAD] * 70], PAD, END)[1]
    assert row == [BEGIN, *[5] * 5, END, *[PAD] * 70]


def test_repeats_and_rounding_make_the_number_of_batches(tmp_path: Path) -> None:
    """Three images twice, four at a time: two batches, the second one short."""
    for name in "abc":
        paint(tmp_path, f"{name}.png")
    dataset = Dataset(resolution=(64, 64), batch_size=4, subsets=(subset(tmp_path, num_repeats=2),))
    batches = Batches([dataset], random.Random(0))
    assert (batches.examples, len(batches)) == (6, 2)
    batches.shuffle()
    assert (batches.examples, len(batches)) == (6, 2)


def test_no_images_no_batches(tmp_path: Path) -> None:
    """An empty folder is no error here; the trainer reports it and leaves with code 0."""
    dataset = Dataset(resolution=(64, 64), batch_size=4, subsets=(subset(tmp_path),))
    assert len(Batches([dataset], random.Random(0))) == 0


def test_a_batch_tells_the_sizes_that_sdxl_is_conditioned_on(tmp_path: Path) -> None:
    """Height and width of the file, top and left of the cut in the scaled image, height and width of the cut."""
    pytest.importorskip("torch", reason="batches are torch tensors")
    paint(tmp_path, "a.png", size=(256, 128), caption="red")
    dataset = Dataset(resolution=(64, 64), batch_size=1, subsets=(subset(tmp_path, caption_extension=".txt"),))
    batch = Batches([dataset], random.Random(0))[0]
    assert batch["captions"] == ["red"]
    assert batch["sizes"].tolist() == [[128, 256, 0, 32, 64, 64]]
    assert tuple(batch["pixels"].shape) == (1, 3, 64, 64)
    assert batch["pixels"][0, :, 0, 0].tolist() == [1, -1, -1]
