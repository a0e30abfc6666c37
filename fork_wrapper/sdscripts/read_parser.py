"""Print the option table of a checked-out sd-scripts, read from its real parser.

Started by path in the trainer's Python (`read_parser.py SD_SCRIPTS`), never imported by kft: it is the
one place outside `rehearsal/` that loads sd-scripts' code. With pairs of TRAIN_TOML DATASET_TOML behind it, it prints
instead the namespaces that the script's own parser and config reader make of each pair: what training would see.
"""

import contextlib
import importlib
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

SCRIPT = "sdxl_train"


def load(sd_scripts: Path) -> ModuleType:
    """Import `sdxl_train.py` from its folder, with PyPI's CUDA torchvision made importable on a CPU torch."""
    sys.path[0] = str(sd_scripts)
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    importlib.import_module("fork_wrapper.rehearsal.torchvision_ops").define_missing_ops()
    return importlib.import_module(SCRIPT)


def describe(action: Any) -> dict[str, Any]:
    """One argparse action as a row of the table: what TOML may hold for it, not how argv spells it."""
    flag = type(action).__name__ == "_StoreTrueAction"
    kind = "bool" if flag else getattr(action.type, "__name__", "str").lower()
    row: dict[str, Any] = {"type": "str" if kind == "path" else kind, "default": action.default}
    if action.choices:
        row["choices"] = list(action.choices)
    if action.nargs == "*":
        row["type"] = "list[str]"
    return row


def table(module: ModuleType) -> dict[str, Any]:
    """Every option of the script's parser but `--help`, by name."""
    actions = module.setup_parser()._actions  # noqa: SLF001 - argparse has no public list of its actions
    return {a.dest: describe(a) for a in actions if a.dest != "help"}


def namespace(module: ModuleType, train_toml: str, dataset_toml: str) -> dict[str, Any]:
    """The namespace that `sdxl_train.py` would train with, for these two files (sdxl_train.py:945-951)."""
    sys.argv = [f"{SCRIPT}.py", "--config_file", train_toml, "--dataset_config", dataset_toml]
    parser = module.setup_parser()
    return dict(vars(module.train_util.read_config_from_file(parser.parse_args(), parser)))


def main(argv: list[str]) -> None:
    """Print JSON on stdout; all that the import says goes to stderr."""
    folder, *pairs = argv
    with contextlib.redirect_stdout(sys.stderr):
        module = load(Path(folder).resolve())
        spaces = [namespace(module, *pair) for pair in zip(pairs[::2], pairs[1::2], strict=True)]
        answer = spaces if pairs else table(module)
    json.dump(answer, sys.stdout, indent=1, ensure_ascii=False, default=os.fspath)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(sys.argv[1:])
