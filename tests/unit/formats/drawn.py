"""Configurations drawn from the option table: every option, every type, within what kft takes."""

import math
from typing import Any

from hypothesis import strategies as st

from fork_wrapper.experiment.schema import ARCHIVABLE, MANAGED, MORE_CHOICES, SECRETS
from fork_wrapper.sdscripts.options import DatasetKey, Level, Option, dataset_keys, options

LETTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="{}")
"""No control characters: sd-scripts' TOML reader misreads them, and kft refuses to render such values."""

TEXTS = st.text(LETTERS, min_size=1, max_size=12)
FLOATS = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)
INTS = st.integers(min_value=-(2**40), max_value=2**40)
ARGUMENTS = st.builds(lambda name, value: f"{name}={value}", st.sampled_from("abc"), FLOATS)
PATHS = st.sampled_from(["/data/a b", "/data/ñ", "/data/it's", "/data/x-y_z.txt", '/data/"q"'])


def drawable() -> dict[str, Option]:
    """The options that an experiment may set, but for those whose values other files must back."""
    return {
        name: option
        for name, option in options().items()
        if name not in MANAGED and name not in SECRETS and name != "sample_prompts"
    }


def value_of(option: Option) -> st.SearchStrategy[Any]:
    """Values that an option takes in a config file."""
    if option.name in _ONLY:
        return st.just(_ONLY[option.name])
    if option.choices:
        return st.sampled_from(
            [*[one for one in option.choices if one is not None], *MORE_CHOICES.get(option.name, ())]
        )
    if option.name in ("in_json", "train_data_dir", "reg_data_dir", "dataset_class"):
        return st.nothing()
    if option.name in _SPELT:
        return st.sampled_from(_SPELT[option.name])
    return {
        "bool": st.booleans(),
        "int": INTS,
        "float": FLOATS,
        "int_or_float": st.one_of(st.integers(min_value=0, max_value=10**6), st.floats(min_value=0, max_value=1)),
        "list[str]": st.lists(
            st.builds(lambda a, b: f"{a}={b}", st.sampled_from("abc"), FLOATS), min_size=1, max_size=3
        ),
        "str": PATHS if option.name in _PATHS else TEXTS.map(lambda text: text.strip() or "x"),
    }[option.type]


_ONLY = {"save_model_as": ARCHIVABLE, "v2": False}
"""Options of which kft takes one value alone: v2 would be another model family."""

_SPELT = {
    "resolution": ["1024", "1024,1024", "512, 768"],
    "face_crop_aug_range": ["2.0,4.0"],
    "block_lr": ["1e-6,2e-6", "0"],
}
"""Texts that sd-scripts takes apart."""

_PATHS = frozenset(
    (
        *("console_log_file", "log_tracker_config", "resume", "tokenizer_cache_dir", "conditioning_data_dir", "vae"),
        *("pretrained_model_name_or_path",),
    )
)


@st.composite
def trainings(draw: st.DrawFn, most: int = 12) -> dict[str, Any]:
    """The options of one experiment."""
    names = draw(st.lists(st.sampled_from(sorted(_with_values())), unique=True, max_size=most))
    return {name: draw(value_of(options()[name])) for name in names}


def _with_values() -> list[str]:
    return [name for name, option in drawable().items() if not value_of(option).is_empty]


def _key_value(key: DatasetKey) -> st.SearchStrategy[Any]:
    side = st.integers(min_value=64, max_value=4096)
    pair = st.floats(min_value=1, max_value=4).filter(lambda number: not math.isnan(number))
    return {
        "bool": st.booleans(),
        "int": st.integers(min_value=1, max_value=1000),
        "float": st.floats(min_value=0.01, max_value=1),
        "number": st.one_of(st.integers(min_value=0, max_value=3), st.floats(min_value=0, max_value=1)),
        "str": st.sampled_from([".txt", "x, y", "ñ", "a|b"]),
        "int_or_pair": st.one_of(side, st.lists(side, min_size=2, max_size=2)),
        "float_pair": st.lists(pair, min_size=2, max_size=2),
        "table": st.just({"a": 1}),
    }[key.type]


@st.composite
def tables(draw: st.DrawFn, level: Level, without: frozenset[str]) -> dict[str, Any]:
    """One table of a dataset config."""
    names = [name for name, key in dataset_keys().items() if level in key.levels and name not in without]
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=5))
    return {name: draw(_key_value(dataset_keys()[name])) for name in chosen}


@st.composite
def datasets(draw: st.DrawFn) -> dict[str, Any]:
    """A dataset config of one or two datasets of one or two subsets."""
    odd = frozenset(["image_dir", "metadata_file", "conditioning_data_dir", "custom_attributes"])
    whole = []
    for _ in range(draw(st.integers(min_value=1, max_value=2))):
        subsets = [
            {"image_dir": f"/data/set {number}", **draw(tables("subset", odd))}
            for number in range(draw(st.integers(min_value=1, max_value=2)))
        ]
        whole.append({**draw(tables("dataset", odd)), "subsets": subsets})
    return {"general": {"caption_extension": ".txt", **draw(tables("general", odd))}, "datasets": whole}
