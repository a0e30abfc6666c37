"""Commands in shell text: quotes, continuations, comments, variables, arrays, redirections, lists in logs."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fork_wrapper.formats.scripts import commands

T = "sdxl_train.py"


def read(text: str) -> list[tuple[int, str]]:
    """Every command as its line and its words between bars."""
    return [(one.line, "|".join(one.words)) for one in commands(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b  c\td", "a|b|c|d"),
        ("a 'b c' \"d e\"", "a|b c|d e"),
        ("a --x='b c'd", "a|--x=b cd"),
        ('a "b \\"c\\" d" \'e "f"\'', 'a|b "c" d|e "f"'),
        ('a "it\'s"', "a|it's"),
        ("a b\\ c", "a|b c"),
        ("a 'C:\\x y' b", "a|C:\\x y|b"),
        ("a C:\\x\\y.safetensors", "a|C:\\x\\y.safetensors"),
        ('a --x="D:\\new\\t.toml"', "a|--x=D:\\new\\t.toml"),
        ("a # b c", "a"),
        ("a b#c", "a|b#c"),
        ("a 'unclosed b", "a|'unclosed|b"),
        ("a <output_dir> b", "a|<output_dir>|b"),
        ("!a b", "!a|b"),
        ("a '' b", "a||b"),
    ],
)
def test_words(text: str, words: str) -> None:
    """Quotes go, what they hold stays; a backslash is a letter where paths of Windows are."""
    assert read(text) == [(1, words)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a; b && c | d", [(1, "a"), (1, "b"), (1, "c"), (1, "d")]),
        ("a 1 2>&1 | tee log", [(1, "a|1"), (1, "1"), (1, "tee|log")]),
        ("a 1 > log", [(1, "a|1"), (1, "log")]),
        ("a &\nb", [(1, "a"), (2, "b")]),
        ("& a b", [(1, "a|b")]),
        ("# a\n:: b\nREM c\n@rem d\necho e\n@echo f\n\n  \ng", [(9, "g")]),
        ("a \\\n  b \\\n  c\nd", [(1, "a|b|c"), (4, "d")]),
        ("a ^\r\n  b\r\nd", [(1, "a|b"), (3, "d")]),
        ("a `\r\n  --b 1 `\r\n  --c", [(1, "a|--b|1|--c")]),
        ("a --b=6e-5\\\n  --c", [(1, "a|--b=6e-5|--c")]),
        ("a \\  \n  --b", [(1, "a|--b")]),
        ("a --b=D:\\out\\\nc d", [(1, "a|--b=D:\\out\\"), (2, "c|d")]),
        ("a --b=D:\\out\\x \\\n  --c", [(1, "a|--b=D:\\out\\x|--c")]),
        (f"a launch\n   {T}  \n   --b=1\n   --c\n\n  --d", [(1, f"a|launch|{T}|--b=1|--c"), (6, "--d")]),
        ("a \\\n  # --b \\\n  --c", [(1, "a|--c")]),
        ("  INFO   a --b c    common_gui.py:77\nd", [(1, "INFO|a|--b|c"), (2, "d")]),
    ],
)
def test_lines(text: str, expected: list[tuple[int, str]]) -> None:
    """Continuations of all three shells, and of people who keep a command in lines to paste; each with its line."""
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A=1\nx $A ${A} --y=$A%A%", "x|1|1|--y=11"),
        ("A='1 2'\nx $A \"$A\" '$A' --y=\"${A}/3\"", "x|1|2|1 2|$A|--y=1 2/3"),
        ("export A=1\nB=$A-2\nx $B", "x|1-2"),
        ("declare -x A=1\nlocal B=2\nx $A $B", "x|1|2"),
        ("set A=C:\\a b\nx --y=%A%\\c", "x|--y=C:\\a b\\c"),
        ('set "A=1 2"\nx %A%', "x|1|2"),
        ("$a = 'C:\\a b'\nx $a --y=$a", "x|C:\\a b|--y=C:\\a b"),
        ("$env:A = '1'\nx $env:A", "x|1"),
        ("A=${A:-7}\nx $A ${B:-8} ${C}", "x|7|8|${C}"),
        ("x $A %B% $(date) `pwd`", "x|$A|%B%|$(date)|`pwd`"),
        ("A=(\n  --a 1 # one\n  --b 'x y'\n)\nA+=(--c)\nx \"${A[@]}\" --d", "x|--a|1|--b|x y|--c|--d"),
        ("$a = @(\n  '--a', 'b c',\n  '--d'\n)\nx @a $a", "x|--a|b c|--d|--a|b c|--d"),
        ("A=--a\nA+=' --b'\nx $A", "x|--a|--b"),
        ("A=1 x $A", "A=1|x|$A"),
    ],
)
def test_variables(text: str, words: str) -> None:
    """What the text sets is filled in as its shell would; what it does not set stays as it is."""
    assert [line for _number, line in read(text)][-1] == words


@pytest.mark.parametrize(
    "text",
    [
        f"subprocess.CalledProcessError: Command '['/v/python', './{T}', '--a=x y', '--b']' returned non-zero",
        f'cmd = [\n  "/v/python", "./{T}",\n  "--a=x y",\n  "--b",\n]\nrun(cmd)',
    ],
)
def test_commands_in_lists(text: str) -> None:
    """A command as Python shows it, in a log or in a program."""
    assert f"/v/python|./{T}|--a=x y|--b" in [words for _line, words in read(text)]


def test_lists_that_are_no_commands() -> None:
    """Brackets that Python cannot read stay text; what a program puts in stays in braces."""
    assert read(f"['{T}', x y]")[0][1] == f"[{T},|x|y]"
    assert read(f"['{T}', x, 1, f'--a={{b}}', str(c)]")[0][1] == f"{T}|{{x}}|1|--a={{b}}|{{c}}"


def test_line_numbers_survive_everything() -> None:
    """A command is named by the line on which it begins, whatever stands above it."""
    above = f"A=(\n 1\n 2\n)\nx \\\n y\nz = ['{T}',\n 'a']\n"
    assert read(f"{above}last")[-1] == (9, "last")


@given(st.text(alphabet="ab \\\n\r'\"$%{}()[]<>|&;#^`@!=-:,.0"))
def test_no_text_is_too_odd(text: str) -> None:
    """Any text is a number of commands with words."""
    assert all(one.words for one in commands(text))


@pytest.mark.parametrize("piece", [" ", "a", "\\", '"', "['", "a=(", "^", "x --y\n", "$a ", "%"])
def test_long_texts_take_no_time(piece: str) -> None:
    """A log of many megabytes is read in seconds: nothing is quadratic."""
    begin = time.perf_counter()
    assert sum(1 for _one in commands(piece * 100_000)) <= 100_000
    assert time.perf_counter() - begin < 5
