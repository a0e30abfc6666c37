"""Print the option table of a checked-out sd-scripts, read from its real parser, as JSON on one line.

Started by path in the trainer's Python (`read_parser.py SD_SCRIPTS`), never imported by kft: it is the
one place outside `rehearsal/` that loads sd-scripts' code. With `--elsewhere` behind it, it prints instead which other
training scripts have options that this one lacks; with pairs of TRAIN_TOML DATASET_TOML, the namespaces that the
script's own parser and config reader make of each pair: what training would see.
"""

import contextlib
import importlib
import json
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

SCRIPT = "sdxl_train"
TYPES = ("int", "float", "str", "int_or_float")
FLAGS = ("_StoreTrueAction", "_StoreFalseAction", "BooleanOptionalAction")


def load(sd_scripts: Path) -> ModuleType:
    """Import `sdxl_train.py` from its folder, with PyPI's CUDA torchvision made importable on a CPU torch."""
    sys.path[0] = str(sd_scripts)
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    importlib.import_module("fork_wrapper.rehearsal.torchvision_ops").define_missing_ops()
    return importlib.import_module(SCRIPT)


def describe(action: Any) -> dict[str, Any]:
    """One argparse action as a row of the table: what TOML may hold for it, not how argv spells it."""
    kind = "str" if action.type is None else getattr(action.type, "__name__", "").lower()
    kind = {"path": "str"}.get(kind, kind)
    if type(action).__name__ in FLAGS:
        kind = "bool"
    elif action.nargs in ("*", "+") and kind == "str":
        kind = "list[str]"
    elif action.nargs is not None or kind not in TYPES:
        kind = "any"
    row: dict[str, Any] = {"type": kind, "default": action.default}
    if action.choices:
        row["choices"] = list(action.choices)
    return row


def table(module: ModuleType) -> dict[str, Any]:
    """Every option of the script's parser but `--help`, by name."""
    actions = module.setup_parser()._actions  # noqa: SLF001 - argparse has no public list of its actions
    return {a.dest: describe(a) for a in actions if a.dest != "help"}


def elsewhere(folder: Path, own: Collection[str]) -> dict[str, Any]:
    """The options of the other training scripts that are not among `own`, and the scripts that cannot be loaded."""
    found: dict[str, list[str]] = {}
    unread: dict[str, str] = {}
    for path in other_scripts(folder):
        try:
            names = table(importlib.import_module(path.stem)).keys()
        except Exception as error:  # noqa: BLE001 - a script for another model may need anything
            unread[path.name] = f"{type(error).__name__}: {error}"
            continue
        for name in sorted(names - set(own)):
            found.setdefault(name, []).append(path.name)
    return {"options": found, "unread": unread}


def other_scripts(folder: Path) -> Iterator[Path]:
    """Scripts at the root that train and have a parser of their own: for SDXL, for Stable Diffusion, for others."""
    families = ("sdxl_", ("train_", "fine_tune"))
    for path in sorted(folder.glob("*.py"), key=lambda one: ([not one.name.startswith(x) for x in families], one.name)):
        trains = "train" in path.stem or path.stem == "fine_tune"
        if trains and path.stem != SCRIPT and "\ndef setup_parser(" in path.read_text(encoding="utf-8"):
            yield path


def namespace(module: ModuleType, train_toml: str, dataset_toml: str) -> dict[str, Any]:
    """The namespace that `sdxl_train.py` would train with, for these two files (sdxl_train.py:945-951)."""
    sys.argv = [f"{SCRIPT}.py", "--config_file", train_toml, "--dataset_config", dataset_toml]
    parser = module.setup_parser()
    return dict(vars(module.train_util.read_config_from_file(parser.parse_args(), parser)))


def main(argv: list[str]) -> None:
    """Print JSON on stdout; all that the import says goes to stderr."""
    folder, *rest = argv
    with contextlib.redirect_stdout(sys.stderr):
        module = load(Path(folder).resolve())
        if rest == ["--elsewhere"]:
            answer: Any = elsewhere(Path(folder), table(module))
        elif rest:
            answer = [namespace(module, *pair) for pair in zip(rest[::2], rest[1::2], strict=True)]
        else:
            answer = table(module)
    json.dump(answer, sys.stdout, default=str)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(sys.argv[1:])
