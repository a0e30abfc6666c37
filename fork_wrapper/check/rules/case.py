"""One configuration as the rules see it: every value as sd-scripts will hold it, and the key path that said it.

Pure: whatever was read from disks, Pythons and GPUs is handed in. What nobody looked at is None, and rules about
it are silent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from fork_wrapper.sdscripts.options import dataset_keys, default_of, pinned_table

if TYPE_CHECKING:  # a configuration can be judged without what looks at images
    from dataset_tools.scan.survey import FolderSurvey
    from fork_wrapper.sdscripts.model_kinds import Model

Kind = Literal["dreambooth", "finetuning", "masked", "mixed"]

ARGUMENT_NAMES: Mapping[str, str] = {"batch_size": "train_batch_size", "num_repeats": "dataset_repeats"}
"""Dataset keys whose option of sdxl_train.py has another name (library/config_util.py:261-264)."""

_SUBSETS_OWN: Mapping[str, Any] = {"class_tokens": None, "custom_attributes": None, "is_reg": False}
"""Keys of a subset that no option stands above, and their defaults (library/config_util.py:DreamBoothSubsetParams)."""

_NOT_OF: Mapping[str, frozenset[str]] = {
    "dreambooth": frozenset(["conditioning_data_dir", "metadata_file"]),
    "finetuning": frozenset(["cache_info", "caption_extension", "class_tokens", "conditioning_data_dir", "is_reg"]),
    "masked": frozenset(["alpha_mask", "class_tokens", "is_reg", "metadata_file"]),
    "mixed": frozenset(),
}
"""Keys that a subset of a kind does not have (library/config_util.py:BaseSubsetParams and those that extend it)."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """Something that looks values up: a table of the dataset config, and what stands above it."""

    path: str
    """Key path of the table itself."""
    tables: tuple[tuple[str, Mapping[str, Any]], ...]
    """Key path and content, the nearest first, the training options last."""

    def get(self, key: str) -> Any:
        """The value in force: the first table that has one, else the parser's default, else None.

        Looked up as library/config_util.py:437-471 does; `resolution` of the training options stays a string.
        """
        for path, table in self.tables:
            name = ARGUMENT_NAMES.get(key, key) if path == "training" else key
            if name in table:
                return table[name]
        name = ARGUMENT_NAMES.get(key, key)
        return default_of(name) if name in pinned_table().options else None

    def at(self, key: str) -> str:
        """The key path that says the value in force; where nobody says it, the path it would have here."""
        for path, table in self.tables:
            name = ARGUMENT_NAMES.get(key, key) if path == "training" else key
            if name in table:
                return f"{path}.{name}"
        return f"{self.path}.{key}"

    def said(self, key: str) -> bool:
        """Whether anybody says it."""
        return any(
            (ARGUMENT_NAMES.get(key, key) if path == "training" else key) in table for path, table in self.tables
        )


@dataclass(frozen=True, kw_only=True)
class SubsetCase(Level):
    """One `[[datasets.subsets]]`."""

    own: Mapping[str, Any]
    """What it says itself."""
    survey: FolderSurvey | None
    """What its folder holds; None when nobody looked, or it has no folder."""


@dataclass(frozen=True, kw_only=True)
class DatasetCase(Level):
    """One `[[datasets]]`."""

    own: Mapping[str, Any]
    """What it says itself, without its subsets."""
    subsets: tuple[SubsetCase, ...]
    """In order."""
    masked_loss: bool
    """Of the training options."""

    @property
    def kind(self) -> Kind:
        """What sd-scripts makes of it (library/config_util.py:317-333, 424-435)."""
        described = sum("metadata_file" in one.own for one in self.subsets)
        if 0 < described < len(self.subsets):
            return "mixed"
        if self.masked_loss and self.subsets and all("conditioning_data_dir" in one.own for one in self.subsets):
            return "masked"
        return "finetuning" if described else "dreambooth"

    @property
    def resolution(self) -> tuple[int, int] | None:
        """Width and height in force; None when nobody says one that can be read (library/train_util.py:5409-5415)."""
        value = self.get("resolution")
        if isinstance(value, str):
            numbers = [part.strip() for part in value.split(",")]
            if not all(part.isdecimal() for part in numbers):
                return None
            value = [int(part) for part in numbers]
            value = value * 2 if len(value) == 1 else value
        if isinstance(value, int):
            return value, value
        return (value[0], value[1]) if isinstance(value, Sequence) and len(value) == 2 else None


class Host(NamedTuple):
    """What was found on the machine that trains."""

    packages: Mapping[str, str] | None
    """Distributions of the trainer's Python and their versions; None when it was not asked."""
    cuda: bool | None
    """Whether there is a GPU that torch can use; None when nobody looked."""
    processes: int = 1
    """Processes in all, as `accelerate launch --num_processes`."""
    torch_cuda: str | None = None
    """CUDA that torch was built for, as 13.0; None of other builds, and when nobody asked."""
    xformers_cuda: str | None = None
    """CUDA that xformers was built for; None of other builds, and when nobody asked."""
    xformers_runtime: bool | None = None
    """Whether xformers' CUDA runtime can be loaded; None where it is torch's own, and when nobody asked."""

    def has(self, *names: str) -> bool:
        """Whether one of these distributions is installed; True where nobody asked."""
        if self.packages is None:
            return True
        plain = {name.lower().replace("_", "-").replace(".", "-") for name in self.packages}
        return any(name in plain for name in names)


NOWHERE = Host(packages=None, cuda=None)
"""A machine that nobody looked at."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A configuration, and as much of its surroundings as somebody has looked at."""

    training: Mapping[str, Any]
    """Options of sdxl_train.py that are set."""
    dataset: Mapping[str, Any]
    """The dataset config as a tree."""
    host: Host = NOWHERE
    """The machine that trains."""
    surveys: Mapping[str, FolderSurvey] | None = None
    """By key path of the subset; None when nobody looked at the images."""
    prompts: str | None = None
    """The text of the sample prompts, where the file could be read."""
    base: Model | None = None
    """The base model; None when nobody looked, when it is not there, and where only unpickling could tell."""
    vae: Model | None = None
    """Likewise the file or folder that `vae` names."""
    managed: bool = True
    """Whether kft still adds what it manages (output_dir …); False when `training` is already what is launched."""

    def get(self, key: str) -> Any:
        """An option as sdxl_train.py will hold it: as set, else the parser's default."""
        return self.training[key] if key in self.training else default_of(key)

    def said(self, key: str) -> bool:
        """Whether the option is set, to whatever value."""
        return key in self.training

    def at(self, key: str) -> str:
        """The key path of an option."""
        return f"training.{key}"

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What follows from it, by name, as far as somebody has asked; for `conditions`."""
        return {}

    @cached_property
    def datasets(self) -> tuple[DatasetCase, ...]:
        """Every `[[datasets]]`."""
        return tuple(self._datasets())

    @property
    def subsets(self) -> tuple[SubsetCase, ...]:
        """Every `[[datasets.subsets]]` of every dataset."""
        return tuple(subset for one in self.datasets for subset in one.subsets)

    def _datasets(self) -> Iterator[DatasetCase]:
        above = (("dataset.general", self.dataset.get("general", {})), ("training", self.training))
        for index, table in enumerate(self.dataset.get("datasets", [])):
            path = f"dataset.datasets[{index}]"
            own = {key: value for key, value in table.items() if key != "subsets"}
            tables = ((path, own), *above)
            subsets = tuple(
                SubsetCase(
                    path=(place := f"{path}.subsets[{number}]"),
                    tables=((place, subset), *tables),
                    own=subset,
                    survey=(self.surveys or {}).get(place),
                )
                for number, subset in enumerate(table.get("subsets", []))
            )
            masked = bool(self.get("masked_loss"))
            yield DatasetCase(path=path, tables=tables, own=own, subsets=subsets, masked_loss=masked)


def effective_dataset(training: Mapping[str, Any], dataset: Mapping[str, Any]) -> dict[str, Any]:
    """The dataset config as it takes effect: every key of every dataset and subset, with what stands above it.

    `{"datasets": [{KEY: value, ..., "subsets": [{KEY: value, ...}]}]}`; looked up as library/config_util.py:
    BlueprintGenerator.generate does. `resolution` is width and height, None where it cannot be read.
    """
    return {"datasets": [_whole(one) for one in Case(training=training, dataset=dataset).datasets]}


def _whole(dataset: DatasetCase) -> dict[str, Any]:
    keys = dataset_keys()
    own = {
        name: dataset.get(name) for name, key in keys.items() if "dataset" in key.levels and "subset" not in key.levels
    }
    names = [name for name, key in keys.items() if "subset" in key.levels and name not in _NOT_OF[dataset.kind]]
    size = dataset.resolution
    return {
        **own,
        "network_multiplier": 1.0 if own["network_multiplier"] is None else own["network_multiplier"],
        "resolution": list(size) if size else None,
        "validation_split": own["validation_split"] or 0.0,
        "subsets": [_subset(one, names) for one in dataset.subsets],
    }


def _subset(subset: SubsetCase, names: Sequence[str]) -> dict[str, Any]:
    found = {name: subset.get(name) for name in names}
    return {name: _SUBSETS_OWN.get(name) if value is None else value for name, value in found.items()}
