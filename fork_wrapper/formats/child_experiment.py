"""The text of an experiment that extends another: what it changes, and what it would inherit there."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from fork_wrapper.experiment import keypath
from fork_wrapper.experiment.experiment import OWN
from fork_wrapper.experiment.resolve import Resolved
from fork_wrapper.formats.experiment_text import comment, placed
from fork_wrapper.machine.settings import PLACEHOLDERS, Settings, placeholders
from fork_wrapper.run.render import dataset_text
from fork_wrapper.text import as_toml, counted

WIDTH = 120
"""Columns of a line with its comment."""


def child_text(
    name: str, parent: Resolved, wanted: Resolved, settings: Settings, *, unset: Sequence[str], story: Mapping[str, Any]
) -> str:
    """The file of a child of `parent` that comes to `wanted`, which is the parent with the user's --set and --unset.

    `unset` are the keys as they were typed. Paths below a folder of the settings are written with its placeholder.
    """
    here = {"training": wanted.training, "dataset": wanted.dataset}
    changed = [path for path, said in wanted.flags.items() if said.text is not None and keypath.has(here, path)]
    own: keypath.Tree = {}
    for path in changed:
        keypath.grow(own, path, placed(keypath.get(here, path), placeholders(settings), PLACEHOLDERS))
    training, dataset = own.get("training", {}), own.get("dataset", {})
    were = {path: inherited(path, parent, settings) for path in wanted.flags}
    above = _told({path: were[path] for path in changed if path.startswith("dataset.")})
    parts = [
        _head(name, parent),
        tomli_w.dumps({"extends": _name_of(parent, settings)}),
        _unset(unset, {path: was for path, was in were.items() if path not in changed}),
        story_text(story),
        f"[training]\n{_options(training, were)}" if training else "",
        above + dataset_text(dataset, "dataset") if dataset else "",
        f'[origin]\ndefault = "{OWN}"\n' if own else "",
    ]
    return "\n".join(part for part in parts if part)


def _head(name: str, parent: Resolved) -> str:
    chain = ", ".join(link.name for link in reversed(parent.chain))
    count = sum(origin.kind != "kft" for origin in parent.origins.values())
    lines = [
        f"{name}: a child of {parent.name}, whose values hold unless said otherwise here.",
        f"It inherits {counted(count, 'value')} from {chain}; what it changes stands here with what it was.",
        "",
        f"kft diff {parent.name} {name}",
        f"kft check {name}",
        f"kft run {name}",
    ]
    return "".join(comment(line) for line in lines)


def _unset(keys: Sequence[str], were: Mapping[str, str]) -> str:
    """The list of what is not inherited, on one line."""
    texts = [tomli_w.dumps({"key": key}).removeprefix("key = ").strip() for key in keys]
    return f"{_told(were)}unset = [{', '.join(texts)}]\n" if keys else ""


def _name_of(parent: Resolved, settings: Settings) -> str:
    """How the child names its parent: by name in the same folder, else by the way from there."""
    path = parent.chain[-1].path
    if settings.experiments.is_dir() and path.parent.samefile(settings.experiments):
        return parent.name
    try:
        return Path(os.path.relpath(path, settings.experiments)).as_posix()
    except ValueError:  # another drive of Windows
        return path.as_posix()


def story_text(story: Mapping[str, Any]) -> str:
    """A story as [story]; a comment on what it could tell where there is none."""
    if story:
        return f"[story]\n{tomli_w.dumps(dict(story))}"
    return "# [story]   purpose, changes, problems, solutions, decision, notes: what no tool can derive\n"


def _options(values: Mapping[str, Any], were: Mapping[str, str]) -> str:
    """Options, each with what it would inherit behind it, or above it where the line gets long."""
    text = ""
    for key, value in values.items():
        line, was = tomli_w.dumps({key: value}), comment(were[f"training.{key}"])
        short = line.count("\n") == was.count("\n") == 1 and len(line) + len(was) < WIDTH
        text += f"{line[:-1]}  {was}" if short else was + line
    return text


def _told(were: Mapping[str, str]) -> str:
    """Comments on what is not inherited."""
    return "".join(comment(f"{path}: {was}") for path, was in were.items())


def inherited(path: str, parent: Resolved, settings: Settings) -> str:
    """What a child inherits at a key path, in words: `4e-06 in humanoid_05 (assumed)`."""
    try:
        value = keypath.get({"training": parent.training, "dataset": parent.dataset}, path)
    except KeyError:
        return f"absent in {parent.name}"
    origin = parent.origins.get(path)
    by, kind = (origin.by, f" ({origin.kind})") if origin else (parent.name, "")
    return f"{as_toml(placed(value, placeholders(settings), PLACEHOLDERS))} in {by}{kind}"
