"""What two runs were made with, and what came of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.compare.facts import Fact, facts, is_rehearsal
from fork_wrapper.formats.source import Source
from fork_wrapper.records.record import Record
from tests.unit.compare.building import GPU, PYTHON, record, run, source


def _different(one: Record, two: Record) -> dict[str, tuple[str | None, str | None, str]]:
    found = facts(run(made=one), run("one/b", made=two))
    return {fact.name: (fact.before, fact.after, fact.counts) for fact in found if fact.before != fact.after}


def test_equal_runs() -> None:
    """No difference; every fact is there to be shown."""
    assert _different(record(), record()) == {}
    assert len(facts(run(), run("one/b"))) == 11 + 2 + 9


@pytest.mark.parametrize(
    ("sections", "name", "before", "after", "counts"),
    [
        ({"base_model": {"sha256": "a" * 64}}, "base model sha256", "b" * 12, "a" * 12, "trains"),
        ({"base_model": None}, "base model sha256", "b" * 12, None, "trains"),
        ({"sd_scripts": {"commit": "e" * 40, "dirty": False}}, "sd-scripts", "c" * 12, "e" * 12, "trains"),
        (
            {"sd_scripts": {"commit": "c" * 40, "dirty": True}},
            "sd-scripts",
            "c" * 12,
            "c" * 12 + " with local changes",
            "trains",
        ),
        ({"sd_scripts": None}, "sd-scripts", "c" * 12, None, "trains"),
        ({"launch": {"argv": [], "trainer": "sd-scripts"}}, "processes", "1", None, "trains"),
        ({"gpus": [GPU, GPU]}, "GPU", "RTX 4090", "2 x RTX 4090", "cost"),
        ({"host": {"hostname": "hammer", "system": "Linux"}}, "host", "anvil", "hammer", "cost"),
        ({"python": {**PYTHON, "version": "3.12.1"}}, "Python", "3.11.7", "3.12.1", "cost"),
        ({"run": {"seconds": 60.0}}, "time", "5:13:20", "1:00", "outcome"),
        ({"run": {"seconds": None}}, "time", "5:13:20", None, "outcome"),
        ({"run": {"steps": 930}}, "steps", "1860 of 1860", "930 of 1860", "outcome"),
        ({"run": {"status": "failed"}}, "status", "completed", "failed", "outcome"),
        ({"run": {"peak_vram_mib": [20000]}}, "peak VRAM", "21500 MiB", "20000 MiB", "outcome"),
        ({"run": {"steps_per_second": None}}, "steps per second", "0.1", None, "outcome"),
    ],
)
def test_one_difference(sections: Mapping[str, Any], name: str, before: str, after: str | None, counts: str) -> None:
    """Each fact by itself; what is not recorded is no difference."""
    assert _different(record(), record(**sections)) == {name: (before, after, counts)}
    fact = Fact(name=name, before=before, after=after, counts="trains")
    assert fact.differs is fact.trains is (after is not None)


def test_losses() -> None:
    """The newest mean and its steps, and those of whole epochs where the record has them; none of single steps."""
    found = _different(record(), record(run={"loss": None}))
    assert found == {"last mean loss": ("0.1200", None, "outcome")}
    loss = {"first": 0.9, "last": 0.12, "lowest": 0.05, "last_step": 18, "first_epoch": 0.3, "lowest_epoch": 0.11}
    facts = {"batches_per_epoch": 12, "gradient_accumulation_steps": 2}
    assert _different(record(), record(run={"loss": loss, "facts": facts})) == {
        "first epoch's mean loss": (None, "0.3000", "outcome"),
        "over the steps": (None, "13 to 18", "outcome"),
        "lowest epoch's mean loss": (None, "0.1100", "outcome"),
    }


def test_packages_that_compute_count() -> None:
    """However their names are spelled; the others are only shown."""
    packages = {"Torch": "2.7.1", "rich": "14.2.0", "nvidia_cublas.cu12": "1"}
    found = _different(record(), record(python={**PYTHON, "packages": packages}))
    assert found == {
        "torch": ("2.6.0", "2.7.1", "trains"),
        "rich": ("14.1.0", "14.2.0", "cost"),
        "nvidia-cublas-cu12": ("not installed", "1", "trains"),
    }
    assert _different(record(), record(python=None)) == {"Python": ("3.11.7", None, "cost")}


def test_prompts_are_compared_by_their_text() -> None:
    """The path alone would not say what was drawn."""
    texts = [record(experiment={"name": "one", "sample_prompts": text, "origins": {}}) for text in ("a\nb", "a\nc")]
    before, after, counts = _different(*texts)["sample prompts"]
    assert before != after
    assert str(before).startswith("2 lines")
    assert counts == "cost"


def test_checkpoints_of_two_sidecars() -> None:
    """Which one of the run."""
    entries = [{"file": f"a-{step}.safetensors", "step": step, "sha256": str(step) * 64} for step in (1, 2)]
    one, two = (Source(**{**run().__dict__, "kind": "sidecar", "checkpoint": entry}) for entry in entries)
    found = {fact.name: (fact.before, fact.after) for fact in facts(one, two) if fact.differs}
    assert found == {
        "checkpoint": ("a-1.safetensors", "a-2.safetensors"),
        "its step": ("1", "2"),
        "its sha256": ("1" * 12, "2" * 12),
    }


def _checkpoint(**told: Any) -> Source:
    header = {"run": told}
    return Source(
        kind="checkpoint", label="a", path=Path("a.safetensors"), training={}, dataset={}, origins={}, header=header
    )


def test_bare_checkpoints_know_their_trainer() -> None:
    """And whether it was a rehearsal."""
    one, two = _checkpoint(trainer="sd-scripts", rehearsal=False), _checkpoint(trainer="stand-in", rehearsal=True)
    assert [(fact.before, fact.after) for fact in facts(one, two)] == [("sd-scripts", "stand-in")]
    assert [is_rehearsal(each) for each in (one, two, source(), run())] == [False, True, False, False]
    assert is_rehearsal(run(made=record(rehearsal={"trainer": "stand-in"})))
    assert facts(one, source()) == facts(run(), source()) == []
