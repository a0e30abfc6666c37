"""Buckets, the placing of images in them, and batches."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fork_wrapper.sdscripts.buckets import Bucket, BucketError, Bucketing, Placed, Size, batches, fill


def bucketing(**values: Any) -> Bucketing:
    """The usual one: 1024, sides from 256 to 2048 in steps of 64."""
    usual = {"resolution": (1024, 1024), "enabled": True, "no_upscale": False}
    return Bucketing(**{**usual, "smallest": 256, "largest": 2048, "steps": 64, **values})


def refusal(**values: Any) -> str:
    """What is said of a bucketing that cannot be."""
    with pytest.raises(BucketError) as caught:
        bucketing(**values)
    return str(caught.value)


def test_the_fixed_buckets() -> None:
    """The largest height that the area allows for each width, both ways round, and the square."""
    assert bucketing(resolution=(512, 512), largest=640, smallest=320).fixed == (
        *((320, 640), (384, 640), (448, 576), (512, 512), (576, 448), (640, 320), (640, 384)),
    )


def test_the_square_is_there_where_more_would_fit() -> None:
    """Its side is the root of the area, although a larger height is possible at that width."""
    assert bucketing(resolution=(1024, 1100), smallest=896, largest=1152).fixed == (
        *((896, 1152), (960, 1152), (1024, 1024), (1024, 1088), (1088, 1024), (1152, 896), (1152, 960)),
    )


def test_limits_are_moved_to_whole_steps() -> None:
    """Downwards and upwards, so that nothing that was allowed is lost."""
    one = bucketing(smallest=300, largest=1500)
    assert (one.limits, bucketing().limits) == ((256, 1536), (256, 2048))
    assert {(256, 1536), (1536, 256)} <= set(one.fixed)


@pytest.mark.parametrize(
    ("image", "bucket", "resized"),
    [
        ((1024, 1024), (1024, 1024), (1024, 1024)),
        ((512, 512), (1024, 1024), (1024, 1024)),
        ((1500, 900), (1280, 768), (1280, 768)),
        ((900, 1500), (768, 1280), (768, 1280)),
        ((1300, 1000), (1152, 896), (1165, 896)),
        ((3000, 1000), (1728, 576), (1728, 576)),
        ((20000, 100), (2048, 256), (51200, 256)),
    ],
)
def test_an_image_goes_where_the_ratio_is_nearest(image: Size, bucket: Size, resized: Size) -> None:
    """It is enlarged or shrunk until it covers the bucket."""
    assert bucketing().place(image) == Placed(bucket=bucket, resized=resized)


def test_of_two_ratios_equally_near_the_first_wins() -> None:
    """2 x 1 lies half-way between the ratios of 128 x 128 and 192 x 64."""
    one = bucketing(resolution=(128, 128), smallest=64, largest=192)
    assert one.fixed == ((64, 192), (128, 128), (192, 64))
    assert one.place((2, 1)) == Placed(bucket=(128, 128), resized=(256, 128))


def test_the_default_limit_costs_area() -> None:
    """Up to 1024, an image of 1500 x 900 gets 1024 x 640 where 2048 would allow 1280 x 768."""
    assert bucketing(largest=1024).place((1500, 900)).bucket == (1024, 640)


@pytest.mark.parametrize(
    ("image", "bucket", "resized"),
    [
        ((500, 500), (448, 448), (500, 500)),
        ((1024, 1024), (1024, 1024), (1024, 1024)),
        ((1025, 1024), (1024, 1024), (1025, 1024)),
        ((1100, 1024), (1024, 960), (1031, 960)),
        ((1500, 900), (1280, 768), (1280, 768)),
        ((4000, 300), (3392, 256), (3413, 256)),
        ((63, 1000), (0, 960), (63, 1000)),
    ],
)
def test_without_enlarging_the_bucket_follows_from_the_image(image: Size, bucket: Size, resized: Size) -> None:
    """Nothing grows, limits mean nothing, and too narrow an image has a bucket of no width."""
    assert bucketing(no_upscale=True, smallest=0).place(image) == Placed(bucket=bucket, resized=resized)


def test_without_buckets_there_is_the_resolution() -> None:
    """Every image covers it, whatever the other values say."""
    one = bucketing(resolution=(500, 300), enabled=False, no_upscale=True, smallest=9, largest=7, steps=0)
    assert one.fixed == ((500, 300),)
    assert one.place((100, 100)) == Placed(bucket=(500, 300), resized=(500, 500))
    assert one.place((1000, 100)) == Placed(bucket=(500, 300), resized=(3000, 300))


def test_what_sd_scripts_refuses() -> None:
    """Each refusal with its values."""
    assert refusal(resolution=(1024, 0)) == "a resolution of 1024 x 0 is not a size to train at"
    assert refusal(resolution=(1 << 20, 64)) == "a resolution of 1048576 x 64 is not a size to train at"
    assert refusal(steps=0) == "bucket_reso_steps is 0"
    assert refusal(steps=-64) == "bucket_reso_steps is -64"
    assert refusal(smallest=1088) == "min_bucket_reso 1088 is more than the shorter side of 1024 x 1024"
    assert refusal(largest=960) == "max_bucket_reso 960 is less than the longer side of 1024 x 1024"
    assert refusal(smallest=63) == "min_bucket_reso 63 is less than one bucket_reso_steps of 64"


def test_what_is_just_allowed() -> None:
    """Limits count after they were moved to whole steps; without enlarging the lower one does not matter."""
    assert bucketing(smallest=1087, largest=961).limits == (1024, 1024)
    assert bucketing(smallest=-5, no_upscale=True).fixed == ()


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ((0, 0), "the size of an image cannot be read"),
        ((100, 63), "an image of 100 x 63 is less than one step of 64 high"),
        ((40000, 60), "an image of 40000 x 60 has no bucket: one side is less than a step of 64"),
    ],
)
def test_images_without_a_bucket(image: Size, text: str) -> None:
    """sd-scripts divides by their height, or by that of their bucket."""
    with pytest.raises(BucketError) as caught:
        bucketing(no_upscale=True).place(image)
    assert str(caught.value) == text


def test_filling() -> None:
    """Buckets come in order of width, then height; one that nothing is in is none."""
    placed = [((128, 64), 2), ((64, 128), 1), ((128, 64), 3), ((64, 64), 0)]
    assert fill(placed) == (Bucket(resolution=(64, 128), count=1), Bucket(resolution=(128, 64), count=5))


@pytest.mark.parametrize(("size", "number"), [(1, 9), (2, 5), (4, 3), (5, 2), (100, 2), (-3, 0)])
def test_every_bucket_ends_with_a_batch_of_its_own(size: int, number: int) -> None:
    """Rounded up bucket by bucket; a negative batch size gives none at all."""
    buckets = (Bucket(resolution=(64, 64), count=4), Bucket(resolution=(64, 128), count=5))
    assert batches(buckets, size) == number


def test_batches_of_nothing() -> None:
    """sd-scripts divides by it."""
    with pytest.raises(BucketError, match=r"^batch_size is 0$"):
        batches((), 0)


SIDES = st.integers(1, 20_000)


@st.composite
def bucketings(draw: st.DrawFn, *, no_upscale: bool) -> Bucketing:
    """Any that sd-scripts takes."""
    resolution = draw(st.tuples(st.integers(64, 2048), st.integers(64, 2048)))
    steps = draw(st.sampled_from((8, 32, 64)))
    smallest = draw(st.integers(steps, min(resolution)))
    largest = draw(st.integers(max(resolution), 4096))
    return bucketing(resolution=resolution, steps=steps, smallest=smallest, largest=largest, no_upscale=no_upscale)


@given(bucketings(no_upscale=False), st.tuples(SIDES, SIDES))
def test_a_fixed_bucket_is_covered(one: Bucketing, image: Size) -> None:
    """Its sides are whole steps within the limits, its area is not above the resolution's, and the image covers it."""
    placed = one.place(image)
    assert placed.bucket in one.fixed
    assert all(side % one.steps == 0 and side > 0 for side in placed.bucket)
    assert placed.bucket[0] * placed.bucket[1] <= one.resolution[0] * one.resolution[1]
    beyond = [placed.resized[axis] - placed.bucket[axis] for axis in (0, 1)]
    assert min(beyond) == 0
    assert all(
        one.limits[0] <= side <= one.limits[1] for bucket in one.fixed for side in bucket if bucket[0] != bucket[1]
    )


@given(bucketings(no_upscale=False))
def test_fixed_buckets_come_both_ways_round(one: Bucketing) -> None:
    """What there is for a wide image, there is for a tall one; none twice, in order."""
    assert {(height, width) for width, height in one.fixed} == set(one.fixed)
    assert list(one.fixed) == sorted(set(one.fixed))


@given(bucketings(no_upscale=True), st.tuples(SIDES, SIDES))
def test_nothing_is_enlarged(one: Bucketing, image: Size) -> None:
    """Without enlarging, the bucket is what whole steps leave of the image, and less than a step is cropped."""
    try:
        placed = one.place(image)
    except BucketError:
        assume(False)  # noqa: FBT003
    small = image[0] * image[1] <= one.resolution[0] * one.resolution[1]
    assert placed.resized == image if small else max(placed.resized[0] - image[0], placed.resized[1] - image[1]) <= 1
    assert all(side % one.steps == 0 for side in placed.bucket)
    assert all(0 <= placed.resized[axis] - placed.bucket[axis] < one.steps for axis in (0, 1))


@given(st.lists(st.integers(1, 500), max_size=20), st.integers(1, 64))
def test_batches_hold_every_image(counts: list[int], size: int) -> None:
    """Enough batches for all, and for each bucket less than one to spare."""
    buckets = [Bucket(resolution=(64, 64 * (index + 1)), count=count) for index, count in enumerate(counts)]
    number = batches(buckets, size)
    assert sum(counts) <= number * size < sum(counts) + size * max(1, len(counts))
