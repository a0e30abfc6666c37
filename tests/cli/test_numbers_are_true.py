"""Every sha256, size and count that kft writes, beside one that is computed here from the thing itself."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from fork_wrapper.experiment.experiment import load_experiment
from fork_wrapper.machine.settings import load_settings
from tests.builders.checkpoints import run_with_checkpoints
from tests.cli.conftest import Answer

Kft = Callable[..., Answer]
ALL = re.compile(r"\b[0-9a-f]{64}\b")


def sha256(path: Path) -> str:
    """As `sha256sum` says it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def checkpoint(path: Path, *, ours: bool) -> Path:
    """One of kft, or one that sd-scripts wrote alone; larger than its header in any case."""
    config = {"training": {"seed": 1}, "dataset": {}, "experiment": "one"}
    kft = {"modelspec.kft_config": json.dumps(config), "modelspec.kft_run": '{"run": "one/1"}'}
    spec = {"modelspec.architecture": "stable-diffusion-xl-v1-base", "modelspec.author": "Ana"}
    save_file({"a": np.arange(5000.0)}, path, metadata=kft if ours else spec)
    return path


SOURCES: dict[str, Callable[[Path], object]] = {
    "ours.safetensors": lambda path: checkpoint(path, ours=True),
    "theirs.safetensors": lambda path: checkpoint(path, ours=False),
    "plain.toml": lambda path: path.write_bytes(b"seed = 1\n"),
    "marked.toml": lambda path: path.write_bytes(b"\xef\xbb\xbflowram = true\r\nseed = 1\r\n"),
    "config.json": lambda path: path.write_bytes(b'\xef\xbb\xbf{"training": {"seed": 1}, "dataset": {}}'),
    "wide.sh": lambda path: path.write_bytes("python sdxl_train.py --seed 1\r\n".encode("utf-16")),
    "console.txt": lambda path: path.write_bytes(b"accelerate launch sdxl_train.py --seed=1\n"),
}
"""Files that an experiment can be made of."""


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_an_import_names_its_source(kft: Kft, project: Path, name: str) -> None:
    """By the hash of the whole file: in the experiment's comment and in JSON, by both verbs."""
    SOURCES[name](project / name)
    told = kft("import-config", name, "--name", "one", "--json")
    assert [one["sha256"] for one in json.loads(told.out)[0]["files"]] == [sha256(project / name)]
    assert kft("new", "three", "--from", name).code == 0
    written = (project / "experiments" / "three.toml").read_text(encoding="utf-8")
    assert ALL.findall(written) == [sha256(project / name)]
    assert "header" not in written.split("sha256")[1].splitlines()[0]


def test_a_record_and_a_sidecar_as_sources(kft: Kft, project: Path) -> None:
    """Likewise."""
    run = run_with_checkpoints("second", load_settings({}, cwd=project))
    for number, path in enumerate((run.record, run.folder / "second.json")):
        assert kft("new", f"again{number}", "--from", str(path)).code == 0
        text = (project / "experiments" / f"again{number}.toml").read_text(encoding="utf-8")
        assert ALL.findall(text) == [sha256(path)]


@pytest.mark.parametrize("content", [b"[training]\nseed = 1\n", b"\xef\xbb\xbf[training]\r\nseed = 1\r\n"])
def test_an_experiment_has_the_hash_of_its_file(project: Path, content: bytes) -> None:
    """Also one that Windows' editor saved: its record names the file by this hash."""
    path = project / "experiments" / "saved.toml"
    path.write_bytes(content)
    assert load_experiment(path).sha256 == sha256(path)


@pytest.fixture
def photos(project: Path) -> Path:
    """Four pictures, three of them with captions."""
    folder = project / "photos"
    folder.mkdir()
    for number, name in enumerate("abcd"):
        Image.effect_noise((150 + number, 120), 50).convert("RGB").save(folder / f"{name}.png")
        if name != "d":
            (folder / f"{name}.txt").write_text(f"tag, {name * 9}", encoding="utf-8")
    return folder


def test_prepare_counts_and_hashes(kft: Kft, project: Path, photos: Path) -> None:
    """The manifest of what is there, and of a second run of which one source is gone."""
    said = kft("dataset", "prepare", "photos", "ready", "--size", "64").out
    assert "4 training images in ready: 4 made, 0 there before" in said
    assert "captions  1 without, 3 with; 3 copied" in said
    ready = project / "ready"
    pictures = json.loads((ready / "prepare.json").read_text(encoding="utf-8"))["pictures"]
    assert len(pictures) == 4
    for one in pictures:
        source, result = photos / one["source"], ready / one["result"]["name"]
        assert (one["sha256"], one["bytes"]) == (sha256(source), source.stat().st_size)
        assert (one["result"]["sha256"], one["result"]["bytes"]) == (sha256(result), result.stat().st_size)
        with Image.open(result) as image:
            assert one["result"]["size"] == list(image.size)
        assert one["captions"] == {name: sha256(ready / name) for name in one["captions"]}
    (photos / "a.png").unlink()
    (photos / "b.png").unlink()
    said = kft("dataset", "prepare", "photos", "ready", "--size", "64").out
    assert "2 training images in ready: 0 made, 2 there before" in said
    assert "captions  1 without, 1 with; 0 copied" in said


def test_stats_and_check_count_each_once(kft: Kft, project: Path, photos: Path) -> None:
    """Bytes are of images and captions; a folder that two data sets share is looked at once."""
    stats = json.loads(kft("dataset", "stats", "photos", "--json").out)
    assert (stats["images"], len(stats["without_caption"])) == (4, 1)
    assert stats["bytes"] == sum(path.stat().st_size for path in photos.iterdir())
    table = "[[dataset.datasets]]\nresolution = %d\nbatch_size = 1\n"
    table += f"[[dataset.datasets.subsets]]\nimage_dir = '{photos}'\n"
    (project / "experiments" / "twice.toml").write_text(
        "[dataset.general]\ncaption_extension = '.txt'\n" + table % 64 + table % 128, encoding="utf-8"
    )
    found = json.loads(kft("dataset", "check", "twice", "--json").out)
    assert (found["images"], found["captions"]) == (4, 3)


def test_a_subset_names_images_by_their_hashes(kft: Kft, project: Path, photos: Path) -> None:
    """And says how many there are."""
    assert kft("dataset", "subset", photos.name, "part", "--n", "3").code == 0
    found = json.loads((project / "part" / "subset.json").read_text(encoding="utf-8"))
    assert (found["n"], found["of"]) == (3, 4)
    there = {path.name: sha256(path) for path in (project / "part").glob("*.png")}
    assert {one["image"]: one["sha256"] for one in found["images"]} == there
    assert {one["caption"] for one in found["images"] if one["caption"]} == {
        path.name for path in (project / "part").glob("*.txt")
    }


def test_a_promotion_names_the_file(kft: Kft, project: Path) -> None:
    """In the line for sha256sum, in the card, in the note, and the size in both."""
    run = run_with_checkpoints("second", load_settings({}, cwd=project))
    assert kft("promote", run.run_id).code == 0
    folder = project / "models" / "second"
    model = folder / "second.safetensors"
    assert (folder / "second.safetensors.sha256").read_text() == f"{sha256(model)}  second.safetensors\n"
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"`{sha256(model)}`" in card
    assert f"| size | {model.stat().st_size / 1000:.0f} kB |" in card
    assert sha256(model)[:12] in run.notes.read_text(encoding="utf-8")


def test_a_bundle_of_a_run_is_its_files(kft: Kft, project: Path) -> None:
    """Byte for byte."""
    run = run_with_checkpoints("second", load_settings({}, cwd=project))
    assert kft("export-config", run.run_id, "--format", "bundle", "-o", "bundle").code == 0
    copies = [path for path in (project / "bundle" / "run").rglob("*") if path.is_file()]
    assert len(copies) == 4
    for copy in copies:
        assert sha256(copy) == sha256(run.folder / copy.relative_to(project / "bundle" / "run"))
