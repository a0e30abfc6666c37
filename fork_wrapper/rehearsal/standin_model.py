"""The stand-in trainer's model: loads the miniature SDXL, conditions it, adds noise, draws, saves.

Plain SDXL diffusion on diffusers' and transformers' modules. It optimises nothing (see `standin`) and knows
one noise schedule and one sampler (DDIM). Needs torch at import; submodules are imported directly because
that is faster.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import save_file
from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from fork_wrapper.rehearsal.miniature import TOKENIZER_NAMES
from fork_wrapper.rehearsal.standin_data import chunk_tokens
from fork_wrapper.rehearsal.standin_output import Prompt

LATENT_SCALE = 0.13025
"""SDXL's scaling of latents (library/sdxl_model_util.py:17)."""

NOISE_STEPS = 1000
SAVE_TYPES: Mapping[str | None, Any] = {"fp16": torch.float16, "bf16": torch.bfloat16, "float": torch.float32}


@dataclass(frozen=True, kw_only=True)
class Model:
    """The parts of an SDXL, all in float32."""

    unet: Any
    text_encoder: Any
    text_encoder_2: Any
    vae: Any
    tokenizers: tuple[Any, Any]
    token_length: int
    """Caption tokens read: 75, 150 or 225."""

    def state(self, dtype: Any) -> dict[str, Any]:
        """Every weight under the name of its part; None keeps the type it was trained in."""
        parts = ("unet", "text_encoder", "text_encoder_2", "vae")
        weights = {f"{part}.{key}": w for part in parts for key, w in getattr(self, part).state_dict().items()}
        return {key: w.detach().to(dtype if w.is_floating_point() else None).contiguous() for key, w in weights.items()}


def load(base: Path, tokenizers: Path, token_length: int) -> Model:
    """Load a Diffusers folder and both tokenizers of a `tokenizer_cache_dir`; OSError when one is absent."""
    first, second = (CLIPTokenizer.from_pretrained(tokenizers / name) for name in TOKENIZER_NAMES)
    second.pad_token_id = 0  # as sd-scripts does for the second encoder (library/strategy_sdxl.py:25)
    kinds = {
        "unet": UNet2DConditionModel,
        "text_encoder": CLIPTextModel,
        "text_encoder_2": CLIPTextModelWithProjection,
        "vae": AutoencoderKL,
    }
    parts = {
        name: kind.from_pretrained(base, subfolder=name, torch_dtype=torch.float32, local_files_only=True)
        for name, kind in kinds.items()
    }
    for part in parts.values():
        part.requires_grad_(requires_grad=False)
    return Model(tokenizers=(first, second), token_length=token_length, **parts)


def save(model: Model, path: Path, precision: str | None, header: Mapping[str, Any]) -> None:
    """Write a checkpoint directly under its final name, as sd-scripts does.

    `precision` is fp16, bf16, float or None (as trained). TypeError when the header holds anything but texts.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(model.state(SAVE_TYPES.get(precision)), str(path), metadata=dict(header))


def encode_captions(model: Model, captions: Sequence[str]) -> tuple[Any, Any]:
    """Context (batch, n * 75 + 2, 2048) and pooled text (batch, 1280) of captions cut into n chunks.

    Encoder 1 gives its 11th hidden state, encoder 2 its last but one and the projected end token of the
    first chunk (library/strategy_sdxl.py:86-150).
    """
    first, second = (_token_rows(tokenizer, captions, model.token_length) for tokenizer in model.tokenizers)
    chunks = first.shape[1]
    out1 = model.text_encoder(first.flatten(0, 1), output_hidden_states=True)
    out2 = model.text_encoder_2(second.flatten(0, 1), output_hidden_states=True)
    states = (out1.hidden_states[11], out2.hidden_states[-2])
    context = torch.cat([_join_chunks(state.unflatten(0, (-1, chunks))) for state in states], dim=2)
    return context, out2.text_embeds[::chunks]


def _token_rows(tokenizer: Any, captions: Sequence[str], length: int) -> Any:
    """Token ids as (batch, chunks, 77)."""
    rows = tokenizer(list(captions), padding="max_length", truncation=True, max_length=length + 2).input_ids
    return torch.tensor([chunk_tokens(row, tokenizer.pad_token_id, tokenizer.eos_token_id) for row in rows])


def _join_chunks(states: Any) -> Any:
    """(batch, chunks, 77, channels) to (batch, chunks * 75 + 2, channels): one begin, all text, one end."""
    return torch.cat([states[:, 0, :1], states[:, :, 1:-1].flatten(1, 2), states[:, -1, -1:]], dim=1)


def predict(unet: Any, noisy: Any, timesteps: Any, text: tuple[Any, Any], sizes: Any) -> Any:
    """What the U-Net sees in `noisy`, given text and the six sizes of each picture."""
    context, pooled = text
    added = {"text_embeds": pooled, "time_ids": sizes}
    return unet(noisy, timesteps, encoder_hidden_states=context, added_cond_kwargs=added).sample


def encode_pixels(model: Model, pixels: Any) -> Any:
    """Scaled latents (batch, 4, height / 8, width / 8) of pixels from -1 to 1."""
    with torch.no_grad():
        return model.vae.encode(pixels).latent_dist.sample() * LATENT_SCALE


def signal_shares() -> Any:
    """How much of a picture's power is left at each of 1000 noise steps; SDXL's scaled linear schedule."""
    return (1 - torch.linspace(0.00085**0.5, 0.012**0.5, NOISE_STEPS) ** 2).cumprod(0)


@dataclass(frozen=True, kw_only=True)
class Noised:
    """A batch of latents on its way to noise, and what the U-Net should say about it."""

    noisy: Any
    timesteps: Any
    target: Any


def add_noise(latents: Any, shares: Any, options: Mapping[str, Any]) -> Noised:
    """Noise each picture by its own amount; honours noise_offset, min/max_timestep, v_parameterization."""
    noise = torch.randn_like(latents)
    if options["noise_offset"]:
        noise = noise + options["noise_offset"] * torch.randn(*latents.shape[:2], 1, 1)
    timesteps = torch.randint(options["min_timestep"] or 0, options["max_timestep"] or NOISE_STEPS, latents.shape[:1])
    signal = shares[timesteps].sqrt().view(-1, 1, 1, 1)
    rest = (1 - shares[timesteps]).sqrt().view(-1, 1, 1, 1)
    target = signal * noise - rest * latents if options["v_parameterization"] else noise
    return Noised(noisy=signal * latents + rest * noise, timesteps=timesteps, target=target)


def loss_of(prediction: Any, noised: Noised, shares: Any, options: Mapping[str, Any]) -> Any:
    """The training loss, a scalar; honours loss_type and min_snr_gamma."""
    per_picture = _distance(prediction, noised.target, options).mean(dim=(1, 2, 3))
    if options["min_snr_gamma"]:
        share = shares[noised.timesteps]
        ratio = share / (1 - share)
        bound = ratio.clamp(max=options["min_snr_gamma"])
        per_picture = per_picture * bound / (ratio + 1 if options["v_parameterization"] else ratio)
    return per_picture.mean()


def _distance(prediction: Any, target: Any, options: Mapping[str, Any]) -> Any:
    """Per element; huber and smooth_l1 are torch's, with huber_c fixed where sd-scripts schedules it."""
    kind, threshold = options["loss_type"], options["huber_c"]
    if kind == "l2":
        return F.mse_loss(prediction, target, reduction="none")
    if kind == "l1":
        return F.l1_loss(prediction, target, reduction="none")
    if kind == "huber":
        return F.huber_loss(prediction, target, reduction="none", delta=threshold)
    if kind == "smooth_l1":
        return F.smooth_l1_loss(prediction, target, reduction="none", beta=threshold)
    raise ValueError(f"the stand-in knows no loss_type {kind!r}")


def draw(model: Model, prompt: Prompt, shares: Any, *, velocity: bool) -> Any:
    """A PIL image of the prompt by DDIM with classifier-free guidance; leaves torch's random state alone."""
    chance = torch.Generator()
    if prompt.seed is None:
        chance.seed()
    else:
        chance.manual_seed(prompt.seed)
    noise = torch.randn(1, 4, prompt.height // 8, prompt.width // 8, generator=chance)
    with torch.no_grad():
        latents = _denoise(model, prompt, noise, shares, velocity=velocity)
        return _to_image(model.vae.decode(latents / LATENT_SCALE).sample)


def _denoise(model: Model, prompt: Prompt, latents: Any, shares: Any, *, velocity: bool) -> Any:
    text = encode_captions(model, [prompt.negative or "", prompt.text])
    size = [float(prompt.height), float(prompt.width)]
    sizes = torch.tensor([[*size, 0.0, 0.0, *size]] * 2)
    steps = [NOISE_STEPS * step // prompt.steps for step in reversed(range(prompt.steps))]
    for now, after in zip(steps, [*steps[1:], None], strict=True):
        both = predict(model.unet, latents.repeat(2, 1, 1, 1), torch.tensor([now, now]), text, sizes)
        guided = both[:1] + prompt.scale * (both[1:] - both[:1])
        share_after = torch.tensor(1.0) if after is None else shares[after]
        latents = _ddim_step(latents, guided, shares[now], share_after, velocity=velocity)
    return latents


def _ddim_step(latents: Any, said: Any, share: Any, share_after: Any, *, velocity: bool) -> Any:
    """One step towards the picture: estimate it, then add back the noise that the next step expects."""
    signal, rest = share.sqrt(), (1 - share).sqrt()
    noise = signal * said + rest * latents if velocity else said
    picture = signal * latents - rest * said if velocity else (latents - rest * said) / signal
    return share_after.sqrt() * picture.clamp(-1, 1) + (1 - share_after).sqrt() * noise


def _to_image(decoded: Any) -> Any:
    from PIL import Image  # noqa: PLC0415 - only runs that draw need it

    values = ((decoded[0].clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0)
    return Image.frombytes("RGB", (values.shape[1], values.shape[0]), bytes(values.flatten().tolist()))
