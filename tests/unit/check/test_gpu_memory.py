"""The least GPU memory of a configuration: exact counts, every term, and never more than anybody measured."""

import math
from collections.abc import Mapping
from typing import Any

import pytest

from fork_wrapper.check.gpu_memory import IN_BYTES, LIKE_WEIGHTS, GpuMemory, gpu_memory, shares_out, state_bytes
from fork_wrapper.check.measured import published_rows
from fork_wrapper.check.rules.case import Case, Host
from fork_wrapper.check.rules.optimizers import classes
from fork_wrapper.sdscripts import sizes
from tests.builders.sdxl_layout import sdxl_tensors

UNET, FIRST, SECOND = (
    "model.diffusion_model.",
    "conditioner.embedders.0.transformer.text_model.",
    "conditioner.embedders.1.",
)
NO_WEIGHTS = ("position_ids", "logit_scale")
SELECTED: Mapping[str, Any] = {
    "learning_rate": 4e-6,
    "train_text_encoder": True,
    "learning_rate_te1": 1e-6,
    "learning_rate_te2": 0.0,
    "mixed_precision": "fp16",
    "optimizer_type": "AdamW8bit",
    "cache_latents": True,
    "no_half_vae": True,
}
"""What decides in humanoid_05."""
SMALL: Mapping[str, Any] = {
    **SELECTED,
    "mixed_precision": "bf16",
    "full_bf16": True,
    "optimizer_type": "Adafactor",
    "fused_backward_pass": True,
}
BLOCKS = "0,0,0,0,0,0,0,0,0,0,1e-5,1e-5,1e-5,0,0,0,0,0,0,0,0,0,0"


def least(processes: int = 1, **said: Any) -> GpuMemory:
    """Of options over those of the selected experiment."""
    host = Host(packages=None, cuda=True, processes=processes)
    found = gpu_memory(Case(training={**SELECTED, **said}, dataset={}, host=host))
    assert found is not None
    return found


def shapes(prefix: str) -> dict[str, tuple[int, ...]]:
    """Trainable tensors of a part; those that OpenCLIP keeps in one and transformers in three, as three."""
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in sdxl_tensors().items():
        if not name.startswith(prefix) or name.endswith(NO_WEIGHTS):
            continue
        parts = 3 if "in_proj_" in name else 1
        found |= {f"{name.removeprefix(prefix)}/{one}": (shape[0] // parts, *shape[1:]) for one in range(parts)}
    return found


def kept(shape: tuple[int, ...]) -> int:
    """Numbers of Adafactor for one tensor."""
    if len(shape) < 2:
        return math.prod(shape)
    return math.prod(shape[:-1]) + math.prod((*shape[:-2], shape[-1]))


def block(name: str) -> int:
    """As sdxl_train.py:get_block_params_to_optimize counts."""
    first, second, *_ = name.split(".")
    if first in ("time_embed", "label_emb"):
        return 0
    return 22 if first == "out" else {"input_blocks": 1, "middle_block": 10, "output_blocks": 13}[first] + int(second)


def test_counts_are_those_of_the_layout() -> None:
    """Parameters of each part and block, what Adafactor keeps of them, and what gets no gradient."""
    unet, first, second = shapes(UNET), shapes(FIRST), shapes(SECOND)
    assert len(unet) == 1680
    assert sum(map(math.prod, unet.values())) == sizes.UNET == sum(sizes.UNET_BLOCKS)
    assert sum(map(math.prod, first.values())) == sizes.TEXT_ENCODER_1
    assert sum(map(math.prod, second.values())) == sizes.TEXT_ENCODER_2
    assert sum(math.prod(shape) for shape in shapes("first_stage_model.").values()) == sizes.VAE
    for counts, count in ((sizes.UNET_BLOCKS, math.prod), (sizes.FACTORED_UNET_BLOCKS, kept)):
        found = [0] * 23
        for name, shape in unet.items():
            found[block(name)] += count(shape)
        assert tuple(found) == counts
    assert (sum(map(kept, first.values())), sum(map(kept, second.values()))) == sizes.FACTORED
    idle = [shape for name, shape in first.items() if name.startswith(("encoder.layers.11.", "final_layer_norm."))]
    assert len(idle) == 18
    assert (sum(map(math.prod, idle)), sum(map(kept, idle))) == (sizes.IDLE_1, sizes.IDLE_1_FACTORED)


def test_the_selected_experiment_in_its_terms() -> None:
    """fp32 weights and gradients of what learns, 16 bits of the frozen encoder, two bytes of optimizer for each."""
    learnt = sizes.UNET + sizes.TEXT_ENCODER_1 - sizes.IDLE_1
    found = {(term.kind, term.part): term.bytes for term in least().terms}
    assert found == {
        ("weights", "U-Net"): 4 * sizes.UNET,
        ("weights", "text encoder 1"): 4 * sizes.TEXT_ENCODER_1,
        ("weights", "text encoder 2"): 2 * sizes.TEXT_ENCODER_2,
        ("gradients", "U-Net"): 4 * sizes.UNET,
        ("gradients", "text encoder 1"): 4 * (sizes.TEXT_ENCODER_1 - sizes.IDLE_1),
        ("optimizer", "AdamW8bit"): 2 * learnt,
    }
    assert (least().mib, least(**SMALL).mib) == (26943, 7389)


@pytest.mark.parametrize(
    ("said", "mib"),
    [
        ({"train_text_encoder": False}, 26044),
        ({"cache_latents": False}, 26943 + 319),
        ({"cache_latents": False, "no_half_vae": False}, 26943 + 159),
        ({"train_text_encoder": False, "cache_text_encoder_outputs": True}, 24485),
        ({"optimizer_type": "AdamW"}, 42296),
        ({"optimizer_type": "Lion8bit"}, 24384),
        ({"optimizer_type": "SGDNesterov"}, 32061),
        ({"optimizer_type": "SGD"}, 21825),
        ({"optimizer_type": "Prodigy"}, 62769),
        ({"optimizer_type": "Prodigy", "optimizer_args": ["slice_p=11"]}, 32061),
        ({"optimizer_type": "PagedAdamW8bit"}, 21825),
        ({"optimizer_type": "AdamW8bit", "optimizer_args": ["is_paged=True"]}, 21825),
        ({"optimizer_type": "some.Optimizer"}, 21825),
        ({"fused_optimizer_groups": 10}, 26943 - 10236 + 853),
        ({"full_fp16": True}, 26943 - 4897 - 234 - 5118),
        ({"mixed_precision": "no"}, 26943 + 1325),
        ({"learning_rate": 0.0, "learning_rate_te1": 1e-6}, 7354),
        ({"block_lr": BLOCKS}, 26943 - 4108),
        ({"block_lr": BLOCKS, **SMALL}, 10719),
    ],
)
def test_what_each_option_takes_or_saves(said: Mapping[str, Any], mib: int) -> None:
    """Precision, optimizer, what is trained, cached, fused; in MiB, within what rounding leaves."""
    assert abs(least(**said).mib - mib) <= 1


def test_what_is_not_counted_is_said() -> None:
    """An optimizer that nobody looked at, or whose state the driver moves to the host, counts nothing."""
    assert least(optimizer_type="some.Optimizer").left_out == "what some.Optimizer keeps is not known"
    assert "host's memory" in least(optimizer_type="PagedAdamW8bit").left_out
    assert least().left_out == ""


def test_several_processes_hold_gradients_twice() -> None:
    """DDP's buckets, unless the gradients are views of them; what is shared out has no bound."""
    gradients = sum(term.bytes for term in least().of("gradients"))
    assert sum(term.bytes for term in least(processes=2).of("buckets")) == gradients
    assert least(processes=2, ddp_gradient_as_bucket_view=True).bytes == least().bytes
    assert gpu_memory(Case(training={**SELECTED, "deepspeed": True}, dataset={})) is None
    assert gpu_memory(Case(training=SELECTED, dataset={}), "--use_fsdp") is None
    assert shares_out("compute_environment: LOCAL_MACHINE\ndistributed_type: FSDP\n")
    assert not shares_out("distributed_type: MULTI_GPU\nuse_cpu: false\nfsdp_config: {}\n")


def test_every_counted_optimizer_is_a_known_class() -> None:
    """A misspelt one would count for nothing."""
    assert len(LIKE_WEIGHTS) == 15
    assert len(IN_BYTES) == 22
    assert set(LIKE_WEIGHTS) | set(IN_BYTES) <= set(classes())


def test_the_bound_is_below_every_measurement() -> None:
    """The shipped ones are real: what is certain is less than any of them, and not by more than the half."""
    rows = published_rows()
    assert len(rows) == 5
    for row in rows:
        bound = gpu_memory(Case(training=row["training"], dataset={}))
        assert bound is not None
        assert row["mib"] / 2 < bound.mib < row["mib"], row
        assert row["source"]


@pytest.mark.parametrize(
    ("said", "per_parameter"),
    [
        ({}, 12),
        ({"optimizer_type": "AdamW"}, 12),
        ({"optimizer_type": "AdamW8bit"}, 6),
        ({"use_8bit_adam": True}, 6),
        ({"use_lion_optimizer": True}, 8),
        ({"optimizer_type": "Lion8bit"}, 5),
        ({"optimizer_type": "PagedLion8bit"}, 5),
        ({"optimizer_type": "Prodigy"}, 20),
        ({"optimizer_type": "AdamW", "mixed_precision": "bf16", "full_bf16": True}, 6),
        ({"optimizer_type": "AdamW8bit", "mixed_precision": "bf16", "full_bf16": True}, 4),
    ],
)
def test_a_state_holds_weights_and_moments(said: dict[str, Any], per_parameter: int) -> None:
    """What is trained, and what the optimizer keeps for each number of it."""
    assert state_bytes(Case(training=said, dataset={})) == per_parameter * sizes.UNET


def test_an_unknown_optimizer_has_no_size() -> None:
    """A number that nobody knows is not made up."""
    assert state_bytes(Case(training={"optimizer_type": "some.module.Optimizer"}, dataset={})) is None
