"""What optimizers really keep for a tensor, against what is counted."""

import importlib
from typing import Any

import pytest

from fork_wrapper.check.gpu_memory import IN_BYTES, LIKE_WEIGHTS

pytestmark = [pytest.mark.trainer, pytest.mark.usefixtures("trainer_packages")]

SIDE = 256
NEEDS: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9},
    "SGD32bit": {"momentum": 0.9},
    "SGD8bit": {"momentum": 0.9},
}


@pytest.mark.parametrize("path", [*LIKE_WEIGHTS, *IN_BYTES])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_no_more_is_counted_than_is_kept(path: str, dtype: str) -> None:
    """After one step; 8-bit optimizers keep some constants more, and none of them more than a tenth."""
    import torch  # noqa: PLC0415 - seconds

    module, _, name = path.rpartition(".")
    try:
        made = getattr(importlib.import_module(module), name)
    except ImportError:
        pytest.skip(f"no {module} here")
    weight = torch.nn.Parameter(torch.randn(SIDE, SIDE).to(getattr(torch, dtype)))
    optimizer = made([weight], lr=1e-3, **NEEDS.get(name, {}))
    if hasattr(optimizer, "train"):
        optimizer.train()
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    kept = sum(one.numel() * one.element_size() for one in optimizer.state[weight].values() if torch.is_tensor(one))
    each = IN_BYTES.get(path) or LIKE_WEIGHTS[path] * weight.element_size()
    assert each * SIDE**2 <= kept < 1.1 * each * SIDE**2
