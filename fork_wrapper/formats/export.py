"""A source's configs in the forms that others read: sd-scripts, the kohya_ss GUI, a shell.

Archived texts are exported unchanged, an experiment's as they would be launched. What a form cannot express is named.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import tomli_w

from fork_wrapper.check.rules.case import effective_dataset
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.keypath import merge
from fork_wrapper.files import plain_name, pretty_json
from fork_wrapper.formats.command_line import options_to_words
from fork_wrapper.formats.gui_export import to_form, without_run
from fork_wrapper.formats.gui_keys import Tab
from fork_wrapper.formats.source import Source, named_prompts, toml_texts
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import real_trainer
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.run.render import command, dataset_text, render, shell_line
from fork_wrapper.sdscripts.options import effective

Form = Literal["toml", "json", "gui-finetune", "gui-dreambooth", "command", "bundle"]

GUI_FORMS: Mapping[Tab, Form] = {"finetune": "gui-finetune", "dreambooth": "gui-dreambooth"}
"""The form of each GUI tab."""

TRAIN, DATASET, CONFIG, COMMAND = "train.toml", "dataset.toml", "config.json", "command.txt"
"""Names of the exported files."""

PROMPTS = "sample_prompts.txt"
"""The file for the sample prompts of a source that holds only their text."""

NO_FILE = "it names a dataset.toml that is not there: write both with -o FOLDER"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """One form of a configuration, ready to write."""

    files: Mapping[str, str]
    """Texts by file name; stdout gets the first one."""
    lost: Mapping[str, str] = field(default_factory=dict)
    """What the form cannot express, by key, with the reason."""


@dataclass(frozen=True, kw_only=True)
class Configs:
    """Both configs of a source, for training and dataset."""

    name: str
    """The name of its checkpoints."""
    training: Mapping[str, Any]
    """The content of train.toml."""
    dataset: Mapping[str, Any]
    """The content of dataset.toml."""
    effective: Mapping[str, Any]
    """All options with defaults filled in."""
    train_toml: str
    """The text of train.toml, byte for byte."""
    dataset_toml: str
    """The text of dataset.toml, byte for byte."""
    prompts: str | None
    """The text of the sample prompts, if known."""


def export(source: Source, settings: Settings, form: Form, folder: Path | None) -> Exported:
    """Export `source` in one form; an experiment's checkpoints would go to `folder`, or else to its folder of runs."""
    configs = configs_of(source, settings, folder)
    if form == "toml":
        prompts = {PROMPTS: configs.prompts} if source.found is not None and configs.prompts and folder else {}
        return Exported(files={TRAIN: configs.train_toml, DATASET: configs.dataset_toml, **prompts})
    if form == "json":
        values = {name: getattr(configs, name) for name in ("training", "dataset", "effective")}
        values["effective_dataset"] = effective_dataset(configs.training, configs.dataset)
        prompts = {"sample_prompts": configs.prompts} if configs.prompts is not None else {}
        return Exported(files={CONFIG: pretty_json({**values, **prompts})})
    place = RunFolder(folder=(folder or settings.outputs / configs.name / "exported").absolute())
    if form == "command":
        return _command(configs, settings, place, written=folder is not None)
    return _gui(
        configs, settings, "finetune" if form == "gui-finetune" else "dreambooth", place, written=folder is not None
    )


def configs_of(source: Source, settings: Settings, folder: Path | None) -> Configs:
    """Return the configs of a source: as archived, or for an experiment as they would be rendered now."""
    name = name_of(source)
    if source.resolved is not None:
        place = RunFolder(folder=(folder or settings.outputs / name / "exported").absolute())
        rendered = render(source.resolved, settings, real_trainer(settings), place, datetime.now().astimezone())
        return Configs(
            name=name,
            training=rendered.training,
            dataset=rendered.dataset,
            effective=rendered.effective,
            train_toml=rendered.train_toml,
            dataset_toml=rendered.dataset_toml,
            prompts=_prompts(source),
        )
    training = _placed(source, name, settings, folder)
    texts = toml_texts(source) or (tomli_w.dumps(training), dataset_text(source.dataset))
    return Configs(
        name=name,
        training=training,
        dataset=source.dataset,
        effective=_effective(source, settings),
        train_toml=texts[0],
        dataset_toml=texts[1],
        prompts=_prompts(source),
    )


def _placed(source: Source, name: str, settings: Settings, folder: Path | None) -> dict[str, Any]:
    """Return the options of an archived source unchanged; a foreign file's get a folder to write to."""
    if source.found is None:
        return dict(source.training)
    place = RunFolder(folder=(folder or settings.outputs / name / "exported").absolute())
    training = {**source.training, **_run(name, place)}
    if source.found.prompts and training.get("sample_prompts") == str(source.path.absolute()):
        training["sample_prompts"] = (place.folder / PROMPTS).as_posix()
    return dict(sorted(training.items()))


def name_of(source: Source) -> str:
    """Return the name of the source's checkpoints; a foreign file's name cannot lead out of the export folder."""
    if source.record is not None:
        return plain_name(source.record.name)
    if source.found is not None:
        return plain_name(source.found.name)
    return plain_name(str(source.header.get("experiment"))) if source.header else source.label


def _prompts(source: Source) -> str | None:
    """Return the text of the sample prompts: as recorded, as found, or from the file that is named."""
    if source.record is not None and source.record.experiment.get("sample_prompts") is not None:
        return str(source.record.experiment["sample_prompts"])
    if source.found is not None and source.found.prompts is not None:
        return source.found.prompts
    return named_prompts(source)


def _effective(source: Source, settings: Settings) -> Mapping[str, Any]:
    """Return the options with defaults: as recorded, or computed as if the two configs lay in the output folder."""
    if source.record is not None:
        return source.record.effective
    place = RunFolder(folder=Path(source.training.get("output_dir", settings.outputs)))
    return effective(source.training, place.train_toml, place.dataset_toml)


def _gui(configs: Configs, settings: Settings, tab: Tab, place: RunFolder, *, written: bool) -> Exported:
    run = {**_run(configs.name, place), "dataset_config": str(place.dataset_toml)}
    made = to_form(tab, configs.training, configs.dataset, run=run, prompts=configs.prompts)
    form = {
        **made.form,
        "num_processes": settings.num_processes,
        "num_machines": settings.num_machines,
        "multi_gpu": settings.num_processes > 1,
    }
    dataset = merge({"general": made.general}, configs.dataset) if made.general else configs.dataset
    lost = dict(made.lost) if written else {**made.lost, "dataset_config": NO_FILE}
    files = {f"{configs.name}.json": pretty_json(form)}
    return Exported(files={**files, **({DATASET: dataset_text(dataset)} if written else {})}, lost=lost)


def _command(configs: Configs, settings: Settings, place: RunFolder, *, written: bool) -> Exported:
    """Make one line for this machine's shell that sets every option itself; the images are in a file beside it."""
    training = without_run(configs.training)
    if training.get("max_token_length") == 75:  # the default, which the command line can only leave out
        del training["max_token_length"]
    words, lost = options_to_words({**training, **_run(configs.name, place)})
    launch = command(settings, real_trainer(settings), place, str(training.get("mixed_precision", "no")))
    argv = [*launch[: launch.index("--config_file")], *words, f"--dataset_config={place.dataset_toml}"]
    files = {COMMAND: f"{shell_line(argv)}\n", **({DATASET: configs.dataset_toml} if written else {})}
    return Exported(files=files, lost=lost if written else {**lost, "dataset_config": NO_FILE})


def _run(name: str, place: RunFolder) -> dict[str, str]:
    """Return where a training from the export writes: never into an archived run's folder."""
    return {"output_dir": place.folder.as_posix(), "output_name": name, "logging_dir": place.logs.as_posix()}


def refuse_to_overwrite(paths: list[Path]) -> None:
    """Raise InputError if one of the files exists: an export never replaces a config."""
    there = [
        Finding(what="the file exists", where=str(path), todo="name another folder") for path in paths if path.exists()
    ]
    if there:
        raise InputError("nothing was written", there)
