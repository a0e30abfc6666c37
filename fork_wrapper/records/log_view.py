"""The trainer's log as people can read it: what a progress bar redrew is one line, its last state.

Bytes come in any pieces. A line ends with a line feed; a carriage return draws over what the line showed. Colours and
other commands to a terminal are left out: what a program prints must not drive the reader's terminal.
"""

import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from fork_wrapper.sdscripts.lines import StepLine, parse_line

_PIECE = 1 << 20
_COMMANDS = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, moves of the cursor
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")


def plain(text: str) -> str:
    """A text without commands to a terminal and without blanks at its end."""
    return _CONTROLS.sub("", _COMMANDS.sub("", text)).rstrip()


@dataclass(kw_only=True)
class LogLines:
    """The fold of a log into lines. Mutable: it is the accumulator of a stream."""

    _rest: bytes = b""

    def feed(self, chunk: bytes) -> list[str]:
        """Fold in more output; returns the lines that ended in it, as they last stood."""
        *ended, rest = (self._rest + chunk).split(b"\n")
        self._rest = _redrawn(rest)
        return [line for piece in ended for line in _shown(piece)]

    @property
    def pending(self) -> str:
        """The line that has not ended yet, as it stands: of a training run, mostly its bar."""
        return " ".join(_shown(self._rest))

    def close(self) -> list[str]:
        """What came without a line end."""
        rest, self._rest = self._rest, b""
        return _shown(rest) if rest else []


def _redrawn(rest: bytes) -> bytes:
    """What counts of a line that has not ended: its last state, and before it the last one that shows something."""
    *drawn, last = rest.split(b"\r")
    seen = next((state for state in reversed(drawn) if plain(state.decode("utf-8", errors="replace"))), b"")
    return b"\r".join((seen, last)) if drawn else last


def _shown(piece: bytes) -> list[str]:
    """A line as it last stood; two where other words follow a bar on its line, as a traceback does."""
    texts = (plain(state.decode("utf-8", errors="replace")) for state in reversed(piece.split(b"\r")))
    last = next(filter(None, texts), "")
    said = parse_line(last)
    if isinstance(said, StepLine) and said.rest.strip():
        return [last.removesuffix(said.rest), said.rest.strip()]
    return [last]


def log_lines(path: Path, last: int | None = None) -> list[str]:
    """The lines of a log, or the `last` ones; OSError where it cannot be read."""
    kept: deque[str] = deque(maxlen=last)
    for lines in read_lines(path, last):
        kept.extend(lines)
    return list(kept)


def read_lines(path: Path, last: int | None = None) -> Iterator[list[str]]:
    """The lines of a log as they are read, some at a time; of no more than it takes for the `last` ones."""
    view = LogLines()
    with path.open("rb") as file:
        file.seek(0 if last is None else _start_of_last(file, last))
        while chunk := file.read(_PIECE):
            yield view.feed(chunk)
    yield view.close()


def _start_of_last(file: BinaryIO, last: int) -> int:
    """Where the last lines begin, or some before them: every line feed ends one line at least."""
    start, feeds, piece = file.seek(0, os.SEEK_END), 0, b""
    while start > 0 and feeds <= last:
        end, start = start, max(start - _PIECE, 0)
        file.seek(start)
        piece = file.read(end - start)
        feeds += piece.count(b"\n")
    return start + piece.index(b"\n") + 1 if feeds > last else 0


def last_lines(data: bytes, last: int | None) -> bytes:
    """The last lines of a raw log by line feeds, byte for byte; all of it for None."""
    if last is None:
        return data
    lines = re.findall(rb"[^\n]*\n|[^\n]+\Z", data)
    return b"".join(lines[max(len(lines) - last, 0) :])


@dataclass(kw_only=True)
class LogTail:
    """A log that grows: what came since the last look. It need not exist yet."""

    path: Path
    """The log."""
    offset: int = field(default=0)
    """Bytes read so far."""

    def read(self) -> bytes:
        """What has been written since; nothing where there is no log yet."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read()
        except OSError:
            return b""
        self.offset += len(data)
        return data


def follow(tail: LogTail, ended: Callable[[], bool], wait: Callable[[], None]) -> Iterator[bytes]:
    """What comes into a log until `ended` says that nothing more will, and all that had come by then.

    A piece may be empty: whoever looks on can do something else in between.
    """
    while True:
        over = ended()  # asked before the last look: what was written until then is read
        yield tail.read()
        if over:
            return
        wait()
