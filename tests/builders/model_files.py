"""Model files of every family as far as their headers go: what they hold, what they are, what SDXL's loader does."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.builders.sdxl_layout import Shape, sdxl_tensors

UNET = "model.diffusion_model."
SDXL = sdxl_tensors()
CONV = f"{UNET}input_blocks.0.0.weight"


@dataclass(frozen=True, kw_only=True)
class Made:
    """One file."""

    tensors: Mapping[str, Shape]
    """Shapes by name."""
    kind: str
    """As kft calls it."""
    rule: str = "base-other"
    """The rule that refuses it as a base; empty where it can train."""
    what: str = ""
    """A part of the message, beside the kind."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """`__metadata__`."""


def _other(kind: str, *names: str, shape: Shape = (320, 320)) -> Made:
    return Made(tensors=dict.fromkeys(names, shape), kind=kind)


def _without(*beginnings: str) -> dict[str, Shape]:
    return {name: shape for name, shape in SDXL.items() if not name.startswith(beginnings)}


def _broken(tensors: Mapping[str, Shape], what: str) -> Made:
    return Made(tensors=tensors, kind="most of an SDXL checkpoint", rule="base-incomplete", what=what)


VAE = {name.removeprefix("first_stage_model."): shape for name, shape in SDXL.items() if name.startswith("first")}
UNET_ONLY = {name: shape for name, shape in SDXL.items() if name.startswith(UNET)}
QUANTISED = {**SDXL, f"{UNET}out.2.scale_weight": (1,)}
FLAT_ATTENTION = {
    name: shape[:2] if ".mid.attn_1." in name and name.endswith(".weight") and len(shape) == 4 else shape
    for name, shape in SDXL.items()
}
"""As Diffusers' own conversion scripts write it."""

MADE: Mapping[str, Made] = {
    "SDXL": Made(tensors=SDXL, kind="an SDXL checkpoint", rule=""),
    "SDXL without position_ids": Made(
        tensors={name: shape for name, shape in SDXL.items() if "position_ids" not in name},
        kind="an SDXL checkpoint",
        rule="",
    ),
    "SDXL with tensors outside its parts": Made(
        tensors={**SDXL, "v_pred": (), "ztsnr": (), "denoiser.sigmas": (1000,), "model_ema.decay": ()},
        kind="an SDXL checkpoint",
        rule="",
    ),
    "SDXL, saved by ComfyUI": Made(
        tensors={
            **SDXL,
            "conditioner.embedders.0.logit_scale": (),
            "conditioner.embedders.1.model.transformer.text_model.embeddings.position_ids": (1, 77),
        },
        kind="an SDXL checkpoint",
        rule="",
    ),
    "SDXL with flat attention in the VAE": Made(tensors=FLAT_ATTENTION, kind="an SDXL checkpoint", rule=""),
    "Playground v2": Made(
        tensors={
            name.replace("model.text_projection", "model.text_projection.weight"): shape for name, shape in SDXL.items()
        },
        kind="an SDXL checkpoint",
        rule="",
    ),
    "no text encoder 1": _broken(_without("conditioner.embedders.0."), "there is no text encoder 1"),
    "no text encoder 2": _broken(_without("conditioner.embedders.1."), "there is no text encoder 2"),
    "no VAE": _broken(_without("first_stage_model."), "there is no VAE"),
    "a tensor less": _broken(_without(f"{UNET}out.2.bias"), f"its U-Net lacks {UNET}out.2.bias"),
    "a projection in text encoder 1": _broken(
        {**SDXL, "conditioner.embedders.0.transformer.text_projection.weight": (768, 768)},
        "its text encoder 1 has conditioner.embedders.0.transformer.text_projection.weight besides",
    ),
    "other widths": _broken(
        {**SDXL, f"{UNET}time_embed.0.weight": (128, 32)},
        f"its U-Net has other shapes: {UNET}time_embed.0.weight is [128, 32]",
    ),
    "other VAE": _broken(
        {**SDXL, "first_stage_model.decoder.conv_in.weight": (512, 16, 3, 3)},
        "its VAE has other shapes: first_stage_model.decoder.conv_in.weight is [512, 16, 3, 3]",
    ),
    "scaled fp8": _broken(QUANTISED, f"its weights are quantised ({UNET}out.2.scale_weight)"),
    "bitsandbytes": _broken(
        {**SDXL, f"{UNET}out.2.weight.absmax": (4,)}, f"its weights are quantised ({UNET}out.2.weight.absmax)"
    ),
    "inpainting": Made(
        tensors={**SDXL, CONV: (320, 9, 3, 3)}, kind="most of an SDXL checkpoint", rule="base-inpainting"
    ),
    "refiner": _other(
        "the SDXL refiner, which has other widths and one text encoder",
        *(f"{UNET}input_blocks.0.0.weight", "conditioner.embedders.0.model.ln_final.weight"),
    ),
    "SD 1.x": _other(
        "a checkpoint of SD 1.x",
        *(f"{UNET}input_blocks.0.0.weight", "cond_stage_model.transformer.text_model.final_layer_norm.weight"),
        "first_stage_model.encoder.conv_in.weight",
    ),
    "SD 2.x": _other(
        "a checkpoint of SD 2.x", f"{UNET}input_blocks.0.0.weight", "cond_stage_model.model.ln_final.weight"
    ),
    "SD3": _other(
        "a model of the SD3 family",
        *(f"{UNET}joint_blocks.0.x_block.attn.qkv.weight", "text_encoders.clip_l.logit_scale"),
    ),
    "SD3 in Diffusers' names": _other("a model of the SD3 family", "transformer_blocks.0.attn.add_q_proj.weight"),
    "FLUX": _other("a model of the FLUX family", "double_blocks.0.img_attn.qkv.weight", "img_in.weight"),
    "FLUX, all in one": _other("a model of the FLUX family", f"{UNET}double_blocks.0.img_attn.qkv.weight"),
    "FLUX in Diffusers' names": _other("a model of the FLUX family", "single_transformer_blocks.0.attn.to_q.weight"),
    "Chroma": _other(
        "a model of the Chroma family", "distilled_guidance_layer.in_proj.weight", "double_blocks.0.img_attn.qkv.weight"
    ),
    "Cascade, stage C": _other("a model of Stable Cascade", "clip_txt_pooled_mapper.weight"),
    "Cascade, stage B": _other("a model of Stable Cascade", "effnet_mapper.0.weight"),
    "PixArt": _other("a model of the PixArt family", "y_embedder.y_proj.fc1.weight", "t_block.1.weight"),
    "PixArt in Diffusers' names": _other("a model of the PixArt family", "adaln_single.linear.weight"),
    "HiDream": _other(
        "a model of the HiDream family",
        *("double_stream_blocks.0.block.ff_i.gate.weight", "caption_projection.0.linear.weight"),
    ),
    "Sana": _other(
        "a model of the Sana family",
        *("transformer_blocks.0.ff.conv_inverted.weight", "caption_projection.linear_1.weight"),
    ),
    "Wan": _other("a model of the Wan family", "patch_embedding.weight", "blocks.0.cross_attn.norm_k.weight"),
    "CLIP's eye": _other("a CLIP model that sees pictures", "vision_model.embeddings.patch_embedding.weight"),
    "LoRA of kohya": _other("a LoRA or LyCORIS", "lora_unet_input_blocks_4_1_proj_in.lora_down.weight"),
    "LoHa": _other("a LoRA or LyCORIS", "lora_unet_input_blocks_4_1_proj_in.hada_w1_a"),
    "LyCORIS": _other("a LoRA or LyCORIS", "lycoris_input_blocks_4_1_proj_in.lokr_w1"),
    "LoRA of peft": _other("a LoRA", "unet.down_blocks.1.attentions.0.proj_in.lora_A.weight"),
    "LoRA of Diffusers": _other("a LoRA", "unet.down_blocks.1.attentions.0.processor.to_q_lora.down.weight"),
    "LoRA of FLUX": _other("a LoRA", "diffusion_model.double_blocks.0.img_attn.qkv.lora_B.weight"),
    "textual inversion of kohya": Made(
        tensors={"clip_l": (4, 768), "clip_g": (4, 1280)}, kind="a textual inversion embedding"
    ),
    "textual inversion": Made(tensors={"emb_params": (2, 768)}, kind="a textual inversion embedding"),
    "textual inversion of Diffusers": Made(tensors={"<cat-toy>": (768,)}, kind="a textual inversion embedding"),
    "ControlNet": _other("a ControlNet", "control_model.input_blocks.0.0.weight"),
    "ControlNet of Diffusers": _other(
        "a ControlNet", "controlnet_cond_embedding.conv_in.weight", "down_blocks.0.resnets.0.conv1.weight"
    ),
    "ControlNet-LLLite": _other("a ControlNet-LLLite", "lllite_unet_input_blocks_4_1.conditioning1.0.weight"),
    "T2I-Adapter": _other("a T2I-Adapter", "adapter.body.0.in_conv.weight"),
    "IP-Adapter": _other("an IP-Adapter", "image_proj.proj.weight", "ip_adapter.1.to_k_ip.weight"),
    "AnimateDiff": _other(
        "a motion module of AnimateDiff", "down_blocks.0.motion_modules.0.temporal_transformer.proj_in.weight"
    ),
    "VAE": Made(tensors=VAE, kind="a VAE alone"),
    "VAE of Diffusers": _other("a VAE alone", "encoder.down_blocks.0.resnets.0.conv1.weight"),
    "text encoder of Diffusers": _other("a text encoder alone", "text_model.encoder.layers.0.self_attn.q_proj.weight"),
    "OpenCLIP": _other("a text encoder alone", "transformer.resblocks.0.attn.in_proj_weight"),
    "T5": _other("a text encoder alone", "encoder.block.0.layer.0.SelfAttention.q.weight"),
    "U-Net of Diffusers": _other(
        "a U-Net in the names of Diffusers", "down_blocks.0.resnets.0.conv1.weight", "conv_in.weight"
    ),
    "U-Net": Made(tensors=UNET_ONLY, kind="a U-Net without text encoders"),
    "U-Net without a prefix": Made(
        tensors={name.removeprefix(UNET): shape for name, shape in UNET_ONLY.items()},
        kind="a U-Net without text encoders",
    ),
    "SDXL without its U-Net": Made(
        tensors={name: shape for name, shape in SDXL.items() if not name.startswith(UNET)},
        kind="an SDXL checkpoint without its U-Net",
    ),
    "upscaler": _other("an upscaler", "model.1.sub.0.RDB1.conv1.0.weight"),
    "anything": Made(tensors={"weight": (7,)}, kind="", what="no SDXL checkpoint: it holds weight"),
    "nothing": Made(tensors={}, kind="", what="no SDXL checkpoint: it holds no tensors"),
}
"""By what they are."""
