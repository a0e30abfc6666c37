"""Names that strangers wrote into files lead nowhere: every reader of names, every kind of name that leads elsewhere.

Outside of the folder that a file is about nothing is made, changed or removed, and nothing of what lies there comes
into what kft prints or writes.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from dataset_tools.prepare.one import Choices
from fork_wrapper.machine.settings import load_settings
from fork_wrapper.records.run_folder import RunFolder
from tests.builders.checkpoints import run_with_checkpoints
from tests.cli.conftest import Answer

Kft = Callable[..., Answer]
SECRET = "VICTIMS-OWN-WORDS"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A stranger's run, pictures and results, and beside the project somebody else's files."""

    project: Path
    run: RunFolder
    victim: Path

    @property
    def photos(self) -> Path:
        """Pictures."""
        return self.project / "photos"

    @property
    def ready(self) -> Path:
        """What is made of them."""
        return self.project / "ready"

    def change(self, path: Path, change: Callable[[Any], None]) -> None:
        """A JSON file, changed in place."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        change(raw)
        path.write_text(json.dumps(raw), encoding="utf-8")


@pytest.fixture
def place(project: Path) -> Place:
    """As above; the victim's files have the endings that kft writes and removes."""
    victim = project.parent / "victim"
    victim.mkdir()
    for name in ("t.txt", "t.json", "t.toml", "t.png", "t.part", "t-rehearsal.txt"):
        (victim / name).write_text(f'"{SECRET}"', encoding="utf-8")
    save_file({"a": np.zeros(3)}, victim / "t.safetensors", metadata={"of": SECRET})
    (project / "photos").mkdir()
    Image.new("RGB", (100, 100), "red").save(project / "photos" / "a.png")
    (project / "photos" / "a.txt").write_text("red")
    run = run_with_checkpoints("second", load_settings({}, cwd=project))
    return Place(project=project, run=run, victim=victim)


def hostile(victim: Path, base: Path) -> Iterator[str]:
    """What leads to the victim from a folder, on this system or another, and what is a name on none."""
    near = os.path.relpath(victim, base).replace(os.sep, "/")
    yield from (f"{near}/t.safetensors", f"{victim}/t.safetensors", f"{near}/t.txt", f"./{near}/t")
    yield f"{near}/t.safetensors".replace("/", "\\")
    yield from ("..", "", "C:\\x.safetensors", "second.safetensors:stream", "con.safetensors", "a\0b", "record. ")
    yield from ("line\nbreak\x1b[2J\x9b31mx.safetensors", "\ud800.safetensors", "x" * 300)


def state(folder: Path, inside: tuple[Path, ...]) -> dict[str, bytes | None]:
    """Everything below a folder but for what lies in these, with its bytes."""
    found: dict[str, bytes | None] = {}
    for path in folder.rglob("*"):
        if not any(path.is_relative_to(one) for one in inside):
            found[str(path)] = path.read_bytes() if path.is_file() and not path.is_symlink() else None
    return found


def outputs(place: Place) -> Iterator[Path]:
    """All files that are not the victim's."""
    for path in place.project.parent.rglob("*"):
        if path.is_file() and not path.is_symlink() and not path.is_relative_to(place.victim):
            yield path


# --- the readers: how a name gets into a file, and what is asked of kft then ------------------------------------------

Plant = Callable[[Place, str], None]
READERS: dict[str, tuple[Callable[[Place], Path], Plant, tuple[tuple[str, ...], ...]]] = {}
"""By name: the folder that names belong to, how one is planted, and the calls that read it."""

RUN = ("{run}",)


def reader(name: str, base: Callable[[Place], Path], *calls: tuple[str, ...]) -> Callable[[Plant], Plant]:
    """A reader: its name, the folder, the calls; the function plants a name."""

    def add(plant: Plant) -> Plant:
        READERS[name] = (base, plant, calls)
        return plant

    return add


def run_folder(place: Place) -> Path:
    """Where names of checkpoints belong."""
    return place.run.folder


def all_runs(place: Place) -> Path:
    """Where names of experiments and runs belong."""
    return place.run.folder.parent.parent


def of_record(*path: Any) -> Plant:
    """A name that stands at this place of the record, and of both sidecars."""

    def plant(place: Place, name: str) -> None:
        def change(raw: dict[str, Any]) -> None:
            at: Any = raw
            for part in path[:-1]:
                at = at[part]
            at[path[-1]] = name

        for file in (place.run.record, *place.run.folder.glob("second*.json")):
            place.change(file, change)

    return plant


ASKED = (
    ("archive", "{run}"),
    ("show", "{run}"),
    ("list",),
    ("log", "{run}"),
    ("resume", "{run}", "--check"),
    ("reproduce", "{sidecar}", "--check"),
    ("note", "{run}", "a note"),
    ("promote", "{sidecar}", "--to", "out"),
    ("document", "{run}"),
    ("report", "{run}", "-o", "report.html"),
    ("export-config", "{run}", "--format", "bundle", "-o", "bundle"),
    ("export-config", "{sidecar}", "--format", "bundle", "-o", "bundle2"),
    ("new", "third", "--from", "{run}"),
    ("import-config", "{sidecar}", "--name", "fourth"),
    ("diff", "{run}", "first"),
)
"""Every verb that reads a record or a sidecar."""


@reader("record: checkpoints", run_folder, *ASKED)
def _checkpoints(place: Place, name: str) -> None:
    entry = {"file": name, "kind": "final", "bytes": 1, "sha256": "0" * 64, "step": 1, "epoch": 1, "loss": 0.1}
    place.change(place.run.record, lambda raw: raw.update(checkpoints=[entry]))


reader("record: experiment", all_runs, *ASKED)(of_record("experiment", "name"))
reader("record: id", all_runs, *ASKED)(of_record("run", "id"))
reader("record: parent", all_runs, *ASKED)(of_record("run", "parent"))
reader("record: files of the experiment", all_runs, *ASKED)(of_record("experiment", "files", 0, "name"))
reader("record: output_name", run_folder, *ASKED)(of_record("training", "output_name"))
reader("record: prompts in its folder", run_folder, *ASKED)(
    lambda place, name: of_record("training", "sample_prompts")(place, f"{place.run.folder}/{name}")
)


@reader("record: lineage", all_runs, *ASKED)
def _lineage(place: Place, name: str) -> None:
    of_record("lineage")(place, {"kind": "resume", "parent": name, "step": 1, "epoch": 1})  # type: ignore[arg-type]


@reader("record: names of images", all_runs, *ASKED)
def _images(place: Place, name: str) -> None:
    folder = {"folder": name, "subset": "dataset.datasets[0].subsets[0]", "files": {name: ["0" * 64, None]}}
    of_record("provenance", "dataset", "folders")(place, [folder])  # type: ignore[arg-type]


@reader("sidecar: checkpoint", run_folder, *ASKED)
def _sidecar(place: Place, name: str) -> None:
    for file in place.run.folder.glob("second*.json"):
        place.change(file, lambda raw: raw["checkpoint"].update(file=name))


def header(place: Place, **values: Any) -> None:
    """A lone checkpoint whose header says so."""
    config = {"training": {"seed": 1}, "dataset": {}, "experiment": values.get("experiment", "second")}
    run = {"run": values.get("run", "second/1"), "trainer": "sd-scripts"}
    said = {"modelspec.kft_config": json.dumps(config), "modelspec.kft_run": json.dumps(run)}
    save_file({"a": np.zeros(3)}, place.project / "lone.safetensors", metadata=said)


OF_LONE = (
    ("show", "lone.safetensors"),
    ("export-config", "lone.safetensors", "--format", "bundle", "-o", "bundle"),
    ("reproduce", "lone.safetensors", "--check"),
    ("promote", "lone.safetensors", "--to", "out"),
    ("import-config", "lone.safetensors"),
    ("new", "third", "--from", "lone.safetensors"),
    ("note", "lone.safetensors", "a note"),
)
reader("header: experiment", all_runs, *OF_LONE)(lambda place, name: header(place, experiment=name))
reader("header: run", all_runs, *OF_LONE)(lambda place, name: header(place, run=name))

PREPARE = (
    ("dataset", "prepare", "photos", "ready", "--size", "64"),
    ("dataset", "prepare", "photos", "ready", "--size", "64", "--prune"),
    ("dataset", "check", "ready"),
    ("dataset", "stats", "ready"),
)


def results(place: Place) -> Path:
    """Where names of results belong."""
    return place.ready


def prepared(place: Place, entry: Mapping[str, Any]) -> None:
    """A manifest of results with one line."""
    choices = Choices(size=(64, 64)).as_json()
    place.ready.mkdir(exist_ok=True)
    manifest = {"form": 1, "complete": True, "choices": choices, "made_by": {}, "pictures": [entry]}
    (place.ready / "prepare.json").write_text(json.dumps(manifest))


def sha256_of(place: Place, name: str) -> str:
    """Of the file that a name leads to, if it leads to one: what makes it look like our own."""
    path = place.ready / name if "\0" not in name and len(name) < 250 and "\ud800" not in name else place.ready
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "0" * 64


@reader("prepare.json: result", results, *PREPARE)
def _result(place: Place, name: str) -> None:
    result = {"name": name, "sha256": sha256_of(place, name), "upscaled": False}
    prepared(place, {"source": "gone.png", "sha256": "1" * 64, "result": result, "captions": {}})


@reader("prepare.json: captions", results, *PREPARE)
def _captions(place: Place, name: str) -> None:
    result = {"name": "a.png", "sha256": "0" * 64, "upscaled": False}
    captions = {name: sha256_of(place, name)}
    prepared(place, {"source": "a.png", "sha256": "1" * 64, "result": result, "captions": captions})


@reader("prepare.json: source", results, *PREPARE)
def _source(place: Place, name: str) -> None:
    result = {"name": "a.png", "sha256": "0" * 64, "upscaled": False}
    prepared(place, {"source": name, "sha256": sha256_of(place, name), "result": result, "captions": {}})


@reader("journal of prepare", results, *PREPARE)
def _journal(place: Place, name: str) -> None:
    prepared(place, {"source": "a.png", "sha256": "1" * 64, "captions": {}})
    (place.ready / ".prepare").mkdir(exist_ok=True)
    result = {"name": name, "sha256": sha256_of(place, name), "upscaled": False}
    line = ["gone.png", {"sha256": "1" * 64, "result": result, "captions": {name: sha256_of(place, name)}}]
    (place.ready / ".prepare" / "journal.jsonl").write_text(json.dumps(line) + "\n")


IN_PHOTOS = (
    ("dataset", "check", "photos", "--fix", "--yes"),
    ("dataset", "stats", "photos"),
    ("dataset", "subset", "photos", "part", "--n", "1"),
    ("dataset", "prepare", "photos", "ready", "--size", "64"),
)


def photos(place: Place) -> Path:
    """Where names of pictures belong."""
    return place.photos


@reader("metadata_cache.json", photos, *IN_PHOTOS)
def _metadata_cache(place: Place, name: str) -> None:
    listed = {name: {"caption": "x", "resolution": [100, 100]}}
    (place.photos / "metadata_cache.json").write_text(json.dumps(listed))


@reader("subset.json, moved.json, .kft-samples", photos, *IN_PHOTOS)
def _manifests(place: Place, name: str) -> None:
    (place.photos / "subset.json").write_text(json.dumps({"kind": "subset", "images": [{"image": name}]}))
    (place.photos / "moved.json").write_text(json.dumps([{"moved": [name]}, {"renamed": name, "to": name}]))
    (place.photos / ".kft-samples.json").write_text(json.dumps({"version": name}))


@reader(
    "metadata_file",
    photos,
    ("check", "meta"),
    ("plan", "meta"),
    ("dataset", "check", "meta", "--fix", "--yes"),
    ("dataset", "check", "meta.json", "--fix", "--yes"),
    ("dataset", "stats", "meta.json"),
    ("dataset", "subset", "meta.json", "part", "--n", "1"),
)
def _metadata_file(place: Place, name: str) -> None:
    (place.project / "meta.json").write_text(json.dumps({name: {"caption": "x", "train_resolution": [64, 64]}}))
    subset = f"metadata_file = '{place.project / 'meta.json'}'\nimage_dir = '{place.photos}'\n"
    text = f"[[dataset.datasets]]\nresolution = 64\nbatch_size = 1\n[[dataset.datasets.subsets]]\n{subset}"
    (place.project / "experiments" / "meta.toml").write_text(text)


@reader("dataset-manifest.json", run_folder, ("archive", "{run}"), ("show", "{run}"), ("document", "{run}"))
def _dataset_manifest(place: Place, name: str) -> None:
    place.run.dataset_manifest.write_text(json.dumps({"folders": [{"folder": name, "files": {name: []}}]}))


@reader("notes.jsonl", run_folder, ("show", "{run}"), ("note", "{run}"), ("document", "{run}"), ("list",))
def _notes(place: Place, name: str) -> None:
    place.run.notes.write_text(json.dumps({"time": name, "text": name, "problems": [name], "decision": name}) + "\n")


@reader(
    "output_name of a foreign config",
    lambda place: place.project / "experiments",
    ("import-config", "foreign.toml"),
    ("import-config", "foreign.json"),
    ("new", "third", "--from", "foreign.toml"),
    ("export-config", "foreign.toml", "--format", "gui-finetune", "-o", "out"),
    ("export-config", "foreign.toml", "--format", "bundle", "-o", "bundle"),
)
def _foreign(place: Place, name: str) -> None:
    quoted = json.dumps(name) if "\ud800" not in name else '"x"'
    (place.project / "foreign.toml").write_text(f"output_name = {quoted}\nseed = 1\n")
    form = {"output_name": name, "LR_scheduler": "constant", "sdxl": True, "train_batch_size": 1, "epoch": 1}
    (place.project / "foreign.json").write_text(json.dumps(form))


@reader(
    "extends",
    lambda place: place.project / "experiments",
    ("check", "child"),
    ("plan", "child"),
    ("diff", "child", "first"),
)
def _extends(place: Place, name: str) -> None:
    quoted = json.dumps(name) if "\ud800" not in name else '"x"'
    (place.project / "experiments" / "child.toml").write_text(f"extends = {quoted}\n")


@reader("remembered records", all_runs, ("list",), ("report", "-o", "report.html"))
def _remembered(place: Place, name: str) -> None:
    cache = load_settings({}, cwd=place.project).cache
    for file in cache.rglob("*.json"):
        place.change(file, lambda raw: raw.update({name: {**raw}}) if isinstance(raw, dict) else None)


SEEN = 24
"""Readers above; whoever adds one adds it here."""


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_name_leads_nowhere(kft: Kft, place: Place, name: str, tmp_path: Path) -> None:
    """Neither is anything outside touched, nor does kft fail as by a bug, nor is a terminal driven."""
    base, plant, calls = READERS[name]
    shutil.copytree(place.project, tmp_path / "as-it-was")
    for wrong in hostile(place.victim, base(place)):
        plant(place, wrong)
        made = tuple(place.project / one for one in ("out", "bundle", "bundle2", "report.html", "ready", "part"))
        own = (*made, place.run.folder, place.photos, place.project / "experiments", tmp_path / "as-it-was")
        before = state(tmp_path, own)
        for call in calls:
            words = {"run": str(place.run.folder), "sidecar": str(place.run.folder / "second.json")}
            answer = kft(*(word.format(**words) for word in call))
            assert answer.code in (0, 1, 2), (wrong, call, answer.err)
            assert SECRET not in answer.out + answer.err, (wrong, call)
            assert not set(answer.out + answer.err) & set("\x1b\x9b\0\x07"), (wrong, call)
        assert state(tmp_path, own) == before, wrong
        assert not [path for path in outputs(place) if SECRET.encode() in path.read_bytes()], wrong
        shutil.rmtree(place.project)
        shutil.copytree(tmp_path / "as-it-was", place.project)
        os.chdir(place.project)


def test_all_readers_are_tried() -> None:
    """And each of them with what leads out of its folder."""
    assert len(READERS) == SEEN
    assert all(calls for _base, _plant, calls in READERS.values())
    assert len(list(hostile(Path("/victim"), Path("/a/b")))) == 15


NAMES = (
    (("import-config", "foreign.toml", "--name"), ()),
    (("new",), ("--from", "first")),
    (("promote", "{sidecar}", "--name"), ()),
)


@pytest.mark.parametrize(("before", "after"), NAMES)
def test_a_name_on_the_command_line_is_one(
    kft: Kft, place: Place, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    """Where a file or folder gets it."""
    (place.project / "foreign.toml").write_text("seed = 1\n")
    was = state(place.project.parent, ())
    for name in hostile(place.victim, place.project / "experiments"):
        if name and not {"\0", "\ud800"} & set(name):
            words = [word.format(sidecar=place.run.folder / "second.json") for word in before]
            assert kft(*words, name, *after).code == 2, name
    assert state(place.project.parent, ()) == was


# --- links ------------------------------------------------------------------------------------------------------------

needs_links = pytest.mark.skipif(os.name == "nt", reason="links cannot be made there")


@needs_links
def test_links_in_a_run_lead_nowhere(kft: Kft, place: Place) -> None:
    """Log, samples, curves, notes, checkpoints, states, anything else: not read, not written, not handed on."""
    run = place.run
    run.log.unlink()
    links = {
        "train.log": "t.txt",
        "notes.jsonl": "t.txt",
        "second-000001.safetensors": "t.safetensors",
        "second-000001-state": "",
        "extra.txt": "t.txt",
    }
    for name, target in links.items():
        (run.folder / name).symlink_to(place.victim / target)
    Image.new("RGB", (64, 64)).save(place.victim / "drawn.png")
    for folder, name, target in (
        ("sample", "second_e000001_00_20260101000000_1.png", "drawn.png"),
        ("logs", "events.out.tfevents.1.x", "t.txt"),
    ):
        (run.folder / folder).mkdir()
        (run.folder / folder / name).symlink_to(place.victim / target)
    before = state(place.victim, ())
    for call in ASKED:
        words = {"run": str(run.folder), "sidecar": str(run.folder / "second.json")}
        answer = kft(*(word.format(**words) for word in call))
        assert answer.code in (0, 1, 2), (call, answer.err)
        assert SECRET not in answer.out + answer.err
    assert state(place.victim, ()) == before
    assert not (run.folder / "second-000001.json").exists()
    assert not [path for path in outputs(place) if SECRET.encode() in path.read_bytes()]
    handed = {path.name for path in (place.project / "bundle").rglob("*")}
    assert "record.json" in handed
    assert not handed & {"extra.txt", "train.log", "notes.jsonl", "second_e000001_00_20260101000000_1.png"}
    answer = kft("promote", str(run.folder), "--checkpoint", "second-000001.safetensors")
    assert answer.code == 2


@needs_links
def test_links_among_results_lead_nowhere(kft: Kft, place: Place) -> None:
    """A folder of results, its work folder or what is in that: a link is refused before anything is written."""
    (place.photos / "sub").mkdir()
    Image.new("RGB", (100, 100)).save(place.photos / "sub" / "b.png")
    before = state(place.victim, ())
    for link in ("sub", ".prepare", ".prepare/journal.jsonl", ".prepare/lock", ".prepare/0.part"):
        prepared(place, {"source": "a.png", "sha256": "1" * 64, "captions": {}})
        path = place.ready / link
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(place.victim if path.parent == place.ready else place.victim / "t.txt")
        answer = kft("dataset", "prepare", "photos", "ready", "--size", "64", "--prune")
        assert (answer.code, "link" in answer.err) == (2, True), link
        assert state(place.victim, ()) == before, link
        shutil.rmtree(place.ready)


@needs_links
def test_what_is_moved_aside_stays_in_its_folder(kft: Kft, place: Place) -> None:
    """Whatever `kft-aside` and `caption_backup` are."""
    (place.photos / "a.txt").write_bytes(b"\xef\xbb\xbfred")
    rules = place.project / "rules.toml"
    rules.write_text("prepend = ['x']\n")
    before = state(place.victim, ())
    for name in ("kft-aside", "caption_backup"):
        (place.photos / name).symlink_to(place.victim)
    assert kft("dataset", "check", "photos", "--fix", "--yes").code == 2
    assert kft("dataset", "caption", "photos", "--rules", "rules.toml", "--apply").code == 2
    assert state(place.victim, ()) == before


def test_a_caption_elsewhere_is_not_written(kft: Kft, place: Place) -> None:
    """Four underscores in a path make sd-scripts read a caption outside of the folder."""
    folder = place.project / "set_a_b_c_d"
    folder.mkdir()
    Image.new("RGB", (100, 100)).save(folder / "x.png")
    (place.project / "set.txt").write_bytes(b"\xef\xbb\xbfelsewhere")
    (place.project / "rules.toml").write_text("prepend = ['x']\n")
    before = state(place.project, (folder,))
    kft("dataset", "check", str(folder), "--fix", "--yes")
    kft("dataset", "caption", str(folder), "--rules", "rules.toml", "--apply")
    assert state(place.project, (folder,)) == before
