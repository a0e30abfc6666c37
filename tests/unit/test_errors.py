"""Failures as values: what a message holds, which exit code it means, what is raised and what is not."""

import pytest

from fork_wrapper.errors import (
    Finding,
    InputError,
    InterruptedRunError,
    KftError,
    RunFailedError,
    Severity,
    raise_if_any,
)

FULL = Finding(what="seed must be a whole number", where="a.toml, line 3", todo="write seed = 1")


def test_text_holds_title_and_every_finding() -> None:
    """The text of an error says what, where and what to do, for each finding; empty parts leave no line."""
    error = InputError("a.toml has 2 errors", [FULL, Finding(what="the file is empty")])
    assert str(error) == (
        "a.toml has 2 errors\n"
        "- seed must be a whole number\n"
        "  in a.toml, line 3\n"
        "  -> write seed = 1\n"
        "- the file is empty"
    )


def test_text_without_findings_is_the_title() -> None:
    """An error may be its title alone."""
    assert str(RunFailedError("the trainer left with 1")) == "the trainer left with 1"


@pytest.mark.parametrize(
    ("kind", "code"), [(KftError, 2), (InputError, 2), (RunFailedError, 1), (InterruptedRunError, 130)]
)
def test_exit_codes(kind: type[KftError], code: int) -> None:
    """Wrong input is 2, a failed trainer 1, an interrupt 130; all are caught as one kind."""
    assert (kind("title").exit_code, issubclass(kind, KftError)) == (code, True)


def test_only_errors_are_raised() -> None:
    """Warnings and notes beside an error are no part of the exception; the order stays."""
    second = Finding(what="second")
    with pytest.raises(InputError) as caught:
        raise_if_any("title", [FULL, Finding(what="doubtful", severity="warning"), second])
    assert (caught.value.title, caught.value.findings) == ("title", (FULL, second))


@pytest.mark.parametrize("severity", ["warning", "note"])
def test_no_error_no_exception(severity: Severity) -> None:
    """Findings that are no errors never stop anything."""
    raise_if_any("title", [Finding(what="worth knowing", severity=severity)])
    raise_if_any("title", [])
