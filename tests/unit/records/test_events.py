"""TensorBoard's event files, read without TensorBoard."""

import math
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fork_wrapper.records.events import Series, event_files, masked_crc, read_file, read_scalars
from tests.builders.trainings import Scalar, event, framed, varint, write_events

NAME = "events.out.tfevents.1767323045.host.1.0"


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What is read below a folder, as plain pairs."""
    return {tag: list(zip(series.steps, series.values, strict=True)) for tag, series in read_scalars(folder).items()}


def test_tags_steps_and_values(tmp_path: Path) -> None:
    """As they were written, in their order, several at one step too."""
    write_events(tmp_path / "a" / NAME, [(0, "loss", 1.5), (1, "lr/unet", 0.25), (1, "loss", 1.0), (1, "loss", 0.5)])
    assert read(tmp_path) == {"loss": [(0, 1.5), (1, 1.0), (1, 0.5)], "lr/unet": [(1, 0.25)]}


def test_crc_is_that_of_tensorboard() -> None:
    """CRC-32C of `123456789` is E3069283; masked it is rotated by 15 bits and has a constant added."""
    crc = 0xE3069283
    assert masked_crc(b"123456789") == (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def test_a_torn_last_record_ends_the_file(tmp_path: Path) -> None:
    """Wherever it was cut off."""
    whole = framed(event(1, "loss", 0.5), check=True)
    last = framed(event(2, "loss", 0.25), check=True)
    for cut in range(len(last)):
        (tmp_path / NAME).write_bytes(whole + last[:cut])
        assert read(tmp_path) == {"loss": [(1, 0.5)]}, cut
    (tmp_path / NAME).write_bytes(whole + last)
    assert len(read(tmp_path)["loss"]) == 2


def test_checksums_are_looked_at_when_asked(tmp_path: Path) -> None:
    """A flipped bit in the value passes without, and ends the file with."""
    good, bad = (framed(event(step, "loss", 0.5), check=True) for step in (1, 2))
    bad = bad[:-6] + bytes([bad[-6] ^ 1]) + bad[-5:]
    path = tmp_path / NAME
    path.write_bytes(good + bad + good)
    assert len(read_file(path)["loss"]) == 3
    assert list(read_file(path, check=True)["loss"].steps) == [1]
    path.write_bytes(good + b"\x01" + bad[1:])
    assert list(read_file(path, check=True)["loss"].steps) == [1]


def test_a_broken_length_is_not_believed(tmp_path: Path) -> None:
    """It must not fill the memory."""
    (tmp_path / NAME).write_bytes(framed(event(1, "loss", 0.5)) + struct.pack("<QI", 1 << 62, 0) + b"x" * 100)
    assert read(tmp_path) == {"loss": [(1, 0.5)]}


def test_a_broken_payload_is_left_out(tmp_path: Path) -> None:
    """What follows it is read."""
    broken = b"\x09" + b"\0" * 8 + b"\x10\x01\x2a\x7f\x0a"
    (tmp_path / NAME).write_bytes(b"".join(framed(one) for one in (event(1, "a", 1), broken, b"", event(2, "a", 2))))
    assert read(tmp_path) == {"a": [(1, 1.0), (2, 2.0)]}


def test_scalars_of_tensorflow_2(tmp_path: Path) -> None:
    """They are tensors: a float or a double, in either form; other tensors are no scalars."""

    def tensor(dtype: int, field: int, content: bytes) -> bytes:
        inner = b"\x08" + varint(dtype) + varint(field << 3 | 2) + varint(len(content)) + content
        said = b"\x0a\x01t\x42" + varint(len(inner)) + inner
        summary = b"\x0a" + varint(len(said)) + said
        return b"\x10\x07\x2a" + varint(len(summary)) + summary

    events = [tensor(1, 4, struct.pack("<f", 0.5)), tensor(1, 5, struct.pack("<f", 0.25))]
    events += [tensor(2, 6, struct.pack("<d", 0.125)), tensor(1, 5, struct.pack("<ff", 1, 2)), tensor(7, 8, b"text")]
    (tmp_path / NAME).write_bytes(b"".join(map(framed, events)))
    assert read(tmp_path) == {"t": [(7, 0.5), (7, 0.25), (7, 0.125)]}


def test_values_that_are_no_numbers(tmp_path: Path) -> None:
    """A loss that diverged is told as it is."""
    write_events(tmp_path / NAME, [(1, "loss", math.inf), (2, "loss", math.nan)])
    values = read_scalars(tmp_path)["loss"].values
    assert math.isinf(values[0])
    assert math.isnan(values[1])


def test_several_files_go_on_where_the_last_began(tmp_path: Path) -> None:
    """By the time in their names, and what a later file tells again happened that way."""
    write_events(tmp_path / "z" / "events.out.tfevents.100.a.1.0", [(1, "loss", 1), (2, "loss", 2), (3, "loss", 3)])
    write_events(tmp_path / "a" / "events.out.tfevents.200.a.1.0", [(2, "loss", 20), (3, "loss", 30)])
    (tmp_path / "notes.txt").write_text("no events")
    assert [path.parent.name for path in event_files(tmp_path)] == ["z", "a"]
    assert read(tmp_path) == {"loss": [(1, 1.0), (2, 20.0), (3, 30.0)]}


def test_nothing_there(tmp_path: Path) -> None:
    """No folder, an empty file: no scalars, no error."""
    assert read_scalars(tmp_path / "missing") == {}
    (tmp_path / NAME).write_bytes(b"")
    assert read_scalars(tmp_path) == {}
    series = Series()
    series.go_on(Series())
    assert len(series) == 0


scalar = st.tuples(
    st.integers(-(2**63), 2**63 - 1), st.text(min_size=0, max_size=300), st.floats(width=32, allow_nan=False)
)


@given(st.lists(scalar, max_size=30))
def test_whatever_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, written: list[Scalar]) -> None:
    """Any tag, any step, any value, with checksums and without."""
    path = tmp_path_factory.mktemp("events") / NAME
    path.write_bytes(b"".join(framed(event(*one), check=True) for one in written))
    for check in (False, True):
        expected: dict[str, list[tuple[int, float]]] = {}
        for step, tag, value in written:
            expected.setdefault(tag, []).append((step, value))
        found = read_file(path, check=check)
        assert {tag: list(zip(one.steps, one.values, strict=True)) for tag, one in found.items()} == expected


@given(
    st.lists(st.one_of(st.binary(max_size=80), st.just(event(300, "loss", 0.5))), max_size=8), st.binary(max_size=40)
)
def test_no_bytes_are_too_strange(tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], rest: bytes) -> None:
    """Any payloads and any rest: an answer, whose events that are whole are all there."""
    path = tmp_path_factory.mktemp("events") / NAME
    path.write_bytes(b"".join(map(framed, payloads)) + rest)
    found = read_file(path)
    assert len(found.get("loss", ())) >= payloads.count(event(300, "loss", 0.5))


@given(st.data())
def test_flipped_bytes(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """A file of ten events with a few bytes changed: never more events than there were, and no error."""
    path = tmp_path_factory.mktemp("events") / NAME
    text = bytearray(b"".join(framed(event(step, "loss", 0.5), check=True) for step in range(10)))
    for place in data.draw(st.lists(st.integers(0, len(text) - 1), max_size=4)):
        text[place] = data.draw(st.integers(0, 255))
    path.write_bytes(text)
    assert sum(len(one) for one in read_file(path).values()) <= 10
    assert all(value == 0.5 for one in read_file(path, check=True).values() for value in one.values)


def test_the_same_as_tensorboard_reads(tmp_path: Path) -> None:
    """TensorBoard's own writer and reader as the oracle: torch's events, and a long row of them."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    writing = pytest.importorskip("torch.utils.tensorboard")
    with writing.SummaryWriter(str(tmp_path)) as writer:
        for step in range(300):
            writer.add_scalar("loss", math.sin(step), step)
            writer.add_scalar("lr/unet", step * 1e-6, step, new_style=step % 2 == 0)
        writer.add_histogram("weights", __import__("numpy").arange(10), 1)
        writer.add_text("words", "not a number", 1)
    oracle = accumulator.EventAccumulator(str(tmp_path), size_guidance={"scalars": 0, "tensors": 0})
    oracle.Reload()
    expected = [(one.step, one.value) for one in oracle.Scalars("loss")]
    assert len(expected) == 300
    found = read(tmp_path)
    assert found["loss"] == expected
    assert [step for step, _ in found["lr/unet"]] == list(range(300))
    assert found["lr/unet"][7][1] == pytest.approx(7e-6)
    assert set(found) == {"loss", "lr/unet"}
    (path,) = event_files(tmp_path)
    assert list(read_file(path, check=True)["loss"].values) == [value for _, value in expected]
