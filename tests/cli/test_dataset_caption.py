"""`kft dataset caption`: captioners on links, rules with a preview."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders.projects import assert_golden
from tests.unit.dataset_tools.captioned import drawn

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Answer

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "cli"

CAPTIONER = """
import argparse, json, os, pathlib, sys
parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--caption_extension", default=".txt")
parser.add_argument("--model_dir")
parser.add_argument("--words", default="captioned")
parser.add_argument("--but")
parser.add_argument("--fail")
args = parser.parse_args()
seen = {"argv": sys.argv[1:], "path": os.environ.get("PYTHONPATH", ""), "cwd": os.getcwd()}
pathlib.Path("seen.json").write_text(json.dumps(seen))
print("captioning", len(list(args.folder.iterdir())), "files")
for image in sorted(args.folder.glob("*.png")):
    if image.stem != args.but:
        image.with_suffix(args.caption_extension).write_text(f"{image.stem}, {args.words}")
if args.fail:
    print(args.fail, file=sys.stderr)
    sys.exit(3)
"""


@pytest.fixture
def pictures(project: Path) -> Path:
    """Four images, two of them with captions."""
    return drawn(project / "pictures", a="hat, red\n", b="hat, blue, hat", c=None, d=None)


@pytest.fixture
def captioner(project: Path) -> str:
    """A command line."""
    (project / "captioner.py").write_text(CAPTIONER)
    return f'"{sys.executable}" captioner.py'


@pytest.fixture
def checkout(project: Path) -> str:
    """What looks like a checkout of sd-scripts, with the three tools."""
    tools = project / "sd" / "finetune"
    tools.mkdir(parents=True)
    for name in ("tag_images_by_wd14_tagger.py", "make_captions.py", "make_captions_by_git.py"):
        (tools / name).write_text(CAPTIONER)
    return str(project / "sd")


def texts(folder: Path) -> dict[str, str]:
    """Captions by stem."""
    return {path.stem: path.read_text() for path in sorted(folder.glob("*.txt"))}


def test_only_images_without_a_caption_get_one(kft: Callable[..., Answer], pictures: Path, captioner: str) -> None:
    """Whatever the captioner writes, those that are there stay; its words are passed on."""
    answer = kft("dataset", "caption", "pictures", "--command", captioner)
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == "captioning 2 files\n2 captions written, 2 captions kept\n"
    assert texts(pictures) == {"a": "hat, red\n", "b": "hat, blue, hat", "c": "c, captioned", "d": "d, captioned"}
    answer = kft("dataset", "caption", "pictures", "--command", captioner)
    assert (answer.code, answer.err) == (0, "4 images, each with a caption: nothing to do without --overwrite\n")


def test_overwriting_keeps_the_old_ones(kft: Callable[..., Answer], pictures: Path, captioner: str) -> None:
    """In a folder whose name is said."""
    answer = kft("dataset", "caption", "pictures", "--overwrite", "--command", captioner, "--", "--words", "new one")
    assert answer.code == 0
    assert texts(pictures)["a"] == "a, new one"
    (backup,) = (pictures / "caption_backup").iterdir()
    assert texts(backup) == {"a": "hat, red\n", "b": "hat, blue, hat"}
    assert answer.err.endswith(f"4 captions written\nwhat they replace is in pictures/caption_backup/{backup.name}\n")


def test_the_folder_may_stand_anywhere_in_the_command(
    kft: Callable[..., Answer], pictures: Path, captioner: str
) -> None:
    """As {images}; other endings of captions are possible too."""
    command = f"{captioner} --caption_extension .tags {{images}}"
    assert kft("dataset", "caption", "pictures", "--command", command, "--caption-extension", "tags").code == 0
    assert sorted(path.name for path in pictures.glob("*.tags")) == ["a.tags", "b.tags", "c.tags", "d.tags"]


@pytest.mark.parametrize("tool", ["wd14", "blip", "git"])
def test_tools_of_sd_scripts(
    kft: Callable[..., Answer], pictures: Path, project: Path, checkout: str, tool: str
) -> None:
    """In the trainer's Python, sd-scripts on its path, options passed on, run where the user stands."""
    answer = kft("dataset", "caption", "pictures", "--with", tool, "--sd-scripts", checkout, "--", "--words", "x y")
    assert answer.code == 0, answer.err
    assert texts(pictures)["c"] == "c, x y"
    seen = json.loads((project / "seen.json").read_text())
    expected = ["--caption_extension", ".txt", "--words", "x y"]
    expected += ["--model_dir", str(project / "models" / "wd14_tagger")] if tool == "wd14" else []
    assert seen["argv"][1:] == expected
    assert seen["path"].split(os.pathsep)[0] == checkout
    assert seen["cwd"] == str(project)


@pytest.mark.usefixtures("pictures")
def test_a_model_folder_of_the_users(kft: Callable[..., Answer], project: Path, checkout: str) -> None:
    """Said once, it is not said again."""
    options = ("--sd-scripts", checkout, "--", "--model_dir=mine")
    assert kft("dataset", "caption", "pictures", "--with", "wd14", *options).code == 0
    assert json.loads((project / "seen.json").read_text())["argv"].count("--model_dir=mine") == 1
    assert "--model_dir" not in json.loads((project / "seen.json").read_text())["argv"]


@pytest.mark.parametrize(
    ("said", "todo"),
    [
        ("ModuleNotFoundError: No module named 'onnx'", f"{sys.executable} -m pip install onnx onnxruntime"),
        ("ModuleNotFoundError: No module named 'tensorflow'", "add --onnx"),
        ("ModuleNotFoundError: No module named 'fairscale'", "pip install timm fairscale"),
        ("ModuleNotFoundError: No module named 'zzz'", f"install it for {sys.executable}"),
        ("UnboundLocalError: local variable 'character_tags' referenced", "--character_threshold 2"),
        ("something else", "read what it said above"),
    ],
)
def test_a_captioner_that_fails(
    kft: Callable[..., Answer], pictures: Path, checkout: str, said: str, todo: str
) -> None:
    """What it finished is kept but for the last, the reason is repeated, and what is known of it is said."""
    answer = kft("dataset", "caption", "pictures", "--with", "wd14", "--sd-scripts", checkout, "--", "--fail", said)
    assert answer.code == 1
    assert f"error: wd14 failed\n  • it ended with exit code 3: {said}\n" in answer.err
    assert todo in answer.err
    assert len(texts(pictures)) == 3


def test_an_image_that_is_left_without(kft: Callable[..., Answer], pictures: Path, captioner: str) -> None:
    """Is counted, and the exit code says so."""
    answer = kft("dataset", "caption", "pictures", "--command", captioner, "--", "--but", "c")
    assert (answer.code, answer.err.splitlines()[-1]) == (1, "1 caption written, 2 captions kept, 1 image without")
    assert sorted(texts(pictures)) == ["a", "b", "d"]


RULES = """
prefix = ["fortnite style"]
remove = ["blue"]
replace = [{ tag = "hat", to = "cap" }]
"""


def test_rules_are_shown_before_they_are_written(kft: Callable[..., Answer], pictures: Path, project: Path) -> None:
    """A diff and exit code 1; with --apply it is done, and there is nothing left to show."""
    (project / "rules.toml").write_text(RULES)
    answer = kft("dataset", "caption", "pictures", "--rules", "rules.toml")
    assert (answer.code, texts(pictures)["a"]) == (1, "hat, red\n")
    assert_golden(answer.out + answer.err, GOLDEN / "dataset_caption.txt")
    answer = kft("dataset", "caption", "pictures", "--rules", "rules.toml", "--apply")
    (backup,) = (pictures / "caption_backup").iterdir()
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == f"2 of 2 captions changed; the old ones are in pictures/caption_backup/{backup.name}\n"
    assert texts(pictures) == {"a": "fortnite style, cap, red\n", "b": "fortnite style, cap"}
    answer = kft("dataset", "caption", "pictures", "--rules", "rules.toml")
    assert (answer.code, answer.out, answer.err) == (0, "", "0 of 2 captions would change\n")


def test_captions_then_tags_then_rules(
    kft: Callable[..., Answer], pictures: Path, project: Path, captioner: str
) -> None:
    """All in one call."""
    (project / "rules.toml").write_text('prefix = ["style"]')
    (pictures / "c.tags").write_text("tall, captioned")
    flags = ("--merge-tags", ".tags", "--rules", "rules.toml", "--apply")
    answer = kft("dataset", "caption", "pictures", "--command", captioner, *flags)
    assert answer.code == 0
    assert texts(pictures)["c"] == "style, c, captioned, tall"


def test_a_garbled_caption_is_named(kft: Callable[..., Answer], pictures: Path, project: Path) -> None:
    """And left as it is."""
    (pictures / "a.txt").write_bytes(b"caf\xe9")
    (project / "rules.toml").write_text('prefix = ["style"]')
    answer = kft("dataset", "caption", "pictures", "--rules", "rules.toml", "--apply")
    assert "warning: pictures/a.txt: not UTF-8, left alone" in answer.err
    assert (pictures / "a.txt").read_bytes() == b"caf\xe9"


def test_garbled_tags_are_named(kft: Callable[..., Answer], pictures: Path) -> None:
    """And not the caption that they are for, which is as it was."""
    (pictures / "a.tags").write_bytes(b"caf\xe9")
    (pictures / "b.tags").write_bytes(b"tall")
    answer = kft("dataset", "caption", "pictures", "--merge-tags", ".tags", "--apply")
    assert "  • warning: pictures/a.tags: not UTF-8, pictures/a.txt is left alone\n" in answer.err
    assert (answer.code, texts(pictures)) == (0, {"a": "hat, red\n", "b": "hat, blue, tall"})


def test_a_rule_without_an_end_is_2_and_nothing_is_written(
    kft: Callable[..., Answer], pictures: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the rule, the caption and what to do; the captions before it are as they were."""
    monkeypatch.setattr("dataset_tools.captions.regex.LIMIT", 0.2)
    (pictures / "b.txt").write_text("hat, " + "ha" * 30 + "!")
    (project / "rules.toml").write_text("prefix = ['style']\nreplace = [{ regex = '^(h|a|ha)+$', to = 'laughing' }]")
    answer = kft("dataset", "caption", "pictures", "--rules", "rules.toml", "--apply")
    assert (answer.code, answer.out) == (2, "")
    assert_golden(answer.err, GOLDEN / "dataset_caption_endless.txt")
    assert texts(pictures) == {"a": "hat, red\n", "b": "hat, " + "ha" * 30 + "!"}
    assert not (pictures / "caption_backup").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pictures",), "nothing to do"),
        (("pictures", "--with", "wd14", "--command", "x"), "two captioners"),
        (("pictures", "--with", "nobody"), "'nobody' is not one of"),
        (("pictures", "--rules", "r.toml", "--", "--x"), "options (--x) are for a captioner"),
        (("pictures", "--rules", "r.toml", "--overwrite"), "--overwrite belongs to a captioner"),
        (("pictures", "--command", "x", "--apply"), "--apply to --rules"),
        (("pictures", "--rules", "r.toml"), "r.toml"),
        (("nowhere", "--command", "x"), "the image folder does not exist"),
        (("pictures", "--command", '"x'), "No closing quotation"),
        (("pictures", "--command", " "), "the command is empty"),
        (("pictures", "--with", "wd14"), "sd-scripts is missing"),
        (("pictures", "--with", "blip", "--", "--append_tags", "--recursive"), "--recursive is not for here"),
        (("pictures", "--with", "blip", "--", "--append_tags", "--caption_extension=.x"), "--append_tags is not for"),
        (("pictures", "--with", "git", "--", "--caption_extension=.x"), "--caption_extension is not for here"),
    ],
)
@pytest.mark.usefixtures("pictures")
def test_what_cannot_be_done(kft: Callable[..., Answer], arguments: tuple[str, ...], said: str) -> None:
    """Exit code 2, the reason, and no traceback."""
    answer = (
        kft("dataset", "caption", *arguments, "--sd-scripts", "none")
        if "--" not in arguments
        else kft("dataset", "caption", *arguments)
    )
    assert answer.code == 2
    assert said in answer.err


@pytest.mark.usefixtures("pictures")
def test_a_program_that_is_not_there(kft: Callable[..., Answer]) -> None:
    """It could not be started: exit code 1 and its name."""
    answer = kft("dataset", "caption", "pictures", "--command", "no-such-program-here")
    assert (answer.code, "no-such-program-here cannot be started" in answer.err) == (1, True)
