"""`kft dataset check` as a person and as a program use it."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fork_wrapper.commands.dataset_check import printable
from tests.builders.projects import assert_golden
from tests.cli.conftest import Answer
from tests.unit.dataset_tools.planted import PLANTS, caption, content, picture, settle

Kft = Callable[..., Answer]
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "cli"

EXPERIMENT = """
[training]
learning_rate = 1e-5
max_token_length = 150
cache_latents_to_disk = true
[dataset.general]
caption_extension = ".caption"
enable_bucket = true
[[dataset.datasets]]
resolution = 192
batch_size = 1
min_bucket_reso = 64
max_bucket_reso = 512
[[dataset.datasets.subsets]]
image_dir = "{datasets}/pictures"
[[dataset.datasets.subsets]]
image_dir = "{datasets}/regular"
is_reg = true
class_tokens = "thing"
"""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images of the right size, and a few of everything else."""
    folder = tmp_path_factory.mktemp("made") / "pictures"
    folder.mkdir()
    for number in range(2):
        picture(number).resize((1024, 1024)).save(folder / f"{number}.png", compress_level=1)
        caption(folder, str(number))
    for name in ("zero_bytes", "truncated_png", "caption_with_a_mark", "caption_without_image", "web_page"):
        PLANTS[name](folder)
    for name in "abcdefg":
        picture(ord(name), (512, 512)).save(folder / f"small_{name}.png", "JPEG")
        caption(folder, f"small_{name}")
    settle(folder)
    return folder


@pytest.fixture
def pictures(project: Path, made: Path) -> Path:
    """A copy of them below `datasets`."""
    return shutil.copytree(made, project / "datasets" / "pictures")


def test_a_folder_is_read_as_a_whole(kft: Kft, pictures: Path) -> None:
    """Grouped by kind, the gravest first, a few names of each and the count, and what to do."""
    answer = kft("dataset", "check", str(pictures))
    assert answer.code == 1
    assert_golden(f"{answer.err}--\n{answer.out}", GOLDEN / "dataset_check.txt")
    again = kft("dataset", "check", "pictures", "--all")
    assert "0 decoded now" in again.err
    assert again.out.count("its content is JPEG") == 7


def test_a_list_comes_before_anything_is_changed(kft: Kft, pictures: Path) -> None:
    """Without a terminal and --yes, --fix changes nothing."""
    before = sorted(pictures.rglob("*"))
    answer = kft("dataset", "check", str(pictures), "--fix")
    assert answer.code == 1
    assert "nothing was changed: use --yes" in answer.err
    assert "move aside cut2.png and cut2.txt" in answer.out
    assert "write mark.txt anew as UTF-8, without a mark" in answer.out
    assert "rename small_a.png to small_a.jpg" in answer.out
    assert sorted(pictures.rglob("*")) == before


def test_what_is_safe_is_mended(kft: Kft, pictures: Path) -> None:
    """And the rest is counted again."""
    answer = kft("dataset", "check", str(pictures), "--fix", "--yes")
    assert "fixed; the old files are in: PROJECT/datasets/pictures/kft-aside/" in answer.err
    assert answer.err.splitlines()[-1] == "9 warnings"
    left = json.loads(kft("dataset", "check", str(pictures), "--json").out)
    assert {one["kind"] for one in left["findings"]} == {"image-upscaled", "caption-orphan"}
    assert left["fixes"] == []


def test_a_question_is_asked_on_a_terminal(kft: Kft, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No means no."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda *_args, **_kwargs: False)
    assert kft("dataset", "check", str(pictures), "--fix").code == 1
    assert not (pictures / "kft-aside").exists()


def test_json_is_complete(kft: Kft, pictures: Path) -> None:
    """Every finding with file, severity, reason and fix; every safe step."""
    answer = kft("dataset", "check", str(pictures), "--json")
    read = json.loads(answer.out)
    assert (answer.code, answer.err) == (1, "")
    parts = ["captions", "decoded", "findings", "fixes", "folders", "images", "measured_against", "name", "tokens"]
    assert sorted(read) == parts
    assert (read["images"], read["captions"], read["decoded"]) == (13, 13, 13)
    kinds = [one["kind"] for one in read["findings"]]
    assert (len(kinds), kinds.count("image-suffix"), kinds.count("image-upscaled")) == (20, 7, 8)
    assert read["findings"][0] == {
        "file": "PROJECT/datasets/pictures/zero.png",
        "fix": "fetch or save them again, or move them away with their captions",
        "kind": "image-empty",
        "others": [],
        "reason": "the file is empty",
        "safe": True,
        "severity": "error",
    }
    assert len(read["fixes"]) == 11
    assert read["tokens"] == {"counted": False, "more_than": {"75": 0, "150": 0, "225": 0}}


def test_a_good_folder_is_said_to_be_good(kft: Kft, project: Path) -> None:
    """Exit code 0, and what it was measured against."""
    folder = project / "good"
    folder.mkdir()
    picture(1).resize((1024, 1024)).save(folder / "a.png")
    caption(folder, "a")
    answer = kft("dataset", "check", "good")
    assert (answer.code, answer.out) == (0, "")
    measured = "measured against 1024 x 1024 in buckets of 512 to 2048 by 64 (--resolution, or name an experiment)"
    assert answer.err == f"PROJECT/good: 1 image, 1 caption\n{measured}\nnothing is wrong\n"


def test_an_experiment_says_what_is_right(kft: Kft, project: Path) -> None:
    """Resolution, buckets, extension, tokens, class tokens and regularisation images are the experiment's."""
    (project / "experiments" / "own.toml").write_text(EXPERIMENT)
    trained, regular = (project / "datasets" / name for name in ("pictures", "regular"))
    for folder, first in ((trained, 0), (regular, 100)):
        folder.mkdir(parents=True)
        for number in range(3):
            (folder / f"{number}.png").write_bytes(content(first + number, "PNG"))
    (trained / "0.caption").write_text("word " * 100)
    (trained / "1.caption").write_text("word " * 160)
    (trained / "2.txt").write_text("unread")
    (regular / "copy.png").write_bytes(content(0, "PNG"))
    answer = kft("dataset", "check", "own", "--json")
    found = {(one["kind"], one["file"].removeprefix("PROJECT/datasets/")) for one in json.loads(answer.out)["findings"]}
    assert found == {
        ("caption-long", "pictures/1.caption"),
        ("caption-missing", "pictures/2.png"),
        ("twin-regularisation", "regular/copy.png"),
    }
    fewer = kft("dataset", "check", "own", "--set", "max_token_length=75", "--set", "caption_extension=.txt", "--json")
    kinds = [one["kind"] for one in json.loads(fewer.out)["findings"]]
    assert sorted(kinds) == ["caption-extension", "twin-regularisation"]


def test_check_says_what_the_last_look_found(kft: Kft, project: Path) -> None:
    """A note: nobody looked; then what is broken; then, after a change, that it is no longer known."""
    (project / "experiments" / "own.toml").write_text(EXPERIMENT)
    for name in ("pictures", "regular"):
        folder = project / "datasets" / name
        folder.mkdir(parents=True)
        (folder / "a.png").write_bytes(content(3, "PNG"))
        (folder / "a.caption").write_text("words")
    data = content(4, "PNG")
    (project / "datasets" / "pictures" / "b.png").write_bytes(data[: len(data) // 2])
    settle(project)

    def notes() -> list[str]:
        read = json.loads(kft("check", "own", "--json").out)["findings"]
        return [one["what"] for one in read if one["todo"] == "kft dataset check own"]

    assert notes() == ["these images have not been decoded yet"] * 2
    assert kft("dataset", "check", "own").code == 1
    assert notes() == ["images that could not be decoded at the last check: b.png"]
    os.utime(project / "datasets" / "regular" / "a.png")
    assert notes()[1:] == ["images were added or changed since the last check"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere/at/all",), "there is no such folder"),
        (("nothing",), "nothing"),
        (("first", "--resolution", "512"), "--resolution is for folders"),
        ((".", "--set", "seed=1"), "--set is for experiments"),
        ((".", "--resolution", "1"), "Invalid value for '--resolution'"),
    ],
)
def test_bad_input_is_explained(kft: Kft, arguments: tuple[str, ...], words: str) -> None:
    """Exit code 2 and what to do, no traceback."""
    answer = kft("dataset", "check", *arguments)
    assert answer.code == 2
    assert words in answer.err
    assert "Traceback" not in answer.err


def test_an_experiment_with_a_missing_folder(kft: Kft) -> None:
    """That is a finding like any other."""
    answer = kft("dataset", "check", "first")
    assert answer.code == 1
    assert "the image folder does not exist" in answer.out


def test_names_that_a_terminal_would_obey_are_spelled_out() -> None:
    """Control characters, bytes that are no text, and right-to-left marks."""
    assert printable("a\x1b[31m\n\udce9\u202eé日") == "a\\x1b[31m\\n\\udce9\\u202eé日"


@pytest.mark.skipif(os.name == "nt", reason="such a name cannot be made there")
def test_a_name_that_is_no_text_can_be_printed(kft: Kft, project: Path) -> None:
    """As JSON too."""
    folder = project / "odd"
    folder.mkdir()
    PLANTS["name_that_is_no_text"](folder)
    PLANTS["name_with_a_newline"](folder)
    assert "caf\\udce9.png" in kft("dataset", "check", "odd").out
    assert len(json.loads(kft("dataset", "check", "odd", "--json").out)["findings"]) == 4


def test_an_image_that_is_deleted_meanwhile(kft: Kft, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a finding, and the rest is looked at."""
    folder = project / "going"
    folder.mkdir()
    for name in ("a", "b"):
        picture(ord(name)).save(folder / f"{name}.png")
        caption(folder, name)
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: real(folder / "gone") if path.name == "a.png" else real(path))
    answer = kft("dataset", "check", "going", "--resolution", "192")
    assert "images that cannot be opened: 1" in answer.out
    assert "a.png  there is no such file" in answer.out
