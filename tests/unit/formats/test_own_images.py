"""What a folder of somebody's own images comes to as an experiment."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from fork_wrapper.check.rules.prompt_file import read_prompts
from fork_wrapper.errors import InputError
from fork_wrapper.formats.own_images import base_of, described, look_at_images, sample_prompts
from fork_wrapper.machine.settings import Settings

Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Draw images into a folder below the test's own: name, how many, size, extension of captions, their text."""

    def drawer(
        name: str, count: int = 3, size: int = 1024, extension: str = ".txt", text: str = "a moon {number}"
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        for number in range(count):
            Image.new("L", (size, size), number).save(folder / f"{number}.png", compress_level=1)
            if extension:
                (folder / f"{number}{extension}").write_text(text.format(number=number), encoding="utf-8")
        return folder

    return drawer


def test_images_directly_in_it(settings: Settings, draw: Draw) -> None:
    """One subset; the extension is that of most captions, folders below are said to be left out."""
    folder = draw("luna", extension=".caption")
    (folder / "0.txt").write_text("other", encoding="utf-8")
    draw("luna/rejected", 2)
    found = look_at_images(folder, settings)
    assert found.subsets() == [{"image_dir": folder.as_posix(), "num_repeats": 1}]
    assert (found.caption_extension, found.captioned, found.resolution) == (".caption", 3, 1024)
    assert found.left_out == {"rejected": 2}
    assert described(found) == [
        "3 images in 1 folder, 3 with a .caption caption",
        "left out, sd-scripts looks into no folder below: rejected (2)",
    ]


def test_folders_of_dreambooth(settings: Settings, draw: Draw, tmp_path: Path) -> None:
    """The number is how often images are repeated, the rest what images without captions are told by."""
    draw("img/10_moon_cat", extension="")
    draw("img/2_sun")
    draw("img/stars")
    draw("img/reg/1_cat", extension="")
    found = look_at_images(tmp_path / "img", settings)
    home = (tmp_path / "img").as_posix()
    assert found.subsets() == [
        {"image_dir": f"{home}/2_sun", "num_repeats": 2},
        {"image_dir": f"{home}/10_moon_cat", "num_repeats": 10, "class_tokens": "moon cat"},
        {"image_dir": f"{home}/reg/1_cat", "num_repeats": 1, "class_tokens": "cat", "is_reg": True},
        {"image_dir": f"{home}/stars", "num_repeats": 1},
    ]
    assert "a moon 0 --w" in sample_prompts(found)
    assert described(found)[0] == "12 images in 4 folders, 6 with a .txt caption"


def test_without_captions_the_name_is_told(settings: Settings, draw: Draw) -> None:
    """Small images are not enlarged to four times their pixels."""
    found = look_at_images(draw("blue_moon", size=600, extension=""), settings)
    assert found.subsets()[0]["class_tokens"] == "blue moon"
    assert (found.caption_extension, found.resolution) == (".txt", 512)
    assert sample_prompts(found).splitlines()[2:] == ["blue moon --w 512 --h 512 --d 1 --s 28 --l 7"]


def test_prompts_say_what_captions_say(settings: Settings, draw: Draw) -> None:
    """A caption is no flag, no comment and no second line; its words reach the trainer as they are."""
    found = look_at_images(draw("luna", 9, text="# moon {number}, --d 5 --w 9\nsecond line"), settings)
    prompts = read_prompts(sample_prompts(found), "p.txt")
    assert len(prompts) == 4
    assert [one.values["prompt"] for one in prompts] == [f"moon {number}, -d 5 -w 9" for number in (0, 2, 4, 6)]
    assert [(one.values["seed"], one.values["width"]) for one in prompts] == [(n, 1024) for n in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("nowhere", "there is no such folder"),
        ("file.png", "this is a file, not a folder of images"),
        ("empty", "it holds no images"),
        ("phone", "sd-scripts reads none of its images: 2 .heic"),
    ],
)
def test_nothing_to_train_on(settings: Settings, tmp_path: Path, name: str, what: str) -> None:
    """Each says what is there, and what to do."""
    (tmp_path / "file.png").write_bytes(b"")
    (tmp_path / "empty" / "below").mkdir(parents=True)
    (tmp_path / "phone").mkdir()
    for number in range(2):
        (tmp_path / "phone" / f"{number}.heic").write_bytes(b"")
    with pytest.raises(InputError) as refused:
        look_at_images(tmp_path / name, settings)
    assert [(one.what, one.where) for one in refused.value.findings] == [(what, str(tmp_path / name))]
    assert all(one.todo for one in refused.value.findings)


def test_base_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, absolute; a name on the Hub as it is; anything else is missing, and what lies there instead is said."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "moon.safetensors").write_bytes(b"")
    assert base_of("moon.safetensors") == (tmp_path / "moon.safetensors").as_posix()
    assert base_of("stabilityai/stable-diffusion-xl-base-1.0") == "stabilityai/stable-diffusion-xl-base-1.0"
    with pytest.raises(InputError) as refused:
        base_of("sun.safetensors")
    assert refused.value.findings[0].what == "the file does not exist; in that folder: moon.safetensors"
