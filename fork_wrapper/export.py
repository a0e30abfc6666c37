"""The exact configs of a source: archived texts as they are, an experiment's as they would be launched."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import tomli_w

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.paths import RunFolder
from fork_wrapper.render import dataset_text, real_trainer, render
from fork_wrapper.sdscripts.options import effective
from fork_wrapper.settings import Settings
from fork_wrapper.source import Source, toml_texts


@dataclass(frozen=True, kw_only=True)
class Exported:
    """Configs ready to write."""

    train_toml: str
    """For --config_file."""
    dataset_toml: str
    """For --dataset_config."""
    values: dict[str, Any]
    """Both as JSON values, and all options with defaults filled in: `training`, `dataset`, `effective`."""


def export(source: Source, settings: Settings, folder: Path | None) -> Exported:
    """The configs of `source`; an experiment's checkpoints would go to `folder`, else to its folder of runs."""
    if source.resolved is not None:
        place = RunFolder(folder=(folder or settings.outputs / source.resolved.name / "exported").absolute())
        now = datetime.now().astimezone()
        rendered = render(source.resolved, settings, real_trainer(settings), place, now)
        values = {"training": rendered.training, "dataset": rendered.dataset, "effective": rendered.effective}
        return Exported(train_toml=rendered.train_toml, dataset_toml=rendered.dataset_toml, values=values)
    texts = toml_texts(source) or (tomli_w.dumps(dict(source.training)), dataset_text(source.dataset))
    values = {"training": source.training, "dataset": source.dataset, "effective": _effective(source)}
    return Exported(train_toml=texts[0], dataset_toml=texts[1], values=values)


def _effective(source: Source) -> Mapping[str, Any]:
    """As recorded; a bare checkpoint holds only what was set, and its two files lay in its output folder."""
    if source.record is not None:
        return source.record.effective
    place = RunFolder(folder=Path(source.training["output_dir"]))
    return effective(source.training, place.train_toml, place.dataset_toml)


def refuse_to_overwrite(paths: list[Path]) -> None:
    """InputError when one of the files is there already: an export never replaces a config."""
    there = [
        Finding(what="the file exists", where=str(path), todo="name another folder") for path in paths if path.exists()
    ]
    if there:
        raise InputError("nothing was written", there)
