"""Makes real files of a casebook configuration: an image folder, train.toml and dataset.toml; and asks kft about it.

What kft manages is set as `render` and `resolve` set it. A configuration that kft refuses is written all the same:
sd-scripts is asked about it, too.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w
from PIL import Image

from fork_wrapper.check.check import case_of
from fork_wrapper.check.rules.case import Host
from fork_wrapper.check.rules.table import findings
from fork_wrapper.errors import Finding
from fork_wrapper.experiment import keypath
from fork_wrapper.experiment.resolve import Resolved, with_defaults
from fork_wrapper.experiment.schema import check_dataset, check_training
from fork_wrapper.experiment.subsets import survey_subsets
from fork_wrapper.run.render import dataset_text
from tests.rules.casebook import BASE

NAME = "case"
"""The experiment's name, and so of its checkpoints."""
IMAGES: Mapping[str, tuple[int, int, int]] = {
    "a": (200, 40, 40),
    "b": (40, 200, 40),
    "c": (40, 40, 200),
    "d": (200, 200, 40),
}
"""Names and colours of the four images of FOLDER."""
CAPTION = "a square, one colour, {name}"
SIZE = (64, 64)
_ROWS = re.compile(r"(datasets|subsets)\[(\d+)\]")


@dataclass(frozen=True, kw_only=True)
class Built:
    """One configuration on disk; it runs in `folder` and writes there."""

    folder: Path
    """Holds all of it."""
    tree: keypath.Tree
    """Training options and dataset config as an experiment would say them."""

    @property
    def images(self) -> Path:
        """What FOLDER stands for."""
        return self.folder / "images"

    @property
    def train_toml(self) -> Path:
        """What sdxl_train.py gets as --config_file."""
        return self.folder / "train.toml"

    @property
    def dataset_toml(self) -> Path:
        """What sdxl_train.py gets as --dataset_config."""
        return self.folder / "dataset.toml"


def build(
    changes: Mapping[str, Any],
    folder: Path,
    files: Callable[[Path], None] | None = None,
    *,
    miniature: Path | None = None,
) -> Built:
    """BASE with `changes` (None unsets) as files in `folder`, after `files` has changed the image folder.

    Without a miniature, MINIATURE becomes a folder that is not there: enough where nothing is trained.
    """
    built = Built(folder=folder, tree=tree_of(changes, folder / "images", miniature or folder / "miniature"))
    draw(built.images)
    if files:
        files(built.images)
    whole = with_defaults(_resolved(built.tree))
    training = dict(whole.training) | {
        "output_dir": folder.as_posix(),
        "output_name": NAME,
        "logging_dir": (folder / "logs").as_posix(),
    }
    built.train_toml.write_text(tomli_w.dumps(dict(sorted(training.items()))), encoding="utf-8")
    built.dataset_toml.write_text(dataset_text(whole.dataset), encoding="utf-8")
    return built


def tree_of(changes: Mapping[str, Any], images: Path, miniature: Path) -> keypath.Tree:
    """The two trees that BASE with `changes` means."""
    places = {"FOLDER": images.as_posix(), "MINIATURE": miniature.as_posix()}
    tree: keypath.Tree = {"training": {}, "dataset": {}}
    for path, value in {**BASE, **changes}.items():
        if value is None:
            keypath.drop(tree, path)
        else:
            _make_rows(tree["dataset"], path)
            keypath.put(tree, path, _placed(value, places))
    return tree


def draw(folder: Path) -> None:
    """The four images and their captions."""
    folder.mkdir(parents=True)
    for name, colour in IMAGES.items():
        Image.new("RGB", SIZE, colour).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(CAPTION.format(name=name), encoding="utf-8")


def kft_findings(built: Built, host: Mapping[str, Any]) -> list[Finding]:
    """What `kft check` says of the configuration itself; `host` are fields of the `Host`.

    As in kft, rules are asked only about what the schema lets pass.
    """
    training, wrong = check_training(built.tree["training"], str)
    wrong += check_dataset(built.tree["dataset"], str)
    if wrong:
        return wrong
    resolved = with_defaults(_resolved({**built.tree, "training": training}))
    surveys = survey_subsets(resolved.training, resolved.dataset, built.folder / "cache")
    seen = {"packages": None, "cuda": None, **host}
    case = case_of(resolved, surveys, Host(**seen), {})
    if Path(str(resolved.training.get("pretrained_model_name_or_path"))).name == "sdxl":
        case = replace(case, base=None)  # the miniature, which trains as a rehearsal does
    return findings(case)


def _resolved(tree: keypath.Tree) -> Resolved:
    return Resolved(name=NAME, chain=(), training=tree["training"], dataset=tree["dataset"], origins={})


def _make_rows(dataset: dict[str, Any], path: str) -> None:
    """Add empty tables until the path's entries of `datasets` and `subsets` are there."""
    here = dataset
    for name, index in _ROWS.findall(path):
        rows = here.setdefault(name, [])
        rows += [{} for _ in range(len(rows), int(index) + 1)]
        here = rows[int(index)]


def _placed(value: Any, places: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_placed(one, places) for one in value]
    if isinstance(value, Mapping):
        return {key: _placed(one, places) for key, one in value.items()}
    if isinstance(value, str):
        for word, path in places.items():
            value = value.replace(word, path)
    return value
