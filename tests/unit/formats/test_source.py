"""A configuration from wherever it lies: by name, id or path, and nothing is guessed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from fork_wrapper.errors import InputError
from fork_wrapper.experiment.resolve import Origin
from fork_wrapper.formats.source import SCRIPT_SUFFIXES, Source, open_source, toml_texts
from fork_wrapper.machine.settings import Settings
from tests.builders.records import recorded

Write = Callable[..., Path]
TEXT = "[training]\nseed = 1\n[[dataset.datasets]]\nresolution = 512\n"


@pytest.fixture
def opened(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Source]:
    """Open what a name means, in the project's folder."""
    monkeypatch.chdir(settings.root)

    def opener(text: Path | str, *allow: str) -> Source:
        return open_source(str(text), settings, allow)

    return opener


def test_an_experiment(opened: Callable[..., Source], write: Write) -> None:
    """By name or by the path of its file, with its origins; unknown names pass where they are allowed."""
    path = write("one", f"{TEXT}[origin]\nseed = 'measured'\n")
    for text in ("one", str(path), "experiments/one.toml"):
        source = opened(text)
        assert (source.kind, source.label, source.path) == ("experiment", "one", path)
        assert source.training["seed"] == 1
        assert source.origins["training.seed"] == Origin(kind="measured", by="one")
        assert source.resolved is not None
        assert toml_texts(source) is None
    write("new", "[training]\nbrand_new = 1\n")
    assert opened("new", "brand_new").training["brand_new"] == 1
    with pytest.raises(InputError):
        opened("new")


def test_an_experiment_with_faults_is_still_one(opened: Callable[..., Source], write: Write) -> None:
    """A broken or empty file in the form of an experiment gets an experiment's errors, not another program's."""
    for name, text, title in (
        ("broken", "[training\n", "broken.toml is not valid TOML"),
        ("wrong", "[training]\nx = 1\n", "wrong.toml has an error"),
    ):
        with pytest.raises(InputError) as caught:
            opened(write(name, text))
        assert caught.value.title == title
    assert opened(write("empty", "")).kind == "experiment"


def test_a_run(opened: Callable[..., Source], write: Write, settings: Settings) -> None:
    """By id, by folder, by its record: what trained, byte for byte."""
    write("one", TEXT)
    run = recorded("one", settings)
    for text in ("one/20260102-030405", run.folder, run.record):
        source = opened(text)
        assert (source.kind, source.label) == ("run", "one/20260102-030405")
        assert (source.training["seed"], source.dataset["datasets"]) == (1, [{"resolution": 512}])
        assert source.record is not None
        texts = toml_texts(source)
        assert texts == (source.record.toml["train"], source.record.toml["dataset"])
    assert opened("one").kind == "experiment"


def test_a_sidecar(opened: Callable[..., Source], write: Write, settings: Settings) -> None:
    """A record with the facts of one checkpoint."""
    write("one", TEXT)
    raw = json.loads(recorded("one", settings).record.read_text(encoding="utf-8"))
    path = settings.root / "x.json"
    path.write_text(json.dumps({**raw, "kind": "sidecar", "checkpoint": {"file": "x.safetensors"}}))
    source = opened("x.json")
    assert (source.kind, source.label, source.checkpoint) == ("sidecar", "x.json", {"file": "x.safetensors"})


def _checkpoint(path: Path, metadata: dict[str, str]) -> Path:
    save_file({"a": np.zeros(1, dtype=np.float32)}, path, metadata=metadata)
    return path


def test_a_checkpoint(opened: Callable[..., Source], settings: Settings) -> None:
    """One of kft holds its configuration; another one what sd-scripts says of it."""
    config = {"training": {"seed": 1}, "dataset": {}, "experiment": "one"}
    mine = _checkpoint(settings.root / "a.safetensors", {"modelspec.kft_config": json.dumps(config)})
    source = opened(mine)
    assert (source.kind, source.label, source.training, source.origins) == (
        "checkpoint",
        "a.safetensors",
        {"seed": 1},
        {},
    )
    assert source.header is not None
    other = {"modelspec.architecture": "stable-diffusion-xl-v1-base", "modelspec.encoder_layer": "2"}
    source = opened(_checkpoint(settings.root / "b.safetensors", other))
    assert (source.kind, source.training) == ("file", {"clip_skip": 2})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.toml", "seed = 1\nnetwork_alpha = 0\n"),
        ("a.sh", "accelerate launch sdxl_train.py --seed 1"),
        ("a.TXT.log", "accelerate launch sdxl_train.py --seed 1"),
        ("a.ipynb", {"cells": [{"cell_type": "code", "source": "!accelerate launch sdxl_train.py --seed 1"}]}),
        ("a.json", {"training": {"seed": 1}, "dataset": {}}),
    ],
)
def test_files_of_other_programs(opened: Callable[..., Source], settings: Settings, name: str, content: Any) -> None:
    """As they took effect, every value recovered by the file."""
    (settings.root / name).write_text(content if isinstance(content, str) else json.dumps(content))
    source = opened(name)
    assert (source.kind, source.label, source.training) == ("file", name, {"seed": 1})
    assert source.origins["training.seed"] == Origin(kind="recovered", by=name)
    assert source.found is not None
    assert len(SCRIPT_SUFFIXES) == 8


def test_what_there_is_not(opened: Callable[..., Source], write: Write, settings: Settings) -> None:
    """A name offers the nearest names, a path what can be named."""
    write("one", TEXT)
    with pytest.raises(InputError, match="no experiment is called 'on'"):
        opened("on")
    recorded("one", settings)
    with pytest.raises(InputError) as caught:
        opened("one/x")
    assert str(caught.value) == (
        "cannot find 'one/x'\n- no such experiment, run or file\n  in one/x\n"
        "  -> name an experiment (one), a run (one/20260102-030405), a sidecar, a checkpoint or a config file"
    )
    for name in ("gone.safetensors", "gone.json", "gone.sh"):
        with pytest.raises(InputError) as caught:
            opened(name)
        assert caught.value.title == f"cannot read {name}"
