"""How the trainer's process ended: its own end, which its launcher tells in words, and what such an end means.

accelerate leaves with 1 whatever its child did, and prints `died with <Signals.SIGKILL: 9>` or `returned non-zero
exit status 3221225477` (subprocess.py:CalledProcessError); torchrun prints a table of exit codes instead.
"""

import re
import signal
from collections.abc import Sequence

from fork_wrapper.sdscripts.causes import TRACEBACK, end_cause, message

_WORDS = (
    re.compile(r"died with <Signals\.\w+: (?P<signal>\d{1,3})>"),
    re.compile(r"died with unknown signal (?P<signal>\d{1,3})"),
    re.compile(r"returned non-zero exit status (?P<code>-?\d{1,10})"),
    re.compile(r"Signal (?P<signal>\d{1,3}) \(SIG\w+\) received by PID"),
    re.compile(r"exitcode\s*: (?P<code>-?\d{1,10}) \(pid"),
)
_ROOT = "Root Cause (first observed failure)"
_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Failure|Invalid)\b")
_SHELL = 128
"""What a shell adds to the number of a signal."""
_SIGNED = 2**32
"""What a code of Windows lacks that was printed as a signed number."""
NEAR = 12
"""Lines after its exception within which a log ends that tells of a failure; a survived one has many more."""


def own_end(lines: Sequence[str], exit_code: int | None) -> tuple[int | None, bool]:
    """The trainer's own exit code, negative for a signal, and whether its launcher told it; else the process's."""
    start = max((number for number, line in enumerate(lines) if _ROOT in line), default=0)
    told = [code for line in lines[start:] if (code := _told(line)) is not None]
    if not told:
        return exit_code if exit_code is None else _plain(exit_code), False
    return _plain(told[0] if start else told[-1]), True


def _told(line: str) -> int | None:
    for pattern in _WORDS:
        if match := pattern.search(line):
            found = match.groupdict()
            return -int(found["signal"]) if found.get("signal") else int(found["code"])
    return None


def _plain(code: int) -> int:
    """A code in one form: Windows' unsigned, a shell's 137 as the signal that it means."""
    if code < -_SHELL:
        return code + _SIGNED
    return _SHELL - code if _SHELL < code < _SHELL + 65 and end_cause(_SHELL - code) else code


def in_words(code: int) -> str:
    """`ended with exit code 1`, `was killed by SIGKILL`."""
    if code < 0:
        return f"was killed by {_signal(-code)}"
    named = f" ({code:#010X})".replace("0X", "0x") if code >= 2**30 else ""
    return f"ended with exit code {code}{named}"


def _signal(number: int) -> str:
    name = {1: "SIGHUP", 3: "SIGQUIT", 7: "SIGBUS", 9: "SIGKILL", 13: "SIGPIPE", 24: "SIGXCPU", 25: "SIGXFSZ"}
    try:
        return signal.Signals(number).name
    except ValueError:
        return name.get(number, f"signal {number}")


def without_launcher(lines: list[str]) -> list[str]:
    """The trainer's own last words: the launcher's traceback about its child's end is dropped."""
    starts = _starts(lines)
    if starts and any("accelerate" in line and "launch" in line for line in lines[starts[-1] :]):
        return lines[: starts[-1]]
    return lines


def last_story(lines: list[str]) -> list[str]:
    """From the last traceback on, where there is one: earlier ones were survived, unless they led to it.

    One that another exception followed, and those of other ranks beside it, are the same story.
    """
    starts = _starts(lines)
    if not starts:
        return lines
    first = starts[-1]
    for start in reversed(starts[:-1]):
        between = lines[start:first]
        chained = any("exception, another exception occurred" in line or "direct cause of" in line for line in between)
        ranks = {match[0] for line in (lines[start], lines[first]) if (match := re.match(r"\s*\[rank\d+\]", line))}
        if not chained and len(ranks) < 2:
            break
        first = start
    return lines[first:]


def tells_failure(lines: Sequence[str]) -> bool:
    """Whether a log that ended with these lines tells of a failure: a launcher's word, or a traceback at its end."""
    if own_end(lines, None)[1]:
        return True
    starts = _starts(lines)
    if not starts:
        return False
    ends = [number for number in range(starts[-1], len(lines)) if _EXCEPTION.match(message(lines[number]))]
    return bool(ends) and len(lines) - ends[-1] <= NEAR


def _starts(lines: Sequence[str]) -> list[int]:
    return [number for number, line in enumerate(lines) if TRACEBACK in line]
