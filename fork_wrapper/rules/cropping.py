"""Rules about how images are cut and resized: faces, interpolation."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case, DatasetCase, SubsetCase
from fork_wrapper.rules.image_sizes import face_of
from fork_wrapper.rules.reading import caches_latents, listed, once, read, said, some
from fork_wrapper.rules.rule import Hit, rule

INTERPOLATIONS = ("lanczos", "nearest", "bilinear", "linear", "bicubic", "cubic", "area", "box")
"""What sd-scripts accepts (library/utils.py:330-334)."""

FACES = "face_crop_aug_range"


def _cropped(case: Case) -> Iterator[tuple[DatasetCase, SubsetCase]]:
    for dataset in case.datasets:
        for subset in read(dataset):
            if subset.get(FACES) is not None:
                yield dataset, subset


@rule(
    "face-crop",
    "error",
    phase="start",
    when="face_crop_aug_range under [training] is not two numbers, the smaller one first",
    why="The text is split at the comma and checked before anything else.",
    fix='write face_crop_aug_range = "2.0,4.0", or unset it',
    source="library/train_util.py:5417-5421",
)
def face_crop(case: Case) -> Iterator[Hit]:
    text = case.get(FACES)
    numbers = _numbers(text) if text is not None else [0.0, 0.0]
    if len(numbers) != 2 or not numbers[0] <= numbers[1]:
        yield Hit(what=f'{FACES} = "{text}" is not two ascending numbers', at=case.at(FACES))


def _numbers(text: str) -> list[float]:
    """What Python reads in it; empty where it cannot."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return []


@rule(
    "face-crop-idle",
    "warning",
    phase="never",
    when="face_crop_aug_range with cached latents or buckets",
    why="Images are cut around faces only where they are neither cached nor put into buckets.",
    fix="unset face_crop_aug_range",
    source="library/train_util.py:1590-1642",
)
def face_crop_idle(case: Case) -> Iterator[Hit]:
    for dataset, subset in _cropped(case):
        if caches_latents(case) or dataset.get("enable_bucket"):
            reason = "cached latents" if caches_latents(case) else "buckets"
            yield from once([Hit(what=f"{FACES} has no effect with {reason}", at=subset.at(FACES))])


@rule(
    "face-crop-names",
    "error",
    phase="step",
    when="face_crop_aug_range, uncached latents, and a name whose last four of five parts are not numbers",
    why="With four underscores in its name, an image is taken to say where a face is, in whole numbers.",
    fix="rename these images, or unset face_crop_aug_range",
    source="library/train_util.py:1493-1505",
)
def face_crop_names(case: Case) -> Iterator[Hit]:
    for one in listed(case) if not caches_latents(case) else ():
        wrong = [name for name in one.survey.sizes if _is_no_face(name)]
        if wrong and one.subset.get(FACES) is not None:
            yield one.hit(f"names that {FACES} cannot read: {some(wrong)}")


def _is_no_face(name: str) -> bool:
    parts = name.rpartition(".")[0].split("_")
    return len(parts) >= 5 and not all(part.strip().lstrip("+-").isdecimal() for part in parts[-4:])


@rule(
    "face-crop-zero",
    "error",
    phase="step",
    when="a face that is cut out, and 0 in face_crop_aug_range",
    why="The size of the image is divided by it.",
    fix="set face_crop_aug_range = [2.0, 4.0]",
    source="library/train_util.py:1513-1518",
)
def face_crop_zero(case: Case) -> Iterator[Hit]:
    for one in listed(case) if not caches_latents(case) else ():
        if not one.dataset.get("enable_bucket") and 0.0 in _range(one.subset):
            sizes = one.survey.sizes
            cut = [name for name in sizes if face_of(one, name) > 0 and sizes[name] != one.dataset.resolution]
            if cut:
                yield one.hit(f"{said(one.subset, FACES)} divides by 0 for {some(cut)}")


def _range(subset: SubsetCase) -> list[float]:
    said_value = subset.get(FACES)
    return _numbers(said_value) if isinstance(said_value, str) else list(said_value or ())


@rule(
    "face-crop-descending",
    "warning",
    phase="never",
    when="face_crop_aug_range with the larger number first, in the dataset config",
    why="It is checked under [training] only. Here faces are always cut as the second number says.",
    fix="write the smaller number first",
    source="library/train_util.py:1516-1521, library/train_util.py:5417-5421",
)
def face_crop_descending(case: Case) -> Iterator[Hit]:
    for _dataset, subset in _cropped(case):
        numbers = subset.get(FACES)
        if isinstance(numbers, list) and numbers[0] > numbers[1]:
            yield from once([Hit(what=f"{said(subset, FACES)} is descending", at=subset.at(FACES))])


@rule(
    "interpolation",
    "error",
    phase="dataset",
    when="resize_interpolation of a data set is none that sd-scripts knows",
    why="It is checked when the data set is made.",
    fix=f"choose one of: {', '.join(INTERPOLATIONS)}",
    source="library/train_util.py:724-727, library/utils.py:330-334",
)
def interpolation(case: Case) -> Iterator[Hit]:
    yield from once(
        Hit(what=f"{said(dataset, 'resize_interpolation')} is unknown", at=dataset.at("resize_interpolation"))
        for dataset in case.datasets
        if dataset.get("resize_interpolation") not in {None, *INTERPOLATIONS}
    )


@rule(
    "interpolation-subset",
    "warning",
    phase="never",
    when="resize_interpolation of a subset is none that sd-scripts knows",
    why="Nothing checks it there, and images are resized by the default of whatever resizes them.",
    fix=f"choose one of: {', '.join(INTERPOLATIONS)}",
    source="library/train_util.py:2143-2145, library/utils.py:252-261",
)
def interpolation_subset(case: Case) -> Iterator[Hit]:
    for subset in case.subsets:
        name = subset.own.get("resize_interpolation")
        if name not in {None, *INTERPOLATIONS}:
            at = subset.at("resize_interpolation")
            yield Hit(what=f"{said(subset, 'resize_interpolation')} is unknown, and is not checked here", at=at)
