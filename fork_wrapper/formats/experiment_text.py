"""The text of an experiment file, for an imported configuration or a child of another experiment.

Comments say where an import is from, and what a child would inherit where it makes a change.
"""

import os
import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import tomli_w

from fork_wrapper import __version__
from fork_wrapper.experiment import keypath
from fork_wrapper.experiment.experiment import OWN, SOURCE
from fork_wrapper.experiment.resolve import Resolved
from fork_wrapper.files import flatten
from fork_wrapper.formats.fitted import Fitted
from fork_wrapper.formats.found import NOTHING, LeftOut, Then, holds_secret, sounds_secret
from fork_wrapper.machine.settings import PLACEHOLDERS, Settings, placeholders
from fork_wrapper.run.render import dataset_text
from fork_wrapper.sdscripts.meaning import TITLES, kind_of
from fork_wrapper.sdscripts.options import options
from fork_wrapper.text import as_toml, counted

WIDTH = 116
"""The width of comment lines, in columns."""

LINE_WIDTH = 120
"""The longest line with a comment behind its value, in columns."""

PLACES = ("models", "datasets")
"""Settings whose folder can start a path."""


def experiment_text(
    fitted: Fitted, *, name: str, folders: Mapping[str, str], prompts: str | None, now: datetime
) -> str:
    """Return the text of an experiment file.

    `name` is the experiment's; `folders` are the settings' placeholders, which replace this machine's paths; `prompts`
    is how the file names its sample prompts, None if it has none.
    """
    training = {key: placed(value, folders) for key, value in fitted.training.items() if key != "sample_prompts"}
    if prompts is not None:
        training["sample_prompts"] = prompts
    dataset = placed(fitted.dataset, folders)
    parts = [_head(fitted, name, now), story_text(fitted.found.story, "recover"), training_text(training)]
    if dataset:
        parts.append(dataset_text(dataset, "dataset"))
    if fitted.found.acknowledged:
        parts.append(tomli_w.dumps({"acknowledge": fitted.found.acknowledged}))
    parts.append(_origin(fitted))
    return "\n".join(part for part in parts if part)


def _head(fitted: Fitted, name: str, now: datetime) -> str:
    found = fitted.found
    lines = [f"{name}: recovered from {found.what}", f"by kft {__version__} on {now:%Y-%m-%d}, from"]
    for file in found.files:
        also = f"  {file.what}" if file.what != found.files[0].what else ""
        lines += [f"  {file.path.name}", f"    sha256 {file.sha256}{also}"]
    if found.notes:
        lines += ["", "Worth knowing:", *(f"- {note}" for note in found.notes)]
    if found.then:
        lines += ["", "The file and what took effect differ; here stands what took effect:"]
        lines += [f"- {then_text(one)}" for one in found.then]
    if found.left_out:
        lines += ["", "In the file, but not part of an experiment:"]
        lines += [f"- {left_text(one)}" for one in found.left_out]
    return "".join(comment(line) for line in lines)


def then_text(one: Then) -> str:
    """Format a changed value, e.g. `max_train_steps: saved 1600, effective then 800 (the GUI ...)`."""
    return f"{one.key}: saved {_said(one.saved)}, effective then {_said(one.then, one.key)} ({one.why})"


def left_text(one: LeftOut) -> str:
    """Format a value that was left out, e.g. `output_dir = "D:/out" (kft manages it)`."""
    hidden = one.value is NOTHING or sounds_secret(one.key) or holds_secret(one.value)
    value = "" if hidden else f" = {_plain(one.value)}"
    return f"{one.key}{value} ({one.why})"


_FALLBACKS: Mapping[str, str] = dict.fromkeys(["learning_rate_te1", "learning_rate_te2"], "the U-Net's rate")
"""What replaces an absent option that has no default (sdxl_train.py:299-300)."""


def _said(value: Any, key: str = "") -> str:
    if value is NOTHING and key in _FALLBACKS:
        return f"nothing, so {_FALLBACKS[key]}"
    if value is NOTHING:
        default = options()[key].default if key in options() else None
        return "nothing" if default is None else f"nothing, so the default {_plain(default)}"
    return _plain(value)


def _plain(value: Any) -> str:
    return as_toml(value)


def comment(line: str) -> str:
    """Format a line as TOML comments, wrapped between words; control characters, illegal in comments, become blanks."""
    plain = "".join(letter if letter.isprintable() else " " for letter in line)
    indent = " " * (len(plain) - len(plain.lstrip()) + (2 if plain.lstrip().startswith("- ") else 0))
    broken = textwrap.wrap(plain, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "".join(f"# {part}\n" for part in broken) or "#\n"


def story_text(story: Mapping[str, Any], unknown: str = "derive") -> str:
    """Format a story as [story]; without one, a comment on what it could tell that no tool can `unknown`."""
    if not story:
        return f"# [story]   purpose, changes, problems, solutions, decision, notes: what no tool can {unknown}\n"
    return tomli_w.dumps({"story": story})  # includes its translations, which are tables below it


def training_text(training: Mapping[str, Any]) -> str:
    """Format the options as [training], in groups; options that differ from sd-scripts' defaults come first."""
    usual = {key for key, value in training.items() if _is_default(key, value)}
    text = "[training]\n"
    groups: dict[str, list[str]] = {}
    for key in sorted(training.keys() - usual, key=lambda key: kind_of(key).rank):
        groups.setdefault(TITLES[kind_of(key).group], []).append(key)
    for group, keys in groups.items():
        text += f"# {group}\n" + "".join(_line(key, training[key]) for key in keys)
    if usual:
        text += "# said by the source too, and sd-scripts' defaults anyway\n"
        text += "".join(_line(key, training[key]) for key in sorted(usual))
    return text


def _is_default(key: str, value: Any) -> bool:
    option = options().get(key)
    return option is not None and repr(option.default) == repr(value)


def _line(key: str, value: Any) -> str:
    return tomli_w.dumps({key: value})


def _origin(fitted: Fitted) -> str:
    """Format [origin]: the origin of most values, and the exceptions, by quoted key path unless they are options."""
    values = {**fitted.training, **flatten({"dataset": fitted.dataset})}
    own = {**dict.fromkeys(fitted.found.assumed, "assumed"), **dict.fromkeys(fitted.found.chosen, OWN)}
    if fitted.found.origins is None:
        lines = ['[origin]\ndefault = "recovered"\n']
        return "".join(lines + [_line(key, kind) for key, kind in sorted(own.items()) if key in values])
    values |= flatten({"story": fitted.found.story})
    said = {path.removeprefix("training."): kind for path, kind in fitted.found.origins.items()} | own
    known = [(key, kind) for key, kind in sorted(said.items()) if key in values and kind != "assumed"]
    source = [_line(SOURCE, fitted.found.source)] if any(kind == "documented" for _, kind in known) else []
    lines = ['[origin]\ndefault = "assumed"\n', *(source if fitted.found.source else [])]
    return "".join([*lines, *(_line(key, kind) for key, kind in known)])


def placed(value: Any, folders: Mapping[str, str], words: Sequence[str] = PLACES) -> Any:
    """Replace folders of the settings with their placeholders in paths, in texts at any depth."""
    if isinstance(value, Mapping):
        return {key: placed(item, folders, words) for key, item in value.items()}
    if isinstance(value, list):
        return [placed(item, folders, words) for item in value]
    if isinstance(value, str) and Path(value).is_absolute():
        for word in words:
            folder = folders.get(word, "")
            if folder and Path(value).is_relative_to(folder):
                return f"{{{word}}}/{Path(value).relative_to(folder).as_posix()}".removesuffix("/.")
    return value


def child_text(
    name: str, parent: Resolved, wanted: Resolved, settings: Settings, *, unset: Sequence[str], story: Mapping[str, Any]
) -> str:
    """Return the file of a child of `parent` that resolves to `wanted`: the parent with the user's --set and --unset.

    `unset` are the keys as they were typed. Paths below a folder of the settings are written with its placeholder.
    """
    here = {"training": wanted.training, "dataset": wanted.dataset}
    changed = [path for path, said in wanted.flags.items() if said.text is not None and keypath.has(here, path)]
    own: keypath.Tree = {}
    for path in changed:
        keypath.grow(own, path, placed(keypath.get(here, path), placeholders(settings), PLACEHOLDERS))
    training, dataset = own.get("training", {}), own.get("dataset", {})
    were = {path: _inherited(path, parent, settings) for path in wanted.flags}
    above = _told({path: were[path] for path in changed if path.startswith("dataset.")})
    parts = [
        _child_head(name, parent),
        tomli_w.dumps({"extends": _name_of(parent, settings)}),
        _unset(unset, {path: was for path, was in were.items() if path not in changed}),
        story_text(story),
        f"[training]\n{_options(training, were)}" if training else "",
        above + dataset_text(dataset, "dataset") if dataset else "",
        f'[origin]\ndefault = "{OWN}"\n' if own else "",
    ]
    return "\n".join(part for part in parts if part)


def _child_head(name: str, parent: Resolved) -> str:
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
    """Format the list of keys that are not inherited, on one line."""
    texts = [tomli_w.dumps({"key": key}).removeprefix("key = ").strip() for key in keys]
    return f"{_told(were)}unset = [{', '.join(texts)}]\n" if keys else ""


def _name_of(parent: Resolved, settings: Settings) -> str:
    """Return how the child names its parent: by name in the same folder, otherwise by relative path."""
    path = parent.chain[-1].path
    if settings.experiments.is_dir() and path.parent.samefile(settings.experiments):
        return parent.name
    try:
        return Path(os.path.relpath(path, settings.experiments)).as_posix()
    except ValueError:  # on another Windows drive
        return path.as_posix()


def _options(values: Mapping[str, Any], were: Mapping[str, str]) -> str:
    """Format options with the value each would inherit, behind it or, on a long line, above it."""
    text = ""
    for key, value in values.items():
        line, was = tomli_w.dumps({key: value}), comment(were[f"training.{key}"])
        short = line.count("\n") == was.count("\n") == 1 and len(line) + len(was) < LINE_WIDTH
        text += f"{line[:-1]}  {was}" if short else was + line
    return text


def _told(were: Mapping[str, str]) -> str:
    """Format comments on what is not inherited."""
    return "".join(comment(f"{path}: {was}") for path, was in were.items())


def _inherited(path: str, parent: Resolved, settings: Settings) -> str:
    """Describe what a child inherits at a key path, e.g. `4e-06 in humanoid_05 (assumed)`."""
    try:
        value = keypath.get({"training": parent.training, "dataset": parent.dataset}, path)
    except KeyError:
        return f"absent in {parent.name}"
    origin = parent.origins.get(path)
    by, kind = (origin.by, f" ({origin.kind})") if origin else (parent.name, "")
    return f"{as_toml(placed(value, placeholders(settings), PLACEHOLDERS))} in {by}{kind}"
