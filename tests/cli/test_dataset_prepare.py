"""`kft dataset prepare`, as people call it."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from fork_wrapper.commands.dataset_prepare import SHOWN
from tests.builders.projects import assert_golden
from tests.cli.conftest import Answer

Kft = Callable[..., Answer]
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "cli"


@pytest.fixture
def photos(project: Path) -> Path:
    """Five pictures of which three can be used, and some other files."""
    folder = project / "photos"
    (folder / "beach").mkdir(parents=True)
    Image.new("RGB", (150, 100), "red").save(folder / "first.png")
    Image.new("CMYK", (100, 180)).save(folder / "beach" / "second.jpg")
    Image.new("RGB", (90, 60), "blue").save(folder / "small.webp")
    Image.new("RGB", (300, 300)).save(folder / "fourth.png")
    (folder / "fourth.png").write_bytes((folder / "fourth.png").read_bytes()[:60])
    (folder / "page.png").write_text("<html>not found</html>")
    (folder / "first.txt").write_text("a red picture")
    (folder / "beach" / "second.caption").write_text("a gray one")
    (folder / "notes.md").touch()
    return folder


def prepare(kft: Kft, photos: Path, *arguments: str) -> Answer:
    """Into `ready`, small and quick."""
    return kft("dataset", "prepare", photos.name, "ready", "--size", "64", *arguments)


def test_what_is_said(kft: Kft, photos: Path) -> None:
    """The sum on stdout, each problem with its next step on stderr, exit code 1."""
    answer = prepare(kft, photos, "--size", "80")
    assert answer.code == 1
    assert_golden(answer.out + answer.err, GOLDEN / "dataset_prepare.txt")


@pytest.mark.skipif(os.name == "nt", reason="links cannot be made there")
def test_links_to_folders_are_said(kft: Kft, photos: Path, project: Path) -> None:
    """By prepare and by check alike, with where they lead; neither looks into them."""
    for name in ("small.webp", "fourth.png", "page.png", "notes.md"):
        (photos / name).unlink()
    (project / "other").mkdir()
    Image.new("RGB", (100, 100), "green").save(project / "other" / "third.png")
    (photos / "linked").symlink_to(project / "other")
    prepared = prepare(kft, photos)
    checked = kft("dataset", "check", "photos")
    assert (prepared.code, checked.code) == (1, 1)
    assert prepared.err == (
        "  • linked-folder: a link to PROJECT/other, whose pictures are left out\n    photos/linked\n"
        "    → Put that folder itself there, prepare it into a folder of its own, or remove the link.\n"
    )
    assert "linked  images lie in it, a link to PROJECT/other\n" in checked.out


def test_a_good_folder_is_0_and_again_nothing_is_made(kft: Kft, photos: Path) -> None:
    """The second run says so."""
    for name in ("small.webp", "fourth.png", "page.png"):
        (photos / name).unlink()
    first, second = prepare(kft, photos), prepare(kft, photos)
    assert (first.code, first.err, second.code, second.err) == (0, "", 0, "")
    assert first.out.startswith("2 training images in ready: 2 made, 0 there before\n")
    assert second.out.startswith("2 training images in ready: 0 made, 2 there before\n")


def test_json_for_programs(kft: Kft, photos: Path) -> None:
    """Every problem by kind."""
    answer = prepare(kft, photos, "--size", "80", "--json")
    said = json.loads(answer.out)
    assert (answer.code, answer.err, said["made"], said["kept"]) == (1, "", 2, 0)
    assert {one["source"]: one["kind"] for one in said["problems"]} == {
        "fourth.png": "truncated",
        "page.png": "not-an-image",
        "small.webp": "too-small",
    }
    assert said["others"] == {".md": 1}


def test_every_choice_reaches_the_files(kft: Kft, photos: Path, project: Path) -> None:
    """Format, size, fit, background, mask, enlarging, buckets."""
    for name in ("fourth.png", "page.png"):
        (photos / name).unlink()
    Image.new("RGBA", (100, 100), (0, 0, 0, 0)).save(photos / "clear.png")
    cases = [
        (("--format", "jpeg", "--quality", "30"), "first.jpg", (64, 64), "RGB"),
        (("--format", "webp", "--alpha", "keep"), "clear.webp", (64, 64), "RGBA"),
        (("--size", "96x48", "--upscale"), "small.png", (96, 48), "RGB"),
        (("--fit", "contain", "--background", "#00ff00"), "first.png", (64, 64), "RGB"),
        (("--fit", "bucket", "--buckets", "32,128,16", "--upscale"), "first.png", (80, 48), "RGB"),
        (("--jobs", "1", "--background", "teal"), "clear.png", (64, 64), "RGB"),
    ]
    pixels = {}
    for number, (arguments, name, size, mode) in enumerate(cases):
        answer = kft("dataset", "prepare", "photos", f"out{number}", "--size", "64", *arguments)
        assert "training images in" in answer.out, answer.err
        with Image.open(project / f"out{number}" / name) as image:
            assert (image.size, image.mode) == (size, mode)
            pixels[number] = image.getpixel((0, 0))
    assert (pixels[3], pixels[5]) == ((0, 255, 0), (0, 128, 128))
    assert "enlarged  1: small.webp" in kft("dataset", "prepare", "photos", "out2", "--size", "96x48", "--upscale").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--size", "big"), "'big' is no size"),
        (("--size", "0"), "'0' is no size"),
        (("--size", "99999"), "'99999' is no size"),
        (("--background", "nocolour"), "'nocolour' is no colour"),
        (("--buckets", "1,2"), "'1,2' is no MIN,MAX,STEP"),
        (("--buckets", "512,2048,64"), "--buckets is for --fit bucket"),
        (("--fit", "bucket", "--buckets", "512,2048,64"), "min_bucket_reso 512 is more than the shorter side"),
        (("--format", "png", "--quality", "90"), "a PNG has no loss"),
        (("--format", "jpeg", "--alpha", "keep"), "a JPEG has no transparency"),
        (("--quality", "0", "--format", "jpeg"), "0 is not in the range"),
        (("--fit", "stretch"), "'stretch' is not one of"),
    ],
)
def test_wrong_usage_is_2_and_nothing_is_written(
    kft: Kft, photos: Path, project: Path, arguments: tuple[str, ...], words: str
) -> None:
    """Each with what to write instead."""
    answer = prepare(kft, photos, *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.err
    assert not (project / "ready").exists()


def test_folders_that_cannot_be_used_are_2(kft: Kft, photos: Path, project: Path) -> None:
    """Clashing names are all listed; other choices say what they were; a missing folder is named."""
    Image.new("RGB", (100, 100)).save(photos / "first.jpg")
    answer = prepare(kft, photos)
    assert answer.code == 2
    assert "│ first.jpg, first.png" in answer.err
    (photos / "first.jpg").unlink()
    prepare(kft, photos)
    answer = prepare(kft, photos, "--fit", "contain")
    assert answer.code == 2
    assert 'fit was "cover"' in answer.err
    assert kft("dataset", "prepare", "nowhere", "out").code == 2
    assert kft("dataset", "prepare", "photos", "photos/out").code == 2
    (project / "full").mkdir()
    (project / "full" / "x").touch()
    assert "something else" in kft("dataset", "prepare", "photos", "full").err


def test_another_source_is_2_and_a_moved_one_goes_on(kft: Kft, photos: Path, project: Path) -> None:
    """The error says which it was and both ways on; the sum says where a moved folder was."""
    prepare(kft, photos)
    before = (project / "ready" / "first.png").read_bytes()
    (project / "others").mkdir()
    Image.new("RGB", (100, 100), "green").save(project / "others" / "first.png")
    answer = kft("dataset", "prepare", "others", "ready", "--size", "64")
    assert (answer.code, answer.out) == (2, "")
    assert_golden(answer.err, GOLDEN / "dataset_prepare_other.txt")
    assert (project / "ready" / "first.png").read_bytes() == before
    photos.rename(project / "moved")
    answer = kft("dataset", "prepare", "moved", "ready", "--size", "64")
    assert "2 made" not in answer.out
    assert "  moved     the pictures were in PROJECT/photos before\n" in answer.out
    answer = kft("dataset", "prepare", "others", "ready", "--size", "64", "--same-source")
    assert "1 made" in answer.out
    assert (project / "ready" / "first.png").read_bytes() != before


def test_many_problems_of_a_kind_are_not_all_listed(kft: Kft, photos: Path) -> None:
    """The first of them, and how many more; JSON has all."""
    for number in range(SHOWN + 5):
        (photos / f"empty{number}.png").touch()
    answer = prepare(kft, photos)
    assert answer.err.count("• empty: the file is empty") == SHOWN
    assert "• empty: 5 more like these" in answer.err
    assert len(json.loads(prepare(kft, photos, "--json").out)["problems"]) == SHOWN + 8


def test_a_full_disk_is_2_and_the_same_command_goes_on(
    kft: Kft, photos: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file, what is there and what is wanting; nothing half is left."""

    def full(_finished: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(target))

    with monkeypatch.context() as patch:
        patch.setattr("dataset_tools.prepare.prepare.put_in_place", full)
        patch.setattr("dataset_tools.prepare.room._free", lambda *_: "its disk has 20.5 kB")
        answer = prepare(kft, photos, "--jobs", "1")
    assert (answer.code, answer.out) == (2, "")
    said = re.sub(r"about [\d.]+ \w+", "about 880 bytes", answer.err)  # as large as what writes PNG here makes them
    assert_golden(said, GOLDEN / "dataset_prepare_full.txt")
    assert [path.name for path in (project / "ready").rglob("*") if path.is_file()] == ["prepare.json"]
    assert "2 made" in prepare(kft, photos).out


def test_an_interruption_is_130_and_says_how_to_go_on(kft: Kft, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fork_wrapper.commands.dataset_prepare.prepare", stop)
    answer = prepare(kft, photos)
    assert (answer.code, answer.out) == (130, "")
    assert "the same command resumes from here" in answer.err
