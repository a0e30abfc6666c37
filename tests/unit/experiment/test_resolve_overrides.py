"""What --set and --unset do to an experiment: typed, checked, recorded, and never a crash."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from fork_wrapper.errors import InputError
from fork_wrapper.experiment.resolve import Origin, Override, Resolved, parse_overrides, resolve
from fork_wrapper.files import flatten
from fork_wrapper.machine.settings import Settings

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working folder is none of the project's."""
    monkeypatch.chdir(tmp_path)


def _with(settings: Settings, *assignments: str, unset: tuple[str, ...] = (), name: str = "base") -> Resolved:
    return resolve(name, settings, parse_overrides(assignments, unset))


def _leaves(resolved: Resolved) -> dict[str, Any]:
    return flatten({"training": resolved.training, "dataset": resolved.dataset})


def _error(settings: Settings, *assignments: str, unset: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    with pytest.raises(InputError) as caught:
        _with(settings, *assignments, unset=unset)
    assert caught.value.title == "the command line has errors"
    return [(one.where, one.what, one.todo) for one in caught.value.findings]


@pytest.mark.parametrize(
    ("typed", "path", "value"),
    [
        ("seed=0", "training.seed", 0),
        (" seed = 7 ", "training.seed", 7),
        ("learning_rate=1", "training.learning_rate", 1.0),
        ("batch_size=2", "dataset.datasets[0].batch_size", 2),
        ("flip_aug=false", "dataset.general.flip_aug", False),
        ("training.flip_aug=true", "training.flip_aug", True),
        ("dataset.datasets[0].resolution=[512, 768]", "dataset.datasets[0].resolution", [512, 768]),
        ("dataset.datasets[0].subsets[0].num_repeats=3", "dataset.datasets[0].subsets[0].num_repeats", 3),
        ("dataset.general.keep_tokens=1", "dataset.general.keep_tokens", 1),
        ("class_tokens=a b", "dataset.general.class_tokens", "a b"),
        ("lr_warmup_steps=0.1", "training.lr_warmup_steps", 0.1),
        ('optimizer_args=["a=b", "c=d"]', "training.optimizer_args", ["a=b", "c=d"]),
        ('metadata_title=it\'s "El Niño" 🦊 = good', "training.metadata_title", 'it\'s "El Niño" 🦊 = good'),
        ("metadata_title=' '", "training.metadata_title", " "),
        ("metadata_title=", "training.metadata_title", ""),
        ("metadata_title=1", "training.metadata_title", "1"),
    ],
)
def test_set(write: Write, settings: Settings, typed: str, path: str, value: Any) -> None:
    """--set is typed by the option, a bare name means the dataset before the training; it is ours and recorded."""
    write("base")
    before, made = resolve("base", settings), _with(settings, typed)
    assert {key: repr(one) for key, one in _leaves(made).items()} == {
        key: repr(one) for key, one in (_leaves(before) | {path: value}).items()
    }
    assert made.origins == {**before.origins, path: Origin(kind="chosen", by="--set")}
    key, _, text = typed.partition("=")
    assert made.overrides == (f"--set {key.strip()}={text.strip()}",)


def test_unset_on_the_command_line(write: Write, settings: Settings) -> None:
    """--unset takes value and origin away, a whole table with all that is in it; it comes after every --set."""
    write("base")
    made = _with(settings, "seed=5", unset=("seed", "dataset.general"))
    assert made.overrides == ("--set seed=5", "--unset seed", "--unset dataset.general")
    gone = {"training.seed", "dataset.general.flip_aug"}
    assert set(_leaves(made)) == set(made.origins) == set(_leaves(resolve("base", settings))) - gone


def test_setting_a_whole_table(write: Write, settings: Settings) -> None:
    """Where --set replaces a table, no origin of a value that is gone remains."""
    write("base")
    made = _with(settings, "dataset.datasets=[{resolution = 64}]")
    assert made.dataset["datasets"] == [{"resolution": 64}]
    assert "dataset.datasets[0].batch_size" not in made.origins


def test_overrides_of_overrides(write: Write, settings: Settings) -> None:
    """The last --set of a key wins, and all are recorded in order."""
    write("base")
    made = _with(settings, "seed=2", "training.seed=3")
    assert (made.training["seed"], made.overrides) == (3, ("--set seed=2", "--set training.seed=3"))


def test_wrong_overrides_all_at_once(write: Write, settings: Settings) -> None:
    """Unknown names, wrong types, wrong places and managed keys are refused as in a file, each with its flag."""
    write("base")
    entry = "dataset.datasets[3].batch_size"
    assert _error(settings, "learning_rat=1", "seed=one", "output_dir=x", f"{entry}=1", unset=("vae",)) == [
        (
            f"--set {entry}=1",
            f"{entry}: there is no entry [3], the experiment has 1 (counted from 0)",
            "correct the key",
        ),
        ("--unset vae", "vae is not set, so it cannot be unset", "correct the key"),
        ("--set seed=one", 'seed must be a whole number, not the string "one"', "write a whole number without quotes"),
        (
            "--set learning_rat=1",
            "learning_rat is not an option of sdxl_train.py",
            "did you mean learning_rate or learning_rate_te2 or learning_rate_te1?",
        ),
        (
            "--set output_dir=x",
            "output_dir is managed by kft",
            "remove it: every run gets a folder of its own; set `outputs` in the settings to move them all",
        ),
    ]
    assert _error(settings, "dataset.general.batch_size=x")[0][:2] == (
        "--set dataset.general.batch_size=x",
        'batch_size must be a whole number, not the string "x"',
    )


def test_set_without_a_value(settings: Settings) -> None:
    """A --set without `=` is refused before any file is read."""
    assert _error(settings, "seed", "a=b", "x y") == [
        (f"--set {text}", "a --set needs key=value", f"write --set {text}=VALUE") for text in ("seed", "x y")
    ]


def test_override_spells_itself_as_typed() -> None:
    """What the record keeps can be typed again."""
    assert [str(one) for one in parse_overrides(["a = b=c "], ["d"])] == ["--set a=b=c", "--unset d"]
    assert parse_overrides(["a="]) == (Override(key="a", text=""),)


@pytest.mark.parametrize("typed", ["=5", "training.=1", "dataset.=1", "training.seed.a=1", "training.seed.a.b=1"])
def test_a_key_path_that_is_none(write: Write, settings: Settings, typed: str) -> None:
    """A key path without a key, or one below a plain value, is wrong input with the flag named."""
    write("base")
    assert all(where == f"--set {typed}" and "object" not in what for where, what, _ in _error(settings, typed))


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.sampled_from(
        ["seed", "training", "dataset", "datasets[0]", "subsets", "general", "[", "9", "", "batch_size"]
    )
    .flatmap(lambda first: st.lists(st.sampled_from([first, "dataset", "datasets[0]", "x", ""]), max_size=3))
    .map(".".join),
    text=st.sampled_from(["1", "x", "[]", "{}", "[{}]", "", "{a = 1}"]) | st.text(max_size=4),
)
def test_no_override_is_a_crash(write: Write, settings: Settings, key: str, text: str) -> None:
    """Whatever is typed behind --set and --unset is taken or refused."""
    write("base")
    for given_, unset in (((f"{key}={text}",), ()), ((), (key,))):
        with contextlib.suppress(InputError):
            _with(settings, *given_, unset=unset)
