"""Metadata files: read as sd-scripts reads them, looked at with their images, and written."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from dataset_tools.check.faults import Fault
from dataset_tools.check.inspection import inspect
from dataset_tools.errors import DatasetError
from dataset_tools.scan.captions import captioned
from dataset_tools.scan.metadata_file import (
    Entry,
    describes_images,
    lacks_suffix,
    make_metadata,
    metadata_text,
    no_table,
    read_entries,
    scan_metadata,
)
from dataset_tools.scan.metadata_survey import survey_metadata
from dataset_tools.scan.training_folder import TrainingFolder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two captioned images, one of them with tags, and one in a folder below."""
    place = tmp_path / "pictures"
    (place / "below").mkdir(parents=True)
    for number, name in enumerate(("a", "b", "below/c")):
        image = Image.new("RGB", (64 + number, 32))
        image.putpixel((0, 0), (number, 250, 30))
        image.save(place / f"{name}.png")
    (place / "a.txt").write_text("a square\nand more\n", encoding="utf-8")
    (place / "b.txt").write_text("ñ, a circle", encoding="utf-8")
    (place / "a.tags").write_text("red, 1girl", encoding="utf-8")
    return place


def written(place: Path, entries: Mapping[str, Mapping[str, object]], name: str = "m.json") -> Path:
    """A metadata file of these entries, longer ago than anything else was written."""
    path = place / name
    rows = "".join(json.dumps({"image_path": image, **entry}) + "\n" for image, entry in entries.items())
    path.write_text(rows if name.endswith("l") else json.dumps(entries), encoding="utf-8")
    os.utime(path, (1.0e9, 1.0e9))
    return path


@pytest.mark.parametrize(
    ("entry", "text", "all_lines"),
    [
        (Entry(caption="a", tags="b", size=None), "a,b", False),
        (Entry(caption=None, tags="b", size=None), "b", False),
        (Entry(caption="a", tags="", size=None), "a", False),
        (Entry(caption=None, tags=None, size=None), "", False),
        (Entry(caption="a\n\nb", tags="c\nd", size=None), "a,c,d\nb,c,d", True),
        (Entry(caption="", tags="c", size=None), "", True),
        (Entry(caption="a\nb", tags=None, size=None), "a\nb", True),
    ],
)
def test_tags_go_behind_captions(entry: Entry, text: str, all_lines: bool) -> None:
    """With wildcards behind each line, of which an empty caption has none."""
    assert entry.text(",", all_lines=all_lines) == text


@pytest.mark.parametrize("name", ["m.json", "m.jsonl"])
def test_both_forms_are_read(name: str, tmp_path: Path) -> None:
    """In their order, with what else is in them."""
    entries: Mapping[str, Mapping[str, object]] = {
        "b.png": {"caption": "x", "image_size": [3, 4], "train_resolution": [64, 64]},
        "a.png": {"tags": "y"},
    }
    assert list((read_entries(written(tmp_path, entries, name)) or {}).items()) == [
        ("b.png", Entry(caption="x", tags=None, size=(3, 4), bucketed=True)),
        ("a.png", Entry(caption=None, tags="y", size=None)),
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "1", '{"a": 1}', '{"a": null}', '{"a": {"caption": 1}}', '{"a": {"image_size": 64}}'),
        *('{"a": {"image_size": [64]}}', '{"a": {"image_size": [64, "x"]}}', '{"a": {"image_size": [1.5, 2]}}'),
        *('{"a": {"image_size": "64"}}', '{"a":' + "[" * 100_000, "\ufeff{}"),
    ],
)
def test_what_is_no_table_of_images(text: str, tmp_path: Path) -> None:
    """It has no entries, and never raises."""
    path = tmp_path / "m.json"
    path.write_text(text, encoding="utf-8")
    assert read_entries(path) is None
    assert not describes_images(path)
    survey = survey_metadata(path, tmp_path)
    assert (survey.scan, survey.entries) == (None, None)
    assert survey.problem.startswith("the metadata file is no table of images")


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("m.json", '{"a.png": {"caption": 7}}', "caption of a.png is no text"),
        ("m.json", '{"a.png": {"caption": ["x"]}}', "caption of a.png is no text"),
        ("m.json", '{"a.png": "x"}', "what it says of a.png is no table"),
        ("m.json", '{"a.png": {"image_size": [64]}}', "image_size of a.png is no pair of whole numbers"),
        ("m.json", '{"a.png": {},\n}', "no JSON at line 2: "),
        ("m.json", "\ufeff{}", "it begins with a byte order mark"),
        ("m.jsonl", '{"image_path": "a.png"}\n{"file": "b.png"}\n', "line 2 has no image_path"),
        ("m.jsonl", '{"image_path": "a.png"}\n\n{"image_path": "b.png"}\n', "no JSON at line 2: "),
    ],
)
def test_what_is_wrong_is_said(name: str, text: str, fault: str, tmp_path: Path) -> None:
    """The first fault, and whose it is."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert no_table(path).startswith(f"the metadata file is no table of images: {fault}")


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    """A caption may hold what Python's splitlines takes for an end of a line, and the trainer does not."""
    path = tmp_path / "m.jsonl"
    path.write_text('{"image_path": "a.png", "caption": "x\u2028y\u0085z"}\n', encoding="utf-8")
    entries = read_entries(path)
    assert entries is not None
    assert entries["a.png"].caption == "x\u2028y\u0085z"


def test_no_utf8_is_said(tmp_path: Path) -> None:
    """As of what some editors save."""
    path = tmp_path / "m.json"
    path.write_bytes("{}".encode("utf-16"))
    assert no_table(path).endswith(": it is no UTF-8")


def test_what_is_no_metadata_file(tmp_path: Path) -> None:
    """Other JSON, and what has another name."""
    for name, text in (("a.json", '{"training": {}, "dataset": {}}'), ("a.txt", '{"a.png": {"caption": "x"}}')):
        (tmp_path / name).write_text(text)
        assert not describes_images(tmp_path / name)
    assert not describes_images(tmp_path / "gone.json")
    assert describes_images(written(tmp_path, {"a.png": {"caption": "x"}}))


def test_images_are_those_it_names(pictures: Path) -> None:
    """In all their folders, below the one that holds them all; text files beside them are not read."""
    entries = {"b.png": {"caption": "x", "tags": "y"}, f"{pictures}/below/c.png": {}, "gone.png": {}, "a": {}}
    survey = survey_metadata(written(pictures, entries), pictures)
    assert survey.scan is not None
    assert (survey.folder, survey.sizes) == (pictures, {"b.png": (65, 32), "below/c.png": (66, 32)})
    assert survey.written == {"b.png": "b.png", f"{pictures}/below/c.png": "below/c.png"}
    assert [(one.name, one.text, one.tags) for one in captioned(survey.scan.pictures)] == [
        ("b.png", "x,y", ("x", "y")),
        ("c.png", "", ()),
    ]
    assert (survey.scan.captioned, [path.name for path in survey.scan.uncaptioned]) == (1, ["c.png"])
    assert lacks_suffix(str(pictures / "a"))
    assert not lacks_suffix(str(pictures / "gone.png"))


def test_without_a_folder(pictures: Path) -> None:
    """The folder is the one that holds the images, and without any that of the file."""
    whole = survey_metadata(written(pictures.parent, {f"{pictures}/below/c.png": {}}), None)
    assert (whole.folder, list(whole.sizes)) == (pictures / "below", ["c.png"])
    none = survey_metadata(written(pictures, {"a.png": {}}, "n.json"), None)
    assert (none.sizes, none.entries) == ({}, {"a.png": Entry(caption=None, tags=None, size=None)})


def test_caches_of_the_images(pictures: Path) -> None:
    """Those in folders below, too; outputs of text encoders are older than the metadata file that was changed since."""
    for name in ("a_0064x0032_sdxl.npz", "below/c_0066x0032_sdxl.npz", "b.npz", "a_te_outputs.npz", "z.npz"):
        (pictures / name).write_bytes(b"")
    os.utime(pictures / "b.npz", (1.0e9, 1.0e9))
    os.utime(pictures / "a_te_outputs.npz", (0.9e9, 0.9e9))
    entries: Mapping[str, Mapping[str, object]] = {"a.png": {}, "b.png": {}, f"{pictures}/below/c.png": {}}
    survey = survey_metadata(written(pictures, entries), pictures)
    assert [(one.path.name, one.image, one.older) for one in survey.latents] == [
        ("a_0064x0032_sdxl.npz", "a.png", False),
        ("b.npz", "b.png", True),
        ("c_0066x0032_sdxl.npz", "below/c.png", False),
    ]
    assert [(one.path.name, one.image, one.older) for one in survey.text_encoder_outputs] == [
        ("a_te_outputs.npz", "a.png", True)
    ]
    assert len(survey.latent_paths) == 2


def test_everything_wrong_with_it(pictures: Path) -> None:
    """Images that are not there, captions that are missing or too long, and none of the texts beside the images."""
    (pictures / "b.txt").write_bytes(b"\xff\xfe broken")
    entries: Mapping[str, Mapping[str, object]] = {
        "a": {"caption": "x"},
        "a.png": {"caption": "word " * 300},
        "b.png": {},
        "gone.png": {"caption": "x"},
    }
    found = inspected(written(pictures, entries), pictures)
    assert [(one.kind, one.file.name, one.reason) for one in found if one.severity != "note"] == [
        ("metadata-image", "a", "its name lacks the suffix of the file"),
        ("metadata-image", "gone.png", "it is not there"),
        ("caption-long", "a.png", "about 300 tokens, of which 225 are read; not even 225 would hold it"),
        ("caption-missing", "b.png", "no caption and no tags in m.json"),
    ]
    assert all(one.remedy is None for one in found)
    assert [one.kind for one in inspected(pictures / "gone.json", pictures)] == ["metadata"]


def inspected(metadata: Path, folder: Path) -> tuple[Fault, ...]:
    """What `kft dataset check` says of a metadata file."""
    return inspect([TrainingFolder(folder=folder, metadata=metadata)]).faults


def test_made_of_folders(pictures: Path, tmp_path: Path) -> None:
    """Whole captions and tags, and sizes; it is read back as it was made, and names the images that are there."""
    made = make_metadata([pictures], ".txt", ".tags", full_path=False)
    assert made == {
        "a.png": {"caption": "a square\nand more", "tags": "red, 1girl", "image_size": [64, 32]},
        "b.png": {"caption": "ñ, a circle", "image_size": [65, 32]},
    }
    for lines in (True, False):
        path = tmp_path / f"m.json{'l' * lines}"
        path.write_text(metadata_text(made, lines=lines), encoding="utf-8")
        scan, entries = scan_metadata(path, pictures)
        assert list(entries) == ["a.png", "b.png"]
        assert [one.text for one in scan.pictures] == ["a square\nand more,red, 1girl", "ñ, a circle"]


def test_made_of_several_folders(pictures: Path) -> None:
    """By whole paths; names alone would not tell images of one name apart."""
    (pictures / "below" / "a.png").write_bytes((pictures / "a.png").read_bytes())
    with pytest.raises(DatasetError, match="two images have one name"):
        make_metadata([pictures, pictures / "below"], ".txt", full_path=False)
    made = make_metadata([pictures, pictures / "below"], ".txt", full_path=True)
    assert list(made) == [str(pictures / name) for name in ("a.png", "b.png", "below/a.png", "below/c.png")]


def test_a_text_that_is_no_text(pictures: Path) -> None:
    """An error with its place."""
    (pictures / "b.txt").write_bytes(b"\xff")
    with pytest.raises(DatasetError, match="the caption is no UTF-8"):
        make_metadata([pictures], ".txt", full_path=False)
