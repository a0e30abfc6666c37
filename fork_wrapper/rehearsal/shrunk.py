"""Runs the real, unmodified sdxl_train.py of an sd-scripts checkout on the miniature SDXL.

    accelerate launch shrunk.py --sd-scripts DIR --miniature DIR [every option of sdxl_train.py]

The U-Net's width is a constant of sd-scripts' module; it is set in memory before the script starts. No file
of sd-scripts is changed, and all training is its own. Started by path in the trainer's Python, where kft
may be absent.
"""

import argparse
import importlib
import runpy
import sys
from pathlib import Path
from typing import Any

# By path, Python puts this file's folder first, where its neighbours could shadow other modules. The
# repository goes last: it provides `fork_wrapper` and must never win over the trainer's packages.
sys.path[0:1] = []
sys.path.append(str(Path(__file__).resolve().parents[2]))

from fork_wrapper.rehearsal.miniature import ensure_miniature  # noqa: E402
from fork_wrapper.rehearsal.miniature_folder import TIME_EMBED, WIDTH  # noqa: E402
from fork_wrapper.rehearsal.torchvision_ops import define_missing_ops  # noqa: E402


def main() -> None:
    """Prepare, then become sdxl_train.py; its exit code is ours."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--sd-scripts", type=Path, required=True)
    parser.add_argument("--miniature", type=Path, required=True)
    own, others = parser.parse_known_args()
    print(
        f"rehearsal: sdxl_train.py of sd-scripts, unmodified, on a miniature SDXL (width {WIDTH}, random weights)",
        flush=True,
    )
    define_missing_ops()
    ensure_miniature(own.miniature.resolve())
    script = own.sd_scripts.resolve() / "sdxl_train.py"
    sys.path.insert(0, str(script.parent))
    unet: Any = importlib.import_module("library.sdxl_original_unet")
    unet.MODEL_CHANNELS, unet.TIME_EMBED_DIM = WIDTH, TIME_EMBED  # library/sdxl_original_unet.py:44-45
    sys.argv = [str(script), *others]
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
