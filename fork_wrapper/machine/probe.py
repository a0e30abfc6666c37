"""What the trainer's Python says of itself: versions, and for which CUDA torch and xformers were built.

kft hands this text to that Python (`python -c`), so it uses the standard library alone and nothing of kft; and it
imports nothing heavy: torch and xformers are found and read as files.
"""

from __future__ import annotations  # a Python older than kft's own is to say its version, not a SyntaxError

import ctypes
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import sys
from pathlib import Path

ENCODING = "utf-8"


def packages() -> dict[str, str]:
    """Installed distributions by their normalised names (PEP 503): of two the first on sys.path, as Python imports."""
    found: dict[str, str] = {}
    for one in importlib.metadata.distributions():
        said = one.metadata
        if said["Name"]:
            found.setdefault(re.sub(r"[-_.]+", "-", said["Name"]).lower(), said["Version"])
    return found


def torch_cuda() -> str | None:
    """CUDA that torch was built for, as 13.0; None of other builds, and where there is no torch."""
    said = re.search(r"^cuda\b[^=\n]*=\s*['\"](\d+\.\d+)", _text("torch", "version.py"), re.MULTILINE)
    return said[1] if said else None


def xformers_cuda() -> str | None:
    """CUDA that xformers' operators were built for; None of other builds, and where there is no xformers."""
    try:
        number = json.loads(_text("xformers", "cpp_lib.json"))["version"]["cuda"]  # 1208 for 12.8
        return f"{number // 100}.{number % 100}"
    except (ValueError, LookupError, TypeError):
        return None


def xformers_runtime(torch: str | None, xformers: str | None) -> bool | None:
    """Whether the CUDA runtime that xformers is linked with can be loaded; None where it is the one of torch.

    Its library refers to it by the major version and names no folder: only the system's search finds it.
    """
    if not torch or not xformers or torch.split(".")[0] == xformers.split(".")[0]:
        return None
    major = xformers.split(".")[0]
    windows = f"cudart64_{'110' if major == '11' else major}.dll"
    try:
        ctypes.CDLL(windows if sys.platform == "win32" else f"libcudart.so.{major}")
    except OSError:
        return False
    return True


def _text(package: str, name: str) -> str:
    """A file of a package, which is looked for as `import` would and not imported; empty where it is not there."""
    try:
        spec = importlib.util.find_spec(package)
        return Path(spec.origin).with_name(name).read_text(ENCODING) if spec and spec.origin else ""
    except (ImportError, OSError, ValueError):
        return ""


def main() -> None:
    """Everything as one line of JSON, with the folders whose change makes it out of date."""
    torch, xformers = torch_cuda(), xformers_cuda()
    answer = {
        "version": platform.python_version(),
        "executable": sys.executable,
        "packages": packages(),
        "torch_cuda": torch,
        "xformers_cuda": xformers,
        "xformers_runtime": xformers_runtime(torch, xformers),
        "places": [place for place in sys.path if os.path.isdir(place)],  # noqa: PTH112 - "" is no folder here
    }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
