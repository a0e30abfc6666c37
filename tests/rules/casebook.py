"""What a rule is tested with: a configuration that trips it, its nearest neighbour that does not, and the full message.

The same entries serve the unit tests (kft alone) and the suite that asks the real program (`tests/integration`).
Those about options alone are rows of `cases/*.toml`; those that need images or files are built in `cases_*.py`.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fork_wrapper.files import parse_toml

HERE = Path(__file__).parent

Program = Literal["dies", "goes on", "no data", "not on a CPU", "not asked"]
"""What the unmodified sdxl_train.py does with a tripping configuration: it dies; it trains on (two steps) without
doing what was asked; it leaves with code 0 and nothing done; it cannot be seen on a CPU; or asking makes no sense
(a machine's fact, or something that only files of a real run show)."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One tripping configuration and its neighbour. Keys are key paths, None unsets.

    Both start from `BASE`: the smallest configuration that trains.
    """

    rule: str
    """Id of the rule."""
    trips: Mapping[str, Any]
    """Changes to BASE that trip it."""
    spares: Mapping[str, Any]
    """The nearest changes to BASE that do not; the real program trains with them."""
    what: str
    """The whole message (`Finding.what`); FOLDER stands for the image folder."""
    program: Program
    """What sdxl_train.py does with `trips`."""
    says: str = ""
    """For `dies`: a part of the exception's text or its type's name."""
    trips_files: Callable[[Path], None] | None = None
    """Changes the image folder before the tripping configuration is tried."""
    spares_files: Callable[[Path], None] | None = None
    """Changes the image folder before the sparing one is tried."""
    host: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the `Host` for the tripping case, where the rule is about the machine; such an entry is not asked."""


def dies(rule: str, trips: Mapping[str, Any], spares: Mapping[str, Any], what: str, says: str) -> Entry:
    """An entry that the program dies of."""
    return Entry(rule=rule, trips=trips, spares=spares, what=what, program="dies", says=says)


def goes_on(rule: str, trips: Mapping[str, Any], spares: Mapping[str, Any], what: str) -> Entry:
    """An entry that the program trains with."""
    return Entry(rule=rule, trips=trips, spares=spares, what=what, program="goes on")


BASE: Mapping[str, Any] = {
    "training.pretrained_model_name_or_path": "MINIATURE/sdxl",
    "training.tokenizer_cache_dir": "MINIATURE/tokenizers",
    "training.optimizer_type": "AdamW",
    "training.learning_rate": 1e-5,
    "training.lr_scheduler": "constant",
    "training.max_train_steps": 2,
    "training.mixed_precision": "no",
    "training.save_model_as": "safetensors",
    "training.save_precision": "fp16",
    "training.sdpa": True,
    "training.seed": 1,
    "training.log_with": "tensorboard",
    "training.console_log_simple": True,
    "training.max_data_loader_n_workers": 0,
    "training.cache_latents": True,
    "training.no_half_vae": True,
    "dataset.general.caption_extension": ".txt",
    "dataset.general.enable_bucket": True,
    "dataset.general.min_bucket_reso": 64,
    "dataset.general.max_bucket_reso": 128,
    "dataset.general.bucket_reso_steps": 64,
    "dataset.datasets[0].resolution": 64,
    "dataset.datasets[0].batch_size": 1,
    "dataset.datasets[0].subsets[0].image_dir": "FOLDER",
    "dataset.datasets[0].subsets[0].num_repeats": 1,
}
"""Trains two steps on the miniature. FOLDER holds four images of 64 x 64, a.png to d.png, each with a caption."""


def entries() -> list[Entry]:
    """The whole casebook, in the order of its files' names."""
    found: list[Entry] = []
    for path in sorted(HERE.glob("cases_*.py")):
        found += importlib.import_module(f"tests.rules.{path.stem}").ENTRIES
    for path in sorted((HERE / "cases").glob("*.toml")):
        found += [Entry(**{name: _set(value) for name, value in row.items()}) for row in _rows(path)]
    return found


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    yield from parse_toml(path.read_text(encoding="utf-8"), path)["case"]


def _set(value: Any) -> Any:
    """Values of a row as they are meant: TOML has no way to unset, so the word UNSET stands for it."""
    if isinstance(value, dict):
        return {key: None if one == "UNSET" else one for key, one in value.items()}
    return value
