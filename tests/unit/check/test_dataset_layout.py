"""Which images are trained on, how often, and in which buckets; surveys are made up, no file is there."""

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from dataset_tools.scan.scan import FolderScan, Picture
from dataset_tools.scan.survey import FolderSurvey
from fork_wrapper.check.dataset_layout import DatasetLayout, SubsetLayout, lay_out, layouts
from fork_wrapper.check.rules.case import Case
from fork_wrapper.sdscripts.buckets import Bucket, Size

FIRST = "dataset.datasets[0].subsets[0]"
SECOND = "dataset.datasets[0].subsets[1]"
SMALL = {
    "resolution": 64,
    "enable_bucket": True,
    "min_bucket_reso": 32,
    "max_bucket_reso": 256,
    "bucket_reso_steps": 32,
}
SQUARE, WIDE, TALL = (64, 64), (128, 32), (32, 128)


def folder(name: str, images: Mapping[str, Size], **values: Any) -> FolderSurvey:
    """The survey of a folder of this name."""
    home = Path("/data") / name
    pictures = tuple(Picture(image=home / image, caption=None) for image in sorted(images))
    lost = tuple(home / image for image in values.pop("not_files", ()))
    scan = FolderScan(folder=home, pictures=pictures, caption_extension=".txt", other_extensions={}, not_files=lost)
    usual: dict[str, Any] = {"problem": "", "scan": scan, "metadata_cache": False}
    usual |= dict.fromkeys(("empty_captions", "garbled_captions", "latents", "text_encoder_outputs"), ())
    return FolderSurvey(folder=home, sizes=dict(images), **(usual | values))


def squares(count: int, size: Size = SQUARE) -> dict[str, Size]:
    """So many images of one size."""
    return {f"{index:03d}.png": size for index in range(count)}


def case(*surveys: FolderSurvey, said: tuple[Mapping[str, Any], ...] = (), **values: Any) -> Case:
    """One dataset with a subset for each survey; `said` are values of the subsets, `training` those of the options."""
    training = values.pop("training", {})
    own = [*said, *({} for _ in surveys)]
    subsets = [{"image_dir": str(one.folder), **table} for one, table in zip(surveys, own, strict=False)]
    found = {f"dataset.datasets[0].subsets[{index}]": one for index, one in enumerate(surveys)}
    return Case(training=training, dataset={"datasets": [{**SMALL, **values, "subsets": subsets}]}, surveys=found)


def only(one: Case) -> DatasetLayout:
    """The layout of the only dataset."""
    (layout,) = layouts(one)
    return layout


def counts(one: Case) -> dict[Size, int]:
    """Images by bucket, repeats counted, of a layout without a problem."""
    layout = only(one)
    assert layout.problem == ""
    return {bucket.resolution: bucket.count for bucket in layout.buckets}


def subset(path: str, **values: Any) -> SubsetLayout:
    """A layout's row about a subset."""
    usual: dict[str, Any] = {"images": 0, "repeats": 1, "is_reg": False, "held_out": 0, "ignored": ""}
    return SubsetLayout(path=path, **(usual | values))


def test_a_dataset() -> None:
    """Everything that is said of it."""
    one = case(folder("a", squares(5)), folder("b", squares(3, WIDE)), said=({}, {"num_repeats": 2}), batch_size=4)
    assert layouts(one) == (
        DatasetLayout(
            path="dataset.datasets[0]",
            problem="",
            subsets=(subset(FIRST, images=5), subset(SECOND, images=3, repeats=2)),
            images=8,
            repeats=11,
            train_images=11,
            buckets=(Bucket(resolution=(64, 64), count=5), Bucket(resolution=(128, 32), count=6)),
            batch_size=4,
            batches=4,
        ),
    )


def test_values_are_looked_up_as_the_program_does() -> None:
    """Subset, dataset, general, options under their own names, defaults."""
    one = Case(
        training={"train_batch_size": 3, "dataset_repeats": 2, "resolution": "64,64", "enable_bucket": True},
        dataset={
            "general": {"min_bucket_reso": 64},
            "datasets": [{"subsets": [{"image_dir": "/data/a"}, {"image_dir": "/data/b", "num_repeats": 1}]}],
        },
        surveys={FIRST: folder("a", squares(2)), SECOND: folder("b", squares(3))},
    )
    assert (counts(one), only(one).batch_size, only(one).batches) == ({(64, 64): 7}, 3, 3)


def test_subsets_that_are_left_out() -> None:
    """Without repeats, without images, without a folder, and with the folder of an earlier one that has images."""
    gone = folder("gone", {}, scan=None, problem="the image folder does not exist")
    one = case(
        folder("a", squares(2)),
        folder("empty", {}),
        gone,
        folder("a", squares(2)),
        folder("a", squares(2)),
        said=({"num_repeats": 0}, {}, {}, {"num_repeats": 3}, {"num_repeats": 5, "is_reg": True}),
    )
    same = "an earlier subset of the same dataset has the same image_dir"
    assert [(row.images, row.ignored) for row in only(one).subsets] == [
        (0, "num_repeats is 0"),
        (0, "there are no images"),
        (0, "there are no images"),
        (2, ""),
        (0, same),
    ]
    assert (counts(one), only(one).train_images) == ({SQUARE: 6}, 6)


def test_one_folder_spelled_in_two_ways() -> None:
    """It is read twice, but a path that comes again replaces itself; the program's count of examples does not know."""
    survey = folder("a", squares(2))
    one = case(survey, survey, said=({}, {"image_dir": "/data/a/", "num_repeats": 3}))
    assert (counts(one), only(one).images, only(one).train_images) == ({SQUARE: 6}, 2, 8)


@pytest.mark.parametrize(
    ("train", "reg", "repeats", "squares_seen", "wides_seen"),
    [(7, 3, 1, 7, 7), (8, 3, 1, 8, 8), (2, 3, 1, 2, 2), (3, 3, 2, 3, 4), (7, 3, 2, 7, 7), (0, 3, 1, 0, 0)],
)
def test_regularization_images_are_matched_in_number(
    train: int, reg: int, repeats: int, squares_seen: int, wides_seen: int
) -> None:
    """Cut off once there are enough, or each once more in turn; only a whole image's repeats go beyond."""
    reg_images = folder("r", squares(reg, WIDE))
    one = case(folder("a", squares(train)), reg_images, said=({}, {"is_reg": True, "num_repeats": repeats}))
    expected = {SQUARE: squares_seen, WIDE: wides_seen}
    assert counts(one) == {size: count for size, count in expected.items() if count}
    assert only(one).train_images == train


def test_the_first_ones_are_seen_once_more() -> None:
    """Of three for eight, the first two three times, the last one twice."""
    reg = folder("r", {"1.png": SQUARE, "2.png": WIDE, "3.png": TALL})
    one = case(folder("a", squares(8, (256, 32))), reg, said=({}, {"is_reg": True}))
    assert counts(one) == {(32, 128): 2, (64, 64): 3, (128, 32): 11}


def test_what_is_held_back_depends_on_the_seed_of_the_split() -> None:
    """A quarter, rounded down; regularization images are not split."""
    images = {**squares(6), **{f"w{index}.png": WIDE for index in range(4)}}
    one = case(
        *(folder("a", images), folder("r", squares(1, TALL))),
        said=({}, {"is_reg": True}),
        validation_split=0.25,
        validation_seed=3,
    )
    expected = sorted(images)
    Random(3).shuffle(expected)
    wide = sum(name.startswith("w") for name in expected[:8])
    assert counts(one) == {SQUARE: 8 - wide, WIDE: wide, TALL: 8}
    assert [row.held_out for row in only(one).subsets] == [2, 0]


def test_what_is_held_back_depends_on_the_seed_of_the_training() -> None:
    """All splits without a seed of their own draw from one generator, one after the other."""
    images = {**squares(6), **{f"w{index}.png": WIDE for index in range(6)}}
    one = case(folder("a", images), folder("b", images), training={"seed": 9}, validation_split=0.5)
    draw = Random(9)
    wide = 0
    for _ in range(2):
        names = sorted(images)
        draw.shuffle(names)
        wide += sum(name.startswith("w") for name in names[:6])
    assert counts(one) == {SQUARE: 12 - wide, WIDE: wide}


def test_the_generator_can_be_handed_in() -> None:
    """For whoever lays out one dataset alone."""
    (dataset,) = case(folder("a", squares(4)), validation_split=0.5).datasets
    assert lay_out(dataset, cache_latents=False, draw=Random(1)).images == 2
    assert lay_out(dataset, cache_latents=False).problem == (
        "validation_split holds back other images each time: there is no seed"
    )


LATENTS = ("/data/a/001_0128x0032_sdxl.npz",)


@pytest.mark.parametrize("option", ["cache_latents", "cache_latents_to_disk"])
def test_sizes_from_the_names_of_latents(option: str) -> None:
    """Where latents are cached, a file that was left there says the size."""
    survey = folder("a", squares(3), latent_paths=LATENTS)
    assert counts(case(survey, training={option: True})) == {SQUARE: 2, WIDE: 1}
    assert counts(case(survey)) == {SQUARE: 3}


def test_sizes_from_metadata() -> None:
    """What `cache_info` left there is read instead of the folder, if it is asked for; names of latents are not."""
    sizes = {"/data/a/000.png": WIDE, "/elsewhere/gone.png": TALL}
    survey = folder("a", squares(3), metadata_cache=True, cached_sizes=sizes, latent_paths=LATENTS)
    latents = {"cache_latents": True}
    assert counts(case(survey, said=({"cache_info": True},), training=latents)) == {WIDE: 1, TALL: 1}
    assert counts(case(survey, training={"cache_info": True})) == {WIDE: 1, TALL: 1}
    assert counts(case(survey)) == {SQUARE: 3}


def test_metadata_that_is_about_to_be_written_takes_no_names_of_latents() -> None:
    """All headers are read for it."""
    survey = folder("a", squares(3), latent_paths=LATENTS)
    assert counts(case(survey, training={"cache_latents": True, "cache_info": True})) == {SQUARE: 3}


def test_masks_are_laid_out_like_other_images() -> None:
    """A dataset with masks is one of folders."""
    one = case(folder("a", squares(3)), said=({"conditioning_data_dir": "/m"},), training={"masked_loss": True})
    assert counts(one) == {SQUARE: 3}


def test_a_subset_that_does_not_count_is_not_looked_at() -> None:
    """Nothing is a problem there."""
    one = case(folder("a", squares(1)), folder("b", {"x.png": (0, 0)}), said=({}, {"num_repeats": 0}))
    assert counts(one) == {SQUARE: 1}


@pytest.mark.parametrize(
    ("one", "problem"),
    [
        (case(folder("a", {"x.png": (0, 0)})), "the size of /data/a/x.png cannot be read"),
        (case(folder("a", squares(1), not_files=("d.png",))), "the size of /data/a/d.png cannot be read"),
        (case(folder("a", squares(1)), batch_size=0), "batch_size is 0"),
        (case(folder("a", squares(1)), bucket_reso_steps=0), "bucket_reso_steps is 0"),
        (case(folder("a", squares(1)), resolution=[64]), "it has no resolution"),
        (
            case(folder("a", squares(1), latent_paths=("/data/a/000_sdxl.npz",)), training={"cache_latents": True}),
            "a file in /data/a is called like latents and names no size",
        ),
        (
            case(folder("a", squares(1), metadata_cache=True), training={"cache_info": True}),
            "metadata_cache.json in /data/a cannot be read",
        ),
        (
            case(folder("a", {}), validation_split=0.1, validation_seed=1),
            f"validation_split has no images to split in {FIRST}",
        ),
        (
            case(folder("a", squares(1)), folder("b", squares(1)), said=({"metadata_file": "m"}, {})),
            "some of its subsets have a metadata_file and others have none",
        ),
        (
            Case(training={}, dataset={"datasets": [{**SMALL, "subsets": [{"image_dir": "/data/a"}]}]}),
            f"nobody looked at the images of {FIRST}",
        ),
        (Case(training={}, dataset={"datasets": [{**SMALL, "subsets": [{}]}]}), f"{FIRST} has no image_dir"),
    ],
)
def test_problems(one: Case, problem: str) -> None:
    """In one line, and nothing else is said."""
    assert layouts(one) == (DatasetLayout(path="dataset.datasets[0]", problem=problem),)


def test_a_problem_is_one_datasets_own() -> None:
    """The others are laid out all the same."""
    survey = folder("a", squares(1))
    tables = [{**SMALL, "batch_size": size, "subsets": [{"image_dir": "/data/a"}]} for size in (0, 1)]
    surveys = {f"dataset.datasets[{index}].subsets[0]": survey for index in range(2)}
    found = layouts(Case(training={}, dataset={"datasets": tables}, surveys=surveys))
    assert [(one.problem, one.batches) for one in found] == [("batch_size is 0", 0), ("", 1)]


def test_no_subset_at_all() -> None:
    """No problem, but no batch either."""
    assert only(Case(training={}, dataset={"datasets": [SMALL]})) == DatasetLayout(
        path="dataset.datasets[0]", problem="", batch_size=1
    )
