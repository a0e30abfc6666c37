"""No key of a source is lost: each is used, converted, or named as left out, by every reader.

One key at a time is set to a value that is not its default. Then what comes of the source is not what came of it
without, or the key is named in what the import tells.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from safetensors.numpy import save_file

from fork_wrapper.errors import InputError
from fork_wrapper.formats import gui_keys as gui_table
from fork_wrapper.formats.command_line import options_to_words
from fork_wrapper.formats.fitted import Fitted, fit
from fork_wrapper.formats.gui_form import _OLD_NAMES as OLD_NAMES
from fork_wrapper.formats.gui_import import read_gui
from fork_wrapper.formats.gui_keys import TABS, Tab, fresh_form, gui_keys, saved_by, versions
from fork_wrapper.formats.kft_import import with_own_record
from fork_wrapper.formats.recognise import read_any
from fork_wrapper.records.checkpoints import CONFIG_KEY, RUN_KEY
from fork_wrapper.sdscripts.options import DatasetKey, Level, Option, dataset_keys, options
from tests.unit.formats.gui_golden import PATH, TAGS, fresh, number

VERSIONS = tuple(tag for tag in TAGS if tag not in ("v24.0.3", "v24.0.4", "v25.0.0", "v25.2.1"))
"""Of each kind of form one: those left out have the keys of a neighbour."""

FIELDS = json.loads((Path(gui_table.__file__).parent / "gui_keys.json").read_text(encoding="utf-8"))["keys"]


def lost(names: set[str], before: Fitted, after: Fitted) -> bool:
    """Whether nothing came of a key: the values are the same, and none of its names is told."""
    values = [
        json.dumps([one.training, one.dataset, one.found.prompts, dict(one.found.story)], sort_keys=True, default=str)
        for one in (before, after)
    ]
    told = [*after.found.notes]
    told += [f"{one.key} {one.why}" for one in after.found.then]
    told += [f"{one.key} {one.why}" for one in after.found.left_out]
    words = {
        word.strip("'\":,;()").rsplit(".", 1)[-1].lstrip("-")
        for line in told
        for word in line.replace("=", " ").split()
    }
    return values[0] == values[1] and not words & names


def other(key: str, value: Any) -> Any:
    """A value that a field of the form can hold, and that no new form of any version holds."""
    usual = [value, *gui_keys()[key].earlier, *(fresh_form(tab).get(key) for tab in TABS)]
    if isinstance(value, bool):
        return not value
    choices = [one for one in FIELDS[key].get("choices", ()) if one not in ("", *usual)]
    if choices:
        return choices[-1]
    least, most = FIELDS[key].get("range", (0, None))
    if isinstance(value, (int, float)):
        return next(one for one in (3, 2, 1, 0.5, 0.25, least) if one not in usual and least <= one <= (most or 9))
    return "other/words=1"


MEANT: Mapping[str, Any] = {"use_8bit_adam": True, "optimizer": "Lion"}
"""Values that a field of its kind has, where its own shows too little."""

BOXES = ("create_buckets", "create_caption")
"""Boxes of which both states are those of some new form."""


def form_of(tab: Tab, tag: str) -> dict[str, Any]:
    """A fresh form, with the keys of both ways of saving it."""
    return {**fresh(tab, tag), **fresh(tab, tag, by_hand=True)}


def read(tab: Tab, tag: str, **changes: Any) -> Fitted:
    """A form as kft reads it."""
    return fit(read_gui({**form_of(tab, tag), **changes}, "", PATH, version=number(tag)))


def test_every_key_of_every_gui_form() -> None:
    """Nine versions, two tabs, all keys that they saved; and the keys of older versions, in a form of today."""
    gone: list[str] = []
    seen: set[str] = set()
    count = 0
    chooses = {"sdxl", "sdxl_checkbox"}  # without them it is another model's
    for tab in TABS:
        for tag in VERSIONS:
            before = read(tab, tag)
            for key, value in form_of(tab, tag).items():
                if key in chooses or key in BOXES:
                    continue
                names = {key, gui_keys()[key].option, OLD_NAMES.get(key, "")} - {""}
                gone_with = {OLD_NAMES[key]: None} if key in OLD_NAMES else {}
                after = read(tab, tag, **{**gone_with, key: other(key, value)})
                gone += [f"{key} ({tab} {tag})"] if lost(names, before, after) else []
                seen.add(key)
                count += 1
        for key in gui_keys().keys() - seen - chooses - set(BOXES):
            if tab in gui_keys()[key].tabs:
                without: dict[str, Any] = {"optimizer": "", OLD_NAMES.get(key, key): None}
                before, after = (read(tab, "HEAD", **{**without, **more}) for more in ({}, {key: MEANT.get(key, True)}))
                gone += [f"{key} ({tab})"] if lost({key, OLD_NAMES.get(key, key)}, before, after) else []
                seen.add(key)
                count += 1
    assert not gone, gone
    assert (len(seen), len(gui_keys()), count > 2400) == (239, 243, True)
    assert seen | chooses | set(BOXES) == gui_keys().keys()


def test_the_versions_are_all() -> None:
    """Any version saved keys of the table only, and each key was saved by some version."""
    for tab in TABS:
        assert set().union(*(saved_by(tab, one) for one in versions())) == {
            name for name, key in gui_keys().items() if tab in key.tabs
        }


BASE: Mapping[str, Any] = {"pretrained_model_name_or_path": "/models/base.safetensors", "train_data_dir": "/data/x"}
"""What every source below holds."""

DATASET: Mapping[str, Any] = {
    "general": {"caption_extension": ".txt"},
    "datasets": [{"resolution": 512, "subsets": [{"image_dir": "/data/x", "num_repeats": 2}]}],
}


def set_value(option: Option | DatasetKey) -> Any:
    """A value of an option's or a key's type that is not its default."""
    default = getattr(option, "default", None)
    if option.name in _SPELT:
        return _SPELT[option.name]
    for one in getattr(option, "choices", ()):
        if one not in (None, default):
            return one
    return {
        "bool": not default,
        "int": 7,
        "float": 0.625,
        "number": 0.625,
        "int_or_float": 7,
        "int_or_pair": 448,
        "float_pair": [1.5, 2.5],
        "list[str]": ["a=1", "b=2"],
        "table": {"a": 1},
    }.get(option.type, "/other/words")


_SPELT: Mapping[str, Any] = {"save_model_as": "safetensors", "resolution": "448,512"}

Render = Callable[[Path, Mapping[str, Any]], Path]


def _text(name: str, form: str) -> Render:
    def render(folder: Path, training: Mapping[str, Any]) -> Path:
        words, _lost = options_to_words({key: value for key, value in training.items() if key in options()})
        words += [f"--{key}={value}" for key, value in training.items() if key not in options()]
        path = folder / name
        text = form.replace("OPTIONS", " ".join(f'"{word}"' if " " in word else word for word in words))
        path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": text}]}) if name == "n.ipynb" else text)
        return path

    return render


def _toml(name: str, section: str = "") -> Render:
    def render(folder: Path, training: Mapping[str, Any]) -> Path:
        (folder / name).write_text(tomli_w.dumps({section: dict(training)} if section else dict(training)))
        return folder / name

    return render


def _record(kind: str) -> Render:
    old = (
        Path(__file__).resolve().parents[2]
        / "golden"
        / "records"
        / "v1"
        / ("record.json" if kind == "run" else "humanoid_03.json")
    )
    raw = json.loads(old.read_text(encoding="utf-8"))

    def render(folder: Path, training: Mapping[str, Any]) -> Path:
        (folder / f"{kind}.json").write_text(json.dumps({**raw, "training": dict(training)}))
        return folder / f"{kind}.json"

    return render


def _checkpoint(folder: Path, training: Mapping[str, Any]) -> Path:
    config = {"training": dict(training), "dataset": {}, "experiment": "one"}
    path = folder / "c.safetensors"
    save_file({"a": np.zeros(1, dtype=np.float32)}, path, metadata={CONFIG_KEY: json.dumps(config), RUN_KEY: "{}"})
    return path


def _export(folder: Path, training: Mapping[str, Any]) -> Path:
    (folder / "e.json").write_text(json.dumps({"training": dict(training), "dataset": {}}))
    return folder / "e.json"


LAUNCH = "accelerate launch sdxl_train.py OPTIONS"
READERS: Mapping[str, Render] = {
    "toml": _toml("t.toml"),
    "toml of sections": _toml("t.toml", "part"),
    "toml of a GUI": _toml("config_finetune-20240102-030405.toml"),
    "shell": _text("s.sh", f"#!/bin/sh\n{LAUNCH}\n"),
    "cmd": _text("s.bat", f"@echo off\r\n{LAUNCH}\r\n"),
    "PowerShell": _text("s.ps1", f"{LAUNCH}\r\n"),
    "log": _text("s.log", f"10:10:10-1 INFO     {LAUNCH}      gui.py:1\n10:10:11-2 INFO     done\n"),
    "notebook": _text("n.ipynb", f"%cd /x\n!{LAUNCH}\n"),
    "program": _text("p.py", f"os.system(f'''{LAUNCH}''')\n"),
    "record": _record("run"),
    "sidecar": _record("sidecar"),
    "checkpoint": _checkpoint,
    "export": _export,
}
COMMANDS = ("shell", "cmd", "PowerShell", "log", "notebook", "program")


def imported(path: Path) -> Fitted:
    """What an import makes of a file."""
    return fit(with_own_record(read_any(path)))


def extras() -> Iterator[tuple[str, Any]]:
    """Names that are no options: of another script, of nobody, of the dataset config, kft's own."""
    yield from (("network_dim_of_nobody", 4), ("prior_loss_weight", 0.5), ("no_token_padding", True), ("epoch", 3))
    yield from (
        (name, set_value(key)) for name, key in dataset_keys().items() if name not in options() and key.type != "table"
    )


@pytest.mark.parametrize("reader", READERS)
def test_every_option(tmp_path: Path, reader: str) -> None:
    """Every option of sdxl_train.py by every reader, and names that are none; what a command line cannot say is not."""
    render = READERS[reader]
    before = imported(render(tmp_path, BASE))
    gone, seen = [], 0
    said = {name: set_value(option) for name, option in options().items()}
    said |= dict(extras()) if reader not in ("record", "sidecar") else {}
    for name, value in said.items():
        if value is False and reader in COMMANDS:  # no option is on unless it is named
            continue
        training = {**BASE, name: value}
        if name in ("reg_data_dir", "in_json"):
            training |= {"reg_data_dir": "/data/reg", "in_json": "/data/meta.json"}
            before = imported(render(tmp_path, {key: one for key, one in training.items() if key != name}))
        seen += 1
        try:
            after = imported(render(tmp_path, training))
        except InputError as error:  # refused by name
            gone += [] if name in str(error) else [name]
            continue
        gone += [name] if lost({name}, before, after) else []
        before = imported(render(tmp_path, BASE)) if name in ("reg_data_dir", "in_json") else before
    assert not gone, gone
    assert seen >= len(options())


@pytest.mark.parametrize("suffix", ["toml", "json"])
@pytest.mark.parametrize("level", ["general", "dataset", "subset", "top"])
def test_every_key_of_a_dataset_config(tmp_path: Path, suffix: str, level: str) -> None:
    """Every key at every level, where it may stand and where it may not, and a key of nobody."""

    def write(key: str, value: Any) -> Path:
        tree: dict[str, Any] = json.loads(json.dumps(DATASET))
        place = {"top": tree, "general": tree["general"], "dataset": tree["datasets"][0]}
        place["subset"] = tree["datasets"][0]["subsets"][0]
        if key:
            place[level][key] = value
        path = tmp_path / f"d.{suffix}"
        path.write_text(tomli_w.dumps(tree) if suffix == "toml" else json.dumps(tree))
        return path

    before = imported(write("", None))
    keys = {name: set_value(key) for name, key in dataset_keys().items()} | {"of_nobody": 1}
    keys |= {"resolution": 448, "num_repeats": 5, "image_dir": "/other", "caption_extension": ".other"}
    if level == "top":  # such a file is another one
        keys = {"general": {"flip_aug": True}}
    gone = [name for name, value in keys.items() if lost({name}, before, imported(write(name, value)))]
    assert not gone, gone
    assert len(keys) == (1 if level == "top" else len(dataset_keys()) + 1)


def test_how_many() -> None:
    """The tests above would pass on empty tables."""
    levels: set[Level] = {level for key in dataset_keys().values() for level in key.levels}
    assert (len(options()), len(dataset_keys()), len(READERS), levels) == (
        176,
        len(dataset_keys()),
        13,
        {"general", "dataset", "subset"},
    )
