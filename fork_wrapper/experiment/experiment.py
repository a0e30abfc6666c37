"""An experiment as people write it: one small TOML file, its parents, its story and where its values come from.

Here a file becomes an `Experiment`; that its keys exist and fit is checked on the way, all errors of a file at once.
What the chain of parents adds up to is `resolve`'s work.
"""

import contextlib
import hashlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dataset_tools.names import is_plain
from fork_wrapper.errors import Finding, InputError, raise_if_any
from fork_wrapper.experiment.schema import Where, check_dataset, check_training
from fork_wrapper.experiment.story import SHAPES, has_shape, story_findings
from fork_wrapper.files import RECORD_NAME, flatten, line_of, parse_toml, plain_name, read_text, sha256_text
from fork_wrapper.machine.backslashes import swallowed_backslashes
from fork_wrapper.machine.settings import begin
from fork_wrapper.text import nearest

SUFFIX = ".toml"
LONGEST_NAME = 200
"""Bytes; file systems take 255, and sd-scripts appends the step and a suffix."""
TABLES: Mapping[str, str] = {
    "extends": "a string",
    "template": "true or false",
    "unset": "a list of strings",
    "story": "a table",
    "training": "a table",
    "dataset": "a table",
    "origin": "a table",
    "acknowledge": "a table",
}
"""What an experiment file may hold at its top, and of which shape."""

ORIGINS = ("documented", "assumed", "recovered", "measured", "chosen")
"""Whose a value can be: somebody else's document's, a guess, an old file's, a measurement's, or the writer's own."""

SOURCE = "source"
"""Key of `[origin]` that names the document which `documented` values of the file stand in."""

OWN = "chosen"
"""The origin of what no file says otherwise: whoever writes an experiment, or a --set, chose the value."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One experiment file, checked."""

    name: str
    """The file's stem; runs and checkpoints are named after it."""
    path: Path
    """Absolute path of the file."""
    text: str
    """The file as written."""
    sha256: str
    """Of the file as it is, its byte order mark included; of the text where there is no file yet."""
    extends: str | None
    """Name of the parent."""
    template: bool = False
    """Whether it is there to be extended only, and no experiment of its own."""
    unset: tuple[str, ...]
    """Inherited key paths to forget: TOML has no way to say absent."""
    story: Mapping[str, Any]
    """What no tool can derive: purpose, changes, problems, solutions, decision, notes, and more (`STORY`)."""
    training: Mapping[str, Any]
    """Options of sdxl_train.py, typed."""
    dataset: Mapping[str, Any]
    """sd-scripts' dataset config, as a tree."""
    source: str = ""
    """The document that its documented values stand in; empty where it names none."""
    origins: Mapping[str, str]
    """For each value of this file, by key path (`training.seed`, `dataset.general.flip_aug`), where it comes from."""
    acknowledged: Mapping[str, str] = field(default_factory=dict)
    """Rules whose warnings and notes are known and meant, by id, each with the reason."""


def load_experiment(path: Path, allow: Collection[str] = ()) -> Experiment:
    """Read and check one file; InputError lists everything that is wrong with it, but for unknown names in `allow`."""
    experiment = parse_experiment(read_text(path), path, allow)
    return replace(experiment, sha256=hashlib.sha256(path.read_bytes()).hexdigest())  # with its byte order mark


def parse_experiment(text: str, path: Path, allow: Collection[str] = ()) -> Experiment:
    """The same of a text that lies, or is to lie, at `path`."""
    raw = parse_toml(text, path)
    where = _where_in(path, text)
    findings = [*_name(path), *_shape(raw, where), *swallowed_backslashes(flatten(raw), text, path)]
    tables = {key: raw[key] if isinstance(raw.get(key), dict) else {} for key in TABLES}
    training, wrong = check_training(tables["training"], where, allow)
    findings += wrong + check_dataset(tables["dataset"], where, allow)
    origins, wrong = _origins(tables, where)
    findings += wrong + _acknowledge(tables["acknowledge"], where)
    raise_if_any(f"{path.name} has {_count(findings)}", findings)
    return Experiment(
        name=path.stem,
        path=path.absolute(),
        text=text,
        sha256=sha256_text(text),
        extends=raw.get("extends"),
        template=raw.get("template") is True,
        unset=tuple(raw.get("unset", ())),
        story=tables["story"],
        training=training,
        dataset=tables["dataset"],
        source=source_of(tables),
        origins=origins,
        acknowledged=tables["acknowledge"],
    )


def find_experiment(name: str, folder: Path, *, beside: Path | None = None, where: str = "") -> Path:
    """The file of an experiment given by name or path; a parent is looked for beside its child first.

    A path belongs to `beside`, or to the working folder. InputError offers the nearest names when there is none, and
    points at `where` the name is said, or at the folder.
    """
    stem = name.removesuffix(SUFFIX)
    places = [beside or Path.cwd()] if name.endswith(SUFFIX) else [*([beside] if beside else []), folder]
    for place in places:
        path = place / f"{stem}{SUFFIX}"
        with contextlib.suppress(OSError):  # a name longer than the file system allows
            if path.is_file():
                return path.absolute()
    names = experiment_names(folder)
    near = nearest(stem, names, 3, cutoff=0.5)
    todo = "`kft list` shows what there is" if names else begin(folder) or f"write {folder / f'{stem}{SUFFIX}'}"
    if near:
        todo = f"did you mean {' or '.join(near)}?"
    finding = Finding(what="no such experiment", where=where or str(folder), todo=todo)
    raise InputError(f"no experiment is called {name!r}", [finding])


def experiment_names(folder: Path) -> list[str]:
    """Names of all experiment files of a folder, sorted."""
    return sorted(path.stem for path in folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []


def load_chain(name: str, folder: Path, allow: Collection[str] = ()) -> tuple[Experiment, ...]:
    """The experiment and its parents, root first; InputError names a cycle with its whole way round."""
    return chain_of(load_experiment(find_experiment(name, folder), allow), folder, allow)


def chain_of(experiment: Experiment, folder: Path, allow: Collection[str] = ()) -> tuple[Experiment, ...]:
    """The same of an experiment whose own file need not be written yet."""
    chain = [experiment]
    while (parent := chain[-1].extends) is not None:
        child = chain[-1].path
        said = _where_in(child, chain[-1].text)("extends")
        path = find_experiment(parent, folder, beside=child.parent, where=said)
        if any(link.path.exists() and path.samefile(link.path) for link in chain):
            way = " -> ".join([*(link.name for link in chain), path.stem])
            finding = Finding(what=f"extends goes in a circle: {way}", where=str(child), todo="break it")
            raise InputError(f"{chain[0].name} has no root", [finding])
        chain.append(load_experiment(path, allow))
    return tuple(reversed(chain))


def _where_in(path: Path, text: str) -> Where:
    """What points at a key of this file."""

    def where(key: str) -> str:
        line = line_of(text, key)
        return f"{path}, line {line}: {key}" if line else f"{path}: {key}"

    return where


def _count(findings: list[Finding]) -> str:
    return "an error" if len(findings) == 1 else f"{len(findings)} errors"


def _name(path: Path) -> list[Finding]:
    """What is wrong with the file's name, which becomes the name of folders, checkpoints and sidecars."""
    if path.stem == RECORD_NAME:
        what = f"an experiment cannot be called {RECORD_NAME}: its sidecar would be the run's {RECORD_NAME}.json"
        return [Finding(what=what, where=str(path), todo="rename the file")]
    if not is_plain(path.stem):
        what = "its runs and checkpoints would have a name that is none, or a path, on some systems"
        return [Finding(what=what, where=str(path), todo=f"rename the file: {plain_name(path.stem)}{SUFFIX}")]
    if len(os.fsencode(path.stem)) > LONGEST_NAME:
        what = f"the name is longer than {LONGEST_NAME} bytes: its checkpoints could not be written"
        return [Finding(what=what, where=str(path), todo="rename the file")]
    return []


def _shape(raw: Mapping[str, Any], where: Where) -> list[Finding]:
    """What is wrong with the top level and the story."""
    findings = []
    for key, value in raw.items():
        if key not in TABLES:
            near = nearest(key, TABLES, 1)
            todo = f"did you mean [{near[0]}]?" if near else "options of sdxl_train.py belong under [training]"
            findings.append(Finding(what=f"{key} is not part of an experiment", where=where(key), todo=todo))
        elif not has_shape(value, TABLES[key]):
            what, todo = f"{key} must be {TABLES[key]}", f"write {SHAPES[TABLES[key]].format(key=key)}"
            findings.append(Finding(what=what, where=where(key), todo=todo))
    story = raw.get("story", {})
    return findings + (story_findings(story, where) if isinstance(story, dict) else [])


def _acknowledge(table: Mapping[str, Any], where: Where) -> list[Finding]:
    """What is acknowledged without a reason; whether there are such rules is asked where they are all at hand."""
    return [
        Finding(
            what=f"{key} is acknowledged without a reason",
            where=where(f"acknowledge.{key}"),
            todo=f'write {key} = "why it is meant so"',
        )
        for key, reason in table.items()
        if not isinstance(reason, str) or not reason.strip()
    ]


def _origins(tables: Mapping[str, Mapping[str, Any]], where: Where) -> tuple[dict[str, str], list[Finding]]:
    """The origin of every value of the file, and origins that name nothing or say nothing known."""
    said = flatten(tables["origin"])
    source = said.pop(SOURCE, "a name")
    findings = [
        Finding(
            what=f"{key} cannot be {value!r}", where=where(f"origin.{key}"), todo=f"choose one of: {', '.join(ORIGINS)}"
        )
        for key, value in said.items()
        if value not in ORIGINS
    ]
    values = flatten({name: tables[name] for name in ("training", "dataset")})
    told = flatten({"story": tables["story"]})
    names = {"default", *told, *values, *(path.rsplit(".", 1)[-1] for path in values)}
    findings += [
        Finding(
            what=f"this file sets no {key}", where=where(f"origin.{key}"), todo="remove the line, or set the value here"
        )
        for key in said
        if key not in names
    ]
    if not isinstance(source, str) or not source.strip():
        todo = f'write {SOURCE} = "the document that says the values"'
        findings.append(Finding(what=f"{SOURCE} must be a string", where=where(f"origin.{SOURCE}"), todo=todo))
    origins = origins_of(tables)
    return {path: origins[path] for path in values}, findings


def source_of(tables: Mapping[str, Any]) -> str:
    """The document that a file's documented values stand in, as its `[origin]` names it; empty where it names none."""
    said = tables.get("origin", {}).get(SOURCE)
    return " ".join(said.split()) if isinstance(said, str) else ""


def origins_of(tables: Mapping[str, Any]) -> dict[str, str]:
    """The origin of every value of a file, and of every part of its story, by key path.

    A bare key (`noise_offset`) is meant for every value of that name; a key path for one, as for a part of the story
    (`"story.decision"`). What the file says nothing of is the choice of whoever wrote it.
    """
    said = flatten(tables.get("origin", {}))
    default = said.get("default", OWN)
    values = flatten({name: tables.get(name, {}) for name in ("training", "dataset")})
    found = {path: said.get(path, said.get(path.rsplit(".", 1)[-1], default)) for path in values}
    return found | {path: said.get(path, default) for path in flatten({"story": tables.get("story", {})})}
