"""A folder of pictures becomes a folder of training images, once."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from dataset_tools.errors import DatasetError
from dataset_tools.prepare.one import Choices
from dataset_tools.prepare.prepare import Means, cores, prepare
from dataset_tools.scan.hashing import HashCache

if TYPE_CHECKING:
    from pathlib import Path

    from dataset_tools.prepare.outcome import Outcome

MEANS = Means(made_by={"kft": "1"})
CHOICES = Choices(size=(32, 32))


def noise(path: Path, size: tuple[int, int] = (64, 48), seed: str = "") -> Path:
    """A picture of its own for each name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = hashlib.sha256((path.name + seed).encode()).digest() * 24
    Image.frombytes("RGB", (16, 16), blocks).resize(size).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four pictures in two folders, two with captions."""
    folder = tmp_path / "photos"
    for name in ("a.png", "b.jpg", "sub/c.webp", "sub/d.png"):
        noise(folder / name)
    (folder / "a.txt").write_bytes(b"a caption\r\n\xff")
    (folder / "sub" / "c.caption").write_text("another")
    return folder


def run(photos: Path, results: Path | None = None, choices: Choices = CHOICES, **options: Any) -> Outcome:
    """Into `out` beside the pictures."""
    return prepare(photos, results or photos.parent / "out", choices, MEANS, **options)


def state(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def times(folder: Path) -> dict[str, int]:
    """When each was written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def manifest(folder: Path) -> dict[str, Any]:
    """Lines by source."""
    pictures = json.loads((folder / "prepare.json").read_text(encoding="utf-8"))["pictures"]
    return {entry["source"]: entry for entry in pictures}


def test_pictures_captions_and_manifest(photos: Path) -> None:
    """All of them, in their folders, under the new suffix; originals untouched; the manifest true to the files."""
    before, written = state(photos), times(photos)
    outcome = run(photos)
    out = photos.parent / "out"
    assert (outcome.made, outcome.kept, outcome.captions, outcome.captioned, outcome.problems) == (4, 0, 2, 2, ())
    names = {"a.png", "a.txt", "b.png", "sub/c.png", "sub/c.caption", "sub/d.png", "prepare.json"}
    files = state(out)
    assert set(files) == names
    assert files["a.txt"] == b"a caption\r\n\xff"
    assert (state(photos), times(photos)) == (before, written)
    lines = manifest(out)
    assert set(lines) == {"a.png", "b.jpg", "sub/c.webp", "sub/d.png"}
    for source, line in lines.items():
        assert line["sha256"] == hashlib.sha256(before[source]).hexdigest()
        assert line["bytes"] == len(before[source])
        assert line["result"]["sha256"] == hashlib.sha256(files[line["result"]["name"]]).hexdigest()
        assert line["result"]["crop"] == [8, 0, 56, 48]
        assert (line["size"], line["result"]["size"], line["mode"]) == ([64, 48], [32, 32], "RGB")
    assert lines["b.jpg"]["format"] == "JPEG"
    assert lines["a.png"]["captions"] == {"a.txt": hashlib.sha256(before["a.txt"]).hexdigest()}
    with Image.open(out / "sub" / "d.png") as image:
        assert (image.size, image.mode) == ((32, 32), "RGB")


def test_again_nothing_is_done(photos: Path) -> None:
    """No file is written but the manifest, whose bytes stay; with a memory of hashes as well."""
    run(photos)
    out = photos.parent / "out"
    before, written = state(out), times(out)
    assert (run(photos).made, run(photos).kept) == (0, 4)
    cached = Means(made_by={"kft": "1"}, hashes=HashCache(photos.parent / "hashes.json"), jobs=1)
    assert prepare(photos, out, CHOICES, cached).kept == 4
    after = times(out)
    del written["prepare.json"], after["prepare.json"]
    assert (state(out), after) == (before, written)


def test_one_thread_and_many_give_the_same(photos: Path) -> None:
    """Byte for byte, the manifest too."""
    for number in range(12):
        noise(photos / f"more{number}.png", (40 + number, 60))
    for jobs in (1, 8):
        means = replace(MEANS, jobs=jobs)
        assert prepare(photos, photos.parent / f"out{jobs}", CHOICES, means).made == 16
    assert state(photos.parent / "out1") == state(photos.parent / "out8")
    assert cores() >= 1


def test_what_changed_is_made_again_and_nothing_else(photos: Path) -> None:
    """A picture, a caption, a missing result, a new one."""
    run(photos)
    out = photos.parent / "out"
    written = times(out)
    noise(photos / "b.jpg", seed="other")
    (photos / "a.txt").write_text("a better caption")
    (photos / "sub" / "d.txt").write_text("a first caption")
    (out / "sub" / "c.png").unlink()
    noise(photos / "e.png")
    outcome = run(photos)
    assert (outcome.made, outcome.kept, outcome.captions, outcome.problems) == (3, 2, 2, ())
    assert (out / "a.txt").read_text() == "a better caption"
    assert (out / "sub" / "d.txt").read_text() == "a first caption"
    after = times(out)
    assert {name for name in written if after[name] != written[name]} == {"b.png", "a.txt", "c.png", "prepare.json"}
    fresh = photos.parent / "fresh"
    run(photos, fresh)
    assert state(fresh) == state(out)


def test_a_caption_that_is_gone_goes(photos: Path) -> None:
    """It would be trained on."""
    run(photos)
    (photos / "a.txt").unlink()
    run(photos)
    assert not (photos.parent / "out" / "a.txt").exists()
    assert manifest(photos.parent / "out")["a.png"]["captions"] == {}


def test_edits_in_the_results_are_no_ones_to_overwrite(photos: Path) -> None:
    """A caption edited there stays, quietly; where its source changed too, that is said. An edited picture is said."""
    run(photos)
    out = photos.parent / "out"
    (out / "a.txt").write_text("edited")
    assert run(photos).problems == ()
    (photos / "a.txt").write_text("changed")
    noise(out / "b.png", (32, 32))
    edited = state(out)
    outcome = run(photos)
    assert [(one.source, one.kind) for one in outcome.problems] == [("a.png", "caption"), ("b.jpg", "edited")]
    assert all(one.next_step.endswith(".") for one in outcome.problems)
    after = state(out)
    assert (after["a.txt"], after["b.png"]) == (b"edited", edited["b.png"])
    (photos / "a.txt").unlink()
    run(photos)
    assert (out / "a.txt").read_text() == "edited"


def test_a_file_of_someone_else_is_not_overwritten(photos: Path) -> None:
    """Picture or caption."""
    run(photos)
    out = photos.parent / "out"
    noise(photos / "e.png")
    (photos / "e.txt").write_text("ours")
    (photos / "b.txt").write_text("ours")
    (out / "e.png").write_bytes(b"theirs")
    (out / "b.txt").write_bytes(b"theirs")
    outcome = run(photos)
    assert [(one.source, one.kind) for one in outcome.problems] == [("b.jpg", "caption"), ("e.png", "in-the-way")]
    assert ((out / "e.png").read_bytes(), (out / "b.txt").read_bytes()) == (b"theirs", b"theirs")
    assert not (out / "e.txt").exists()


def test_an_empty_result_of_a_power_cut_is_made_again(photos: Path) -> None:
    """It is no one's edit."""
    run(photos)
    out = photos.parent / "out"
    before = state(out)
    (out / "b.png").write_bytes(b"")
    assert (run(photos).made, state(out)) == (1, before)


def test_bad_pictures_do_not_stop_the_others(photos: Path) -> None:
    """Each is listed with a kind and a next step, in the manifest too, and tried again the next time."""
    (photos / "empty.png").touch()
    (photos / "text.png").write_text("no picture")
    (photos / "cut.jpg").write_bytes((photos / "b.jpg").read_bytes()[:300])
    noise(photos / "small.png", (20, 40))
    outcome = run(photos)
    kinds = {one.source: one.kind for one in outcome.problems}
    assert kinds == {"cut.jpg": "truncated", "empty.png": "empty", "small.png": "too-small", "text.png": "not-an-image"}
    assert outcome.made == 4
    out = photos.parent / "out"
    assert manifest(out)["small.png"]["problem"]["reason"] == "20 x 40 would have to be enlarged 1.60 times"
    noise(photos / "cut.jpg")
    assert (run(photos).made, len(run(photos).problems)) == (1, 3)


def test_enlarging_is_asked_for_and_said(photos: Path) -> None:
    """The manifest and the outcome mark it; the rest is not made again."""
    noise(photos / "small.png", (20, 40))
    run(photos)
    outcome = run(photos, choices=replace(CHOICES, upscale=True))
    assert (outcome.made, outcome.kept, outcome.upscaled, outcome.problems) == (1, 4, ("small.png",), ())
    line = manifest(photos.parent / "out")["small.png"]["result"]
    assert (line["upscaled"], line["scale"], line["size"]) == (True, 1.6, [32, 32])


def test_a_source_that_went_bad_leaves_no_old_result(photos: Path) -> None:
    """Nor its captions: what is trained on is what the sources are now."""
    run(photos)
    (photos / "a.png").write_bytes(b"broken now")
    outcome = run(photos)
    assert [one.source for one in outcome.problems] == ["a.png"]
    assert {"a.png", "a.txt"}.isdisjoint(state(photos.parent / "out"))


def test_a_source_that_is_gone_is_said_and_pruned_when_asked(photos: Path) -> None:
    """With its captions."""
    run(photos)
    for name in ("a.png", "a.txt"):
        (photos / name).unlink()
    outcome = run(photos)
    assert [(one.source, one.kind) for one in outcome.problems] == [("a.png", "gone")]
    assert "a.png" in state(photos.parent / "out")
    outcome = run(photos, prune=True)
    assert (outcome.removed, outcome.problems) == (1, ())
    assert {"a.png", "a.txt"}.isdisjoint(state(photos.parent / "out"))
    assert set(manifest(photos.parent / "out")) == {"b.jpg", "sub/c.webp", "sub/d.png"}


def test_names_that_would_become_one_are_refused_before_anything(photos: Path) -> None:
    """By name, all of them."""
    noise(photos / "a.jpg")
    noise(photos / "sub" / "D.webp")
    with pytest.raises(DatasetError, match=r"a\.jpg, a\.png\nsub/D\.webp, sub/d\.png"):
        run(photos)
    assert not (photos.parent / "out").exists()


def test_folders_that_lie_within_each_other_are_refused(photos: Path) -> None:
    """Results would become sources."""
    for results in (photos, photos / "out", photos.parent):
        with pytest.raises(DatasetError, match="within each other"):
            run(photos, results)
    (photos.parent / "none").mkdir()
    with pytest.raises(DatasetError, match="no picture"):
        run(photos.parent / "none")
    with pytest.raises(DatasetError, match="cannot be listed"):
        run(photos.parent / "missing")


@pytest.mark.skipif(os.name == "nt", reason="links cannot be made there")
def test_pictures_behind_a_link_to_a_folder_are_said(photos: Path, tmp_path: Path) -> None:
    """They are no training images, whether there are others or not."""
    noise(tmp_path / "other" / "x.png")
    (photos / "linked").symlink_to(tmp_path / "other")
    outcome = run(photos)
    assert (outcome.made, [(one.source, one.kind, one.reason) for one in outcome.problems]) == (
        4,
        [("linked", "linked-folder", f"a link to {tmp_path / 'other'}, whose pictures are left out")],
    )
    assert "folder" in outcome.problems[0].next_step
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "linked").symlink_to(tmp_path / "other")
    with pytest.raises(DatasetError, match="no picture in it, but behind links to folders: linked"):
        run(tmp_path / "only", tmp_path / "new")


def test_buckets_and_padding(photos: Path) -> None:
    """Sizes from the function that was handed in; one that has none is a problem of its picture."""

    def bucket(size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        if size == (64, 48):
            return (40, 24), (40, 30)
        raise ValueError("an image of 64 x 20 has no bucket")

    noise(photos / "wide.png", (64, 20))
    outcome = prepare(photos, photos.parent / "b", replace(CHOICES, fit="bucket"), replace(MEANS, bucket=bucket))
    assert [(one.source, one.kind, one.reason) for one in outcome.problems] == [
        ("wide.png", "no-bucket", "an image of 64 x 20 has no bucket")
    ]
    with Image.open(photos.parent / "b" / "a.png") as image:
        assert image.size == (40, 24)
    run(photos, photos.parent / "c", replace(CHOICES, fit="contain", background=(255, 0, 0)))
    with Image.open(photos.parent / "c" / "wide.png") as image:
        assert (image.size, image.getpixel((0, 0))) == ((32, 32), (255, 0, 0))
    assert manifest(photos.parent / "c")["wide.png"]["result"]["pad"] == [0, 11, 32, 21]


def test_masks_are_kept_when_asked(photos: Path) -> None:
    """RGBA where there was transparency, RGB elsewhere; padding is masked out."""
    Image.new("RGBA", (64, 32), (255, 0, 0, 100)).save(photos / "mask.png")
    run(photos, choices=replace(CHOICES, keep_alpha=True, fit="contain", image_format="webp"))
    out = photos.parent / "out"
    with Image.open(out / "mask.webp") as image:
        assert (image.mode, image.getpixel((16, 16)), image.getpixel((0, 0))) == (
            *("RGBA", (255, 0, 0, 100)),
            (255, 255, 255, 0),
        )
    with Image.open(out / "a.webp") as image:
        assert image.mode == "RGB"
    assert manifest(out)["mask.png"]["alpha"] == "kept"


def test_an_interruption_keeps_what_is_finished(photos: Path) -> None:
    """Nothing unfinished is left, the manifest says that it is not complete, and the next run makes the rest."""

    def stop(done: int, _all: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(photos, tell=stop)
    out = photos.parent / "out"
    assert not json.loads((out / "prepare.json").read_text())["complete"]
    assert not (out / ".prepare").exists()
    outcome = run(photos)
    assert (outcome.made, outcome.kept) == (2, 2)
    run(photos, photos.parent / "fresh")
    assert state(photos.parent / "fresh") == state(out)


def test_a_disk_that_is_full_is_an_error_with_a_next_step(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no half result under a final name."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "out/x")

    monkeypatch.setattr("dataset_tools.prepare.prepare.put_in_place", full)
    with pytest.raises(DatasetError, match="No space left on device"):
        run(photos)
    monkeypatch.undo()
    assert run(photos).made == 4


def test_progress_is_told(photos: Path) -> None:
    """From nothing to all."""
    told: list[tuple[int, int]] = []
    run(photos, tell=lambda done, total: told.append((done, total)))
    assert told == [(number, 4) for number in range(5)]
