"""The verbs of `kft dataset` agree: on which caption is whose, on buckets, and on what to do about a picture."""

import json
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from dataset_tools.scan.scan import scan_folder
from tests.cli.conftest import Answer

Kft = Callable[..., Answer]
COMPOSED, APART = (unicodedata.normalize(form, "niño") for form in ("NFC", "NFD"))


def tells_apart(folder: Path) -> bool:
    """Whether the disk takes the two spellings for two names, as Linux does."""
    (folder / f"{COMPOSED}-probe").touch()
    found = (folder / f"{APART}-probe").exists()
    (folder / f"{COMPOSED}-probe").unlink()
    return not found


def drawn(folder: Path, *names: str, size: tuple[int, int] = (1024, 1024)) -> Path:
    """Pictures, each of its own colour."""
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        Image.effect_noise(size, 20 + 10 * number).convert("RGB").save(folder / f"{name}.png", compress_level=1)
    return folder


@pytest.mark.parametrize(
    ("size", "kind", "todo"),
    [
        ((832, 1216), "other-shape", "Give --fit bucket and a new folder for the results"),
        ((1216, 832), "other-shape", "Give --fit bucket"),
        ((1023, 1100), "other-shape", "Give --fit bucket"),
        ((640, 1700), "other-shape", "Give --fit bucket"),
        ((500, 500), "too-small", "Give --upscale"),
        ((700, 1400), "too-small", "Give --upscale"),
    ],
)
def test_the_remedy_is_the_one_that_helps(kft: Kft, project: Path, size: tuple[int, int], kind: str, todo: str) -> None:
    """What is large enough for its bucket need not be enlarged; and the remedy, followed, leaves no problem."""
    drawn(project / "photos", "a", size=size)
    answer = kft("dataset", "prepare", "photos", "ready")
    assert answer.code == 1
    assert f"• {kind}: {size[0]} x {size[1]} would have to be enlarged" in answer.err
    assert f"→ {todo}" in answer.err
    flags = ("--fit", "bucket") if kind == "other-shape" else ("--upscale",)
    assert kft("dataset", "prepare", "photos", "bucketed", *flags).code == 0


def test_check_names_buckets_where_there_are_none(kft: Kft, project: Path) -> None:
    """Not larger images, where the images are large enough."""
    drawn(project / "datasets", "unused")
    drawn(project / "datasets" / "pictures", "a", size=(832, 1216))
    (project / "datasets" / "pictures" / "a.txt").write_text("a", encoding="utf-8")
    without = kft("dataset", "check", "first", "--set", "enable_bucket=false")
    assert "enlarged 1.2 times to 1024 x 1497; with enable_bucket = true it fits 832 x 1216" in without.out
    limits = ("--set", "enable_bucket=true", "--set", "max_bucket_reso=2048", "--set", "min_bucket_reso=512")
    assert "enlarged" not in kft("dataset", "check", "first", *limits).out


@pytest.mark.parametrize(("image", "text"), [(COMPOSED, APART), (APART, COMPOSED)], ids=["macOS text", "macOS image"])
def test_accents_composed_otherwise(kft: Kft, project: Path, image: str, text: str) -> None:
    """A caption goes with its picture in every verb, and what is made has names that sd-scripts pairs."""
    folder = drawn(project / "photos", image, "b")
    if not tells_apart(folder):
        pytest.skip("this disk finds a file by both spellings, and so does sd-scripts")
    (folder / f"{text}.txt").write_text("a boy, red", encoding="utf-8")
    (folder / "b.txt").write_text("a girl", encoding="utf-8")
    assert "captions  0 without, 2 with; 2 copied" in (said := kft("dataset", "prepare", "photos", "ready").out)
    assert f"respelled 1: {text}.txt" in said
    assert kft("dataset", "subset", "photos", "part", "--n", "2").code == 0
    for made in ("ready", "part"):
        pairs = {
            one.image.name: one.caption.name for one in scan_folder(project / made, ".txt").pictures if one.caption
        }
        assert pairs == {f"{image}.png": f"{image}.txt", "b.png": "b.txt"}
        assert (project / made / f"{image}.txt").read_text(encoding="utf-8") == "a boy, red"
    assert kft("dataset", "prepare", "photos", "ready").out.startswith("2 training images in ready: 0 made, 2 there")
    checked = kft("dataset", "check", "photos").out
    assert f"it belongs to {image}.png, and sd-scripts does not find it" in checked
    assert "caption-missing" not in checked
    told = kft("check", "first", "--set", f"image_dir={folder}", "--set", "caption_extension=.txt")
    assert "rename 1 whose accents are composed otherwise: kft dataset check DIR --fix" in told.err + told.out
    assert "1 caption, accents composed otherwise" in kft("dataset", "stats", "photos").out
    assert json.loads(kft("dataset", "stats", "photos", "--json").out)["misspelt_captions"] == [f"{text}.txt"]
    before = sorted(os.listdir(folder))  # noqa: PTH208 - names
    assert "nothing to do without --overwrite" in kft("dataset", "caption", "photos", "--command", "false {dir}").err
    assert sorted(os.listdir(folder)) == before  # noqa: PTH208
    kft("dataset", "check", "photos", "--fix", "--yes")
    assert (folder / f"{image}.txt").is_file()
    assert kft("dataset", "stats", "photos", "--json").out.count('"misspelt_captions": []') == 1


def test_an_exact_name_comes_first(kft: Kft, project: Path) -> None:
    """Where both spellings are there, the other one is nobody's."""
    folder = drawn(project / "photos", COMPOSED)
    if not tells_apart(folder):
        pytest.skip("this disk has one file for both")
    for name in (COMPOSED, APART):
        (folder / f"{name}.txt").write_text(name, encoding="utf-8")
    assert "neither pictures nor their captions: 1 .txt" in kft("dataset", "prepare", "photos", "ready").out
    assert (project / "ready" / f"{COMPOSED}.txt").read_text(encoding="utf-8") == COMPOSED


@pytest.mark.parametrize(
    ("flags", "shape"),
    [
        ((), "1024 x 1024 in buckets of 512 to 2048 by 64, as they were prepared"),
        (("--fit", "bucket"), "1024 x 1024 in buckets of 512 to 2048 by 64, as they were prepared"),
        (("--size", "512", "--fit", "bucket"), "512 x 512 in buckets of 512 to 2048 by 64, as they were prepared"),
        (("--size", "256", "--fit", "bucket"), "256 x 256 in buckets of 256 to 2048 by 64, as they were prepared"),
        (
            ("--size", "768", "--fit", "bucket", "--buckets", "256,1536,32"),
            "768 x 768 in buckets of 256 to 1536 by 32, as they were prepared",
        ),
    ],
)
def test_what_is_prepared_passes_the_check(kft: Kft, project: Path, flags: tuple[str, ...], shape: str) -> None:
    """By the same buckets, which are said; and stats counts by them too."""
    drawn(project / "photos", "wide", size=(2000, 1100))
    drawn(project / "photos", "square", size=(1200, 1200))
    for name in ("wide", "square"):
        (project / "photos" / f"{name}.txt").write_text(f"a {name} one", encoding="utf-8")
    assert kft("dataset", "prepare", "photos", "ready", *flags).code == 0
    checked = kft("dataset", "check", "ready")
    assert f"measured against {shape}" in checked.err
    assert "nothing is wrong" in checked.err
    found = json.loads(kft("dataset", "stats", "ready", "--json").out)
    sizes = {(one["width"], one["height"]) for one in found["sizes"]}
    assert {tuple(one["resolution"]) for one in found["buckets"][0]["buckets"]} == sizes


def test_a_bare_folder_has_the_usual_buckets(kft: Kft, project: Path) -> None:
    """For check and stats those that prepare makes, and the captions that most images have."""
    folder = drawn(project / "photos", "a", "b", size=(400, 2600))
    for name in "ab":
        (folder / f"{name}.caption").write_text(name, encoding="utf-8")
    kft("dataset", "prepare", "photos", "ready", "--fit", "bucket", "--upscale")
    found = json.loads((project / "ready" / "prepare.json").read_text(encoding="utf-8"))["pictures"]
    (made,) = {tuple(one["result"]["size"]) for one in found}
    bare = json.loads(kft("dataset", "stats", "photos", "--json").out)
    assert [tuple(one["resolution"]) for one in bare["buckets"][0]["buckets"]] == [made]
    assert bare["without_caption"] == []
    assert f"to fit {made[0]} x {made[1]}" in kft("dataset", "check", "photos").out
    assert kft("dataset", "subset", "photos", "part", "--n", "2").code == 0
    assert sorted(path.name for path in (project / "part").glob("*.caption")) == ["a.caption", "b.caption"]


def test_no_remedy_is_a_verb_that_refuses_the_same(kft: Kft, project: Path) -> None:
    """What `prepare` cannot open either is not sent there by `check`."""
    folder = drawn(project / "photos", "a")
    (folder / "phone.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))
    checked, prepared = kft("dataset", "check", "photos"), kft("dataset", "prepare", "photos", "ready")
    assert "unsupported" in prepared.err
    assert "→ convert them to PNG in an image editor" in checked.out
