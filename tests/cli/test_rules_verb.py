"""`kft rules`: the list with its count, one rule explained, words instead of ids."""

import json
from collections.abc import Callable

from fork_wrapper.check.rules.table import rules
from fork_wrapper.experiment.value_rules import NOT_RULES
from tests.cli.conftest import Answer

Kft = Callable[..., Answer]


def test_the_list_has_every_rule_and_says_how_many(kft: Kft) -> None:
    """Errors first; the traps that kft closes itself stand below, each with its reason."""
    answer = kft("rules")
    assert answer.code == 0
    lines = answer.out.splitlines()
    listed = lines[1 : 1 + len(rules())]
    assert {line.split()[0] for line in listed} == set(rules())
    severities = [line.split()[1] for line in listed]
    assert severities == sorted(severities, key=("error", "warning", "note").index)
    counts = {name: severities.count(name) for name in ("error", "warning", "note")}
    assert lines[2 + len(rules())] == (
        f"{len(rules())} rules: {counts['error']} errors, {counts['warning']} warnings, {counts['note']} notes; "
        "for sd-scripts at 48d368fa"
    )
    assert f"{len(NOT_RULES)} traps of sd-scripts that kft does not leave open:" in lines
    assert all(any(line.startswith(f"{name} ") for line in lines) for name in NOT_RULES)


def test_one_rule_is_explained(kft: Kft) -> None:
    """Condition, reason, when sd-scripts would say so, what to do, and the lines of sd-scripts that do it."""
    assert kft("rules", "loss-type").out == (
        "loss-type (error)\n\n"
        "  loss_type is none of l1, l2, huber, smooth_l1\n"
        "  NotImplementedError at the first step.\n\n"
        "  sd-scripts says so  at the first steps\n"
        '  what to do          write loss_type = "l2", or one of the others\n'
        "  source              library/train_util.py:6163-6164, at 48d368fa\n"
    )


def test_words_find_rules(kft: Kft) -> None:
    """A word lists the rules that speak of it, and only those; a typo is answered with the nearest ids."""
    answer = kft("rules", "persistent")
    assert answer.code == 0
    assert "workers-persistent" in answer.out
    assert "loss-type" not in answer.out
    wrong = kft("rules", "loss-typ0")
    assert (wrong.code, wrong.out) == (2, "")
    assert (
        wrong.err
        == "error: no rule speaks of 'loss-typ0'\n  • no such rule\n    loss-typ0\n    → did you mean loss-type?\n"
    )


def test_an_id_in_any_spelling_explains(kft: Kft) -> None:
    """Capitals and underscores are no other rule, and a word that only one rule speaks of explains that one."""
    assert kft("rules", "LOSS_TYPE").out == kft("rules", "loss-type").out
    assert kft("rules", "l2").out == kft("rules", "loss-type").out


def test_a_trap_that_cannot_occur_says_why(kft: Kft) -> None:
    """Who looks for it finds the reason, not silence."""
    answer = kft("rules", "toml-bom")
    assert answer.code == 2
    assert "it cannot occur: kft writes its files without a byte order mark" in answer.err


def test_rules_as_json(kft: Kft) -> None:
    """All fields of all rules, for other programs."""
    read = json.loads(kft("rules", "--json").out)
    assert {one["id"] for one in read["rules"]} == set(rules())
    assert all(all(one.values()) for one in read["rules"])
    assert read["cannot_occur"] == dict(NOT_RULES)
