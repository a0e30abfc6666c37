"""What `.npz` files hold, read without numpy and compared with it."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.scan.npz_files import NpzContent, read_npz

if TYPE_CHECKING:
    from pathlib import Path

LATENTS = {"latents": (4, 128, 96), "original_size": (2,), "crop_ltrb": (4,)}


def _write(path: Path, *, compressed: bool = False, **arrays: Any) -> Path:
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return path


@pytest.mark.parametrize("compressed", [False, True])
def test_names_and_shapes(tmp_path: Path, compressed: bool) -> None:
    """Those of latents as sd-scripts writes them, compressed or not."""
    latents = np.ones((4, 128, 96), dtype=np.float32)
    path = _write(
        tmp_path / "a.npz",
        compressed=compressed,
        latents=latents,
        original_size=np.array([768, 1024]),
        crop_ltrb=np.array([0, 0, 1, 2]),
    )
    assert read_npz(path) == NpzContent(arrays=LATENTS, nan=False)


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8", ">f2", ">f4", ">f8"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("place", [0, 777, 300_000])
def test_finds_nan(tmp_path: Path, kind: str, sign: float, place: int) -> None:
    """Of either sign, in every kind of float, wherever it stands; infinity and the largest numbers are none."""
    numbers = np.zeros(300_001, dtype=kind)
    numbers[:3] = np.inf, -np.inf, np.finfo(kind).max
    assert read_npz(_write(tmp_path / "a.npz", latents=numbers)) == NpzContent(
        arrays={"latents": (300_001,)}, nan=False
    )
    numbers[place] = sign * np.nan
    content = read_npz(_write(tmp_path / "b.npz", whole=np.full(3, 0x7FC0_0000, dtype="<i4"), latents=numbers))
    assert content == NpzContent(arrays={"whole": (3,), "latents": (300_001,)}, nan=True)


@given(st.lists(st.floats(width=16), min_size=1), st.sampled_from(["<f2", "<f4", ">f8"]))
def test_agrees_with_numpy(tmp_path_factory: pytest.TempPathFactory, numbers: list[float], kind: str) -> None:
    """About any numbers."""
    array = np.array(numbers, dtype=kind)
    content = read_npz(_write(tmp_path_factory.mktemp("npz") / "a.npz", one=array))
    assert content == NpzContent(arrays={"one": (len(numbers),)}, nan=bool(np.isnan(array).any()))


def test_an_array_of_no_dimension_and_one_of_no_length(tmp_path: Path) -> None:
    """Both are arrays."""
    content = read_npz(_write(tmp_path / "a.npz", one=np.float32(1), none=np.zeros((0, 4))))
    assert content == NpzContent(arrays={"one": (), "none": (0, 4)}, nan=False)


def test_damage(tmp_path: Path) -> None:
    """A file cut off, one with a wrong byte, and what was never one."""
    path = _write(tmp_path / "a.npz", latents=np.ones((4, 64, 64), dtype=np.float32))
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert read_npz(path) is None
    path.write_bytes(whole[:5000] + b"\xff" + whole[5001:])
    assert read_npz(path) is None
    path.write_bytes(b"")
    assert read_npz(path) is None
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("latents.npy", b"\x93NUMPY\x01\x00\x05\x00{'a':")
    assert read_npz(path) is None


def test_a_missing_file(tmp_path: Path) -> None:
    """It is for the caller to know."""
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "absent.npz")
