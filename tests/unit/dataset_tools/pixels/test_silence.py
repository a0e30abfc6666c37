"""What is global is changed once and put back once."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from dataset_tools.pixels.silence import HUSH, QUIET, Counted

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_first_changes_and_the_last_puts_back() -> None:
    """However many are inside, in whatever order they leave."""
    seen: list[str] = []

    def change() -> Callable[[], None]:
        seen.append("changed")
        return lambda: seen.append("back")

    counted = Counted(change)
    with counted:
        with counted:
            pass
        assert seen == ["changed"]
    assert seen == ["changed", "back"]
    with pytest.raises(ValueError, match="x"), counted:
        raise ValueError("x")
    assert seen == ["changed", "back"] * 2


def test_quiet(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    """No warning, no log line, no limit; afterwards all of it again."""
    limit = Image.MAX_IMAGE_PIXELS
    with QUIET:
        warnings.warn("not seen", stacklevel=1)
        logging.getLogger("PIL.TiffImagePlugin").error("not seen")
        assert Image.MAX_IMAGE_PIXELS is None
    assert limit == Image.MAX_IMAGE_PIXELS
    assert (caplog.records, *capsys.readouterr()) == ([], "", "")
    logging.getLogger("PIL.TiffImagePlugin").error("seen")
    assert len(caplog.records) == 1
    with pytest.warns(UserWarning, match="seen"):
        warnings.warn("seen", stacklevel=1)


def test_hush_holds_for_what_is_written_past_python(capfd: pytest.CaptureFixture[str]) -> None:
    """As libtiff writes."""
    with HUSH:
        os.write(2, b"not seen")
    os.write(2, b"seen")
    sys.stderr.flush()
    assert capfd.readouterr().err == "seen"
