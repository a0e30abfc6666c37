"""A GUI file as what was found, alone or together with the TOML of its start."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from fork_wrapper.files import sha256_text
from fork_wrapper.formats.found import NOTHING, Found, LeftOut, Then
from fork_wrapper.formats.grouped_files import read_all
from fork_wrapper.formats.gui_import import stamp_of, tomls_beside
from fork_wrapper.formats.gui_keys import Tab
from fork_wrapper.formats.recognise import read_any
from tests.unit.formats.gui_golden import Case, cases, fresh

NAME = "made_20240203-040506.json"
TOML = "config_finetune-20240203-040506.toml"


def _write(folder: Path, form: Mapping[str, Any], name: str = NAME) -> Path:
    path = folder / name
    path.write_text(json.dumps(form), encoding="utf-8")
    return path


def _with_toml(folder: Path, form: Mapping[str, Any], written: Mapping[str, Any], name: str = TOML) -> Found:
    (folder / name).write_text(tomli_w.dumps(written), encoding="utf-8")
    return read_any(_write(folder, form))


def _written(case: Case) -> dict[str, Any]:
    """The GUI's TOML of a case: with what is as good as none, and what sdxl_train.py ignores."""
    more = {key: case.form[key] for key in ("max_timestep", "max_token_length", "noise_offset_type")}
    idle = {"dynamo_backend": "no", "lr_scheduler_args": [], "noise_offset": 0, "optimizer_args": []}
    return {**more, **idle, **case.passed}


def _images(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.PNG").touch()
    (folder / "0.txt").touch()
    return folder


def test_a_form_alone(tmp_path: Path) -> None:
    """The file, its digest, its prompts and its name are kept; the prompts are no option."""
    path = _write(tmp_path, fresh("finetune", "HEAD", sample_prompts="a cat --w 64", output_name="niño"))
    found = read_any(path)
    assert found.name == "niño"
    assert found.prompts == "a cat --w 64"
    assert "sample_prompts" not in found.options
    assert found.files[0].sha256 == sha256_text(path.read_text(encoding="utf-8"))
    assert found.dataset is None


@pytest.mark.parametrize("count", [4, 0])
def test_images_at_hand_are_counted(tmp_path: Path, count: int) -> None:
    """The finetune tab counts what lies in its folder; an empty one is like one that is not there."""
    folder = _images(tmp_path / "img", count)
    form = fresh("finetune", "HEAD", image_folder=str(folder), dataset_repeats="10", max_train_steps=0, epoch=3)
    found = read_any(_write(tmp_path, form))
    assert found.options.get("max_train_steps") == (120 if count else None)
    assert found.assumed == (frozenset() if count else {"max_train_epochs"})


def test_folders_with_repeats_are_counted(tmp_path: Path) -> None:
    """The dreambooth tab counts images in REPEATS_NAME folders, as often as they say, twice with regularisation."""
    _images(tmp_path / "img" / "10_person", 4)
    _images(tmp_path / "img" / "2_dog", 3)
    _images(tmp_path / "img" / "other", 5)
    form = fresh("dreambooth", "HEAD", train_data_dir=str(tmp_path / "img"), max_train_steps=0, epoch=1)
    assert read_any(_write(tmp_path, form)).options["max_train_steps"] == 46
    assert read_any(_write(tmp_path, {**form, "reg_data_dir": "/reg"})).options["max_train_steps"] == 92


@pytest.mark.parametrize(("tab", "steps"), [("finetune", 1400), ("dreambooth", 35)])
def test_the_number_of_images_can_be_said(tmp_path: Path, tab: Tab, steps: int) -> None:
    """Images that are not here are given as a number, to which the finetune tab's repeats come."""
    form = fresh(tab, "HEAD", max_train_steps=0, epoch=1, train_batch_size=1)
    found = read_any(_write(tmp_path, form), images=35)
    assert (found.options["max_train_steps"], found.assumed) == (steps, frozenset())


def test_what_is_no_option_is_named(tmp_path: Path) -> None:
    """Foreign keys, launch settings that were changed, inpainting and values of the wrong kind are left out aloud."""
    form = fresh("finetune", "HEAD", num_processes=2, num_machines=1, mine=[1], train_inpainting=True, epoch="ten")
    found = read_any(_write(tmp_path, {**form, "gpu_ids": "0,1"}))
    launch = "accelerate's: the setting accelerate_args can hold it"
    assert sorted(found.left_out, key=lambda one: one.key) == [
        LeftOut(key="epoch", value="ten", why="epoch must be a number, not 'ten'"),
        LeftOut(key="gpu_ids", value="0,1", why=launch),
        LeftOut(key="mine", value=[1], why="not a key of the GUI's finetune or dreambooth tab"),
        LeftOut(key="num_processes", value=2, why="a setting: num_processes = 2 in kft.local.toml"),
        LeftOut(
            key="train_inpainting",
            value=True,
            why="it trained an inpainting model, which sd-scripts learnt after the commit that kft knows",
        ),
    ]


@pytest.mark.parametrize(
    ("gone", "note"),
    [
        (["seed"], "the file lacks 1 key of that version (seed): the GUI would have used what its form showed"),
        (
            ["seed", "epoch", "clip_skip", "flip_aug", "learning_rate"],
            "the file lacks 5 keys of that version (clip_skip, epoch, flip_aug, learning_rate, ...): the GUI would "
            "have used what its form showed",
        ),
        (["generate_caption_database"], None),
    ],
)
def test_missing_keys_are_named(tmp_path: Path, gone: list[str], note: str | None) -> None:
    """A preset or an edited file lacks keys: at most four are named."""
    form = {key: value for key, value in fresh("finetune", "HEAD").items() if key not in gone}
    assert read_any(_write(tmp_path, form)).notes == ((note,) if note else ())


@pytest.mark.parametrize(
    ("name", "stamp"),
    [
        ("made_20240203-040506.json", datetime(2024, 2, 3, 4, 5, 6)),  # noqa: DTZ001 - as the GUI writes it
        ("config_finetune-20240203-040506.toml", datetime(2024, 2, 3, 4, 5, 6)),  # noqa: DTZ001
        ("20240203-040506_made.json", None),
        ("made_20241303-040506.json", None),
        ("made.json", None),
    ],
)
def test_the_stamp_of_a_name(name: str, stamp: datetime | None) -> None:
    """The time stands at the end of a name; what is no time is none."""
    assert stamp_of(Path(name)) == stamp


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["040506"], ["040506"]),
        (["040504"], ["040504"]),
        (["040508"], ["040508"]),
        (["040503"], []),
        (["040509"], []),
        (["040508", "040505", "040504"], ["040505", "040504", "040508"]),
        ([], []),
    ],
)
def test_the_toml_of_the_same_start(tmp_path: Path, times: list[str], expected: list[str]) -> None:
    """Two seconds apart at most, the nearest first; three seconds apart it is another start."""
    for time in times:
        (tmp_path / f"config_finetune-20240203-{time}.toml").touch()
    (tmp_path / "other_20240203-040506.toml").touch()
    (tmp_path / "config_finetune.toml").touch()
    found = tomls_beside(tmp_path / NAME, "finetune")
    assert [path.name for path in found] == [f"config_finetune-20240203-{time}.toml" for time in expected]
    assert tomls_beside(tmp_path / "made.json", "finetune") == []


def test_the_toml_wins(tmp_path: Path) -> None:
    """What sd-scripts read counts, and where the form says otherwise both values are told."""
    form = fresh("finetune", "HEAD", learning_rate=1e-5, seed=7, max_train_steps=500, keep_tokens=0)
    written = {**_written(cases("finetune", "HEAD")[0]), "learning_rate": 4e-6, "seed": 8, "max_train_steps": 500}
    del written["huber_c"]
    found = _with_toml(tmp_path, form, written)
    said = f"{TOML} says so"
    assert found.then == (
        Then(key="learning_rate", saved=1e-5, then=4e-6, why=said),
        Then(key="seed", saved=7, then=8, why=said),
    )
    assert (found.options["learning_rate"], found.options["seed"]) == (4e-6, 8)
    assert not {"dynamo_backend", "noise_offset_type", "huber_c"} & found.options.keys()
    assert found.what == ("a kohya_ss GUI file of the finetune tab, v26.0.0 or newer, with the TOML of its start")
    assert [(file.path.name, file.what) for file in found.files[1:]] == [
        (TOML, "the TOML that the GUI started sd-scripts with")
    ]


@pytest.mark.parametrize("tag", ["v24.1.7", "v25.2.2", "HEAD"])
@pytest.mark.parametrize("tab", ["finetune", "dreambooth"])
def test_a_true_pair_has_no_differences(tmp_path: Path, tab: Tab, tag: str) -> None:
    """A form and what its version passed agree; the remarks about the version's own ways stay."""
    name = f"config_{tab}-20240203-040507.toml"
    seen = 0
    for case in cases(tab, tag):
        if case.form["additional_parameters"] or case.form["max_train_steps"] == 0:
            continue
        found = _with_toml(tmp_path, case.form, _written(case), name)
        assert [one for one in found.then if name in one.why] == []
        assert found.assumed == frozenset()
        seen += 1
    assert seen >= 5


def test_a_toml_ends_the_doubt_about_the_version(tmp_path: Path) -> None:
    """Whether zeros were dropped is plain to see in the TOML; nothing else is asked."""
    form = fresh("finetune", "v24.0.3", learning_rate_te2=0)
    found = _with_toml(tmp_path, form, cases("finetune", "v24.0.3")[0].passed)
    assert not [note for note in found.notes if "--gui-version" in note]
    assert "learning_rate_te2" in found.options


def test_assumptions_end_where_the_toml_says(tmp_path: Path) -> None:
    """The steps that could not be computed stand in the TOML."""
    form = fresh("finetune", "HEAD", max_train_steps=0, epoch=3)
    passed = {**cases("finetune", "HEAD")[0].passed, "max_train_steps": 777}
    alone = read_any(_write(tmp_path, form))
    both = _with_toml(tmp_path, form, passed)
    assert alone.assumed == {"max_train_epochs"}
    assert (both.assumed, both.options["max_train_steps"]) == (frozenset(), 777)
    assert "max_train_epochs" not in both.options


def test_additional_parameters_win_over_both(tmp_path: Path) -> None:
    """They stood on the command line after the file, so neither the form nor the TOML has the last word."""
    form = fresh("finetune", "HEAD", learning_rate=1e-5, additional_parameters="--learning_rate=3e-6 --sample_at_first")
    found = _with_toml(tmp_path, form, {**cases("finetune", "HEAD")[0].passed, "learning_rate": 4e-6})
    assert (found.options["learning_rate"], found.options["sample_at_first"]) == (3e-6, True)
    assert [one for one in found.then if one.key in ("learning_rate", "sample_at_first")] == [
        Then(
            key="learning_rate",
            saved=1e-5,
            then=3e-6,
            why="additional_parameters say so, and they win",
            overridden=True,
        ),
        Then(key="sample_at_first", saved=NOTHING, then=True, why="additional_parameters say so", overridden=True),
    ]


def test_a_pair_can_be_refused(tmp_path: Path) -> None:
    """Asked to, the form is read by itself."""
    _with_toml(tmp_path, fresh("finetune", "HEAD"), {"seed": 8})
    found = read_any(tmp_path / NAME, pairs=False)
    assert (len(found.files), "seed" in found.options) == (1, False)


@pytest.mark.parametrize(("time", "together"), [("040508", True), ("040509", False)])
def test_pairs_from_two_folders(tmp_path: Path, time: str, *, together: bool) -> None:
    """Named together, a form and the TOML of its start are one run wherever they lie."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    toml = folder / f"config_finetune-20240203-{time}.toml"
    toml.write_text(tomli_w.dumps({**cases("finetune", "HEAD")[0].passed, "seed": 8}), encoding="utf-8")
    form = _write(tmp_path, fresh("finetune", "HEAD", seed=7))
    found = read_all([str(form), str(toml)], gui_version=None, images=None)
    assert [one.kind for one in found] == (["gui-finetune"] if together else ["gui-finetune", "config"])
    assert found[0].options["seed"] == (8 if together else 7)


def test_the_dataset_config_that_a_form_names(tmp_path: Path) -> None:
    """It is found beside the form, though the form names it where it once lay."""
    (tmp_path / "data.toml").write_text('[[datasets]]\n[[datasets.subsets]]\nimage_dir = "/img"\n', encoding="utf-8")
    found = read_any(_write(tmp_path, fresh("finetune", "HEAD", dataset_config="D:\\sets\\data.toml")))
    assert found.dataset == {"datasets": [{"subsets": [{"image_dir": "/img"}]}]}
    assert [file.what for file in found.files[1:]] == ["the dataset config that it names"]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(-5, 5))
def test_stamps_apart(day: int, second: int, apart: int) -> None:
    """Seconds are counted across minutes, days and years."""
    one = datetime.fromordinal(719163 + day % 20000).replace(second=second)
    other = one + timedelta(seconds=apart)
    stamps = [stamp_of(Path(f"a-{time:%Y%m%d-%H%M%S}.json")) for time in (one, other)]
    assert None not in stamps
    assert (stamps[1] - stamps[0]).total_seconds() == apart  # type: ignore[operator]


def test_what_the_toml_says_and_is_ignored(tmp_path: Path) -> None:
    """Keys of the GUI's own TOML that sdxl_train.py does not know are named, unless they say nothing."""
    form = fresh("dreambooth", "v24.0.9", prior_loss_weight=0.5)
    (tmp_path / "a_20240203-040506.json").write_text(json.dumps(form), encoding="utf-8")
    toml = "prior_loss_weight = 0.5\nno_token_padding = true\nstop_text_encoder_training = 0\nlearning_rate = 1e-5\n"
    (tmp_path / "config_dreambooth-20240203-040506.toml").write_text(toml, encoding="utf-8")
    found = read_any(tmp_path / "a_20240203-040506.json")
    assert {one.key: one.value for one in found.left_out} == {"prior_loss_weight": 0.5, "no_token_padding": True}
