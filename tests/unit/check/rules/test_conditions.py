"""The language of conditions: what each test means, and that every row of the table speaks it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from fork_wrapper.check.rules.case import ARGUMENT_NAMES, Case, Host
from fork_wrapper.check.rules.conditions import BELOW, COMPARISONS, FACTS, LEVELS, Condition, Scope, hits_of_row, holds
from fork_wrapper.check.rules.rule import Hit
from fork_wrapper.check.rules.table import document
from fork_wrapper.sdscripts.options import dataset_keys, options

ROWS: Mapping[str, Mapping[str, Any]] = document()["rules"]
PARTS = ("for", "once", "if", "each", "first", "at", "what", "todo", "hits", "code")
WORDS = ("severity", "phase", "source", "when", "why", "fix")
TYPES = {"bool": (bool, int, float), "int": (int,), "float": (int, float), "str": (str,), "int_or_float": (int, float)}
NAMES = r"\{[=-]?([\w.]+)(?::[\w ]+)?\}"
"""In what a row says: `{key}`, `{=key}`, `{-key}`, `{key:step}`."""
NUMBERS = ("above", "below", "least", "most", "multiple")


def _hits(row: Mapping[str, Any], case: Case) -> list[Hit]:
    return list(hits_of_row(row, case))


@pytest.mark.parametrize(
    ("test", "passing", "failing"),
    [
        (True, [1, "x", [0]], [0, "", None, []]),
        (False, [0, "", None], [1, "x"]),
        (None, [None], [0, "", False]),
        ("fp16", ["fp16"], ["bf16", None]),
        (0, [0, 0.0], [1, None, "0"]),
        (["a", None], ["a", None], ["b", ""]),
        ({"not": ["a"]}, ["b", None], ["a"]),
        ({"counts": True, "not": {"below": 0}}, [1, "x"], [-1, 0]),
        ({"set": True}, [0, "", False], [None]),
        ({"above": 1}, [2, 1.5], [1, None, "2"]),
        ({"below": 1}, [0, -0.5], [1, None, ""]),
        ({"least": 1, "most": 2}, [1, 2], [0.5, 3, float("nan"), None]),
        ({"not": {"above": 0, "most": 1}}, [0, 2, float("nan")], [0.5, 1]),
        ({"multiple": 32}, [32, 0], [16, None]),
        ({"contains": "fp16"}, ["a/FP16-fix"], ["bf16", None]),
        ({"ends": [".txt", ".json"]}, ["a.txt"], ["a.TXT", None]),
    ],
)
def test_tests(test: Any, passing: list[Any], failing: list[Any]) -> None:
    """What passes and what does not; what is no number is neither above nor below one."""
    for value in passing:
        assert holds({"vae": test}, Scope(Case(training={"vae": value}, dataset={}))), value
    for value in failing:
        assert not holds({"vae": test}, Scope(Case(training={"vae": value}, dataset={}))), value


def test_names() -> None:
    """Options with the parser's default, facts and their parts, whether a key is said, one of several conditions."""
    case = Case(training={"seed": 1, "cache_latents_to_disk": True}, dataset={}, host=Host(packages={}, cuda=False))
    scope = Scope(case)
    assert holds({"max_grad_norm": 1.0, "said.max_grad_norm": False, "said.seed": True}, scope)
    assert holds({"caches_latents": True, "host.cuda": [False], "packages": {"lack": ["scipy"]}}, scope)
    assert holds({"optimizer.known.unusable": False, "optimizer.values.momentum": None}, scope)
    assert holds({"any": [{"seed": 2}, {"seed": 1}]}, scope)
    assert not holds({"any": [{"seed": 2}, {"seed": 3}]}, scope)
    with pytest.raises(KeyError):
        holds({"sead": 1}, scope)


def test_levels() -> None:
    """A row is asked for every data set or subset, with the value that is in force there."""
    subsets = [{"image_dir": "a", "num_repeats": 0}, {"image_dir": "b"}, {"image_dir": "b"}]
    dataset = {"general": {"flip_aug": True}, "datasets": [{"batch_size": 2, "subsets": subsets}]}
    case = Case(training={}, dataset=dataset)
    row = {
        "if": {"flip_aug": True, "kind": "dreambooth"},
        "at": "flip_aug",
        "what": "{path}: {=flip_aug}",
    }
    assert [one.what for one in _hits({**row, "for": "dataset"}, case)] == ["dataset.datasets[0]: flip_aug = true"]
    assert {one.at for one in _hits({**row, "for": "subset"}, case)} == {"dataset.general.flip_aug"}
    counts = {level: len(_hits({**row, "for": level}, case)) for level in LEVELS}
    assert counts == {"subset": 3, "read": 1, "registered": 1}


def test_counts_agree_with_their_noun() -> None:
    """`{key:step}` is 1 step or 2 steps, and so is a negative one without its sign."""
    row = {"at": "seed", "what": "{seed:step}, {-save_every_n_steps:epoch}"}
    said = [_hits(row, Case(training={"seed": n, "save_every_n_steps": -n}, dataset={}))[0].what for n in (1, 2)]
    assert said == ["1 step, 1 epoch", "2 steps, 2 epochs"]


def test_several_keys() -> None:
    """`each` speaks of all of them, `first` of one; `once` says nothing twice; a common condition comes first."""
    case = Case(training={"noise_offset": -0.5, "ip_noise_gamma": -1.0}, dataset={})
    row = {"if": {"it": {"below": 0}}, "at": "key", "what": "{key} = {it} acts like {-it}"}
    keys = ["noise_offset", "min_snr_gamma", "ip_noise_gamma"]
    said = ["noise_offset = -0.5 acts like 0.5", "ip_noise_gamma = -1.0 acts like 1.0"]
    assert [one.what for one in _hits({**row, "each": keys}, case)] == said
    assert [one.at for one in _hits({**row, "first": keys}, case)] == ["training.noise_offset"]
    twice = {"at": "seed", "what": "x", "each": keys}
    assert (len(_hits(twice, case)), len(_hits({**twice, "once": True}, case))) == (3, 1)
    assert _hits({"if": {"seed": 1}, "hits": [twice]}, case) == []


def _conditions(condition: Condition) -> Iterator[tuple[str, Any]]:
    for name, test in condition.items():
        if name == "any":
            for one in test:
                yield from _conditions(one)
        else:
            yield name, test


def _parts(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield row
    yield from row.get("hits", ())


@pytest.mark.parametrize("identity", ROWS)
def test_rows_speak_the_language(identity: str) -> None:
    """Every name is an option, a key of that level or a fact, every comparison is one, and values are of its type."""
    row = ROWS[identity]
    assert row.keys() <= {*WORDS, *PARTS}
    assert row.get("for", "subset") in {"dataset", *LEVELS}
    for part in _parts(row):
        keys = part.get("each", part.get("first", []))
        assert all(_is_known(key, row) for key in keys)
        for name, test in _conditions(part.get("if", {})):
            assert keys or name != "it"
            assert _is_known(name, row), name
            _check(name, test)
        for text in (part.get("what", ""), part.get("todo", "")):
            assert all(_is_known(name, row) for name in re.findall(NAMES, text)), text
            assert "{" not in re.sub(NAMES, "", text)
        assert ("what" in part) == ("at" in part)


def _is_known(name: str, row: Mapping[str, Any]) -> bool:
    head, _, rest = name.partition(".")
    if head in {"said", "own"}:
        return rest == "it" or rest in options() or rest in dataset_keys()
    if row.get("for") and (head in BELOW or name in dataset_keys()):
        return True
    return head in FACTS or name in {"it", *options(), *ARGUMENT_NAMES.values()}


def _check(name: str, test: Any) -> None:
    option = options().get(name)
    fitting = TYPES.get(option.type) if option else None
    if isinstance(test, Mapping):
        for comparison, operand in test.items():
            assert comparison in COMPARISONS
            if comparison == "not":
                _check(name, operand)
            assert (
                comparison not in NUMBERS
                or (isinstance(operand, (int, float)) and option is None)
                or (
                    option is not None and option.type not in {"str", "list[str]"} and isinstance(operand, (int, float))
                )
            )
    elif fitting and not isinstance(test, bool):
        values = test if isinstance(test, list) else [test]
        assert all(value is None or isinstance(value, fitting) for value in values), (name, test)
