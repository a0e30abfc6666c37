"""How far a run is: the same answer however its output is cut, and nothing lost but redraws."""

import json
import math
from collections import deque
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fork_wrapper.commands.live_view import describe
from fork_wrapper.records.progress import KEPT, TAIL_LINES, Progress, read_log
from fork_wrapper.records.record import summary
from fork_wrapper.run.endings import last_story, without_launcher

LOG = Path(__file__).resolve().parents[2] / "golden" / "logs" / "two_epochs.log"
RAW = LOG.read_bytes()
PAUSES = LOG.with_name("saves_and_samples.log")

FACTS = {
    "examples": 12,
    "batches_per_epoch": 5,
    "epochs": 2,
    "gradient_accumulation_steps": 2,
    "total_steps": 6,
}
LINES = [
    "running training / 学習開始",
    "  num examples / サンプル数: 12",
    "  num batches per epoch / 1epochのバッチ数: 5",
    "  num epochs / epoch数: 2",
    "  batch size per device / バッチサイズ: 2",
    "  gradient accumulation steps / 勾配を合計するステップ数 = 2",
    "  total optimization steps / 学習ステップ数: 6",
    "epoch 1/2",
    "saving checkpoint: /runs/niño 🦊/one-000001.safetensors",
    "epoch 2/2",
    "model saved. / モデルを保存しました",
]
WHOLE = {
    "counter": ("read caption", 12, 12),
    "_work": "",
    "step": 6,
    "total": 6,
    "epoch": 2,
    "epochs": 2,
    "elapsed": 30 * 3600 + 5,
    "losses": [(1, 1.3), (2, 1.2), (3, 1.25), (5, 0.125), (6, 5e-05)],
    "nan_step": 4,
    "facts": FACTS,
    "first": (1, 6),
    "trained": (4, 4 + 30 * 3600 + 5 - 3599),
    "tail": deque(LINES),
    "since_step": 1,
    "_paused": False,
    "_rest": b"",
}


def _fed(*chunks: bytes) -> tuple[dict[str, Any], list[str]]:
    """State and lines after these chunks and the end."""
    progress = Progress()
    lines = [line for chunk in chunks for line in progress.feed(chunk)]
    lines += progress.close()
    return asdict(progress), lines


def _bar(step: int, elapsed: str = "00:01", loss: str = "1.0", total: int = 9) -> bytes:
    return f"\rsteps:  1%|#    | {step}/{total} [{elapsed}<00:01,  1.00s/it, avr_loss={loss}]".encode()


def test_a_whole_log() -> None:
    """Steps, epochs, losses, facts and lines of a run, the last redraw without a line end included."""
    assert _fed(RAW) == (WHOLE, LINES)


def test_cut_at_every_byte() -> None:
    """Cut anywhere, in the middle of a character too, the same state and the same lines come out."""
    assert len(RAW) > 1000
    for cut in range(len(RAW) + 1):
        assert _fed(RAW[:cut], RAW[cut:]) == (WHOLE, LINES)
    assert _fed(*(RAW[place : place + 1] for place in range(len(RAW)))) == (WHOLE, LINES)


@given(st.lists(st.integers(0, len(RAW)), max_size=20))
def test_cut_into_any_pieces(cuts: list[int]) -> None:
    """Any number of cuts, empty pieces included, changes nothing."""
    places = [0, *sorted(cuts), len(RAW)]
    assert _fed(*(RAW[first:last] for first, last in pairwise(places))) == (WHOLE, LINES)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b"\n\n"])
def test_line_ends(end: bytes) -> None:
    """Every line end of every system ends a line, and empty lines are none."""
    assert _fed(b"one" + end + b"two" + end)[1] == ["one", "two"]


def test_the_newest_redraw_counts_at_once() -> None:
    """The bar writes its carriage return first: a redraw that is whole is not kept waiting for the next one."""
    progress = Progress()
    assert progress.feed(_bar(1) + _bar(2, loss="0.5")) == []
    assert (progress.step, progress.loss) == (2, 0.5)
    assert progress.feed(_bar(3)[:-4]) == []
    assert progress.step == 2


def test_the_last_redraw_of_a_step_counts() -> None:
    """A step is drawn several times, first with the loss of the step before: one loss per step, the last one."""
    progress = Progress()
    progress.feed(_bar(1, loss="1.0") + _bar(2, loss="1.0") + _bar(2, loss="0.5"))
    assert (progress.losses, progress.loss_at(1), progress.loss_at(2)) == ([(1, 1.0), (2, 0.5)], 1.0, 0.5)
    assert progress.loss_at(3) is None


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "NaN"])
def test_a_loss_that_is_no_number(word: str) -> None:
    """The first step without a finite loss is remembered, and such a loss is never among the losses."""
    progress = Progress()
    progress.feed(_bar(1) + _bar(2, loss=word) + _bar(3, loss=word) + _bar(4) + b"\n")
    assert (progress.nan_step, progress.losses, progress.loss) == (2, [(1, 1.0), (4, 1.0)], 1.0)
    assert all(math.isfinite(loss) for _, loss in progress.losses)


def test_before_anything_was_said() -> None:
    """Nothing is known and nothing is made up before the trainer speaks."""
    progress = Progress()
    assert (progress.loss, progress.steps_per_second, progress.nan_step) == (None, None, None)
    assert (progress.step_of_epoch(1), progress.epoch_of_step(1), progress.loss_at(0)) == (None, None, None)
    progress.feed(_bar(1, elapsed="00:00"))
    assert progress.steps_per_second is None


def test_speed_is_by_the_trainers_clock() -> None:
    """Steps over the bar's own seconds, hours included; from the second step that was seen on without the first."""
    progress = Progress()
    progress.feed(_bar(90, elapsed="1:00:00", total=100) + b"\n")
    assert progress.steps_per_second == 90 / 3600
    progress.feed(_bar(91, elapsed="1:00:02", total=100) + _bar(93, elapsed="1:00:05", total=100) + b"\n")
    assert progress.steps_per_second == 3 / 5


def test_the_final_save_is_no_training() -> None:
    """The last bar is drawn again after the final save: neither the seconds nor the pace know of it."""
    progress = Progress()
    progress.feed(_bar(1, "00:07") + _bar(2, "00:09") + _bar(3, "00:11") + b"save trained model as x\n")
    assert (progress.elapsed, progress.steps_per_second) == (11, 0.5)
    progress.feed(_bar(3, "00:58") + b"\n")
    assert (progress.elapsed, progress.steps_per_second) == (11, 0.5)


def test_the_pace_of_a_run_with_saves_and_samples() -> None:
    """Six steps of two seconds, of which the first took eight and the fourth waited for samples and a checkpoint."""
    progress = read_log(PAUSES)
    assert (progress.step, progress.elapsed, progress.first) == (6, 39, (1, 8))
    assert (progress.trained, progress.steps_per_second) == ((4, 8), 0.5)


@pytest.mark.parametrize(
    "line",
    [
        "saving checkpoint: /runs/one-000001.safetensors",
        "2026-01-01 10:00:00 INFO     saving checkpoint: /runs/one-000001.safetensors       train_util.py:5889",
        "saving model: /runs/one-000001",
        "saving state at epoch 1",
        "saving state at step 2",
        "generating sample images at step / サンプル画像生成 ステップ: 2",
    ],
)
def test_a_step_that_waits_tells_no_pace(line: str) -> None:
    """But the time left counts with more of the same."""
    progress = Progress()
    progress.feed(_bar(1, "00:10") + _bar(2, "00:12") + f"\n{line}\n".encode() + _bar(3, "00:40") + _bar(4, "00:42"))
    assert progress.trained == (2, 4)
    assert progress.steps_per_second == 0.5
    assert progress.seconds_left == 5 * (42 - 10) / 3


def test_other_lines_do_not_make_a_step_wait() -> None:
    """A new epoch, a warning, and what only resembles a save."""
    progress = Progress()
    progress.feed(_bar(1, "00:10") + b"\nepoch 2/3\nNaN found in latents, replacing with zeros\n")
    progress.feed(_bar(2, "00:12") + b"\nnot saving state: done\n" + _bar(3, "00:14"))
    assert progress.trained == (2, 4)


def test_the_time_left() -> None:
    """Unknown at first, by the whole bar after one step, and then without the warm-up of the first."""
    assert Progress().seconds_left is None
    progress = Progress()
    progress.feed(_bar(1, "00:10"))
    assert progress.seconds_left == 8 * 10
    progress.feed(_bar(3, "00:14"))
    assert progress.seconds_left == 6 * 2


@pytest.mark.parametrize(
    ("batches", "accumulation", "total", "ends"),
    [
        (5, 1, 0, [5, 10, 15]),
        (5, 2, 0, [3, 6, 9]),
        (5, 2, 8, [3, 6, 8]),
        (4, 4, 100, [1, 2, 3]),
        (3, None, 0, [3, 6, 9]),
    ],
)
def test_where_epochs_end(batches: int, accumulation: int | None, total: int, ends: list[int]) -> None:
    """An epoch is its batches over the accumulation, rounded up; the last one may be cut short."""
    facts = {"batches_per_epoch": batches} | ({"gradient_accumulation_steps": accumulation} if accumulation else {})
    progress = Progress(facts=facts, total=total)
    assert [progress.step_of_epoch(epoch) for epoch in (1, 2, 3)] == ends
    assert [progress.epoch_of_step(step) for step in ends] == [1, 2, 3]
    assert progress.epoch_of_step(1) == 1
    assert progress.epoch_of_step(ends[0] + 1) == 2


def test_bytes_that_are_no_text() -> None:
    """Broken UTF-8 and escape sequences never stop the reading; escapes are left out."""
    state, lines = _fed(b"\xff\xfe broken\n\x1b[1;31mred\x1b[0m\x1b[A  \n\x00\n")
    assert lines == ["\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} broken", "red", "\x00"]
    assert list(state["tail"]) == lines


@given(
    st.lists(st.binary(max_size=30) | st.sampled_from([b"\r", b"\n", b"steps: 1%|#| 1/2 [0:01<0:01", b"]"]), max_size=8)
)
def test_any_bytes(chunks: list[bytes]) -> None:
    """No output can stop the reading, and how it is cut makes no difference to the lines."""
    assert _fed(*chunks) == _fed(b"".join(chunks))


@pytest.mark.parametrize("loss", ["1.3abc", "1.3steps", "1.2.3", "-", "_"])
def test_a_garbled_redraw(loss: str) -> None:
    """Two processes that write into each other leave a redraw without a loss, never a crash."""
    state, _ = _fed(_bar(1) + _bar(2, loss=loss) + _bar(3, elapsed=":") + b"\n")
    assert state["losses"][0] == (1, 1.0)


def test_the_tail_is_bounded() -> None:
    """A long log keeps its last lines only, without bars."""
    progress = Progress()
    progress.feed(b"".join(b"line %d\n 1%%|#  | 1/9 [00:01<00:01, 1.0it/s]\n" % number for number in range(1000)))
    assert list(progress.tail) == [f"line {number}" for number in range(1000 - TAIL_LINES, 1000)]


def test_a_log_on_disk(tmp_path: Path) -> None:
    """A log read afterwards gives what the live output gave; no log gives nothing."""
    assert asdict(read_log(LOG)) == WHOLE
    assert asdict(read_log(tmp_path / "train.log")) == asdict(Progress())


def test_a_log_longer_than_one_read(tmp_path: Path) -> None:
    """A line across the border of two reads stays one line."""
    path = tmp_path / "train.log"
    path.write_bytes(b"\n" * ((1 << 20) - 3) + "añññ\n".encode() + _bar(7))
    read = read_log(path)
    assert (read.step, read.tail[-1][-4:]) == (7, "añññ")


OWN = ["loading", "Traceback (most recent call last):", "  in train", "RuntimeError: it broke"]
LAUNCHER = [
    "Traceback (most recent call last):",
    '  File "accelerate/commands/launch.py", line 1, in <module>',
    "subprocess.CalledProcessError: exit status 1",
]


def test_the_launchers_traceback_is_dropped() -> None:
    """The trainer's own words stay, chained exceptions and all; accelerate's about the exit code does not."""
    chained = [
        *OWN,
        "The above exception was the direct cause of the following exception:",
        *OWN[1:-1],
        "ValueError: why",
    ]
    assert without_launcher([*OWN, *LAUNCHER]) == OWN
    assert without_launcher([*chained, *LAUNCHER]) == chained
    assert without_launcher(chained) == chained
    assert without_launcher([]) == []


def test_the_cause_is_in_the_last_traceback() -> None:
    """A traceback that was survived, or that only led to the end, names no cause."""
    early = ["Traceback (most recent call last):", "ModuleNotFoundError: No module named 'triton'", "going on"]
    assert last_story([*early, *OWN]) == OWN[1:]
    assert last_story(["only", "words"]) == ["only", "words"]


def test_what_is_counted_before_the_first_step() -> None:
    """Caches have a bar without a name: the line before it says what is counted; the newest redraw counts unended."""
    progress = Progress()
    seen = []
    for chunk in (
        "\r  0%|          | 0/9 [00:00<?, ?it/s]",
        "\ncaching latents with caching strategy.\ncaching latents...\n",
        "\r  0%|          | 0/1486 [00:00<?, ?it/s]",
        "\r 21%|██        | 312/1486 [04:05<12:20",
        ",  1.58it/s]",
        "\r100%|##########| 1486/1486 [19:00<00:00,  1.58it/s]\ncaching Text Encoder outputs...\n",
        "\r 50%|#####     | 6/12 [00:01<00:01,  6.00it/s]\n",
        "steps:  33%|###3      | 1/3 [00:06<00:13,  6.88s/it, avr_loss=1.3]\n",
        " 50%|#####     | 1/2 [00:01<00:01,  6.00it/s]\n",
    ):
        progress.feed(chunk.encode())
        seen.append(progress.counter)
    assert seen == [
        ("", 0, 0),
        ("caching latents", 0, 0),
        ("caching latents", 0, 1486),
        ("caching latents", 0, 1486),
        ("caching latents", 312, 1486),
        ("caching text encoder outputs", 0, 0),
        *[("caching text encoder outputs", 6, 12)] * 3,
    ]


DAMAGED = [
    b"steps:  1%|#    | " + b"9" * 5000 + b"/9 [00:01<00:01, 1.00s/it]",
    b"steps:  1%|#    | 1/" + b"9" * 5000 + b" [00:01<00:01, 1.00s/it]",
    b"steps: " + b"1" * 5000 + b"%|#    | 1/9 [" + b"7" * 5000 + b":00<00:01]",
    b"steps:  1%|#    | 1/9 [00:01<00:01, 1.00s/it, avr_loss=" + b"9" * 5000 + b"]",
    b"steps:  1%|#    | 1/9 [00:01<00:01, 1.00s/it, avr_loss=1e" + b"9" * 5000 + b"]",
    b"steps:  0%|     | 0/0 [00:00<00:00, ?it/s, avr_loss=inf]",
    b"  gradient accumulation steps / x = 0",
    b"  num batches per epoch / x: 0",
    b"  num batches per epoch / x: " + b"5" * 5000,
    b"epoch " + b"1" * 5000 + b"/" + b"2" * 5000,
    b"epoch 0/0",
    b"\xed\xa0\x80 half of a character",
    b"\x1b[31m\x1b]0;title\x07\x00",
    b" " * 70000 + b"9%|" * 30000,
]


@pytest.mark.parametrize("line", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_line_is_data(line: bytes) -> None:
    """Whatever stands in it, the fold goes on, everything that it is asked for has an answer, and JSON can hold it."""
    progress = Progress()
    for piece in (b"  gradient accumulation steps / x = 0\n", line, b"\r", line, b"\n", _bar(7), b"\n"):
        progress.feed(piece)
    progress.close()
    progress.facts.setdefault("batches_per_epoch", 4)
    assert progress.step == 7
    _ask(progress)


def _ask(progress: Progress) -> None:
    """Everything that is asked of a progress while a run goes on and when it ends."""
    json.dumps(summary(progress), allow_nan=False)
    assert all(abs(value) < 2**63 for value in progress.facts.values())
    for number in (0, 1, 10**6):
        progress.step_of_epoch(number)
        progress.epoch_of_step(number)
    assert describe(progress, 0)
    assert sum(map(len, progress.tail)) <= TAIL_LINES * KEPT


SAMPLES = [LOG.read_bytes(), PAUSES.read_bytes()]
NOISE = st.binary(max_size=20) | st.sampled_from([b"\r", b"\n", b"]", b"0", b"9" * 5000, b"nan", b"\x1b[A", b"/0 "])


@given(st.sampled_from(SAMPLES), st.lists(st.tuples(st.floats(0, 1), NOISE), max_size=12), st.integers(1, 500))
def test_a_damaged_log_is_data(log: bytes, damage: list[tuple[float, bytes]], piece: int) -> None:
    """Real output with anything thrown into it, cut into pieces of any length."""
    for place, noise in damage:
        at = int(place * len(log))
        log = log[:at] + noise + log[at + len(noise) :]
    progress = Progress()
    for start in range(0, len(log), piece):
        progress.feed(log[start : start + piece])
    progress.close()
    _ask(progress)


def test_words_behind_a_bar_are_kept() -> None:
    """Another process or a traceback begins right behind one, and the bar had no line end."""
    progress = Progress()
    progress.feed(
        b"\r 87%|####  | 1582/1818 [30:02<04:26,  1.13s/it][E ProcessGroupNCCL.cpp:828] Watchdog\n"
        b"shards:  0%|   | 0/2 [00:00<?, ?it/s]Traceback (most recent call last):\n"
    )
    assert list(progress.tail) == ["[E ProcessGroupNCCL.cpp:828] Watchdog", "Traceback (most recent call last):"]
