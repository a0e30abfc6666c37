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
from pathlib import Path
from types import FrameType

CHUNK = 1 << 16
TICK = 0.25
KILL_AFTER = 15.0
"""Seconds between terminating and killing, when nobody asks again."""


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

    process: subprocess.Popen[bytes]
    grace: float
    sent: list[str] = field(default_factory=list)
    deadline: float = float("inf")

    def climb(self) -> None:
        """Send the next, stronger stop; called for every Ctrl-C and when a deadline has passed."""
        rung = ("interrupt", "terminate", "kill")[min(len(self.sent), 2)]
        self.sent.append(rung)
        self.deadline = time.monotonic() + (self.grace if rung == "interrupt" else KILL_AFTER)
        _send(self.process, rung)


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
) -> Outcome:
    """Run `argv` in a process group of its own until its output ends; the raw bytes also go to `log`.

    `on_output` gets every piece as it comes, `on_tick` is called about four times a second, `on_stop` when a stop
    was sent. The first SIGINT or SIGTERM to kft interrupts the group and waits `grace` seconds, the second
    terminates it, the third kills it. OSError when the program cannot be started.
    """
    started = time.time()
    with log.open("ab") as raw, _start(argv, env, cwd) as process:
        stops = _Stops(process=process, grace=grace)
        with _handling_signals(stops.climb):
            announced = 0
            for chunk in _chunks(process):
                if chunk:
                    raw.write(chunk)
                    raw.flush()
                    on_output(chunk)
                on_tick()
                if time.monotonic() > stops.deadline:
                    stops.climb()
                for rung in stops.sent[announced:]:
                    on_stop(rung)
                announced = len(stops.sent)
            exit_code = process.wait()
    return Outcome(exit_code=exit_code, stops=tuple(stops.sent), started=started, ended=time.time())


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


def _send(process: subprocess.Popen[bytes], rung: str) -> None:
    """Signal the whole group: accelerate may be gone already while the trainer saves."""
    with contextlib.suppress(ProcessLookupError, PermissionError, OSError):
        if sys.platform == "win32":
            if rung == "interrupt":
                process.send_signal(signal.CTRL_BREAK_EVENT)
            else:
                process.kill()
        else:
            number = {"interrupt": signal.SIGINT, "terminate": signal.SIGTERM, "kill": signal.SIGKILL}[rung]
            os.killpg(process.pid, number)


@contextlib.contextmanager
def _handling_signals(climb: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C and a polite kill climb the ladder while the trainer runs; before and after they act as always."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        climb()

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers; a caller elsewhere keeps its own
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, handle) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
