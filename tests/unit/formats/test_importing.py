"""From foreign files to experiment files: names that every system takes, nothing replaced, everything loadable."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fork_wrapper.errors import InputError
from fork_wrapper.experiment.experiment import load_experiment
from fork_wrapper.files import flatten, plain_name
from fork_wrapper.formats.found import NOTHING, Found, LeftOut, SourceFile, Then
from fork_wrapper.formats.importing import Import, plan_imports, to_json, write_import
from fork_wrapper.machine.backslashes import swallowed_backslashes
from fork_wrapper.machine.settings import Settings, load_settings

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


def found(name: str = "x", **more: Any) -> Found:
    """A config of a run with this output name."""
    file = SourceFile(path=Path("/a/file.toml"), read="0" * 64, what="a file")
    options = {"output_name": name, "seed": 1, **more.pop("options", {})}
    return Found(**{"kind": "config", "what": "a file", "files": (file,), "options": options, "dataset": {}, **more})


def planned(settings: Settings, *runs: Found, name: str | None = None, replace: bool = False) -> list[Import]:
    """What would be written."""
    return plan_imports(runs, settings, name, NOW, replace=replace)


def test_an_experiment_and_its_prompts_are_written(settings: Settings) -> None:
    """Under the name that the checkpoints had; the experiment names the prompts beside it."""
    (one,) = planned(settings, found("niño 🦊", prompts="a cat\r\n"))
    assert (one.name, one.path) == ("niño 🦊", settings.experiments / "niño 🦊.toml")
    assert one.prompts == (settings.experiments / "prompts" / "niño 🦊.txt", "a cat\r\n")
    assert not one.path.exists()
    write_import(one)
    assert one.path.read_text(encoding="utf-8") == one.text
    assert (settings.experiments / "prompts" / "niño 🦊.txt").read_bytes() == b"a cat\r\n"
    loaded = load_experiment(one.path)
    assert loaded.training == {"seed": 1, "sample_prompts": "prompts/niño 🦊.txt"}
    assert loaded.origins == dict.fromkeys(["training.seed", "training.sample_prompts"], "recovered")


def test_without_prompts_there_is_no_file_of_them(settings: Settings) -> None:
    """Blank ones are none; a file that the source names stays named."""
    (one,) = planned(settings, found(prompts=" \n", options={"sample_prompts": "/p/x.txt"}))
    assert one.prompts is None
    write_import(one)
    assert load_experiment(one.path).training["sample_prompts"] == "/p/x.txt"


def test_nothing_is_replaced(settings: Settings) -> None:
    """Neither an experiment nor other prompts; the same prompts may be there, and --print writes nothing."""
    (one,) = planned(settings, found(prompts="a cat\n"))
    write_import(one)
    with pytest.raises(InputError) as caught:
        planned(settings, found(prompts="a dog\n"))
    assert str(caught.value) == (
        "nothing was imported\n"
        f"- the file exists\n  in {one.path}\n  -> give another --name, or move the file\n"
        f"- the file exists\n  in {settings.experiments / 'prompts' / 'x.txt'}\n"
        "  -> give another --name, or move the file"
    )
    with pytest.raises(InputError) as caught:
        planned(settings, found(prompts="a cat\n"))
    assert [finding.where for finding in caught.value.findings] == [str(one.path)]
    assert planned(settings, found(prompts="a dog\n"), replace=True)[0].name == "x"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("../../x/y", "_.._x_y"),
        ("a/b\\c", "a_b_c"),
        ("C:\\out\\x", "C_out_x"),
        ("record", "record_"),
        ("record.json", "record_"),
        ("a.safetensors", "a"),
        ("a.toml.JSON", "a"),
        ("v1.5", "v1.5"),
        ("-rf", "rf"),
        (".hidden", "hidden"),
        (" a. ", "a"),
        ("...", "imported"),
        ("a\nb\r\tc\u2028d\x7f", "a_b_c_d_"),
        ("{models}*?", "_models_"),
        ("'q' \"r\" `s` $t", "'q' _r_ `s` $t"),
    ],
)
def test_names_that_people_write(settings: Settings, said: str, name: str) -> None:
    """No name is a path, a secret file or a flag; what the checkpoints were called stays in the file."""
    (one,) = planned(settings, found(said))
    assert (one.name, one.path.parent) == (name, settings.experiments)
    write_import(one)
    assert load_experiment(one.path).training == {"seed": 1}


@given(st.text())
def test_plain_names_stay_plain(said: str) -> None:
    """A name is never empty, a path or the record's, and is its own plain name."""
    name = plain_name(said)
    assert plain_name(name) == name
    assert Path(name).name == name
    assert name not in ("", ".", "..", "record")


@pytest.mark.parametrize(
    ("name", "todo"),
    [
        ("a/b", "a_b"),
        ("record", "record_"),
        ("x" * 201, "x" * 60),
        ("a b/", "'a b_'"),
        ("ñ" * 101, "'" + "ñ" * 60 + "'"),
    ],
)
def test_names_that_cannot_be(settings: Settings, name: str, todo: str) -> None:
    """What the user says is not bent: it is refused with one that can be."""
    with pytest.raises(InputError) as caught:
        planned(settings, found(), name=name)
    (finding,) = caught.value.findings
    assert (finding.what, finding.todo) == (f"{name!r} cannot be the name of an experiment", f"say --name {todo}")


def test_a_name_is_for_one_run(settings: Settings) -> None:
    """And two runs of one name are not told apart by guessing."""
    assert planned(settings, found("a"), name="b c")[0].name == "b c"
    with pytest.raises(InputError) as caught:
        planned(settings, found("a"), found("b"), name="c")
    assert caught.value.findings[0].what == "--name is for one run, and these files are of 2"
    with pytest.raises(InputError) as caught:
        planned(settings, found("a"), found("b"), found("a"))
    (finding,) = caught.value.findings
    assert (finding.what, finding.todo) == (
        "several of these files are called a",
        "import them one by one, with --name",
    )


def test_the_report_as_json(settings: Settings) -> None:
    """What is not there is null, a secret too, and what JSON cannot say is text."""
    source = found(
        options={"clip_skip": float("inf"), "wandb_api_key": "hush"},
        then=(Then(key="sdpa", saved=NOTHING, then=True, why="w"), Then(key="vae", saved="a", then=NOTHING, why="v")),
        left_out=(
            LeftOut(key="when", value=datetime(2020, 1, 1, tzinfo=timezone.utc), why="w"),
            LeftOut(key="hf_token", value="hush", why="w"),
            LeftOut(key="tree", value={"a": [1, NOTHING], "api_key": "hush"}, why="w"),
        ),
        assumed=frozenset(["seed", "gone"]),
        notes=("n",),
    )
    said = to_json(planned(settings, source)[0])
    text = json.dumps(said, allow_nan=False)
    assert "hush" not in text
    assert [(one["key"], one["value"]) for one in said["left_out"]] == [
        ("when", "2020-01-01 00:00:00+00:00"),
        ("hf_token", None),
        ("tree", {"a": [1, None], "api_key": None}),
        ("clip_skip", "inf"),
        ("output_name", "x"),
        ("wandb_api_key", None),
    ]
    assert [(one["saved"], one["then"]) for one in said["then"]] == [(None, True), ("a", None)]
    assert said["files"] == [{"path": "/a/file.toml", "sha256": "0" * 64, "what": "a file"}]
    assert (said["name"], said["kind"], said["assumed"], said["notes"]) == ("x", "config", ["seed"], ["n"])
    assert (said["training"], said["dataset"], said["prompts"]) == ({"seed": 1}, {}, None)


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_VALUES = _LEAVES | st.lists(_LEAVES, max_size=3) | st.dictionaries(st.text(max_size=4), _LEAVES, max_size=3)
_KEYS = st.sampled_from(
    ["seed", "learning_rate", "optimizer_args", "caption_prefix", "xformers", "resolution", "hf_token", "class_tokens"]
)
_TABLE = st.dictionaries(
    st.sampled_from(["flip_aug", "image_dir", "caption_prefix", "num_repeats", "custom_attributes", "é.x"]), _VALUES
)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a project for many imports."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "kft.toml").write_text("", encoding="utf-8")
    home = {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_CACHE_HOME": str(folder / "cache")}
    return load_settings({}, environ=home, cwd=folder)


@hypothesis_settings(max_examples=100, deadline=None)
@given(
    name=st.text(max_size=20),
    options=st.dictionaries(_KEYS | st.text(max_size=6), _VALUES, max_size=6),
    table=_TABLE,
    prompts=st.none() | st.text(max_size=10),
    note=st.text(max_size=30),
)
@example(name="x", options={}, table={"custom_attributes": {"a": [{"b": None}]}}, prompts=None, note="")
@example(name="x", options={}, table={"custom_attributes": {"a": 1}, "flip_aug": True}, prompts=None, note="")
def test_whatever_was_found_can_be_loaded(
    elsewhere: Settings, name: str, options: Mapping[str, Any], table: Mapping[str, Any], prompts: str | None, note: str
) -> None:
    """The written file is an experiment, whatever stood in the source: values, names and notes."""
    dataset = {"general": dict(table), "datasets": [{"subsets": [dict(table)]}]}
    assume(not swallowed_backslashes(flatten({"training": options, "dataset": dataset}), "", Path("file.toml")))
    left = (LeftOut(key=note, value=table, why=note),)
    source = found(
        name, options=options, dataset=dataset, prompts=prompts, notes=(note,), left_out=left, kind="config", what=note
    )
    (one,) = planned(elsewhere, source, replace=True)
    write_import(one)
    loaded = load_experiment(one.path)
    assert set(loaded.origins.values()) <= {"recovered"}
    assert loaded.training.keys() - {"sample_prompts"} == one.fitted.training.keys() - {"sample_prompts"}
    json.dumps(to_json(one))


def test_folders_are_made(settings: Settings, write: Callable[..., Path]) -> None:
    """An import into a project without experiments makes their folder."""
    settings.experiments.rmdir()
    (one,) = planned(settings, found())
    write_import(one)
    assert one.path.is_file()
    assert write("y").is_file()


@pytest.mark.parametrize(
    ("ours", "was", "suffix"),
    [
        (True, "/a/p.json", ".json"),
        (True, "/a/p.toml", ".toml"),
        (True, "/a/p.x", ".txt"),
        (False, "/a/p.json", ".txt"),
    ],
)
def test_prompts_keep_the_form_they_are_written_in(settings: Settings, ours: bool, was: str, suffix: str) -> None:
    """Of a file of kft the option says it; others hold lines of text."""
    source = found(options={"sample_prompts": was}, prompts="a", origins={} if ours else None)
    (one,) = planned(settings, source)
    assert one.prompts is not None
    assert one.prompts[0].suffix == suffix
    assert f'sample_prompts = "prompts/x{suffix}"' in one.text
