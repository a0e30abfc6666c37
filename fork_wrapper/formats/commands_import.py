"""A command line or script that starts sdxl_train.py, read together with the files it names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.schema import SECRETS
from fork_wrapper.formats.command_line import words_to_options
from fork_wrapper.formats.config_files import flat, is_dataset, read_config_toml, read_named_dataset_config
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
from fork_wrapper.formats.launchers import begins, directives, is_launcher, launch_left, program_name
from fork_wrapper.formats.scripts import Command, commands
from fork_wrapper.formats.transcript import broken_lines, joined, out_of_strings, unquoted
from fork_wrapper.sdscripts.options import options as known_options

_UNFILLED = re.compile(r"\$\w|\$[{(]|%\w+%|<[^<>]+>|\{\w+\}")
"""Placeholders that a shell or a program would have filled with a value."""

_A_SCRIPT = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, (SDXL_TRAIN, *SCRIPTS)))})(?!\w)")

PROGRAMS = frozenset([".py", ".ipynb"])
"""Suffixes of files where `{name}` stands for a variable."""


def mentions_training(text: str) -> bool:
    """Return whether a text may hold a command that starts an sd-scripts training script."""
    return bool(_A_SCRIPT.search(text))


def read_command(text: str, path: Path, *, literal: bool = False) -> Found:
    """Read the command in a text; InputError if there is none, several, or one for another script."""
    where = "the command line" if literal else str(path)
    command = _the_one(text, path, where)
    line, words = command.line, command.words
    at = next(index for index, word in enumerate(words) if _script(word) == SDXL_TRAIN)
    options, problems = words_to_options(words[at + 1 :])
    if not options:
        what = f"line {line} sets no option of {SDXL_TRAIN}" + (f": {problems[0]}" if problems else "")
        raise refuse(path, what, "name a file with a whole command")
    what = "a command line of sdxl_train.py" + ("" if literal else f", line {line}")
    files = [source_file(path, text, what)]
    notes = [*command.notes, *problems, *_unfilled(options)]
    if command.folder:
        notes.append(f"it was started in {command.folder}: relative paths belong there")
    options, left, then, more = _with_config(options, path.parent, files)
    dataset, told, out = _dataset(options, path.parent, files)
    return Found(
        kind="command",
        what=what,
        files=tuple(files),
        options=options,
        dataset=dataset,
        left_out=(*_around(command, at, text), *left, *out),
        then=tuple(then),
        notes=(*notes, *more, *told),
    )


def _around(command: Command, at: int, text: str) -> list[LeftOut]:
    """Return what the command says before the script, and variables that the text sets but does not use itself."""
    env = [
        f"{name}={value}"
        for name, value in command.environment.items()
        if not re.search(rf"[$%{{](?:\{{|env:)?{re.escape(name)}\b(?!\s*\+?=)", text)
    ]
    return [*directives(text), *launch_left([*env, *command.words[:at]])]


def _the_one(text: str, path: Path, where: str) -> Command:
    """Return the only sdxl_train.py command, its words starting at its launch; equal commands count once."""
    found: dict[tuple[str, ...], Command] = {}
    others: dict[str, int] = {}
    program = path.suffix.lower() in PROGRAMS
    whole_text, mended = _unbroken(out_of_strings(text) if program else text, path)
    rest = list(commands(whole_text, program=program))
    for number, command in enumerate(rest):
        at = next((index for index, word in enumerate(command.words) if _script(word)), -1)
        if at < 0 or not _starts(command.words, at):
            continue
        if _script(command.words[at]) == SDXL_TRAIN:
            _refuse_a_tail(command, rest[number + 1 :], path)
            notes = (*command.notes, *([_JOINED] if command.line in mended else []))
            whole = replace(command, words=command.words[begins(command.words[:at]) :], notes=notes)
            found.setdefault(command.words[at + 1 :], whole)
        else:
            others.setdefault(_script(command.words[at]), command.line)
    if len(found) == 1:
        return next(iter(found.values()))
    raise _not_one(path, where, sorted(one.line for one in found.values()), others)


_JOINED = "its lines were broken by a console or a log, and are joined here"


def _refuse_a_tail(command: Command, rest: Sequence[Command], path: Path) -> None:
    """Raise InputError if later lines can only be the rest of the command, and nothing joins them."""
    for later in rest:
        if any(word.endswith(".py") or is_launcher(word) for word in later.words):
            return
        if _has_options(later.words):
            what = f"line {later.line} belongs to the command of line {command.line}, and nothing joins them"
            raise refuse(
                path, what, "join the lines of the command into one, or end each but the last with a backslash"
            )


def _has_options(words: Sequence[str]) -> bool:
    """Return whether words hold options that only sdxl_train.py has: other programs have a --seed, too."""
    flags = [word.split("=", 1)[0].lstrip("-") for word in words if word.startswith("--")]
    return any("_" in flag and flag in known_options() for flag in flags)


def _unbroken(text: str, path: Path) -> tuple[str, frozenset[int]]:
    """Rejoin commands that a console or a log has broken; return the text and the line numbers concerned, from 1.

    InputError if no reading is complete.
    """
    text = unquoted(text)
    lines, mended = text.split("\n"), set[int]()
    for start, end, pieces in broken_lines(text):
        alone, by_words, by_letters = (_faults(one) for one in (pieces[0], *joined(pieces)))
        least = len(lines[start]) - len(lines[start].lstrip())
        deeper = all(len(one) - len(one.lstrip()) > least for one in lines[start + 1 : end])
        if not deeper and ((by_words and by_letters) or not (alone or _has_options(" ".join(pieces[1:]).split()))):
            continue  # what follows is something else
        if by_words and by_words == by_letters:
            what = f"the command of line {start + 1} is broken over lines, and kft cannot tell where it ends"
            raise refuse(path, what, "join its lines into one")
        best = joined(pieces)[0 if by_words <= by_letters else 1]
        indented = lines[start][: len(lines[start]) - len(lines[start].lstrip())]
        lines[start] = indented + best
        lines[start + 1 : end] = [""] * (end - start - 1)
        mended.add(start + 1)
    return "\n".join(lines), frozenset(mended)


def _faults(line: str) -> int:
    """Count how much of a command line its parser would reject; a line that starts no training is all wrong."""
    for command in commands(line):
        at = next((index for index, word in enumerate(command.words) if _script(word) == SDXL_TRAIN), -1)
        if at >= 0:
            return len(words_to_options(command.words[at + 1 :])[1])
    return len(line.split())


def _starts(words: Sequence[str], at: int) -> bool:
    """Return whether words that include a script start it; a text may only mention it."""
    return any(is_launcher(word) for word in words[:at]) or any(word.startswith("--") for word in words[at + 1 :])


def _not_one(path: Path, where: str, lines: Sequence[int], others: Mapping[str, int]) -> InputError:
    """Make the error for a text without an sdxl_train.py command, or with several."""
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


def _script(word: str) -> str:
    """Return the training script that a word names; empty if none."""
    name = program_name(word)
    return name if name == SDXL_TRAIN or name in SCRIPTS else ""


def _unfilled(options: Mapping[str, Any]) -> list[str]:
    """Return a warning for each value that holds a variable, since the text does not say what it stood for."""
    return [
        f"{key} holds what a shell or a program would have filled in: {value}"
        for key, value in sorted(options.items())
        if key not in SECRETS and _UNFILLED.search(value if isinstance(value, str) else "")
    ]


def _with_config(
    options: Mapping[str, Any], folder: Path, files: list[SourceFile]
) -> tuple[dict[str, Any], list[LeftOut], list[Then], list[str]]:
    """Merge the options over those of the `--config_file`: the command line wins (train_util.py:4760-4761)."""
    named = options.get("config_file")
    if not named:
        return dict(options), [], [], []
    path = nearby(str(named) if str(named).endswith(".toml") else f"{named}.toml", folder)
    if path is None:
        return dict(options), [], [], [f"its --config_file {named} is not here: name that file too"]
    raw, text, notes = read_config_toml(path)
    if is_dataset(raw):
        return dict(options), [], [], [f"its --config_file {named} is a dataset config: it sets no option"]
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
    options: dict[str, Any], folder: Path, files: list[SourceFile]
) -> tuple[dict[str, Any] | None, list[str], list[LeftOut]]:
    """Read the dataset config that the options name, if it can be found; remove the option if the file is not one."""
    named = options.get("dataset_config")
    path = nearby(str(named), folder) if named else None
    if path is None:
        return None, [], []
    found = read_named_dataset_config(str(named), path, files, "the --dataset_config that it names")
    if found[2]:
        del options["dataset_config"]
    return found


def nearby(named: str, folder: Path) -> Path | None:
    """Find a file as named, or by its bare name beside the file that names it, since folders move."""
    tail = named.replace("\\", "/").rsplit("/", 1)[-1]
    for path in (Path(named) if Path(named).is_absolute() else folder / named, Path(named), folder / tail):
        if is_file(path):
            return path
    return None
