"""Start the trainer, hand its bytes on, pass Ctrl-C to it, and know when it is really over.

The run ends at the end of its output, not at accelerate's exit: after a Ctrl-C accelerate leaves within a second
while the trainer is still saving (seen with accelerate 1.6.0). Nothing here knows what the bytes mean.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import RawIOBase
from pathlib import Path

import psutil

from fork_wrapper.machine.interrupts import Interrupts

CHUNK = 1 << 16
GAP = b"\n[kft: the disk was full, and some of the output is lost]\n"
TICK = 0.25
KILL_AFTER = 15.0
"""Seconds between terminating and killing, when nobody asks again."""
ORPHAN_SILENCE = 5.0
"""Seconds without output after which a pipe is given up that only a stray daemon still holds."""


class StartError(Exception):
    """The program could not be started."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How the process ended."""

    exit_code: int
    """Of accelerate; negative for a signal. After an interrupt it says nothing about the trainer."""
    stops: tuple[str, ...]
    """What was sent to it, in order: `interrupt`, `terminate`, `kill`; empty when it ended by itself."""
    started: float
    """Wall-clock time of the start, as `time.time()`."""
    ended: float
    """Wall-clock time of the end of output."""


@dataclass(kw_only=True)
class _Stops:
    """The ladder of a Ctrl-C: interrupt and wait, terminate, kill."""

    family: "_Family"
    grace: float
    sent: list[str] = field(default_factory=list)
    deadline: float = float("inf")

    def climb(self) -> bool:
        """Send the next, stronger stop, for every Ctrl-C and when a deadline has passed; False when nobody is left."""
        if not self.family.alive():
            return False
        rung = ("interrupt", "terminate", "kill")[min(len(self.sent), 2)]
        self.sent.append(rung)
        self.deadline = time.monotonic() + (self.grace if rung == "interrupt" else KILL_AFTER)
        self.family.send(rung)
        return True


def launch(  # noqa: PLR0913 - each is one independent fact of a launch
    argv: tuple[str, ...],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: Path,
    grace: float,
    on_output: Callable[[bytes], None],
    on_tick: Callable[[], None],
    on_stop: Callable[[str], None],
    interrupts: Interrupts | None = None,
) -> Outcome:
    """Run `argv` in a process group of its own until its output ends; the raw bytes also go to `log`.

    `on_output` gets every piece as it comes, `on_tick` is called about four times a second, `on_stop` when a stop
    was sent. The first SIGINT or SIGTERM to kft interrupts the group and waits `grace` seconds, the second
    terminates it, the third kills it; `interrupts` are those of a caller who holds them for longer. StartError when
    the program cannot be started; a log that cannot be written (disk full) leaves a gap in the log.
    """
    interrupts = interrupts or Interrupts()
    started = time.time()
    with (
        interrupts.held(),
        log.open("ab", buffering=0) as raw,
    ):  # unbuffered: what is not written now would fail at closing
        try:
            process = _start(argv, env, cwd)
        except OSError as error:
            raise StartError(str(error)) from error
        with process:
            family = _Family(process)
            stops = _Stops(family=family, grace=grace)
            written = _Log(raw)
            with interrupts.climbing(stops.climb):
                _follow(family, stops, written, on_output, on_tick, on_stop)
                exit_code = process.wait()
            written.write(b"")
    return Outcome(exit_code=exit_code, stops=tuple(stops.sent), started=started, ended=time.time())


def _follow(
    family: "_Family",
    stops: "_Stops",
    log: "_Log",
    on_output: Callable[[bytes], None],
    on_tick: Callable[[], None],
    on_stop: Callable[[str], None],
) -> None:
    """Hand output on until its end, or until nobody is left who could write more."""
    announced, heard = 0, time.monotonic()
    for chunk in _chunks(family.process):
        if chunk:
            heard = time.monotonic()
            log.write(chunk)
            on_output(chunk)
        on_tick()
        if time.monotonic() > stops.deadline:
            stops.climb()
        for rung in stops.sent[announced:]:
            on_stop(rung)
        announced = len(stops.sent)
        # A daemon that somebody below started (a tracker's) may hold the pipe for ever; it is not the run.
        if time.monotonic() - heard > ORPHAN_SILENCE and not family.alive():
            return


class _Log:
    """The raw log; on a full disk the trainer's output is read on, and its last piece waits for room."""

    def __init__(self, file: RawIOBase) -> None:
        self._file = file
        self._waiting = b""

    def write(self, chunk: bytes) -> None:
        """Append, as far as the disk takes it."""
        self._waiting += chunk
        with contextlib.suppress(OSError):
            while self._waiting:
                self._waiting = self._waiting[self._file.write(self._waiting) or 0 :]
        if len(self._waiting) > CHUNK:  # what came last tells how a run ended
            self._waiting = GAP + self._waiting[-CHUNK // 2 :]


class _Family:
    """The launcher and everything it started that is still in its group, or among its descendants on Windows."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._seen: dict[int, psutil.Process] = {}

    def alive(self) -> bool:
        """Whether any of them is running; asked seldom, for it walks the processes on Windows."""
        if self.process.poll() is None:
            return True
        if sys.platform == "win32":
            return any(child.is_running() for child in self._children())
        else:  # noqa: RET505 - mypy reads platform branches only as if and else
            with contextlib.suppress(OSError):
                os.killpg(self.process.pid, 0)
                return True
            return False

    def send(self, rung: str) -> None:
        """Signal all of them: accelerate may be gone already while the trainer saves."""
        if sys.platform == "win32":
            children = self._children()  # remembered before the launcher goes
            if rung == "interrupt":
                with contextlib.suppress(OSError):
                    self.process.send_signal(signal.CTRL_BREAK_EVENT)
                return
            for one in [*children, self.process]:
                with contextlib.suppress(psutil.Error, OSError):
                    one.kill()
        else:
            number = {"interrupt": signal.SIGINT, "terminate": signal.SIGTERM, "kill": signal.SIGKILL}[rung]
            with contextlib.suppress(OSError):
                os.killpg(self.process.pid, number)

    def _children(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                self._seen.setdefault(child.pid, child)
        return list(self._seen.values())


def _start(argv: tuple[str, ...], env: Mapping[str, str], cwd: Path) -> subprocess.Popen[bytes]:
    """The child in a process group of its own: a Ctrl-C on the terminal reaches kft alone, which passes it on."""
    return subprocess.Popen(
        argv,
        env={**os.environ, **env},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        start_new_session=sys.platform != "win32",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # Windows; elsewhere there is no such thing
    )


def _chunks(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Pieces of output until its end, and empty ones at every tick without output.

    A thread reads, because a blocking read in the main thread would hold up signals on Windows.
    """
    pieces: queue.Queue[bytes | None] = queue.Queue()
    assert process.stdout is not None
    source = process.stdout.fileno()

    def read() -> None:
        with contextlib.suppress(OSError):
            while piece := os.read(source, CHUNK):
                pieces.put(piece)
        pieces.put(None)

    threading.Thread(target=read, name="kft-output", daemon=True).start()
    while True:
        try:
            piece = pieces.get(timeout=TICK)
        except queue.Empty:
            yield b""
            continue
        if piece is None:
            return
        yield piece
