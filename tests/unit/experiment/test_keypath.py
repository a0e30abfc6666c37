"""Key paths on the two trees of an experiment: what a name means, how text gets a type, what put and drop do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fork_wrapper.experiment.keypath import Tree, drop, get, grow, has, merge, places, put, type_of, typed
from fork_wrapper.files import flatten
from fork_wrapper.sdscripts.options import options

_keys = st.sampled_from("abc")
_trees = st.recursive(
    st.dictionaries(_keys, st.integers() | st.booleans() | st.lists(st.integers(), max_size=2), max_size=3),
    lambda inner: st.dictionaries(_keys, inner | st.lists(inner, min_size=1, max_size=2), max_size=3),
    max_leaves=6,
)


def _tree() -> Tree:
    return {
        "training": {"seed": 1, "flip_aug": True, "train_batch_size": 8},
        "dataset": {
            "general": {"flip_aug": False},
            "datasets": [
                {"batch_size": 4, "subsets": [{"num_repeats": 1}, {"num_repeats": 2}]},
                {"batch_size": 2, "subsets": [{"num_repeats": 3}]},
            ],
        },
    }


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("seed", ["training.seed"]),
        ("batch_size", ["dataset.datasets[0].batch_size", "dataset.datasets[1].batch_size"]),
        ("flip_aug", ["dataset.general.flip_aug"]),
        ("training.flip_aug", ["training.flip_aug"]),
        ("dataset.datasets[7].batch_size", ["dataset.datasets[7].batch_size"]),
        ("learning_rate", ["training.learning_rate"]),
        ("enable_bucket", ["training.enable_bucket"]),
        ("class_tokens", ["dataset.general.class_tokens"]),
        ("image_dir", ["training.image_dir"]),
        ("no_such_name", ["training.no_such_name"]),
    ],
)
def test_what_a_name_means(key: str, meant: list[str]) -> None:
    """Every place that sets it, the dataset before the training; else where it may stand; a key path means itself."""
    assert places(_tree(), key) == meant


def test_a_bare_name_is_never_a_free_attribute() -> None:
    """`custom_attributes` holds names of the user's own: one that is spelled like an option is not that option."""
    tree: Tree = {"training": {"seed": 1}, "dataset": {"general": {"custom_attributes": {"seed": 2}}}}
    assert places(tree, "seed") == ["training.seed"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("training.seed", "int"),
        ("training.optimizer_args", "list[str]"),
        ("training.resolution", "str"),
        ("dataset.datasets[0].resolution", "int_or_pair"),
        ("dataset.general.caption_dropout_rate", "number"),
        ("training.image_dir", None),
        ("dataset.general.seed", None),
    ],
)
def test_type_of_a_key(path: str, kind: str | None) -> None:
    """The same name may have another type in the dataset config, or none."""
    assert type_of(path) == kind


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("training.learning_rate", "1e-5", 1e-05),
        ("training.seed", "007", "007"),
        ("training.seed", '"1"', "1"),
        ("training.xformers", "True", "True"),
        ("training.xformers", "true", True),
        ("training.lr_warmup_steps", "0.05", 0.05),
        ("training.lr_warmup_steps", "500", 500),
        ("training.resolution", "1024", "1024"),
        ("training.metadata_title", "true", "true"),
        ("training.metadata_title", 'it\'s a "niño" 🦊 = # x', 'it\'s a "niño" 🦊 = # x'),
        ("training.metadata_title", "' spaces stay '", " spaces stay "),
        ("training.metadata_title", '"fortnite, "', "fortnite, "),
        ("training.metadata_title", '"', '"'),
        ("training.metadata_title", "'mixed\"", "'mixed\""),
        ("training.metadata_title", '""', ""),
        ("training.optimizer_args", '["weight_decay=0.1"]', ["weight_decay=0.1"]),
        ("dataset.datasets[0].resolution", "[512, 768]", [512, 768]),
        ("dataset.datasets[0].subsets[0].image_dir", "C:\\my images\\ñ", "C:\\my images\\ñ"),
        ("training.no_such_name", "5", 5),
    ],
)
def test_typed_text(path: str, text: str, value: Any) -> None:
    """A string option takes the text as it is, but for quotes around it; every other takes a TOML value."""
    made = typed(path, text)
    assert (made, type(made)) == (value, type(value))


@given(st.sampled_from([f"training.{name}" for name in sorted(options())]), st.text())
def test_any_text_can_be_typed(path: str, text: str) -> None:
    """No text breaks the typing; a string option gets a string whatever is typed."""
    assert isinstance(typed(path, text), str) or type_of(path) != "str"


def test_put_and_drop_take_a_full_path() -> None:
    """A value goes where its path says, tables on the way are made, and drop takes it away again."""
    tree = _tree()
    put(tree, "dataset.datasets[1].subsets[0].num_repeats", 9)
    put(tree, "dataset.general.custom_attributes.style", "x")
    assert flatten(tree) == flatten(_tree()) | {
        "dataset.datasets[1].subsets[0].num_repeats": 9,
        "dataset.general.custom_attributes.style": "x",
    }
    assert drop(tree, "dataset.datasets[0].subsets[1].num_repeats") is True
    assert tree["dataset"]["datasets"][0]["subsets"] == [{"num_repeats": 1}, {}]
    assert drop(tree, "dataset.general") is True
    assert list(tree["dataset"]) == ["datasets"]


@pytest.mark.parametrize(
    "path",
    [
        *("training.no_such", "no_such.seed", "training.seed.deeper", "dataset.datasets[0]"),
        *("dataset.datasets[2].batch_size", "dataset.datasets[-1].batch_size", "dataset.datasets.batch_size"),
    ],
)
def test_dropping_what_is_not_set(path: str) -> None:
    """A path that is not set is answered with False and changes nothing."""
    tree = _tree()
    assert (drop(tree, path), tree) == (False, _tree())


@pytest.mark.parametrize(
    ("path", "index"),
    [
        ("dataset.datasets[2].batch_size", "2"),
        ("dataset.datasets[-1].batch_size", "-1"),
        ("dataset.datasets.batch_size", None),
    ],
)
def test_putting_at_a_wrong_index(path: str, index: str | None) -> None:
    """An array of tables is not grown by a path: the message says the entry and how many there are."""
    tree = _tree()
    if index is None:
        with pytest.raises((KeyError, TypeError)):
            put(tree, path, 1)
    else:
        with pytest.raises(KeyError) as caught:
            put(tree, path, 1)
        assert caught.value.args == (f"{path}: there is no entry [{index}], the experiment has 2 (counted from 0)",)
    assert tree == _tree()


@pytest.mark.parametrize("path", ["training.seed.a", "training.seed.a.b", "training.optimizer_type.a"])
def test_putting_below_a_value(path: str) -> None:
    """A plain value has nothing below it: a KeyError or TypeError that names the path, as for a wrong index."""
    tree: Tree = {"training": {"seed": 1, "optimizer_type": "Lion"}, "dataset": {}}
    with pytest.raises((KeyError, TypeError), match=path):
        put(tree, path, 1)


def test_merge() -> None:
    """Tables merge by key, arrays of tables by position, everything else is replaced; parent and child stay."""
    parent: Tree = {"a": {"x": 1, "y": [1, 2]}, "rows": [{"p": 1}, {"p": 2, "q": 0}], "kept": False, "was": {"t": 1}}
    child: Tree = {"a": {"y": [3]}, "rows": [{}, {"p": 5}, {"p": 6}], "was": 0, "new": [{"n": 1}]}
    before = repr((parent, child))
    merged = merge(parent, child)
    assert merged == {
        "a": {"x": 1, "y": [3]},
        "rows": [{"p": 1}, {"p": 5, "q": 0}, {"p": 6}],
        "kept": False,
        "was": 0,
        "new": [{"n": 1}],
    }
    merged["a"]["y"].append(4)
    merged["rows"][0]["p"] = merged["new"][0]["n"] = 9
    assert repr((parent, child)) == before


@given(_trees, _trees)
def test_merge_keeps_every_leaf_of_the_child(parent: Tree, child: Tree) -> None:
    """What the child says is said after the merge; merging with nothing changes nothing."""
    merged = flatten(merge(parent, child))
    assert flatten(child).items() <= merged.items()
    assert merge(parent, {}) == merge({}, parent) == parent


@given(_trees)
def test_every_leaf_can_be_put_and_dropped_by_its_path(tree: Tree) -> None:
    """The paths that flatten gives are those that put and drop take."""
    for path in flatten(tree):
        put(tree, path, "new")
        assert flatten(tree)[path] == "new"
        assert drop(tree, path) is True
        assert path not in flatten(tree)


@given(_trees)
def test_what_is_grown_leaf_by_leaf_holds_every_leaf(tree: Tree) -> None:
    """In whatever order: of a tree that holds some places of another, the way to each is made."""
    leaves = flatten(tree)
    grown: Tree = {}
    for path in reversed(leaves):
        grow(grown, path, leaves[path])
    assert flatten(grown) == leaves
    for path, value in leaves.items():
        assert has(tree, path)
        assert get(tree, path) == value


def test_entries_before_a_grown_one_are_empty() -> None:
    """They inherit everything; what is there already stays."""
    tree: Tree = {}
    grow(tree, "dataset.datasets[1].subsets[0].num_repeats", 3)
    grow(tree, "dataset.datasets[0].batch_size", 2)
    grow(tree, "training.seed", 1)
    rows = [{"batch_size": 2}, {"subsets": [{"num_repeats": 3}]}]
    assert tree == {"dataset": {"datasets": rows}, "training": {"seed": 1}}


@pytest.mark.parametrize(
    "path", ["training.rate", "dataset.datasets[2]", "dataset.datasets.x", "training.seed.x", "dataset.datasets[0].a.b"]
)
def test_nothing_is_got_where_nothing_is(path: str) -> None:
    """Whatever is on the way."""
    assert not has(_tree(), path)
    with pytest.raises(KeyError):
        get(_tree(), path)


def test_a_table_can_be_got() -> None:
    """And an entry of a list."""
    assert get(_tree(), "dataset.general") == {"flip_aug": False}
    assert get(_tree(), "dataset.datasets[1].subsets[0]") == {"num_repeats": 3}
