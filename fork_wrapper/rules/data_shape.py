"""Rules about the shape of a dataset config: its tables, its kinds, and who wins when a value is said twice."""

from collections.abc import Iterator, Mapping
from typing import Any

from fork_wrapper.rules.case import ARGUMENT_NAMES, Case, DatasetCase, Level
from fork_wrapper.rules.reading import once, said, value
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.sdscripts.options import dataset_keys
from fork_wrapper.words import part

FOLDERS = ("train_data_dir", "in_json", "reg_data_dir")
"""Options that name images, and are not looked at beside a dataset config."""

FOREIGN: Mapping[str, tuple[frozenset[str], frozenset[str], str]] = {
    "finetuning": (
        frozenset(("caption_extension", "class_tokens", "cache_info")),
        frozenset(("caption_extension", "class_tokens", "cache_info", "is_reg")),
        "a data set with a metadata_file",
    ),
    "masked": (
        frozenset(("class_tokens",)),
        frozenset(("class_tokens", "is_reg", "alpha_mask", "metadata_file")),
        "a data set with masks",
    ),
}
"""By kind of data set: keys that it refuses, of the data set and of its subsets, and what it is called."""


@rule(
    "dataset-empty",
    "error",
    phase="dataset",
    when="no [[dataset.datasets]]",
    why="sd-scripts dies of an empty list of data sets.",
    fix="add [[dataset.datasets]] with [[dataset.datasets.subsets]] and its image_dir",
    source="library/train_util.py:2587",
)
def dataset_empty(case: Case) -> Iterator[Hit]:
    if not case.datasets:
        yield Hit(what="the experiment names no training images", at="dataset.datasets")


@rule(
    "dataset-without-subsets",
    "warning",
    phase="never",
    when="a [[dataset.datasets]] without subsets beside one that has some",
    why="It contributes no image, and sd-scripts says nothing.",
    fix="add [[dataset.datasets.subsets]] with its image_dir, or remove the data set",
    source="library/config_util.py:424-426",
)
def dataset_without_subsets(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets if case.subsets else ():
        if not dataset.subsets:
            yield Hit(what="the data set has no subsets", at=dataset.path)


@rule(
    "dataset-mixed",
    "error",
    phase="dataset",
    when="some subsets of a data set have a metadata_file and others have none",
    why="sd-scripts reads a data set either from folders or from metadata files, and refuses a mixture.",
    fix="give each kind a [[dataset.datasets]] of its own",
    source="library/config_util.py:317-333",
)
def dataset_mixed(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        if dataset.kind == "mixed":
            described = sum("metadata_file" in subset.own for subset in dataset.subsets)
            has = part(described, len(dataset.subsets), "subset", ("has", "have"))
            what = f"{has} a metadata_file, in one data set"
            yield Hit(what=what, at=dataset.path)


@rule(
    "dataset-kind-key",
    "error",
    phase="dataset",
    when="a key of folders of images in a data set with metadata files or with masks",
    why="Each kind of data set has keys of its own. In [dataset.general] those of folders are let through for all.",
    fix="remove it: it has no effect there",
    source="library/config_util.py:209-232, library/config_util.py:300-333",
)
def dataset_kind_key(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        of_dataset, of_subset, kind = FOREIGN.get(_schema(dataset), (frozenset(), frozenset(), ""))
        places = [(dataset.path, dataset.own, of_dataset)]
        places += [(subset.path, subset.own, of_subset) for subset in dataset.subsets]
        for path, own, refused in places:
            for key in sorted(refused & own.keys()):
                yield Hit(what=f"{key} may not stand in {kind}: sd-scripts refuses it there", at=f"{path}.{key}")


def _schema(dataset: DatasetCase) -> str:
    """Whose keys are checked; without subsets, all of none have masks, or a metadata file (config_util.py:320-325)."""
    if not dataset.subsets:
        return "masked" if dataset.masked_loss else "finetuning"
    return dataset.kind


@rule(
    "image-dir-missing",
    "error",
    phase="dataset",
    when="a subset without image_dir and without metadata_file",
    why="sd-scripts refuses a subset that names no images.",
    fix="set image_dir to the folder with the images",
    source="library/config_util.py:214-232",
)
def image_dir_missing(case: Case) -> Iterator[Hit]:
    for subset in case.subsets:
        if "image_dir" not in subset.own and "metadata_file" not in subset.own:
            yield Hit(what="a subset names no image_dir", at=f"{subset.path}.image_dir")


@rule(
    "batch-size",
    "error",
    phase="dataset",
    when="batch_size below 1",
    why="With 0 the counting of batches divides by zero; with less there are none, and no image is trained.",
    fix="set it to 1 or more",
    source="library/train_util.py:1077-1081",
)
def batch_size(case: Case) -> Iterator[Hit]:
    yield from once(
        Hit(what=f"{said(dataset, 'batch_size')} is no batch", at=dataset.at("batch_size"))
        for dataset in case.datasets
        if dataset.get("batch_size") < 1
    )


@rule(
    "debug-dataset",
    "error",
    phase="dataset",
    when="debug_dataset",
    why="It shows images instead of training, and dies because the tokenizers have not reached the data set yet.",
    fix="unset debug_dataset",
    source="sdxl_train.py:191-193, library/train_util.py:1714-1718",
)
def debug_dataset(case: Case) -> Iterator[Hit]:
    if case.get("debug_dataset"):
        yield Hit(what="debug_dataset never trains", at=case.at("debug_dataset"))


@rule(
    "dataset-class",
    "warning",
    phase="never",
    when="dataset_class",
    why="A Python class then makes up the images, and everything under [dataset] is left unread.",
    fix="unset dataset_class",
    source="sdxl_train.py:139-182",
)
def dataset_class(case: Case) -> Iterator[Hit]:
    if case.get("dataset_class") is not None:
        what = f'dataset_class = "{case.get("dataset_class")}" replaces everything under [dataset]'
        yield Hit(what=what, at=case.at("dataset_class"))


@rule(
    "dataset-class-name",
    "error",
    phase="start",
    when="dataset_class is not module.Class",
    why="What stands before the last dot is imported, and nothing cannot be.",
    fix="write dataset_class as package.module.Class, or unset it",
    source="library/train_util.py:2939-2942",
)
def dataset_class_name(case: Case) -> Iterator[Hit]:
    name = case.get("dataset_class")
    module = "" if name is None else name.rpartition(".")[0]
    if name is not None and (not module or module.startswith(".")):
        yield Hit(what=f'dataset_class = "{name}" names no module', at=case.at("dataset_class"))


@rule(
    "dataset-config-over-args",
    "warning",
    phase="never",
    when="train_data_dir, in_json or reg_data_dir",
    why="kft always renders a dataset config, and beside one sd-scripts does not look at them.",
    fix="remove it, and name the folder in [[dataset.datasets.subsets]]",
    source="sdxl_train.py:141-150",
)
def dataset_config_over_args(case: Case) -> Iterator[Hit]:
    for key in FOLDERS:
        if case.get(key) is not None:
            what = f'{key} = "{case.get(key)}" is ignored: images are named under [dataset]'
            yield Hit(what=what, at=case.at(key))


@rule(
    "training-value-beaten",
    "warning",
    phase="never",
    when="a value under [training] that the dataset config says otherwise, wherever it is used",
    why="The nearest table wins, and the options come last. Only the header's modelspec.resolution is the option's.",
    fix="remove the one that is not meant",
    source="library/config_util.py:437-471",
)
def training_value_beaten(case: Case) -> Iterator[Hit]:
    for key, row in dataset_keys().items():
        name = ARGUMENT_NAMES.get(key, key)
        users: tuple[Level, ...] = case.subsets if "subset" in row.levels else case.datasets
        if name not in case.training or not users or any(user.at(key) == f"training.{name}" for user in users):
            continue
        winner = next((one for one in users if _plain(one.get(key)) != _plain(case.training[name])), None)
        if winner:
            place = winner.at(key)
            what = f"{name} = {value(case.training[name])} is beaten by {place} = {value(winner.get(key))}"
            yield Hit(what=what, at=case.at(name))


def _plain(item: Any) -> Any:
    """A value so that the texts of options and the numbers of the dataset config compare."""
    if isinstance(item, str) and item and all(part.strip().replace(".", "").isdecimal() for part in item.split(",")):
        item = [float(part) for part in item.split(",")]
    if isinstance(item, list):
        return [float(part) for part in item] * (2 if len(item) == 1 else 1)
    return [float(item)] * 2 if isinstance(item, int) and not isinstance(item, bool) else item


@rule(
    "caption-extention",
    "warning",
    phase="never",
    when="caption_extention",
    why="This old misspelling replaces the option of the right name, and the dataset config beats both.",
    fix="write caption_extension",
    source="library/train_util.py:5404-5406",
)
def caption_extention(case: Case) -> Iterator[Hit]:
    if case.get("caption_extention") is not None:
        what = f'caption_extention = "{case.get("caption_extention")}" is not the extension that kft goes by'
        yield Hit(what=what, at=case.at("caption_extention"))


@rule(
    "dataset-key-idle",
    "warning",
    phase="never",
    when="network_multiplier, custom_attributes, or validation_seed and validation_split where nothing is split",
    why="A full fine-tune never reads them.",
    fix="remove it",
    source="library/train_util.py:1785, library/train_util.py:1822, library/config_util.py:496-503",
)
def dataset_key_idle(case: Case) -> Iterator[Hit]:
    yield from once(
        Hit(what=f"{key} has no effect here", at=level.at(key))
        for dataset in case.datasets
        for level, key in _idle(dataset)
    )


def _idle(dataset: DatasetCase) -> Iterator[tuple[Level, str]]:
    if dataset.get("network_multiplier") not in {None, 1.0}:
        yield dataset, "network_multiplier"
    split = dataset.get("validation_split") or 0.0
    if split < 0 or (split and dataset.kind == "finetuning"):
        yield dataset, "validation_split"
    if dataset.said("validation_seed") and (split <= 0 or dataset.kind == "finetuning"):
        yield dataset, "validation_seed"
    for subset in dataset.subsets:
        if subset.get("custom_attributes"):
            yield subset, "custom_attributes"
