"""A configuration as a kohya_ss GUI form: every key that the newest version of a tab saves, typed like its field.

The form is filled in by name. Then the model of what the GUI passes on (`gui_handed`) says what sd-scripts would get,
and what is missing goes into `additional_parameters`. Whatever still differs cannot be exported, and is reported.

The images always go into a dataset config file that the form names: the tabs' own fields cannot express them.
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
"""Words that survive `additional_parameters` (shlex.quote leaves them unchanged)."""

_ARGUMENT = re.compile(r'[^\s"=]+=[^\s"]+')
"""Words that the two arguments fields accept (kohya_gui/common_gui.py:1779, after v26.0.0)."""

_RUN_KEYS = frozenset(["output_dir", "output_name", "logging_dir", "dataset_config", "config_file"])
"""Options for where a run writes, which the export decides."""

_OWN = "metadata_kft_"
"""The prefix of the options that hold kft's own record: kft rewrites them for every run."""

_IDLE = frozenset(["wandb_run_name", "train_data_dir", "in_json", "reg_data_dir", "sample_prompts", *_RUN_KEYS])
"""Options that a form passes in another way, or that have no effect beside a dataset config."""

_RATES = ("learning_rate_te1", "learning_rate_te2")

TEXT_FIELDS: Mapping[Tab, frozenset[str]] = {
    "finetune": frozenset(["batch_size", "dataset_repeats", "max_bucket_reso", "min_bucket_reso"]),
    "dreambooth": frozenset(),
}
"""Number fields that are text boxes in the GUI."""


@dataclass(frozen=True, kw_only=True)
class GuiExport:
    """A form and what goes with it."""

    form: dict[str, Any]
    """The GUI's JSON, with every key of the tab."""
    general: dict[str, Any]
    """Keys that the dataset config must set in `[general]`, because the form would decide them otherwise."""
    lost: dict[str, str]
    """What could not be exported, by option, with the reason."""


def to_form(
    tab: Tab,
    training: Mapping[str, Any],
    dataset: Mapping[str, Any],
    *,
    run: Mapping[str, str],
    prompts: str | None,
) -> GuiExport:
    """Return the form of a configuration.

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
    """Return the options to export: none for where a run writes, and none of kft's own record."""
    return {key: value for key, value in training.items() if key not in _RUN_KEYS and not key.startswith(_OWN)}


def _readable(wanted: Mapping[str, Any], dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options to fill in; if the dataset config sets a value for all images, the form shows that one."""
    seen = dict(wanted)
    for option in _data_options():
        key = DATASET_NAMES.get(option, option)
        levels = [dataset.get("general", {}), *dataset.get("datasets", [])]
        said = [level[key] for level in levels if key in level]
        if said and all(value == said[0] for value in said):
            seen[option] = said[0]
    return seen


def _data_options() -> list[str]:
    """Return the options that a dataset config can set instead."""
    return [name for name in options() if DATASET_NAMES.get(name, name) in dataset_keys()]


def _filled(tab: Tab, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a new form in which each option's field holds its value, or what stands for the default.

    A field that cannot hold the value keeps its own.
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
    """Return a value in its field's type: absent is an empty text or 0, and a number in a text box is a text."""
    if isinstance(fresh, bool):
        return bool(value)
    if key in TEXT_FIELDS[tab] or isinstance(fresh, str):
        return "" if value is None or value is False else _text(value)
    return 0 if value is None else value


def _text(value: Any) -> str:
    """Format pairs and lists as the form writes them."""
    if isinstance(value, list):
        return (" " if any(isinstance(item, str) for item in value) else ",").join(map(str, value))
    return str(value)


def _odd_fields(tab: Tab, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are filled in another way."""
    warmup = values.get("lr_warmup_steps", 0)
    percent = round(warmup * 100) if isinstance(warmup, float) else 0
    fields = {
        "lr_warmup": percent if percent / 100 == warmup else 0,  # the GUI truncates fractions when it loads the file
        "lr_warmup_steps": warmup if isinstance(warmup, int) else 0,
        "xformers": next((word for word in ("xformers", "sdpa") if values.get(word)), "none"),
        "optimizer": values.get("optimizer_type") or "AdamW",
        "max_resolution": _resolution(values.get("resolution")),
        "model_list": "custom",
        "additional_parameters": "",
        "max_token_length": values.get("max_token_length") or 75,
        "save_precision": values.get("save_precision") or "float",  # the only lossless one
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
    """Fill in text encoder rates: a form cannot leave them out, and the dreambooth tab trains encoders with a rate."""
    trained = bool(wanted.get("train_text_encoder"))
    for key in _RATES:
        rate = _meant(key, wanted) if trained or tab == "finetune" else 0.0
        if allows(key, rate):
            form[key] = rate


def _meant(name: str, wanted: Mapping[str, Any]) -> Any:
    """Return an option's value, set or not; an unset text encoder rate is the U-Net's (sdxl_train.py:299-300)."""
    value = wanted.get(name, options()[name].default)
    return _meant("learning_rate", wanted) if value is None and name in _RATES else value


def _passed(form: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the newest GUI would pass to sd-scripts."""
    return handed(read_form(form, Path("form.json")), NEWEST, Images(repeated=None)).options


def _decided(form: Mapping[str, Any], wanted: Mapping[str, Any], dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `[general]` must set so that the form's fields decide nothing about the images.

    A dataset config wins over options, so it can correct a value that the form gets wrong.
    """
    passed = _passed(form)
    settled = _settled(dataset)
    found = {}
    for name in _data_options():
        key = DATASET_NAMES.get(name, name)
        value = wanted.get(name, options()[name].default)
        free = key not in settled and "general" in dataset_keys()[key].levels
        if free and value is not None and not _same(name, value, passed.get(name, NOTHING)):
            with contextlib.suppress(ValueError):  # not a pair of numbers: no dataset config can hold it
                found[key] = _general_value(key, value)
    return found


def _settled(dataset: Mapping[str, Any]) -> set[str]:
    """Return the keys that the dataset config sets for every image, so that the option does not count."""
    datasets = dataset.get("datasets", [])
    each = [set(one) | _common(one.get("subsets", [])) for one in datasets]
    return set(dataset.get("general", {})) | (set.intersection(*each) if each else set())


def _common(tables: Sequence[Mapping[str, Any]]) -> set[str]:
    return set.intersection(*map(set, tables)) if tables else set()


def _general_value(key: str, value: Any) -> Any:
    """Return an option's value as the dataset config wants it: a pair given as text as two numbers, else ValueError."""
    kind = dataset_keys()[key].type
    if kind == "int_or_pair" and isinstance(value, str):
        sides = [int(side) for side in value.split(",")]
        return sides[0] if len(sides) == 1 else sides
    if kind == "float_pair" and isinstance(value, str):
        return [float(part) for part in value.split(",")]
    return value


def _add(form: dict[str, Any], wanted: Mapping[str, Any], settled: Container[str]) -> dict[str, str]:
    """Put what the form does not pass on into `additional_parameters`; return what cannot go there either."""
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
    """Return whether an unset option has the form's value, or no effect in this configuration."""
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
    """Return whether two values are the same to sd-scripts; a missing one is the default."""
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
