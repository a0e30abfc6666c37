"""Base models by their bytes, by their name, by what somebody says."""

from typing import Any

import pytest

from fork_wrapper.sdscripts.known_bases import KNOWN, SDXL, recognise

FILE = "C:\\models\\sd_xl_base_1.0.safetensors"
(HASH,) = KNOWN


@pytest.mark.parametrize(
    ("recorded", "said", "hub"),
    [
        ({"path": "/x/y.safetensors", "kind": "file", "sha256": HASH}, None, SDXL),
        ({"path": FILE, "kind": "file", "sha256": None}, None, SDXL),
        ({"path": "/m/sd_xl_base_1.0_0.9vae.safetensors", "kind": "file", "sha256": None}, None, SDXL),
        ({"path": FILE, "kind": "file", "sha256": "0" * 64}, None, None),
        ({"path": "/m/mine.safetensors", "kind": "file", "sha256": None}, None, None),
        ({"path": "someone/sdxl-anime", "kind": "name", "sha256": None}, None, "someone/sdxl-anime"),
        (None, None, None),
        ({}, None, None),
        ({"path": FILE, "kind": "file", "sha256": HASH}, "someone/else", "someone/else"),
    ],
)
def test_what_is_recognised(recorded: dict[str, Any] | None, said: str | None, hub: str | None) -> None:
    """A name alone is believed only where no sha256 speaks against it; the card says how it is known."""
    base = recognise(recorded, said=said)
    assert base.hub == hub
    assert base.how
