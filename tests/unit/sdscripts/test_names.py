"""How sd-scripts names what it writes, and what a name tells."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fork_wrapper.sdscripts.names import CheckpointName, final_checkpoint, parse_checkpoint, parse_state

FINAL = CheckpointName(kind="final", epoch=None, step=None)


@pytest.mark.parametrize(
    ("tail", "name"),
    [
        ("", FINAL),
        ("-000001", CheckpointName(kind="epoch", epoch=1, step=None)),
        ("-1234567", CheckpointName(kind="epoch", epoch=1234567, step=None)),
        ("-step00000003", CheckpointName(kind="step", epoch=None, step=3)),
        ("-step123456789", CheckpointName(kind="step", epoch=None, step=123456789)),
        ("-00001", None),
        ("-step0000003", None),
        ("-000001-state", None),
        ("-step00000003-000001", None),
        ("_000001", None),
        ("-000001 (copy)", None),
        ("2", None),
    ],
)
@pytest.mark.parametrize("output_name", ["humanoid_05", "niño 🦊", "v1.5 [x]+(y)", "a-000001"])
def test_what_a_name_says(output_name: str, tail: str, name: CheckpointName | None) -> None:
    """Epoch, step and final checkpoints by their exact pattern, whatever the experiment's name holds."""
    assert parse_checkpoint(f"{output_name}{tail}.safetensors", output_name) == name


@pytest.mark.parametrize("output_name", ["humanoid_05", "niño 🦊", "v1.5 [x]+(y)", "a-000001"])
@pytest.mark.parametrize(
    ("tail", "name"),
    [
        ("-state", FINAL),
        ("-000001-state", CheckpointName(kind="epoch", epoch=1, step=None)),
        ("-step00000003-state", CheckpointName(kind="step", epoch=None, step=3)),
        ("", None),
        ("-000001", None),
        ("-state-state", None),
        ("-00001-state", None),
        ("-000001-state.tmp", None),
        ("-000001.safetensors", None),
    ],
)
def test_what_the_name_of_a_state_says(output_name: str, tail: str, name: CheckpointName | None) -> None:
    """After an epoch, at a step or at the end; a checkpoint is no state."""
    assert parse_state(f"{output_name}{tail}", output_name) == name


@pytest.mark.parametrize(
    "file",
    ["other.safetensors", "one.ckpt", "one.json", "one", "One.safetensors", "xone.safetensors", "", ".safetensors"],
)
def test_other_files(file: str) -> None:
    """Other suffixes, other names and other spellings are no checkpoints of the experiment."""
    assert parse_checkpoint(file, "one") is None


def test_the_final_checkpoint_is_one(tmp_path: Path) -> None:
    """The path given for the end of training is read back as such."""
    path = final_checkpoint(tmp_path, "v1.5")
    assert (path, parse_checkpoint(path.name, "v1.5")) == (tmp_path / "v1.5.safetensors", FINAL)


@given(st.text(min_size=1), st.integers(0, 10**9))
def test_names_come_back(output_name: str, number: int) -> None:
    """What the templates make is read back as the same number."""
    epoch = parse_checkpoint(f"{output_name}-{number:06d}.safetensors", output_name)
    step = parse_checkpoint(f"{output_name}-step{number:08d}.safetensors", output_name)
    assert epoch == CheckpointName(kind="epoch", epoch=number, step=None)
    assert step == CheckpointName(kind="step", epoch=None, step=number)
