"""`kft rules`."""

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import click

from dataset_tools.check.faults import KINDS
from dataset_tools.prepare.outcome import PROBLEMS
from fork_wrapper.check.machine_kinds import MACHINE_KINDS
from fork_wrapper.check.rules.rule import PHASES, Rule
from fork_wrapper.check.rules.table import gravity, rules
from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import json_flag
from fork_wrapper.errors import SEVERITIES, Finding, InputError
from fork_wrapper.experiment.value_rules import NOT_RULES
from fork_wrapper.sdscripts.options import pinned_commit
from fork_wrapper.text import counted


@click.command(name="rules", short_help="List what kft knows of sd-scripts' traps, or explain one.")
@click.argument("pattern", default="", metavar="[ID]", shell_complete=completing.rule_ids)
@json_flag
def command(pattern: str, as_json: bool) -> None:
    """List every rule and how many there are, or explain the rule ID: condition, reason, remedy, sd-scripts' own lines.

    A word instead of an ID lists the rules that speak of it. What `kft check` finds on this machine,
    `kft dataset check` finds, `kft dataset prepare` leaves out and `kft reproduce` compares has an ID too.
    """
    other = _elsewhere(pattern)
    chosen = _chosen(pattern, needed=other is None)
    if as_json:
        others = [other] if other else []
        known = {"rules": [_as_json(one) for one in chosen], "cannot_occur": {} if pattern else dict(NOT_RULES)}
        output.print_json({**known, "others": others})
        return
    if other:
        facts = [f"  {key.replace('_', ' '):<13}{text}" for key, text in other.items() if key not in ("id", "severity")]
        output.print_folded("\n".join([f"{other['id']} ({other['severity']})", "", *facts]) + "\n", indent=15)
    if pattern and len(chosen) == 1 and not other:
        output.print_folded(_explained(chosen[0]), indent=22)
    elif chosen:
        output.print_text("\n" if other else "")
        _list(chosen, everything=not pattern)


def _elsewhere(pattern: str) -> Mapping[str, str] | None:
    """Describe an id that belongs to `kft dataset` or `kft reproduce` rather than a rule; None if it is neither."""
    from fork_wrapper.repeat.compared import ALLOWABLE, COMPARED  # noqa: PLC0415 - the list of rules needs neither

    spelt = pattern.lower().replace("_", "-")
    if kind := KINDS.get(spelt):
        facts = {"it_finds": kind.title, "what_to_do": kind.fix, "said_by": "kft dataset check"}
        return {"id": spelt, "severity": kind.severity, **facts}
    if unfit := MACHINE_KINDS.get(spelt):
        facts = {"it_finds": unfit.title, "what_to_do": unfit.fix, "said_by": "kft check, of this machine"}
        allowed = {"or_else": f"start anyway with --allow {spelt}"} if unfit.allowable else {}
        meant = {} if unfit.severity == "error" else {"if_meant": f'in the experiment: [acknowledge] {spelt} = "why"'}
        return {"id": spelt, "severity": unfit.severity, **facts, **allowed, **meant}
    if spelt in PROBLEMS:
        facts = dict(zip(("it_finds", "what_to_do"), PROBLEMS[spelt], strict=True))
        return {"id": spelt, "severity": "left out", **facts, "said_by": "kft dataset prepare"}
    if spelt not in COMPARED:
        return None
    allowed = {"what_to_do": f"where it may differ: --allow {spelt}"} if spelt in ALLOWABLE else {}
    return {"id": spelt, "severity": "item", "it_compares": COMPARED[spelt], **allowed, "said_by": "kft reproduce"}


def _chosen(pattern: str, *, needed: bool = True) -> list[Rule]:
    """Return the rule of that id, in any spelling, or the rules that mention the word, most severe first.

    InputError if there is none and one is needed.
    """
    spelt = pattern.lower().replace("_", "-")
    if spelt in rules():
        return [rules()[spelt]]
    if spelt in NOT_RULES:
        finding = Finding(what=f"it cannot occur: {NOT_RULES[spelt]}", where=spelt, severity="note")
        raise InputError(f"{spelt} is no rule", [finding])
    found = _speaking_of(rf"\b{re.escape(pattern.lower())}\b") or _speaking_of(re.escape(pattern.lower()))
    if not found and needed:
        near = difflib.get_close_matches(spelt, rules(), n=3)
        todo = f"did you mean {' or '.join(near)}?" if near else "`kft rules` lists them all"
        raise InputError(f"no rule speaks of {pattern!r}", [Finding(what="no such rule", where=pattern, todo=todo)])
    return sorted(found, key=lambda one: (*gravity(one), one.id))


def _speaking_of(word: str) -> list[Rule]:
    texts = ((one, f"{one.id} {one.when} {one.why} {one.fix}".lower()) for one in rules().values())
    return [one for one, text in texts if re.search(word, text)]


def _list(chosen: Sequence[Rule], *, everything: bool) -> None:
    output.print_table(("rule", "severity", "condition"), [(one.id, one.severity, one.when) for one in chosen])
    counts = Counter(one.severity for one in chosen)
    numbers = ", ".join(counted(counts[name], name) for name in SEVERITIES if counts[name])
    output.print_text(f"\n{counted(len(chosen), 'rule')}: {numbers}; for sd-scripts at {pinned_commit()[:8]}\n")
    if everything:
        output.print_text(f"\n{len(NOT_RULES)} traps of sd-scripts that kft does not leave open:\n")
        output.print_table(("", ""), list(NOT_RULES.items()))
        output.print_text(f"\n{len(KINDS)} kinds of what `kft dataset check` finds:\n")
        output.print_table(("kind", "severity", "what"), [(key, one.severity, one.title) for key, one in KINDS.items()])
        output.print_text(f"\n{len(MACHINE_KINDS)} kinds of what `kft check` finds on this machine:\n")
        rows = [(key, one.severity, one.title) for key, one in MACHINE_KINDS.items()]
        output.print_table(("kind", "severity", "what"), rows)


def _explained(one: Rule) -> str:
    acknowledge = f'  if it is meant so   in the experiment: [acknowledge] {one.id} = "why"'
    lines = [
        f"{one.id} ({one.severity})",
        "",
        f"  {one.when}",
        f"  {one.why}",
        "",
        f"  sd-scripts says so  {PHASES[one.phase]}",
        f"  what to do          {one.fix}",
        *([] if one.severity == "error" else [acknowledge]),
        f"  source              {one.source}, at {pinned_commit()[:8]}",
    ]
    return "\n".join(lines) + "\n"


def _as_json(one: Rule) -> Mapping[str, Any]:
    names = ("id", "severity", "phase", "when", "why", "fix", "source")
    return {name: getattr(one, name) for name in names}
