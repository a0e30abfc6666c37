"""`kft dataset metadata`, and what the other verbs make of its file."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Answer

Kft = Callable[..., Answer]


@pytest.fixture
def pictures(project: Path) -> Path:
    """Three images, two of them captioned."""
    place = project / "datasets" / "pictures"
    place.mkdir(parents=True)
    for number in range(3):
        Image.effect_noise((1024, 1024), 60 + number).convert("RGB").save(place / f"{number}.png", compress_level=1)
    for number in (0, 1):
        (place / f"{number}.txt").write_text(f"number {number}, a thing")
    return place


def test_a_file_is_written_and_read(kft: Kft, project: Path, pictures: Path) -> None:
    """Check and stats take it by its name; nothing is written over unasked."""
    made = kft("dataset", "metadata", "datasets/pictures", "-o", "datasets/pictures/m.json")
    assert (made.code, made.err) == (
        0,
        "datasets/pictures/m.json: 3 images, 2 with a caption, 0 with tags, 3 with a size\n",
    )
    (pictures / "0.txt").write_bytes(b"\xff never read")
    checked = kft("dataset", "check", "datasets/pictures/m.json", "--json")
    report = json.loads(checked.out)
    assert [(one["kind"], Path(one["file"]).name) for one in report["findings"] if one["severity"] != "note"] == [
        ("caption-missing", "2.png")
    ]
    stats = json.loads(kft("dataset", "stats", "datasets/pictures/m.json", "--json").out)
    assert (stats["images"], stats["without_caption"]) == (3, ["2.png"])
    assert stats["buckets"][0]["buckets"] == [{"count": 3, "resolution": [1024, 1024]}]
    again = kft("dataset", "metadata", "datasets/pictures", "-o", "datasets/pictures/m.json")
    assert (again.code, again.err) == (
        2,
        "error: nothing was written\n  • the file exists\n    datasets/pictures/m.json\n"
        "    → name another one, or say --force\n",
    )
    other = kft("dataset", "metadata", "datasets/pictures", "-o", "m.toml")
    assert (other.code, "end it with .json or .jsonl" in other.err) == (2, True)
    assert not (project / "m.toml").exists()


def test_a_part_of_it(kft: Kft, project: Path, pictures: Path) -> None:
    """A folder of some of its images, each with the caption that is trained."""
    entries = {f"{number}.png": {"caption": f"said {number}", "tags": "x"} for number in range(3)}
    (pictures / "m.json").write_text(json.dumps(entries))
    made = kft("dataset", "subset", "datasets/pictures/m.json", "part", "--n", "2")
    assert made.code == 0, made.err
    images = sorted((project / "part").glob("*.png"))
    assert len(images) == 2
    assert [path.with_suffix(".txt").read_text() for path in images] == [f"said {path.stem},x" for path in images]


def test_an_experiment_with_it(kft: Kft, project: Path, pictures: Path) -> None:
    """Plan counts, check judges what the file says, and dataset check looks at the images that it names."""
    kft("dataset", "metadata", "datasets/pictures", "-o", "datasets/pictures/m.json")
    path = project / "experiments" / "first.toml"
    text = path.read_text().replace("[training]\n", "[training]\ncache_latents = true\n")
    path.write_text(f"{text}metadata_file = '{{datasets}}/pictures/m.json'\n")
    plan = json.loads(kft("plan", "first", "--json").out)
    assert (plan["datasets"][0]["problem"], plan["datasets"][0]["images"]) == ("", 3)
    assert "1 of 3 images have no caption: 2.png  [ft-caption-missing]" in kft("check", "first").out
    faults = json.loads(kft("dataset", "check", "first", "--json").out)["findings"]
    assert "caption-missing" in [one["kind"] for one in faults]
    bare = {Path(name).stem: entry for name, entry in json.loads((pictures / "m.json").read_text()).items()}
    (pictures / "m.json").write_text(json.dumps(bare))
    (pictures / "0.npz").write_bytes(b"")
    said = kft("check", "first").out
    assert (
        "  • 3 of 3 images are not there: 0, 1, 2 lack the suffix of their file  [ft-image-missing]\n"
        "    PROJECT/datasets/pictures/m.json (dataset.datasets[0].subsets[0].metadata_file)\n"
        "    → make the file with --full_path, or with `kft dataset metadata DIR -o FILE`, which keeps the suffixes\n"
    ) in said
