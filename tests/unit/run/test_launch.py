"""Starting, reading and stopping real children."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fork_wrapper.run import launch as launch_module
from fork_wrapper.run.launch import Outcome, StartError, launch

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals to this process")


def start(tmp_path: Path, code: str, *, grace: float = 30, on_output: Callable[[bytes], None] | None = None) -> Outcome:
    """Launch a Python child that runs `code`."""
    return launch(
        (sys.executable, "-c", code),
        env={"SAID": "ñ"},
        cwd=tmp_path,
        log=tmp_path / "log",
        grace=grace,
        on_output=on_output or (lambda _chunk: None),
        on_tick=lambda: None,
        on_stop=lambda _rung: None,
    )


def test_the_log_holds_the_raw_bytes_of_both_streams(tmp_path: Path) -> None:
    """Carriage returns and bytes that are no text reach the log and the caller as they are."""
    seen: list[bytes] = []
    code = (
        "import os; os.write(1, b'one\\rtwo\\n'); os.write(2, b'\\xff\\xfe'); os.write(1, os.environ['SAID'].encode())"
    )
    outcome = start(tmp_path, code, on_output=seen.append)
    assert (tmp_path / "log").read_bytes() == b"one\rtwo\n\xff\xfe\xc3\xb1" == b"".join(seen)
    assert (outcome.exit_code, outcome.stops) == (0, ())
    assert outcome.started <= outcome.ended


def test_the_exit_code_is_the_childs(tmp_path: Path) -> None:
    """No exit code is invented."""
    assert start(tmp_path, "raise SystemExit(7)").exit_code == 7


def test_a_program_that_does_not_exist_is_an_os_error(tmp_path: Path) -> None:
    """The caller hears of it; nothing hangs."""
    with pytest.raises(StartError, match="no such program"):
        launch(
            (str(tmp_path / "no such program"),),
            env={},
            cwd=tmp_path,
            log=tmp_path / "log",
            grace=1,
            on_output=lambda _chunk: None,
            on_tick=lambda: None,
            on_stop=lambda _rung: None,
        )


@POSIX
def test_the_run_ends_with_the_output_not_with_the_launcher(tmp_path: Path) -> None:
    """A launcher that leaves while its child still saves does not end the run."""
    code = (
        "import subprocess, sys; "
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1); print(\"saved\")']); sys.exit(3)"
    )
    outcome = start(tmp_path, code)
    assert (tmp_path / "log").read_bytes() == b"saved\n"
    assert outcome.exit_code == 3
    assert outcome.ended - outcome.started >= 1


STUBBORN = """
import os, signal, time
signal.signal(signal.SIGINT, lambda *_: os.write(1, b"int\\n"))
signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"term\\n"))
os.write(1, b"up\\n")
while True:
    time.sleep(0.05)
"""


@POSIX
def test_three_ctrl_c_climb_the_ladder(tmp_path: Path) -> None:
    """Interrupt, terminate, kill: each is sent to the whole group, and the outcome lists them."""
    seen = bytearray()

    def press(chunk: bytes) -> None:
        seen.extend(chunk)
        if chunk.strip():  # each answer of the child is followed by the next Ctrl-C
            os.kill(os.getpid(), signal.SIGINT)

    outcome = start(tmp_path, STUBBORN, on_output=press)
    assert bytes(seen) == b"up\nint\nterm\n"
    assert outcome.stops == ("interrupt", "terminate", "kill")
    assert outcome.exit_code == -signal.SIGKILL


@POSIX
def test_an_exhausted_grace_terminates(tmp_path: Path) -> None:
    """Nobody needs to press again: after the grace the next rung is taken."""
    code = STUBBORN.replace("signal.signal(signal.SIGTERM", "(lambda *_: None)(signal.SIGTERM")
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    outcome = start(tmp_path, code, grace=0.5)
    assert outcome.stops == ("interrupt", "terminate")


@POSIX
def test_handlers_are_put_back(tmp_path: Path) -> None:
    """After the run Ctrl-C does what it did before."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    start(tmp_path, "pass")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_ticks_come_without_output(tmp_path: Path) -> None:
    """A silent trainer (loading seven gigabytes) does not freeze the display."""
    ticks: list[float] = []
    launch(
        (sys.executable, "-c", "import time; time.sleep(1.2)"),
        env={},
        cwd=tmp_path,
        log=tmp_path / "log",
        grace=1,
        on_output=lambda _chunk: None,
        on_tick=lambda: ticks.append(time.monotonic()),
        on_stop=lambda _rung: None,
    )
    assert len(ticks) >= 3


@POSIX
def test_a_stray_daemon_does_not_hold_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child in a session of its own that keeps the pipe open is no part of the run."""
    monkeypatch.setattr(launch_module, "ORPHAN_SILENCE", 0.5)
    code = "import subprocess; print(subprocess.Popen(['sleep', '30'], start_new_session=True).pid)"
    outcome = start(tmp_path, code)
    os.kill(int((tmp_path / "log").read_text()), signal.SIGKILL)
    assert outcome.exit_code == 0
    assert outcome.ended - outcome.started < 15


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_ends_the_log_and_not_the_run(tmp_path: Path) -> None:
    """What cannot be logged is still read and handed on: the trainer must never block or break."""
    (tmp_path / "log").symlink_to("/dev/full")
    seen: list[bytes] = []
    outcome = start(tmp_path, "print('one', flush=True); print('two', flush=True)", on_output=seen.append)
    assert (outcome.exit_code, b"".join(seen)) == (0, b"one\ntwo\n")
