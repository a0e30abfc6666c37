"""Sample images of a training as a sheet: a line for each prompt, a column for each moment they were drawn at."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fork_wrapper.check.rules.prompt_file import Prompt, PromptFileError, read_prompts
from fork_wrapper.publish.report.saved import saved
from fork_wrapper.records.lineage import Segment
from fork_wrapper.records.record import Record
from fork_wrapper.text import counted

_NAME = re.compile(
    r"(?:^|_)(?P<epoch>e?)(?P<moment>\d{6,})_(?P<prompt>\d{2,})_(?P<time>\d{14})(?:_(?P<seed>\d+))?\.png$"
)
"""library/train_util.py:6572-6576."""

STEPS = 30
SCALE = 7.5
"""Of a sample that says none (library/train_util.py:6505-6508)."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When samples were drawn, counted through the whole training."""

    epoch: int | None
    """After this epoch; 0 is before the first step."""
    step: int | None
    """At this step; None where they are drawn by epochs."""
    checkpoint: str
    """File name of the checkpoint of that moment; empty where none was saved."""

    @property
    def label(self) -> str:
        """`epoch 2`, `step 400`, `before training`."""
        if self.epoch is not None:
            return f"epoch {self.epoch}" if self.epoch else "before training"
        return f"step {self.step}"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One sample image."""

    path: Path
    """The file."""
    prompt: str
    """What was asked for; empty where no record says it."""
    seed: int | None
    """By its file name; None where sd-scripts drew with a random one."""
    details: str
    """Negative prompt, size, steps, scale, in words."""

    @property
    def asked(self) -> str:
        """The prompt as people read it."""
        return self.prompt or "prompt not recorded"

    @property
    def seed_words(self) -> str:
        """The seed as people read it."""
        return "random seed" if self.seed is None else f"seed {self.seed}"


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """All samples of a training."""

    moments: tuple[Moment, ...]
    """The columns."""
    lines: Mapping[int, tuple[Sample | None, ...]]
    """By number of the prompt, from 0: one for each moment, None where there is none."""

    def samples(self) -> tuple[Sample, ...]:
        """All of them, line by line."""
        return tuple(sample for line in self.lines.values() for sample in line if sample)


def sheet_of(segments: Sequence[Segment]) -> Sheet:
    """The sheet of a chain of runs; empty where no samples are left."""
    cells: dict[tuple[tuple[int, int], int], Sample] = {}
    for number, segment in enumerate(segments):
        prompts = prompts_of(segment.record)
        following = segments[number + 1] if number + 1 < len(segments) else None
        for path in sorted(segment.run.drawn(), key=_time):
            match = _NAME.search(path.name)
            if match is None:
                continue
            by_epoch, moment = bool(match["epoch"]), int(match["moment"])
            moment += segment.epoch if by_epoch else segment.step
            if following and moment > (following.epoch if by_epoch else following.step):
                continue  # the training went on from an earlier state
            place = ((0 if by_epoch else 1, moment), int(match["prompt"]))
            cells[place] = _sample(path, match["seed"], prompts.get(place[1]))
    when = sorted({moment for moment, _ in cells}, key=lambda one: (one[1] != 0, *one))
    numbers = sorted({number for _, number in cells})
    return Sheet(
        moments=tuple(_moment(kind, moment, segments) for kind, moment in when),
        lines={number: tuple(cells.get((moment, number)) for moment in when) for number in numbers},
    )


def prompts_of(record: Record) -> dict[int, Prompt]:
    """The prompts of a run by the number that stands in the names of samples; empty where they are not recorded."""
    text, path = record.experiment.get("sample_prompts"), str(record.training.get("sample_prompts", ""))
    if not isinstance(text, str):
        return {}
    try:
        return dict(enumerate(read_prompts(text, path)))
    except PromptFileError:
        return {}


def _time(path: Path) -> tuple[str, str]:
    match = _NAME.search(path.name)
    return (match["time"] if match else ""), path.name


def _sample(path: Path, seed: str | None, prompt: Prompt | None) -> Sample:
    values: Mapping[str, Any] = prompt.values if prompt else {}
    return Sample(
        path=path,
        prompt=str(values.get("prompt", "")),
        seed=int(seed) if seed else None,
        details=_details(values) if prompt else "",
    )


def _details(values: Mapping[str, Any]) -> str:
    words = [f"not: {values['negative_prompt']}"] if values.get("negative_prompt") else []
    words.append(f"{values.get('width', 512)} x {values.get('height', 512)}")
    words.append(f"{counted(values.get('sample_steps', STEPS), 'step')}, scale {values.get('scale', SCALE)}")
    return "; ".join(words)


def _moment(kind: int, number: int, segments: Sequence[Segment]) -> Moment:
    epoch, step = (number, None) if kind == 0 else (None, number)
    return Moment(epoch=epoch, step=step, checkpoint=_checkpoint(epoch, step, segments))


def _checkpoint(epoch: int | None, step: int | None, segments: Sequence[Segment]) -> str:
    """The checkpoint of the same moment; the last one that fits, for the later segment is the one that went on."""
    fitting = ""
    for segment in segments:
        for one in saved(segment.record.checkpoints):
            if epoch and one.kind in ("epoch", "final") and one.epoch and one.epoch + segment.epoch == epoch:
                fitting = one.file
            if step and one.step and one.step + segment.step == step:
                fitting = one.file
    return fitting
