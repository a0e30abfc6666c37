"""What a trainer does otherwise than its plan foresaw, said while it runs and once: other steps, other images."""

from collections.abc import Iterator, Mapping
from typing import Any

from fork_wrapper.errors import Finding
from fork_wrapper.records.progress import Progress
from fork_wrapper.text import counted


class Asides:
    """Compares a run with its plan. Mutable: it remembers what it has said."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        """`plan` as the record keeps it."""
        schedule = plan.get("schedule") or {}
        datasets = plan.get("datasets") or ()
        images = [one.get("repeats") for one in datasets]
        self._steps = schedule.get("total_steps")
        self._images = sum(images) if images and all(isinstance(count, int) for count in images) else None
        self._said = False

    def about(self, progress: Progress) -> Iterator[Finding]:
        """What is to be said now: nothing before the first bar, which has the steps in all."""
        if self._said or not progress.total:
            return
        self._said = True
        if self._steps is None or progress.total == self._steps:
            return
        what = f"the trainer runs {counted(progress.total, 'step')}, and {self._steps} were planned"
        images = progress.facts.get("examples")
        if images is not None and self._images and images != self._images:
            what += f"; it counts {counted(images, 'image')} in an epoch, the plan {self._images}"
        todo = "see whether length, repeats and data set are what you mean; Ctrl-C ends it"
        yield Finding(what=what, where="total optimization steps in train.log", todo=todo, severity="warning")
