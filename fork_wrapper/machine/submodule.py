"""Getting the submodule of sd-scripts where kft runs from its checkout: one try, shallow, with a time limit."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from fork_wrapper.machine.checkout import is_checkout

SECONDS = 60.0
"""How long git may take: the pinned commit alone is about 4 MB."""

Outcome = Literal["fetched", "no checkout", "no git", "too slow", "failed"]


def fetch_submodule(folder: Path, seconds: float = SECONDS) -> tuple[Outcome, str]:
    """Fetch the submodule `folder` at the commit its checkout pins: what came of it, and git's reason where it failed.

    git asks nobody for a password and is stopped after `seconds`, with all that it started. Nothing is tried where
    `folder` lies in no checkout, or in one without submodules.
    """
    root = next((parent for parent in folder.parents if is_checkout(parent)), None)
    if root is None or not (root / ".gitmodules").is_file():
        return "no checkout", ""
    argv = ["git", "submodule", "update", "--init", "--depth", "1", "--", folder.relative_to(root).as_posix()]
    with tempfile.TemporaryFile() as output:  # a pipe would stay open as long as anything that git started
        try:
            code = _within(argv, root, output.fileno(), seconds)
        except OSError:
            return "no git", ""
        output.seek(0)
        lines = output.read().decode("utf-8", errors="replace").strip().splitlines()
    if code is None:
        return "too slow", ""
    fatal = next((line for line in lines if line.startswith("fatal: ")), lines[-1] if lines else "")
    return ("failed", fatal.removeprefix("fatal: ")) if code else ("fetched", "")


def _within(argv: list[str], cwd: Path, output: int, seconds: float) -> int | None:
    """The exit code; None where the time was up. OSError where the program cannot be started."""
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never"}
    windows = sys.platform == "win32"
    process = subprocess.Popen(
        argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=not windows
    )
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End git and what it started. On SIGTERM it removes a half-made clone, which would spoil every later try."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False)
    else:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
