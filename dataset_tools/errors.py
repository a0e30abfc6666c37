"""The one error that `dataset_tools` raises for what a user can put right.

It carries its parts as attributes, so that a caller can lay them out; it prints nothing and knows no exit
codes.
"""

from __future__ import annotations


class Abandoned(Exception):  # noqa: N818 - nothing went wrong: the caller asked to stop
    """Work was given up because its caller said so."""


class DatasetError(Exception):
    """A folder or file of a training set cannot be used as asked."""

    what: str
    """What went wrong, without the place: "the folder does not exist"."""
    where: str
    """The folder or file that it happened to, as the caller gave it."""
    next_step: str
    """What the reader can do about it, as a sentence."""

    def __init__(self, what: str, *, where: object, next_step: str) -> None:
        super().__init__(what, str(where), next_step)
        self.what = what
        self.where = str(where)
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.next_step}"
