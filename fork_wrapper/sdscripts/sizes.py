"""Of how many numbers SDXL is made, and how many bytes sd-scripts writes and holds of them: checkpoints and caches.

Computed from SDXL's parameter counts; real files are larger by a header of some hundred kilobytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Get = Callable[[str], Any]
"""From an option's name to its value in force."""

UNET = 2_567_463_684
TEXT_ENCODER_1 = 123_060_480
TEXT_ENCODER_2 = 694_659_840
VAE = 83_653_863
"""Parameters of SDXL base 1.0."""

IDLE_1 = 7_089_408
"""Parameters of the first text encoder's last layer and final norm: no gradient reaches them (sdxl_train.py:train)."""

UNET_BLOCKS = (
    *(7_296_000, 11_840, 2_255_040, 2_255_040, 921_920, 27_390_080, 29_028_480, 3_687_040, 375_425_280, 381_978_880),
    *(31_138_560, 350_840_320, 31_138_560, 400_005_120, 400_005_120, 406_558_720, 37_633_280, 33_536_000, 35_174_400),
    *(4_407_040, 3_382_400, 3_382_400, 12_164),
)
"""Parameters of the U-Net's 23 blocks, as block_lr counts them (sdxl_train.py:get_block_params_to_optimize)."""

FACTORED_UNET_BLOCKS = (
    *(15_936, 8_000, 1_232_640, 1_232_640, 614_720, 4_173_312, 4_992_512, 2_458_240, 17_022_720, 20_299_520),
    *(19_672_320, 627_200, 19_672_320, 36_687_360, 36_687_360, 39_964_160, 12_368_512, 9_090_432, 9_909_632),
    *(3_077_440, 2_257_600, 2_257_600, 8_324),
)
FACTORED = (338_253, 1_326_925)
IDLE_1_FACTORED = 25_344
"""Numbers that Adafactor keeps for the U-Net's blocks, for the text encoders, and for the idle part of the first: of a
tensor of two and more dimensions one for each row and each column of its last two, of others one for each number."""

BYTES: Mapping[str, int] = {"float": 4, "fp16": 2, "bf16": 2, "no": 4}
"""Bytes per number of `save_precision` and `mixed_precision`."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """Which parts learn, and at which rate."""

    unet: float
    """Learning rate; 0 is frozen."""
    text_encoder_1: float
    """Likewise."""
    text_encoder_2: float
    """Likewise."""

    @property
    def parameters(self) -> int:
        """How many numbers are in the optimizer's hands, the frozen layers of the first text encoder included."""
        parts = ((self.unet, UNET), (self.text_encoder_1, TEXT_ENCODER_1), (self.text_encoder_2, TEXT_ENCODER_2))
        return sum(count for rate, count in parts if rate)


def trained(get: Get) -> Trained:
    """What learns (sdxl_train.py:286-319): a text encoder without a rate of its own takes the U-Net's, 0 freezes."""
    rate = get("learning_rate")
    rates = [get(key) for key in ("learning_rate_te1", "learning_rate_te2")]
    one, two = [(rate if own is None else own) if get("train_text_encoder") else 0.0 for own in rates]
    return Trained(unet=rate, text_encoder_1=one, text_encoder_2=two)


def checkpoint_bytes(get: Get) -> int:
    """Of one checkpoint: U-Net, both text encoders and VAE (library/sdxl_model_util.py:494-518)."""
    if size := BYTES.get(str(get("save_precision"))):
        return size * (UNET + TEXT_ENCODER_1 + TEXT_ENCODER_2 + VAE)
    parts, half = trained(get), BYTES.get(str(get("mixed_precision")), 4)
    full = 2 if get("full_fp16") or get("full_bf16") else 4
    idle = 4 if get("cache_text_encoder_outputs") else half  # sdxl_train.py:505-508
    encoders = (parts.text_encoder_1, TEXT_ENCODER_1), (parts.text_encoder_2, TEXT_ENCODER_2)
    texts = sum(count * (full if rate else idle) for rate, count in encoders)
    return full * UNET + texts + (4 if get("no_half_vae") else half) * VAE


def latent_bytes(resolution: tuple[int, int], *, flipped: bool, each: int) -> int:
    """Of one image's latents: four channels of an eighth of its bucket's sides, `each` bytes per number.

    On disk always 4 bytes (library/strategy_base.py:597-606); in memory those of the VAE.
    """
    width, height = resolution
    return 4 * (width // 8) * (height // 8) * each * (2 if flipped else 1)


def text_bytes(get: Get) -> int:
    """Of one caption's text encoder outputs (library/strategy_sdxl.py:283-306)."""
    tokens = 2 + 75 * ((get("max_token_length") or 75) // 75)
    each = 2 if get("mixed_precision") == "fp16" else 4
    return each * (tokens * (768 + 1280) + 1280)
