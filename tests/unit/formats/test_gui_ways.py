"""The ways of the GUI's versions."""

from fork_wrapper.formats.gui_table import Tab, versions
from fork_wrapper.formats.gui_ways import ways_of
from tests.unit.formats.gui_golden import number

WAYS: dict[str, list[tuple[Tab, str, bool]]] = {
    "flags": [("finetune", "v24.0.0", True), ("dreambooth", "v24.0.0", True)],
    "fraction": [("finetune", "v25.0.0", False), ("dreambooth", "v25.0.0", False)],
    "quotes": [("finetune", "v24.0.0", True), ("dreambooth", "v24.0.0", True)],
    "stops_encoders": [("finetune", "v23.0.15", True), ("dreambooth", "v23.0.15", True)],
    "trains_encoders": [("finetune", "v25.0.0", False), ("dreambooth", "v25.0.0", False)],
    "names_wandb": [("finetune", "v25.0.0", False), ("dreambooth", "v25.0.0", False)],
    "spoils": [("finetune", "v24.1.0", False), ("dreambooth", "v24.1.0", False)],
    "sdxl_boxes": [("dreambooth", "v25.0.0", False)],
    "own_steps": [("finetune", "v24.0.0", False)],
}
"""Ways that change once, by tab: with which version, and how it was before."""

SPELLS: dict[str, list[tuple[Tab, str, str]]] = {
    "drops_zeros": [("finetune", "v24.0.4", "v26.0.0"), ("dreambooth", "v24.0.4", "v25.0.0")],
    "drops_rate": [("finetune", "v22.2.0", "v23.0.0"), ("dreambooth", "v17", "v23.0.0")],
    "drops_rates": [("finetune", "v22.6.1", "v23.0.0"), ("dreambooth", "v22.6.1", "v23.0.0")],
    "loses": [("finetune", "v22.6.1", "v24.0.0"), ("dreambooth", "v22.6.1", "v24.0.0")],
}
"""Ways of a time, by tab: the first version, and the first after it."""


def test_ways_change_with_versions() -> None:
    """Every way of every known version of both tabs is the one of these tables."""
    seen = 0
    for one in versions():
        for way, changes in WAYS.items():
            for tab, tag, before in changes:
                assert getattr(ways_of(tab, one), way) is (before if one < number(tag) else not before)
                seen += 1
        for way, spells in SPELLS.items():
            for tab, first, after in spells:
                assert getattr(ways_of(tab, one), way) is (number(first) <= one < number(after))
                seen += 1
        assert ways_of("dreambooth", one).own_steps
        assert ways_of("finetune", one).sdxl_boxes
    assert seen == 169 * 24
