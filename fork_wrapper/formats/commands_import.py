"""A command line or a script that starts sdxl_train.py, with the files it names, as what was found."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.formats.command_line import words_to_options
from fork_wrapper.formats.config_files import flat, read_config_toml, read_dataset_config
from fork_wrapper.formats.found import (
    SCRIPTS,
    SDXL_TRAIN,
    Found,
    LeftOut,
    SourceFile,
    Then,
    is_file,
    refuse,
    sounds_secret,
    source_file,
)
from fork_wrapper.formats.scripts import Command, commands
from fork_wrapper.schema import SECRETS

_UNFILLED = re.compile(r"\$\w|\$[{(]|%\w+%|<[^<>]+>|\{\w+\}")
"""What a shell or a program would have put a value in place of."""

_A_SCRIPT = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, (SDXL_TRAIN, *SCRIPTS)))})(?!\w)")

_LAUNCHERS = ("accelerate", "python", "torchrun", "deepspeed")


def mentions_training(text: str) -> bool:
    """Whether a text may hold a command that starts a training script of sd-scripts."""
    return bool(_A_SCRIPT.search(text))


def read_command(text: str, path: Path, *, literal: bool = False) -> Found:
    """What the command in a text trains; InputError when there is none, several, or one of another script."""
    where = "the command line" if literal else str(path)
    line, words = _the_one(text, path, where)
    at = next(index for index, word in enumerate(words) if _script(word) == SDXL_TRAIN)
    options, problems = words_to_options(words[at + 1 :])
    if not options:
        what = f"line {line} sets no option of {SDXL_TRAIN}" + (f": {problems[0]}" if problems else "")
        raise refuse(path, what, "name a file with a whole command")
    what = "a command line of sdxl_train.py" + ("" if literal else f", line {line}")
    files = [source_file(path, text, what)]
    notes = [*problems, *_unfilled(options)]
    options, left, then, more = _with_config(options, path.parent, files)
    dataset, told = _dataset(options, path.parent, files)
    return Found(
        kind="command",
        what=what,
        files=tuple(files),
        options=options,
        dataset=dataset,
        left_out=(*_launch(words[:at]), *left),
        then=tuple(then),
        notes=(*notes, *more, *told),
    )


def _the_one(text: str, path: Path, where: str) -> tuple[int, tuple[str, ...]]:
    """The only command of sdxl_train.py, with its line; equal ones count once."""
    found: dict[tuple[str, ...], tuple[int, tuple[str, ...]]] = {}
    others: dict[str, int] = {}
    for command in commands(text):
        at = next((index for index, word in enumerate(command.words) if _script(word)), -1)
        if at < 0 or not _starts(command.words, at):
            continue
        if _script(command.words[at]) == SDXL_TRAIN:
            found.setdefault(command.words[at + 1 :], (command.line, _from_launch(command)))
        else:
            others.setdefault(_script(command.words[at]), command.line)
    if len(found) == 1:
        return next(iter(found.values()))
    raise _not_one(path, where, sorted(line for line, _ in found.values()), others)


def _starts(words: Sequence[str], at: int) -> bool:
    """Whether words with a script among them start it; a text may only speak of it."""
    return any(_program(word).startswith(_LAUNCHERS) for word in words[:at]) or any(
        word.startswith("--") for word in words[at + 1 :]
    )


def _not_one(path: Path, where: str, lines: Sequence[int], others: Mapping[str, int]) -> InputError:
    """The error of a text without a command of sdxl_train.py, or with several."""
    if lines:
        what = f"it starts {SDXL_TRAIN} {len(lines)} times (lines {', '.join(map(str, lines))})"
        finding = Finding(what=what, where=where, todo="copy one command into a file of its own")
        return InputError(f"cannot import {path.name}", [finding])
    if others:
        script, line = next(iter(others.items()))
        todo = f"kft is for full fine-tunes of SDXL, which are {SDXL_TRAIN}'s"
        return refuse(path, f"line {line} starts {script}, which trains {SCRIPTS[script]}", todo)
    todo = f"name a file with an `accelerate launch ... {SDXL_TRAIN} ...` line"
    return refuse(path, f"it starts no {SDXL_TRAIN}", todo)


def _program(word: str) -> str:
    """The name of a program or a script, without its folder."""
    return word.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".exe").lstrip("!")


def _script(word: str) -> str:
    """The training script that a word names, if it does."""
    name = _program(word)
    return name if name == SDXL_TRAIN or name in SCRIPTS else ""


def _from_launch(command: Command) -> tuple[str, ...]:
    """The words from `accelerate` or `python` on: what a log printed before them is no part of the command."""
    for index, word in enumerate(command.words):
        if _program(word).startswith(_LAUNCHERS) or _script(word):
            return command.words[index:]
    return command.words


def _unfilled(options: Mapping[str, Any]) -> list[str]:
    """A warning of every value that holds a variable: what it stood for is not in the text."""
    return [
        f"{key} holds what a shell or a program would have filled in: {value}"
        for key, value in sorted(options.items())
        if key not in SECRETS and _UNFILLED.search(value if isinstance(value, str) else "")
    ]


def _launch(words: Sequence[str]) -> list[LeftOut]:
    """The flags for accelerate itself."""
    flags: dict[str, str] = {}
    for index, word in enumerate(words):
        if not word.startswith("--"):
            continue
        name, _, value = word.partition("=")
        following = words[index + 1] if index + 1 < len(words) else ""
        flags[name] = value or ("" if following.startswith("-") else following)
    why = "accelerate's: see the settings num_processes, num_machines, accelerate_args"
    plain = {("--num_processes", "1"), ("--num_machines", "1"), ("--dynamo_backend", "no")}
    return [
        LeftOut(key=name, value=value, why=why)
        for name, value in flags.items()
        if (name, value) not in plain and name not in ("--mixed_precision", "--num_cpu_threads_per_process")
    ]


def _with_config(
    options: Mapping[str, Any], folder: Path, files: list[SourceFile]
) -> tuple[dict[str, Any], list[LeftOut], list[Then], list[str]]:
    """The options with those of the `--config_file` under them: the command line wins (train_util.py:4760-4761)."""
    named = options.get("config_file")
    if not named:
        return dict(options), [], [], []
    path = nearby(str(named) if str(named).endswith(".toml") else f"{named}.toml", folder)
    if path is None:
        return dict(options), [], [], [f"its --config_file {named} is not here: name that file too"]
    raw, text, notes = read_config_toml(path)
    files.append(source_file(path, text, "the --config_file that it names"))
    written, left, more = flat(raw)
    why = "the command line wins over the --config_file"
    then = [
        Then(key=key, saved=written[key], then=options[key], why=why)
        for key in sorted(written.keys() & options.keys())
        if repr(written[key]) != repr(options[key]) and not sounds_secret(key)
    ]
    return {**written, **options}, left, then, [*notes, *more]


def _dataset(
    options: Mapping[str, Any], folder: Path, files: list[SourceFile]
) -> tuple[dict[str, Any] | None, list[str]]:
    """The dataset config that the options name, where it can be found."""
    named = options.get("dataset_config")
    path = nearby(str(named), folder) if named else None
    if path is None:
        return None, []
    raw, text, notes = read_dataset_config(path)
    files.append(source_file(path, text, "the --dataset_config that it names"))
    return raw, notes


def nearby(named: str, folder: Path) -> Path | None:
    """A file as it is named, or by its bare name beside the file that names it, since folders move."""
    tail = named.replace("\\", "/").rsplit("/", 1)[-1]
    for path in (Path(named) if Path(named).is_absolute() else folder / named, Path(named), folder / tail):
        if is_file(path):
            return path
    return None
