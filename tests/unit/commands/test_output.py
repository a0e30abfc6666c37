"""Words and numbers as people see them."""

import io
import json
import sys
import time
from collections.abc import Callable

import pytest
from rich.console import Console

from fork_wrapper.commands.live_view import RunWatch, TerminalWatch, describe
from fork_wrapper.commands.output import (
    LONG,
    counting,
    print_file,
    print_findings,
    print_json,
    print_table,
    print_text,
    show_changes,
    show_error,
)
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.records.progress import Progress


def progress(step: int, *, elapsed: int, loss: float | None = None) -> Progress:
    """A run of 100 steps in two epochs, at some step."""
    losses = [] if loss is None else [(step, loss)]
    return Progress(step=step, total=100, epoch=1, epochs=2, elapsed=elapsed, losses=losses)


def test_one_line_says_how_far_a_run_is() -> None:
    """Step, epoch, loss and over how many steps it is, speed always in one unit, time left, checkpoints."""
    assert describe(progress(40, elapsed=20, loss=0.12345), 2) == (
        "step 40/100  epoch 1/2  loss 0.1235 (running mean)  0.500 s/it  ETA 0:30  2 archived"
    )
    for step, said in ((1, "mean of 1 step"), (40, "mean of 40 steps"), (99, "mean of 50 steps")):
        at = progress(step, elapsed=20, loss=0.12345)
        at.facts = {"batches_per_epoch": 99, "gradient_accumulation_steps": 2}
        assert f"loss 0.1235 ({said})" in describe(at, 2)
    assert describe(progress(2, elapsed=30), 0) == "step 2/100  epoch 1/2  15.0 s/it  ETA 24:30  0 archived"


def test_a_loss_that_is_no_number_is_said() -> None:
    """NaN means hours wasted: the line says since when."""
    broken = progress(9, elapsed=9)
    broken.nan_step = 5
    assert "loss is NaN since step 5" in describe(broken, 0)


def test_plain_lines_come_when_something_happened() -> None:
    """Not at every tick: at a checkpoint, at the last step, and every few seconds between."""
    stream = io.StringIO()
    watch = RunWatch(Console(file=stream, width=200))
    for step, archived in ((1, 0), (2, 0), (3, 0), (3, 1), (3, 1), (100, 1), (100, 1)):
        watch.progress(progress(step, elapsed=step), archived)
    shown = [line.split()[1] + " " + line.split()[-2] for line in stream.getvalue().splitlines()]
    assert shown == ["1/100 0", "3/100 1", "100/100 1"]


def test_the_live_view_shows_the_phase_and_then_the_bar() -> None:
    """Before the first step the trainer's last line is what there is to see."""
    stream = io.StringIO()
    watch = TerminalWatch(
        Console(file=stream, width=80, force_terminal=True, color_system=None, _environ={"TERM": "xterm"})
    )
    watch._live.start()
    watch.line("caching latents [with brackets]")
    watch.progress(Progress(), 0)
    watch._live.refresh()
    assert "caching latents [with brackets]" in stream.getvalue()
    watch.progress(progress(50, elapsed=25, loss=0.1), 1)
    watch._live.refresh()
    drawn = [line.rstrip() for line in stream.getvalue().splitlines() if "━" in line or "step 50/100" in line]
    watch.finishing()
    assert drawn[0].endswith("━" * 79)  # no room beside the words: a line of its own
    assert drawn[1].startswith("step 50/100  epoch 1/2  loss 0.1000 (running mean)")


def test_markup_in_what_users_wrote_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Square brackets in names, paths and values are shown as they are."""
    finding = Finding(what="[red]odd[/red] name\n[second]", where="[dataset.general]", todo="write [[datasets]]")
    show_error(InputError("[bold]title", [finding]))
    show_changes("[x]", [{"key": "a.b", "was": "[1]", "value": None, "why": "[why]"}])
    assert capsys.readouterr().err == (
        "error: [bold]title\n  • [red]odd[/red] name\n    │ [second]\n    [dataset.general]\n    → write [[datasets]]\n"
        "[x]: the experiment's own options, but for\n  [why]\n    b: [1] -> absent\n"
    )


def test_what_strangers_wrote_drives_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Colours, titles, turned writing and carriage returns of a record are spelled; letters of all people stay."""
    hostile = "a\x1b[31mb\x1b]0;t\x07\rc\x9b2J\u202ed"
    print_table(("k",), [(hostile,), ("niño 猫 👩\u200d🚀",)])
    show_error(InputError(hostile, [Finding(what="odd", where=hostile)]))
    spelled = "a\\x1b[31mb\\x1b]0;t\\x07\\rc\\x9b2J\\u202ed"
    assert capsys.readouterr() == (f"k\n{spelled}\nniño 猫 👩\u200d🚀\n", f"error: {spelled}\n  • odd\n    {spelled}\n")


def test_lines_and_json_drive_no_terminal_either(capsys: pytest.CaptureFixture[str]) -> None:
    """Lists of files are spelled, JSON has the same values; the text of a file is its bytes where a program reads."""
    hostile = "a\x1b[31mb\x9b2J\u202ed\u2028e\x7f"
    print_text(f"{hostile}\n")
    print_json({hostile: hostile})
    print_file(hostile)
    line, *middle, rest = capsys.readouterr().out.split("\n")
    assert line == "a\\x1b[31mb\\x9b2J\\u202ed\u2028e\\x7f"
    assert "\n".join(middle).isascii()
    assert json.loads("\n".join(middle)) == {hostile: hostile}
    assert rest == hostile


def test_the_text_of_a_file_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would drive it is spelled there."""
    seen = Terminal()
    monkeypatch.setattr(sys, "stdout", seen)
    print_file("a\x1b[31mb\n")
    assert seen.getvalue() == "a\\x1b[31mb\n"


def test_the_phase_of_a_run_drives_no_terminal() -> None:
    """It is whatever the trainer prints."""
    stream = io.StringIO()
    watch = TerminalWatch(
        Console(file=stream, width=80, force_terminal=True, color_system=None, _environ={"TERM": "xterm"})
    )
    watch._live.start()
    watch.line("caching \x1b]0;title\x07\x9b2J")
    watch.progress(Progress(), 0)
    watch._live.refresh()
    watch.finishing()
    assert "caching \\x1b]0;title\\x07\\x9b2J" in stream.getvalue()


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        """Whether it is one."""
        return True


def test_long_lines_break_between_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what goes on is indented; where a program reads, lines stay as they are."""
    finding = Finding(
        what="a message that is longer than the terminal is wide", where="a.toml", todo="do", rule="an-id"
    )
    monkeypatch.setenv("COLUMNS", "30")
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    print_findings([finding])
    assert terminal.getvalue() == (
        "  • a message that is longer\n      than the terminal is\n      wide  [an-id]\n    a.toml\n    → do\n"
    )
    plain = io.StringIO()
    monkeypatch.setattr("sys.stdout", plain)
    print_findings([finding])
    assert plain.getvalue().splitlines()[0] == f"  • {finding.what}  [an-id]"


Table = Callable[..., list[str]]


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    """The lines of a table of so many runs, on a terminal of some width or where a program reads it."""

    def draw(count: int, *, columns: int = 100, where: type[io.StringIO] = Terminal, name: str = "one") -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr("sys.stdout", stream := where())
        print_table(("run", "status"), [(f"{name}/{number:04}", "completed") for number in range(count)])
        return stream.getvalue().splitlines()

    return draw


def test_a_long_table_looks_like_a_short_one(table: Table) -> None:
    """Its rows are the same; its headers stand below it too."""
    short, long = table(LONG), table(LONG + 1)
    assert [line.rstrip() for line in short] == long[: LONG + 1]
    assert long[LONG + 2 :] == long[:1] == ["run       status"]
    assert long[1] == "one/0000  completed"


def test_a_long_table_fits_its_terminal(table: Table) -> None:
    """What is too wide goes on below, the widest column first, headers as well."""
    lines = table(LONG + 1, columns=24, name="a_long_name_of_an_experiment")
    assert max(map(len, lines)) <= 24
    assert lines[1:4] == ["a_long_name_   completed", "of_an_", "experiment/"]
    assert table(LONG + 1, columns=24, name="an_id-with_one")[1:3] == ["an_id-with_    completed", "one/0000"]
    narrow = table(LONG + 1, columns=5)
    assert narrow[:3] == ["run       status", "one/0000  complete", "          d"]


def test_a_long_table_is_whole_where_a_program_reads_it(table: Table) -> None:
    """One line a row, however wide, and one of headers."""
    lines = table(LONG + 1, columns=24, where=io.StringIO, name="a_long_name_of_an_experiment")
    assert len(lines) == LONG + 2
    assert lines[1] == "a_long_name_of_an_experiment/0000  completed"


def test_columns_are_as_wide_as_they_look(table: Table) -> None:
    """A Chinese character takes two, an accent of its own none."""
    assert table(1, where=io.StringIO, name="人物")[1] == "人物/0000  completed"
    assert table(1, where=io.StringIO, name="人物")[0] == "run        status"
    assert table(1, where=io.StringIO, name="e\u0301")[0] == "run     status"


@pytest.mark.parametrize(("taken", "drawn"), [(0.1, False), (0.6, True)])
def test_a_bar_may_wait_until_the_work_takes_long(
    monkeypatch: pytest.MonkeyPatch, taken: float, *, drawn: bool
) -> None:
    """What is over at once shows none."""
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with counting("reading [records]", patience=0.5) as tell:
        tell(1, 3)
        monkeypatch.setattr(time, "monotonic", lambda: now + taken)
        tell(2, 3)
        tell(3, 3)
    assert ("reading [records]" in terminal.getvalue()) is drawn


def test_what_is_cached_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """In lines at most every few seconds, on a terminal in place of the trainer's last line, until all is done."""
    clock = [100.0]
    monkeypatch.setattr("fork_wrapper.commands.live_view.time.monotonic", lambda: clock[0])
    console = Console(file=io.StringIO(), width=80)
    watch = RunWatch(console)
    for seconds, done in ((0.0, 311), (1.0, 312), (6.0, 320), (12.0, 320), (20.0, 1486)):
        clock[0] = 100.0 + seconds
        watch.progress(Progress(counter=("caching latents", done, 1486)), 0)
    assert console.file.getvalue().splitlines() == ["caching latents 311/1486", "caching latents 320/1486"]  # type: ignore[attr-defined]
    stream = io.StringIO()
    environ = {"TERM": "xterm"}
    live = TerminalWatch(Console(file=stream, width=80, force_terminal=True, color_system=None, _environ=environ))
    live._live.start()
    live.line("caching latents...")
    live.progress(Progress(counter=("caching latents", 312, 1486)), 0)
    live._live.refresh()
    live.finishing()
    assert "caching latents 312/1486" in stream.getvalue()
