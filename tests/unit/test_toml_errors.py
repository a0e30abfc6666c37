"""Words for what is wrong with a TOML file: the place, what the parser found, and a hint that fits the mistake."""

from pathlib import Path

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.experiment.experiment import parse_experiment
from fork_wrapper.experiment.resolve import parse_overrides, resolve
from fork_wrapper.files import parse_toml
from fork_wrapper.formats.recognise import read_any
from fork_wrapper.machine.backslashes import swallowed_backslashes
from fork_wrapper.machine.settings import load_settings

FAULTS: dict[str, tuple[str, int, str, str]] = {
    "a key twice": ("a = 1\nb = 2\na = 3", 3, "a is set a second time (line 1 sets it first)", "keep one of them"),
    "a key twice, dotted": ("a.b = 1\na = 3", 2, "a is set a second time (line 1 sets it first)", "keep one of them"),
    "a table twice": ("[t]\na = 1\n[t]\nb = 1", 3, "[t] stands there twice", "put its keys under the first one"),
    "no quotes": ("[t]\na = cosine", 2, "Invalid value", "strings need quotes in TOML"),
    "a path without quotes": ("a = /data/x", 1, "Invalid value", "strings need quotes in TOML"),
    "a backslash": (
        'a = "C:\\models"',
        1,
        'a backslash in double quotes begins a sign of its own: a = "C:\\models"',
        r"write paths with /, or in single quotes: 'D:\models\base.safetensors'",
    ),
    "a user's folder": (
        'a = "C:\\Users\\x"',
        1,
        'a backslash in double quotes begins a sign of its own: a = "C:\\Users\\x"',
        r"write paths with /, or in single quotes: 'D:\models\base.safetensors'",
    ),
    "an open text": (
        'a = "b\nc = 1',
        1,
        "a text is not closed on its line",
        "close its quotes, or use triple quotes for several lines",
    ),
    "a colon": (
        "seed: 1",
        1,
        "Expected '=' after a key in a key/value pair",
        "write KEY = VALUE: a colon is YAML's or JSON's",
    ),
    "JSON": ('{"a": 1}', 1, "Invalid statement", "this is JSON: call the file .json"),
    "no sign": ("seed 1", 1, "Expected '=' after a key in a key/value pair", "write KEY = VALUE on each line"),
    "no value": ("a = \nb = 1", 1, "there is no value behind the =", "write one, or remove the line"),
    "True": ("a = True", 1, "True is Python's", "write true"),
    "None": ("a = None", 1, "TOML has no such value", "remove the line: an absent option is not set"),
    "null": ("a = null", 1, "TOML has no such value", "remove the line: an absent option is not set"),
    "curly quotes": ("a = \u201cb\u201d", 1, "typographic quotes are no quotes in TOML", "write plain ones"),
    "half a number": ("a = .5", 1, "a number needs a digit before its point", "write 0.5"),
    "the other half": ("a = 5.", 1, "a number needs a digit behind its point", "write 5.0"),
    "with an exponent": ("a = 1.e-5", 1, "a number needs a digit behind its point", "write 1.0e-5"),
    "a comma": ("a = 1,\nb = 2", 1, "a line ends without a comma or semicolon", "remove the ,"),
    "a zero": ("a = 01", 1, "a number cannot begin with 0", "remove the zeros, or put the text in quotes"),
    "a unit": ("a = 1e-5f", 1, "1e-5f is no number", "write the number alone, or put the text in quotes"),
    "two on a line": (
        'a = "b" c = 1',
        1,
        "something stands behind the value: c = 1",
        "write one KEY = VALUE on each line",
    ),
    "an open list": ("a = [1, 2\nb = 3", 2, "Unclosed array", "a closing bracket is missing, here or above"),
    "an open header": (
        "[training\na = 1",
        1,
        "Expected ']' at the end of a table declaration",
        "close the name of the table: [training], [[dataset.datasets]]",
    ),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_what_is_wrong_is_said(kind: str) -> None:
    """With the line, the column, and what to do about that very mistake."""
    text, line, what, todo = FAULTS[kind]
    with pytest.raises(InputError) as caught:
        parse_toml(text, Path("a.toml"))
    (finding,) = caught.value.findings
    assert (finding.what, finding.todo) == (what, todo)
    assert finding.where.startswith(f"a.toml, line {line}, column ")


def test_the_faults_are_many() -> None:
    """Strings need quotes in two of them, and only there."""
    assert (len(FAULTS), sum("strings need" in one[3] for one in FAULTS.values())) == (25, 2)


SWALLOWED = {
    "D:\train\new": r"D:\train\new",
    "C:\x08ase": r"C:\base",
    "E:\forms\really": r"E:\forms\really",
    "..\train": r"..\train",
}


@pytest.mark.parametrize("value", SWALLOWED)
def test_single_backslashes_are_seen(value: str) -> None:
    """In a path, what TOML and JSON make of them; texts may hold line breaks, and Linux has folders with tabs."""
    values = {"dataset.datasets[0].subsets[0].image_dir": value}
    (finding,) = swallowed_backslashes(values, "", Path("a.toml"))
    meant = SWALLOWED[value]
    assert finding.what.startswith("image_dir holds a ")
    assert finding.what.endswith(f"which its single backslashes have become: {meant} was meant")
    assert finding.todo == f"write '{meant}' in single quotes, or {meant.replace(chr(92), '/')}"
    assert "two backslashes for each" in swallowed_backslashes(values, "", Path("a.json"))[0].todo
    fine = {
        "image_dir": "/data/a\tb",
        "story.notes": "a\nb",
        "caption_separator": "\n",
        "sample_prompts": "a\nb",
        "n": 1,
    }
    assert swallowed_backslashes(fine, "", Path("a.toml")) == []


def test_every_reader_of_toml_sees_them(tmp_path: Path) -> None:
    """Experiments, settings, configs of sd-scripts, dataset configs, and JSON of the GUI or of an export."""
    path = tmp_path / "a.toml"
    bad = r'"D:\train\new"'
    seen = 0
    for name, text in {
        "train.toml": f"learning_rate = 1e-5\nvae = {bad}\n",
        "sections.toml": f"[a]\nlearning_rate = 1e-5\nvae = {bad}\n",
        "data.toml": f"[[datasets]]\n[[datasets.subsets]]\nimage_dir = {bad}\n",
        "data.json": f'{{"datasets": [{{"subsets": [{{"image_dir": {bad}}}]}}]}}',
        "export.json": f'{{"training": {{"vae": {bad}}}, "dataset": {{}}}}',
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=r"single backslashes have become: D:\\train\\new was meant"):
            read_any(tmp_path / name)
        seen += 1
    with pytest.raises(InputError, match=r"a\.toml, line 2: training\.vae"):
        parse_experiment(f"[training]\nvae = {bad}\n", path)
    (tmp_path / "kft.toml").write_text(f"models = {bad}\n")
    with pytest.raises(InputError, match=r"kft\.toml, line 1: models"):
        load_settings({}, environ={"XDG_CONFIG_HOME": str(tmp_path)}, cwd=tmp_path)
    assert seen == 5


def test_a_flag_that_is_read_as_toml_sees_them(tmp_path: Path) -> None:
    """`--set` takes values as TOML has them."""
    (tmp_path / "a.toml").write_text("[training]\nseed = 1\n")
    settings = load_settings({}, environ={"XDG_CONFIG_HOME": str(tmp_path)}, cwd=tmp_path)
    bad = parse_overrides([r'vae="D:\train\new"'])
    with pytest.raises(InputError, match=r"--set: training\.vae"):
        resolve(str(tmp_path / "a.toml"), settings, bad)
