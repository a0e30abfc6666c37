"""The values of one configuration as sd-scripts would use them: defaults filled in, aliases and fallbacks resolved.

Only options are handled here; dataset values, which are looked up by level, are in `units`. Keys that name a run are
left out.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fork_wrapper.check.rules.arguments import Argument, read_arguments
from fork_wrapper.check.rules.case import ARGUMENT_NAMES, Case
from fork_wrapper.check.rules.optimizers import FLAGS, optimizer
from fork_wrapper.compare import canonical
from fork_wrapper.experiment.resolve import Origin
from fork_wrapper.experiment.schema import MANAGED
from fork_wrapper.formats.source import Source
from fork_wrapper.sdscripts.options import dataset_keys, options

ALIAS = "caption_extention"
"""The old misspelling, which wins over `caption_extension` (library/train_util.py:5404-5406)."""

IMPLIED: Mapping[str, Any] = {
    "console_log_level": "INFO",  # library/utils.py:50-55
    "log_tracker_name": "finetuning",  # sdxl_train.py:612
    "max_timestep": 1000,  # library/train_util.py:6090
    "max_token_length": 75,  # library/strategy_sdxl.py:28-31
    "min_timestep": 0,  # library/train_util.py:6089
}
"""What sd-scripts uses when an option without a default is absent."""

ARGUMENTS = ("optimizer_args", "lr_scheduler_args")
"""Options that hold arguments, each `name=value` (library/train_util.py:4857-4874, 5287-5292)."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """One value in force."""

    meaning: Hashable
    """The value used in comparisons; None if absent."""
    shown: str
    """The text that users read."""
    raw: Any
    """The value itself; None if absent."""
    said: bool
    """Whether the configuration sets it, possibly under another name."""
    path: str
    """The key path that sets it, or would."""
    origin: Origin | None
    """Where it comes from, if known."""


@dataclass(frozen=True, kw_only=True)
class Understood:
    """One configuration, ready for comparison."""

    source: Source
    """The opened source."""
    case: Case
    """The configuration as rules see it: without keys that name a run, the alias under its proper name."""
    options: Mapping[str, Value]
    """Options by name; a single optimizer argument is `optimizer_args.NAME`."""


def understand(source: Source) -> Understood:
    """Look up the options of a source."""
    folder = f"{source.training.get('output_dir', '')}/"
    training = {key: _in_run(value, folder) for key, value in source.training.items() if not names_a_run(key)}
    if training.get(ALIAS) is not None:
        training["caption_extension"] = training[ALIAS]
    training.pop(ALIAS, None)
    case = Case(training=training, dataset=source.dataset)
    return Understood(source=source, case=case, options=dict(_values(case, source)))


def _in_run(value: Any, folder: str) -> Any:
    """Replace the run's folder with `{run}` in the path of a file there: kft writes sample prompts to it."""
    if isinstance(value, str) and len(folder) > 1 and value.startswith(folder):
        return f"{{run}}/{value[len(folder) :]}"
    return value


def names_a_run(key: str) -> bool:
    """Return whether an option differs between any two runs: folders, names and records."""
    return key in MANAGED or key.startswith("metadata_kft_")


def origin_of(source: Source, path: str) -> Origin | None:
    """Return where the value at a key path comes from; the alias's origin counts for the proper name."""
    found = source.origins.get(path)
    if found is None and path == "training.caption_extension":
        return source.origins.get(f"training.{ALIAS}")
    return found


def _values(case: Case, source: Source) -> Iterator[tuple[str, Value]]:
    in_dataset = {ARGUMENT_NAMES.get(key, key) for key in dataset_keys()} - {"conditioning_data_dir"}
    elsewhere = {*in_dataset, *FLAGS, *MANAGED, *ARGUMENTS, ALIAS}
    for name in [*options(), *(key for key in case.training if key not in options())]:
        if name not in elsewhere:
            yield name, _SPECIAL.get(name, _plain)(name, case, source)
    for name in ARGUMENTS:
        yield from _arguments(name, case, source)


def make(case: Case, source: Source, name: str, raw: Any, meaning: Hashable, shown: str) -> Value:
    """Return the value of an option."""
    path = case.at(name)
    origin = origin_of(source, path)
    return Value(meaning=meaning, shown=shown, raw=raw, said=case.said(name), path=path, origin=origin)


def _plain(name: str, case: Case, source: Source) -> Value:
    option = options().get(name)
    value = case.get(name) if option or case.said(name) else None
    taken = IMPLIED.get(name) if value is None else value
    meaning = canonical.meaning(name, taken, option.type if option else None)
    said = value is not None and case.said(name)
    return make(case, source, name, taken, meaning, by_default(canonical.shown(taken), said=said))


def by_default(text: str, *, said: bool) -> str:
    """Return the text of a value, marked as a default if it is not set."""
    return text if said or text == "(absent)" else f"{text} (default)"


def _optimizer(name: str, case: Case, source: Source) -> Value:
    """Read the optimizer; `use_8bit_adam` and `use_lion_optimizer` name one too (library/train_util.py:4828-4846)."""
    one = optimizer(case)
    key = one.at.removeprefix("training.")
    text = by_default(one.name, said=case.said(key)) if key == name else f"{one.said} ({key})"
    return make(case, source, key, one.name, canonical.optimizer_meaning(one), text)


def _text_rate(name: str, case: Case, source: Source) -> Value:
    """Read a text encoder's rate; if trained without its own, it uses the U-Net's (sdxl_train.py:299-300)."""
    if case.get(name) is not None or not case.get("train_text_encoder"):
        return _plain(name, case, source)
    rate = case.get("learning_rate")
    meaning = canonical.meaning(name, rate, "float")
    return make(case, source, name, rate, meaning, f"{canonical.shown(rate)} (learning_rate)")


def _implied(name: str, case: Case, source: Source) -> Value:
    """A disk cache switches the cache on (library/train_util.py:4424-4428, library/sdxl_train_util.py:371-377)."""
    if case.get(name) or not case.get(f"{name}_to_disk"):
        return _plain(name, case, source)
    return make(case, source, name, case.get(f"{name}_to_disk"), ("bool", True), f"true ({name}_to_disk)")


def _arguments(name: str, case: Case, source: Source) -> Iterator[tuple[str, Value]]:
    """Yield each argument by name, including those that sd-scripts adds; if a name is repeated, the last one counts."""
    found = {one.name: one for one in read_arguments(case.get(name))}
    added = _added(case) if name == "optimizer_args" else {}
    for key in sorted({*found, *added}):
        if (one := found.get(key)) is None:
            text = f"{canonical.shown(added[key])} (default)"
            yield f"{name}.{key}", make(case, source, name, added[key], canonical.nested(added[key]), text)
        else:
            yield f"{name}.{key}", make(case, source, name, *_argument(one))


def _added(case: Case) -> Mapping[str, Any]:
    """Return what sd-scripts adds for its own optimizers (library/train_util.py:4903-4907, 4970-4974, 5049-5050)."""
    one = optimizer(case)
    if one.adafactor:
        return {"relative_step": True}
    return {"momentum": 0.9} if one.said.lower().startswith("sgdnesterov") else {}


def _argument(one: Argument) -> tuple[Any, Hashable, str]:
    """Return value, meaning and text; an argument that is not a Python literal stands as its text."""
    if one.problem:
        return one.text, ("unreadable", one.text), one.text
    plain = one.value is None or isinstance(one.value, (bool, int, float, str))
    text = "None" if one.value is None else canonical.shown(one.value)
    return one.value if plain else str(one.value), canonical.nested(one.value), text


_SPECIAL: Mapping[str, Callable[[str, Case, Source], Value]] = {
    "optimizer_type": _optimizer,
    "learning_rate_te1": _text_rate,
    "learning_rate_te2": _text_rate,
    "cache_latents": _implied,
    "cache_text_encoder_outputs": _implied,
}
"""Options whose value is more than what is set, or the default."""
