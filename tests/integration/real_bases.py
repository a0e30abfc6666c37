"""Let the loader of the real sd-scripts take base models and VAEs whose numbers nobody needs; print what it did.

Started by path in the trainer's Python (`real_bases.py SD_SCRIPTS < QUESTIONS`). Only `load_file` is replaced: its
tensors have names, types and shapes, and no storage, so that a checkpoint of seven gigabytes takes no memory.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[2])

from fork_wrapper.sdscripts.safetensors_header import read_header  # noqa: E402 - found by the path above


def main() -> None:
    """One line of JSON: what each file died of, or nothing."""
    importlib.import_module("fork_wrapper.rehearsal.torchvision_ops").define_missing_ops()
    sys.path.insert(0, sys.argv[1])
    torch: Any = importlib.import_module("torch")
    loader: Any = importlib.import_module("library.sdxl_model_util")
    models: Any = importlib.import_module("library.model_util")

    def load_file(path: str, _device: object = None, **_named: object) -> dict[str, Any]:
        header = read_header(Path(path))
        return {
            name: torch.empty(one.shape, dtype=torch.float16, device="meta") for name, one in header.tensors.items()
        }

    loader.load_file = models.load_file = load_file
    asked, answers = json.load(sys.stdin), {}
    for label, path in asked["bases"].items():
        answers[label] = died(lambda path=path: loader.load_models_from_sdxl_checkpoint("sdxl_base_v1-0", path, "meta"))
    with torch.device("meta"):
        for label, path in asked["vaes"].items():
            answers[label] = died(lambda path=path: models.load_vae(path, torch.float16))
    sys.stdout.write(json.dumps(answers))


def died(load: Any) -> str:
    """Type and text of its exception; empty where it loaded."""
    try:
        load()
    except Exception as error:  # noqa: BLE001 - whatever it dies of is the answer
        return f"{type(error).__name__}: {error}"[:2000]
    return ""


if __name__ == "__main__":
    main()
