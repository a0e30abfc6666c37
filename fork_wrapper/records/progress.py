"""How far a run is, folded from the trainer's raw output.

The same fold serves the live display and a log read afterwards (`read_log`): a run whose kft was killed is
described from `train.log` alone. Bytes come in any pieces; tqdm redraws with a carriage return.
"""

import contextlib
import math
import os
import re
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from dataset_tools.names import lies_in
from fork_wrapper.sdscripts.lines import (
    EpochLine,
    FactLine,
    StepLine,
    behind_bar,
    is_pause,
    parse_count,
    parse_line,
    work_of,
)

TAIL_LINES = 400
PENDING = 1 << 16
"""Bytes of a line without an end that are kept: no line that counts is as long."""
KEPT = 2000
"""Characters of a line that are kept."""
READ = (1 << 16, 1 << 20, 1 << 23)
"""Bytes of the end of a log that are read, one after the other."""
_ENDS = re.compile(rb"[\r\n]+")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(kw_only=True)
class Progress:
    """The state so far. Mutable: it is the accumulator of a stream."""

    step: int = 0
    """Optimizer steps done."""
    total: int = 0
    """Optimizer steps in all; 0 before the first is known."""
    epoch: int = 0
    """The epoch that is running, from 1."""
    epochs: int = 0
    """Epochs in all."""
    elapsed: int = 0
    """Seconds from the beginning of the first step to the end of the last one done, as the trainer prints them.

    What comes after the last step, the final save above all, is not in it, though the trainer redraws its bar then.
    """
    first: tuple[int, int] = (0, 0)
    """The first step whose end was seen, and `elapsed` then: warm-up is over. (0, 0) before."""
    trained: tuple[int, int] = (0, 0)
    """Steps after `first` that were not interrupted by a save or by samples, and the seconds that they took."""
    losses: list[tuple[int, float]] = field(default_factory=list)
    """(step, mean loss) at every step that showed a finite one."""
    nan_step: int | None = None
    """The first step whose mean loss was not a number: nothing after it is worth keeping."""
    facts: dict[str, int] = field(default_factory=dict)
    """Numbers that the trainer printed before the first step (`sdscripts.lines.FACTS`)."""
    counter: tuple[str, int, int] = ("", 0, 0)
    """Before the first step: what is being counted (`caching latents`), how many are done, of how many."""
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    """The last lines that are no progress bars."""
    since_step: int = 0
    """Lines of `tail` that came after the last step: of a run that ended, its last words."""
    _work: str = ""
    _paused: bool = False
    _rest: bytes = b""

    def feed(self, chunk: bytes) -> list[str]:
        """Fold in more output; returns the complete lines in it that are no redraws, for plain display."""
        *pieces, rest = _ENDS.split(self._rest + chunk)
        self._rest = rest[-PENDING:]
        lines = [line for piece in pieces if (line := self._line(piece)) is not None]
        # tqdm writes its carriage return first: the newest redraw has no end yet, and is whole with its bracket.
        if self._rest.endswith(b"]"):
            with contextlib.suppress(Exception):  # as in `_line`
                self._drawn(_text(self._rest))
        return lines

    def close(self) -> list[str]:
        """Fold in what came without a line end."""
        rest, self._rest = self._rest, b""
        line = self._line(rest)
        return [] if line is None else [line]

    @property
    def last_words(self) -> list[str]:
        """The lines after the last step; all that are kept where no step was done."""
        return list(self.tail)[max(len(self.tail) - self.since_step, 0) :] if self.step else list(self.tail)

    @property
    def done(self) -> bool:
        """Whether the last step was done."""
        return 0 < self.total <= self.step

    @property
    def loss(self) -> float | None:
        """The last mean loss."""
        return self.losses[-1][1] if self.losses else None

    @property
    def steps_per_second(self) -> float | None:
        """The pace of training alone, by the trainer's clock: without the first step, saves and samples.

        Where nothing else is known yet, all steps over all seconds; None before the first full second.
        """
        steps, seconds = self.trained
        if seconds:
            return steps / seconds
        return self.step / self.elapsed if self.elapsed and self.step else None

    @property
    def seconds_left(self) -> float | None:
        """What the remaining steps will take if saves and samples go on as they did since the first step."""
        step, elapsed = self.first
        if self.elapsed > elapsed and self.step > step:
            return max(self.total - self.step, 0) * (self.elapsed - elapsed) / (self.step - step)
        return max(self.total - self.step, 0) / self.steps_per_second if self.steps_per_second else None

    def step_of_epoch(self, epoch: int) -> int | None:
        """The optimizer step at which an epoch ends; None before the trainer said how long one is.

        sdxl_train.py:571-573: steps per epoch are batches over accumulation, rounded up.
        """
        batches = self.facts.get("batches_per_epoch")
        if not batches:
            return None
        steps = -(-batches // (self.facts.get("gradient_accumulation_steps") or 1)) * epoch
        return min(steps, self.total) if self.total else steps

    def epoch_of_step(self, step: int) -> int | None:
        """The epoch in which a step lies, from 1; None before the trainer said how long one is."""
        per_epoch = self.step_of_epoch(1)
        return -(-step // per_epoch) if per_epoch else None

    def loss_at(self, step: int) -> float | None:
        """The mean loss shown at a step; None when that step showed none."""
        return dict(self.losses).get(step)

    def _line(self, piece: bytes) -> str | None:
        """Fold in a line; what it leaves to show, None for nothing."""
        text = _text(piece)
        try:
            text = self._fold(text)
        except Exception:  # noqa: BLE001 - a line is data: whatever reading it does wrong, the run goes on
            text = text[:KEPT]
        if not text:
            return None
        self.tail.append(text)
        self.since_step += 1
        return text

    def _drawn(self, text: str) -> None:
        if isinstance(said := parse_line(text), StepLine):
            self._step(said)
        else:
            self._count(text)

    def _fold(self, text: str) -> str:
        said = parse_line(text)
        if isinstance(said, StepLine):
            self._step(said)
            text = said.rest
        elif isinstance(said, EpochLine):
            self.epoch, self.epochs = said.epoch, said.epochs
        elif isinstance(said, FactLine):
            self.facts[said.name] = said.value
        else:
            self._count(text)
        text = behind_bar(text)[:KEPT]
        if not self.step and (work := work_of(text)):
            self._work, self.counter = work, (work, 0, 0)
        self._paused = self._paused or is_pause(text)
        return text

    def _count(self, text: str) -> None:
        said = None if self.step else parse_count(text)
        if said is not None and (name := said.name or self._work):
            self.counter = (name, said.done, said.total)

    def _step(self, line: StepLine) -> None:
        if line.step > line.total:  # a damaged bar
            return
        self._clock(line)
        self.step, self.total = line.step, line.total
        if line.loss is None or not line.step:
            return
        if not math.isfinite(line.loss):
            self.nan_step = self.nan_step or line.step
            return
        if self.losses and self.losses[-1][0] == line.step:
            self.losses[-1] = (line.step, line.loss)
        else:
            self.losses.append((line.step, line.loss))

    def _clock(self, line: StepLine) -> None:
        """Take the time when a step ends, not at later redraws of it: the very last one follows the final save."""
        if line.step <= self.step:
            return
        self.since_step = 0
        if not self.step:
            self.first = line.step, line.elapsed
        elif not self._paused and line.elapsed >= self.elapsed:
            steps, seconds = self.trained
            self.trained = steps + line.step - self.step, seconds + line.elapsed - self.elapsed
        self.elapsed, self._paused = line.elapsed, False


def _text(piece: bytes) -> str:
    return _ESCAPES.sub("", piece.decode("utf-8", errors="replace")).rstrip()


def read_log(path: Path) -> Progress:
    """The progress that a raw log tells; empty when there is no log, or a link to a file elsewhere in its place."""
    progress = Progress()
    if path.is_file() and lies_in(path, path.parent):
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                progress.feed(chunk)
        progress.close()
    return progress


def read_tail(path: Path) -> Progress:
    """The progress that the end of a raw log tells: of a run in progress, without reading hours of output.

    What was printed once at the beginning is not in it, and speed is that of the last steps. More is read where the
    end shows no step, up to `READ[-1]` bytes; empty when there is no log.
    """
    progress = Progress()
    for size in READ:
        try:
            with path.open("rb") as file:
                length = file.seek(0, os.SEEK_END)
                file.seek(max(length - size, 0))
                data = file.read(size)
        except OSError:
            return Progress()
        progress = Progress()
        progress.feed(data if length <= size else data[data.find(b"\r") + 1 :])
        progress.close()
        if progress.step or length <= size:
            break
    return progress
