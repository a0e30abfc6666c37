"""Rules about which subsets and images count: left out, named twice, for regularisation, held back."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case, DatasetCase
from fork_wrapper.rules.reading import duplicates, listed, once, read, said
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.words import counted


@rule(
    "no-data",
    "error",
    phase="dataset",
    when="no subset, or every subset left out, held back or a regularisation set",
    why="sd-scripts writes a line into the log and leaves with exit code 0 and nothing trained.",
    fix="name images to train on under [[dataset.datasets.subsets]]",
    source="sdxl_train.py:194-198, library/train_util.py:2116-2122, library/train_util.py:2168-2182",
)
def no_data(case: Case) -> Iterator[Hit]:
    if case.datasets and not case.subsets:
        yield Hit(what="the experiment names no training images", at="dataset.datasets")
    filled = [dataset for dataset in case.datasets if dataset.subsets]
    reasons = [reason for dataset in filled if (reason := _nothing_left(dataset))]
    if filled and len(reasons) == len(filled):
        what = "; ".join(dict.fromkeys(reason for reason, _at in reasons))
        yield Hit(what=f"no image is left to train on: {what}", at=reasons[0][1])


def _nothing_left(dataset: DatasetCase) -> tuple[str, str] | None:
    """Why a data set trains nothing, and the key path that says so; None when it trains."""
    subsets = read(dataset)
    if not subsets:
        return "num_repeats is below 1 in every subset", dataset.subsets[0].at("num_repeats")
    if dataset.kind == "dreambooth" and all(subset.get("is_reg") for subset in subsets):
        return "every subset is a regularisation set", subsets[0].at("is_reg")
    split = dataset.get("validation_split") or 0.0
    if dataset.kind in {"dreambooth", "masked"} and (split == 1.0 or split >= 2.0):
        return f"{said(dataset, 'validation_split')} holds all of them back", dataset.at("validation_split")
    return None


@rule(
    "subset-left-out",
    "warning",
    phase="never",
    when="num_repeats below 1",
    why="sd-scripts leaves the subset out, with a line in the log.",
    fix="set num_repeats to 1 or more, or remove the subset",
    source="library/train_util.py:2118-2122, library/train_util.py:2229-2233",
)
def subset_left_out(case: Case) -> Iterator[Hit]:
    for subset in case.subsets:
        if subset.get("num_repeats") < 1:
            yield Hit(what=f"{said(subset, 'num_repeats')} leaves {subset.path} out", at=subset.at("num_repeats"))


@rule(
    "subset-duplicate",
    "warning",
    phase="never",
    when="the same image_dir, or the same metadata_file, twice in one data set",
    why="sd-scripts keeps the first and leaves the other out, with its repeats and settings.",
    fix="remove one, or give it a [[dataset.datasets]] of its own",
    source="library/train_util.py:2124-2128, library/train_util.py:540-543",
)
def subset_duplicate(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        key = "metadata_file" if dataset.kind == "finetuning" else "image_dir"
        for path, first in duplicates(dataset).items():
            yield Hit(what=f"{path} names the same {key} as {first.path} and is left out", at=f"{path}.{key}")


@rule(
    "reg-weight",
    "warning",
    phase="never",
    when="is_reg",
    why="A full fine-tune has no prior_loss_weight: these images count like all others, repeated until they are as "
    "many as the training images.",
    fix="remove the subset, or is_reg",
    source="library/train_util.py:1586, library/train_util.py:2170-2182, sdxl_train.py:714-738",
)
def reg_weight(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        for subset in read(dataset) if dataset.kind == "dreambooth" else ():
            if subset.get("is_reg"):
                what = "regularisation images are trained with the weight of all others"
                yield Hit(what=what, at=subset.at("is_reg"))


@rule(
    "reg-surplus",
    "warning",
    phase="never",
    when="more regularisation images than training images, repeats counted",
    why="Once there are as many, the rest of them is left out.",
    fix="lower num_repeats of the regularisation images, or raise that of the others",
    source="library/train_util.py:2163-2182",
)
def reg_surplus(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        counts = {True: 0, False: 0}
        known = [one for one in listed(case) if one.dataset is dataset]
        for one in known:
            images = len(one.survey.sizes)
            counts[bool(one.subset.get("is_reg"))] += images * one.subset.get("num_repeats")
        if counts[True] > counts[False] > 0 and len(known) == len(read(dataset)):
            many, few = counted(counts[True], "regularisation image"), counted(counts[False], "other")
            what = f"{many} for {few}, repeats counted: some are unused"
            yield Hit(what=what, at=dataset.path)


@rule(
    "validation-split",
    "warning",
    phase="never",
    when="validation_split above 0",
    why="The images held back are not trained, and a full fine-tune never validates.",
    fix="remove validation_split",
    source="library/train_util.py:142-175, sdxl_train.py:178-179",
)
def validation_split(case: Case) -> Iterator[Hit]:
    yield from once(
        Hit(
            what=f"{said(dataset, 'validation_split')} holds images back, and nothing is ever validated",
            at=dataset.at("validation_split"),
        )
        for dataset in case.datasets
        if dataset.kind != "finetuning" and (dataset.get("validation_split") or 0.0) > 0
    )
