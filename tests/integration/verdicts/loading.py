"""Loads sd-scripts' script and the miniature SDXL once, for the children of `server.py` to share.

Where a name of sd-scripts or Diffusers is replaced, it does not decide what is accepted:

- the U-Net's two width constants, as `rehearsal/shrunk.py` sets them, and its shape where it is saved for Diffusers;
- `StableDiffusionXLPipeline.from_pretrained`: asked for the miniature it gives the models loaded before, in the wanted
  precision, as a base model with every variant would; every other call, and every check around it, is the real one;
- `SdxlUNet2DConditionModel`: made before, too, and each of its transformers keeps one block of up to ten. No option
  reaches below the 23 blocks of the U-Net, which are all there; a step costs a quarter of the memory and time;
- `sdxl_model_util.save_file`: each tensor is cut to its first value, which keeps names, types, metadata and the path.
"""

import contextlib
import importlib
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

EARLY_IMPORTS = ("torch.utils.tensorboard", "library.sdxl_lpw_stable_diffusion", "bitsandbytes")
"""What the script imports only when it is needed; done once, before the forks."""
LATER_BLOCK = re.compile(r"transformer_blocks\.(?!0\.)")


def load(sd_scripts: Path, miniature: Path) -> Any:
    """The script as a module, with the miniature's models behind its loader."""
    importlib.import_module("fork_wrapper.rehearsal.torchvision_ops").define_missing_ops()
    importlib.import_module("fork_wrapper.rehearsal.miniature").ensure_miniature(miniature)
    layout = importlib.import_module("fork_wrapper.rehearsal.miniature_folder")
    sys.path.insert(0, str(sd_scripts))
    unet: Any = importlib.import_module("library.sdxl_original_unet")
    unet.MODEL_CHANNELS, unet.TIME_EMBED_DIM = layout.WIDTH, layout.TIME_EMBED
    script = importlib.import_module("sdxl_train")
    for name in EARLY_IMPORTS:
        with contextlib.suppress(ImportError):  # then the child meets it, as the script would
            importlib.import_module(name)
    _share_models(layout.base_model(miniature))
    _cut_saved_tensors()
    sys.argv = [str(sd_scripts / "sdxl_train.py")]
    return script


def _share_models(base_model: Path) -> None:
    """Load the miniature once; its U-Net keeps the first block of every transformer."""
    pipeline = importlib.import_module("diffusers").StableDiffusionXLPipeline
    original: Any = importlib.import_module("library.sdxl_original_unet")
    real = pipeline.from_pretrained
    loaded = real(str(base_model), torch_dtype=None, variant=None, tokenizer=None)
    weights = {name: one for name, one in loaded.unet.state_dict().items() if not LATER_BLOCK.search(name)}
    with importlib.import_module("accelerate").init_empty_weights():
        empty = original.SdxlUNet2DConditionModel()
    for module in empty.modules():
        if hasattr(module, "transformer_blocks"):
            del module.transformer_blocks[1:]
    shape: Any = importlib.import_module("library.sdxl_model_util").DIFFUSERS_SDXL_UNET_CONFIG
    shape |= {name: loaded.unet.config[name] for name in ("block_out_channels", "attention_head_dim")}
    shape["transformer_layers_per_block"] = [1, 1, 1]
    models = {name: getattr(loaded, name) for name in ("text_encoder", "text_encoder_2", "vae")}

    def from_pretrained(name: Any, torch_dtype: Any = None, **options: Any) -> Any:
        if Path(name) != base_model:
            return real(name, torch_dtype=torch_dtype, **options)
        parts = {key: one.to(torch_dtype or one.dtype) for key, one in models.items()}
        given = {key: one.to(torch_dtype or one.dtype) for key, one in weights.items()}
        return SimpleNamespace(unet=SimpleNamespace(state_dict=lambda: given), **parts)

    pipeline.from_pretrained = from_pretrained
    original.SdxlUNet2DConditionModel = lambda: empty


def _cut_saved_tensors() -> None:
    module: Any = importlib.import_module("library.sdxl_model_util")
    real = module.save_file

    def save_file(tensors: dict[str, Any], *arguments: Any, **options: Any) -> None:
        real({name: one.flatten()[:1].clone() for name, one in tensors.items()}, *arguments, **options)

    module.save_file = save_file
