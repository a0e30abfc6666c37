"""What a version of the kohya_ss GUI passed to sd-scripts for a form, and where that differs from what the form shows.

Versions dropped zeros, halved steps, passed a percentage on as steps or as a fraction, left out what they took for a
default, and let `additional_parameters` override everything.
"""

import math
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fork_wrapper.formats.command_line import words_to_options
from fork_wrapper.formats.found import NOTHING, Then
from fork_wrapper.formats.gui_form import SAME_AS_SOURCE, Form, shown
from fork_wrapper.formats.gui_keys import Quirk, Version, quirks_of, spell_version
from fork_wrapper.formats.scripts import commands
from fork_wrapper.sdscripts.options import options
from fork_wrapper.text import counted


@dataclass(frozen=True, kw_only=True)
class Images:
    """The images that a form trains on, as counted by the GUI."""

    repeated: int | None
    """Images times repeats, without regularisation images; None or 0 if the images are not at hand."""


@dataclass(frozen=True, kw_only=True)
class Handed:
    """What reached sd-scripts."""

    options: Mapping[str, Any]
    """The namespace's values, by option; keys that sdxl_train.py ignores are left out."""
    then: tuple[Then, ...]
    """Differences from what the form shows."""
    notes: tuple[str, ...]
    """Notes on what else happened."""
    assumed: frozenset[str]
    """Options that could not be computed and have values assumed by kft."""


@dataclass(frozen=True, kw_only=True)
class Passing:
    """A form on its way to sd-scripts; `options` change as the version processes them."""

    form: Form
    """The form as filled in."""
    quirks: frozenset[Quirk]
    """What this version does differently."""
    options: dict[str, Any]
    """The options passed on."""
    why: dict[str, str] = field(default_factory=dict)
    """The reason for each option that is not as shown."""
    assumed: set[str] = field(default_factory=set)
    """Options with values assumed by kft."""
    overridden: set[str] = field(default_factory=set)
    """Options that `additional_parameters` set."""

    def put(self, key: str, value: Any, reason: str) -> None:
        """Pass on another value than the one shown."""
        self.options[key] = value
        self.why[key] = reason

    def drop(self, key: str, reason: str) -> None:
        """Pass nothing on, although a value is shown."""
        if key in self.options:
            del self.options[key]
            self.why[key] = reason


def handed(form: Form, version: Version, images: Images) -> Handed:
    """Return what `version` of the GUI passed on for `form`."""
    quirks = quirks_of(form.tab, version)
    passing = Passing(form=form, quirks=quirks, options=shown(form, quirks))
    percent = form.values.get("lr_warmup")  # the form shows it as a share of all steps
    first = passing.options | ({"lr_warmup_steps": percent / 100} if percent else {})
    _steps(passing, images)
    _warmup(passing)
    if "command_line" in quirks:
        _as_flags(passing)
    else:
        _as_file(passing, version)
    notes = (*_encoders(passing), *_deadly_flags(form, quirks), *_additional(passing))
    then = tuple(
        Then(
            key=key,
            saved=first.get(key, NOTHING),
            then=passing.options.get(key, NOTHING),
            why=reason,
            overridden=key in passing.overridden,
        )
        for key, reason in sorted(passing.why.items())
        if differ(key, first, passing.options) or key in passing.overridden
    )
    return Handed(options=passing.options, then=then, notes=notes, assumed=frozenset(passing.assumed))


def differ(key: str, one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    """Return whether sd-scripts gets different values for an option; an absent one is its default."""
    usual = options()[key].default if key in options() else None
    return repr(one.get(key, usual)) != repr(two.get(key, usual))


def _steps(passing: Passing, images: Images) -> None:
    """Set `max_train_steps`, which the GUI computes from the epochs if the form has 0 or nothing."""
    form = passing.form
    said = form.values.get("max_train_steps", 0)
    if "dataset_config" in form.values:
        if "command_line" in passing.quirks and form.values.get("max_train_steps") == 0:
            passing.put("max_train_steps", 0, "beside a dataset config, versions before v24 pass this 0 on: no steps")
        return
    halved = form.tab == "finetune" and form.values.get("flip_aug") is True
    if said and "typed_steps" in passing.quirks:
        if halved:
            reason = "the finetune tab halves it when flip_aug is ticked, also a number that was typed in"
            passing.put("max_train_steps", math.ceil(said / 2), reason)
        return
    if said:
        passing.drop("max_train_steps", "before v24 the finetune tab computed its own steps, whatever was filled in")
    if images.repeated:
        rule = "images x repeats / batch / accumulation x epochs" + (" / 2, as flip_aug is ticked" if halved else "")
        passing.put("max_train_steps", _computed(form, images.repeated, halved=halved), f"the GUI computed {rule}")
    elif "max_train_epochs" not in passing.options:
        _assume_epochs(passing, halved=halved)


def _assume_epochs(passing: Passing, *, halved: bool) -> None:
    epochs = passing.form.values.get("epoch", 1)
    passing.assumed.add("max_train_epochs")
    passing.put(
        "max_train_epochs",
        max(1, math.ceil(epochs / 2)) if halved else epochs,
        f"the GUI computed the steps of {counted(epochs, 'epoch')} from the number of images"
        + (", and halved them for flip_aug" if halved else "")
        + "; they are not at hand, so epochs stand for them; say --images N to compute the steps",
    )


def _computed(form: Form, repeated: int, *, halved: bool) -> int:
    said = form.values
    steps: float = (
        repeated / max(1, said.get("train_batch_size", 1)) / max(1, said.get("gradient_accumulation_steps", 1))
    )
    steps *= said.get("epoch", 1) * (2 if form.tab == "dreambooth" and "reg_data_dir" in said else 1)
    return math.ceil(math.ceil(steps) / 2) if halved else math.ceil(steps)


def _warmup(passing: Passing) -> None:
    """Set `lr_warmup_steps`: since v25 a fraction of all steps, before that a number of steps from a percentage."""
    said, options = passing.form.values, passing.options
    percent, absolute = said.get("lr_warmup", 0.0), said.get("lr_warmup_steps", 0.0)
    if "warmup_fraction" in passing.quirks:
        if absolute > 0:
            passing.put("lr_warmup_steps", int(absolute), "lr_warmup_steps is filled in, and wins over the percentage")
        elif "lr_warmup" in said or "lr_warmup_steps" in said:
            options["lr_warmup_steps"] = percent / 100 if percent else 0
    elif "lr_warmup" in said and ("max_train_steps" in options or "dataset_config" in said):
        steps = options.get("max_train_steps", 0)
        unsaid = "" if steps else ", which the form does not say"
        reason = f"the GUI passed {percent:g} % of max_train_steps, as steps{unsaid}"
        passing.put("lr_warmup_steps", round(int(percent) * steps / 100), reason)
    elif percent:
        passing.assumed.add("lr_warmup_steps")
        passing.put("lr_warmup_steps", percent / 100, f"the GUI passed {percent:g} % of its own max_train_steps")


_NEUTRAL: Mapping[str, Any] = {
    **dict.fromkeys(["keep_tokens", "caption_dropout_rate", "caption_dropout_every_n_epochs", "lr_warmup_steps"], 0),
    "clip_skip": 1,
    "gradient_accumulation_steps": 1,
    "max_token_length": 75,
}
"""Values that were left out because they change nothing."""

_NO_ZEROS: Sequence[tuple[str, Quirk, str]] = (
    ("multires_noise_discount", "command_line", "versions before v24 pass no 0 for it"),
    ("huber_c", "command_line", "versions before v24 pass no 0 for it"),
    ("learning_rate", "drops_zero_rate", "versions before v23 pass no learning_rate of 0"),
    ("learning_rate_te1", "drops_te_rates", "v22.6.1 and v22.6.2 pass no rate of 0"),
    ("learning_rate_te2", "drops_te_rates", "v22.6.1 and v22.6.2 pass no rate of 0"),
)
"""Options whose 0 has a meaning but was not passed on, with the quirk and the reason."""

_ORIGINAL = ("noise_offset", "adaptive_noise_scale", "noise_offset_random_strength")
_MULTIRES = ("multires_noise_iterations", "multires_noise_discount")


def _as_flags(passing: Passing) -> None:
    """Drop what versions before v24 left off the command line (common_gui.py:run_cmd_advanced_training, v23.1.5)."""
    form, quirks, options = passing.form, passing.quirks, passing.options
    if options.get("lr_scheduler") == "constant":
        passing.drop("lr_warmup_steps", "versions before v24 pass no warm-up with the scheduler constant")
    kind = form.values.get("noise_offset_type", "Original")
    for key in _ORIGINAL if kind == "Multires" else _MULTIRES:
        passing.drop(key, f"versions before v24 passed only the noise of noise_offset_type, {kind}")
    if not options.get("noise_offset"):
        passing.drop("adaptive_noise_scale", "versions before v24 pass it only with a noise offset")
    for key, quirk, reason in _NO_ZEROS:
        if quirk in quirks and options.get(key) == 0:
            passing.drop(key, reason)
    if "drops_te_rates" in quirks and not (options.get("min_bucket_reso") and options.get("max_bucket_reso")):
        passing.drop("enable_bucket", "v22.6.1 and v22.6.2 pass it only with both bucket sizes")
    gamma = options.get("min_snr_gamma")
    if gamma is not None and gamma != int(gamma):
        passing.drop("min_snr_gamma", "versions before v24 cut it to a whole number, and pass none below 1")
        options |= {"min_snr_gamma": float(int(gamma))} if gamma >= 1 else {}
    if not options.get("lr_scheduler_num_cycles"):
        _cycles(passing)
    _left_out(options)


def _cycles(passing: Passing) -> None:
    if passing.form.tab == "dreambooth" and "epoch" in passing.form.values:
        reason = "left empty, it is the number of epochs"
        passing.put("lr_scheduler_num_cycles", passing.form.values["epoch"], reason)


def _left_out(options: dict[str, Any]) -> None:
    """Remove options that were not passed on because they could not matter."""
    if not options.get("enable_bucket"):
        options.pop("min_bucket_reso", None)
        options.pop("max_bucket_reso", None)
    if not (options.get("sample_every_n_steps") or options.get("sample_every_n_epochs")):
        options.pop("sample_sampler", None)
    for key, usual in _NEUTRAL.items():
        if options.get(key) == usual:
            del options[key]


def _deadly_flags(form: Form, quirks: Collection[Quirk]) -> tuple[str, ...]:
    """Return flags that sdxl_train.py does not know, and which kept it from starting."""
    if "drops_te_rates" in quirks and "block_lr" in form.values:
        return ("v22.6.1 and v22.6.2 pass the word (block_lr) in place of its rates: such a run died",)
    if "command_line" not in quirks or form.tab == "finetune":
        return ()
    usual: dict[str, Any] = {"no_token_padding": False, "prior_loss_weight": 1}
    if "stops_encoders" in quirks:
        usual["stop_text_encoder_training"] = 0
    named = [key for key, harmless in usual.items() if form.values.get(key, harmless) != harmless]
    return tuple(f"{key} was on the command line, and sdxl_train.py refuses it: such a run died" for key in named)


def _as_file(passing: Passing, version: Version) -> None:
    """Apply what versions since v24 wrote into their config file, and what they dropped from it."""
    form, options = passing.form, passing.options
    if form.values.get("save_model_as") == SAME_AS_SOURCE:
        reason = "since v24 the words themselves are passed on, and sd-scripts saves a Diffusers folder"
        passing.put("save_model_as", SAME_AS_SOURCE, reason)
    for key in ("cache_latents", "cache_latents_to_disk"):
        if form.values.get("train_inpainting"):
            passing.drop(key, "train_inpainting is ticked, which turns it off")
    if "output_name" in options and "names_wandb" in passing.quirks:
        options.setdefault("wandb_run_name", options["output_name"])
    if form.values.get("dynamo_backend", "no") != "no":  # "no" is accelerate's word; sdxl_train.py has no such choice
        options["dynamo_backend"] = form.values["dynamo_backend"]
    if "lr_scheduler_num_cycles" not in options:
        _cycles(passing)
    options.setdefault("max_data_loader_n_workers", 0)  # an empty field is 0, and that 0 is never dropped
    if "drops_zeros" in passing.quirks:
        for key in [key for key, value in options.items() if value == 0 and key != "max_data_loader_n_workers"]:
            passing.drop(key, f"{spell_version(version)} dropped every 0 from its config file")


def _encoders(passing: Passing) -> tuple[str, ...]:
    """Decide whether text encoders are trained: the dreambooth tab has no box for it."""
    said = passing.form.values
    rates = [key for key in ("learning_rate_te1", "learning_rate_te2") if said.get(key, 0) > 0]
    if passing.form.tab == "finetune" or not rates:
        return ()
    if "trains_encoders" in passing.quirks:
        passing.options["train_text_encoder"] = True
        return ()
    return (f"{' and '.join(rates)} had no effect: the dreambooth tab trains no text encoder of SDXL before v25.0.0",)


def _additional(passing: Passing) -> tuple[str, ...]:
    """Apply `additional_parameters`: last on the command line they win over everything, first they lose."""
    words, spoilt = additional_words(str(passing.form.values.get("additional_parameters", "")), passing.quirks)
    options, problems = words_to_options(words)
    notes = [f"{word!r} reached the trainer with quotes around it, as it holds unusual characters" for word in spoilt]
    for key, value in options.items():
        if key in passing.options and repr(passing.options[key]) == repr(value):
            continue
        if not ("additional_first" in passing.quirks and key in passing.options):
            also = ", and they win" if key in passing.options else ""
            passing.put(key, value, f"additional_parameters say so{also}")
            passing.overridden.add(key)
        elif repr(passing.options[key]) != repr(value):
            notes.append(f"{key} = {value} stood first on the command line, and lost to the form's own value")
    return tuple(f"additional_parameters: {note}" for note in (*notes, *problems))


def additional_words(text: str, quirks: Collection[Quirk]) -> tuple[list[str], list[str]]:
    """Return the words of `additional_parameters` as they reached the trainer, and those mangled on the way."""
    if "keeps_quotes" in quirks:
        return [word for command in commands(text) for word in command.words], []
    words = [shlex.quote(word) if "adds_quotes" in quirks else word for word in text.replace('"', "").split()]
    return words, [word[1:-1] for word in words if "adds_quotes" in quirks and word.startswith("'")]
