"""Files of other programs in a folder of their own."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write a file: bytes and text as they are, everything else as JSON."""

    def maker(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, (str, bytes)) else json.dumps(content)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return maker


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[[str, Mapping[str, str]], Path]:
    """Write a small safetensors file with this header."""

    def maker(name: str, metadata: Mapping[str, str]) -> Path:
        path = tmp_path / name
        save_file({"a": np.zeros(1, dtype=np.float32)}, path, metadata=dict(metadata))
        return path

    return maker
