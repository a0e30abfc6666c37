"""New experiments: they come to exactly what was asked for, say where values are from, and replace nothing."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.experiment.experiment import load_experiment
from fork_wrapper.experiment.resolve import Origin, parse_overrides, resolve
from fork_wrapper.files import flatten
from fork_wrapper.formats.new_experiment import Given, NewExperiment, next_steps, plan_new, write_new
from fork_wrapper.formats.source import open_source
from fork_wrapper.machine.settings import Settings, load_settings
from tests.builders.records import NOW, recorded

Write = Callable[..., Path]
New = Callable[..., NewExperiment]


@pytest.fixture
def new(settings: Settings, write: Write, monkeypatch: pytest.MonkeyPatch) -> New:
    """Make an experiment of another, in a project with `one` and `two`, its child."""
    monkeypatch.chdir(settings.root)
    write("one")
    write("two", 'extends = "one"\n[training]\nlearning_rate = 2e-5\n')

    def make(
        name: str, source: str = "two", sets: Sequence[str] = (), unset: Sequence[str] = (), **story: Any
    ) -> NewExperiment:
        overrides = parse_overrides(sets, unset)
        made = plan_new(name, open_source(source, settings), settings, overrides, Given(story=story), NOW)
        write_new(made)
        return made

    return make


def values(name: str, settings: Settings, sets: Sequence[str] = (), unset: Sequence[str] = ()) -> dict[str, Any]:
    """What an experiment comes to, as written or with changes."""
    found = resolve(name, settings, parse_overrides(sets, unset))
    return flatten({"training": found.training, "dataset": found.dataset})


@pytest.mark.parametrize(
    ("sets", "unset"),
    [
        ([], []),
        (["learning_rate=3e-6"], []),
        (["learning_rate=3e-6", "optimizer_args=['a=1', 'b=2']", "network=1"][:2], ["seed"]),
        (["batch_size=8", "flip_aug=false"], []),
        (["dataset.datasets[0].subsets[0].num_repeats=3"], ["dataset.general.flip_aug"]),
        (["sample_prompts=experiments/prompts/b.txt"], []),
        (["pretrained_model_name_or_path={models}/x.safetensors"], []),
        (["pretrained_model_name_or_path=stabilityai/sdxl"], ["sample_prompts"]),
        (["batch_size=8"], ["train_batch_size"]),
        (["dataset.general.flip_aug=false"], ["dataset.general"]),
        (["dataset.general.caption_prefix='a \"b\" ñ'"], []),
    ],
)
def test_a_child_comes_to_what_was_asked_for(new: New, settings: Settings, sets: list[str], unset: list[str]) -> None:
    """The same values as the parent with --set and --unset, of which it holds only what changes."""
    made = new("three", sets=sets, unset=unset)
    assert made.is_child
    assert values("three", settings) == values("two", settings, sets, unset)
    loaded = load_experiment(settings.experiments / "three.toml")
    assert loaded.extends == "two"
    assert list(loaded.unset) == unset
    assert set(loaded.origins.values()) <= {"chosen"}
    assert len(loaded.origins) <= len(sets)


def test_a_text_that_comes_to_something_else_is_a_bug(
    new: New, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is not written."""
    monkeypatch.setattr("fork_wrapper.formats.new_experiment.child_text", lambda *_, **__: 'extends = "two"\n')
    with pytest.raises(ValueError, match=r"other values for training\.seed"):
        new("three", sets=["seed=5"])
    assert not (settings.experiments / "three.toml").exists()


def test_no_path_of_this_machine_is_written(new: New, settings: Settings) -> None:
    """What lies below a folder of the settings is said by its placeholder, also in comments."""
    made = new("three", sets=["sample_prompts=experiments/prompts/b.txt"])
    (text,) = made.files.values()
    assert 'sample_prompts = "{experiments}/prompts/b.txt"' in text
    assert str(settings.root) not in text


def test_the_story_and_the_next_steps(new: New, settings: Settings) -> None:
    """What is said of it is its story; without one there is none, for stories are not inherited."""
    made = new("three", purpose="less rate", changes='because "it" burned\nbadly')
    assert resolve("three", settings).story == {"purpose": "less rate", "changes": 'because "it" burned\nbadly'}
    assert next_steps(made) == ["kft diff two three", "kft check three", "kft run three --rehearse"]
    assert resolve(new("four").name, settings).story == {}


def test_a_parent_elsewhere_is_named_by_its_way(new: New, settings: Settings) -> None:
    """From the new file's folder."""
    other = settings.root / "other" / "far.toml"
    other.parent.mkdir()
    other.write_text("[training]\nseed = 5\n", encoding="utf-8")
    new("three", source="other/far.toml", sets=["seed=6"])
    assert load_experiment(settings.experiments / "three.toml").extends == "../other/far.toml"
    assert values("three", settings)["training.seed"] == 6


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("two", {}, "the file exists"),
        ("a/b", {}, "'a/b' cannot be the name of an experiment"),
        ("x.toml", {}, "'x.toml' cannot be the name of an experiment"),
        ("record", {}, "'record' cannot be the name of an experiment"),
        ("three", {"sets": ["lerning_rate=1"]}, "lerning_rate is not an option of sdxl_train.py"),
        ("three", {"sets": ["seed=high"]}, "seed must be a whole number"),
        ("three", {"unset": ["sdpa"]}, "sdpa is not set, so it cannot be unset"),
        ("three", {"sets": ["seed=1"], "unset": ["seed"]}, "seed is both set and unset"),
        ("three", {"decision": "chosen"}, "decision cannot be 'chosen'"),
    ],
)
def test_what_cannot_be_is_not_written(
    new: New, settings: Settings, name: str, arguments: dict[str, Any], said: str
) -> None:
    """An error, and the folder as it was."""
    before = {path: path.read_bytes() for path in settings.experiments.iterdir()}
    with pytest.raises(InputError) as refused:
        new(name, **arguments)
    assert said in str(refused.value)
    assert {path: path.read_bytes() for path in settings.experiments.iterdir()} == before


def test_what_would_stop_it_is_said(new: New) -> None:
    """And it is written: a new experiment may be half done."""
    made = new("three", sets=["lr_scheduler=constant", "lr_warmup_steps=100"])
    assert "warmup-needless" in [finding.rule for finding in made.findings]
    assert {finding.severity for finding in made.findings} == {"warning"}


@pytest.fixture
def run(settings: Settings, new: New) -> Path:  # noqa: ARG001 - which makes `two`
    """The record of a run of `two`, with its prompts."""
    prompts = settings.experiments / "prompts" / "a.txt"
    prompts.parent.mkdir()
    prompts.write_text("a cat\n", encoding="utf-8")
    return recorded("two", settings).record


def test_a_whole_experiment_of_a_run(new: New, settings: Settings, run: Path) -> None:
    """All its values and their origins, but for what is changed; its prompts in a file of their own; no parent."""
    made = new("back", source="two/20260102-030405", sets=["learning_rate=3e-6", "batch_size=2"], changes="why")
    assert not made.is_child
    assert list(made.files) == [settings.experiments / "back.toml", settings.experiments / "prompts" / "back.txt"]
    assert (settings.experiments / "prompts" / "back.txt").read_text(encoding="utf-8") == "a cat\n"
    found = resolve("back", settings)
    wanted = values("two", settings, ["learning_rate=3e-6", "batch_size=2"])
    wanted["training.sample_prompts"] = (settings.experiments / "prompts" / "back.txt").as_posix()
    assert values("back", settings) == wanted
    ours = {key for key, origin in found.origins.items() if origin.kind in ("assumed", "chosen")}
    kfts = {"training.log_with", "training.console_log_simple", "training.save_model_as"}
    kfts |= {"dataset.general.caption_extension"}  # nobody chose them
    assert ours == {"training.learning_rate", "dataset.datasets[0].batch_size", *kfts}
    assert found.origins["training.seed"].kind == "measured"
    assert found.story["changes"] == "why"
    text = made.files[settings.experiments / "back.toml"]
    assert "learning_rate is ours: 2e-05 there, 3e-06 here" in text
    assert str(settings.root) not in text.split("[training]")[1]
    assert next_steps(made)[0] == "kft check back"
    assert json.loads(run.read_text(encoding="utf-8"))["run"]["id"] == "two/20260102-030405"


def test_an_archive_makes_no_value_somebody_elses(new: New, settings: Settings, write: Write) -> None:
    """What was assumed stays assumed, also by way of a run; what came of the training is not said of a new one."""
    write(
        "three",
        'extends = "one"\n[training]\nlearning_rate = 3e-6\nmax_token_length = 225\nnoise_offset = 0.05\n'
        '[story]\npurpose = "p"\nchanges = "c"\ndecision = "selected"\nnotes = "good"\n'
        '[story.es]\nchanges = "d"\nnotes = "bueno"\n'
        '[origin]\ndefault = "assumed"\nsource = "the wiki"\n'
        'max_token_length = "documented"\nnoise_offset = "measured"\n'
        '"story.purpose" = "documented"\n',
    )
    recorded("three", settings)
    made = new("back", source="three/20260102-030405")
    found = resolve("back", settings)
    kinds = {
        key: found.origins[f"training.{key}"].kind for key in ("learning_rate", "max_token_length", "noise_offset")
    }
    assert kinds == {"learning_rate": "assumed", "max_token_length": "documented", "noise_offset": "measured"}
    assert found.story == {"purpose": "p", "changes": "c", "es": {"changes": "d"}}
    said = made.files[settings.experiments / "back.toml"].split("[origin]")[1]
    assert 'source = "the wiki"\n' in said
    assert said.count("story.") == 1
    assert '"story.purpose" = "documented"' in said


def test_of_a_run_nothing_is_replaced_either(new: New, settings: Settings, run: Path) -> None:
    """Prompts of that name count; what is unset is absent, prompts that are set are not written."""
    taken = settings.experiments / "prompts" / "back.txt"
    taken.write_text("a dog\n", encoding="utf-8")
    with pytest.raises(InputError) as refused:
        new("back", source=str(run))
    assert [finding.where for finding in refused.value.findings] == [str(taken)]
    made = new("back", source=str(run), sets=["sample_prompts=experiments/prompts/a.txt"], unset=["seed"])
    assert list(made.files) == [settings.experiments / "back.toml"]
    assert taken.read_text(encoding="utf-8") == "a dog\n"
    assert "training.seed" not in values("back", settings)
    assert values("back", settings)["training.sample_prompts"].endswith("prompts/a.txt")


def test_a_whole_experiment_of_a_gui_file(new: New, settings: Settings, root: Path) -> None:
    """As `kft import-config` makes one, with changes."""
    form = settings.root / "form.json"
    (shipped,) = [
        path for path in sorted((root / "tests" / "golden" / "gui").rglob("*.json")) if "finetune" in path.name
    ][:1]
    form.write_bytes(shipped.read_bytes())
    made = new("gui", source="form.json", sets=["seed=99"])
    assert not made.is_child
    assert values("gui", settings)["training.seed"] == 99
    assert resolve("gui", settings).origins["training.seed"] == Origin(kind="chosen", by="gui")


def test_a_child_of_every_shipped_experiment(root: Path, tmp_path: Path) -> None:
    """All eight can be gone on from."""
    (tmp_path / "kft.toml").write_text("", encoding="utf-8")
    for path in (root / "experiments").glob("*.toml"):
        (tmp_path / "experiments").mkdir(exist_ok=True)
        (tmp_path / "experiments" / path.name).write_bytes(path.read_bytes())
    settings = load_settings({}, environ={}, cwd=tmp_path)
    names = sorted(path.stem for path in settings.experiments.glob("*.toml"))
    assert len(names) == 8
    for name in names:
        changes = parse_overrides(["learning_rate=1e-6", "resolution=768"])
        write_new(plan_new(f"{name}_b", open_source(name, settings), settings, changes, Given(), NOW))
        assert values(f"{name}_b", settings) == values(name, settings, ["learning_rate=1e-6", "resolution=768"])
