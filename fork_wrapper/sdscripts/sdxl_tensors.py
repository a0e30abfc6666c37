"""The tensors that sd-scripts' loader wants of an SDXL checkpoint: each one, of this shape, and no other of its parts.

sdxl_model_util.py:load_models_from_sdxl_checkpoint sorts by prefix, drops what has none of the four, and
_load_state_dict_on_device refuses the first part that lacks a tensor or has one too many; another shape is refused by
accelerate. Precisions are free: each tensor is cast.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

Shape = tuple[int, ...]

UNET, TEXT_ENCODER_1, TEXT_ENCODER_2, VAE = PREFIXES = (
    "model.diffusion_model.",
    "conditioner.embedders.0.transformer.",
    "conditioner.embedders.1.model.",
    "first_stage_model.",
)
"""Of the four parts, in the order in which they are loaded."""

PARTS: Mapping[str, str] = {
    UNET: "U-Net",
    TEXT_ENCODER_1: "text encoder 1",
    TEXT_ENCODER_2: "text encoder 2",
    VAE: "VAE",
}
"""What each is called."""

CONV_IN = f"{UNET}input_blocks.0.0.weight"
"""The tensor whose second number is the channels that the U-Net reads: 4, and 9 of one for inpainting."""

_IGNORED: Mapping[str, re.Pattern[str]] = {
    TEXT_ENCODER_1: re.compile(r"text_model\.embeddings\.position_ids"),
    TEXT_ENCODER_2: re.compile(r"(?!.*resblocks)(?:.*\.)?logit_scale|(?!.*resblocks).*\.embeddings\.position_ids"),
    VAE: re.compile(r"(?!(?:en|de)coder\.(?:down|up|mid)\.).*"),
}
"""Tensors of a part that are dropped, after its prefix (sdxl_model_util.py:convert_sdxl_text_encoder_2_checkpoint,
model_util.py:convert_ldm_vae_checkpoint)."""

_VAE_ATTENTION = re.compile(r".*\.attn_1\.(?:q|k|v|proj_out)\.weight")


@lru_cache(maxsize=1)
def wanted() -> Mapping[str, Shape]:
    """Every tensor by its name in the file."""
    parts = ((UNET, _unet()), (TEXT_ENCODER_1, _clip()), (TEXT_ENCODER_2, _open_clip()), (VAE, vae()))
    return {prefix + name: shape for prefix, part in parts for name, shape in part}


def vae() -> Iterator[tuple[str, Shape]]:
    """The tensors of the VAE, without their prefix."""
    for coder, first, last in (("encoder", 3, 8), ("decoder", 4, 3)):
        widths = (128, 256, 512, 512) if coder == "encoder" else (512, 512, 256, 128)
        inner, outer = (128, 512) if coder == "encoder" else (512, 128)
        yield from _layer(f"{coder}.conv_in", inner, first, 3, 3)
        yield from _layer(f"{coder}.conv_out", last, outer, 3, 3)
        yield from _layer(f"{coder}.norm_out", outer)
        came = inner
        for level, width in enumerate(widths):
            # the decoder counts its levels from the picture, and goes through them the other way
            place = f"{coder}.down.{level}" if coder == "encoder" else f"{coder}.up.{3 - level}"
            for block in range(2 if coder == "encoder" else 3):
                yield from _vae_block(f"{place}.block.{block}", came, width)
                came = width
            if level < 3:
                sampler = "downsample" if coder == "encoder" else "upsample"
                yield from _layer(f"{place}.{sampler}.conv", width, width, 3, 3)
        for block in (1, 2):
            yield from _vae_block(f"{coder}.mid.block_{block}", 512, 512)
        yield from _layer(f"{coder}.mid.attn_1.norm", 512)
        for name in ("q", "k", "v", "proj_out"):
            yield from _layer(f"{coder}.mid.attn_1.{name}", 512, 512, 1, 1)
    yield from _layer("quant_conv", 8, 8, 1, 1)
    yield from _layer("post_quant_conv", 4, 4, 1, 1)


def differences(tensors: Mapping[str, Shape], parts: tuple[str, ...] = PREFIXES) -> dict[str, list[str]]:
    """What the loader would not accept, by `lacks`, `more` and `shape`: names in the order of loading.

    Args:
        tensors: shapes by name in the file.
        parts: the prefixes of those parts that are loaded.
    """
    asked = {name: shape for name, shape in wanted().items() if name.startswith(parts)}
    there = {_spelled(name): shape for name, shape in tensors.items()}
    more = [name for name in there if name not in asked and name.startswith(parts) and not _is_ignored(name)]
    return {
        "lacks": [name for name in asked if name not in there],
        "more": more,
        "shape": [name for name, shape in asked.items() if name in there and not _fits(name, there[name], shape)],
    }


def _spelled(name: str) -> str:
    """Playground v2 has one name more than the others."""
    return name.removesuffix(".weight") if name == f"{TEXT_ENCODER_2}text_projection.weight" else name


def _is_ignored(name: str) -> bool:
    prefix = next(one for one in PREFIXES if name.startswith(one))
    ignored = _IGNORED.get(prefix)
    return bool(ignored and ignored.fullmatch(name.removeprefix(prefix)))


def _fits(name: str, found: Shape, asked: Shape) -> bool:
    return found == asked or (bool(_VAE_ATTENTION.fullmatch(name)) and found[:2] == asked[:2] and len(found) == 2)


def _layer(name: str, *shape: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _vae_block(name: str, came: int, width: int) -> Iterator[tuple[str, Shape]]:
    yield from _layer(f"{name}.norm1", came)
    yield from _layer(f"{name}.conv1", width, came, 3, 3)
    yield from _layer(f"{name}.norm2", width)
    yield from _layer(f"{name}.conv2", width, width, 3, 3)
    if came != width:
        yield from _layer(f"{name}.nin_shortcut", width, came, 1, 1)


def _unet() -> Iterator[tuple[str, Shape]]:
    for name, first in (("time_embed", 320), ("label_emb.0", 2816)):
        yield from _layer(f"{name}.0", 1280, first)
        yield from _layer(f"{name}.2", 1280, 1280)
    yield from _layer("input_blocks.0.0", 320, 4, 3, 3)
    yield from _layer("input_blocks.3.0.op", 320, 320, 3, 3)
    yield from _layer("input_blocks.6.0.op", 640, 640, 3, 3)
    downs = ((1, 320, 320, 0), (2, 320, 320, 0), (4, 320, 640, 2), (5, 640, 640, 2), (7, 640, 1280, 10))
    for number, came, width, depth in (*downs, (8, 1280, 1280, 10)):
        yield from _block(f"input_blocks.{number}", came, width, depth)
    for number in (0, 2):
        yield from _resnet(f"middle_block.{number}", 1280, 1280)
    yield from _transformer("middle_block.1", 1280, 10)
    ups = ((2560, 1280, 10), (2560, 1280, 10), (1920, 1280, 10), (1920, 640, 2), (1280, 640, 2), (960, 640, 2))
    for number, (came, width, depth) in enumerate((*ups, (960, 320, 0), (640, 320, 0), (640, 320, 0))):
        yield from _block(f"output_blocks.{number}", came, width, depth)
    yield from _layer("output_blocks.2.2.conv", 1280, 1280, 3, 3)
    yield from _layer("output_blocks.5.2.conv", 640, 640, 3, 3)
    yield from _layer("out.0", 320)
    yield from _layer("out.2", 4, 320, 3, 3)


def _block(name: str, came: int, width: int, depth: int) -> Iterator[tuple[str, Shape]]:
    yield from _resnet(f"{name}.0", came, width)
    if depth:
        yield from _transformer(f"{name}.1", width, depth)


def _resnet(name: str, came: int, width: int) -> Iterator[tuple[str, Shape]]:
    yield from _layer(f"{name}.in_layers.0", came)
    yield from _layer(f"{name}.in_layers.2", width, came, 3, 3)
    yield from _layer(f"{name}.emb_layers.1", width, 1280)
    yield from _layer(f"{name}.out_layers.0", width)
    yield from _layer(f"{name}.out_layers.3", width, width, 3, 3)
    if came != width:
        yield from _layer(f"{name}.skip_connection", width, came, 1, 1)


def _transformer(name: str, width: int, depth: int) -> Iterator[tuple[str, Shape]]:
    yield from _layer(f"{name}.norm", width)
    yield from _layer(f"{name}.proj_in", width, width)
    yield from _layer(f"{name}.proj_out", width, width)
    for number in range(depth):
        block = f"{name}.transformer_blocks.{number}"
        for attention, context in (("attn1", width), ("attn2", 2048)):
            yield f"{block}.{attention}.to_q.weight", (width, width)
            yield f"{block}.{attention}.to_k.weight", (width, context)
            yield f"{block}.{attention}.to_v.weight", (width, context)
            yield from _layer(f"{block}.{attention}.to_out.0", width, width)
        yield from _layer(f"{block}.ff.net.0.proj", 8 * width, width)
        yield from _layer(f"{block}.ff.net.2", width, 4 * width)
        for norm in ("norm1", "norm2", "norm3"):
            yield from _layer(f"{block}.{norm}", width)


def _clip() -> Iterator[tuple[str, Shape]]:
    yield "text_model.embeddings.token_embedding.weight", (49408, 768)
    yield "text_model.embeddings.position_embedding.weight", (77, 768)
    for number in range(12):
        layer = f"text_model.encoder.layers.{number}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from _layer(f"{layer}.self_attn.{name}", 768, 768)
        yield from _layer(f"{layer}.mlp.fc1", 3072, 768)
        yield from _layer(f"{layer}.mlp.fc2", 768, 3072)
        yield from _layer(f"{layer}.layer_norm1", 768)
        yield from _layer(f"{layer}.layer_norm2", 768)
    yield from _layer("text_model.final_layer_norm", 768)


def _open_clip() -> Iterator[tuple[str, Shape]]:
    yield "token_embedding.weight", (49408, 1280)
    yield "positional_embedding", (77, 1280)
    yield "text_projection", (1280, 1280)
    for number in range(32):
        layer = f"transformer.resblocks.{number}"
        yield f"{layer}.attn.in_proj_weight", (3840, 1280)
        yield f"{layer}.attn.in_proj_bias", (3840,)
        yield from _layer(f"{layer}.attn.out_proj", 1280, 1280)
        yield from _layer(f"{layer}.mlp.c_fc", 5120, 1280)
        yield from _layer(f"{layer}.mlp.c_proj", 1280, 5120)
        yield from _layer(f"{layer}.ln_1", 1280)
        yield from _layer(f"{layer}.ln_2", 1280)
    yield from _layer("ln_final", 1280)
