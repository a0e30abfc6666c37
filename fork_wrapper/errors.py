"""What can go wrong for a user, as values: each problem says what, where, and what to do next.

Nothing here prints. `cli` is the one place that turns these into words and an exit code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The gravest first: the order of every list."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong, doubtful or worth knowing."""

    what: str
    """The fact, in one line."""
    where: str = ""
    """File and key, path, or program that it is about."""
    todo: str = ""
    """The next step, as an imperative."""
    severity: Severity = "error"
    rule: str = ""
    """Id of the rule that found it, for `kft rules ID`; empty where no rule of sd-scripts is behind it."""
    acknowledged: str = ""
    """The reason for which the experiment means it so; empty where nobody has acknowledged it."""


class KftError(Exception):
    """A known failure with its exit code; never shown with a traceback."""

    exit_code = 2

    def __init__(self, title: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(title)
        self.title = title
        self.findings = tuple(findings)

    def __str__(self) -> str:
        """The title and every finding, for logs and tests; the terminal sees `output.show_error`."""
        return "\n".join([self.title, *(_as_text(finding) for finding in self.findings)])


class InputError(KftError):
    """Wrong usage or input: an experiment, a setting, a flag, a missing file. Exit code 2."""


class RunFailedError(KftError):
    """The trainer was started and did not do its job. Exit code 1; the trainer's own code is in the record."""

    exit_code = 1


class InterruptedRunError(KftError):
    """The user stopped the run; what was saved is archived. Exit code 130."""

    exit_code = 130


def _as_text(finding: Finding) -> str:
    lines = [f"- {finding.what}"]
    if finding.where:
        lines.append(f"  in {finding.where}")
    if finding.todo:
        lines.append(f"  -> {finding.todo}")
    return "\n".join(lines)


def raise_if_any(title: str, findings: Sequence[Finding]) -> None:
    """Raise `InputError` with all findings of severity error at once, or return."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise InputError(title, errors)
