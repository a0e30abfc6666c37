"""Sample images of a training, by the names that sd-scripts gives them, and the prompts that they were drawn for."""

import re
from dataclasses import dataclass
from pathlib import Path

from fork_wrapper.check.rules.prompt_file import Prompt, PromptFileError, read_prompts
from fork_wrapper.records.lineage import Segment

STEPS = 30
SCALE = 7.5
SIDE = 512
"""Of a sample whose prompt names none (library/train_util.py:6503-6508)."""

_NAME = re.compile(
    r"(?:^|_)(?P<epoch>e?)(?P<moment>\d{6,})_(?P<prompt>\d{2,})_(?P<time>\d{14})(?:_(?P<seed>-?\d+))?\.png$"
)
"""library/train_util.py:6572-6577."""


@dataclass(frozen=True, kw_only=True)
class SampleImage:
    """One sample image."""

    path: Path
    """The file."""
    epoch: int | None
    """Epochs of the whole training that were done; None where steps were counted."""
    step: int | None
    """Steps of the whole training that were done; None where epochs were counted."""
    prompt: int
    """Number of its prompt, from 0."""
    seed: int | None
    """By its name; None where sd-scripts drew with a random one."""
    time: str
    """When it was drawn, in digits."""


def sample_images(segment: Segment) -> list[SampleImage]:
    """The sample images of one run of a training, by name."""
    return [
        SampleImage(
            path=path,
            epoch=segment.epoch + int(match["moment"]) if match["epoch"] else None,
            step=None if match["epoch"] else segment.step + int(match["moment"]),
            prompt=int(match["prompt"]),
            seed=int(match["seed"]) if match["seed"] else None,
            time=match["time"],
        )
        for path in segment.run.drawn()
        if (match := _NAME.search(path.name))
    ]


def parsed_prompts(text: object, file: object) -> tuple[Prompt, ...]:
    """The prompts of a prompt file by its text; none where there is no text, or sd-scripts could not read it."""
    try:
        return read_prompts(text, str(file or "prompts.txt")) if isinstance(text, str) and text else ()
    except PromptFileError:
        return ()
