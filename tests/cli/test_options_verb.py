"""`kft options`: what each option does, found by its name or by a word."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fork_wrapper.commands import flags
from fork_wrapper.sdscripts.options import Option, Table, keep, options, pinned_table
from tests.builders.projects import assert_golden
from tests.cli.conftest import Answer

Kft = Callable[..., Answer]


def test_a_word_finds_names_and_lines(kft: Kft, root: Path) -> None:
    """Options of [training] and keys of the data set, each with type, default or place, and a line."""
    answer = kft("options", "seed")
    assert (answer.code, answer.err) == (0, "")
    assert_golden(answer.out, root / "tests" / "golden" / "cli" / "options_seed.txt")


def test_everything_is_listed_without_a_pattern(kft: Kft) -> None:
    """One row for each of the 176 options and 38 keys, and two headers with a blank line between them."""
    answer = kft("options")
    assert answer.code == 0
    assert len(answer.out.splitlines()) == 176 + 38 + 3


def names(answer: Answer) -> list[str]:
    """First column of the table of options."""
    return [line.split()[0] for line in answer.out.split("\n\n", maxsplit=1)[0].splitlines()[1:]]


def test_several_words_must_all_be_there(kft: Kft) -> None:
    """In any order and any case, and with dashes as on a command line."""
    wanted = ["adaptive_noise_scale", "noise_offset", "noise_offset_random_strength"]
    assert names(kft("options", "OFFSET", "noise")) == wanted
    assert names(kft("options", "noise-offset")) == wanted


def test_a_pattern_with_a_star_is_for_names_alone(kft: Kft) -> None:
    """As in a shell, and several of them find what any of them finds."""
    assert names(kft("options", "*_te?")) == ["learning_rate_te1", "learning_rate_te2"]
    assert names(kft("options", "v?", "se*d")) == ["seed", "v2"]


def test_choices_stand_behind_the_line(kft: Kft) -> None:
    """As sd-scripts lists them; absent is one of them."""
    assert kft("options", "max_token_length").out == (
        "in training       type  default  what it does\n"
        "max_token_length  int   -        Caption length in tokens: 150 or 225; 75 when not said [absent, 150, 225]\n"
    )


def test_json_has_every_field(kft: Kft) -> None:
    """For programs: types, defaults, choices and levels as values."""
    said = json.loads(kft("options", "resize_interpolation", "--json").out)
    assert list(said) == ["dataset", "training"]
    assert said["dataset"] == [
        {
            "name": "resize_interpolation",
            "type": "str",
            "levels": ["general", "dataset", "subset"],
            "line": "Filter that resizes images to their bucket",
        }
    ]
    (row,) = said["training"]
    assert row == {
        "name": "resize_interpolation",
        "type": "str",
        "default": None,
        "choices": ["lanczos", "nearest", "bilinear", "linear", "bicubic", "cubic", "area"],
        "line": "Filter that resizes images, where [dataset] does not say",
    }


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("sede", "no such option or key\n    sede\n    → did you mean `seed`?\n"),
        ("xyzzy", "no such option or key\n    xyzzy\n    → `kft options` lists them all\n"),
        (
            "max_resolution",
            "`max_resolution` is a key of the kohya_ss GUI; sd-scripts calls it `resolution`\n"
            "    → `kft options resolution`\n",
        ),
        (
            "prior_loss_weight",
            "`prior_loss_weight` is an option of sdxl_train_network.py, sdxl_train_textual_inversion.py, "
            "train_db.py and 7 more, not of sdxl_train.py\n"
            "    → leave it out: kft starts sdxl_train.py alone\n",
        ),
        (
            "init_word",
            "`init_word` is an option of sdxl_train_textual_inversion.py, train_textual_inversion.py, "
            "not of sdxl_train.py\n"
            "    → leave it out: kft starts sdxl_train.py alone\n",
        ),
    ],
)
def test_what_is_not_there_is_explained(kft: Kft, pattern: str, message: str) -> None:
    """Where else the name is known, or the nearest names; exit code 2 and no data, for programs too."""
    for more in ((), ("--json",)):
        answer = kft("options", pattern, *more)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err == f"error: no option and no dataset key matches '{pattern}'\n  • {message}"


def test_the_table_of_the_checkout_is_in_force(kft: Kft, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept by `kft doctor --refresh` for its commit; and the next command starts from ours again."""
    monkeypatch.setattr(flags, "_commit", lambda _settings: "c0ffee")
    row = Option(name="brand_new", type="int", default=3)
    keep(Table(commit="c0ffee", options={**pinned_table().options, "brand_new": row}), project / "cache")
    assert kft("options", "--cache", "cache", "brand_*").out.splitlines()[:2] == [
        "in training  type  default  what it does",
        "brand_new    int   3",
    ]
    assert "brand_new" not in options()
    assert kft("options", "brand_new").code == 2
