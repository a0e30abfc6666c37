"""Which folders are states, and which of them are whole."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.run.states import SMALL, Length, damage_of, find_states, identity_of, needed_files
from tests.builders.checkpoints import STATE_FILES, put_state

PLAIN: dict[str, Any] = {"learning_rate": 1e-5}


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("spoil", [Path.unlink, _half, _empty])
@pytest.mark.parametrize("name", STATE_FILES)
def test_half_a_state(tmp_path: Path, name: str, spoil: Callable[[Path], None]) -> None:
    """Whichever of its files is missing, cut off or empty: a kill, a full disk, a removal that was broken off."""
    folder = put_state(tmp_path / "one-000001-state")
    assert damage_of(folder, PLAIN) == ""
    spoil(folder / name)
    assert damage_of(folder, PLAIN) in (f"{name} missing", f"{name} cut off")


def test_a_file_beyond_the_needed_ones(tmp_path: Path) -> None:
    """Must be whole too: it is a part of the same writing."""
    folder = put_state(tmp_path / "one-000001-state", (*STATE_FILES, "optimizer_1.bin"))
    _half(folder / "optimizer_1.bin")
    assert damage_of(folder, PLAIN) == "optimizer_1.bin cut off"


@pytest.mark.parametrize(
    ("training", "needed"),
    [
        (PLAIN, STATE_FILES),
        (
            {"learning_rate": 1e-5, "train_text_encoder": True},
            ("model.safetensors", "model_1.safetensors", "model_2.safetensors", *STATE_FILES[1:]),
        ),
        (
            {"learning_rate": 1e-5, "train_text_encoder": True, "learning_rate_te2": 0.0},
            ("model.safetensors", "model_1.safetensors", *STATE_FILES[1:]),
        ),
        (
            {"learning_rate": 0.0, "train_text_encoder": True, "learning_rate_te1": 1e-5, "learning_rate_te2": 0.0},
            STATE_FILES,
        ),
        ({**PLAIN, "optimizer_type": "AdamWScheduleFree"}, (*STATE_FILES[:2], STATE_FILES[3])),
        ({**PLAIN, "mixed_precision": "fp16"}, (*STATE_FILES[:3], "scaler.pt", STATE_FILES[3])),
        ({**PLAIN, "deepspeed": True}, ("pytorch_model", "random_states_0.pkl")),
    ],
    ids=["the U-Net", "all three", "two of three", "an encoder", "no scheduler", "scaled", "deepspeed"],
)
def test_what_a_state_must_hold(training: dict[str, Any], needed: tuple[str, ...]) -> None:
    """A model for each part that learns, the optimizer, and what else accelerate keeps."""
    assert needed_files(training) == list(needed)


def test_the_newest_first(tmp_path: Path) -> None:
    """By the steps that were done, whatever set the saving off; other folders and files are none."""
    for name in ("one-step00000030-state", "one-000002-state", "one-state", "one-step00000010-state"):
        put_state(tmp_path / name)
    (tmp_path / "one-step00000030-state" / "random_states_0.pkl").unlink()
    for name in ("two-000001-state", "one-000001", "one-1-state", "one-stepx-state"):
        (tmp_path / name).mkdir()
    (tmp_path / "one-000009-state").write_text("a file")
    found = find_states(tmp_path, "one", PLAIN, Length(total_steps=40, steps_per_epoch=12))
    assert [(state.path.name, state.step, state.damage) for state in found] == [
        ("one-state", 40, ""),
        ("one-step00000030-state", 30, "random_states_0.pkl missing"),
        ("one-000002-state", 24, ""),
        ("one-step00000010-state", 10, ""),
    ]
    assert find_states(tmp_path / "nowhere", "one", PLAIN, Length(total_steps=40, steps_per_epoch=12)) == []


def test_an_epoch_of_unknown_length(tmp_path: Path) -> None:
    """Leaves the step unknown, and the state last."""
    put_state(tmp_path / "one-000002-state")
    put_state(tmp_path / "one-step00000001-state")
    found = find_states(tmp_path, "one", PLAIN, Length(total_steps=40, steps_per_epoch=None))
    assert [state.step for state in found] == [1, None]


def test_small_files_are_hashed(tmp_path: Path) -> None:
    """The others are known by their sizes."""
    folder = put_state(tmp_path / "one-state", ("scheduler.bin",))
    (folder / "model.safetensors").write_bytes(bytes(SMALL + 1))
    small = (folder / "scheduler.bin").read_bytes()
    assert identity_of(folder) == [
        {"name": "model.safetensors", "bytes": SMALL + 1, "sha256": None},
        {"name": "scheduler.bin", "bytes": len(small), "sha256": hashlib.sha256(small).hexdigest()},
    ]
