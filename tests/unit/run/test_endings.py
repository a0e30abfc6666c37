"""How the trainer really ended, in the words of every launcher and system."""

import pytest

from fork_wrapper.run.endings import in_words, last_story, own_end, tells_failure, without_launcher
from fork_wrapper.sdscripts.causes import end_cause

TRACE = "Traceback (most recent call last):"


@pytest.mark.parametrize(
    ("lines", "code", "end"),
    [
        (["Command '['python']' died with <Signals.SIGKILL: 9>."], 1, (-9, True)),
        (["Command '['python']' died with unknown signal 64."], 1, (-64, True)),
        (["[rank0]: Command 'x' returned non-zero exit status 3221225477."], 1, (3221225477, True)),
        (["Command 'x' returned non-zero exit status -1073741819."], 1, (3221225477, True)),
        (["Command 'x' returned non-zero exit status 137."], 1, (-9, True)),
        (
            ["  exitcode  : 1 (pid: 3)", "Root Cause (first observed failure):", "  exitcode  : -11 (pid: 2)"],
            1,
            (-11, True),
        ),
        (["all is well"], 137, (-9, False)),
        (["all is well"], 3, (3, False)),
        ([], 130, (-2, False)),
        ([], 200, (200, False)),
        ([], None, (None, False)),
    ],
)
def test_the_trainers_own_end(lines: list[str], code: int | None, end: tuple[int | None, bool]) -> None:
    """What the launcher tells of its child goes before its own exit code."""
    assert own_end(lines, code) == end


@pytest.mark.parametrize(
    "code", [-1, -2, -6, -7, -9, -11, -15, 3221225477, 3221225725, 3221225786, 3221226505, 1073807364]
)
def test_ends_with_a_name(code: int) -> None:
    """Signals and Windows' codes say what they mean and what to do."""
    cause = end_cause(code)
    assert cause is not None
    assert cause.name
    assert cause.what
    assert cause.todo


def test_ends_in_words() -> None:
    """As kft says them."""
    assert in_words(1) == "ended with exit code 1"
    assert in_words(-9) == "was killed by SIGKILL"
    assert in_words(3221225477) == "ended with exit code 3221225477 (0xC0000005)"


def test_a_story_goes_back_to_its_first_exception() -> None:
    """Through what happened while it was handled, and through the other ranks; not to one that was survived."""
    chained = [
        "a",
        TRACE,
        "KeyError: 1",
        "During handling of the above exception, another exception occurred:",
        TRACE,
        "x",
    ]
    assert last_story(["b", TRACE, "survived", *chained]) == chained[1:]
    ranks = [f"[rank0]: {TRACE}", "[rank0]: OutOfMemoryError", f"[rank1]: {TRACE}", "[rank1]: Watchdog"]
    assert last_story(ranks) == ranks


def test_a_launchers_own_traceback_is_dropped() -> None:
    """Behind a rank, or in a box too."""
    assert without_launcher(["said", f"[rank0]: {TRACE}", "accelerate/commands/launch.py", "end"]) == ["said"]


def test_logs_that_tell_of_a_failure() -> None:
    """A launcher's word, or an exception at the end; a survived one is followed by more."""
    assert tells_failure(["Command 'x' died with <Signals.SIGSEGV: 11>."])
    assert tells_failure([TRACE, "RuntimeError: x", "bye"])
    assert not tells_failure([TRACE, "RuntimeError: x", *("training" for _ in range(20))])
    assert not tells_failure(["all is well"])
