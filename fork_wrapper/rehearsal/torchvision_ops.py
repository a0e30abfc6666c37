"""Lets torchvision be imported beside a torch build without CUDA.

PyPI's Linux wheels of torchvision are CUDA builds: beside a CPU torch their extension `_C` does not load,
its operators stay unknown, and `import torchvision` (sd-scripts and transformers both do it) fails at the
first one. Declaring their signatures is enough for the import. It does not implement them: nothing in a
rehearsal calls them.
"""

import contextlib
import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from typing import Any

MISSING = ("nms", "qnms")
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_alive: list[Any] = []
"""torch forgets the operators of a Library object that is garbage collected."""


def define_missing_ops() -> None:
    """Declare `torchvision::nms` and `torchvision::qnms` when torchvision's own extension cannot.

    Nothing happens with a CUDA or ROCm torch, without torchvision, or outside Linux, where PyPI's wheels
    are CPU builds. Whether a CPU torchvision is there cannot be told from version texts (distributions
    build their own), so its extension is loaded the way torchvision itself does it: once loaded, the
    operators are its own, a second load by torchvision changes nothing, and there is nothing left to
    declare. Safe to call twice.
    """
    import torch  # noqa: PLC0415 - this module is imported before anyone knows that torch is there

    if not sys.platform.startswith("linux") or torch.version.cuda or torch.version.hip:
        return
    found = importlib.util.find_spec("torchvision")  # finds the package without importing it
    if found is None or found.origin is None or "torchvision" in sys.modules:
        return
    _load_extension(torch, Path(found.origin).parent)
    missing = [name for name in MISSING if not hasattr(torch.ops.torchvision, name)]
    if missing:
        # a fragment, because a second full definition of a namespace is an error
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in missing:
            library.define(name + _SIGNATURE)
        _alive.append(library)


def _load_extension(torch: Any, package: Path) -> None:
    extension = importlib.machinery.PathFinder.find_spec("_C", [str(package)])
    if extension is not None and extension.origin is not None:
        with contextlib.suppress(OSError):  # CUDA's libraries are not there: the very case this module is for
            torch.ops.load_library(extension.origin)
