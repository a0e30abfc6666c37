"""Everything that can be said before a launch: rules about the configuration, facts about the machine, the plan.

The one place where a configuration, its images, the machine and earlier runs come together. Nothing is changed.
"""

import difflib
import re
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dataset_tools.scan.survey import FolderSurvey
from fork_wrapper.check.acknowledging import acknowledge, allow, in_words_of, misunderstood, needless, place
from fork_wrapper.check.gpu_room import room, used_cards
from fork_wrapper.check.plan import Plan, make_plan, space
from fork_wrapper.check.preflight import Machine, image_folders, look_at
from fork_wrapper.check.rules.case import Case, Host
from fork_wrapper.check.rules.table import findings as rule_findings
from fork_wrapper.check.rules.table import rules
from fork_wrapper.errors import SEVERITIES, Finding
from fork_wrapper.experiment import keypath
from fork_wrapper.experiment.experiment import OWN, SOURCE
from fork_wrapper.experiment.resolve import (
    MODEL_OPTIONS,
    PATH_OPTIONS,
    Resolved,
    is_hub_name,
)
from fork_wrapper.experiment.subsets import survey_subsets
from fork_wrapper.machine.settings import PLACEHOLDERS, Settings
from fork_wrapper.machine.trainer import Trainer
from fork_wrapper.sdscripts.model_kinds import Model, look_at_model
from fork_wrapper.sdscripts.options import dataset_keys, options


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
    allowed: Collection[str] = (),
) -> Checked:
    """Judge `resolved` as `trainer` would be launched with it on this machine.

    `files` are those that kft will write into the run folder, by name. With `fresh` nothing is taken from memory
    that a record will state as a fact. What is `allowed` by name, a disk or GPU memory, is a warning.
    """
    with ThreadPoolExecutor(1) as pool:  # git and the trainer's Python answer while images and rules are read
        looking = pool.submit(look_at, resolved.training, settings, trainer, fresh=fresh, files=files)
        surveys = survey_subsets(resolved.training, resolved.dataset, settings.cache)
        rules()
        machine = looking.result()
    case = case_of(resolved, surveys, _host(machine, settings, trainer), files, models=not trainer.rehearsal)
    plan = make_plan(case, resolved.name, settings, machine, trainer)
    ruled = acknowledge(resolved, rule_findings(case))
    found = [*machine.findings, *image_folders(case), *space(plan, settings.outputs)]
    if not trainer.rehearsal:
        found += _gpu_room(case, plan, machine, settings)
    found = acknowledge(resolved, allow(found, allowed))
    found += in_words_of(resolved, [one for one in ruled if not _explained(resolved, one)])
    found += [*misunderstood(resolved), *_placeholders(resolved), *_let_through(resolved), *resolved.told]
    found += _nameless_documents(resolved)
    if not trainer.rehearsal:  # which may train on a drawn set
        found += needless(resolved, ruled)
        found += _last_looks(resolved, surveys, settings.cache)
    found.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Checked(findings=tuple(found), plan=plan, machine=machine)


def _gpu_room(case: Case, plan: Plan, machine: Machine, settings: Settings) -> list[Finding]:
    """What stands against the GPUs that the processes of this machine will use, with what takes less memory."""
    count = -(-settings.num_processes // settings.num_machines)
    cards = used_cards(machine.gpus, machine.gpu_processes, count)
    known = () if plan.measured and plan.measured.peak_vram_mib else plan.neighbours
    batch = max((one.get("batch_size") or 1 for one in case.datasets), default=1)
    totals = [card.gpu.memory_mib for card in cards if card.gpu.memory_mib]
    over = plan.memory.mib - min(totals) if plan.memory and totals else 0
    return room(plan.memory, cards, near=known, batch=batch, flags=_less(case, over) if over > 0 else "")


def _less(case: Case, over: int) -> str:
    """The flags that bring what is certain down by so many MiB; empty where none do."""
    from fork_wrapper.check.less_memory import remedies  # noqa: PLC0415 - most GPUs are large enough

    found: list[str] = []
    for one in remedies(case):
        if over > 0:
            found += one.flags
            over -= one.saves_mib
    return " ".join(found) if over <= 0 else ""


def case_of(
    resolved: Resolved,
    surveys: Mapping[str, FolderSurvey] | None,
    host: Host,
    files: Mapping[str, str],
    *,
    models: bool = True,
) -> Case:
    """The case that the rules judge; without `models` those files are not looked at: a rehearsal has its own."""
    base, vae = (
        look_at_model(str(resolved.training[key])) if models and resolved.training.get(key) else None
        for key in ("pretrained_model_name_or_path", "vae")
    )
    if models and base is None and is_hub_name(name := str(resolved.training.get("pretrained_model_name_or_path"))):
        base = Model(path=Path(name), on_hub=True)
    return Case(
        base=base,
        vae=vae,
        training=resolved.training,
        dataset=resolved.dataset,
        host=host,
        surveys=surveys,
        prompts=_prompts(resolved, files),
    )


def _last_looks(resolved: Resolved, surveys: Mapping[str, FolderSurvey], cache: Path) -> list[Finding]:
    """What the last `kft dataset check` knows of the images: no more than notes, and no image is opened for them."""
    todo = f"kft dataset check {resolved.name}"
    folders = {str(one.folder): one for one in surveys.values() if one.sizes}
    if not folders:
        return []
    from dataset_tools.check.last_look import last_look  # noqa: PLC0415 - there are images

    found = []
    for where, survey in folders.items():
        last = last_look(cache, survey)
        if last is not None and last.broken:
            few = ", ".join(last.broken[:3])
            rest = f" and {len(last.broken) - 3} more" if len(last.broken) > 3 else ""
            what = f"images that could not be decoded at the last check: {few}{rest}"
        elif last is None or not last.current:
            what = (
                "these images have not been decoded yet"
                if last is None
                else "images were added or changed since the last check"
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


def _let_through(resolved: Resolved) -> list[Finding]:
    """What --allow-unknown did: nothing passes in silence."""
    said = {path.rsplit(".", 1)[-1] for path in _values(resolved)}
    used = {key for key in said if key not in options() and key not in dataset_keys()}
    return [
        Finding(
            what=f"{key} is let through: kft does not know it" if key in used else f"{key} has no effect",
            where=f"--allow-unknown {key}",
            todo="see that sd-scripts knows it" if key in used else "leave it out, or correct the name",
            severity="note" if key in used else "warning",
        )
        for key in resolved.allowed
    ]


def _nameless_documents(resolved: Resolved) -> list[Finding]:
    """Files that call values documented and do not say in which document."""
    return [
        Finding(
            what="values are marked as documented, but no document is named",
            where=str(link.path),
            todo=f'name it under [origin]: {SOURCE} = "...", or write "{OWN}" where the values are yours',
            severity="note",
        )
        for link in resolved.chain
        if not link.source and "documented" in link.origins.values()
    ]


def _placeholders(resolved: Resolved) -> list[Finding]:
    """Words in braces that stand for nothing; a folder may really be called so."""
    found = []
    for path, value in _values(resolved).items():
        if path.rsplit(".", 1)[-1] in PATH_OPTIONS | MODEL_OPTIONS and not Path(str(value)).exists():
            for word in (word for word in re.findall(r"\{(\w+)\}", str(value)) if word != "run"):
                near = difflib.get_close_matches(word, PLACEHOLDERS, n=1)
                todo = f"did you mean {{{near[0]}}}?" if near else f"use one of {', '.join(PLACEHOLDERS)} in braces"
                what = f"{{{word}}} is not a placeholder"
                found.append(Finding(what=what, where=place(resolved, path), todo=todo))
    return found


def _values(resolved: Resolved) -> dict[str, Any]:
    return keypath.values({"training": dict(resolved.training), "dataset": dict(resolved.dataset)})


def _explained(resolved: Resolved, finding: Finding) -> bool:
    """Whether a finding, its key path as `where`, is about a value that kft chose, and whoever chose it explains it.

    A resume says what its values mean, short of errors; of a rehearsal's values only notes go without saying.
    """
    origin = resolved.origins.get(finding.where)
    if origin is None or origin.kind != "kft":
        return False
    return finding.severity in {"resume": ("warning", "note"), "rehearsal": ("note",)}.get(origin.by, ())


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
