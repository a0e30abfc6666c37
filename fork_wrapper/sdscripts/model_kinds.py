"""What a model file is, told by the names and shapes in its header, or a Diffusers folder by its two small JSON files.

A checkpoint of SDXL is what sd-scripts' loader takes for one; everything else is called by its name as far as its
tensors give one. All that comes from a file is data: it is compared, counted and shown, never followed.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from fork_wrapper.sdscripts import sdxl_tensors
from fork_wrapper.sdscripts.safetensors_header import Header, read_header
from fork_wrapper.text import counted, shown

Prediction = Literal["v", "epsilon", "EDM"]

_KINDS: tuple[tuple[str, str], ...] = (
    (r"lllite_|(?:^|\.)lllite", "a ControlNet-LLLite"),
    (r"^(?:lora_|lycoris_)", "a LoRA or LyCORIS"),
    (r"\.lora_[AB]\b|[._]lora[._](?:down|up)\.|\.hada_w\d|\.lokr_w\d|\.oft_(?:blocks|diag)|\.dora_scale$", "a LoRA"),
    (r"^(?:control_model\.|controlnet_|input_hint_block\.)|^zero_convs\.|control_add_embedding\.", "a ControlNet"),
    (r"^adapter\.body\.", "a T2I-Adapter"),
    (r"^(?:ip_adapter|image_proj)\.", "an IP-Adapter"),
    (r"(?:^|\.)motion_modules\.", "a motion module of AnimateDiff"),
    (r"(?:^|\.)txt_in\.individual_token_refiner\.", "a model of the HunyuanVideo family"),
    (r"(?:^|\.)distilled_guidance_layer\.", "a model of the Chroma family"),
    (r"(?:^|\.)(?:double_blocks|single_transformer_blocks)\.\d", "a model of the FLUX family"),
    (r"(?:^|\.)double_layers\.\d", "a model of the AuraFlow family"),
    (r"(?:^|\.)(?:joint_blocks\.\d|transformer_blocks\.\d+\.attn\.add_q_proj\.)", "a model of the SD3 family"),
    (r"(?:^|\.)(?:clip_txt_pooled_mapper|clip_txt_mapper|clip_mapper|effnet_mapper)\.", "a model of Stable Cascade"),
    (r"(?:^|\.)(?:img_mod|txt_mod)\.\d", "a model of the Qwen-Image family"),
    (r"(?:^|\.)(?:context_refiner|cap_embedder)\.", "a model of the Lumina family"),
    (r"(?:^|\.)(?:mlp_t5|text_embedding_padding)\b", "a model of the Hunyuan-DiT family"),
    (r"^(?:model\.)?patch_embedding\.weight$|(?:^|\.)blocks\.\d+\.cross_attn\.norm_k\b", "a model of the Wan family"),
    (r"(?:^|\.)double_stream_blocks\.\d", "a model of the HiDream family"),
    (r"\.(?:conv_inverted|inverted_conv)\.", "a model of the Sana family"),
    (r"(?:^|\.)(?:y_embedder|adaln_single|caption_projection|t_block)\.", "a model of the PixArt family"),
    (r"^cond_stage_model\.transformer\.", "a checkpoint of SD 1.x"),
    (r"^cond_stage_model\.model\.", "a checkpoint of SD 2.x"),
    (r"^conditioner\.embedders\.0\.model\.", "the SDXL refiner, which has other widths and one text encoder"),
    (r"^(?:unet\.)?(?:down_blocks|mid_block)\.", "a U-Net in the names of Diffusers"),
    (r"^conditioner\.embedders\.\d\.open_clip\.", "a model that makes videos"),
    (r"^conditioner\.embedders\.", "an SDXL checkpoint without its U-Net"),
    (r"^(?:input_blocks|middle_block|output_blocks)\.", "a U-Net without text encoders"),
    (
        r"^(?:vae\.|first_stage_model\.)?(?:en|de)coder\.(?:conv_in|down_blocks|up_blocks|down\.|up\.|mid)",
        "a VAE alone",
    ),
    (r"^(?:RRDB_trunk|conv_first|body\.\d|model\.\d+\.sub)\b", "an upscaler"),
    (r"^(?:visual|vision_model)\.", "a CLIP model that sees pictures"),
    (r"(?:^|\.)(?:text_model|resblocks|encoder\.block\.\d|embed_tokens)\b", "a text encoder alone"),
)
"""By a part of one of its names; the first that fits."""

_QUANTISED = re.compile(
    r"\.(?:absmax|quant_map|quant_state|nested_absmax|qweight|qzeros|scale_weight|weight_scale|scale_input|comfy_quant|"
    r"SCB|weight_format)(?:\.|$)|(?:^|\.)scaled_fp8$"
)
_LOOKED_AT = 20_000
"""Names that are compared, of a header that may hold millions."""

_WHOLE = frozenset(["BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"])
_EMBEDDED = frozenset([768, 1024, 1280, 2048, 4096])
_V_NAMES = re.compile(r"(?i)v[-_ ]?pred")
_EDM = ("edm_mean", "edm_std", "edm_vpred.sigma_max")
"""Tensors that ComfyUI looks for: of Playground v2.5, and of CosXL."""

_DISTILLED = re.compile(
    r"((?<![A-Za-z])(?i:turbo|lightning|lcm|hyper[-_ ]?sd(?:xl)?|dmd2|sdxs)|"
    r"(?<![A-Z])(?:Turbo|Lightning|LCM|DMD2))(?![a-z])"
)
"""A word of its own: in small letters, or with a capital in the middle of others."""

_COMFY_MERGE = re.compile(r'"class_type":\s*"(?:Model|CLIP)Merge')
"""A node of the workflow that ComfyUI writes into what it saves."""

_MERGES = ("modelspec.merged_from", "sd_merge_recipe", "sd_merge_models")


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model file or folder."""

    path: Path
    """Where it lies, or its name on the Hugging Face Hub."""
    on_hub: bool = False
    """Whether nothing but that name is known."""
    header: Header | None = None
    """Of a safetensors file; None of anything else."""
    parts: Mapping[str, Any] | None = None
    """`model_index.json` of a Diffusers folder; None where it is none, or cannot be read."""
    unet: Mapping[str, Any] = field(default_factory=dict)
    """`unet/config.json` there."""
    scheduler: Mapping[str, Any] = field(default_factory=dict)
    """`scheduler/scheduler_config.json` there."""


def look_at_model(name: str) -> Model | None:
    """The model that an option names; None for what is not there, and for what only unpickling could tell."""
    path = Path(name)
    try:
        if not os.access(path, os.R_OK):
            return None
        if path.is_dir():
            files = ("model_index.json", "unet/config.json", "scheduler/scheduler_config.json")
            parts, unet, scheduler = (small_json(path / one) for one in files)
            return Model(path=path, parts=parts, unet=unet or {}, scheduler=scheduler or {})
        if path.suffix.lower() == ".safetensors" and path.is_file():
            return Model(path=path, header=read_header(path))
    except (OSError, ValueError):
        return None
    return None


def kind_of(header: Header) -> str:
    """What a file without a problem is, by its tensors: `a LoRA`, `an SDXL checkpoint`; empty where they do not say."""
    if not any(differences(header).values()):
        return "an SDXL checkpoint"
    if is_sdxl(header):
        return "most of an SDXL checkpoint"
    if _is_embedding(header):
        return "a textual inversion embedding"
    names = [name.removeprefix(sdxl_tensors.UNET) for name in islice(header.tensors, _LOOKED_AT)]
    return next((kind for pattern, kind in _KINDS if any(map(re.compile(pattern).search, names))), "")


def is_sdxl(header: Header) -> bool:
    """Whether it holds the U-Net and a text encoder by the names of SDXL checkpoints, whole or not."""
    prefixes = (sdxl_tensors.TEXT_ENCODER_1, sdxl_tensors.TEXT_ENCODER_2)
    unet = any(name.startswith(f"{sdxl_tensors.UNET}input_blocks.") for name in header.tensors)
    return unet and any(name.startswith(prefixes) for name in header.tensors)


def differences(header: Header) -> dict[str, list[str]]:
    """What the loader of SDXL checkpoints would not accept of it."""
    return sdxl_tensors.differences({name: one.shape for name, one in header.tensors.items()})


def vae_differences(header: Header) -> dict[str, list[str]]:
    """What model_util.py:load_vae would not accept: it takes a VAE alone, or the one in a whole checkpoint."""
    prefix = sdxl_tensors.VAE
    whole = any(name.startswith(prefix) for name in header.tensors)
    shapes = {name if whole else prefix + name: one.shape for name, one in header.tensors.items()}
    return sdxl_tensors.differences(shapes, (prefix,))


def quantised(header: Header) -> str:
    """The first tensor that only quantised weights have; empty where there is none."""
    return next((name for name in header.tensors if _QUANTISED.search(name)), "")


def whole_numbers(header: Header) -> str:
    """The first weight that is stored in whole numbers; empty where there is none."""
    wanted = sdxl_tensors.wanted()
    return next((name for name, one in header.tensors.items() if name in wanted and one.precision in _WHOLE), "")


def has_eight_bits(header: Header) -> bool:
    """Whether some of its weights are numbers of eight bits."""
    return any(one.precision.startswith("F8_") for one in header.tensors.values())


def prediction_of(model: Model) -> tuple[Prediction, str] | None:
    """What the model was trained to predict, and what says so; None where nothing does."""
    header = model.header
    called: tuple[Prediction, str] | None = ("v", "it is called so") if _V_NAMES.search(model.path.name) else None
    if header is None:
        return _scheduled(model.scheduler) or called
    if "v_pred" in header.tensors:
        return "v", "it holds the tensor v_pred"
    if edm := next((name for name in _EDM if name in header.tensors), ""):
        return "EDM", f"it holds the tensor {edm}"
    said = header.metadata.get("modelspec.prediction_type", "").lower()
    if said in ("v", "v_prediction", "v-prediction", "vpred", "epsilon", "eps"):
        return _prediction(said), f"its metadata says modelspec.prediction_type = {said}"
    if (said := header.metadata.get("ss_v_parameterization", "").lower()) in ("true", "false"):
        return _prediction("v" if said == "true" else "epsilon"), f"its metadata says ss_v_parameterization = {said}"
    return called


def _scheduled(scheduler: Mapping[str, Any]) -> tuple[Prediction, str] | None:
    name, said = str(scheduler.get("_class_name", "")), str(scheduler.get("prediction_type", ""))
    if "EDM" in name:
        return "EDM", f"its scheduler_config.json says {name}"
    if said not in ("v_prediction", "epsilon"):
        return None
    return _prediction(said), f"its scheduler_config.json says {said}"


def _prediction(word: str) -> Prediction:
    return "v" if word.startswith("v") else "epsilon"


def zero_snr_of(model: Model) -> str:
    """What says that its noise schedule ends at a signal of zero; empty where nothing does."""
    if model.header is None:
        return "its scheduler_config.json says it" if model.scheduler.get("rescale_betas_zero_snr") is True else ""
    return "it holds the tensor ztsnr" if "ztsnr" in model.header.tensors else ""


def merge_of(header: Header) -> str:
    """The key of its metadata that tells of a merge; empty where none does."""
    if key := next((key for key in _MERGES if header.metadata.get(key) not in (None, "", "None", "[]", "{}")), ""):
        return key
    return "prompt" if _COMFY_MERGE.search(header.metadata.get("prompt", "")) else ""


def distillation_of(model: Model) -> str:
    """The word in its file name or title that is used of models made to need few steps; empty where there is none."""
    title = model.header.metadata.get("modelspec.title", "") if model.header else ""
    for said, words in (("its name", model.path.name), ("its title", title)):
        if found := _DISTILLED.search(words):
            return f"{said} says {found[1]}"
    return ""


def in_words(model: Model | None) -> str:
    """What it is, in a few words for people."""
    if model is None:
        return "a file that only unpickling could tell of"
    if model.header is None:
        name = (model.parts or {}).get("_class_name")
        return f"a Diffusers folder of {shown(name)[:60]}" if isinstance(name, str) else "a folder"
    if model.header.problem:
        return model.header.seems or "no whole safetensors file"
    more = [counted(len(model.header.tensors), "tensor")]
    more += ["v-prediction" for one in [prediction_of(model)] if one and one[0] == "v"]
    more += ["merged" for one in [merge_of(model.header)] if one]
    return f"{kind_of(model.header) or 'a model of a kind that kft does not know'} ({', '.join(more)})"


def some_tensors(names: list[str]) -> str:
    """The first names, shortened, and how many there are more."""
    few = ", ".join(shown(name[:80]) for name in names[:2])
    return few + (f" and {len(names) - 2} more" if len(names) > 2 else "")


def _is_embedding(header: Header) -> bool:
    """A handful of vectors, one for each token and text encoder."""
    tensors = header.tensors.values()
    vectors = all(len(one.shape) in (1, 2) and one.shape[-1] in _EMBEDDED for one in tensors)
    return 0 < len(tensors) <= 4 and vectors and not any(name.endswith((".weight", ".bias")) for name in header.tensors)


def small_json(path: Path) -> Mapping[str, Any] | None:
    """A table from a file of at most a megabyte."""
    try:
        if not path.is_file() or path.stat().st_size > 1 << 20:
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
