"""Base models that kft recognises, by their bytes or by what they are called, and the licence that comes with them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any

SDXL = "stabilityai/stable-diffusion-xl-base-1.0"
"""SDXL base 1.0 on the Hugging Face Hub."""

KNOWN: Mapping[str, str] = {
    "31e35c80fc4829d14f90153f4c74cd59c90b779f6afe05a74cd6120b893f7e5b": SDXL,  # sd_xl_base_1.0.safetensors
}
"""By sha256 of the file."""

LICENSE = "openrail++"
"""The Hub's id of the CreativeML Open RAIL++-M licence, which SDXL base 1.0 is under."""

LICENSE_LINK = f"https://huggingface.co/{SDXL}/blob/main/LICENSE.md"

_SDXL_FILE = re.compile(r"(?i)sd_xl_base_1[._]0(?:_0\.9vae)?\.safetensors")


@dataclass(frozen=True, kw_only=True)
class Base:
    """What a base model is, as far as it can be told."""

    hub: str | None
    """Its name on the Hub; None where nobody can tell."""
    how: str
    """How that is known, or why it is not."""


def recognise(recorded: Mapping[str, Any] | None, *, said: str | None = None) -> Base:
    """The base model of a record's provenance; `said` is what the user calls it, which is believed."""
    if said:
        return Base(hub=said, how="as it was named at the promotion")
    if not recorded:
        return Base(hub=None, how="the record does not say which base model it was")
    path, sha256 = str(recorded.get("path") or ""), str(recorded.get("sha256") or "")
    if recorded.get("kind") == "name":
        return Base(hub=path or None, how="the trainer took it from the Hub by this name")
    if sha256 in KNOWN:
        return Base(hub=KNOWN[sha256], how="recognised by its sha256")
    name = PureWindowsPath(path).name
    if not sha256 and _SDXL_FILE.fullmatch(name):
        return Base(hub=SDXL, how="by its file name alone: its sha256 was not recorded")
    return Base(hub=None, how="no base model that kft knows has this sha256")
