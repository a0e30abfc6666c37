"""The table of the GUI's keys: versions in order, keys by version, and the versions that keys can come from."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fork_wrapper.formats import gui_keys as gui_keys_module
from fork_wrapper.formats.gui_keys import (
    BY_HAND,
    HOLDS_ITS_OPTION,
    NEWEST,
    TABS,
    How,
    Quirk,
    Span,
    Tab,
    allows,
    fresh_form,
    gui_keys,
    quirks_of,
    saved_by,
    span_of,
    spell_version,
    version,
    versions,
)
from fork_wrapper.sdscripts.options import options
from tests.unit.formats.gui_golden import PLACES, fresh, number

CALLS = {"file_path", "headless", "print_only", "save_as"}
"""Arguments of the GUI's functions, which single files hold by accident."""

SILENT = BY_HAND | CALLS | {"generate_caption_database", "generate_image_buckets", "model_list", "train"}
SILENT |= {"stop_text_encoder_training", "stop_text_encoder_training_pct"}
"""Keys that tell no version."""


def test_versions_are_in_order() -> None:
    """Every release since v17 is known, each once, oldest first, then the newest; the mistaken tag is not."""
    known = versions()
    assert (len(known), known[0], known[-2:]) == (169, (17,), ((26, 0, 0), NEWEST))
    assert list(known) == sorted(set(known))
    assert (22, 1, 5) not in known


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 99), min_size=1, max_size=4).map(tuple))
def test_versions_as_text(numbers: tuple[int, ...]) -> None:
    """A version's text is read back as the version."""
    assert version(spell_version(numbers)) == numbers


def test_the_newest_version_as_text() -> None:
    """What has no number is the newest, and says so."""
    assert (version(None), spell_version(NEWEST)) == (NEWEST, "the newest known")


def test_every_key_is_sound() -> None:
    """Each of the keys has a tab and a span of its versions, and the option that it stands for exists."""
    keys = gui_keys()
    assert len(keys) == 243
    plain = 0
    known = set(versions())
    for name, key in keys.items():
        assert key.name == name
        assert key.how in get_args(How)
        assert key.tabs
        assert key.tabs.keys() <= set(TABS)
        for first, last in key.tabs.values():
            assert first <= last
            assert {first, last} <= known
        if key.how in HOLDS_ITS_OPTION:
            assert key.option in {*options(), "dataset_config"}
            plain += 1
    assert plain == 109


def test_every_quirk_is_a_row() -> None:
    """The names that the code asks for are those of the data, and every quirk is some version's."""
    rows = json.loads((Path(gui_keys_module.__file__).parent / "gui_keys.json").read_text(encoding="utf-8"))["quirks"]
    assert tuple(rows) == get_args(Quirk)
    known = [quirks_of(tab, one) for tab in TABS for one in versions()]
    assert set[str]().union(*known) == rows.keys()
    assert all(row["what"].endswith(".") for row in rows.values())


@pytest.mark.parametrize(("tab", "tag"), PLACES)
def test_the_keys_of_a_version(tab: Tab, tag: str) -> None:
    """A version saved exactly the keys of the table: those of a start, and by hand three others."""
    expected = saved_by(tab, number(tag))
    start, hand = set(fresh(tab, tag)), set(fresh(tab, tag, by_hand=True))
    assert start | hand == expected - CALLS
    assert hand - start <= BY_HAND | {"stop_text_encoder_training"}


def test_every_version_is_recognised_by_its_keys() -> None:
    """The span of a version's keys holds the version, misses nothing and finds nothing strange."""
    seen = 0
    for tab in TABS:
        for one in versions():
            keys = saved_by(tab, one)
            if keys:
                span = span_of(tab, keys)
                assert span.first <= one <= span.last
                assert (span.strange, span.missing) == ((), ())
                assert saved_by(tab, span.first) - SILENT == saved_by(tab, span.last) - SILENT
                seen += 1
    assert seen == 330


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "v24.0.5 to v24.1.7"),
        ({"seed": None, "epoch": None, "vae": None}, "v24.0.5 to v24.1.7"),
        ({"log_with": None, "use_wandb": False}, "v24.0.0 to v24.0.4"),
    ],
)
def test_a_few_keys_decide_little(change: dict[str, Any], expected: str) -> None:
    """Edited files are taken for the version that fits best; None takes a key away."""
    form = {**fresh("finetune", "v24.0.9"), **change}
    span = span_of("finetune", [key for key, value in form.items() if value is not None])
    assert str(span) == expected
    assert span.missing == tuple(sorted(key for key in change if change[key] is None and key in ("seed", "epoch")))
    assert span.strange == (("huber_scale",) if "huber_scale" in change else ())


def test_a_key_that_is_too_new_counts_more_than_one_that_is_gone() -> None:
    """A file may have lost two keys of its version; one that came later it cannot have."""
    span = span_of("finetune", [*fresh("finetune", "v21.8.9"), "learning_rate_te1"])
    assert str(span) == "v22.2.0 to v22.6.0"
    assert (span.strange, span.missing) == ((), ("learning_rate_te", "learning_rate_te2"))


def test_a_single_version() -> None:
    """A span of one version is that version."""
    assert str(Span(first=(24, 0, 4), last=(24, 0, 4))) == "v24.0.4"
    assert str(Span(first=(26, 0, 0), last=NEWEST)) == "v26.0.0 or newer"


@pytest.mark.parametrize(("tab", "count"), [("finetune", 215), ("dreambooth", 175)])
def test_a_new_form(tab: Tab, count: int) -> None:
    """It has every key that the newest version saves by hand, with the types that the golden form has."""
    new, golden = fresh_form(tab), fresh(tab, "HEAD", by_hand=True)
    assert len(new) == count
    assert new.keys() == golden.keys() - {"save_as_bool"}
    assert {key: type(value) for key, value in new.items()} == {key: type(golden[key]) for key in new}
    new.clear()
    assert len(fresh_form(tab)) == count


def test_a_new_form_is_allowed() -> None:
    """Every choice and number of a new form is one that its field can hold; 83 fields of both tabs have limits."""
    limited = 0
    for tab in TABS:
        for key, value in fresh_form(tab).items():
            assert allows(key, value)
            limited += not allows(key, 1e30) or not allows(key, -1e30)
    assert limited == 83


@pytest.mark.parametrize(
    ("key", "inside", "outside"),
    [
        ("keep_tokens", [0, 32], [-1, 33]),
        ("learning_rate", [-1, 1, 4e-6], [1.5, -1.5]),
        ("seed", [0, 2**40], [-1]),
        ("max_token_length", [75, 150, 225], [0, 300]),
        ("loss_type", ["l1", "l2", "huber", "smooth_l1"], ["", "l3"]),
        ("save_precision", ["float", "fp16", "bf16"], [""]),
        ("max_bucket_reso", [64, 4096, "12345"], [63, 4097]),
        ("optimizer", ["AdamW", "a.b.C"], []),
        ("additional_parameters", ["", "--x"], []),
    ],
)
def test_what_a_field_can_hold(key: str, inside: list[Any], outside: list[Any]) -> None:
    """Numbers within their bounds, words among the choices; a text box holds anything."""
    assert [allows(key, value) for value in (*inside, *outside)] == [True] * len(inside) + [False] * len(outside)


def test_a_key_outweighs_all_that_is_missing() -> None:
    """A trimmed file is of no version before any of its keys, however much it lacks."""
    span = span_of(
        "finetune", ["sdxl_checkbox", "learning_rate", "learning_rate_te1", "max_train_steps", "seed", "epoch"]
    )
    assert (span.first, span.last) == ((23, 0, 15), NEWEST)  # max_train_steps came to the tab then
    assert span.strange == ()


CHANGES: dict[Quirk, list[tuple[Tab, str, bool]]] = {
    "command_line": [("finetune", "v24.0.0", True), ("dreambooth", "v24.0.0", True)],
    "warmup_fraction": [("finetune", "v25.0.0", False), ("dreambooth", "v25.0.0", False)],
    "keeps_quotes": [("finetune", "v24.0.0", True), ("dreambooth", "v24.0.0", True)],
    "stops_encoders": [("finetune", "v23.0.15", True), ("dreambooth", "v23.0.15", True)],
    "trains_encoders": [("finetune", "v25.0.0", False), ("dreambooth", "v25.0.0", False)],
    "names_wandb": [("finetune", "v25.0.0", False), ("dreambooth", "v25.0.0", False)],
    "adds_quotes": [("finetune", "v24.1.0", False), ("dreambooth", "v24.1.0", False)],
    "sdxl_boxes": [("dreambooth", "v25.0.0", False)],
    "typed_steps": [("finetune", "v24.0.0", False)],
}
"""Quirks that come or go once, by tab: with which version, and how it was before."""

SPELLS: dict[Quirk, list[tuple[Tab, str, str]]] = {
    "drops_zeros": [("finetune", "v24.0.4", "v26.0.0"), ("dreambooth", "v24.0.4", "v25.0.0")],
    "drops_zero_rate": [("finetune", "v22.2.0", "v23.0.0"), ("dreambooth", "v17", "v23.0.0")],
    "drops_te_rates": [("finetune", "v22.6.1", "v23.0.0"), ("dreambooth", "v22.6.1", "v23.0.0")],
    "additional_first": [("finetune", "v22.6.1", "v24.0.0"), ("dreambooth", "v22.6.1", "v24.0.0")],
}
"""Quirks of a time, by tab: the first version, and the first after it."""


def test_quirks_change_with_versions() -> None:
    """Every quirk of every known version of both tabs is the one of these tables."""
    seen = 0
    for one in versions():
        for quirk, changes in CHANGES.items():
            for tab, tag, before in changes:
                assert (quirk in quirks_of(tab, one)) is (before if one < number(tag) else not before)
                seen += 1
        for quirk, spells in SPELLS.items():
            for tab, first, after in spells:
                assert (quirk in quirks_of(tab, one)) is (number(first) <= one < number(after))
                seen += 1
        assert "typed_steps" in quirks_of("dreambooth", one)
        assert "sdxl_boxes" in quirks_of("finetune", one)
    assert seen == 169 * 24
