"""Checkpoints of a run folder: real safetensors files, whole and broken, and what their headers tell."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from fork_wrapper.errors import InputError
from fork_wrapper.records.checkpoints import (
    CONFIG_KEY,
    INPUTS_KEY,
    NO_POSITION,
    POSITION_KEY,
    RUN_KEY,
    embedded_config,
    find_checkpoints,
    inputs_of,
    is_whole,
    position_of,
    read_metadata,
    stamp_position,
)
from fork_wrapper.sdscripts.names import CheckpointName

CONFIG = {"training": {"seed": 0, "xformers": False}, "dataset": {}, "experiment": "niño 🦊"}
RUN = {"run": "one/20260102-030405"}
METADATA = {CONFIG_KEY: json.dumps(CONFIG), RUN_KEY: json.dumps(RUN), "modelspec.title": "one"}


def _save(path: Path, metadata: dict[str, str] | None = None) -> Path:
    """A small safetensors file as the trainer's own writer makes it."""
    tensors = {"a": np.zeros((2, 3), dtype=np.float16), "b": np.ones((4,), dtype=np.float32), "c": np.array(1.0)}
    save_file(tensors, str(path), metadata=metadata)
    return path


def test_a_whole_file(tmp_path: Path) -> None:
    """Its metadata, as they are."""
    path = _save(tmp_path / 'it\'s a "ñ" 🦊.safetensors', METADATA)
    assert read_metadata(path) == METADATA
    assert is_whole(path)


def test_a_file_without_metadata(tmp_path: Path) -> None:
    """No metadata is an empty one."""
    assert read_metadata(_save(tmp_path / "a.safetensors")) == {}


def test_a_growing_file_is_whole_at_its_last_byte(tmp_path: Path) -> None:
    """While the trainer writes, the file is no checkpoint; with the last byte it is; with one more it is broken."""
    whole = _save(tmp_path / "a.safetensors", METADATA).read_bytes()
    growing = tmp_path / "growing.safetensors"
    for length in (0, 1, 7, 8, 9, len(whole) // 2, len(whole) - 1, len(whole), len(whole) + 1):
        growing.write_bytes((whole + b"\0")[:length])
        assert is_whole(growing) is (length == len(whole))


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", b"\0" * 100, b"\xff" * 100, b"PK\x03\x04 a pickled checkpoint" * 9, b"\x02" + b"\0" * 7 + b"[]"],
    ids=["empty", "short", "zeros", "ones", "zip", "list"],
)
def test_what_is_no_safetensors_file(tmp_path: Path, content: bytes) -> None:
    """Anything else is answered with nothing, never with an exception."""
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    assert (read_metadata(path), is_whole(path)) == (None, False)


def test_what_is_no_file(tmp_path: Path) -> None:
    """A file that was pruned in the meantime and a folder are no checkpoints."""
    assert (read_metadata(tmp_path / "gone.safetensors"), read_metadata(tmp_path)) == (None, None)


def test_checkpoints_of_a_run_oldest_first(tmp_path: Path) -> None:
    """Checkpoints by age, whole or not; other files, other names and files below are none."""
    names = ["one-step00000003.safetensors", "one.safetensors", "one-000002.safetensors"]
    for age, name in enumerate(names):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (1000 + age, 1000 + age))
    for other in ("one-000001.json", "two.safetensors", "one-000001.ckpt"):
        (tmp_path / other).write_bytes(b"")
    (tmp_path / "one-state").mkdir()
    (tmp_path / "one-state" / "one-000009.safetensors").write_bytes(b"")
    found = find_checkpoints(tmp_path, "one")
    assert [one.path for one in found] == [tmp_path / name for name in names]
    assert [one.name for one in found] == [
        CheckpointName(kind="step", epoch=None, step=3),
        CheckpointName(kind="final", epoch=None, step=None),
        CheckpointName(kind="epoch", epoch=2, step=None),
    ]


def test_checkpoints_of_one_age_are_by_name(tmp_path: Path) -> None:
    """Files of the same second come in the order of their names; a missing folder has none."""
    for number in (3, 1, 2):
        (tmp_path / f"one-00000{number}.safetensors").write_bytes(b"")
        os.utime(tmp_path / f"one-00000{number}.safetensors", (1000, 1000))
    assert [one.name.epoch for one in find_checkpoints(tmp_path, "one")] == [1, 2, 3]
    assert find_checkpoints(tmp_path / "missing", "one") == []


def test_a_checkpoint_pruned_while_listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that sd-scripts deletes between listing and asking for its age does not end the listing."""
    for name in ("one-000001.safetensors", "one-000002.safetensors"):
        (tmp_path / name).write_bytes(b"")
    stat = Path.stat

    def pruned(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path.name == "one-000001.safetensors":
            raise FileNotFoundError(path)
        return stat(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", pruned)
    assert [one.name.epoch for one in find_checkpoints(tmp_path, "one")] == [1, 2]


def test_the_embedded_configuration(tmp_path: Path) -> None:
    """A checkpoint alone tells configuration, run and all of its header; values keep their types."""
    made = embedded_config(_save(tmp_path / "a.safetensors", METADATA))
    assert repr(made["training"]) == "{'seed': 0, 'xformers': False}"
    assert made == {**CONFIG, "run": RUN, "header": METADATA}


@pytest.mark.parametrize(
    "damage",
    [
        {"training": {"learning_rate": [1]}},
        {"training": {"lr_warmup_steps": None}},
        {"dataset": {"datasets": True}},
        {"dataset": {"datasets": [{"subsets": [1]}]}},
        {"dataset": {"general": {"bucket_reso_steps": None}}},
        {"experiment": 5},
    ],
)
def test_a_damaged_configuration(tmp_path: Path, damage: dict[str, object]) -> None:
    """Of another type than sd-scripts reads: said before anybody counts with it."""
    path = _save(tmp_path / "a.safetensors", {**METADATA, CONFIG_KEY: json.dumps({**CONFIG, **damage})})
    with pytest.raises(InputError, match="the kft configuration in its header is damaged"):
        embedded_config(path)


def test_a_checkpoint_without_its_run(tmp_path: Path) -> None:
    """Without the run's entry the configuration is still told."""
    path = _save(tmp_path / "a.safetensors", {CONFIG_KEY: json.dumps(CONFIG)})
    assert embedded_config(path)["run"] == {}


@pytest.mark.parametrize("content", [None, b"", b"garbage"])
def test_an_incomplete_checkpoint(tmp_path: Path, content: bytes | None) -> None:
    """A file that is not whole is the user's to get again."""
    path = tmp_path / "a.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        embedded_config(path)
    assert str(caught.value) == (
        f"cannot read a.safetensors\n- not a complete safetensors file\n  in {path}\n  -> copy or download it again"
    )


@pytest.mark.parametrize(
    ("metadata", "made_by"),
    [
        ({"modelspec.implementation_version": "sd-scripts/abc"}, "sd-scripts/abc"),
        ({"format": "pt"}, "another program"),
        ({}, "another program"),
    ],
)
def test_a_checkpoint_of_another_program(tmp_path: Path, metadata: dict[str, str], made_by: str) -> None:
    """A file that was not trained through kft is named with its maker and what to name instead."""
    path = _save(tmp_path / "a.safetensors", metadata or None)
    with pytest.raises(InputError) as caught:
        embedded_config(path)
    assert str(caught.value) == (
        "a.safetensors was not trained through kft\n"
        "- a model of a kind that kft does not know (3 tensors); its header holds no kft configuration "
        f"(written by {made_by})\n  in {path}\n"
        "  -> name its sidecar or config file instead"
    )


@pytest.mark.parametrize(
    "metadata",
    [
        {CONFIG_KEY: "{"},
        {CONFIG_KEY: "[]"},
        {CONFIG_KEY: "null"},
        {CONFIG_KEY: json.dumps(CONFIG), RUN_KEY: "not JSON"},
    ],
)
def test_a_garbled_configuration(tmp_path: Path, metadata: dict[str, str]) -> None:
    """A header that was edited or cut is wrong input that names the file."""
    path = _save(tmp_path / "a.safetensors", metadata)
    with pytest.raises(InputError) as caught:
        embedded_config(path)
    assert [one.where for one in caught.value.findings] == [str(path)]


def with_room(path: Path, room: str = NO_POSITION, *, spaced: bool = False) -> Path:
    """A checkpoint whose header has room for a position, written compactly as safetensors does, or as others do."""
    metadata = {POSITION_KEY: room, CONFIG_KEY: json.dumps({"x": f'"{POSITION_KEY}":"{NO_POSITION}"'})}
    header = {"__metadata__": metadata, "weight": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}
    text = json.dumps(header, separators=(", ", ": ") if spaced else (",", ":")).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(range(16)))
    return path


@pytest.mark.parametrize("spaced", [False, True])
def test_a_position_is_written_where_room_was_left(tmp_path: Path, spaced: bool) -> None:
    """Nothing else changes: not the length, not a tensor, not the time."""
    path = with_room(tmp_path / "a.safetensors", spaced=spaced)
    before, stat = path.read_bytes(), path.stat()
    assert stamp_position(path, 1200, 1860, 7)
    assert position_of(read_metadata(path) or {}) == {"step": 1200, "steps": 1860, "epoch": 7}
    after = path.read_bytes()
    assert (len(after), after[-16:]) == (len(before), before[-16:])
    assert path.stat().st_mtime_ns == stat.st_mtime_ns
    assert not stamp_position(path, 5, None, None), "the room is taken"
    assert path.read_bytes() == after


def test_a_write_that_breaks_off_anywhere_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    """Any mixture of old and new bytes is a readable header, and says either the position or nothing."""
    path = with_room(tmp_path / "a.safetensors")
    before = path.read_bytes()
    assert stamp_position(path, 1200, 1860, 7)
    after = path.read_bytes()
    changed = [index for index, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    assert len(changed) > 20
    for cut in changed[1:]:
        for torn in (after[:cut] + before[cut:], before[:cut] + after[cut:]):
            path.write_bytes(torn)
            metadata = read_metadata(path)
            assert metadata is not None
            assert position_of(metadata) is None


def test_what_has_no_room_or_is_shared_is_left_alone(tmp_path: Path) -> None:
    """A checkpoint of an older kft, one that has another name too, a file that is none, a link."""
    old = with_room(tmp_path / "old.safetensors", room="")
    shared = with_room(tmp_path / "shared.safetensors")
    os.link(shared, tmp_path / "second name.safetensors")
    target = with_room(tmp_path / "elsewhere.safetensors")
    link = tmp_path / "link.safetensors"
    link.symlink_to(target)
    short, broken = tmp_path / "short.safetensors", tmp_path / "broken.safetensors"
    short.write_bytes(b"abc")
    broken.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    for path in (old, shared, link, short, broken, tmp_path / "gone.safetensors"):
        before = path.read_bytes() if path.exists() else None
        assert not stamp_position(path, 1, 2, 3)
        assert (path.read_bytes() if path.exists() else None) == before


def test_what_a_checkpoint_was_made_from_is_data() -> None:
    """Facts of another shape are as good as unknown."""
    good = {"base_model": {"path": "a", "sha256": "b"}, "dataset": {"images": 3}, "sample_prompts": "a cat"}
    assert inputs_of({INPUTS_KEY: json.dumps(good)}) == good
    for bad in ("", "[1]", "{", '{"base_model": 3, "dataset": {"images": "x"}, "sample_prompts": 5}', "[" * 9999):
        assert inputs_of({INPUTS_KEY: bad}) == {}
    assert inputs_of({}) == {}
