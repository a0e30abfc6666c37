"""The configuration that a verb works on: an experiment, or the one that an import would make of another source.

Nothing is written among the experiments; what the import leaves out or changes is reported along with the findings.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.experiment import SUFFIX, chain_of, experiment_names, parse_experiment
from fork_wrapper.experiment.resolve import Override, Resolved, resolve, resolve_chain
from fork_wrapper.files import flatten, plain_name, read_text, sha256_text, write_whole
from fork_wrapper.formats.found import is_file
from fork_wrapper.formats.source import Source, fitted_of, open_source
from fork_wrapper.machine.settings import Settings

if TYPE_CHECKING:
    from fork_wrapper.formats.fitted import Fitted


def configuration(
    text: str, settings: Settings, overrides: Sequence[Override] = (), allow: Sequence[str] = ()
) -> Resolved:
    """Resolve the experiment that `text` names, or the one an import makes of anything else `open_source` takes.

    Nothing is written among the experiments. What the import leaves out or changes is in `Resolved.told`.
    """
    if Path(text).name == text and text in experiment_names(settings.experiments):
        return resolve(text, settings, overrides, allow)
    source = open_source(text, settings, allow)
    if source.resolved is not None:
        return resolve_chain(source.resolved.chain, settings, overrides, allow) if overrides else source.resolved
    return _imported(source, text, settings, overrides, allow)


def _imported(
    source: Source, text: str, settings: Settings, overrides: Sequence[Override], allow: Sequence[str]
) -> Resolved:
    from fork_wrapper.formats.importing import import_of  # noqa: PLC0415 - most configurations are experiments

    named = text if source.kind == "file" else str(source.path)
    fitted = fitted_of(source)
    name = plain_name(fitted.found.name)
    made = import_of(fitted, settings, name, datetime.now().astimezone())
    experiment = replace(parse_experiment(made.text, made.path, allow), path=source.path.absolute())
    resolved = resolve_chain(chain_of(experiment, settings.experiments, allow), settings, overrides, allow)
    if made.prompts is not None and "training.sample_prompts" not in resolved.flags:
        file = settings.cache / "prompts" / f"{sha256_text(made.prompts[1])}{made.prompts[0].suffix}"
        write_whole(file, made.prompts[1])
        resolved = replace(resolved, training={**resolved.training, "sample_prompts": file.as_posix()})
    told = [_told(fitted, named, name), *_of_a_rehearsal(source)]
    return replace(resolved, imported=named, told=tuple(told))


def refuse_borrowed_name(resolved: Resolved, settings: Settings) -> None:
    """Raise InputError if an import would run under the name of an experiment with other values."""
    if not resolved.imported or resolved.name not in experiment_names(settings.experiments):
        return
    path = settings.experiments / f"{resolved.name}{SUFFIX}"
    own = resolve(str(path), settings)
    one, two = (_values(each, resolved.flags) for each in (own, resolved))
    differ = sorted(key for key in {*one, *two} if one.get(key) != two.get(key))
    if differ:
        what = f"{path.name} has other values ({', '.join(differ[:3])}{', ...' if len(differ) > 3 else ''})"
        source = shlex.quote(resolved.imported)
        todo = f"kft import-config {source} --name OTHER, then kft run OTHER; a run as it was: kft reproduce"
        finding = Finding(what=what, where=str(path), todo=todo)
        raise InputError(f"an experiment is called {resolved.name} already", [finding])


def _values(resolved: Resolved, without: Mapping[str, Any]) -> dict[str, str]:
    """Return values for comparison, except those set on the command line; prompts count by their text."""
    values = flatten({"training": resolved.training, "dataset": resolved.dataset})
    prompts = Path(str(values.get("training.sample_prompts", "")))
    if is_file(prompts):
        values["training.sample_prompts"] = sha256_text(read_text(prompts))
    return {key: repr(value) for key, value in values.items() if key not in without}


def _of_a_rehearsal(source: Source) -> list[Finding]:
    """Return an error for the record of a rehearsal, which holds the miniature's values."""
    rehearsal = source.record.rehearsal if source.record else (source.header or {}).get("run", {}).get("rehearsal")
    if not rehearsal:
        return []
    what = "it comes from a rehearsal: size, steps and precision are those of the miniature, not of a real run"
    return [Finding(what=what, where=str(source.path), todo="name the experiment that was rehearsed")]


def _told(fitted: "Fitted", named: str, name: str) -> Finding:
    """Sum up an import: where it is from, and how much differs from the file."""
    found = fitted.found
    parts = [
        f"{len(items)} {words}"
        for items, words in (
            (found.left_out, "left out"),
            (found.then, "took effect otherwise than saved"),
            (found.notes, "worth knowing"),
        )
        if items
    ]
    what = f"{name} is read from {found.what}" + (f": {', '.join(parts)}" if parts else "")
    todo = f"kft import-config {shlex.quote(named)} --print tells all of it; without --print it becomes an experiment"
    return Finding(what=what, where=str(found.path), todo=todo, severity="note")
