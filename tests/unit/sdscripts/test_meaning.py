"""Groups and effects: every option and every dataset key has exactly one, and a few that are easy to get wrong."""

import re
from typing import Literal

import pytest

from fork_wrapper.sdscripts.meaning import TITLES, Effect, Group, kind_of, known
from fork_wrapper.sdscripts.options import dataset_keys, pinned_table


@pytest.mark.parametrize(("table", "count"), [("training", 176), ("dataset", 38)])
def test_every_name_has_a_kind(table: Literal["training", "dataset"], count: int) -> None:
    """The table is that of the pinned commit: nothing is missing, nothing is too much."""
    names = pinned_table().options if table == "training" else dataset_keys()
    assert set(known(table)) == set(names)
    assert len(known(table)) == count
    assert {kind.group for kind in known(table).values()} <= set(TITLES)
    assert [kind.rank for kind in known(table).values()] == list(range(count))


def test_a_key_of_both_tables_is_of_one_kind() -> None:
    """Wherever it is said, it means the same."""
    both = set(known("training")) & set(known("dataset"))
    assert len(both) > 25
    for key in both:
        one, two = kind_of(key), kind_of(key, dataset=True)
        assert (one.group, one.effect) == (two.group, two.effect), key


@pytest.mark.parametrize(
    ("key", "group", "effect"),
    [
        ("learning_rate", "optimizer", "trains"),
        ("max_train_epochs", "schedule", "trains"),
        ("xformers", "precision", "trains"),
        ("mixed_precision", "precision", "trains"),
        ("cache_latents", "precision", "trains"),
        ("highvram", "precision", "cost"),
        ("gradient_checkpointing", "precision", "cost"),
        ("persistent_data_loader_workers", "precision", "cost"),
        ("sample_every_n_epochs", "sampling", "output"),
        ("save_precision", "output", "output"),
        ("clip_skip", "output", "output"),
        ("noise_offset", "regularisation", "trains"),
        ("resume", "model", "trains"),
    ],
)
def test_what_a_change_changes(key: str, group: Group, effect: Effect) -> None:
    """The judgements that a trainer would argue about."""
    assert (kind_of(key).group, kind_of(key).effect) == (group, effect)


def test_notes_belong_to_names_and_give_lines_of_sd_scripts() -> None:
    """A note is a claim about sd-scripts, so it says where."""
    noted = {key: kind for table in ("training", "dataset") for key, kind in known(table).items() if kind.note}
    assert len(noted) == 24
    for key, kind in noted.items():
        assert re.search(r"\((?:[\w/]+\.py:\d+(?:-\d+)?(?:, )?)+\)$", kind.note), key


def test_what_is_unknown_is_taken_to_train() -> None:
    """An option of a newer sd-scripts: better one difference too many."""
    kind = kind_of("brand_new")
    assert (kind.group, kind.effect) == ("other", "trains")
    assert kind.note
