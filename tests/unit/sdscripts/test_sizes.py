"""Bytes of checkpoints, states and caches."""

from collections.abc import Callable
from typing import Any

import pytest

from fork_wrapper.sdscripts.options import options
from fork_wrapper.sdscripts.sizes import (
    TEXT_ENCODER_1,
    TEXT_ENCODER_2,
    UNET,
    VAE,
    checkpoint_bytes,
    latent_bytes,
    text_bytes,
    trained,
)

BASE_1_0 = 6_938_078_334
"""Bytes of sd_xl_base_1.0.safetensors, all of it in half precision."""


def get(**said: Any) -> Callable[[str], Any]:
    """Options as sd-scripts would hold them."""
    return lambda key: said.get(key, options()[key].default)


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_a_checkpoint_in_half_precision_is_as_big_as_the_base(precision: str) -> None:
    """All that the file of the base model has more is its header."""
    assert BASE_1_0 - 10**6 < checkpoint_bytes(get(save_precision=precision)) < BASE_1_0


def test_a_checkpoint_without_precision_is_as_it_was_trained() -> None:
    """The U-Net in 32 bits unless everything is half; text encoders and VAE as they were needed."""
    texts = TEXT_ENCODER_1 + TEXT_ENCODER_2
    assert checkpoint_bytes(get()) == 4 * (UNET + texts + VAE)
    assert checkpoint_bytes(get(mixed_precision="fp16", no_half_vae=True)) == 4 * (UNET + VAE) + 2 * texts
    assert checkpoint_bytes(get(mixed_precision="bf16", full_bf16=True)) == 2 * (UNET + texts + VAE)
    cached = get(mixed_precision="bf16", cache_text_encoder_outputs=True)
    assert checkpoint_bytes(cached) == 4 * (UNET + texts) + 2 * VAE
    one = get(mixed_precision="bf16", train_text_encoder=True, learning_rate_te2=0.0)
    assert checkpoint_bytes(one) == 4 * (UNET + TEXT_ENCODER_1) + 2 * (TEXT_ENCODER_2 + VAE)


def test_what_learns() -> None:
    """An encoder without a rate of its own takes the U-Net's; 0 freezes; without the switch none learns."""
    both = trained(get(learning_rate=1e-5, train_text_encoder=True, learning_rate_te2=2e-6))
    assert (both.unet, both.text_encoder_1, both.text_encoder_2) == (1e-5, 1e-5, 2e-6)
    assert both.parameters == UNET + TEXT_ENCODER_1 + TEXT_ENCODER_2
    none = trained(get(learning_rate=0.0, learning_rate_te1=1e-5))
    assert (none.unet, none.text_encoder_1, none.text_encoder_2, none.parameters) == (0.0, 0.0, 0.0, 0)


def test_caches_of_one_image() -> None:
    """Four channels of an eighth; three windows of 75 tokens and their two ends, in two encoders, and one vector."""
    assert latent_bytes((1024, 768), flipped=False, each=4) == 4 * 128 * 96 * 4
    assert latent_bytes((1024, 1024), flipped=True, each=2) == 2 * 4 * 128 * 128 * 2
    assert text_bytes(get(max_token_length=225)) == 4 * (227 * 2048 + 1280)
    assert text_bytes(get()) == text_bytes(get(max_token_length=75)) == 4 * (77 * 2048 + 1280)
    assert text_bytes(get(mixed_precision="fp16")) == 2 * (77 * 2048 + 1280)
