"""Where the miniature SDXL lies and how big it is; imports nothing heavy: kft and the trainer both use it.

It does not build the miniature (see `miniature`) and does not look whether it exists.
"""

from pathlib import Path

MINIATURE_VERSION = 1
"""Raised whenever a rebuilt miniature would differ; it names the folder, so an old cache is not used."""

SETS = "rehearsal-sets"
"""Folder in the cache that holds copies of somebody's images, one folder for each choice."""

WIDTH = 32
"""Channels of the U-Net's first level; 320 in SDXL. Group norm has 32 groups, so it cannot be smaller."""

TIME_EMBED = 4 * WIDTH
"""Channels of the time embedding; 1280 in SDXL, always four times the width."""


def miniature_folder(cache: Path) -> Path:
    """The folder of the miniature of this version below the cache folder `cache`."""
    return cache / f"miniature-v{MINIATURE_VERSION}"


def base_model(miniature: Path) -> Path:
    """The Diffusers folder for `pretrained_model_name_or_path`."""
    return miniature / "sdxl"


def tokenizers(miniature: Path) -> Path:
    """The folder for `tokenizer_cache_dir`; holds both tokenizers under the names sd-scripts looks for."""
    return miniature / "tokenizers"
