"""What a version of the kohya_ss GUI handed to sd-scripts for a form, and where that is not what the form shows.

Versions dropped zeros, halved steps, passed a percentage on as steps or as a fraction, left out what they took for a
default, and let `additional_parameters` override it all.
"""

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fork_wrapper.formats.command_line import words_to_options
from fork_wrapper.formats.found import NOTHING, Then
from fork_wrapper.formats.gui_form import Form
from fork_wrapper.formats.gui_keys import NEWEST, Version, spell_version, versions
from fork_wrapper.formats.gui_versions import SAME_AS_SOURCE, Ways, as_flags, deadly_flags, shown, ways_of
from fork_wrapper.formats.scripts import commands
from fork_wrapper.sdscripts.options import options
from fork_wrapper.text import counted


@dataclass(frozen=True, kw_only=True)
class Images:
    """What a form trains on, as far as the GUI counted it."""

    repeated: int | None
    """Images times repeats, regularisation images left out; None or 0 where they are not at hand."""


@dataclass(frozen=True, kw_only=True)
class Handed:
    """What reached sd-scripts."""

    options: Mapping[str, Any]
    """The values of the namespace, by option; keys that sdxl_train.py ignores are left out."""
    then: tuple[Then, ...]
    """Where that is not what the form shows."""
    notes: tuple[str, ...]
    """What else happened."""
    assumed: frozenset[str]
    """Options that could not be computed, with values of ours."""


@dataclass(frozen=True, kw_only=True)
class Passing:
    """A form on its way; `options` change as the version has its way with them."""

    form: Form
    """What was filled in."""
    ways: Ways
    """Of the version."""
    options: dict[str, Any]
    """What is passed on."""
    why: dict[str, str] = field(default_factory=dict)
    """A reason for every option that is not as shown."""
    assumed: set[str] = field(default_factory=set)
    """Options with values of ours."""
    overridden: set[str] = field(default_factory=set)
    """Options that `additional_parameters` say."""

    def put(self, key: str, value: Any, reason: str) -> None:
        """Pass something else on than is shown."""
        self.options[key] = value
        self.why[key] = reason

    def drop(self, key: str, reason: str) -> None:
        """Pass nothing on, where something is shown."""
        if key in self.options:
            del self.options[key]
            self.why[key] = reason


def handed(form: Form, version: Version, images: Images) -> Handed:
    """What `version` of the GUI handed over for `form`."""
    ways = ways_of(form.tab, version)
    passing = Passing(form=form, ways=ways, options=shown(form, ways))
    first = {**passing.options, **_percentage(form)}
    _steps(passing, images)
    _warmup(passing)
    if ways.flags:
        as_flags(passing.options, passing.why, form, ways)
    else:
        _as_file(passing, version)
    notes = (*_encoders(passing), *deadly_flags(form, ways), *_additional(passing))
    then = tuple(
        Then(
            key=key,
            saved=first.get(key, NOTHING),
            then=passing.options.get(key, NOTHING),
            why=reason,
            overridden=key in passing.overridden,
        )
        for key, reason in sorted(passing.why.items())
        if _differ(key, first, passing.options) or key in passing.overridden
    )
    return Handed(options=passing.options, then=then, notes=notes, assumed=frozenset(passing.assumed))


def handed_by_one_of(form: Form, images: Images) -> tuple[Handed, str]:
    """What the newest of the versions that a form can come from handed over, and a doubt where others did otherwise."""
    span = form.span
    fitting = [number for number in versions() if span.first <= number <= span.last] or [NEWEST]
    newest = handed(form, fitting[-1], images)
    ways = {ways_of(form.tab, number): number for number in fitting}  # of each kind the newest
    for number in sorted(ways.values(), reverse=True)[1:]:
        other = handed(form, number, images).options
        differ = [key for key in other.keys() | newest.options.keys() if _differ(key, other, newest.options)]
        differ = [key for key in differ if _IDLE_WITHOUT.get(key, key) in {**other, **newest.options}]
        if differ:
            return newest, (
                f"its keys are those of {span}: up to {spell_version(number)} the GUI passed on "
                f"{' and '.join(sorted(differ))} otherwise; it is read as of {spell_version(fitting[-1])} "
                "(say --gui-version where you know better)"
            )
    return newest, ""


_IDLE_WITHOUT = {"multires_noise_discount": "multires_noise_iterations", "adaptive_noise_scale": "noise_offset"}
"""Options that do nothing where another one is absent: a doubt about them would be idle."""


def _differ(key: str, one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    """Whether sd-scripts gets two values for an option: absent is its default."""
    usual = options()[key].default if key in options() else None
    return repr(one.get(key, usual)) != repr(two.get(key, usual))


def _steps(passing: Passing, images: Images) -> None:
    """`max_train_steps`, which the GUI computes from the epochs where the form says 0 or nothing."""
    form = passing.form
    said = form.values.get("max_train_steps", 0)
    if "dataset_config" in form.values:
        if passing.ways.flags and form.values.get("max_train_steps") == 0:
            passing.put("max_train_steps", 0, "beside a dataset config, versions before v24 pass this 0 on: no steps")
        return
    halved = form.tab == "finetune" and form.values.get("flip_aug") is True
    if said and passing.ways.own_steps:
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


def _percentage(form: Form) -> dict[str, Any]:
    """The warm-up that a reader sees in a form: a share of all steps."""
    percent = form.values.get("lr_warmup", 0.0)
    return {"lr_warmup_steps": percent / 100} if percent else {}


def _warmup(passing: Passing) -> None:
    """`lr_warmup_steps`: a fraction of all steps since v25, before that steps of a percentage."""
    said, options = passing.form.values, passing.options
    percent, absolute = said.get("lr_warmup", 0.0), said.get("lr_warmup_steps", 0.0)
    if passing.ways.fraction:
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


def _as_file(passing: Passing, version: Version) -> None:
    """What versions since v24 wrote into their config file, and what they dropped from it."""
    form, options = passing.form, passing.options
    if form.values.get("save_model_as") == SAME_AS_SOURCE:
        reason = "since v24 the words themselves are passed on, and sd-scripts saves a Diffusers folder"
        passing.put("save_model_as", SAME_AS_SOURCE, reason)
    for key in ("cache_latents", "cache_latents_to_disk"):
        if form.values.get("train_inpainting"):
            passing.drop(key, "train_inpainting is ticked, which turns it off")
    if "output_name" in options and passing.ways.names_wandb:
        options.setdefault("wandb_run_name", options["output_name"])
    if form.values.get("dynamo_backend", "no") != "no":  # "no" is accelerate's word; sdxl_train.py has no such choice
        options["dynamo_backend"] = form.values["dynamo_backend"]
    if form.tab == "dreambooth" and "lr_scheduler_num_cycles" not in options and "epoch" in form.values:
        passing.put("lr_scheduler_num_cycles", form.values["epoch"], "left empty, it is the number of epochs")
    options.setdefault("max_data_loader_n_workers", 0)  # an empty field is 0, and that 0 is never dropped
    if passing.ways.drops_zeros:
        zeros = [key for key, value in options.items() if value == 0 and key != "max_data_loader_n_workers"]
        for key in zeros:
            passing.drop(key, f"{spell_version(version)} dropped every 0 from its config file")


def _encoders(passing: Passing) -> tuple[str, ...]:
    """The dreambooth tab has no box for training the text encoders."""
    said = passing.form.values
    rates = [key for key in ("learning_rate_te1", "learning_rate_te2") if said.get(key, 0) > 0]
    if passing.form.tab == "finetune" or not rates:
        return ()
    if passing.ways.trains_encoders:
        passing.options["train_text_encoder"] = True
        return ()
    return (f"{' and '.join(rates)} had no effect: the dreambooth tab trains no text encoder of SDXL before v25.0.0",)


def _additional(passing: Passing) -> tuple[str, ...]:
    """`additional_parameters`: last on the command line they win over everything, first they lose."""
    words, spoilt = additional_words(str(passing.form.values.get("additional_parameters", "")), passing.ways)
    options, problems = words_to_options(words)
    notes = [f"{word!r} reached the trainer with quotes around it, as it holds unusual characters" for word in spoilt]
    for key, value in options.items():
        if key in passing.options and repr(passing.options[key]) == repr(value):
            continue
        if not (passing.ways.loses and key in passing.options):
            also = ", and they win" if key in passing.options else ""
            passing.put(key, value, f"additional_parameters say so{also}")
            passing.overridden.add(key)
        elif repr(passing.options[key]) != repr(value):
            notes.append(f"{key} = {value} stood first on the command line, and lost to the form's own value")
    return tuple(f"additional_parameters: {note}" for note in (*notes, *problems))


def additional_words(text: str, ways: Ways) -> tuple[list[str], list[str]]:
    """The words of `additional_parameters` as they reached the trainer, and those that were spoilt on the way."""
    if ways.quotes:
        return [word for command in commands(text) for word in command.words], []
    words = [shlex.quote(word) if ways.spoils else word for word in text.replace('"', "").split()]
    return words, [word[1:-1] for word in words if ways.spoils and word.startswith("'")]
