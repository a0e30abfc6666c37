"""The exact configs of a source: archived texts as they are, an experiment's as they would be launched."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import tomli_w

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.paths import RunFolder
from fork_wrapper.render import real_trainer, render
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
    """Both as JSON values: `training`, `dataset`."""


def export(source: Source, settings: Settings, folder: Path | None) -> Exported:
    """The configs of `source`; an experiment's checkpoints would go to `folder`, else to its folder of runs."""
    if source.resolved is not None:
        place = RunFolder(folder=(folder or settings.outputs / source.resolved.name / "exported").absolute())
        now = datetime.now().astimezone()
        rendered = render(source.resolved, settings, real_trainer(settings), place, now)
        train, dataset = rendered.train_toml, rendered.dataset_toml
        return Exported(train_toml=train, dataset_toml=dataset, values=_values(rendered.training, rendered.dataset))
    texts = toml_texts(source) or (tomli_w.dumps(dict(source.training)), tomli_w.dumps(dict(source.dataset)))
    return Exported(train_toml=texts[0], dataset_toml=texts[1], values=_values(source.training, source.dataset))


def refuse_to_overwrite(paths: list[Path]) -> None:
    """InputError when one of the files is there already: an export never replaces a config."""
    there = [
        Finding(what="the file exists", where=str(path), todo="name another folder") for path in paths if path.exists()
    ]
    if there:
        raise InputError("nothing was written", there)


def _values(training: Any, dataset: Any) -> dict[str, Any]:
    return {"training": dict(training), "dataset": dict(dataset)}
