"""Golden data of the kohya_ss GUI: forms of its versions, and what they passed to sd-scripts.

`forms.json` has the form that a version's tab saves when nothing was typed into it but paths: every key, the values of
the fields. `handed.json` has changes to such forms and the options that the GUI's own code of that version passed for
them, run with stand-ins for gradio; the first of each list is the unchanged form, the others say what is different.
`exported.json` has forms that kft made of a configuration, and what the newest version's code passed for those.

Options that sdxl_train.py ignores are left out, and values that are as good as none.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fork_wrapper.formats.gui_form import Form, read_form
from fork_wrapper.formats.gui_handed import Handed, Images, handed
from fork_wrapper.formats.gui_keys import NEWEST, TABS, Tab, Version, version
from fork_wrapper.sdscripts.options import options

FOLDER = Path(__file__).resolve().parents[2] / "golden" / "gui"

TAGS = (
    *("v21.8.9", "v22.6.2", "v23.1.5", "v24.0.3", "v24.0.4", "v24.0.9", "v24.1.7", "v25.0.0", "v25.0.3", "v25.2.1"),
    *("v25.2.2", "v26.0.0", "HEAD"),
)
"""HEAD is kohya_ss at 45088f04."""

PLACES: tuple[tuple[Tab, str], ...] = tuple((tab, tag) for tab in TABS for tag in TAGS)

PATH = Path("form.json")

_HARMLESS = {
    "min_timestep": 0,
    "max_timestep": 1000,
    "max_token_length": 75,
    "noise_offset": 0,
    "adaptive_noise_scale": 0,
    "multires_noise_iterations": 0,
}
_OF_THE_RUN = ("sample_prompts", "config_file")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One form and what it became."""

    form: dict[str, Any]
    """Every key."""
    passed: dict[str, Any]
    """What sd-scripts got."""


def number(tag: str) -> Version:
    """A tag as a version."""
    return NEWEST if tag == "HEAD" else version(tag)


def fresh(tab: Tab, tag: str, *, by_hand: bool = False, **changes: Any) -> dict[str, Any]:
    """The form of a version as a start saves it, or as its user does; with changes."""
    known = _golden("forms")[tab]
    form = _changed(known["base"], known[tag])
    return {**(_changed(form, known[tag]["by_hand"]) if by_hand else form), **changes}


def cases(tab: Tab, tag: str) -> list[Case]:
    """All cases of a version's tab, the unchanged form first."""
    first, *others = _golden("handed")[tab][tag]
    form, passed = fresh(tab, tag), first["passed"]
    made = [Case(form=form, passed=passed)]
    for one in others:
        kept = {key: value for key, value in passed.items() if key not in one.get("not", ())}
        made.append(Case(form={**form, **one["form"]}, passed={**kept, **one["passed"]}))
    return made


def exported() -> list[dict[str, Any]]:
    """The exports: tab, name, training, dataset, form, passed."""
    made: list[dict[str, Any]] = _golden("exported")
    return made


def read(form: Mapping[str, Any]) -> Form:
    """A form as kft reads it."""
    return read_form(form, PATH)


def hand(tab: Tab, tag: str, **changes: Any) -> Handed:
    """What kft says that a version handed over for its fresh form with changes; the images are 40, with repeats."""
    form = read(fresh(tab, tag, **changes))
    return handed(form, number(tag), Images(repeated=40))


def images_of(form: Mapping[str, Any]) -> Images:
    """The images of the golden runs: four, forty times over in the finetune tab and ten times in the other."""
    return Images(repeated=4 * int(form.get("dataset_repeats", 10)))


def plain(passed: Mapping[str, Any]) -> dict[str, Any]:
    """Options as the golden files have them: none that is ignored, none that is as good as none."""
    return {
        key: value
        for key, value in passed.items()
        if key in options() and key not in _OF_THE_RUN and not (value is None or value is False or value == [])
        if key not in _HARMLESS or value != _HARMLESS[key]
    }


def _changed(form: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**form, **change["said"]}.items() if key not in change["gone"]}


@lru_cache
def _golden(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
