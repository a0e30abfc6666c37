"""Experiment files: every fault of a file at once, parents found and circles named, origins given to every value."""

import re
from collections.abc import Callable, Collection
from hashlib import sha256
from pathlib import Path

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.experiment import experiment
from fork_wrapper.experiment.experiment import experiment_names, find_experiment, load_chain, load_experiment
from fork_wrapper.machine.settings import Settings

Write = Callable[..., Path]


def test_a_whole_file(write: Write) -> None:
    """Everything a file says is in the experiment, typed; the text and its digest are the file's."""
    text = """
        extends = "base"
        unset = ["seed", "dataset.general"]
        [story]
        purpose = "niño 🦊"
        problems = ["overfitting from epoch 8"]
        decision = "selected"
        [training]
        learning_rate = 1
        [[dataset.datasets]]
        batch_size = 4
        [origin]
        learning_rate = "measured"
    """
    path = write("one", text)
    made = load_experiment(path)
    assert (made.name, made.path, made.extends, made.unset) == ("one", path, "base", ("seed", "dataset.general"))
    assert made.story == {"purpose": "niño 🦊", "problems": ["overfitting from epoch 8"], "decision": "selected"}
    assert (repr(made.training), made.dataset) == ("{'learning_rate': 1.0}", {"datasets": [{"batch_size": 4}]})
    assert made.origins == {"training.learning_rate": "measured", "dataset.datasets[0].batch_size": "chosen"}
    assert (made.text.encode(), made.sha256) == (path.read_bytes(), sha256(path.read_bytes()).hexdigest())


def test_templates_and_sources(write: Write) -> None:
    """A file may say that it is there to be extended, and which document its documented values stand in."""
    said = load_experiment(write("one", 'template = true\n[training]\n[origin]\nsource = "the  wiki"\n'))
    assert (said.template, said.source, said.origins) == (True, "the wiki", {})
    plain = load_experiment(write("two", "[training]\nseed = 1\n"))
    assert (plain.template, plain.source, plain.origins) == (False, "", {"training.seed": "chosen"})
    with pytest.raises(InputError) as caught:
        load_experiment(write("bad", 'template = "yes"\n[training]\n[origin]\nsource = ["a"]\n'))
    assert [one.what for one in caught.value.findings] == ["template must be true or false", "source must be a string"]


def test_a_story_in_two_languages(write: Write) -> None:
    """Texts may be told once more, numbers and decisions not; each part may have an origin, which no value has."""
    text = """
        [story]
        purpose = "one"
        images = 1486
        [story.es]
        purpose = "uno"
        [origin]
        "story.images" = "documented"
    """
    made = load_experiment(write("one", text))
    assert made.story == {"purpose": "one", "images": 1486, "es": {"purpose": "uno"}}
    assert made.origins == {}
    assert experiment.origins_of({"story": dict(made.story), "origin": {"story.images": "documented"}}) == {
        "story.purpose": "chosen",
        "story.images": "documented",
        "story.es.purpose": "chosen",
    }
    wrong = """
        [story]
        images = true
        en = "one"
        [story.es]
        purpos = "uno"
        problems = "ojos"
        decision = "selected"
        [origin]
        "story.effect" = "measured"
    """
    with pytest.raises(InputError) as caught:
        load_experiment(write("two", wrong))
    assert [(finding.what, finding.where.rpartition(": ")[2]) for finding in caught.value.findings] == [
        ("images must be a whole number", "story.images"),
        ("en must be a table", "story.en"),
        ("the story has no purpos", "story.es.purpos"),
        ("problems must be a list of strings", "story.es.problems"),
        ("the story has no decision", "story.es.decision"),
        ("this file sets no story.effect", "origin.story.effect"),
    ]


def test_an_empty_file(write: Write) -> None:
    """A file that says nothing is an experiment without values; nothing is made up."""
    made = load_experiment(write("empty", ""))
    assert (made.extends, made.unset, made.story, made.training, made.dataset) == (None, (), {}, {}, {})


def test_all_errors_of_a_file_at_once(write: Write) -> None:
    """Top level, story, training, dataset and origins are checked together, each fault with file and line."""
    path = write(
        "bad",
        """\
        learning_rate = 1e-5
        [story]
        decision = "maybe"
        purpos = "x"
        [training]
        learning_rat = 1e-5
        seed = "42"
        output_dir = "/x"
        wandb_api_key = "abc"
        [dataset.general]
        flip_aug = 1
        [[dataset.datasets]]
        [[dataset.datasets]]
        image_dir = "x"
        [origin]
        default = "guessed"
        seed = "documented"
        noise_offset = "assumed"
        """,
    )
    with pytest.raises(InputError) as caught:
        load_experiment(path)
    assert (
        str(caught.value)
        == f"""\
bad.toml has 11 errors
- learning_rate is not part of an experiment
  in {path}, line 1: learning_rate
  -> options of sdxl_train.py belong under [training]
- decision cannot be 'maybe'
  in {path}, line 3: story.decision
  -> choose one of: candidate, selected, rejected
- the story has no purpos
  in {path}, line 4: story.purpos
  -> did you mean purpose?
- learning_rat is not an option of sdxl_train.py
  in {path}, line 6: training.learning_rat
  -> did you mean learning_rate or learning_rate_te2 or learning_rate_te1?
- seed must be a whole number, not the string "42"
  in {path}, line 7: training.seed
  -> write seed = 42
- output_dir is managed by kft
  in {path}, line 8: training.output_dir
  -> remove it: every run gets a folder of its own; set `outputs` in the settings to move them all
- wandb_api_key is a secret and would be archived with every checkpoint
  in {path}, line 9: training.wandb_api_key
  -> remove it and set the environment variable WANDB_API_KEY before the run
- flip_aug must be true or false, not 1
  in {path}, line 11: dataset.general.flip_aug
  -> write flip_aug = true
- image_dir may not stand in [[dataset.datasets]]: sd-scripts refuses it there
  in {path}, line 14: dataset.datasets[1].image_dir
  -> move it to [[dataset.datasets.subsets]]
- default cannot be 'guessed'
  in {path}, line 16: origin.default
  -> choose one of: documented, assumed, recovered, measured, chosen
- this file sets no noise_offset
  in {path}, line 18: origin.noise_offset
  -> remove the line, or set the value here"""
    )


def test_one_error_is_counted_in_words(write: Write) -> None:
    """A key that the scan for lines cannot find is still named with its file."""
    path = write("bad", 'training = { seed = "1" }')
    with pytest.raises(InputError) as caught:
        load_experiment(path)
    what = 'seed must be a whole number, not the string "1"'
    assert str(caught.value) == f"bad.toml has an error\n- {what}\n  in {path}: training.seed\n  -> write seed = 1"


@pytest.mark.parametrize(
    ("line", "what", "todo"),
    [
        ('extends = ["a", "b"]', "extends must be a string", 'write extends = "..."'),
        ('unset = "seed"', "unset must be a list of strings", 'write unset = ["..."]'),
        ("training = 1", "training must be a table", "write [training] as a table"),
        ("origin = false", "origin must be a table", "write [origin] as a table"),
        ("trainin = {}", "trainin is not part of an experiment", "did you mean [training]?"),
        ('[story]\nproblems = "x"', "problems must be a list of strings", 'write problems = ["..."]'),
        ("[story]\ndecision = true", "decision must be a string", 'write decision = "..."'),
    ],
)
def test_wrong_shapes(write: Write, line: str, what: str, todo: str) -> None:
    """Everything at the top and in the story has one shape, and the message says how to write it."""
    with pytest.raises(InputError) as caught:
        load_experiment(write("bad", line))
    assert [(one.what, one.todo) for one in caught.value.findings] == [(what, todo)]


def test_decisions(write: Write) -> None:
    """The three decisions are taken."""
    for word in ("candidate", "selected", "rejected"):
        assert load_experiment(write("a", f'[story]\ndecision = "{word}"')).story == {"decision": word}


def test_origins_by_name_by_path_and_by_default(write: Write) -> None:
    """A key path beats a bare name, which is meant for every value of that name; a bare name beats the default."""
    made = load_experiment(
        write(
            "a",
            """
            [training]
            seed = 1
            flip_aug = true
            max_train_epochs = 2
            [dataset.general]
            flip_aug = false
            [[dataset.datasets]]
            [[dataset.datasets.subsets]]
            num_repeats = 1
            [[dataset.datasets.subsets]]
            num_repeats = 2
            [origin]
            default = "recovered"
            flip_aug = "documented"
            num_repeats = "measured"
            "training.flip_aug" = "assumed"
            """,
        )
    )
    subsets = "dataset.datasets[0].subsets"
    assert made.origins == {
        "training.seed": "recovered",
        "training.flip_aug": "assumed",
        "training.max_train_epochs": "recovered",
        "dataset.general.flip_aug": "documented",
        f"{subsets}[0].num_repeats": "measured",
        f"{subsets}[1].num_repeats": "measured",
    }


def test_an_origin_by_key_path_without_quotes(write: Write) -> None:
    """TOML reads a bare dotted key as tables: the origin is the same."""
    path = write("a", '[training]\nseed = 1\n[origin]\ntraining.seed = "measured"')
    assert load_experiment(path).origins == {"training.seed": "measured"}


def test_names_are_found_in_the_folder_or_as_a_file(
    write: Write, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is looked up in the experiments folder, a path ending in .toml where it points."""
    path = write("niño 05")
    other = tmp_path / "elsewhere.toml"
    other.write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert find_experiment("niño 05", settings.experiments) == path
    assert find_experiment(str(other), settings.experiments) == other
    assert find_experiment("elsewhere.toml", settings.experiments) == other
    assert experiment_names(settings.experiments) == ["niño 05"]


@pytest.mark.parametrize(
    ("name", "todo"),
    [
        ("humanoid_3", "did you mean humanoid_03 or humanoid_02?"),
        ("zz", "`kft list` shows them"),
        ("", "`kft list` shows them"),
    ],
)
def test_a_misspelt_name(write: Write, settings: Settings, name: str, todo: str) -> None:
    """Only names that are near are offered; where none is, the command that lists them."""
    for known in ("humanoid_02", "humanoid_03", "sdxl"):
        write(known)
    with pytest.raises(InputError) as caught:
        find_experiment(name, settings.experiments)
    place = f"- no such experiment\n  in {settings.experiments}"
    assert str(caught.value) == f"no experiment is called '{name}'\n{place}\n  -> {todo}"


@pytest.mark.parametrize("name", ["first", "first.toml"])
def test_the_first_experiment(settings: Settings, name: str) -> None:
    """In an empty or missing folder the message says which file to write, with one suffix."""
    for folder in (settings.experiments, settings.root / "missing"):
        with pytest.raises(InputError, match=re.escape(f"  -> write {folder / 'first.toml'}") + "$"):
            find_experiment(name, folder)


def test_the_chain_is_root_first(write: Write, settings: Settings) -> None:
    """Parents come before children, the named one last."""
    write("a", 'extends = "b"')
    write("b", 'extends = "c"')
    write("c")
    assert [link.name for link in load_chain("a", settings.experiments)] == ["c", "b", "a"]


def test_a_parent_is_looked_for_beside_its_child(
    write: Write, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file outside the experiments folder finds its parent beside it first, then in the folder; never in the cwd."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "child.toml").write_text('extends = "parent"', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    child = str(mine / "child.toml")
    shared = write("parent")
    assert [link.path for link in load_chain(child, settings.experiments)] == [shared, Path(child)]
    for folder in (mine, tmp_path):
        (folder / "parent.toml").write_text("", encoding="utf-8")
    assert [link.path for link in load_chain(child, settings.experiments)] == [mine / "parent.toml", Path(child)]


def test_a_parent_by_its_file_name(write: Write, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its suffix, too, a parent is looked for beside its child, wherever kft is called."""
    parent, child = write("parent"), write("child", 'extends = "parent.toml"')
    for folder in (settings.root, settings.experiments):
        monkeypatch.chdir(folder)
        assert [link.path for link in load_chain("child", settings.experiments)] == [parent, child]


@pytest.mark.parametrize(
    ("parent", "todo"),
    [("parnt", "did you mean parent?"), ("zz", "`kft list` shows them")],
)
def test_a_missing_parent(write: Write, settings: Settings, parent: str, todo: str) -> None:
    """A parent that is not there is named with the line that asks for it."""
    child = write("child", f'# a child\nextends = "{parent}"')
    write("parent")
    with pytest.raises(InputError) as caught:
        load_chain("child", settings.experiments)
    place = f"- no such experiment\n  in {child}, line 2: extends"
    assert str(caught.value) == f"no experiment is called '{parent}'\n{place}\n  -> {todo}"


@pytest.mark.parametrize(
    ("links", "way"),
    [
        ({"a": "a"}, "a -> a"),
        ({"a": "b", "b": "c", "c": "a"}, "a -> b -> c -> a"),
        ({"a": "b", "b": "c", "c": "b"}, "a -> b -> c -> b"),
    ],
)
def test_a_circle_of_parents(write: Write, settings: Settings, links: dict[str, str], way: str) -> None:
    """The message shows the whole way round, and the file that closes it."""
    paths = {name: write(name, f'extends = "{parent}"') for name, parent in links.items()}
    with pytest.raises(InputError) as caught:
        load_chain("a", settings.experiments)
    last = paths[way.split(" -> ")[-2]]
    assert str(caught.value) == f"a has no root\n- extends goes in a circle: {way}\n  in {last}\n  -> break it"


@pytest.mark.parametrize("parent", ["./a", "../experiments/a", "a.toml"])
def test_a_circle_by_another_spelling(
    write: Write, settings: Settings, monkeypatch: pytest.MonkeyPatch, parent: str
) -> None:
    """A circle is one of files, however they are named: it ends in an error and not never."""
    write("a", f'extends = "{parent}"')
    monkeypatch.chdir(settings.experiments)
    left = iter(range(10))

    def load(path: Path, allow: Collection[str]) -> experiment.Experiment:
        next(left)  # StopIteration where the chain has no end
        return load_experiment(path, allow)

    monkeypatch.setattr(experiment, "load_experiment", load)
    with pytest.raises(InputError, match="extends goes in a circle"):
        load_chain("a", settings.experiments)


def test_what_is_acknowledged_without_a_reason(write: Callable[..., Path]) -> None:
    """All at once, each with its line."""
    path = write("one", '[acknowledge]\nte-freeze = " "\nclip-skip = 3\nhuber-unused = "fine"\n')
    with pytest.raises(InputError) as caught:
        load_experiment(path)
    found = [(one.what, one.where.removeprefix(f"{path}, line "), one.todo) for one in caught.value.findings]
    assert found == [
        (
            "te-freeze is acknowledged without a reason",
            "2: acknowledge.te-freeze",
            'write te-freeze = "why it is meant so"',
        ),
        (
            "clip-skip is acknowledged without a reason",
            "3: acknowledge.clip-skip",
            'write clip-skip = "why it is meant so"',
        ),
    ]
