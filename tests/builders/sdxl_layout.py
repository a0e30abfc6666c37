"""The tensors of an SDXL base checkpoint, names and shapes, and a file of them whose zeros take no disk.

The single-file layout that library/sdxl_model_util.py:load_models_from_sdxl_checkpoint reads: 2,515 tensors,
3.47 billion numbers.
"""

import json
import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

Shape = tuple[int, ...]
Tensor = tuple[str, Shape]

_UNET = "model.diffusion_model."
_FIRST = "conditioner.embedders.0.transformer.text_model."
_SECOND = "conditioner.embedders.1.model."
_VAE = "first_stage_model."


def sdxl_tensors() -> dict[str, Shape]:
    """All of them, by name."""
    parts = ((_UNET, _unet()), (_FIRST, _text_encoder_1()), (_SECOND, _text_encoder_2()), (_VAE, _vae()))
    return {prefix + name: shape for prefix, part in parts for name, shape in part}


def write_sparse(path: Path, tensors: Mapping[str, Shape], metadata: Mapping[str, str] | None = None) -> Path:
    """A whole safetensors file of fp16 zeros; only its header takes room on the disk."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, shape in tensors.items():
        start, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    return path


def _linear(name: str, rows: int, columns: int) -> Iterator[Tensor]:
    yield f"{name}.weight", (rows, columns)
    yield f"{name}.bias", (rows,)


def _conv(name: str, out: int, into: int, side: int) -> Iterator[Tensor]:
    yield f"{name}.weight", (out, into, side, side)
    yield f"{name}.bias", (out,)


def _norm(name: str, width: int) -> Iterator[Tensor]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def _unet() -> Iterator[Tensor]:
    yield from _linear("time_embed.0", 1280, 320)
    yield from _linear("time_embed.2", 1280, 1280)
    yield from _linear("label_emb.0.0", 1280, 2816)
    yield from _linear("label_emb.0.2", 1280, 1280)
    yield from _conv("input_blocks.0.0", 320, 4, 3)
    down = ((320, 320, 0), (320, 320, 0), None, (320, 640, 2), (640, 640, 2), None, (640, 1280, 10), (1280, 1280, 10))
    width = 320
    for number, block in enumerate(down, start=1):
        if block is None:
            yield from _conv(f"input_blocks.{number}.0.op", width, width, 3)
            continue
        into, width, depth = block
        yield from _res(f"input_blocks.{number}.0", into, width)
        yield from _transformer(f"input_blocks.{number}.1", width, depth)
    yield from _res("middle_block.0", 1280, 1280)
    yield from _transformer("middle_block.1", 1280, 10)
    yield from _res("middle_block.2", 1280, 1280)
    up = ((2560, 1280, 10), (2560, 1280, 10), (1920, 1280, 10), (1920, 640, 2), (1280, 640, 2), (960, 640, 2))
    for number, (into, width, depth) in enumerate((*up, (960, 320, 0), (640, 320, 0), (640, 320, 0))):
        yield from _res(f"output_blocks.{number}.0", into, width)
        yield from _transformer(f"output_blocks.{number}.1", width, depth)
        if number in (2, 5):
            yield from _conv(f"output_blocks.{number}.2.conv", width, width, 3)
    yield from _norm("out.0", 320)
    yield from _conv("out.2", 4, 320, 3)


def _res(name: str, into: int, out: int) -> Iterator[Tensor]:
    yield from _norm(f"{name}.in_layers.0", into)
    yield from _conv(f"{name}.in_layers.2", out, into, 3)
    yield from _linear(f"{name}.emb_layers.1", out, 1280)
    yield from _norm(f"{name}.out_layers.0", out)
    yield from _conv(f"{name}.out_layers.3", out, out, 3)
    if into != out:
        yield from _conv(f"{name}.skip_connection", out, into, 1)


def _transformer(name: str, width: int, depth: int) -> Iterator[Tensor]:
    if not depth:
        return
    yield from _norm(f"{name}.norm", width)
    yield from _linear(f"{name}.proj_in", width, width)
    for number in range(depth):
        block = f"{name}.transformer_blocks.{number}"
        for attention, seen in (("attn1", width), ("attn2", 2048)):
            yield f"{block}.{attention}.to_q.weight", (width, width)
            yield f"{block}.{attention}.to_k.weight", (width, seen)
            yield f"{block}.{attention}.to_v.weight", (width, seen)
            yield from _linear(f"{block}.{attention}.to_out.0", width, width)
        yield from _linear(f"{block}.ff.net.0.proj", 8 * width, width)
        yield from _linear(f"{block}.ff.net.2", width, 4 * width)
        for norm in ("norm1", "norm2", "norm3"):
            yield from _norm(f"{block}.{norm}", width)
    yield from _linear(f"{name}.proj_out", width, width)


def _text_encoder_1() -> Iterator[Tensor]:
    yield "embeddings.position_embedding.weight", (77, 768)
    yield "embeddings.position_ids", (1, 77)
    yield "embeddings.token_embedding.weight", (49408, 768)
    for number in range(12):
        layer = f"encoder.layers.{number}"
        yield from _norm(f"{layer}.layer_norm1", 768)
        yield from _norm(f"{layer}.layer_norm2", 768)
        yield from _linear(f"{layer}.mlp.fc1", 3072, 768)
        yield from _linear(f"{layer}.mlp.fc2", 768, 3072)
        for part in ("k_proj", "out_proj", "q_proj", "v_proj"):
            yield from _linear(f"{layer}.self_attn.{part}", 768, 768)
    yield from _norm("final_layer_norm", 768)


def _text_encoder_2() -> Iterator[Tensor]:
    yield from _norm("ln_final", 1280)
    yield "logit_scale", ()
    yield "positional_embedding", (77, 1280)
    yield "text_projection", (1280, 1280)
    yield "token_embedding.weight", (49408, 1280)
    for number in range(32):
        layer = f"transformer.resblocks.{number}"
        yield f"{layer}.attn.in_proj_bias", (3840,)
        yield f"{layer}.attn.in_proj_weight", (3840, 1280)
        yield from _linear(f"{layer}.attn.out_proj", 1280, 1280)
        yield from _norm(f"{layer}.ln_1", 1280)
        yield from _norm(f"{layer}.ln_2", 1280)
        yield from _linear(f"{layer}.mlp.c_fc", 5120, 1280)
        yield from _linear(f"{layer}.mlp.c_proj", 1280, 5120)


def _vae() -> Iterator[Tensor]:
    yield from _conv("encoder.conv_in", 128, 3, 3)
    into = 128
    for level, width in enumerate((128, 256, 512, 512)):
        for number in range(2):
            yield from _vae_res(f"encoder.down.{level}.block.{number}", into, width)
            into = width
        if level < 3:
            yield from _conv(f"encoder.down.{level}.downsample.conv", width, width, 3)
    yield from _vae_end("encoder", 512, 8)
    yield from _conv("decoder.conv_in", 512, 4, 3)
    into = 512
    for level, width in ((3, 512), (2, 512), (1, 256), (0, 128)):
        for number in range(3):
            yield from _vae_res(f"decoder.up.{level}.block.{number}", into, width)
            into = width
        if level:
            yield from _conv(f"decoder.up.{level}.upsample.conv", width, width, 3)
    yield from _vae_end("decoder", 128, 3)
    yield from _conv("quant_conv", 8, 8, 1)
    yield from _conv("post_quant_conv", 4, 4, 1)


def _vae_end(side: str, width: int, out: int) -> Iterator[Tensor]:
    yield from _vae_res(f"{side}.mid.block_1", 512, 512)
    yield from _norm(f"{side}.mid.attn_1.norm", 512)
    for part in ("q", "k", "v", "proj_out"):
        yield from _conv(f"{side}.mid.attn_1.{part}", 512, 512, 1)
    yield from _vae_res(f"{side}.mid.block_2", 512, 512)
    yield from _norm(f"{side}.norm_out", width)
    yield from _conv(f"{side}.conv_out", out, width, 3)


def _vae_res(name: str, into: int, out: int) -> Iterator[Tensor]:
    yield from _norm(f"{name}.norm1", into)
    yield from _conv(f"{name}.conv1", out, into, 3)
    yield from _norm(f"{name}.norm2", out)
    yield from _conv(f"{name}.conv2", out, out, 3)
    if into != out:
        yield from _conv(f"{name}.nin_shortcut", out, into, 1)
