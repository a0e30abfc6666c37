"""From a record back to what was launched."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fork_wrapper.experiment.resolve import resolve
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import real_trainer
from fork_wrapper.records.launched_values import own_files, processes_of, resolved_of
from fork_wrapper.records.record import read_record
from fork_wrapper.run.render import render
from tests.builders.records import NOW, recorded


def test_the_same_bytes(settings: Settings, write: Callable[..., Path]) -> None:
    """Rendered into the same folder at the same time, a record gives both files again, byte for byte."""
    write("root")
    write("one", "extends = 'root'\n[story]\npurpose = 'why'\n[training]\nseed = 3\n")
    run = recorded("one", settings)
    record = read_record(run.record)
    resolved = resolved_of(record)
    rendered = render(resolved, settings, real_trainer(settings), run, NOW)
    assert (rendered.train_toml, rendered.dataset_toml) == (record.toml["train"], record.toml["dataset"])
    first = resolve("one", settings)
    assert (resolved.story, resolved.name) == (first.story, "one")
    assert [(link.name, link.path, link.text, link.sha256) for link in resolved.chain] == [
        (link.name, link.path, link.text, link.sha256) for link in first.chain
    ]
    assert resolved.origins == first.origins
    assert resolved.training == first.training


def test_files_of_the_run_folder_come_along(settings: Settings, write: Callable[..., Path]) -> None:
    """Prompts that kft wrote there are written again; those of the user stay where they are."""
    write("one")
    record = read_record(recorded("one", settings).record)
    assert own_files(record) == {}
    folder = str(record.launch["cwd"])
    inside = replace(
        record,
        training={**record.training, "sample_prompts": f"{folder}/prompts.txt", "vae": f"{folder}-2/vae"},
        experiment={**record.experiment, "sample_prompts": "a person\n"},
    )
    assert own_files(inside) == {"prompts.txt": "a person\n"}
    training = resolved_of(inside).training
    assert (training["sample_prompts"], training["vae"]) == ("{run}/prompts.txt", f"{folder}-2/vae")


def test_processes(settings: Settings, write: Callable[..., Path]) -> None:
    """As accelerate was told; one where it was told nothing."""
    write("one")
    record = read_record(recorded("one", replace(settings, num_processes=4)).record)
    assert processes_of(record) == 4
    assert processes_of(replace(record, launch={**record.launch, "argv": ["python"]})) == 1
