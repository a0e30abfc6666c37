"""The trainer's log as people read it: bars as they last stood, nothing that drives a terminal, nothing lost."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fork_wrapper.records.log_view import LogLines, LogTail, follow, last_lines, log_lines, plain, read_lines

LOGS = Path(__file__).parents[2] / "golden" / "logs"
BAR = "steps:  50%|█████     | 3/6 [00:12<00:01,  1.17s/it, avr_loss=1.4]"


def lines(data: bytes, *, pieces: int = 1) -> list[str]:
    """All lines, with the bytes in so many pieces."""
    view = LogLines()
    step = max(len(data) // pieces, 1)
    said = [line for at in range(0, len(data), step) for line in view.feed(data[at : at + step])]
    return said + view.close()


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"", []),
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\n\ntwo", ["one", "", "two"]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"\r 0%\r 50%\r100%\nend\n", ["100%", "end"]),
        (b"\r 50%\r100%\r     \nend\n", ["100%", "end"]),
        (b"\x1b[31mred\x1b[0m\x1b[A\x1b[2K!\n", ["red!"]),
        (b"\x1b]8;;file:///a\x1b\\link\x1b]8;;\x1b\\ \x1b]0;title\x07\x1b(B.\n", ["link ."]),
        (b"bell\x07 null\x00 back\x08\ttab\n", ["bell null back\ttab"]),
        ("café ñ 🦊\n".encode(), ["café ñ 🦊"]),
        (b"half \xff\n", ["half \ufffd"]),
        (
            f"\r{BAR}Traceback (most recent call last):\n  File\n".encode(),
            [BAR, "Traceback (most recent call last):", "  File"],
        ),
    ],
)
def test_lines(data: bytes, shown: list[str]) -> None:
    """Line by line, however the bytes come."""
    assert lines(data) == shown
    assert lines(data, pieces=max(len(data), 1)) == shown


def test_a_real_log() -> None:
    """Every bar is one line."""
    shown = log_lines(LOGS / "saves_and_samples.log")
    assert shown[2:6] == [
        "steps:   0%|          | 0/6 [00:00<?, ?it/s]",
        "epoch 1/2",
        BAR,
        "generating sample images at step / サンプル画像生成 ステップ: 3",
    ]
    assert len(shown) == 16
    assert log_lines(LOGS / "saves_and_samples.log", 2) == shown[-2:]
    assert log_lines(LOGS / "saves_and_samples.log", 0) == []
    assert log_lines(LOGS / "saves_and_samples.log", 99) == shown


@given(
    st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\x1b[1m", b"steps", "ñ".encode(), b" "]), max_size=40),
    st.integers(1, 9),
)
@example([b"a", b"\r", b"\r", b"\n"], 1)
def test_pieces_do_not_matter(parts: list[bytes], size: int) -> None:
    """However the bytes are cut, the lines are the same."""
    data = b"".join(parts)
    view = LogLines()
    said = [line for at in range(0, len(data), size) for line in view.feed(data[at : at + size])]
    assert said + view.close() == lines(data)


@given(
    st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\n", b"steps", "ñ".encode(), b" "]), max_size=40),
    st.integers(0, 9),
    st.integers(1, 7),
)
def test_the_last_lines_are_found_from_the_end(parts: list[bytes], last: int, piece: int) -> None:
    """As if all of it had been read, however long the pieces are."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("fork_wrapper.records.log_view._PIECE", piece)
        path = Path(folder) / "train.log"
        path.write_bytes(b"".join(parts))
        shown = log_lines(path)
        assert log_lines(path, last) == shown[max(len(shown) - last, 0) :]


def test_of_a_huge_log_only_the_end_is_read(tmp_path: Path) -> None:
    """And whoever looks at its first lines does not wait for the others."""
    path = tmp_path / "train.log"
    path.write_bytes(b"a line\n" * 1_000_000)
    with pytest.MonkeyPatch.context() as patch:
        fed: list[int] = []
        feed = LogLines.feed

        def watched(view: LogLines, chunk: bytes) -> list[str]:
            fed.append(len(chunk))
            return feed(view, chunk)

        patch.setattr(LogLines, "feed", watched)
        assert log_lines(path, 3) == ["a line"] * 3
        assert sum(fed) <= 1 << 20
        assert next(read_lines(path))[0] == "a line"
        assert len(fed) == 2


def test_a_long_bar_is_not_kept() -> None:
    """A training of days redraws one line: only its last states are held."""
    view = LogLines()
    for step in range(2000):
        assert view.feed(f"\rsteps: {step}/2000 [00:00<00:00]".encode()) == []
    assert view.pending == "steps: 1999/2000 [00:00<00:00]"
    assert len(view._rest) < 100
    view.feed(b"\r")
    assert view.pending == "steps: 1999/2000 [00:00<00:00]"


def test_nothing_printed_drives_a_terminal() -> None:
    """Whatever bytes a program prints, no escape and no control character is left but the tab."""
    seeded = random.Random(5)
    for _ in range(300):
        text = bytes(
            seeded.choices([*range(0x0A), *range(0x0B, 0x20), 0x1B, 0x1B, 0x5B, 0x5D, 0x6D, 0x9B, 0x41], k=30)
        ).decode("latin-1")
        assert all(letter == "\t" or letter.isprintable() for letter in plain(text))


def test_last_lines_of_the_raw_log() -> None:
    """Byte for byte, by line feeds alone."""
    data = b"\x1b[1mone\x1b[0m\n\r1\r2\nend"
    assert last_lines(data, None) == data
    assert last_lines(data, 2) == b"\r1\r2\nend"
    assert last_lines(data, 0) == b""
    assert last_lines(data, 9) == data


def test_following_reads_what_was_there_when_it_ended(tmp_path: Path) -> None:
    """A log that comes late and grows; the last words before the end are not lost."""
    log = tmp_path / "train.log"
    written = [b"one\n", b"one\ntwo\n"]
    waits: list[int] = []

    def ended() -> bool:
        if len(waits) < 3:
            return False
        log.write_bytes(log.read_bytes() + b"last")
        return True

    def wait() -> None:
        waits.append(1)
        if len(waits) > 1:
            log.write_bytes(written[len(waits) - 2])

    assert list(follow(LogTail(path=log), ended, wait)) == [b"", b"", b"one\n", b"two\nlast"]
