"""From resolved values to exactly what is launched: two TOML texts that sd-scripts reads as meant, and one command."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import toml
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from fork_wrapper import __version__
from fork_wrapper.errors import InputError
from fork_wrapper.experiment.resolve import Origin, Override, Resolved, resolve
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import ENVIRONMENT, Trainer, real_trainer
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.run.render import Rendered, command, dataset_text, render

STARTED = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone(timedelta(hours=1)))

Draw = Callable[..., Rendered]

STAND_IN = Trainer(
    kind="stand-in",
    script=Path("/kft/standin.py"),
    arguments=("--miniature", "/cache/mini"),
    accelerate=("--cpu",),
    env={},
)


@pytest.fixture
def resolved(write: Callable[..., Path], settings: Settings) -> Resolved:
    """A small experiment."""
    write("one")
    return resolve("one", settings)


@pytest.fixture
def draw(settings: Settings, run_folder: RunFolder) -> Draw:
    """Render for the real trainer, or for another."""
    real = real_trainer(settings)
    return lambda resolved, trainer=real: render(resolved, settings, trainer, run_folder, STARTED)


@pytest.fixture
def rendered(resolved: Resolved, draw: Draw) -> Rendered:
    """The small experiment, rendered."""
    return draw(resolved)


def _with(resolved: Resolved, **training: Any) -> Resolved:
    return replace(resolved, training={**resolved.training, **training})


def test_train_toml_is_what_sd_scripts_reads(rendered: Rendered) -> None:
    """sd-scripts' own TOML reader sees exactly the recorded values, types included, in sorted order."""
    read = toml.loads(rendered.train_toml)
    assert repr(read) == repr(dict(rendered.training))
    assert list(read) == sorted(read)


def test_what_kft_sets(rendered: Rendered, resolved: Resolved, run_folder: RunFolder) -> None:
    """Beside the experiment's values: where this run writes, under which name, and the two records."""
    records = ("metadata_kft_config", "metadata_kft_run")
    added = {key: value for key, value in rendered.training.items() if key not in (*resolved.training, *records)}
    assert added == {
        "output_dir": run_folder.folder.as_posix(),
        "output_name": "one",
        "logging_dir": run_folder.logs.as_posix(),
    }
    assert {key: rendered.training[key] for key in resolved.training} == resolved.training
    kft = Origin(kind="kft", by="kft")
    assert rendered.origins == {**resolved.origins, **{f"training.{key}": kft for key in added}}
    assert (rendered.name, rendered.run, rendered.trainer.env) == ("one", run_folder, ENVIRONMENT)


def test_the_traps_are_set_whatever_is_said(rendered: Rendered) -> None:
    """Options whose defaults are traps are always in the rendered files."""
    wanted = {"save_model_as": "safetensors", "log_with": "tensorboard", "console_log_simple": True}
    assert wanted.items() <= rendered.training.items()
    assert rendered.dataset["general"]["caption_extension"] == ".txt"


def test_the_embedded_configuration(rendered: Rendered, resolved: Resolved) -> None:
    """Every checkpoint carries training, dataset and identity; no metadata inside the metadata."""
    config = json.loads(rendered.training["metadata_kft_config"])
    training = {key: value for key, value in rendered.training.items() if not key.startswith("metadata_kft_")}
    [link] = resolved.chain
    assert config == {
        "dataset": rendered.dataset,
        "experiment": "one",
        "files": [{"name": "one", "sha256": link.sha256}],
        "overrides": [],
        "schema_version": 1,
        "training": training,
    }


@pytest.mark.parametrize(("kind", "rehearsal"), [("sd-scripts", False), ("stand-in", True)])
def test_the_embedded_run(resolved: Resolved, settings: Settings, kind: str, rehearsal: bool, draw: Draw) -> None:
    """Every checkpoint says which run made it, when, with what, and whether it is a rehearsal."""
    trainer = STAND_IN if rehearsal else real_trainer(settings)
    made = draw(resolved, trainer)
    assert json.loads(made.training["metadata_kft_run"]) == {
        "experiment": "one",
        "kft": __version__,
        "rehearsal": rehearsal,
        "run": "one/20260102-030405",
        "started": "2026-01-02T03:04:05+01:00",
        "trainer": kind,
    }


def test_equal_runs_render_equal_bytes(rendered: Rendered, resolved: Resolved, draw: Draw) -> None:
    """The same values in another order give the same files, byte for byte."""
    general = dict(reversed(resolved.dataset["general"].items()))
    turned = replace(
        resolved,
        training=dict(reversed(list(resolved.training.items()))),
        dataset={"datasets": resolved.dataset["datasets"], "general": general},
    )
    again = draw(turned)
    assert (again.train_toml, again.dataset_toml) == (rendered.train_toml, rendered.dataset_toml)


def test_dataset_toml(rendered: Rendered, settings: Settings) -> None:
    """The dataset config in the form that people know, and read back as meant."""
    people = (settings.datasets / "people").as_posix()
    assert rendered.dataset_toml == (
        '[general]\ncaption_extension = ".txt"\nflip_aug = true\n\n'
        "[[datasets]]\nbatch_size = 4\nresolution = 512\n\n"
        f'[[datasets.subsets]]\nimage_dir = "{people}"\nnum_repeats = 1\n'
    )
    assert toml.loads(rendered.dataset_toml) == rendered.dataset


@pytest.mark.parametrize(
    "dataset",
    [
        {},
        {"general": {}},
        {
            "datasets": [
                {"subsets": [{"image_dir": "a"}, {"image_dir": "b"}]},
                {"resolution": [512, 768], "subsets": []},
            ]
        },
        {"general": {"custom_attributes": {"style": "x", "n": 1}}, "datasets": [{"batch_size": 1}]},
        {"datasets": [{"subsets": [{"image_dir": "a", "custom_attributes": {"deep": {"er": [1, 2]}}}]}]},
        {"datasets": [{"subsets": [{"image_dir": "a"}]}, {"subsets": [{"custom_attributes": {}}, {"num_repeats": 2}]}]},
    ],
)
def test_any_shape_of_dataset_reads_back(dataset: dict[str, Any]) -> None:
    """Several datasets and subsets, none, and tables of the user's own come back through sd-scripts' reader."""
    read = toml.loads(dataset_text(dataset))
    assert _without_empty(read) == _without_empty(dataset)


def _without_empty(value: Any) -> Any:
    """Empty tables and arrays of tables are no values: the text form may leave them out."""
    if isinstance(value, Mapping):
        return {key: _without_empty(item) for key, item in value.items() if item not in ({}, [])}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def test_custom_attributes_are_rendered(resolved: Resolved, draw: Draw) -> None:
    """A table of the user's own reaches sd-scripts whole."""
    general = {**resolved.dataset["general"], "custom_attributes": {"style": "ñ 🦊", "weight": 0.5}}
    made = draw(replace(resolved, dataset={**resolved.dataset, "general": general}))
    assert toml.loads(made.dataset_toml) == made.dataset
    assert made.dataset["general"] == general


@pytest.mark.parametrize(
    ("training", "dataset", "items", "file"),
    [
        ({"metadata_title": '"'}, {}, ["metadata_title"], "train.toml"),
        ({"metadata_title": '"', "optimizer_args": ['"']}, {}, ["metadata_title", "optimizer_args"], "train.toml"),
        ({}, {"general": {"caption_prefix": '"'}}, ["general.caption_prefix"], "dataset.toml"),
    ],
)
def test_what_the_reader_misreads_is_refused(
    resolved: Resolved, training: dict[str, Any], dataset: dict[str, Any], items: list[str], file: str, draw: Draw
) -> None:
    """A value that sd-scripts' reader would turn into another is refused before launch, by key and file."""
    odd = replace(_with(resolved, **training), dataset={**resolved.dataset, **dataset})
    with pytest.raises(InputError) as caught:
        draw(odd)
    assert str(caught.value) == "\n".join(
        [
            "sd-scripts would not see the values as they are meant",
            *(
                f"- its TOML reader cannot read back {item}\n  in {file}\n  -> use plainer characters there"
                for item in items
            ),
        ]
    )


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
@example(text='it\'s "quoted" # [x] = {1}, ñ 🦊 \\ C:\\new\\table')
@example(text='ends with a backslash\\"')
@example(text=",#")
def test_any_string_reads_back_or_is_refused(resolved: Resolved, text: str, draw: Draw) -> None:
    """Whatever a person writes is read by sd-scripts as it is, or refused; nothing reaches it changed."""
    odd = replace(
        _with(resolved, metadata_title=text, optimizer_args=[text]), dataset={"general": {"caption_prefix": text}}
    )
    try:
        made = draw(odd)
    except InputError:
        return
    read = toml.loads(made.train_toml)
    assert (read["metadata_title"], read["optimizer_args"]) == (text, [text])
    assert json.loads(read["metadata_kft_config"])["training"]["metadata_title"] == text
    assert toml.loads(made.dataset_toml)["general"]["caption_prefix"] == text


def test_text_that_no_file_can_hold(resolved: Resolved, draw: Draw) -> None:
    """Bytes on the command line that are no UTF-8 are refused, not found out when the file is written."""
    with pytest.raises(InputError, match="metadata_title"):
        draw(_with(resolved, metadata_title="\udcff"))


@pytest.mark.parametrize("name", ["with space", 'it\'s "it"', "año ñ", "🦊", "[x], #1 = {2}"])
def test_odd_paths(resolved: Resolved, settings: Settings, name: str) -> None:
    """Spaces, quotes, ñ and emoji in folders and names reach sd-scripts and the command as they are."""
    run = RunFolder(folder=settings.outputs / name / "20260102-030405")
    made = render(replace(resolved, name=name), settings, real_trainer(settings), run, STARTED)
    read = toml.loads(made.train_toml)
    assert (read["output_dir"], read["output_name"]) == (run.folder.as_posix(), name)
    assert made.argv[-3:] == (str(run.train_toml), "--dataset_config", str(run.dataset_toml))


def test_files_of_the_run(resolved: Resolved, run_folder: RunFolder, draw: Draw) -> None:
    """`{run}` stands for the run folder, in a file that kft itself writes there."""
    made = draw(_with(resolved, sample_prompts="{run}/p.txt"))
    assert made.training["sample_prompts"] == f"{run_folder.folder.as_posix()}/p.txt"


def test_overrides_are_recorded_in_the_checkpoint(resolved: Resolved, settings: Settings, draw: Draw) -> None:
    """What was typed with --set travels with the values."""
    made = resolve(resolved.name, settings, [Override(key="seed", text="5")])
    assert json.loads(draw(made).training["metadata_kft_config"])["overrides"] == ["--set seed=5"]


def test_effective_options(rendered: Rendered, run_folder: RunFolder) -> None:
    """All options as sdxl_train.py will hold them: the file's over the defaults, the paths of the command last."""
    assert len(rendered.effective) == 176
    assert (rendered.effective["learning_rate"], rendered.effective["max_train_steps"]) == (1e-05, 1600)
    paths = {"config_file": str(run_folder.folder / "train"), "dataset_config": str(run_folder.dataset_toml)}
    assert paths.items() <= rendered.effective.items()


@pytest.mark.parametrize(
    ("said", "flags"),
    [
        ({}, "--num_processes 1 --num_machines 1"),
        ({"num_processes": 2}, "--num_processes 2 --num_machines 1 --multi_gpu"),
        (
            {"num_processes": 4, "num_machines": 2, "machine_rank": 1, "main_process_ip": "10.0.0.1"},
            "--num_processes 4 --num_machines 2 --multi_gpu --machine_rank 1 --main_process_ip 10.0.0.1",
        ),
        ({"main_process_port": 29501}, "--num_processes 1 --num_machines 1 --main_process_port 29501"),
        ({"accelerate_args": ("--gpu_ids", "0")}, "--num_processes 1 --num_machines 1 --gpu_ids 0"),
    ],
)
def test_the_command(settings: Settings, run_folder: RunFolder, said: dict[str, Any], flags: str) -> None:
    """The trainer's own Python, every flag that accelerate would guess, the user's last, then script and two files."""
    scaled = replace(settings, python="/venv/bin/python", **said)
    assert command(scaled, real_trainer(scaled), run_folder, "fp16") == (
        *("/venv/bin/python", "-m", "accelerate.commands.launch"),
        *("--mixed_precision", "fp16", "--dynamo_backend", "no"),
        *flags.split(),
        str(settings.sd_scripts / "sdxl_train.py"),
        *("--config_file", str(run_folder.train_toml), "--dataset_config", str(run_folder.dataset_toml)),
    )


def test_the_command_of_a_rehearsal(settings: Settings, run_folder: RunFolder) -> None:
    """A rehearsal is one process whatever the settings say, with its own arguments where they belong."""
    many = replace(settings, python="py", num_processes=8, num_machines=2, accelerate_args=("--gpu_ids", "0"))
    assert command(many, STAND_IN, run_folder, "no") == (
        *("py", "-m", "accelerate.commands.launch", "--mixed_precision", "no", "--dynamo_backend", "no"),
        *("--num_processes", "1", "--num_machines", "1", "--cpu", str(STAND_IN.script), "--miniature", "/cache/mini"),
        *("--config_file", str(run_folder.train_toml), "--dataset_config", str(run_folder.dataset_toml)),
    )


@pytest.mark.parametrize(("said", "flag"), [({}, "no"), ({"mixed_precision": "bf16"}, "bf16")])
def test_precision_of_the_command(resolved: Resolved, said: dict[str, str], flag: str, draw: Draw) -> None:
    """Accelerate is told the precision that sd-scripts will use."""
    argv = draw(_with(resolved, **said)).argv
    assert argv[argv.index("--mixed_precision") + 1] == flag
