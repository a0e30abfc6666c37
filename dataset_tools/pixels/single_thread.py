"""numpy, its matrix library kept to one thread where this is what loads it: pictures are what runs side by side."""

from __future__ import annotations

import os
import sys
from typing import Any

_LIMITS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "OMP_NUM_THREADS")


def load_numpy() -> Any:
    """The module. Whatever imports numpy by itself has to be imported after this."""
    if "numpy" not in sys.modules:
        for name in _LIMITS:
            os.environ.setdefault(name, "1")
    import numpy  # noqa: ICN001, PLC0415 - only what works on pixels pays for it

    return numpy
