"""The made-up base that real runs of the tests begin with."""

import hashlib
import math
from pathlib import Path

import pytest

from tests.builders.real_projects import BASE_SHA256
from tests.builders.sdxl_layout import sdxl_tensors, write_sparse

CHUNK = 1 << 24


def test_the_base_of_zeros_has_the_tensors_of_sdxl() -> None:
    """2,515 of them, U-Net and text encoders of the known sizes."""
    tensors = sdxl_tensors()
    parts = {
        prefix: sum(math.prod(shape) for name, shape in tensors.items() if name.startswith(prefix))
        for prefix in ("model.", "conditioner.embedders.0.", "conditioner.embedders.1.", "first_stage_model.")
    }
    assert (len(tensors), list(parts.values())) == (2515, [2567463684, 123060557, 694659841, 83653863])


@pytest.mark.long
def test_its_hash_is_the_known_one(tmp_path: Path) -> None:
    """That of its header and of seven gigabytes of zeros, which take ten seconds."""
    base = write_sparse(tmp_path / "base.safetensors", sdxl_tensors())
    with base.open("rb") as file:
        begin = file.read(8)
        digest = hashlib.sha256(begin + file.read(int.from_bytes(begin, "little")))
        left = base.stat().st_size - file.tell()
    for _ in range(left // CHUNK):
        digest.update(bytes(CHUNK))
    digest.update(bytes(left % CHUNK))
    assert digest.hexdigest() == BASE_SHA256
