"""The manifest and the journal of a killed run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.errors import DatasetError
from dataset_tools.prepare.manifest import MANIFEST, WORK, Manifest, read_manifest
from dataset_tools.prepare.origin import Origin
from dataset_tools.prepare.sources import Sources

CHOICES = {"size": [8, 8], "upscale": False}
ENTRY: dict[str, Any] = {"sha256": "s", "result": {"name": "a.png", "sha256": "r"}, "captions": {"a.txt": "c"}}


def manifest(folder: Path, **choices: Any) -> Manifest:
    """Opened for these choices."""
    origin = Origin(found=Sources(folder=Path("/photos"), pictures=(), others={}, linked={}))
    return Manifest(folder, {**CHOICES, **choices}, {"kft": "1"}, origin)


def killed(opened: Manifest) -> None:
    """The process is gone: its lock with it, its files not."""
    opened._journal.close()
    opened._lock.close()


def test_one_line_for_each_picture_and_nothing_else_is_left(tmp_path: Path) -> None:
    """JSON that a person can read and diff."""
    opened = manifest(tmp_path / "out")
    stored = read_manifest(tmp_path / "out")
    assert stored is not None
    assert (stored["complete"], stored["pictures"]) == (False, [])
    opened.note("b.png", {"sha256": "s", "problem": {"kind": "empty", "reason": "x"}})
    opened.note("a.png", ENTRY)
    opened.part(3).write_bytes(b"unfinished")
    opened.close(complete=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [MANIFEST]
    lines = (tmp_path / "out" / MANIFEST).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 6
    assert lines[1] == f' "made_from": {json.dumps(str(Path("/photos").resolve()))},'
    assert '"source": "a.png"' in lines[3]
    stored = read_manifest(tmp_path / "out")
    assert stored is not None
    assert [entry["source"] for entry in stored["pictures"]] == ["a.png", "b.png"]
    assert (stored["complete"], stored["choices"], stored["made_by"]) == (True, CHOICES, {"kft": "1"})


def test_a_killed_run_is_gone_on_with(tmp_path: Path) -> None:
    """What it noted is known; its unfinished files are gone; a line that was cut off does not count."""
    opened = manifest(tmp_path)
    opened.note("a.png", ENTRY)
    opened.part(3).write_bytes(b"unfinished")
    opened._journal.write('["b.png", {"sha2')
    killed(opened)
    again = manifest(tmp_path)
    assert again.entries == {"a.png": ENTRY}
    assert not again.part(3).exists()
    again.note("c.png", ENTRY)
    killed(again)
    last = manifest(tmp_path)
    assert set(last.entries) == {"a.png", "c.png"}
    last.close(complete=True)


def test_contents_of_all_runs_are_ones_own(tmp_path: Path) -> None:
    """A run may be killed between noting a new result and putting it in the old one's place, more than once."""
    opened = manifest(tmp_path)
    opened.note("a.png", ENTRY)
    opened.close(complete=True)
    for new in ("r2", "r3"):
        opened = manifest(tmp_path)
        opened.note("a.png", {**ENTRY, "result": {"name": "a.png", "sha256": new}})
        killed(opened)
    opened = manifest(tmp_path)
    assert all(opened.is_own("a.png", content) for content in ("r", "r2", "r3", "c"))
    assert not opened.is_own("a.png", "edited")
    assert not opened.is_own("b.png", "r")
    opened.close(complete=True)


def test_what_was_forgotten_stays_forgotten(tmp_path: Path) -> None:
    """Through a kill as well."""
    opened = manifest(tmp_path)
    opened.note("a.png", ENTRY)
    opened.forget("a.png")
    killed(opened)
    again = manifest(tmp_path)
    assert again.entries == {}
    again.close(complete=True)


def test_other_choices_are_refused_and_named(tmp_path: Path) -> None:
    """With the value that was; nothing is touched."""
    manifest(tmp_path).close(complete=True)
    before = (tmp_path / MANIFEST).read_bytes()
    with pytest.raises(DatasetError, match=r"other choices: size was \[8, 8\]"):
        manifest(tmp_path, size=[9, 9])
    assert (tmp_path / MANIFEST).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]
    manifest(tmp_path).close(complete=True)


def test_enlarging_may_be_allowed_later_but_not_taken_back(tmp_path: Path) -> None:
    """It changes none of the results that are there; the other way round it would."""
    manifest(tmp_path).close(complete=True)
    manifest(tmp_path, upscale=True).close(complete=True)
    with pytest.raises(DatasetError, match="upscale was true"):
        manifest(tmp_path)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """Not a file is added to it; a file in the place of a folder likewise."""
    (tmp_path / "thesis.doc").touch()
    with pytest.raises(DatasetError, match="holds something else, such as thesis"):
        manifest(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]
    with pytest.raises(DatasetError, match="cannot be used"):
        manifest(tmp_path / "thesis.doc")


def test_only_one_process_at_a_time(tmp_path: Path) -> None:
    """The second is told; afterwards the folder is free again."""
    first = manifest(tmp_path)
    with pytest.raises(DatasetError, match="another process"):
        manifest(tmp_path)
    first.close(complete=True)
    manifest(tmp_path).close(complete=True)
    assert not (tmp_path / WORK).exists()


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "3", '{"form": 99, "choices": {}, "pictures": []}'),
        *('{"form": 1, "choices": {}, "pictures": [3]}', '{"form": 1, "choices": {}, "pictures": [], "made_from": 3}'),
    ],
)
def test_a_manifest_of_another_kind_is_an_error(tmp_path: Path, text: str) -> None:
    """And stays as it is."""
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(DatasetError, match="manifest cannot be read"):
        manifest(tmp_path)
    assert (tmp_path / MANIFEST).read_text() == text
    assert read_manifest(tmp_path / "elsewhere") is None


def test_names_that_are_no_unicode(tmp_path: Path) -> None:
    """Linux allows them."""
    opened = manifest(tmp_path)
    opened.note("bad\udcff.png", json.loads(json.dumps(ENTRY)))
    opened.close(complete=True)
    again = manifest(tmp_path)
    assert list(again.entries) == ["bad\udcff.png"]
    again.close(complete=True)
