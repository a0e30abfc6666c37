"""Regular expressions for captions: those of Python's `re`, with the end that `re` does not have.

What repeats within what repeats, as in `(a|aa)+$`, may take longer than anyone lives on a tag of forty letters, and
`re` cannot be stopped. So `regex` looks for them, which can. Both read an expression alike but for a few that `regex`
takes for more than `re` does: those are spelled so that they mean what they mean to `re`, or are refused.
"""

from __future__ import annotations

import re
import time
import warnings
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import regex

LIMIT = 5.0
"""Seconds of work for one caption; a rule takes some millionths of one."""

_BRACES = re.compile(r"\\N\{[^}]*\}|\\.|\{(?!\d*,?\d*\})", re.DOTALL)


class TooSlowError(Exception):
    """An expression found no end on a text."""

    wanted: str
    """The expression."""
    text: str
    """What it was looked for in."""
    seconds: float
    """After how long it was given up."""

    def __init__(self, wanted: str, text: str, seconds: float) -> None:
        super().__init__(wanted, text, seconds)
        self.wanted = wanted
        self.text = text
        self.seconds = seconds


class Patience:
    """What is left of the time for one caption."""

    def __init__(self, seconds: float | None = None) -> None:
        # Work of this process, not a clock on the wall: a laptop that was closed has not been slow.
        self._seconds = LIMIT if seconds is None else seconds
        self._end = time.process_time() + self._seconds

    def is_found(self, wanted: str, text: str) -> bool:
        """Whether the text has it; TooSlowError when the time runs out."""
        with self._limited(wanted, text) as timeout:
            return _compiled(wanted).search(text, timeout=timeout) is not None

    def replaced(self, wanted: str, by: str, text: str) -> str:
        """The text with it replaced; `by` may name its groups. TooSlowError when the time runs out."""
        with self._limited(wanted, text) as timeout:
            return _compiled(wanted).sub(by, text, timeout=timeout)

    @contextmanager
    def _limited(self, wanted: str, text: str) -> Iterator[float]:
        try:
            yield max(self._end - time.process_time(), 0.0)
        except (TimeoutError, MemoryError):  # ways that may still be tried take memory, too
            raise TooSlowError(wanted, text, self._seconds) from None


def wrong_with(wanted: str, by: str | None = None) -> str:
    """What is wrong with an expression, or with what it is to be replaced by; empty where nothing is."""
    import regex  # noqa: PLC0415 - rules without an expression need none

    try:
        with warnings.catch_warnings():
            # `re` warns where it may come to read an expression as `regex` already does: [[:alpha:]], [a&&b].
            warnings.simplefilter("error", FutureWarning)
            groups = re.compile(wanted)
        _compiled(wanted)
    except (re.error, regex.error, OverflowError, RecursionError) as error:
        return f"{wanted!r} is no regular expression ({error})"
    except FutureWarning as error:
        return f"{wanted!r} may mean two things ({str(error).lower()}): write \\ before that character"
    if by is not None:
        names = {number: name for name, number in groups.groupindex.items()}
        same = "".join(f"(?P<{names[one]}>)" if one in names else "()" for one in range(1, groups.groups + 1))
        try:
            re.sub(same, by, "")  # found at once, unlike the expression itself
        except (re.error, IndexError) as error:
            return f"to = {by!r} does not fit its regex ({error})"
    return ""


@cache
def _compiled(wanted: str) -> regex.Pattern[str]:
    import regex  # noqa: PLC0415 - as above

    return regex.compile(_as_re_reads_it(wanted), regex.VERSION0)


def _as_re_reads_it(wanted: str) -> str:
    r"""With `\{` for each brace that is no number of times: to `regex`, `a{e}` is an `a` with any errors."""
    return _BRACES.sub(lambda found: r"\{" if found[0] == "{" else found[0], wanted)
