"""Whether what a run trained with is still the same: its base model, its images and captions, its programs.

What was never recorded cannot be compared, and that is said.
"""

from typing import Any

from dataset_tools.errors import DatasetError
from dataset_tools.scan.fingerprint import Fingerprint, FolderManifest
from dataset_tools.scan.hashing import HashCache
from fork_wrapper.errors import Finding
from fork_wrapper.experiment.subsets import fingerprint_subsets
from fork_wrapper.machine.provenance import base_model, git_state
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import probe_python
from fork_wrapper.records.record import Record

READERS = ("torch", "accelerate", "transformers", "bitsandbytes")
"""Packages that write and read a state, or move the learning rate."""

NAMED = 3
"""Changed files that a finding names."""


def changed_inputs(record: Record, cache: HashCache) -> list[Finding]:
    """What is no longer what it was (errors), and what cannot be compared (warnings)."""
    return [*_base_model(record, cache), *_dataset(record, cache)]


def newer_programs(record: Record, settings: Settings) -> list[Finding]:
    """Warnings where sd-scripts or a package that reads a state has another version than the run had."""
    found = []
    was = record.provenance.get("sd_scripts") or {}
    commit = git_state(settings.sd_scripts).commit if was.get("commit") else None
    if commit and commit != was["commit"]:
        what = f"sd-scripts is at {commit[:8]}, the run had {was['commit'][:8]}"
        todo = f"git -C {settings.sd_scripts} checkout {was['commit'][:8]}"
        found.append(Finding(what=what, where=str(settings.sd_scripts), todo=todo, severity="warning"))
    had = (record.provenance.get("python") or {}).get("packages") or {}
    python = probe_python(settings.python, settings.cache / "pythons.json") if had else None
    have = python.packages if python else {}
    both = [name for name in READERS if name in had and name in have]
    other = [f"{name} {have[name]} (was {had[name]})" for name in both if have[name] != had[name]]
    if other:
        what = f"other versions than the run had: {', '.join(other)}"
        todo = "install those if the state cannot be read"
        found.append(Finding(what=what, where=settings.python, todo=todo, severity="warning"))
    return found


def _base_model(record: Record, cache: HashCache) -> list[Finding]:
    name = str(record.training.get("pretrained_model_name_or_path", ""))
    was = (record.provenance.get("base_model") or {}).get("sha256")
    now = base_model(name, cache)
    if was and now["sha256"] and now["sha256"] != was:
        what = f"the base model is another one: sha256 {now['sha256'][:12]}, it was {was[:12]}"
        return [Finding(what=what, where=name, todo="put back the file that the run began with")]
    if was and not now["sha256"]:
        return [Finding(what="the base model is gone", where=name, todo="put it back where it was")]
    if was is None:
        return [_unknown("the base model", name)]
    return []


def _dataset(record: Record, cache: HashCache) -> list[Finding]:
    was = _recorded(record.provenance.get("dataset"))
    if was is None:
        return [_unknown("the data set", "provenance.dataset of the record")]
    now = fingerprint_subsets(record.training, record.dataset, cache, lambda: False)
    where = ", ".join(str(one.folder) for one in was.folders)
    if now is None:
        return [Finding(what="the data set cannot be read", where=where, todo="put it back where it was")]
    if now.sha256 == was.sha256:
        return []
    names = [name for pair in zip(was.folders, now.folders, strict=False) for name in _differing(*pair)]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    what = f"the data set has changed: {', '.join(names[:NAMED]) or 'its folders'}{more}"
    return [Finding(what=what, where=where, todo="put back the images and captions that the run began with")]


def _recorded(value: Any) -> Fingerprint | None:
    """The fingerprint of a record; None where there is none, or one that cannot be read."""
    try:
        return Fingerprint.from_json(value)
    except DatasetError:
        return None


def _differing(was: FolderManifest, now: FolderManifest) -> list[str]:
    return sorted(name for name in was.files.keys() | now.files.keys() if was.files.get(name) != now.files.get(name))


def _unknown(what: str, where: str) -> Finding:
    return Finding(
        what=f"{what} cannot be compared: its sha256 was not recorded before the run ended",
        where=where,
        todo="see that it is the same",
        severity="warning",
    )
