"""Everything that can be said before a launch: rules about the configuration, facts about the machine, the plan.

The one place where a configuration, its images, the machine and earlier runs come together. Nothing is changed.
"""

import difflib
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dataset_tools.last_look import last_look
from dataset_tools.survey import FolderSurvey
from fork_wrapper import keypath
from fork_wrapper.errors import SEVERITIES, Finding
from fork_wrapper.files import line_of
from fork_wrapper.plan import Plan, make_plan, space
from fork_wrapper.preflight import Machine, image_folders, look_at
from fork_wrapper.render import Trainer
from fork_wrapper.resolve import MODEL_OPTIONS, PATH_OPTIONS, Resolved
from fork_wrapper.rules.case import Case, Host
from fork_wrapper.rules.table import findings as rule_findings
from fork_wrapper.rules.table import load_functions
from fork_wrapper.sdscripts.options import dataset_keys, options
from fork_wrapper.settings import PLACEHOLDERS, Settings
from fork_wrapper.subsets import survey_subsets


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found."""

    findings: tuple[Finding, ...]
    """Errors stop a run; warnings and notes are shown."""
    plan: Plan
    """What the run would do."""
    machine: Machine
    """What it would run on."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that stop a run."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def check(
    resolved: Resolved,
    settings: Settings,
    trainer: Trainer,
    *,
    files: Mapping[str, str] = MappingProxyType({}),
    fresh: bool = False,
) -> Checked:
    """Judge `resolved` as `trainer` would be launched with it on this machine.

    `files` are those that kft will write into the run folder, by name. With `fresh` nothing is taken from memory
    that a record will state as a fact.
    """
    with ThreadPoolExecutor(1) as pool:  # git and the trainer's Python answer while images and rules are read
        looking = pool.submit(look_at, resolved.training, settings, trainer, fresh=fresh)
        surveys = survey_subsets(resolved.training, resolved.dataset, settings.cache)
        load_functions()
        machine = looking.result()
    case = case_of(resolved, surveys, _host(machine, settings, trainer), files)
    plan = make_plan(case, resolved.name, settings, machine, trainer)
    ruled = in_words_of(resolved, rule_findings(case))
    found = [*machine.findings, *image_folders(case), *space(plan, settings.outputs)]
    found += [one for one in ruled if not _is_ours(one)]
    found += [*_placeholders(resolved), *_let_through(resolved)]
    if not trainer.rehearsal:  # which may train on a drawn set
        found += _last_looks(resolved, surveys, settings.cache)
    found.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Checked(findings=tuple(found), plan=plan, machine=machine)


def case_of(
    resolved: Resolved, surveys: Mapping[str, FolderSurvey] | None, host: Host, files: Mapping[str, str]
) -> Case:
    """The case that the rules judge."""
    return Case(
        training=resolved.training,
        dataset=resolved.dataset,
        host=host,
        surveys=surveys,
        prompts=_prompts(resolved, files),
    )


def _last_looks(resolved: Resolved, surveys: Mapping[str, FolderSurvey], cache: Path) -> list[Finding]:
    """What the last `kft dataset check` knows of the images: no more than notes, and no image is opened for them."""
    todo = f"kft dataset check {resolved.name}"
    found = []
    for where, survey in {str(one.folder): one for one in surveys.values() if one.sizes}.items():
        last = last_look(cache, survey)
        if last is not None and last.broken:
            few = ", ".join(last.broken[:3])
            rest = f" and {len(last.broken) - 3} more" if len(last.broken) > 3 else ""
            what = f"images that could not be decoded when last looked at: {few}{rest}"
        elif last is None or not last.current:
            what = (
                "nobody has decoded these images yet" if last is None else "images came or changed since the last look"
            )
        else:
            continue
        found.append(Finding(what=what, where=where, todo=todo, severity="note"))
    return found


def would_stop(resolved: Resolved) -> tuple[Finding, ...]:
    """What the rules would stop `resolved` for, as warnings: for a rehearsal, which runs with other values."""
    case = case_of(resolved, None, Host(packages=None, cuda=None), {})
    return tuple(
        replace(finding, what=f"the real run would stop: {finding.what}", severity="warning")
        for finding in in_words_of(resolved, rule_findings(case))
        if finding.severity == "error"
    )


def in_words_of(resolved: Resolved, findings: list[Finding]) -> list[Finding]:
    """Findings whose key paths have become places: the file and line, or the flag, that says the value."""
    return [replace(finding, where=place(resolved, finding.where)) for finding in findings]


def place(resolved: Resolved, path: str) -> str:
    """Where a key path was said: `FILE, line N: KEY`, the flag, or the path itself when nobody said it."""
    origin = resolved.origins.get(path)
    if origin is None:
        return path
    if origin.by == "--set":
        return resolved.flags.get(path, path)
    for link in resolved.chain:
        if link.name == origin.by:
            line = line_of(link.text, path)
            return f"{link.path}, line {line}: {path}" if line else f"{link.path}: {path}"
    return f"{path} (set by {origin.by})"


def _let_through(resolved: Resolved) -> list[Finding]:
    """What --allow-unknown did: nothing passes in silence."""
    said = {path.rsplit(".", 1)[-1] for path in _values(resolved)}
    used = {key for key in said if key not in options() and key not in dataset_keys()}
    return [
        Finding(
            what=f"{key} is let through: kft knows no such name" if key in used else f"{key} lets nothing pass",
            where=f"--allow-unknown {key}",
            todo="see that sd-scripts knows it" if key in used else "leave it out, or correct the name",
            severity="note" if key in used else "warning",
        )
        for key in resolved.allowed
    ]


def _placeholders(resolved: Resolved) -> list[Finding]:
    """Words in braces that stand for nothing; a folder may really be called so."""
    found = []
    for path, value in _values(resolved).items():
        if path.rsplit(".", 1)[-1] in PATH_OPTIONS | MODEL_OPTIONS and not Path(str(value)).exists():
            for word in (word for word in re.findall(r"\{(\w+)\}", str(value)) if word != "run"):
                near = difflib.get_close_matches(word, PLACEHOLDERS, n=1)
                todo = f"did you mean {{{near[0]}}}?" if near else f"use one of {', '.join(PLACEHOLDERS)} in braces"
                what = f"{{{word}}} stands for nothing"
                found.append(Finding(what=what, where=place(resolved, path), todo=todo))
    return found


def _values(resolved: Resolved) -> dict[str, Any]:
    return keypath.values({"training": dict(resolved.training), "dataset": dict(resolved.dataset)})


def _is_ours(finding: Finding) -> bool:
    """Whether it is short of an error, and about a value that kft has chosen for a resume, or a note on a rehearsal's.

    What the values of a resume mean is said by the resume.
    """
    if finding.where.endswith("(set by resume)"):
        return finding.severity != "error"
    return finding.severity == "note" and finding.where.endswith("(set by rehearsal)")


def _host(machine: Machine, settings: Settings, trainer: Trainer) -> Host:
    """What the rules may know of the machine; what `look_at` already reports as missing is not said twice."""
    python = None if machine.lacks_packages else machine.python
    return Host(
        packages=python.packages if python else None,
        cuda=False if trainer.rehearsal else (True if machine.gpus else None),
        processes=1 if trainer.rehearsal else settings.num_processes,
        torch_cuda=python.torch_cuda if python else None,
        xformers_cuda=python.xformers_cuda if python else None,
        xformers_runtime=python.xformers_runtime if python else None,
    )


def _prompts(resolved: Resolved, files: Mapping[str, str]) -> str | None:
    """The text of the sample prompts, where there is one to read: on disk, or about to be written.

    A byte order mark and bytes that are no UTF-8 stay in it: sd-scripts dies of them, and rules say so.
    """
    path = Path(str(resolved.training.get("sample_prompts", "")))
    if path.name in files:
        return files[path.name]
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape") if path.is_file() else None
    except OSError:
        return None
