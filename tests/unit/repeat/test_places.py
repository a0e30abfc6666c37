"""Where the files of an archive are now."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from dataset_tools.scan.hashing import HashCache
from fork_wrapper.errors import InputError
from fork_wrapper.formats.source import open_source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.repeat.original import original_of
from fork_wrapper.repeat.places import NO_PROMPTS, Places, _Finder, find_places, is_below, name_of, parse_maps
from tests.builders.archives import Archived, archived, furnish

BASE = "training.pretrained_model_name_or_path"
IMAGES = "dataset.datasets[0].subsets[0].image_dir"
Moves = dict[str, tuple[str, str]]


@pytest.fixture
def machine(settings: Settings) -> Settings:
    """A machine with everything that a run needs, in small."""
    furnish(settings)
    return settings


@pytest.fixture
def one(machine: Settings, tmp_path: Path) -> Archived:
    """A real run's archive."""
    return archived("humanoid_05", machine, tmp_path / "archive")


@pytest.fixture
def places(machine: Settings) -> Callable[..., Places]:
    """What is found of an archive."""

    def find(path: Path, *maps: str) -> Places:
        original = original_of(open_source(str(path), machine), machine)
        return find_places(original, machine, parse_maps(maps), HashCache(machine.cache / "hashes.json"))

    return find


def moves(found: Places) -> Moves:
    """New path and who said so, by key, without the prompts."""
    return {move.key: (move.new, move.how) for move in found.moves if move.key != "training.sample_prompts"}


def test_copies_of_a_rehearsal_lie_in_this_machines_cache(machine: Settings, tmp_path: Path) -> None:
    """Those of the same choice; of another one, or of a name that leads elsewhere, nothing is known."""
    here = machine.cache / "rehearsal-sets" / "a1" / "luna"
    here.mkdir(parents=True)
    (machine.cache / "luna").mkdir()
    original = archived("humanoid_05", machine, tmp_path / "archive")
    opened = original_of(open_source(str(original.sidecar), machine), machine)
    finder = _Finder(replace(opened, rehearsal={}), machine, (), HashCache(tmp_path / "h.json"))
    found = {
        value: finder.find(IMAGES, f"/old/cache/{value}")
        for value in ("rehearsal-sets/a1/luna", "rehearsal-sets/b2/luna", "rehearsal-sets/../luna")
    }
    assert [None if move is None else move.new for move in found.values()] == [here.as_posix(), None, None]


def test_nothing_has_moved(one: Archived, machine: Settings, places: Callable[..., Places]) -> None:
    """Only the prompts, whose text the archive holds itself."""
    found = places(one.sidecar)
    assert moves(found) == {}
    assert found.training["sample_prompts"] == "{run}/sample_prompts.txt"
    text = (machine.experiments / "prompts" / "standard.txt").read_text(encoding="utf-8")
    assert found.files == {"sample_prompts.txt": text}


def test_a_base_model_is_found_by_its_sha256(one: Archived, machine: Settings, places: Callable[..., Places]) -> None:
    """Below `models`, deeper, and among others of its name."""
    old = machine.models / "sd_xl_base_1.0.safetensors"
    for folder in ("a", "b/c"):
        (machine.models / folder).mkdir(parents=True)
    right = machine.models / "b" / "c" / old.name
    shutil.move(old, right)
    save_file({"weight": np.ones(1)}, str(machine.models / "a" / old.name))
    assert moves(places(one.sidecar)) == {BASE: (right.as_posix(), "found below `models`")}
    save_file({"weight": np.ones(1)}, str(old))  # another one under the old name
    assert moves(places(one.sidecar)) == {BASE: (right.as_posix(), "found below `models`")}
    right.unlink()
    assert moves(places(one.sidecar)) == {}  # the comparison says that it is another one
    old.unlink()
    found = moves(places(one.sidecar))
    assert found == {BASE: ((machine.models / "a" / old.name).as_posix(), "found below `models`")}


def test_a_data_set_is_found_by_its_name(one: Archived, machine: Settings, places: Callable[..., Places]) -> None:
    """Of several of one name, that whose images have the recorded names."""
    old = machine.datasets / "humanoid"
    right = machine.datasets / "z" / "humanoid"
    right.parent.mkdir()
    shutil.move(old, right)
    (machine.datasets / "a" / "humanoid").mkdir(parents=True)
    assert moves(places(one.sidecar)) == {IMAGES: (right.as_posix(), "found below `datasets`")}
    shutil.rmtree(machine.datasets)
    assert moves(places(one.sidecar)) == {}


def test_maps_come_first(one: Archived, machine: Settings, places: Callable[..., Places], tmp_path: Path) -> None:
    """By how a path begins, name by name; one that fits nothing is an error, as one without both sides."""
    found = moves(places(one.sidecar, f"{machine.datasets}={tmp_path / 'new'}"))
    assert found == {IMAGES: ((tmp_path / "new" / "humanoid").as_posix(), "--map")}
    for wrong in ("/nowhere=/x", f"{machine.datasets}/human=/x"):
        with pytest.raises(InputError) as caught:
            places(one.sidecar, wrong)
        assert caught.value.findings[0].what == "no path of the archive begins with it"
    for wrong in ("x", "=x", "x="):
        with pytest.raises(InputError) as caught:
            parse_maps([wrong])
        assert caught.value.findings[0].what == "a --map needs OLD=NEW"


def test_prompts_of_a_checkpoint(one: Archived, machine: Settings, places: Callable[..., Places]) -> None:
    """They are where they were, or nobody knows them, and then none are drawn; --map says where they are."""
    there = machine.experiments / "prompts" / "standard.txt"
    assert places(one.checkpoint).files == {}
    moved = there.rename(machine.root / "moved.txt")
    found = places(one.checkpoint)
    assert found.files == {"sample_prompts.txt": NO_PROMPTS}
    assert found.training["sample_prompts"] == "{run}/sample_prompts.txt"
    mapped = places(one.checkpoint, f"{there}={moved}")
    assert (mapped.files, mapped.training["sample_prompts"]) == ({}, moved.as_posix())


def test_prompts_in_a_header_keep_their_form(one: Archived, machine: Settings) -> None:
    """What sd-scripts reads as JSON stays a file of that name."""
    original = original_of(open_source(str(one.checkpoint), machine), machine)
    told = replace(original, prompts="[]", training={**original.training, "sample_prompts": "/gone/p.json"})
    found = find_places(told, machine, parse_maps(()), HashCache(machine.cache / "hashes.json"))
    assert found.files == {"sample_prompts.json": "[]"}
    assert found.training["sample_prompts"] == "{run}/sample_prompts.json"


def test_paths_of_any_system() -> None:
    """Those of Windows on Linux, and names that only begin alike."""
    assert is_below("C:\\data\\set\\a", "c:/data")
    assert not is_below("/data/sets", "/data/set")
    assert is_below("/data/set", "/data/set")
    assert not is_below("/data/set/../../etc", "/data/set")
    assert not is_below("C:\\data", "/data")
    assert (name_of("C:\\models\\base.safetensors"), name_of("/models/base")) == ("base.safetensors", "base")


def test_a_map_to_the_home_folder() -> None:
    """No shell expands a tilde behind an equals sign."""
    assert parse_maps(["/old=~/new"]) == (("/old", (Path.home() / "new").as_posix()),)
    assert parse_maps(["/old=~nobody-at-all/x"])[0][1].endswith("/~nobody-at-all/x")
