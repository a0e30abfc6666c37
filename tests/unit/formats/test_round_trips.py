"""Out and back again: what is exported and imported is what it was, for any configuration of the option table."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fork_wrapper.compare.differences import rows
from fork_wrapper.compare.values import understand
from fork_wrapper.errors import InputError
from fork_wrapper.formats.export import Exported, Form, export
from fork_wrapper.formats.fitted import Fitted, fit
from fork_wrapper.formats.grouped_files import read_all
from fork_wrapper.formats.source import Source, open_source
from fork_wrapper.machine.settings import Settings, load_settings
from fork_wrapper.sdscripts.options import options
from tests.unit.formats.drawn import datasets, drawable, trainings

FEW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder for all examples of this module."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def in_force(place: Path) -> Settings:
    """Settings whose folders hold nothing."""
    names = ("models", "datasets", "outputs", "experiments", "cache")
    return load_settings({name: str(place / name) for name in names})


def experiment(place: Path, in_force: Settings, training: Mapping[str, Any], dataset: Mapping[str, Any]) -> Source:
    """An experiment of these values; what kft cannot render is no example."""
    path = place / "experiments" / "drawn.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(tomli_w.dumps({"training": dict(training), "dataset": dict(dataset)}), encoding="utf-8")
    return open_source(str(path), in_force)


def out_and_back(source: Source, in_force: Settings, place: Path, form: Form) -> tuple[Exported, Fitted]:
    """The source exported in a form, and what an import makes of it."""
    with tempfile.TemporaryDirectory(dir=place) as folder:
        try:
            exported = export(source, in_force, form, Path(folder))
        except InputError:  # sd-scripts' TOML reader would misread a value, and kft says so
            assume(False)  # noqa: FBT003 - hypothesis' own way to drop an example
        paths = []
        for name, text in exported.files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8", newline="")
            paths.append(str(Path(folder) / name))
        (found,) = read_all(paths, gui_version=None, images=None)
        return exported, fit(found)


@pytest.mark.parametrize("form", ["toml", "json"])
@FEW
@given(training=trainings(), dataset=datasets())
def test_files_bring_back_every_value(
    form: Form, place: Path, in_force: Settings, training: dict[str, Any], dataset: dict[str, Any]
) -> None:
    """train.toml and dataset.toml, or config.json: the same options, the same dataset config, nothing left out."""
    source = experiment(place, in_force, training, dataset)
    _, back = out_and_back(source, in_force, place, form)
    said = dict(source.training)
    assert back.training == said
    assert {key: type(value) for key, value in back.training.items()} == {key: type(said[key]) for key in said}
    assert back.dataset == source.dataset
    assert {one.key for one in back.found.left_out} <= {"output_dir", "output_name", "logging_dir"}


@FEW
@given(training=trainings(), dataset=datasets())
def test_a_command_line_brings_back_every_value(
    place: Path, in_force: Settings, training: dict[str, Any], dataset: dict[str, Any]
) -> None:
    """All but what the report names; a switch that is off, and the 75 tokens of the default, are absent there."""
    source = experiment(place, in_force, training, dataset)
    exported, back = out_and_back(source, in_force, place, "command")
    said = {key: value for key, value in source.training.items() if value is not False and key not in exported.lost}
    # What a command line has no words for and is the default anyway is left out.
    unsaid = {key for key in said.keys() - back.training.keys() if said[key] in (options()[key].default, 75)}
    assert unsaid <= {"max_token_length", "lr_warmup_steps", "lr_decay_steps"}
    assert back.training == {key: value for key, value in said.items() if key not in unsaid}
    assert back.dataset == source.dataset


@pytest.mark.parametrize("form", ["gui-finetune", "gui-dreambooth"])
@FEW
@given(training=trainings(), dataset=datasets())
def test_a_gui_form_means_the_same(
    form: Form, place: Path, in_force: Settings, training: dict[str, Any], dataset: dict[str, Any]
) -> None:
    """What sd-scripts would do is the same, but for what the report names."""
    source = experiment(place, in_force, training, dataset)
    exported, back = out_and_back(source, in_force, place, form)
    other = replace(source, training=back.training, dataset=back.dataset, origins={}, resolved=None)
    lost = {*exported.lost, "sample_prompts", "wandb_run_name"}  # an empty run name is the output name to the GUI
    differ = [row for row in rows(understand(source), understand(other)) if row.differs and not row.idle]
    told = [(row.key, row.before.shown, row.after.shown) for row in differ if row.key.partition(".")[0] not in lost]
    assert told == []


@given(name=st.sampled_from(sorted(drawable())))
def test_every_option_is_drawn_from(name: str) -> None:
    """The table that the examples come from is the whole one, but for what kft manages, secrets and prompts."""
    assert len(drawable()) == 167
    assert name in drawable()
