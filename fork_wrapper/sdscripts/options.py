"""The option table of the pinned sd-scripts: names, types, defaults and choices, and the keys of the dataset config.

The tables are data beside this file. `options.json` is what `read_parser.py` prints for the pinned commit;
`dataset_keys.json` is the schema of library/config_util.py:183-376, by level. A test holds the first against the
real parser. Rules about values and their combinations live elsewhere; here only shape is known.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

Level = Literal["general", "dataset", "subset"]

_HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of `sdxl_train.py`."""

    name: str
    """As in TOML, with underscores."""
    type: str
    """`bool`, `int`, `float`, `str`, `int_or_float` (steps or ratio) or `list[str]`."""
    default: Any
    """The parser's default; None where an absent option means unset."""
    choices: tuple[Any, ...] = ()
    """What the command line would accept, None for absent; the config file is not checked by sd-scripts."""


@dataclass(frozen=True, kw_only=True)
class DatasetKey:
    """One key of the dataset config."""

    name: str
    """As in TOML."""
    type: str
    """`bool`, `int`, `float` (ints refused), `number`, `str`, `int_or_pair`, `float_pair` or `table`."""
    levels: tuple[Level, ...]
    """Where it may stand: `[general]`, `[[datasets]]`, `[[datasets.subsets]]`."""


@lru_cache(maxsize=1)
def options() -> Mapping[str, Option]:
    """All 176 options by name."""
    rows = _read("options.json")["options"]
    return {
        name: Option(name=name, type=row["type"], default=row["default"], choices=tuple(row.get("choices", ())))
        for name, row in rows.items()
    }


@lru_cache(maxsize=1)
def dataset_keys() -> Mapping[str, DatasetKey]:
    """All keys of the dataset config by name."""
    rows = _read("dataset_keys.json")["keys"]
    return {name: DatasetKey(name=name, type=row["type"], levels=tuple(row["levels"])) for name, row in rows.items()}


@lru_cache(maxsize=1)
def pinned_commit() -> str:
    """The commit of sd-scripts that the tables describe."""
    return str(_read("options.json")["commit"])


def effective(training: Mapping[str, Any], config_file: Path, dataset_config: Path) -> dict[str, Any]:
    """All options as `sdxl_train.py` will hold them: parser defaults, then the file, then the two paths of argv.

    After loading, sd-scripts drops the suffix of `config_file` (library/train_util.py:4762). Keys of `training`
    that are no options (`metadata_kft_*`) are left out.
    """
    table = options()
    values = {name: option.default for name, option in table.items()}
    values.update({name: value for name, value in training.items() if name in table})
    values["config_file"] = str(config_file.with_suffix(""))
    values["dataset_config"] = str(dataset_config)
    return values


def _read(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((_HERE / name).read_text(encoding="utf-8"))
    return loaded
