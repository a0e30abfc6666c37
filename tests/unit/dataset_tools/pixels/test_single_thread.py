"""numpy is loaded with one thread, whoever asks first."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

ASK = """
import os
from dataset_tools.pixels import {module}
{call}
print(os.environ.get("OPENBLAS_NUM_THREADS"))
"""


@pytest.mark.parametrize(
    ("module", "call"),
    [
        ("single_thread", "single_thread.load_numpy()"),
        ("fast_png", "fast_png.version()"),
        ("lanczos", "from PIL import Image; lanczos.scale(Image.new('L', (4, 4)), (2, 2), (0, 0, 4, 4))"),
    ],
)
def test_one_thread(root: Path, module: str, call: str) -> None:
    """Threads that wait for each other cost a third more work on two cores."""
    env = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    script = ASK.format(module=module, call=call)
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_wish_is_kept(root: Path) -> None:
    """Of who set it."""
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "3"}
    script = ASK.format(module="single_thread", call="single_thread.load_numpy()")
    done = subprocess.run([sys.executable, "-c", script], env=env, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"
