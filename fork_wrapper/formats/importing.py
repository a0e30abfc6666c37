"""From foreign files to experiment files: planning what to write, and writing it. No existing file is replaced."""

import math
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fork_wrapper.check.rules.prompt_file import SUFFIXES
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.experiment import LONGEST_NAME, SUFFIX
from fork_wrapper.files import plain_name, write_whole
from fork_wrapper.formats.experiment_text import experiment_text
from fork_wrapper.formats.fitted import Fitted, fit
from fork_wrapper.formats.found import NOTHING, Found, sounds_secret
from fork_wrapper.machine.settings import Settings, placeholders

PROMPTS = "prompts"
"""The folder of prompt files, beside the experiments."""


@dataclass(frozen=True, kw_only=True)
class Import:
    """One experiment to be written."""

    name: str
    """The experiment's name."""
    path: Path
    """The experiment's file."""
    text: str
    """The file's text."""
    prompts: tuple[Path, str] | None
    """The file and text of its sample prompts, if the source holds any."""
    fitted: Fitted
    """Its values and what there is to report about them."""


def plan_imports(
    found: Sequence[Found], settings: Settings, name: str | None, now: datetime, *, replace: bool = False
) -> list[Import]:
    """Plan the experiments of what was found; InputError if a name cannot be used.

    InputError also if a file exists already, unless `replace`, which is for files to be replaced or never written.
    """
    if name is not None and len(found) > 1:
        what = f"--name is for one run, and these files are of {len(found)}"
        names = ", ".join(one.path.name for one in found)
        raise InputError("nothing was imported", [Finding(what=what, where=names, todo="import them one by one")])
    planned = [_plan(one, settings, name or plain_name(one.name), now) for one in found]
    findings = [_taken(path) for one in planned for path in files_of(one) if path.exists() and not replace]
    twice = {one.name for one in planned if sum(other.name == one.name for other in planned) > 1}
    findings += [
        Finding(what=f"several of these files are called {name}", todo="import them one by one, with --name")
        for name in sorted(twice)
    ]
    if findings:
        raise InputError("nothing was imported", findings)
    return planned


def write_import(one: Import) -> None:
    """Write the experiment and its prompts."""
    if one.prompts is not None:
        write_whole(one.prompts[0], one.prompts[1])
    write_whole(one.path, one.text)


def _plan(found: Found, settings: Settings, name: str, now: datetime) -> Import:
    _check_name(name)
    return import_of(fit(found), settings, name, now)


def import_of(fitted: Fitted, settings: Settings, name: str, now: datetime) -> Import:
    """Make the experiment of these values, whether or not its files exist; InputError if its name cannot be used."""
    found = fitted.found
    path = settings.experiments / f"{name}{SUFFIX}"
    prompts = None
    if found.prompts is not None and found.prompts.strip():
        prompts = (settings.experiments / PROMPTS / f"{name}{_form(found)}", found.prompts)
    named = f"{PROMPTS}/{prompts[0].name}" if prompts else fitted.training.get("sample_prompts")
    text = experiment_text(fitted, name=name, folders=placeholders(settings), prompts=named, now=now)
    return Import(name=name, path=path, text=text, prompts=prompts, fitted=fitted)


def _form(found: Found) -> str:
    """Return the suffix that tells sd-scripts the format of the prompts (library/train_util.py:load_prompts)."""
    suffix = Path(str(found.options.get("sample_prompts", ""))).suffix
    return suffix if found.origins is not None and suffix in SUFFIXES else ".txt"


def files_of(one: Import) -> list[Path]:
    """Return the files that would be written, without a prompt file that exists with the same text."""
    if one.prompts is None or (one.prompts[0].is_file() and one.prompts[0].read_bytes() == one.prompts[1].encode()):
        return [one.path]
    return [one.path, one.prompts[0]]


def _taken(path: Path) -> Finding:
    return Finding(what="the file exists", where=str(path), todo="give another --name, or move the file")


def _check_name(name: str) -> None:
    if name != plain_name(name) or len(os.fsencode(name)) > LONGEST_NAME:
        todo = f"say --name {shlex.quote(plain_name(name)[:60])}"
        finding = Finding(what=f"{name!r} cannot be the name of an experiment", todo=todo)
        raise InputError("nothing was imported", [finding])


def to_json(one: Import) -> Mapping[str, Any]:
    """Return the report of an import as plain values; absent ones are null."""
    found = one.fitted.found

    return {
        "name": one.name,
        "path": str(one.path),
        "kind": found.kind,
        "what": found.what,
        "files": [{"path": str(file.path), "sha256": file.sha256, "what": file.what} for file in found.files],
        "training": one.fitted.training,
        "dataset": one.fitted.dataset,
        "prompts": found.prompts,
        "then": [
            {"key": item.key, "saved": _plain(item.saved), "then": _plain(item.then), "why": item.why}
            for item in found.then
        ],
        "left_out": [
            {"key": item.key, "value": _plain(item.value, item.key), "why": item.why} for item in found.left_out
        ],
        "notes": list(found.notes),
        "assumed": sorted(found.assumed & one.fitted.training.keys()),
    }


def _plain(value: Any, key: str = "") -> Any:
    """Return a value for JSON: NOTHING and secrets as null, what JSON cannot hold as text."""
    if value is NOTHING or sounds_secret(key):
        return None
    if isinstance(value, Mapping):
        return {name: _plain(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, (str, int, float)) or value is None else str(value)
