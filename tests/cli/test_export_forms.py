"""`kft export-config --format ...`: what goes to stdout, to a folder, and to the report of what cannot travel."""

import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.projects import assert_golden
from tests.cli.conftest import Answer

Kft = Callable[..., Answer]
GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "cli"

LOSSY = """\
extends = "first"
[training]
lr_warmup_steps = 2.0
caption_prefix = "it's \\"the\\" one"
[dataset.general]
caption_extension = ".txt"
"""


@pytest.fixture
def lossy(project: Path) -> str:
    """An experiment with a value that no command line can say."""
    (project / "experiments" / "lossy.toml").write_text(LOSSY)
    return "lossy"


def plain(text: str) -> str:
    """A command without this machine's Python."""
    return text.replace(shlex.quote(sys.executable), "PYTHON")


def test_a_command_to_paste(kft: Kft) -> None:
    """One line on stdout, and nothing else there; what is not written is said."""
    answer = kft("export-config", "second", "--format", "command")
    assert answer.code == 0
    assert_golden(plain(answer.out), GOLDEN / "export_command.txt")
    assert answer.err == (
        "  • warning: 1 value cannot travel in this form:\n"
        "    dataset_config: it names a dataset.toml that is not there: write both with -o FOLDER\n"
    )


def test_what_cannot_travel_is_named(kft: Kft, project: Path, lossy: str) -> None:
    """By key, with the reason; the rest goes out."""
    answer = kft("export-config", lossy, "--format", "command", "-o", "out")
    assert (answer.code, answer.out) == (0, "out/command.txt\nout/dataset.toml\n")
    assert answer.err == (
        "  • warning: 1 value cannot travel in this form:\n"
        "    lr_warmup_steps: the command line cannot say the ratio 2.0: from 1 on it takes steps, and 0 is a ratio "
        "there\n"
    )
    words = shlex.split((project / "out" / "command.txt").read_text())
    assert '--caption_prefix=it\'s "the" one' in words
    assert not any("lr_warmup_steps" in word for word in words)


def test_strict_makes_it_an_exit_code(kft: Kft, project: Path, lossy: str) -> None:
    """1 where something is lost, though everything else is written; 0 where nothing is."""
    answer = kft("export-config", lossy, "--format", "command", "-o", "out", "--strict")
    assert (answer.code, (project / "out" / "command.txt").is_file()) == (1, True)
    assert kft("export-config", lossy, "--strict").code == 0
    assert kft("export-config", "second", "--format", "command", "-o", "more", "--strict").code == 0
    assert kft("export-config", "second", "--format", "command", "--strict").code == 1


def test_both_files_on_stdout(kft: Kft) -> None:
    """Each under its name; a form of one file stands alone."""
    answer = kft("export-config", "second")
    assert (answer.code, answer.err) == (0, "")
    assert re.findall("(?m)^# .*", answer.out) == ["# train.toml", "# dataset.toml"]
    alone = kft("export-config", "second", "--format", "json")
    assert json.loads(alone.out)["training"]["learning_rate"] == 2e-5


@pytest.mark.parametrize("form", ["gui-finetune", "gui-dreambooth"])
def test_a_form_of_the_gui_comes_back(kft: Kft, project: Path, form: str) -> None:
    """Written, imported under another name: the values that trained are the same."""
    answer = kft("export-config", "second", "--format", form, "-o", "out")
    assert (answer.code, answer.out) == (0, "out/second.json\nout/dataset.toml\n")
    back = kft("import-config", "out/second.json", "--name", "back")
    assert back.code == 0, back.err
    text = (project / "experiments" / "back.toml").read_text()
    assert "learning_rate = 2e-05\n" in text
    assert 'image_dir = "{datasets}/pictures"' in text


def test_a_bundle(kft: Kft, project: Path, lossy: str) -> None:
    """A folder with everything, and a README that says what is what."""
    answer = kft("export-config", lossy, "--format", "bundle", "-o", "out")
    assert answer.code == 0
    files = [
        *("README.md", "command.txt", "config.json", "dataset.toml", "experiment/first.toml", "experiment/lossy.toml"),
        *("gui-dreambooth-dataset.toml", "gui-dreambooth.json", "gui-finetune-dataset.toml", "gui-finetune.json"),
        "train.toml",
    ]
    assert answer.out == "".join(f"out/{name}\n" for name in files)
    assert_golden((project / "out" / "README.md").read_text(), GOLDEN / "bundle_readme.md")
    assert_golden(answer.err, GOLDEN / "export_bundle.txt")
    again = kft("export-config", lossy, "--format", "bundle", "-o", "out")
    assert (again.code, again.out) == (2, "")
    assert again.err == ("error: nothing was written\n  • the folder is not empty\n    out\n    → name a new one\n")


def test_the_way_that_the_readme_says(kft: Kft, project: Path) -> None:
    """`kft import-config config.json` from within a bundle makes the experiment again."""
    assert kft("export-config", "second", "--format", "bundle", "-o", "out").code == 0
    assert kft("import-config", "out/config.json", "--name", "again").code == 0
    assert kft("diff", "second", "again").out == ""
    assert (project / "experiments" / "again.toml").is_file()


def test_a_bundle_is_a_folder(kft: Kft) -> None:
    """It cannot go to stdout, and that is said before anything is made."""
    answer = kft("export-config", "second", "--format", "bundle")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith("Error: a bundle is a folder: name it with -o FOLDER\n")


def test_a_file_of_another_program(kft: Kft, project: Path) -> None:
    """What is named may be a config that kft never saw; its name is no path."""
    (project / "old.toml").write_text("seed = '7'\noutput_name = '../../evil'\nwandb_api_key = 'hush'\n")
    answer = kft("export-config", "old.toml", "--format", "command", "-o", "out")
    assert answer.code == 0
    line = (project / "out" / "command.txt").read_text()
    assert ("--seed=7" in line, "--output_name=_.._evil" in line, "hush" in line + answer.err) == (True, True, False)
    form = kft("export-config", "old.toml", "--format", "gui-finetune", "-o", "form")
    assert form.out == "form/_.._evil.json\nform/dataset.toml\n"
