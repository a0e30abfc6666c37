"""What single lines of the trainer say, and what they only seem to say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fork_wrapper.sdscripts.lines import (
    FACTS,
    CountLine,
    EpochLine,
    FactLine,
    StepLine,
    is_bar,
    parse_count,
    parse_line,
    work_of,
)

BAR = "steps:  33%|###3      | 1/3 [00:06<00:13,  6.88s/it, avr_loss=1.3]"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("  0%|          | 0/1486 [00:00<?, ?it/s]", CountLine(name="", done=0, total=1486)),
        (" 21%|██        | 312/1486 [04:05<12:20,  1.58it/s]", CountLine(name="", done=312, total=1486)),
        ("100%|##########| 1486/1486 [1:04:05<00:00,  1.58it/s]", CountLine(name="", done=1486, total=1486)),
        ("read caption:  50%|#####     | 12/24 [00:00<?, ?it/s]", CountLine(name="read caption", done=12, total=24)),
        ("Loading checkpoint shards:  50%|#####     | 1/2 [00:00<?, ?it/s]", None),
        (BAR, None),
        ("  0%|          | " + "9" * 5000 + "/3 [00:00<?, ?it/s]", None),
        ("12it [00:00, 3.0it/s]", None),
    ],
)
def test_bars_that_count_before_training(line: str, said: CountLine | None) -> None:
    """Those of caches have no name; those of others that have one are nobody's business."""
    assert parse_count(line) == said


@pytest.mark.parametrize(
    ("line", "work"),
    [
        ("caching latents...", "caching latents"),
        ("2026-01-02 03:04:05 INFO     caching latents with caching strategy.", "caching latents"),
        ("caching Text Encoder outputs...", "caching text encoder outputs"),
        ("checking cache validity...", "checking cache validity"),
        ("loading image sizes.", "loading image sizes"),
        ("prepare optimizer, data loader etc.", ""),
    ],
)
def test_work_that_is_announced(line: str, work: str) -> None:
    """The line before a bar without a name."""
    assert work_of(line) == work


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (BAR, StepLine(step=1, total=3, elapsed=6, loss=1.3)),
        ("steps:   0%|          | 0/3 [00:00<?, ?it/s]", StepLine(step=0, total=3, elapsed=0, loss=None)),
        ("steps:  33%|███▎      | 1/3 [00:06<00:13,  6.88s/it]", StepLine(step=1, total=3, elapsed=6, loss=None)),
        (
            "steps: 100%|##########| 3720/3720 [30:00:05<00:00,  1.15it/s, avr_loss=5e-05]",
            StepLine(step=3720, total=3720, elapsed=108005, loss=5e-05),
        ),
        (
            "steps:   1%|#| 1/99 [1:02:03<2:00:00, 12.3s/it, avr_loss=-0.5]",
            StepLine(step=1, total=99, elapsed=3723, loss=-0.5),
        ),
        ("epoch 2/10", EpochLine(epoch=2, epochs=10)),
        ("  epoch 2/10  ", EpochLine(epoch=2, epochs=10)),
        ("  num examples / サンプル数: 1486", FactLine(name="examples", value=1486)),
        ("num batches per epoch / 1epochのバッチ数: 372", FactLine(name="batches_per_epoch", value=372)),
        ("num epochs / epoch数: 10", FactLine(name="epochs", value=10)),
        ("gradient accumulation steps / 勾配 = 2", FactLine(name="gradient_accumulation_steps", value=2)),
        ("total optimization steps / 学習ステップ数: 3720", FactLine(name="total_steps", value=3720)),
        ("number of trainable parameters: 2567463684", FactLine(name="trainable_parameters", value=2567463684)),
        ("number of trainable parameters = 7", FactLine(name="trainable_parameters", value=7)),
        ("", None),
        ("epoch is incremented. current_epoch: 0, epoch: 1", None),
        ("the epoch 1/2", None),
        ("epoch 1/2 done", None),
        ("batch size per device / バッチサイズ: 2", None),
        ("num examples / サンプル数: 1.5", None),
        ("caching:  33%|###3      | 1/3 [00:06<00:13,  6.88s/it]", None),
        ("a log that quotes steps:  33%|###3      | 1/3 [00:06<00:13,  6.88s/it]", None),
        ("seed: 7", None),
    ],
)
def test_what_a_line_says(line: str, said: object) -> None:
    """Redraws of the step bar, epochs and the six facts; every other line says nothing."""
    assert parse_line(line) == said


def test_a_loss_that_is_no_number() -> None:
    """NaN is read as what it is."""
    said = parse_line(BAR.replace("1.3]", "nan]"))
    assert isinstance(said, StepLine)
    assert repr(said.loss) == "nan"


def test_every_fact_has_a_line() -> None:
    """All six facts are read in both ways that the trainer writes them."""
    assert len(FACTS) == 6
    for words, name in FACTS.items():
        assert parse_line(f"  {words} / 日本語: 5") == parse_line(f"{words} = 5") == FactLine(name=name, value=5)


@given(st.text(alphabet="steps: 0123456789%|#/[]<>,?.-_=avrlonitNa\x00ñ٣²", max_size=80) | st.text())
def test_no_line_is_a_crash(line: str) -> None:
    """Whatever is printed, reading it says something or nothing."""
    parse_line(line)
    is_bar(line)


@given(st.integers(0, len(BAR)), st.text(alphabet="0123456789:.abe-_,]=[", max_size=6), st.integers(0, 6))
def test_no_garbled_bar_is_a_crash(place: int, junk: str, lost: int) -> None:
    """A bar that another process wrote into is still only a line."""
    parse_line(BAR[:place] + junk + BAR[place + lost :])


@pytest.mark.parametrize(
    ("line", "bar"),
    [
        (BAR, True),
        ("  0%|          | 0/4 [00:00<?, ?it/s]", True),
        ("read caption: 100%|##########| 12/12 [00:00<00:00, 310.07it/s]", True),
        ("0it [00:00, ?it/s]", True),
        ("100% of 4/4 [done]", False),
        ("| a | table | 1/2", False),
        ("took 3it [s]", False),
    ],
)
def test_redraws_of_any_bar(line: str, bar: bool) -> None:
    """Bars are noise in the tail of a failed run; what only resembles one is not."""
    assert is_bar(line) is bar
