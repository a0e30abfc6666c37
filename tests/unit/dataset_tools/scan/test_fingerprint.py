"""The fingerprint of a training set, and the drift between two."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.errors import DatasetError
from dataset_tools.scan.drift import Drift, compare
from dataset_tools.scan.fingerprint import Fingerprint, Part, fingerprint
from dataset_tools.scan.hashing import HashCache
from dataset_tools.scan.scan import FolderScan, scan_folder

Content = dict[str, tuple[bytes, "bytes | None"]]

CONTENT: Content = {
    "a": (b"image a", b"caption a"),
    "it's [b] 🦊": (b"image b", b"caption b"),
    "niño": (b"image c", None),
}

_stems = st.text("abñé [x]'🦊", min_size=1, max_size=4).filter(lambda stem: not stem.endswith(" "))
_contents = st.dictionaries(
    _stems.map(lambda stem: unicodedata.normalize("NFC", stem)),
    st.tuples(st.binary(min_size=1, max_size=6), st.none() | st.binary(max_size=6)),
    min_size=1,
    max_size=4,
)


def _write(folder: Path, content: Content) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for stem, (image, caption) in content.items():
        (folder / f"{stem}.png").write_bytes(image)
        if caption is not None:
            (folder / f"{stem}.txt").write_bytes(caption)
    return folder


def _print(*folders: Path) -> Fingerprint:
    return fingerprint([scan_folder(folder, ".txt") for folder in folders])


def _print_content(content: Content) -> Fingerprint:
    with tempfile.TemporaryDirectory() as folder:
        return _print(_write(Path(folder) / "set", content))


def test_counts_what_it_covers(tmp_path: Path) -> None:
    """Images, captions and bytes are those of the folder, and the manifest names each file."""
    one = _print(_write(tmp_path / "d", CONTENT))
    assert (one.images, one.captions) == (3, 2)
    assert one.bytes == sum(len(image) + len(caption or b"") for image, caption in CONTENT.values())
    assert list(one.folders[0].files) == ["a.png", "it's [b] 🦊.png", "niño.png"]
    assert one.folders[0].files["niño.png"][1] is None


def test_the_form_of_the_fingerprint_is_frozen(tmp_path: Path) -> None:
    """The same data must keep its fingerprint for ever: archived ones are compared with new ones."""
    one = _print(_write(tmp_path / "d", CONTENT))
    assert one.sha256 == "2642bb5a0a55714c344e256b44df1f1f7e2da00c66e8440af5d27d6c1f96de2d"


@settings(max_examples=25, deadline=None)
@given(content=_contents, seed=st.integers(0, 999))
def test_place_listing_and_times_do_not_matter(content: Content, seed: int) -> None:
    """Another folder, another order of listing and other times give the same fingerprint."""
    with tempfile.TemporaryDirectory() as base:
        here = _write(Path(base) / "here", content)
        there = Path(base) / "else [where]" / "there"
        _write(there, dict(reversed(content.items())))
        for path in there.iterdir():
            os.utime(path, (seed, seed))
        scan = scan_folder(there, ".txt")
        pictures = list(scan.pictures)
        random.Random(seed).shuffle(pictures)
        shuffled = FolderScan(folder=there, pictures=tuple(pictures), caption_extension=".txt", other_extensions={})
        assert fingerprint([shuffled]).sha256 == _print(here).sha256


@settings(max_examples=40, deadline=None)
@given(content=_contents, data=st.data())
def test_every_flipped_bit_shows(content: Content, data: st.DataObject) -> None:
    """One bit in one image or caption changes the fingerprint, and the drift names that file alone."""
    stem = data.draw(st.sampled_from(sorted(content)))
    image, caption = content[stem]
    in_caption = bool(caption) and data.draw(st.booleans())
    target = bytearray(caption if in_caption and caption else image)
    place = data.draw(st.integers(0, len(target) - 1))
    target[place] ^= 1 << data.draw(st.integers(0, 7))
    changed = (image, bytes(target)) if in_caption else (bytes(target), caption)
    old, new = _print_content(content), _print_content({**content, stem: changed})
    name = (f"{stem}.png",)
    assert old.sha256 != new.sha256
    assert compare(old, new) == (Drift(changed_captions=name) if in_caption else Drift(changed_images=name))


@settings(max_examples=25, deadline=None)
@given(content=_contents)
def test_json_and_back_is_the_same(content: Content) -> None:
    """What was archived as JSON text reads back as the same value."""
    one = _print_content(content)
    assert Fingerprint.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_a_missing_caption_is_not_an_empty_one() -> None:
    """No caption file and an empty one train differently, and so differ."""
    absent, empty = _print_content({"a": (b"x", None)}), _print_content({"a": (b"x", b"")})
    assert compare(absent, empty) == Drift(changed_captions=("a.png",))


def test_names_what_came_and_went() -> None:
    """Added, removed, changed: each image under its own heading."""
    old = _print_content({"a": (b"1", b"x"), "b": (b"2", b"y"), "c": (b"3", b"z"), "d": (b"4", None)})
    new = _print_content({"a": (b"1", b"x"), "b": (b"!", b"y"), "c": (b"3", None), "e": (b"5", None)})
    drift = compare(old, new)
    assert drift
    assert drift == Drift(added=("e.png",), removed=("d.png",), changed_images=("b.png",), changed_captions=("c.png",))


def test_sees_a_renaming() -> None:
    """The same bytes under a new name are reported as a pair, and still as removed and added."""
    old = _print_content({"a": (b"1", b"x"), "b": (b"2", b"y")})
    new = _print_content({"a": (b"1", b"x"), "z": (b"2", b"y")})
    expected = Drift(added=("z.png",), removed=("b.png",), renamed=(("b.png", "z.png"),))
    assert (old.sha256 != new.sha256, compare(old, new)) == (True, expected)


def test_copies_are_renamed_one_by_one() -> None:
    """Two equal images and one new name make one pair only."""
    old = _print_content({"a": (b"1", None), "b": (b"1", None)})
    assert compare(old, _print_content({"c": (b"1", None)})).renamed == (("a.png", "c.png"),)


def test_says_nothing_about_equal_sets() -> None:
    """No drift is a false value."""
    assert not compare(_print_content(CONTENT), _print_content(CONTENT))


def test_names_the_folder_when_there_are_several(tmp_path: Path) -> None:
    """With two folders, a name is told apart by the folder's number."""
    first, second = _write(tmp_path / "1", CONTENT), _write(tmp_path / "2", CONTENT)
    before = _print(first, second)
    (second / "a.txt").write_bytes(b"new words")
    assert compare(before, _print(first, second)) == Drift(changed_captions=("1/a.png",))


def test_the_order_of_folders_counts(tmp_path: Path) -> None:
    """Subsets are read in their order, so another order is another training set."""
    first, second = _write(tmp_path / "1", {"a": (b"1", None)}), _write(tmp_path / "2", {"b": (b"2", None)})
    assert _print(first, second).sha256 != _print(second, first).sha256


def test_a_folder_without_images_does_not_count(tmp_path: Path) -> None:
    """sd-scripts leaves it out, so that it cannot make a difference."""
    full, empty = _write(tmp_path / "full", CONTENT), _write(tmp_path / "empty", {})
    assert not compare(_print(full), _print(empty, full))


def test_the_form_of_accents_does_not_matter(tmp_path: Path) -> None:
    """A copy by a macOS tool, with decomposed names, is the same set."""
    composed, decomposed = (unicodedata.normalize(form, "niño") for form in ("NFC", "NFD"))
    one = _print(_write(tmp_path / "1", {composed: (b"x", b"y")}))
    other = _print(_write(tmp_path / "2", {decomposed: (b"x", b"y")}))
    assert one.sha256 == other.sha256


def test_names_that_differ_in_form_only_stay_apart(tmp_path: Path) -> None:
    """Where a folder holds both forms of a name, neither file is lost."""
    composed, decomposed = (unicodedata.normalize(form, "niño") for form in ("NFC", "NFD"))
    folder = _write(tmp_path, {composed: (b"x", None), decomposed: (b"y", None)})
    if len(list(folder.iterdir())) != 2:
        pytest.skip("this file system takes both forms for one name")
    assert _print(folder).images == 2


def test_reports_progress_per_image(tmp_path: Path) -> None:
    """One call for each image, with the number of all."""
    calls: list[tuple[int, int]] = []
    scans = [scan_folder(_write(tmp_path, CONTENT), ".txt")]
    fingerprint(scans, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_a_cache_spares_reading_and_changes_nothing(tmp_path: Path) -> None:
    """With a cache the result is the same, and the second time comes from it."""
    folder = _write(tmp_path / "d", CONTENT)
    for path in folder.iterdir():
        os.utime(path, (time.time() - 100, time.time() - 100))
    plain = _print(folder)
    scans = [scan_folder(folder, ".txt")]
    assert fingerprint(scans, HashCache(tmp_path / "hashes.json")) == plain
    stored = (tmp_path / "hashes.json").read_text(encoding="utf-8")
    image = plain.folders[0].files["a.png"][0]
    (tmp_path / "hashes.json").write_text(stored.replace(image, "0" * 64), encoding="utf-8")
    again = fingerprint(scans, HashCache(tmp_path / "hashes.json"))
    assert (again.folders[0].files["a.png"][0], again.bytes) == ("0" * 64, plain.bytes)


def test_a_file_deleted_meanwhile_is_named(tmp_path: Path) -> None:
    """Between the scan and the hashing an image went: the error says which."""
    folder = _write(tmp_path, CONTENT)
    scan = scan_folder(folder, ".txt")
    (folder / "a.txt").unlink()
    with pytest.raises(DatasetError, match="the file is gone") as caught:
        fingerprint([scan])
    assert caught.value.where == str(folder / "a.txt")


def test_an_error_ends_the_work_at_once(tmp_path: Path) -> None:
    """After an unreadable file the rest of the folder is not read to the end."""
    asked: list[Path | str] = []

    class Watched(HashCache):
        def get(self, path: Path | str, stat: os.stat_result) -> str | None:
            asked.append(path)
            return super().get(path, stat)

    _write(tmp_path, {f"{number:03}": (bytes(1 << 20), None) for number in range(64)})
    scan = scan_folder(tmp_path)
    scan.pictures[0].image.unlink()
    with pytest.raises(DatasetError):
        fingerprint([scan], Watched(tmp_path / "hashes.json"))
    assert len(asked) < 32


def _tampered() -> list[tuple[str, Any]]:
    whole = _print_content(CONTENT).to_json()
    forged = json.loads(json.dumps(whole))
    forged["folders"][0]["files"]["a.png"][0] = "0" * 64
    return [
        ("empty", {}),
        ("null folders", {**whole, "folders": None}),
        ("folders of text", {**whole, "folders": ["x"]}),
        ("bytes of text", {**whole, "bytes": "many"}),
        ("other manifest", forged),
    ]


@pytest.mark.parametrize("value", [pytest.param(value, id=name) for name, value in _tampered()])
def test_refuses_what_is_no_fingerprint(value: dict[str, Any]) -> None:
    """A part missing, of another shape, or altered: an error instead of a wrong comparison."""
    with pytest.raises(DatasetError, match="not a dataset fingerprint"):
        Fingerprint.from_json(value)


def test_a_moved_set_is_the_same_set(tmp_path: Path) -> None:
    """Moving the folder is no drift."""
    before = _print(_write(tmp_path / "old place", CONTENT))
    shutil.move(tmp_path / "old place", tmp_path / "new")
    assert not compare(before, _print(tmp_path / "new"))


def test_the_manifest_says_bytes_repeats_and_subset(tmp_path: Path) -> None:
    """Whoever reads it later needs no other file to know what an epoch was made of."""
    scan = scan_folder(_write(tmp_path, CONTENT), ".txt")
    one = fingerprint([Part(scan=scan, subset="datasets[0].subsets[0]", repeats=3)])
    (manifest,) = one.folders
    assert (manifest.subset, manifest.repeats, manifest.metadata) == ("datasets[0].subsets[0]", 3, None)
    assert manifest.sizes == {"a.png": (7, 9), "it's [b] 🦊.png": (7, 9), "niño.png": (7, None)}
    assert Fingerprint.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_repeats_and_subset_are_not_the_content(tmp_path: Path) -> None:
    """They are compared as values of the configuration: the same files keep their fingerprint."""
    scan = scan_folder(_write(tmp_path, CONTENT), ".txt")
    assert fingerprint([Part(scan=scan, subset="x", repeats=3)]).sha256 == fingerprint([scan]).sha256


def test_records_of_the_first_version_still_read() -> None:
    """Manifests without sizes, subset and repeats are verified and compared as before."""
    old = _print_content(CONTENT).to_json()
    for folder in old["folders"]:
        for name in ("sizes", "subset", "repeats", "metadata"):
            del folder[name]
    read = Fingerprint.from_json(old)
    assert (read.sha256, read.folders[0].sizes) == (old["sha256"], {})
    assert not compare(read, _print_content(CONTENT))


def test_captions_in_a_metadata_file_count(tmp_path: Path) -> None:
    """Their subset's fingerprint covers that file, and the drift names the subset."""
    scan, file = scan_folder(_write(tmp_path / "d", {"a": (b"1", None)}), ".txt"), tmp_path / "meta.json"
    file.write_text('{"a": {"caption": "one"}}')
    parts = [Part(scan=scan, subset="datasets[0].subsets[0]", metadata=file)]
    old = fingerprint(parts)
    file.write_text('{"a": {"caption": "two"}}')
    new = fingerprint(parts)
    assert len({old.sha256, new.sha256, fingerprint([scan]).sha256}) == 3
    assert compare(old, new) == Drift(changed_metadata=("datasets[0].subsets[0]",))
    assert Fingerprint.from_json(new.to_json()) == new


def test_a_metadata_file_that_only_one_record_knows_is_no_drift(tmp_path: Path) -> None:
    """Older records say nothing about it."""
    scan, file = scan_folder(_write(tmp_path / "d", {"a": (b"1", None)}), ".txt"), tmp_path / "meta.json"
    file.write_text("{}")
    assert not compare(fingerprint([scan]), fingerprint([Part(scan=scan, metadata=file)]))


@pytest.mark.parametrize("name", ["000.png", "000.txt"])
def test_a_file_that_changes_after_it_was_hashed_is_noticed(tmp_path: Path, name: str) -> None:
    """The first file is written to while the last ones are read: the whole would be no set that ever was."""
    folder = _write(tmp_path, {f"{number:03}": (b"image", b"text") for number in range(40)})

    def progress(done: int, total: int) -> None:
        if done == total:
            (folder / name).write_bytes(b"other")
            os.utime(folder / name, (5, 5))

    with pytest.raises(DatasetError, match="changed while it was being read") as caught:
        fingerprint([scan_folder(folder, ".txt")], progress=progress)
    assert caught.value.where == str(folder / name)


def test_progress_counts_what_was_remembered_too(tmp_path: Path) -> None:
    """With half of the files in the cache, the calls are the same."""
    folder = _write(tmp_path / "d", CONTENT)
    for path in folder.iterdir():
        os.utime(path, (1e9, 1e9))
    cache = HashCache(tmp_path / "hashes.json")
    fingerprint([scan_folder(folder, ".txt")], cache)
    (folder / "a.png").write_bytes(b"new")
    calls: list[tuple[int, int]] = []
    fingerprint([scan_folder(folder, ".txt")], cache, lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]
