"""Records of older versions, as kft wrote them then, through the verbs that read them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Answer

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "records"
FILES = sorted(GOLDEN.glob("v*/*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_show(kft: Callable[..., Answer], path: Path) -> None:
    """Every one of them, for people and for programs."""
    assert len(FILES) == 3
    raw = json.loads(path.read_text(encoding="utf-8"))
    answer = kft("show", str(path))
    assert (answer.code, answer.err) == (0, "")
    assert raw["run"]["id"] in answer.out
    shown = json.loads(kft("show", str(path), "--json").out)
    assert {key: shown[key] for key in raw} == raw
    reproduced = raw.get("lineage") is not None
    assert (f"repeats {raw['run']['parent']}, from humanoid_02.json" in answer.out) == reproduced


def test_diff_and_export(kft: Callable[..., Answer]) -> None:
    """A record and its sidecar are the same run; what trained goes out byte for byte."""
    reproduced, sidecar, record = map(str, FILES)
    assert kft("diff", record, sidecar).code == 0
    assert kft("diff", reproduced, sidecar, "--only-training").code == 1
    toml = json.loads(Path(record).read_text(encoding="utf-8"))["toml"]
    assert toml["train"] in kft("export-config", record).out


def test_reproduce(kft: Callable[..., Answer]) -> None:
    """Its machine is not this one, and that is said item by item."""
    for path in FILES:
        answer = kft("reproduce", str(path), "--check", "--json")
        shown = json.loads(answer.out)
        errors = [one for one in shown["findings"] if one["severity"] == "error"]
        assert (answer.code, shown["rehearsal"]) == (1 if shown["stops"] or errors else 0, True)
        assert len(shown["items"]) == 11
