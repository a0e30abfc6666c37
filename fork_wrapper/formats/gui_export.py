"""A configuration as a form of the kohya_ss GUI: every key that the newest version of a tab saves, typed as its field.

The form is filled in by name; then the model of what the GUI passes on (`gui_handed`) is asked what sd-scripts would
get, and what is missing goes into `additional_parameters`. What still differs cannot travel, and is said.

The images always travel as a dataset config file that the form names: the tabs' own fields cannot say them.
"""

import contextlib
import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fork_wrapper.experiment.keypath import DATASET_NAMES
from fork_wrapper.formats.command_line import options_to_words
from fork_wrapper.formats.found import NOTHING
from fork_wrapper.formats.gui_form import read_form
from fork_wrapper.formats.gui_handed import Images, handed
from fork_wrapper.formats.gui_keys import HOLDS_ITS_OPTION, NEWEST, Tab, allows, fresh_form, gui_keys
from fork_wrapper.sdscripts.options import dataset_keys, options

SAFE = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
"""Words that `additional_parameters` do not spoil (shlex.quote leaves them as they are)."""

_ARGUMENT = re.compile(r'[^\s"=]+=[^\s"]+')
"""Words that the two fields of arguments take (kohya_gui/common_gui.py:1779, after v26.0.0)."""

_RUN_KEYS = frozenset(["output_dir", "output_name", "logging_dir", "dataset_config", "config_file"])
"""Options that say where a run writes, which an export decides."""

_OWN = "metadata_kft_"
"""How the options begin in which kft keeps its own record: it writes them anew for every run."""

_IDLE = frozenset(["wandb_run_name", "train_data_dir", "in_json", "reg_data_dir", "sample_prompts", *_RUN_KEYS])
"""Options that a form passes in another way, or without effect beside a dataset config."""

_RATES = ("learning_rate_te1", "learning_rate_te2")

TEXT_FIELDS: Mapping[Tab, frozenset[str]] = {
    "finetune": frozenset(["batch_size", "dataset_repeats", "max_bucket_reso", "min_bucket_reso"]),
    "dreambooth": frozenset(),
}
"""Number fields that are text boxes."""


@dataclass(frozen=True, kw_only=True)
class GuiExport:
    """A form and what goes with it."""

    form: dict[str, Any]
    """The GUI's JSON: every key of the tab."""
    general: dict[str, Any]
    """Keys that the dataset config must say in `[general]`, as the form would decide them otherwise."""
    lost: dict[str, str]
    """What could not travel, by option, with the reason."""


def to_form(
    tab: Tab,
    training: Mapping[str, Any],
    dataset: Mapping[str, Any],
    *,
    run: Mapping[str, str],
    prompts: str | None,
) -> GuiExport:
    """The form of a configuration.

    `run` has output_dir, output_name, logging_dir and dataset_config; `prompts` is the text of the sample prompts.
    """
    wanted = without_run(training)
    form = {**_filled(tab, _readable(wanted, dataset)), **run}
    lost = {key: "neither the form nor sdxl_train.py has such an option" for key in wanted if key not in options()}
    if prompts is not None:
        form["sample_prompts"] = prompts
    elif "sample_prompts" in wanted:
        lost["sample_prompts"] = "the file is not here, and the form holds its text"
    _encoders(tab, form, wanted)
    general = _decided(form, wanted, dataset)
    lost |= _add(form, wanted, {*general, *_settled(dataset)})
    return GuiExport(form=dict(sorted(form.items())), general=general, lost=lost)


def without_run(training: Mapping[str, Any]) -> dict[str, Any]:
    """The options that an export carries: none that says where a run writes, nor kft's own record."""
    return {key: value for key, value in training.items() if key not in _RUN_KEYS and not key.startswith(_OWN)}


def _readable(wanted: Mapping[str, Any], dataset: Mapping[str, Any]) -> dict[str, Any]:
    """The options to fill in: where the dataset config says a value for all images, a reader should see that one."""
    seen = dict(wanted)
    for option in _data_options():
        key = DATASET_NAMES.get(option, option)
        levels = [dataset.get("general", {}), *dataset.get("datasets", [])]
        said = [level[key] for level in levels if key in level]
        if said and all(value == said[0] for value in said):
            seen[option] = said[0]
    return seen


def _data_options() -> list[str]:
    """Options that a dataset config can say instead."""
    return [name for name in options() if DATASET_NAMES.get(name, name) in dataset_keys()]


def _filled(tab: Tab, values: Mapping[str, Any]) -> dict[str, Any]:
    """A new form in which every field that is an option's says its value, or what stands for the default.

    A field that cannot hold the value stays as it is.
    """
    form = fresh_form(tab)
    for key, known in gui_keys().items():
        if key in form and known.how in HOLDS_ITS_OPTION and known.option in options():
            option = options()[known.option]
            value = values.get(known.option, NOTHING)
            form[key] = _field(tab, key, form[key], option.default if value is NOTHING else value)
    form.update(_odd_fields(tab, values))
    return {key: form[key] if allows(key, form[key]) else fresh for key, fresh in fresh_form(tab).items()}


def _field(tab: Tab, key: str, fresh: Any, value: Any) -> Any:
    """A value as its field has it: nothing is an empty text or 0; numbers in text boxes are texts."""
    if isinstance(fresh, bool):
        return bool(value)
    if key in TEXT_FIELDS[tab] or isinstance(fresh, str):
        return "" if value is None or value is False else _text(value)
    return 0 if value is None else value


def _text(value: Any) -> str:
    """Pairs and lists as the form writes them."""
    if isinstance(value, list):
        return (" " if any(isinstance(item, str) for item in value) else ",").join(map(str, value))
    return str(value)


def _odd_fields(tab: Tab, values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that are filled in another way."""
    warmup = values.get("lr_warmup_steps", 0)
    percent = round(warmup * 100) if isinstance(warmup, float) else 0
    fields = {
        "lr_warmup": percent if percent / 100 == warmup else 0,  # a GUI that loads the file cuts fractions
        "lr_warmup_steps": warmup if isinstance(warmup, int) else 0,
        "xformers": next((word for word in ("xformers", "sdpa") if values.get(word)), "none"),
        "optimizer": values.get("optimizer_type") or "AdamW",
        "max_resolution": _resolution(values.get("resolution")),
        "model_list": "custom",
        "additional_parameters": "",
        "max_token_length": values.get("max_token_length") or 75,
        "save_precision": values.get("save_precision") or "float",  # the one that loses nothing
    }
    boxes = {"cache_text_encoder_outputs": "sdxl_cache_text_encoder_outputs", "no_half_vae": "sdxl_no_half_vae"}
    fields |= {key: bool(values.get(option)) for option, key in boxes.items()}
    for key in ("optimizer_args", "lr_scheduler_args"):
        words = [str(word) for word in values.get(key) or ()]
        fields[key] = " ".join(words) if all(_ARGUMENT.fullmatch(word) for word in words) else ""
    if tab == "finetune":
        fields |= {"create_caption": False, "create_buckets": False}
    return fields


def _resolution(value: Any) -> str:
    said = value if isinstance(value, list) else str(value or "1024,1024").split(",")
    sides = [str(side).strip() for side in said]
    return ",".join(sides * 2 if len(sides) == 1 and sides[0].isdecimal() else sides)


def _encoders(tab: Tab, form: dict[str, Any], wanted: Mapping[str, Any]) -> None:
    """Rates of the text encoders: a form has no absent ones, and the dreambooth tab trains what has one."""
    trained = bool(wanted.get("train_text_encoder"))
    for key in _RATES:
        rate = _meant(key, wanted) if trained or tab == "finetune" else 0.0
        if allows(key, rate):
            form[key] = rate


def _meant(name: str, wanted: Mapping[str, Any]) -> Any:
    """The value of an option, said or not; a text encoder's rate is the U-Net's then (sdxl_train.py:299-300)."""
    value = wanted.get(name, options()[name].default)
    return _meant("learning_rate", wanted) if value is None and name in _RATES else value


def _passed(form: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the newest GUI would hand to sd-scripts."""
    return handed(read_form(form, Path("form.json")), NEWEST, Images(repeated=None)).options


def _decided(form: Mapping[str, Any], wanted: Mapping[str, Any], dataset: Mapping[str, Any]) -> dict[str, Any]:
    """What `[general]` must say so that the form's fields decide nothing about the images.

    A dataset config wins over options, so it can put right what the form has another value for.
    """
    passed = _passed(form)
    settled = _settled(dataset)
    found = {}
    for name in _data_options():
        key = DATASET_NAMES.get(name, name)
        value = wanted.get(name, options()[name].default)
        free = key not in settled and "general" in dataset_keys()[key].levels
        if free and value is not None and not _same(name, value, passed.get(name, NOTHING)):
            with contextlib.suppress(ValueError):  # a text that is no pair of numbers: no dataset config can say it
                found[key] = _general_value(key, value)
    return found


def _settled(dataset: Mapping[str, Any]) -> set[str]:
    """Keys that the dataset config says for every image, so that no option counts."""
    datasets = dataset.get("datasets", [])
    each = [set(one) | _common(one.get("subsets", [])) for one in datasets]
    return set(dataset.get("general", {})) | (set.intersection(*each) if each else set())


def _common(tables: Sequence[Mapping[str, Any]]) -> set[str]:
    return set.intersection(*map(set, tables)) if tables else set()


def _general_value(key: str, value: Any) -> Any:
    """An option's value as the dataset config wants it: a text of a pair as a pair of numbers, else ValueError."""
    kind = dataset_keys()[key].type
    if kind == "int_or_pair" and isinstance(value, str):
        sides = [int(side) for side in value.split(",")]
        return sides[0] if len(sides) == 1 else sides
    if kind == "float_pair" and isinstance(value, str):
        return [float(part) for part in value.split(",")]
    return value


def _add(form: dict[str, Any], wanted: Mapping[str, Any], settled: Container[str]) -> dict[str, str]:
    """Put into `additional_parameters` what the form does not pass on; return what they cannot say either."""
    passed = _passed(form)
    words: list[str] = []
    lost: dict[str, str] = {}
    for name in sorted(options()):
        value = _meant(name, wanted)
        if name in _IDLE or DATASET_NAMES.get(name, name) in settled or _harmless(name, wanted):
            continue
        if not _same(name, value, passed.get(name, NOTHING)):
            said, why = options_to_words({name: value}) if value is not None else ([], {name: ""})
            if why or not said or not all(SAFE.fullmatch(word) for word in said):
                lost[name] = _why_lost(value, passed.get(name, NOTHING), why.get(name, ""))
            else:
                words += said
    if wanted.get("train_text_encoder"):
        words += [f"--{key}=0" for key in _RATES if wanted.get(key) == 0]  # older versions drop a 0 from the form
    form["additional_parameters"] = " ".join(words)
    return lost


def _harmless(name: str, wanted: Mapping[str, Any]) -> bool:
    """Options that are not said and do what the form says, or nothing, in this configuration."""
    conditions: Mapping[str, Callable[[], bool]] = {
        "dynamo_backend": lambda: not wanted.get("torch_compile"),
        "learning_rate_te1": lambda: not wanted.get("train_text_encoder"),
        "learning_rate_te2": lambda: not wanted.get("train_text_encoder"),
        "max_token_length": lambda: True,
        "multires_noise_discount": lambda: not wanted.get("multires_noise_iterations"),
        "optimizer_type": lambda: not (wanted.get("use_8bit_adam") or wanted.get("use_lion_optimizer")),
    }
    return name in conditions and name not in wanted and conditions[name]()


def _same(name: str, wanted: Any, passed: Any) -> bool:
    """Whether sd-scripts sees no difference; what is not passed is the default."""
    got = options()[name].default if passed is NOTHING else passed
    if name == "resolution":
        return wanted is not None and _resolution(wanted) == _resolution(got)
    if isinstance(wanted, list) or isinstance(got, list):
        return [*(wanted or [])] == [*(got or [])]
    if all(isinstance(value, (int, float)) for value in (wanted, got)):
        return bool(wanted == got) and (isinstance(wanted, bool) == isinstance(got, bool) or not wanted)
    return (wanted or None) == (got or None) if options()[name].type == "str" else bool(wanted == got)


def _why_lost(value: Any, passed: Any, why: str) -> str:
    if value is None or value is False:
        return f"the form always passes {passed!r}, and the command line cannot take it back"
    if why:
        return why
    return "additional_parameters would spoil its blanks or signs"
