"""An imported configuration as the text of an experiment file: values, origins, comments that say where it is from."""

import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import tomli_w

from fork_wrapper import __version__
from fork_wrapper.experiment.experiment import OWN, SOURCE
from fork_wrapper.files import flatten
from fork_wrapper.formats.fitted import Fitted
from fork_wrapper.formats.found import NOTHING, LeftOut, Then, holds_secret, sounds_secret
from fork_wrapper.run.render import dataset_text
from fork_wrapper.sdscripts.meaning import TITLES, kind_of
from fork_wrapper.sdscripts.options import options
from fork_wrapper.text import as_toml

WIDTH = 116
"""Columns of a comment."""

PLACES = ("models", "datasets")
"""Folders of the settings that a path can begin with."""


def experiment_text(
    fitted: Fitted, *, name: str, folders: Mapping[str, str], prompts: str | None, now: datetime
) -> str:
    """The file's text.

    `name` is the experiment's; `folders` are the settings' placeholders, which take the place of this machine's paths;
    `prompts` is how the file names its sample prompts, None where it has none.
    """
    training = {key: placed(value, folders) for key, value in fitted.training.items() if key != "sample_prompts"}
    if prompts is not None:
        training["sample_prompts"] = prompts
    dataset = placed(fitted.dataset, folders)
    parts = [_head(fitted, name, now), _story(fitted.found.story), training_text(training)]
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
    """`max_train_steps: saved 1600, effective then 800 (the GUI ...)`."""
    return f"{one.key}: saved {_said(one.saved)}, effective then {_said(one.then, one.key)} ({one.why})"


def left_text(one: LeftOut) -> str:
    """`output_dir = "D:/out" (kft manages it)`."""
    hidden = one.value is NOTHING or sounds_secret(one.key) or holds_secret(one.value)
    value = "" if hidden else f" = {_plain(one.value)}"
    return f"{one.key}{value} ({one.why})"


_FALLBACKS: Mapping[str, str] = dict.fromkeys(["learning_rate_te1", "learning_rate_te2"], "the U-Net's rate")
"""What takes the place of an absent option without a default (sdxl_train.py:299-300)."""


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
    """A line as comment lines of TOML, broken between words; control characters are not allowed in comments."""
    plain = "".join(letter if letter.isprintable() else " " for letter in line)
    indent = " " * (len(plain) - len(plain.lstrip()) + (2 if plain.lstrip().startswith("- ") else 0))
    broken = textwrap.wrap(plain, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "".join(f"# {part}\n" for part in broken) or "#\n"


def _story(story: Mapping[str, Any]) -> str:
    if not story:
        return "# [story]   purpose, changes, problems, solutions, decision, notes: what no tool can recover\n"
    return tomli_w.dumps({"story": story})  # with its translations, which are tables below it


def training_text(training: Mapping[str, Any]) -> str:
    """The options as [training], in groups, first those that differ from sd-scripts' defaults."""
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
    """Where the values are from; what is not as the most is named, all but an option by its key path in quotes."""
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
    """Paths below a folder of the settings by its placeholder, in texts at any depth."""
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
