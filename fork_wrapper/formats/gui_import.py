"""Import of a kohya_ss GUI file, together with the TOML of the same start beside it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from fork_wrapper.errors import InputError
from fork_wrapper.experiment.schema import MANAGED
from fork_wrapper.files import canonical_json
from fork_wrapper.formats.config_files import flat, read_config_toml
from fork_wrapper.formats.folders import concept_folders, count_images
from fork_wrapper.formats.found import NOTHING, Found, LeftOut, Then, source_file
from fork_wrapper.formats.gui_form import Form, read_form
from fork_wrapper.formats.gui_handed import Handed, Images, differ, handed
from fork_wrapper.formats.gui_keys import (
    NEWEST,
    GuiKey,
    Tab,
    Version,
    fresh_form,
    gui_keys,
    quirks_of,
    spell_version,
    versions,
)
from fork_wrapper.formats.launchers import gui_launch
from fork_wrapper.sdscripts.options import options
from fork_wrapper.text import counted

STAMP = re.compile(r"(\d{8}-\d{6})(?=\.\w+$)")
"""The time stamp at the end of the GUI's file names."""

SINCE = (24, 0, 0)
"""The first version that wrote a TOML."""

APART = 2
"""How many seconds the stamps of the two files of one start may differ."""

_IGNORED = frozenset(["dynamo_backend", "epoch", "no_token_padding", "noise_offset_type", "prior_loss_weight"])
_IGNORED |= {"stop_text_encoder_training", "train_inpainting"}
"""Keys of the GUI's TOML that sdxl_train.py ignores."""

_NOISE = _IGNORED | {"wandb_run_name", "sample_prompts"}
"""The ignored keys, and those that name a file of the run."""


def read_gui(
    raw: Mapping[str, Any], text: str, path: Path, *, version: Version | None = None, images: int | None = None
) -> Found:
    """Read what a GUI file trained, by the version that saved it or by `version`; `images` counts absent images."""
    form = read_form(raw, path)
    seen = _images(form, images)
    result, doubt = (handed(form, version, seen), "") if version else _handed_by_one_of(form, seen)
    what = f"a kohya_ss GUI file of the {form.tab} tab, {(version and spell_version(version)) or form.span}"
    prompts = form.values.get("sample_prompts")
    return Found(
        kind="gui-finetune" if form.tab == "finetune" else "gui-dreambooth",
        what=what,
        files=(source_file(path, text, what),),
        options={key: value for key, value in result.options.items() if key != "sample_prompts"},
        prompts=prompts,
        then=result.then,
        left_out=(*form.left_out, *_unused(form, result)),
        notes=(*filter(None, [doubt]), *_missing(form), *result.notes),
        guesses=frozenset([doubt, *(_missing(form) if _is_guess(form) else ())]),
        assumed=result.assumed,
    )


def read_gui_and_toml(
    raw: Mapping[str, Any], text: str, path: Path, *, version: Version | None = None, images: int | None = None
) -> Found:
    """Call `read_gui`, and add the TOML of the same start if it lies beside the file and can be read.

    The GUI has written such TOMLs since v24.0.0, so a file with one is not older, whatever its keys are.
    """
    form = read_form(raw, path)
    beside = tomls_beside(path, form.tab)
    found = read_gui(raw, text, path, version=version, images=images)
    if not beside:
        return found
    if version is None and form.span.last < SINCE:
        found = read_gui(raw, text, path, version=SINCE, images=images)
    try:
        joined = with_toml(found, beside[0])
    except InputError as error:
        note = f"{beside[0].name} lies beside it and cannot be read, so the form alone counts: {error.findings[0].what}"
        return replace(found, notes=(*found.notes, note))
    others = ", ".join(other.name for other in beside[1:])
    also = (f"the time of {others} fits too; {beside[0].name} is the nearer one",) if others else ()
    return replace(joined, notes=(*joined.notes, *also))


def _handed_by_one_of(form: Form, images: Images) -> tuple[Handed, str]:
    """Return what the newest version that fits the form passed on, and a warning if other versions differ."""
    span = form.span
    fitting = [number for number in versions() if span.first <= number <= span.last] or [NEWEST]
    newest = handed(form, fitting[-1], images)
    kinds = {quirks_of(form.tab, number): number for number in fitting}  # the newest of each kind
    for number in sorted(kinds.values(), reverse=True)[1:]:
        other = handed(form, number, images).options
        apart = [key for key in other.keys() | newest.options.keys() if differ(key, other, newest.options)]
        apart = [key for key in apart if _IDLE_WITHOUT.get(key, key) in {**other, **newest.options}]
        if apart:
            return newest, (
                f"its keys are those of {span}: up to {spell_version(number)} the GUI passed on "
                f"{' and '.join(sorted(apart))} otherwise; it is read as of {spell_version(fitting[-1])} "
                "(say --gui-version where you know better)"
            )
    return newest, ""


_IDLE_WITHOUT = {"multires_noise_discount": "multires_noise_iterations", "adaptive_noise_scale": "noise_offset"}
"""Options without effect unless another one is set: a warning about them would be pointless."""


def _missing(form: Form) -> tuple[str, ...]:
    count = len(form.span.missing)
    if not count:
        return ()
    names = ", ".join(form.span.missing[:4]) + (", ..." if count > 4 else "")
    lacks = f"the file lacks {counted(count, 'key')} of that version ({names})"
    guess = " (the version is a guess then: say --gui-version where you know it)" if _is_guess(form) else ""
    return (f"{lacks}: the GUI would have used what its form showed{guess}",)


def _is_guess(form: Form) -> bool:
    """Return whether so many keys are missing that the rest hardly identify the version."""
    return 4 * len(form.span.missing) > len(form.values)


def _unused(form: Form, result: Handed) -> tuple[LeftOut, ...]:
    """Return the form's values that had no effect, so that no value other than a new form's disappears unreported."""
    fresh = fresh_form(form.tab)
    told = {one.key for one in result.then}
    left = []
    for key, value in form.values.items():
        known = gui_keys().get(key)
        if known is None:
            left.append(LeftOut(key=key, value=value, why="not a key of the GUI's finetune or dreambooth tab"))
        elif any(_is_idle(value, usual) for usual in (fresh.get(key), *known.earlier)):
            continue
        elif not _arrived(known, value, form, result, told):
            left.append(LeftOut(key=key, value=value, why=_why_unused(known, form, value)))
    return tuple(left)


def _is_idle(value: Any, usual: Any) -> bool:
    """Return whether a value is as in a new form, or is empty, unticked or zero where a new form's field is empty."""
    texts = [str(one).strip().lower() for one in (value, usual)]
    if texts[0] == texts[1] or (texts[0] in _EMPTY and (usual is None or texts[1] in _EMPTY)):
        return True
    try:
        return not isinstance(value, bool) and float(value) == float(usual)
    except (TypeError, ValueError, OverflowError):
        return False


_EMPTY = frozenset(["", "false", "none", "0", "0.0"])


def _arrived(key: GuiKey, value: Any, form: Form, result: Handed, told: set[str]) -> bool:
    """Return whether a value reached sd-scripts, under its option's name or another, or its fate is reported."""
    if key.name in ("caption_metadata_filename", "latent_metadata_filename"):
        return str(result.options.get("in_json", "")).endswith(f"/{value}")
    if key.name == "epoch":
        return bool({"max_train_steps", "max_train_epochs", "lr_scheduler_num_cycles"} & told)
    if key.name == "noise_offset_type":
        return form.span.last < SINCE
    if key.how in ("ui", "other", "launch") or key.unused:
        return False
    return key.carried or key.option in told or key.option in result.options


def _why_unused(key: GuiKey, form: Form, value: Any) -> str:
    if key.unused:
        return key.unused
    if key.how == "launch":
        return gui_launch(key.name, value)
    if key.how == "other":
        return "of another model family: it has no effect on SDXL"
    if key.how == "ui":
        return "the GUI's own, and no part of a training"
    return f"{form.span} passed it on only beside other fields, which this form has not"


def _why_ignored(option: str) -> str:
    """Return why sdxl_train.py ignores a key of the GUI's TOML."""
    key = gui_keys().get(option)
    return (key.unused if key else "") or "sdxl_train.py ignores it"


def _images(form: Form, said: int | None) -> Images:
    """Return images times repeats as the GUI counted them, in the finetune tab's folder or in dreambooth's folders."""
    if form.tab == "finetune":
        count = said if said is not None else count_images(str(form.values.get("image_folder", "")))
        if not form.values.get("image_folder") and said is None:
            count = None
        return Images(repeated=None if count is None else count * form.values.get("dataset_repeats", 1))
    if said is not None:
        return Images(repeated=said)
    folder = str(form.values.get("train_data_dir", ""))
    found = concept_folders(folder) if folder else None
    if found is None:
        return Images(repeated=None)
    return Images(repeated=sum(repeats * (count_images(str(Path(folder) / name)) or 0) for name, repeats, _ in found))


def stamp_of(path: Path) -> datetime | None:
    """Return the time in the name of a GUI file; None if it has none."""
    found = STAMP.search(path.name)
    try:
        return datetime.strptime(found[1], "%Y%m%d-%H%M%S") if found else None  # noqa: DTZ007 - only differences count
    except ValueError:
        return None


def tomls_beside(path: Path, tab: Tab) -> list[Path]:
    """Return the TOMLs of a tab beside a GUI JSON with stamps at most two seconds apart, nearest first."""
    own = stamp_of(path)
    if own is None:
        return []
    pairs = []
    for other in path.parent.glob(f"config_{tab}-*.toml"):
        stamp = stamp_of(other)
        if stamp is not None and abs((stamp - own).total_seconds()) <= APART:
            pairs.append((abs((stamp - own).total_seconds()), other.name, other))
    return [other for _, _, other in sorted(pairs)]


def with_toml(found: Found, path: Path) -> Found:
    """Combine a GUI file with the TOML of its start, which counts because sd-scripts read it.

    Differences from what kft thinks the GUI would have passed on are reported. The form's `additional_parameters` were
    on the command line, and win over both.
    """
    raw, text, notes = read_config_toml(path)
    written, left, more = flat(raw)
    overriding = {then.key: then.then for then in found.then if then.overridden}
    real = {**{key: value for key, value in written.items() if key not in _NOISE}, **overriding}
    expected = {key: value for key, value in found.options.items() if key not in _NOISE}
    differs = [
        key
        for key in sorted((real.keys() | expected.keys()) - MANAGED.keys())
        if not _alike(key, real.get(key, NOTHING), expected.get(key, NOTHING))
    ]
    said = {one.key for one in found.left_out}
    ignored = [
        LeftOut(key=key, value=written[key], why=_why_ignored(key))
        for key in sorted(_IGNORED & written.keys() - said)
        if not _is_idle(written[key], fresh_form("dreambooth").get(key))
        and (key, written[key]) != ("dynamo_backend", "no")
    ]
    then = [one for one in found.then if one.key not in differs]
    then += [
        Then(
            key=key,
            saved=expected.get(key, NOTHING),
            then=real.get(key, NOTHING),
            why=f"{path.name} says so",
        )
        for key in differs
    ]
    return replace(
        found,
        what=f"{found.what}, with the TOML of its start",
        files=(*found.files, source_file(path, text, "the TOML that the GUI started sd-scripts with")),
        options=real,
        then=tuple(then),
        left_out=(*found.left_out, *left, *ignored),
        notes=(*(note for note in found.notes if note not in found.guesses), *notes, *more),
        assumed=frozenset(),
    )


def _alike(key: str, one: Any, two: Any) -> bool:
    """Return whether two values are the same to sd-scripts: absent, an empty list or an idle 0 is the default."""
    option, known = options().get(key), gui_keys().get(key)
    default = option.default if option else NOTHING
    idle = known is not None and known.how == "zero"
    values = [default if value in (NOTHING, []) or (idle and value == 0) else value for value in (one, two)]
    if all(isinstance(value, (int, float)) for value in values):
        return bool(values[0] == values[1])
    if not any(isinstance(value, (dict, list)) for value in values):
        return str(values[0]) == str(values[1])
    return canonical_json(values[0]) == canonical_json(values[1]) if NOTHING not in values else values[0] is values[1]
