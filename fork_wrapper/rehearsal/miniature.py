"""Builds the miniature SDXL: the real one's parts, narrow, with random weights and byte tokenizers.

Runs in the trainer's Python. torch, diffusers and transformers are imported only when something must be
built. It does not train, downloads nothing, and promises no useful pictures: it is a stand-in for 7 GB of
weights.
"""

import contextlib
import json
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fork_wrapper.rehearsal.miniature_folder import MINIATURE_VERSION, TIME_EMBED, WIDTH, base_model, tokenizers

SEED = 20260217
DESCRIPTION = "miniature.json"
"""What it is; written last, so that it also says that the rest is there."""
TOKENIZER_NAMES = ("openai_clip-vit-large-patch14", "laion_CLIP-ViT-bigG-14-laion2B-39B-b160k")
"""The two names below `tokenizer_cache_dir` (library/strategy_sdxl.py:17-18, "/" replaced by "_")."""


def ensure_miniature(folder: Path) -> None:
    """Build the miniature at `folder` unless it is there; it appears whole or not at all.

    Several processes may call this at once: each builds beside the goal, the first rename wins, the others
    throw theirs away. Takes some seconds and 0.2 GB of disk. Raises OSError when the disk refuses.
    """
    if (folder / DESCRIPTION).is_file():
        return
    print(f"rehearsal: building the miniature SDXL in {folder} (once)", flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _build(unfinished)
        unfinished.chmod(0o755)  # mkdtemp makes 0700, which a colleague on the same server could not read
        _move_into_place(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _move_into_place(finished: Path, folder: Path) -> None:
    if folder.is_dir() and not (folder / DESCRIPTION).is_file():
        shutil.rmtree(folder)  # somebody deleted parts of it, or the disk did
    try:
        finished.rename(folder)
    except OSError:
        # A folder with content is never replaced by rename, on any system: somebody else was faster.
        if not folder.is_dir():
            raise


def _build(folder: Path) -> None:
    import torch  # noqa: PLC0415 - a warm start must not pay for it

    with torch.random.fork_rng(devices=[]), _quiet():
        torch.manual_seed(SEED)
        counts = _save_pipeline(base_model(folder), _save_tokenizers(tokenizers(folder)))
    (folder / DESCRIPTION).write_text(
        json.dumps(_description(counts), indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )


@contextlib.contextmanager
def _quiet() -> Any:
    """Without the progress bars and hints of the two libraries, which would look like the trainer's log."""
    from diffusers.utils import logging as diffusers_logging  # noqa: PLC0415
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415

    before = diffusers_logging.get_verbosity(), transformers_logging.get_verbosity()
    diffusers_logging.set_verbosity_error()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        diffusers_logging.set_verbosity(before[0])
        transformers_logging.set_verbosity(before[1])


def _description(counts: dict[str, int]) -> dict[str, Any]:
    packages = ("torch", "diffusers", "transformers", "safetensors")
    return {
        "what": "miniature SDXL for rehearsals: SDXL's layout, narrow, random weights; no use for pictures",
        "version": MINIATURE_VERSION,
        "seed": SEED,
        "unet_width": WIDTH,
        "unet_time_embed": TIME_EMBED,
        "stored_as": "float16",
        "parameters": counts,
        "packages": {name: version(name) for name in packages},
    }


def _save_tokenizers(folder: Path) -> Any:
    """Write the two tokenizers, return one: 256 bytes, the same at a word's end, begin and end; no merges."""
    from transformers.models.clip.tokenization_clip import CLIPTokenizer, bytes_to_unicode  # noqa: PLC0415

    letters = list(bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        vocabulary, merges = Path(scratch, "vocab.json"), Path(scratch, "merges.txt")
        vocabulary.write_text(json.dumps({word: index for index, word in enumerate(words)}), encoding="utf-8")
        merges.write_text("#version: 0.2\n", encoding="utf-8")
        tokenizer = CLIPTokenizer(str(vocabulary), str(merges), model_max_length=77)
    for name in TOKENIZER_NAMES:
        tokenizer.save_pretrained(folder / name)
    return tokenizer


def _save_pipeline(folder: Path, tokenizer: Any) -> dict[str, int]:
    """Write the Diffusers folder in half precision (loaders ask for float32), return parameter counts."""
    import torch  # noqa: PLC0415
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline  # noqa: PLC0415

    parts = {
        "text_encoder": _text_encoder_1(len(tokenizer)),
        "text_encoder_2": _text_encoder_2(len(tokenizer)),
    }
    parts |= {"vae": _vae(), "unet": _unet()}
    pipeline = StableDiffusionXLPipeline(
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        scheduler=EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"),
        **{name: part.to(torch.float16) for name, part in parts.items()},
    )
    pipeline.save_pretrained(folder)
    return {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}


def _text_encoder_1(vocabulary: int) -> Any:
    """CLIP-L in outline: width 768 is the U-Net's; 12 layers because the 11th hidden state is read."""
    from transformers import CLIPTextConfig, CLIPTextModel  # noqa: PLC0415

    shape = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "projection_dim": 768}
    return CLIPTextModel(CLIPTextConfig(hidden_act="quick_gelu", **shape, **_text_common(vocabulary)))


def _text_encoder_2(vocabulary: int) -> Any:
    """OpenCLIP bigG in outline: width and projection 1280 are the U-Net's; the last but one layer is read."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection  # noqa: PLC0415

    shape = {"hidden_size": 1280, "num_hidden_layers": 2, "num_attention_heads": 20, "projection_dim": 1280}
    return CLIPTextModelWithProjection(CLIPTextConfig(hidden_act="gelu", **shape, **_text_common(vocabulary)))


def _text_common(vocabulary: int) -> dict[str, int]:
    # begin and end are the two last words of the vocabulary; CLIP's own ids would lie outside of it
    ends = {"bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1, "pad_token_id": 1}
    return {"vocab_size": vocabulary, "max_position_embeddings": 77, "intermediate_size": 64, **ends}


def _vae() -> Any:
    """Four latent channels and factor 8 as in SDXL; everything else as small as its four blocks allow."""
    from diffusers import AutoencoderKL  # noqa: PLC0415

    return AutoencoderKL(
        latent_channels=4,
        block_out_channels=[32] * 4,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        layers_per_block=1,
        norm_num_groups=16,
        sample_size=64,
        scaling_factor=0.13025,
    )


def _unet() -> Any:
    """SDXL's U-Net, a tenth as wide; depths, conditioning widths and head size are sd-scripts' constants."""
    from diffusers import UNet2DConditionModel  # noqa: PLC0415

    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=[WIDTH, 2 * WIDTH, 4 * WIDTH],
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        transformer_layers_per_block=[1, 2, 10],
        attention_head_dim=[1, 1, 2],  # diffusers' name for the number of heads
        cross_attention_dim=2048,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
        use_linear_projection=True,
        layers_per_block=2,
    )
