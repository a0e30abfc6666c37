"""Versions of the kohya_ss GUI: forms of thirteen are recognised, and what each passed to sd-scripts is computed.

The golden data are what the GUI's own code of those versions passed, run with stand-ins for gradio.
"""

import json
from pathlib import Path

import pytest

from fork_wrapper.formats.experiment_text import then_text
from fork_wrapper.formats.found import NOTHING, Then
from fork_wrapper.formats.gui_table import TABS, Tab
from fork_wrapper.formats.gui_then import handed
from fork_wrapper.formats.recognise import read_any
from tests.unit.formats.gui_golden import PLACES, TAGS, cases, fresh, hand, images_of, number, plain, read

SPANS: dict[str, tuple[str, str]] = {
    "v21.8.9": ("v21.8.8 to v22.1.1", "v21.8.8 to v22.1.1"),
    "v22.6.2": ("v22.6.1 to v23.0.11", "v22.6.1 to v23.0.11"),
    "v23.1.5": ("v23.1.1 to v23.1.5", "v23.1.1 to v23.1.5"),
    "v24.0.3": ("v24.0.0 to v24.0.4", "v24.0.0 to v24.0.4"),
    "v24.0.4": ("v24.0.0 to v24.0.4", "v24.0.0 to v24.0.4"),
    "v24.0.9": ("v24.0.5 to v24.1.7", "v24.0.5 to v24.1.7"),
    "v24.1.7": ("v24.0.5 to v24.1.7", "v24.0.5 to v24.1.7"),
    "v25.0.0": ("v25.0.0 to v25.2.2", "v25.0.0 to v25.0.3"),
    "v25.0.3": ("v25.0.0 to v25.2.2", "v25.0.0 to v25.0.3"),
    "v25.2.1": ("v25.0.0 to v25.2.2", "v25.1.0 to v25.2.2"),
    "v25.2.2": ("v25.0.0 to v25.2.2", "v25.1.0 to v25.2.2"),
    "v26.0.0": ("v26.0.0 or newer", "v26.0.0 or newer"),
    "HEAD": ("v26.0.0 or newer", "v26.0.0 or newer"),
}
"""What the keys of a version's form tell: by tag, the finetune tab first."""


DOUBT = (
    "its keys are those of v24.0.0 to v24.0.4: up to v24.0.3 the GUI passed on learning_rate_te2 otherwise; it is read "
    "as of v24.0.4 (say --gui-version where you know better)"
)

IDLE = (
    "learning_rate_te1 and learning_rate_te2 had no effect: the dreambooth tab trains no text encoder of SDXL before "
    "v25.0.0"
)


def _idle_rates(tab: Tab, tag: str) -> bool:
    """The dreambooth tab got rates for text encoders with v22.2.0, and passed on that it trains them with v25.0.0."""
    return tab == "dreambooth" and (22, 2) <= number(tag) < (25,)


def test_thirteen_versions_of_two_tabs() -> None:
    """Nothing is left out of what follows: 26 forms, and 280 cases of what became of one."""
    assert (len(PLACES), tuple(SPANS)) == (26, TAGS)
    assert sum(len(cases(tab, tag)) for tab, tag in PLACES) == 280
    assert min(len(cases(tab, tag)) for tab, tag in PLACES) == 9


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize(("tab", "tag"), PLACES)
def test_a_fresh_form_is_recognised(tmp_path: Path, tab: Tab, tag: str, *, by_hand: bool) -> None:
    """Saved by a start or by hand, a new form tells its tab and its versions, and nothing in it is strange."""
    path = tmp_path / "made_20240203-040506.json"
    path.write_text(json.dumps(fresh(tab, tag, by_hand=by_hand)), encoding="utf-8")
    found = read_any(path)
    span = SPANS[tag][TABS.index(tab)]
    assert (found.kind, found.what) == (f"gui-{tab}", f"a kohya_ss GUI file of the {tab} tab, {span}")
    assert [(file.path, file.what) for file in found.files] == [(path, found.what)]
    assert found.left_out == ()
    assert found.options["pretrained_model_name_or_path"] == "/data/model/sd_xl_base_1.0.safetensors"
    assert found.notes == ((IDLE,) if _idle_rates(tab, tag) else ())


@pytest.mark.parametrize(("tab", "tag"), PLACES)
def test_the_two_ways_of_saving_differ_in_names_only(tab: Tab, tag: str) -> None:
    """A form saved by hand was handed over like the one that its start saved."""
    one, two = read(fresh(tab, tag)), read(fresh(tab, tag, by_hand=True))
    assert one.span == two.span
    assert handed(one, number(tag), images_of(one.values)) == handed(two, number(tag), images_of(two.values))


@pytest.mark.parametrize(("tab", "tag"), PLACES)
def test_what_a_version_handed_over(tab: Tab, tag: str) -> None:
    """Every option of every case is the one that the GUI's own code of that version passed."""
    for case in cases(tab, tag):
        form = read(case.form)
        assert plain(handed(form, number(tag), images_of(form.values)).options) == case.passed


ZEROS = ("keep_tokens", "lr_warmup_steps", "persistent_data_loader_workers", "caption_dropout_rate")


@pytest.mark.parametrize(
    ("tab", "tag", "drops"),
    [
        ("finetune", "v24.0.3", False),
        ("finetune", "v24.0.4", True),
        ("finetune", "v24.0.9", True),
        ("finetune", "v24.1.7", True),
        ("finetune", "v25.0.0", True),
        ("finetune", "v25.0.3", True),
        ("finetune", "v25.2.1", True),
        ("finetune", "v25.2.2", True),
        ("finetune", "v26.0.0", False),
        ("finetune", "HEAD", False),
        ("dreambooth", "v24.0.3", False),
        ("dreambooth", "v24.0.4", True),
        ("dreambooth", "v24.0.9", True),
        ("dreambooth", "v24.1.7", True),
        ("dreambooth", "v25.0.0", False),
        ("dreambooth", "v25.0.3", False),
        ("dreambooth", "v25.2.2", False),
        ("dreambooth", "v26.0.0", False),
        ("dreambooth", "HEAD", False),
    ],
)
def test_versions_that_dropped_zeros(tab: Tab, tag: str, *, drops: bool) -> None:
    """A rate of 0 for a text encoder was lost in these versions, and sd-scripts trained it at the U-Net's rate."""
    made = hand(tab, tag, learning_rate_te1=0, learning_rate_te2=0, huber_c=0, max_data_loader_n_workers=0)
    why = f"{tag} dropped every 0 from its config file"
    lost = Then(key="learning_rate_te2", saved=0.0, then=NOTHING, why=why)
    assert (lost in made.then) is drops
    assert [made.options.get(key) for key in ("learning_rate_te1", "learning_rate_te2", "huber_c")] == [
        *([None] * 3 if drops else [0.0] * 3)
    ]
    assert made.options["max_data_loader_n_workers"] == 0  # the one 0 that was put back
    assert bool([one for one in made.then if one.why == why]) is drops
    assert then_text(lost) == (
        f"learning_rate_te2: saved 0.0, effective then nothing, so the U-Net's rate ({tag} dropped every 0 from its "
        "config file)"
    )


@pytest.mark.parametrize("tag", ["v24.0.0", "v24.0.4"])
def test_the_version_can_be_said(tmp_path: Path, tag: str) -> None:
    """Where the keys leave it open whether zeros were lost, the newest version counts, with a doubt; unless told."""
    path = tmp_path / "made.json"
    path.write_text(json.dumps(fresh("finetune", "v24.0.3", learning_rate_te2=0, max_train_epochs=0)), encoding="utf-8")
    why = "v24.0.4 dropped every 0 from its config file"
    open_, told = read_any(path), read_any(path, gui_version=number(tag))
    assert Then(key="learning_rate_te2", saved=0.0, then=NOTHING, why=why) in open_.then
    assert open_.notes == (DOUBT,)
    assert ("learning_rate_te2" in told.options) is (tag == "v24.0.0")
    assert told.what == f"a kohya_ss GUI file of the finetune tab, {tag}"
    assert not [note for note in told.notes if "--gui-version" in note]
