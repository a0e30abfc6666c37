"""The samples by which an experiment was judged: the prompts, and the images in its run folders."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fork_wrapper.check.rules.prompt_file import Prompt, PromptFileError, read_prompts
from fork_wrapper.formats.source import named_prompts
from fork_wrapper.publish.document.intended import changed
from fork_wrapper.publish.document.subjects import Subject

_NAME = re.compile(r"(?:e(?P<epoch>\d{6,})|(?P<step>\d{6,}))_(?P<index>\d{2,})_\d{14}(?:_(?P<seed>-?\d+))?\.png$")
"""Behind the run's name (library/train_util.py:6572-6577)."""

PROMPTS = "training.sample_prompts"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One sample image."""

    file: str
    """Its name."""
    folder: Path
    """The folder that holds it."""
    epoch: int | None
    """Epochs of the training that were done; None where steps were counted."""
    step: int | None
    """Steps of the training that were done; None where epochs were counted."""
    prompt: int
    """Number of its prompt, from 1."""
    seed: int | None
    """Its seed, where its name says it."""


def sample_files(subject: Subject) -> tuple[Sample, ...]:
    """Every sample image of a subject's runs, the first of the training first."""
    found = []
    for segment in subject.segments:
        for path in segment.run.drawn():
            if match := _NAME.search(path.name):
                epoch, step, seed = match["epoch"], match["step"], match["seed"]
                found.append(
                    Sample(
                        file=path.name,
                        folder=path.parent,
                        epoch=segment.epoch + int(epoch) if epoch else None,
                        step=segment.step + int(step) if step else None,
                        prompt=int(match["index"]) + 1,
                        seed=int(seed) if seed else None,
                    )
                )
    return tuple(found)


def prompts_text(subject: Subject) -> str | None:
    """The text of the prompts, as the run recorded it, else as the file has it now; None where neither is there."""
    record = subject.record
    if record is not None and PROMPTS not in changed(record):
        text = record.experiment.get("sample_prompts")
        return None if text is None else str(text)
    return named_prompts(subject.source)


def prompts(subject: Subject) -> tuple[Prompt, ...]:
    """The prompts; none where there is no file, or sd-scripts could not read it."""
    text, training = prompts_text(subject), subject.source.training
    try:
        return read_prompts(text, _suffixed(training)) if text else ()
    except PromptFileError:
        return ()


def _suffixed(training: Mapping[str, object]) -> str:
    return str(training.get("sample_prompts") or "prompts.txt")
