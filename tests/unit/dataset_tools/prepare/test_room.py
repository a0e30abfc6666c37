"""A disk that is full: which file, how much is wanting, nothing half, and then on from there."""

from __future__ import annotations

import errno
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dataset_tools.errors import DatasetError
from dataset_tools.prepare.one import Choices
from dataset_tools.prepare.prepare import prepare
from dataset_tools.prepare.room import unwritable, writing
from tests.unit.dataset_tools.prepare.test_prepare import MEANS, noise, run, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LARGE = Choices(size=(128, 128))
COUNT = 12


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pictures whose results are of 20 kB or so, with captions."""
    for number in range(COUNT):
        noise(tmp_path / "photos" / f"{number:02}.png", (150, 128))
        (tmp_path / "photos" / f"{number:02}.txt").write_text(f"number {number}")
    return tmp_path / "photos"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a disk that holds next to nothing; options as of mount."""
    if sys.platform != "linux" or shutil.which("mount") is None:
        pytest.skip("a small disk needs Linux and its mount")
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        argv = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no small disk can be mounted: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def resize(disk: Path, options: str) -> None:
    """Make room."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


def refused(photos: Path, results: Path) -> DatasetError:
    """What the run said; of two threads, that not all is at work before something is finished."""
    with pytest.raises(DatasetError) as caught:
        prepare(photos, results, LARGE, replace(MEANS, jobs=2))
    return caught.value


def test_a_disk_that_is_full(photos: Path, small: Callable[[str], Path]) -> None:
    """Real results on a real small disk: as many as it holds, the rest in words, all of them once there is room."""
    disk = small("size=200k")
    said = refused(photos, disk / "out")
    assert re.fullmatch(
        r"no room is left for it \(No space left on device\): its disk has [\d.]+ (kB|bytes), and the \d+ pictures "
        r"that are left take about [\d.]+ kB",
        said.what,
    )
    assert re.fullmatch(re.escape(f"{disk}/out/") + r"\d\d\.(png|txt)", said.where)
    assert said.next_step == f"Make room on the disk of {disk / 'out'}; the same command then goes on where it stopped."
    run(photos, photos.parent / "fresh", LARGE)
    wanted, found = state(photos.parent / "fresh"), state(disk / "out")
    assert not [name for name in found if ".prepare" in name]  # the manifest has what there is: room was made for it
    assert len(json.loads(found["prepare.json"])["pictures"]) >= sum(name.endswith(".png") for name in found)
    whole = {name: data for name, data in found.items() if name.endswith((".png", ".txt"))}
    assert 2 <= len(whole) < 2 * COUNT
    assert whole.items() <= wanted.items()
    left = int(re.findall(r"the (\d+) pictures", said.what)[0])
    assert left == COUNT - sum(name.endswith(".png") for name in whole)
    resize(disk, "size=4m")
    outcome = run(photos, disk / "out", LARGE)
    assert (outcome.made, outcome.kept) == (left, COUNT - left)
    assert state(disk / "out") == wanted


def test_a_disk_without_room_for_anything(photos: Path, small: Callable[[str], Path]) -> None:
    """Not for one result, and not for the manifest of none."""
    disk = small("size=4k")
    said = refused(photos, disk / "out")
    assert said.where.startswith(f"{disk}/out/")
    assert said.what.startswith("no room is left for it (No space left on device): its disk has ")
    assert not [name for name in state(disk) if name.endswith(".part")]
    resize(disk, "size=4m")
    assert run(photos, disk / "out", LARGE).made == COUNT


def test_a_disk_that_takes_no_more_files(photos: Path, small: Callable[[str], Path]) -> None:
    """However much room there is: it is said."""
    disk = small("size=8m,nr_inodes=14")
    said = refused(photos, disk / "out")
    assert re.search(r"its disk has [\d.]+ MB, and room for \d files, and the \d+ pictures", said.what)
    resize(disk, "nr_inodes=200")
    assert run(photos, disk / "out", LARGE).problems == ()


@pytest.mark.parametrize(
    ("place", "after"),
    [
        ("dataset_tools.prepare.prepare.put_in_place", 0),
        ("dataset_tools.prepare.prepare.put_in_place", 5),
        ("dataset_tools.prepare.captions.put_in_place", 3),
        ("dataset_tools.prepare.manifest.put_in_place", 0),
        ("dataset_tools.prepare.manifest.put_in_place", 1),
    ],
)
def test_wherever_it_happens(photos: Path, monkeypatch: pytest.MonkeyPatch, place: str, after: int) -> None:
    """Pictures, captions, the manifest of the beginning and of the end: never half a file, and always a way on."""
    module, _, name = place.rpartition(".")
    real, calls = getattr(sys.modules[module], name), []

    def full(finished: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(finished, target)

    monkeypatch.setattr(place, full)
    said = refused(photos, photos.parent / "out")
    assert said.where == str(calls[after])
    left = [path.name for path in (photos.parent / "out").rglob("*") if path.suffix in (".part", ".tmp")]
    assert (left, (photos.parent / "out" / ".prepare" / "lock").exists()) == ([], False)
    monkeypatch.undo()
    outcome = run(photos, photos.parent / "out", LARGE)
    assert outcome.made + outcome.kept == COUNT
    run(photos, photos.parent / "fresh", LARGE)
    assert state(photos.parent / "out") == state(photos.parent / "fresh")


def test_a_manifest_that_does_not_fit_costs_no_work(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal stays, and knows what the manifest does not."""
    real = sys.modules["dataset_tools.prepare.manifest"].put_in_place
    calls: list[Path] = []

    def full(finished: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(finished, target)

    monkeypatch.setattr("dataset_tools.prepare.manifest.put_in_place", full)
    out = photos.parent / "out"
    assert refused(photos, out).where == str(out / "prepare.json")
    assert json.loads((out / "prepare.json").read_text(encoding="utf-8"))["pictures"] == []
    assert (out / ".prepare" / "journal.jsonl").is_file()
    outcome = run(photos, out, LARGE)
    assert (outcome.made, outcome.kept) == (0, COUNT)
    assert not (out / ".prepare").exists()


def test_words(tmp_path: Path) -> None:
    """Quota, one picture, none that was made, and what is no matter of room."""
    full = OSError(errno.EDQUOT, "Disk quota exceeded", "x.png")
    assert "(Disk quota exceeded)" in unwritable(full, tmp_path, left=1, average=2_500_000).what
    assert unwritable(full, tmp_path, left=1, average=2_500_000).what.endswith(
        ", and the picture that is left takes about 2.5 MB"
    )
    assert unwritable(full, tmp_path, left=800, average=2_500_000).what.endswith(
        "pictures that are left take about 2.0 GB"
    )
    assert "are left" not in unwritable(full, tmp_path, left=800, average=0).what
    assert "nobody knows" in unwritable(full, tmp_path / "gone", left=0, average=0).what
    denied = unwritable(PermissionError(errno.EACCES, "Permission denied"), tmp_path, left=1, average=1)
    assert (denied.what, denied.where) == ("the results cannot be written (Permission denied)", str(tmp_path))
    assert "permissions" in denied.next_step


def test_the_file_is_named(tmp_path: Path) -> None:
    """By its final name, whatever the error said."""
    with pytest.raises(PermissionError) as caught, writing(tmp_path / "a.png"):
        raise PermissionError(errno.EACCES, "Permission denied", "3.part")
    assert (caught.value.filename, caught.value.strerror) == (str(tmp_path / "a.png"), "Permission denied")
