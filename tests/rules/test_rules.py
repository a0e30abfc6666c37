"""Every rule: it speaks where it should, with these words, and is silent for the nearest neighbour."""

import re
from pathlib import Path

import pytest

from fork_wrapper.check.rules.rule import PHASES, Rule
from fork_wrapper.check.rules.table import rules
from fork_wrapper.experiment.value_rules import NOT_RULES
from tests.rules.building import build, kft_findings
from tests.rules.casebook import BASE, Entry, entries

HERE = Path(__file__).parent
SOURCE = re.compile(r"(?:library/)?\w+\.py:\d+(?:-\d+)?(?:, ?(?:library/)?\w+\.py:\d+(?:-\d+)?)*")


ENTRIES = entries()


def _label(entry: Entry) -> str:
    return f"{entry.rule}-{ENTRIES.index(entry)}"


def test_every_known_trap_is_a_rule_or_cannot_occur() -> None:
    """The 142 traps that were known when kft was begun: none is forgotten, none is both."""
    known = (HERE / "known_traps.txt").read_text(encoding="utf-8").split()
    assert len(known) == 142
    assert [trap for trap in known if (trap in rules()) == (trap in NOT_RULES)] == []


def test_every_rule_has_a_case_and_every_case_a_rule() -> None:
    """A positive and a negative case for each id: an entry is both."""
    assert {entry.rule for entry in ENTRIES} == set(rules())
    assert len(ENTRIES) >= len(rules()) > 140


@pytest.mark.parametrize("one", rules().values(), ids=lambda one: one.id)
def test_a_rule_explains_itself(one: Rule) -> None:
    """All words are there, and the place in sd-scripts is a file and a line."""
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one.id)
    assert one.phase in PHASES
    assert SOURCE.fullmatch(one.source), one.source
    assert all((one.when, one.why, one.fix))
    assert one.why.endswith("."), one.why
    assert not one.when.endswith("."), one.when


@pytest.mark.parametrize("entry", ENTRIES, ids=_label)
def test_trips(entry: Entry, tmp_path: Path) -> None:
    """The configuration trips its rule, and the message is this one, word for word."""
    built = build(entry.trips, tmp_path, entry.trips_files)
    found = kft_findings(built, entry.host)
    said = [one.what.replace(str(built.images), "FOLDER") for one in found if one.rule == entry.rule]
    assert entry.what in said, [f"{one.rule}: {one.what}" for one in found]
    assert all(one.where and one.todo for one in found)


@pytest.mark.parametrize("entry", ENTRIES, ids=_label)
def test_spares(entry: Entry, tmp_path: Path) -> None:
    """Its nearest neighbour does not, and is no error for any other rule."""
    built = build(entry.spares, tmp_path, entry.spares_files)
    found = kft_findings(built, {})
    assert [one for one in found if one.rule == entry.rule or one.severity == "error"] == []


def test_no_neighbour_names_a_file_that_is_not_there() -> None:
    """The real program trains with every one of them: of the miniature there is what BASE names."""
    made = {value for value in BASE.values() if str(value).startswith("MINIATURE")}
    assert len(made) == 2
    named = {value for entry in ENTRIES for value in entry.spares.values() if str(value).startswith("MINIATURE")}
    assert named - made == set()


@pytest.mark.parametrize("caches", [True, False])
def test_the_vae_that_was_made_for_fp16_is_spared(tmp_path: Path, caches: bool) -> None:
    """It is known by its name; the miniature has none of the kind."""
    half = {"training.mixed_precision": "fp16", "training.no_half_vae": None, "training.cache_latents": caches}
    made = half | {"training.vae": "FOLDER/sdxl-vae-fp16-fix.safetensors"}
    for number, (changes, count) in enumerate([(half, 1), (made, 0)]):
        found = kft_findings(build(changes, tmp_path / str(number)), {})
        assert len([one for one in found if one.rule.startswith("vae-nan-")]) == count
