"""Short questions to other programs: git, nvidia-smi, the trainer's Python. Each has a time limit."""

import json
from collections.abc import Sequence
from typing import Any


def ask(argv: list[str], timeout: float) -> str | None:
    """The output of a short question; None when the program is missing, fails or takes too long."""
    import subprocess  # noqa: PLC0415 - most commands ask nobody

    try:
        done = subprocess.run(argv, capture_output=True, timeout=timeout, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", errors="replace")


def ask_python(python: str, arguments: Sequence[str], timeout: float) -> tuple[Any, str]:
    """What a script prints as JSON on its last line in the trainer's Python; None and the reason when it does not."""
    import subprocess  # noqa: PLC0415 - as above

    try:
        done = subprocess.run([python, *arguments], capture_output=True, timeout=timeout, check=True)
        return json.loads(done.stdout.decode("utf-8", errors="replace").splitlines()[-1]), ""
    except subprocess.TimeoutExpired:
        return None, f"no answer in {timeout:.0f} s"
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", errors="replace").strip()
        return None, said.splitlines()[-1] if said else f"it ended with exit code {error.returncode}"
    except OSError as error:
        return None, error.strerror or str(error)
    except (IndexError, ValueError):
        return None, "its answer is not JSON"
