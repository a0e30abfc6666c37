"""Files that appear whole; kft's own files are written by the same code, see tests/unit/test_files.py."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dataset_tools.whole_files import put_in_place, whole_file

if TYPE_CHECKING:
    from collections.abc import Callable

    Held = Callable[[int], list[float]]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """Have so many renames refused, as Windows does while a reader has the old file open; collects the waits."""
    real = Path.replace

    def hold(refusals: int) -> list[float]:
        left = [None] * refusals
        waits: list[float] = []

        def replace(self: Path, target: Path) -> Path:
            if left:
                left.pop()
                raise PermissionError(13, "Access is denied", str(target))
            return real(self, target)

        monkeypatch.setattr(Path, "replace", replace)
        monkeypatch.setattr(time, "sleep", waits.append)
        return waits

    return hold


@pytest.mark.parametrize("refusals", [0, 1, 3])
def test_a_reader_is_waited_for(tmp_path: Path, held: Held, refusals: int) -> None:
    """The file gets its name once the reader has gone, and there is a pause after each refusal."""
    waits = held(refusals)
    (tmp_path / "new").write_text("new", encoding="utf-8")
    (tmp_path / "old").write_text("old", encoding="utf-8")
    put_in_place(tmp_path / "new", tmp_path / "old")
    assert {item.name: item.read_text(encoding="utf-8") for item in tmp_path.iterdir()} == {"old": "new"}
    assert len(waits) == refusals
    assert all(0 < wait < 1 for wait in waits)


def test_a_reader_that_stays_is_an_error(tmp_path: Path, held: Held) -> None:
    """After the last wait the refusal is passed on, the old content stands, and nothing is left beside it."""
    held(4)
    (tmp_path / "old").write_text("old", encoding="utf-8")
    with pytest.raises(PermissionError), whole_file(tmp_path / "old") as file:
        file.write(b"new")
    assert {item.name: item.read_text(encoding="utf-8") for item in tmp_path.iterdir()} == {"old": "old"}


def test_a_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """What the writer raises comes through; neither the target nor a part of it is there."""
    with pytest.raises(TypeError), whole_file(tmp_path / "sheet.jpg") as file:
        file.writelines([b"half", "no bytes"])  # type: ignore[list-item]
    assert list(tmp_path.iterdir()) == []
