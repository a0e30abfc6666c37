"""Sample images of a training as a sheet: a line for each prompt, a column for each moment they were drawn at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fork_wrapper.check.rules.prompt_file import Prompt
from fork_wrapper.publish.report.saved import saved
from fork_wrapper.publish.sample_images import SCALE, SIDE, STEPS, SampleImage, parsed_prompts, sample_images
from fork_wrapper.records.lineage import Segment
from fork_wrapper.text import counted


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
        prompts = parsed_prompts(
            segment.record.experiment.get("sample_prompts"), segment.record.training.get("sample_prompts")
        )
        following = segments[number + 1] if number + 1 < len(segments) else None
        for image in sorted(sample_images(segment), key=lambda one: (one.time, one.path.name)):
            if following and ((image.epoch or 0) > following.epoch or (image.step or 0) > following.step):
                continue  # the training went on from an earlier state
            moment = (1, image.step or 0) if image.epoch is None else (0, image.epoch)
            cells[moment, image.prompt] = _sample(image, prompts)
    when = sorted({moment for moment, _ in cells}, key=lambda one: (one[1] != 0, *one))
    numbers = sorted({number for _, number in cells})
    return Sheet(
        moments=tuple(_moment(kind, moment, segments) for kind, moment in when),
        lines={number: tuple(cells.get((moment, number)) for moment in when) for number in numbers},
    )


def _sample(image: SampleImage, prompts: Sequence[Prompt]) -> Sample:
    values = prompts[image.prompt].values if image.prompt < len(prompts) else None
    return Sample(
        path=image.path,
        prompt=str(values.get("prompt", "")) if values else "",
        seed=image.seed,
        details=_details(values) if values is not None else "",
    )


def _details(values: Mapping[str, Any]) -> str:
    words = [f"not: {values['negative_prompt']}"] if values.get("negative_prompt") else []
    words.append(f"{values.get('width', SIDE)} x {values.get('height', SIDE)}")
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
