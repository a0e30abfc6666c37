"""What a git checkout says of itself in plain files. Nothing is started; whoever needs more asks git (`provenance`)."""

from pathlib import Path


def is_checkout(folder: Path) -> bool:
    """Whether `folder` is the root of a checkout; an empty folder of a submodule is none."""
    return (folder / ".git").exists()


def detached_head(folder: Path) -> str | None:
    """The commit that HEAD itself names, as in every submodule; None where it names a branch, or nothing."""
    try:
        place = folder / ".git"
        if place.is_file():
            place = folder / place.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        head = (place / "HEAD").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return head if len(head) == 40 and set(head) <= set("0123456789abcdef") else None
