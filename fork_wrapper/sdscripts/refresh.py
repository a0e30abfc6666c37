"""The options of the sd-scripts checkout, read anew from its own parser and kept in the cache.

The parser is asked in the trainer's Python, which may be any program: what it says is believed only when it has the
form of a table.
"""

from dataclasses import dataclass
from typing import Any

from fork_wrapper.errors import Finding
from fork_wrapper.machine.ask import ask_python
from fork_wrapper.machine.provenance import git_state
from fork_wrapper.machine.settings import Settings
from fork_wrapper.sdscripts import options

TIME_LIMIT = 180
"""Seconds for what imports torch: from a cold network disk it takes that long."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What `refresh` made of the checkout's parser."""

    table: options.Table | None = None
    """Its options; None when it could not be read."""
    kept: str = ""
    """The file that keeps it; empty where its commit does not say all, kft has it built in, or it was refused."""
    unkept: Finding | None = None
    """Why a table that should be kept is not."""
    problem: str = ""
    """Why it could not be read."""


def refresh(settings: Settings) -> Reading:
    """Read the parser of the checkout in the trainer's Python, and keep its table where its commit says all of it."""
    state = git_state(settings.sd_scripts)
    answer, problem = ask_python(settings.python, [str(options.READER), str(settings.sd_scripts)], TIME_LIMIT)
    if problem:
        return Reading(problem=problem)
    found = _table(state.commit or "", answer)
    if found is None:
        return Reading(problem="its answer is no table of options")
    lasting = state.commit not in (None, options.pinned_commit()) and state.dirty is False
    return _kept(found, settings) if lasting else Reading(table=found)


def _table(commit: str, answer: Any) -> options.Table | None:
    try:
        found = options.table({"commit": commit, "options": answer})
    except (KeyError, TypeError, AttributeError):
        return None
    return found if options.is_whole(found) else None


def _kept(found: options.Table, settings: Settings) -> Reading:
    try:
        return Reading(table=found, kept=str(options.keep(found, settings.cache)))
    except OSError as error:
        what = f"the options were read and cannot be kept: {error.strerror or error}"
        todo = "mend its rights, or set `cache` to another folder"
        finding = Finding(what=what, where=str(settings.cache), todo=todo, severity="warning")
        return Reading(table=found, unkept=finding)
