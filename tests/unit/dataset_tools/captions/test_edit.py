"""Captions of a folder: what would change, and changing it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from dataset_tools.captions.edit import Edit, apply_edits, new_backup, plan_edits
from dataset_tools.captions.rules import CaptionRules, Pattern
from dataset_tools.errors import DatasetError
from dataset_tools.scan.scan import scan_folder
from dataset_tools.whole_files import write_whole
from tests.unit.dataset_tools.captioned import drawn

if TYPE_CHECKING:
    from pathlib import Path

STYLE = CaptionRules(prefix=("style",))
NOW = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - a name


def _texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_bytes().decode() for path in sorted(folder.glob("*.txt"))}


def test_only_what_changes_is_an_edit(tmp_path: Path) -> None:
    """A caption that has it all is looked at and left; an image without one gets none."""
    folder = drawn(tmp_path, a="hat", b="style, cape", c=None)
    edits = plan_edits(folder, ".txt", STYLE)
    assert (edits.captions, [(one.path.name, one.after) for one in edits.changes]) == (2, [("a.txt", b"style, hat")])


def test_a_diff_shows_both(tmp_path: Path) -> None:
    """Unified, with the names of the files."""
    (edit,) = plan_edits(drawn(tmp_path, a="hat\nother\n"), ".txt", STYLE).changes
    assert list(edit.diff()) == [
        "--- a/a.txt",
        "+++ b/a.txt",
        "@@ -1,2 +1,2 @@",
        "-hat",
        "-other",
        "+style, hat",
        "+style, other",
    ]
    assert next(iter(Edit(path=tmp_path / "n.txt", before=None, after=b"x").diff())) == "--- /dev/null"


def test_applying_keeps_the_old_ones(tmp_path: Path) -> None:
    """Byte for byte in a folder that sd-scripts does not look into; the images are the same as before."""
    folder = drawn(tmp_path, a="hat\r\n", b="style")
    before = scan_folder(folder, ".txt").pictures
    backup = new_backup(folder, NOW)
    apply_edits(plan_edits(folder, ".txt", STYLE).changes, backup)
    assert _texts(folder) == {"a.txt": "style, hat\r\n", "b.txt": "style"}
    assert backup == folder / "caption_backup" / "20260102-030405"
    assert _texts(backup) == {"a.txt": "hat\r\n"}
    assert scan_folder(folder, ".txt").pictures == before
    assert plan_edits(folder, ".txt", STYLE).changes == ()
    assert new_backup(folder, NOW).name == "20260102-030405-2"


def test_a_caption_that_changed_meanwhile_stops_all(tmp_path: Path) -> None:
    """Nothing is written then: somebody else is at work there."""
    folder = drawn(tmp_path, a="hat", b="cape")
    changes = plan_edits(folder, ".txt", STYLE).changes
    (folder / "b.txt").write_text("by hand")
    with pytest.raises(DatasetError, match="has changed since"):
        apply_edits(changes, new_backup(folder, NOW))
    assert _texts(folder) == {"a.txt": "hat", "b.txt": "by hand"}
    assert not (folder / "caption_backup").exists()


def test_a_disk_that_fills_leaves_whole_files_and_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some captions are new, some old, none is cut, and what was replaced can be had back."""
    folder = drawn(tmp_path, a="one", b="two", c="three")
    written: list[Path] = []

    def full(target: Path, data: bytes) -> None:
        written.append(target)
        if len(written) > 4:
            raise OSError(28, "No space left on device", str(target))
        write_whole(target, data)

    monkeypatch.setattr("dataset_tools.captions.edit.write_whole", full)
    with pytest.raises(DatasetError, match=r"cannot be written \(No space"):
        apply_edits(plan_edits(folder, ".txt", STYLE).changes, new_backup(folder, NOW))
    assert _texts(folder) == {"a.txt": "style, one", "b.txt": "two", "c.txt": "three"}
    assert _texts(folder / "caption_backup" / "20260102-030405") == {"a.txt": "one", "b.txt": "two", "c.txt": "three"}


def test_tag_files_are_merged_in_their_order(tmp_path: Path) -> None:
    """Behind the caption's own tags, each once; where there was no caption, they make one."""
    folder = drawn(tmp_path, a="hat, red", b=None, c="x", d=None)
    for name, text in (("a.tags", "red, tall\nsmiling"), ("b.tags", "one"), ("a.wd14", "tall, boots"), ("d.tags", " ")):
        (folder / name).write_text(text)
    edits = plan_edits(folder, ".txt", CaptionRules(), (".tags", ".wd14"))
    assert {one.path.name: one.after.decode() for one in edits.changes} == {
        "a.txt": "hat, red, tall, smiling, boots",
        "b.txt": "one",
    }
    apply_edits(edits.changes, new_backup(folder, NOW))
    assert plan_edits(folder, ".txt", CaptionRules(), (".tags", ".wd14")).changes == ()


def test_a_caption_that_is_no_utf8_is_named_and_left(tmp_path: Path) -> None:
    """Rewriting it would lose what it says."""
    folder = drawn(tmp_path, a="hat", b="cape")
    (folder / "a.txt").write_bytes(b"caf\xe9")
    edits = plan_edits(folder, ".txt", STYLE)
    garbled = folder / "a.txt"
    assert (edits.garbled, [one.path.name for one in edits.changes]) == (((garbled, garbled),), ["b.txt"])


def test_tags_that_are_no_utf8_are_named_and_not_the_caption(tmp_path: Path) -> None:
    """Nothing is wrong with that; it is left alone, there or not, and the others are not."""
    folder = drawn(tmp_path, a="hat", b=None, c="cape", d="belt")
    for name, content in (
        *(("a.tags", b"caf\xe9"), ("a.wd14", b"red"), ("b.wd14", b"\xff"), ("c.tags", b"\xef\xbb\xbftall")),
        *(("d.tags", b"slim"), ("d.wd14", b"\xfe")),
    ):
        (folder / name).write_bytes(content)
    edits = plan_edits(folder, ".txt", CaptionRules(), (".tags", ".wd14"))
    names = [(file.name, caption.name) for file, caption in edits.garbled]
    assert names == [("a.tags", "a.txt"), ("b.wd14", "b.txt"), ("d.wd14", "d.txt")]
    assert [(one.path.name, one.after) for one in edits.changes] == [("c.txt", b"cape, tall")]


def test_a_rule_without_an_end_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which rule, in which caption, at which tag, which may be long."""
    monkeypatch.setattr("dataset_tools.captions.regex.LIMIT", 0.2)
    folder = drawn(tmp_path, a="hat", b=f"cape, {'a' * 70}!", c="belt")
    endless = CaptionRules(remove=(Pattern(kind="tag", wanted="x"), Pattern(kind="regex", wanted="(a|aa)+$")))
    with pytest.raises(DatasetError) as caught:
        plan_edits(folder, ".txt", endless)
    assert caught.value.what == (f"the rule with regex = '(a|aa)+$' came to no end in 0.2 seconds, at '{'a' * 60}...'")
    assert caught.value.where == str(folder / "b.txt")
    assert caught.value.next_step.endswith(".")


def test_a_caption_of_two_images_changes_once(tmp_path: Path) -> None:
    """a.png and a.jpg share it."""
    folder = drawn(tmp_path, a="hat")
    (folder / "a.jpg").write_bytes((folder / "a.png").read_bytes())
    assert len(plan_edits(folder, ".txt", STYLE).changes) == 1


def test_the_other_name_of_a_hard_link_keeps_its_words(tmp_path: Path) -> None:
    """Captions are replaced, never written into."""
    folder = drawn(tmp_path / "d", a="hat")
    (tmp_path / "other.txt").hardlink_to(folder / "a.txt")
    apply_edits(plan_edits(folder, ".txt", STYLE).changes, new_backup(folder, NOW))
    assert (tmp_path / "other.txt").read_text() == "hat"
