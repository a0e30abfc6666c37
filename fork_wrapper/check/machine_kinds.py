"""What can be wrong with the machine of a run: kinds of findings, each with an id, as rules have one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fork_wrapper.errors import Finding, Severity


@dataclass(frozen=True, kw_only=True)
class MachineKind:
    """One way in which a machine is unfit for a run, or doubtful."""

    severity: Severity
    """How grave it is; what is no error can be acknowledged."""
    title: str
    """The fact, in one line."""
    fix: str
    """The next step, as an imperative."""
    allowable: bool = False
    """Whether `--allow` starts a run all the same."""


MACHINE_KINDS: Mapping[str, MachineKind] = {
    kind: MachineKind(**row) for kind, row in json.loads(Path(__file__).with_suffix(".json").read_bytes()).items()
}
"""Every kind by its id: `machine_kinds.json`."""


def machine_finding(kind: str, what: str, *, where: str, todo: str) -> Finding:
    """A finding of a key of `MACHINE_KINDS`; `what` and `todo` are the words of this one case."""
    return Finding(what=what, where=where, todo=todo, severity=MACHINE_KINDS[kind].severity, rule=kind)
