"""Let the real sd-scripts read words, config files and image folders; print what it made of them.

Started by path in the trainer's Python (`real_words.py SD_SCRIPTS < QUESTIONS`): its own parser, its own config reader,
its own walk through the folders of a data set.
"""

import argparse
import contextlib
import importlib
import json
import sys
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[2])

from fork_wrapper.sdscripts.read_parser import load  # noqa: E402 - found by the path above


class RefusedError(Exception):
    """The parser would have left."""


def _refuse(_parser: argparse.ArgumentParser, message: str) -> None:
    raise RefusedError(message)


def words(parser: Any, argv: list[str]) -> dict[str, Any]:
    """The options that the words change, or why the parser refuses them."""
    untouched = vars(parser.parse_args([]))
    try:
        found = vars(parser.parse_args(argv))
    except (RefusedError, SystemExit) as error:
        return {"refused": str(error)}
    return {"options": {key: value for key, value in found.items() if repr(value) != repr(untouched[key])}}


def config(script: Any, path: str) -> dict[str, Any]:
    """The namespace of a config file, without what is nobody's: values of the parser's defaults."""
    parser = script.setup_parser()
    untouched = vars(parser.parse_args([]))
    sys.argv = ["sdxl_train.py", "--config_file", path]
    try:
        found = vars(script.train_util.read_config_from_file(parser.parse_args(), parser))
    except Exception as error:  # noqa: BLE001 - however its reader dies, the next file is another one
        return {"died": type(error).__name__}
    del found["config_file"]
    return {"options": {key: value for key, value in found.items() if repr(value) != repr(untouched.get(key))}}


def main(folder: str) -> None:
    """Answer every question of stdin, {"words": [...], "configs": [...], "folders": [...]}, in order."""
    questions = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        script = load(Path(folder).resolve())
        argparse.ArgumentParser.error = _refuse  # type: ignore[method-assign, assignment]
        parser = script.setup_parser()
        subsets = importlib.import_module("library.config_util").generate_dreambooth_subsets_config_by_subdirs
        answers = {
            "words": [words(parser, argv) for argv in questions.get("words", [])],
            "configs": [config(script, path) for path in questions.get("configs", [])],
            "folders": [subsets(*pair) for pair in questions.get("folders", [])],
        }
    json.dump(answers, sys.stdout, default=str)


if __name__ == "__main__":
    main(sys.argv[1])
