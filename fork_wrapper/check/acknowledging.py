"""What an experiment acknowledges, and `--allow` lets pass, of findings; and where in its files a finding points."""

import difflib
from collections.abc import Collection
from dataclasses import replace

from fork_wrapper.check.machine_kinds import MACHINE_KINDS
from fork_wrapper.check.rules.table import rules
from fork_wrapper.errors import Finding
from fork_wrapper.experiment.experiment import Experiment
from fork_wrapper.experiment.resolve import ACKNOWLEDGE, Acknowledged, Resolved
from fork_wrapper.files import line_of


def acknowledge(resolved: Resolved, findings: list[Finding]) -> list[Finding]:
    """Findings, their key paths as `where`, with the reasons of those that the experiment acknowledges.

    An acknowledgement is about values that its own file says or inherits, or that nobody says: what a child or --set
    says is found anew. Errors cannot be acknowledged.
    """
    return [
        replace(one, acknowledged=known.reason)
        if (known := resolved.acknowledged.get(one.rule))
        and one.severity != "error"
        and _is_about(resolved, known, one)
        else one
        for one in findings
    ]


def allow(findings: list[Finding], allowed: Collection[str]) -> list[Finding]:
    """Findings of the machine; those of which an id is `allowed` are warnings, and the others say that it could be."""

    def judged(one: Finding) -> Finding:
        if one.rule not in MACHINE_KINDS or not MACHINE_KINDS[one.rule].allowable:
            return one
        if one.rule in allowed:
            return replace(one, what=f"{one.what} (allowed: --allow {one.rule})", severity="warning")
        return replace(one, todo=f"{one.todo}; `--allow {one.rule}` starts anyway")

    return [judged(one) for one in findings]


def _is_about(resolved: Resolved, known: Acknowledged, finding: Finding) -> bool:
    names = [link.name for link in resolved.chain]
    origin = resolved.origins.get(finding.where)
    if origin is None or known.by not in names:
        return True
    return origin.by != "--set" and origin.by not in names[names.index(known.by) + 1 :]


def misunderstood(resolved: Resolved) -> list[Finding]:
    """Acknowledgements in the files of rules that there are not, and of errors, which cannot be acknowledged."""
    found: list[Finding] = []
    if not any(link.acknowledged for link in resolved.chain):
        return found
    from dataset_tools.check.faults import KINDS  # noqa: PLC0415 - few experiments acknowledge anything

    known = {key: one.severity for key, one in rules().items()}
    known |= {key: one.severity for key, one in MACHINE_KINDS.items()}
    for link in resolved.chain:
        for key in link.acknowledged:
            if key in KINDS:
                what = f"{key} belongs to `kft dataset check`; only rules can be acknowledged"
                todo = f"`kft rules {key}` says what to do"
            elif key not in known:
                near = difflib.get_close_matches(key, known, n=3)
                what = f"no rule is called {key}"
                todo = f"did you mean {' or '.join(near)}?" if near else "`kft rules` lists them"
            elif known[key] == "error":
                what = f"{key} is an error: it cannot be acknowledged"
                todo = f"`kft rules {key}` says what to do"
            else:
                continue
            found.append(Finding(what=what, where=_acknowledging(link, key), todo=todo))
    return found


def needless(resolved: Resolved, ruled: list[Finding]) -> list[Finding]:
    """Acknowledgements of what is not found."""
    rules_found = {one.rule for one in ruled}
    found: list[Finding] = []
    for key, known in resolved.acknowledged.items():
        link = next((link for link in resolved.chain if link.name == known.by), None)
        if key in rules_found or link is None or key not in rules() or rules()[key].severity == "error":
            continue
        own = link is resolved.chain[-1]
        todo = "remove the line" if own else f'leave it, or add to this experiment: unset = ["{ACKNOWLEDGE}{key}"]'
        what = f"{key} is acknowledged, but no longer found"
        found.append(Finding(what=what, where=_acknowledging(link, key), todo=todo, severity="note"))
    return found


def _acknowledging(link: Experiment, key: str) -> str:
    """Where a file acknowledges a rule."""
    line = line_of(link.text, f"{ACKNOWLEDGE}{key}")
    return f"{link.path}, line {line}: {ACKNOWLEDGE}{key}" if line else f"{link.path}: {ACKNOWLEDGE}{key}"


def in_words_of(resolved: Resolved, findings: list[Finding]) -> list[Finding]:
    """Findings whose key paths have become places: the file and line, or the flag, that says the value."""
    return [replace(finding, where=place(resolved, finding.where)) for finding in findings]


def place(resolved: Resolved, path: str) -> str:
    """Where a key path was said: `FILE, line N: KEY`, the flag, or the path itself when nobody said it."""
    origin = resolved.origins.get(path)
    if origin is None:
        return path
    if origin.by == "--set":
        return str(resolved.flags.get(path, path))
    for link in resolved.chain:
        if link.name == origin.by:
            line = None if resolved.imported else line_of(link.text, path)
            return f"{link.path}, line {line}: {path}" if line else f"{link.path}: {path}"
    return f"{path} (set by {origin.by})"
