"""Write a full-size SDXL base with random weights, in the Diffusers layout. Started by path in the trainer's Python.

`full_size.py FOLDER [--shapes]`: true widths and depths (3.47 billion parameters, 7 GB), no knowledge; the fp16 variant
alone, for training in fp16. It measures speed and memory of a real run where the 7 GB model cannot be downloaded.
With --shapes nothing is written: the parameter counts are printed.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch

sys.path.append(str(Path(__file__).resolve().parents[2]))
from fork_wrapper.rehearsal.torchvision_ops import define_missing_ops

define_missing_ops()  # before diffusers imports torchvision, where torch is a CPU build

from diffusers import (  # noqa: E402
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection  # noqa: E402


def shapes() -> dict[str, Any]:
    """The four networks of SDXL base, without memory behind them."""
    with torch.device("meta"):
        return {
            "text_encoder": CLIPTextModel(
                CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
            ),
            "text_encoder_2": CLIPTextModelWithProjection(
                CLIPTextConfig(
                    hidden_size=1280,
                    intermediate_size=5120,
                    num_hidden_layers=32,
                    num_attention_heads=20,
                    hidden_act="gelu",
                    projection_dim=1280,
                )
            ),
            "unet": UNet2DConditionModel(
                sample_size=128,
                block_out_channels=(320, 640, 1280),
                down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
                up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
                transformer_layers_per_block=(1, 2, 10),
                attention_head_dim=(5, 10, 20),
                cross_attention_dim=2048,
                addition_embed_type="text_time",
                addition_time_embed_dim=256,
                projection_class_embeddings_input_dim=2816,
                use_linear_projection=True,
            ),
            "vae": AutoencoderKL(
                block_out_channels=(128, 256, 512, 512),
                down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4,
                layers_per_block=2,
                latent_channels=4,
                sample_size=1024,
                scaling_factor=0.13025,
            ),
        }


def fill(model: Any, device: str) -> Any:
    """Real memory in fp16 with small random weights; norms pass what they get."""
    model = model.half().to_empty(device=device)
    for name, value in model.named_parameters():
        if "norm" in name:
            torch.nn.init.constant_(value, 1.0 if name.endswith("weight") else 0.0)
        else:
            torch.nn.init.normal_(value, std=0.02)
    for name, buffer in model.named_buffers():
        if name.endswith("position_ids"):
            buffer.copy_(torch.arange(buffer.shape[-1], device=device).expand(buffer.shape))
    return model.to("cpu")


def main() -> None:
    """Write the base into FOLDER, or print its parameter counts."""
    models = shapes()
    counts = {name: sum(value.numel() for value in model.parameters()) for name, model in models.items()}
    if "--shapes" in sys.argv:
        json.dump(counts, sys.stdout)
        return
    torch.manual_seed(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    filled = {name: fill(model, device) for name, model in models.items()}
    scheduler = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    pipeline = StableDiffusionXLPipeline(**filled, tokenizer=None, tokenizer_2=None, scheduler=scheduler)
    # Under the names that mixed_precision = "fp16" asks for (rule fp16-variant).
    pipeline.save_pretrained(Path(sys.argv[1]), variant="fp16")


if __name__ == "__main__":
    main()
