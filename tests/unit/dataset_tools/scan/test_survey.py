"""What a folder of images holds: sizes, captions, caches; and the memory of it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dataset_tools.scan.survey import CacheFile, FolderSurvey, SurveyCache, survey_folder


def _old(path: Path, age: int = 100) -> Path:
    """So old that the memory trusts it."""
    moment = time.time_ns() - age * 1_000_000_000
    os.utime(path, ns=(moment, moment))
    return path


def _image(path: Path, size: tuple[int, int] = (8, 4), age: int = 100) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.new("L", size).save(path)
    return _old(path, age)


def _text(path: Path, content: bytes = b"a tag, another", age: int = 100) -> Path:
    path.write_bytes(content)
    return _old(path, age)


def _npz(path: Path, age: int = 100, **arrays: Any) -> Path:
    np.savez(path, **(arrays or {"latents": np.zeros((4, 1, 1), dtype=np.float32)}))
    return _old(path, age)


def _cache(path: Path, image: str, **values: Any) -> CacheFile:
    usual: dict[str, Any] = {"older": False, "arrays": {"latents": (4, 1, 1)}, "nan": False}
    return CacheFile(path=path, image=image, **(usual | values))


def test_sizes_by_name(tmp_path: Path) -> None:
    """Of every image that sd-scripts lists, in its order; an image that has no header keeps its place."""
    _image(tmp_path / "b.png", (30, 20))
    _image(tmp_path / "a.jpg", (10, 40))
    _image(tmp_path / "c.BMP", (7, 9))
    _image(tmp_path / "no.gif")
    (tmp_path / "d.png").touch()
    survey = survey_folder(tmp_path, ".txt")
    assert list(survey.sizes.items()) == [
        ("a.jpg", (10, 40)),
        ("b.png", (30, 20)),
        ("c.BMP", (7, 9)),
        ("d.png", (0, 0)),
    ]
    assert (survey.problem, survey.unreadable, survey.folder) == ("", (), tmp_path)
    assert survey.scan is not None
    assert [picture.image.name for picture in survey.scan.pictures] == list(survey.sizes)


def test_captions_that_would_fail(tmp_path: Path) -> None:
    """Empty files and other encodings; blank lines and a byte order mark are no trouble."""
    contents = {"a": b"", "b": b"ma\xf1ana", "c": b" \n\n", "d": b"\xef\xbb\xbfx", "e": "mañana 🦊".encode()}
    for stem, content in contents.items():
        _image(tmp_path / f"{stem}.png")
        _text(tmp_path / f"{stem}.tags", content)
    _text(tmp_path / "other.tags", b"\xff")
    survey = survey_folder(tmp_path, "tags")
    assert survey.empty_captions == (tmp_path / "a.tags",)
    assert survey.garbled_captions == (tmp_path / "b.tags",)


def test_a_caption_of_two_images_is_named_once(tmp_path: Path) -> None:
    """They differ in their suffix only."""
    _image(tmp_path / "a.png")
    _image(tmp_path / "a.webp")
    _text(tmp_path / "a.txt", b"")
    assert survey_folder(tmp_path, ".txt").empty_captions == (tmp_path / "a.txt",)


def test_latents(tmp_path: Path) -> None:
    """New names and old ones, with shapes; those of other programs and of images that are gone are nobody's."""
    for name in ("a.png", "b.png", "b_x.png"):
        _image(tmp_path / name)
    paths = [_npz(tmp_path / name) for name in ("a_0008x0004_sdxl.npz", "b.npz", "b_x_0001x0001_sdxl.npz")]
    for name in ("a_0008x0004_sd.npz", "gone_0008x0004_sdxl.npz", "gone.npz", "_sdxl.npz"):
        _npz(tmp_path / name)
    survey = survey_folder(tmp_path, ".txt")
    assert survey.latents == tuple(
        _cache(path, image) for path, image in zip(paths, ("a.png", "b.png", "b_x.png"), strict=True)
    )
    assert survey.text_encoder_outputs == ()


def test_text_encoder_outputs(tmp_path: Path) -> None:
    """By the image's name; their source is the caption."""
    image, caption = _image(tmp_path / "a.png", age=10), _text(tmp_path / "a.txt", age=60)
    path = _npz(tmp_path / "a_te_outputs.npz", 50, hidden_state1=np.zeros((77, 768)), pool2=np.zeros(1280))
    arrays = {"hidden_state1": (77, 768), "pool2": (1280,)}
    assert survey_folder(tmp_path, ".txt").text_encoder_outputs == (_cache(path, image.name, arrays=arrays),)
    _old(caption, 40)
    [outputs] = survey_folder(tmp_path, ".txt").text_encoder_outputs
    assert outputs.older
    caption.unlink()
    [outputs] = survey_folder(tmp_path, ".txt").text_encoder_outputs
    assert not outputs.older
    assert survey_folder(tmp_path, ".txt").latents == ()


def test_latents_older_than_their_image(tmp_path: Path) -> None:
    """What was edited since is not what is cached; in the same tick nobody can tell."""
    image = _image(tmp_path / "a.png", age=50)
    path = _npz(tmp_path / "a.npz", age=60)
    assert survey_folder(tmp_path, ".txt").latents == (_cache(path, "a.png", older=True),)
    os.utime(path, ns=(0, image.stat().st_mtime_ns))
    assert survey_folder(tmp_path, ".txt").latents == (_cache(path, "a.png"),)


def test_of_two_images_of_one_stem_the_one_of_that_size(tmp_path: Path) -> None:
    """The size stands in the name."""
    _image(tmp_path / "a.png", (8, 4))
    _image(tmp_path / "a.webp", (16, 4))
    path, other = _npz(tmp_path / "a_0016x0004_sdxl.npz"), _npz(tmp_path / "a_0099x0004_sdxl.npz")
    assert survey_folder(tmp_path, ".txt").latents == (_cache(path, "a.webp"), _cache(other, "a.png"))


def test_latents_with_nan_and_damaged_ones(tmp_path: Path) -> None:
    """A damaged file has no arrays."""
    _image(tmp_path / "a.png")
    _image(tmp_path / "b.png")
    nan = _npz(tmp_path / "a.npz", latents=np.full((4, 1, 1), np.nan, dtype=np.float32))
    damaged = _text(tmp_path / "b.npz", b"PK\x03\x04")
    survey = survey_folder(tmp_path, ".txt")
    assert survey.latents == (_cache(nan, "a.png", nan=True), _cache(damaged, "b.png", arrays={}))


def test_paths_that_sizes_are_guessed_from(tmp_path: Path) -> None:
    """All that end like latents, sorted by what comes before the size; hidden ones are not found."""
    for name in ("ab_0001x0001_sdxl.npz", "a_0002x0001_sdxl.npz", "a-b_0001x0001_sdxl.npz"):
        (tmp_path / name).touch()
    for name in (".h_0001x0001_sdxl.npz", "a.npz", "a_0001x0001_sd.npz", "a_0001x0001_SDXL.npz"):
        (tmp_path / name).touch()
    expected = ["a_0002x0001_sdxl.npz", "a-b_0001x0001_sdxl.npz", "ab_0001x0001_sdxl.npz"]
    assert [Path(path).name for path in survey_folder(tmp_path, ".txt").latent_paths] == expected


def test_paths_of_a_folder_with_signs_of_glob(tmp_path: Path) -> None:
    """sd-scripts does not escape them: it looks into the folder that they match."""
    for name in ("[x]", "x"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a_0001x0001_sdxl.npz").touch()
    found = (str(tmp_path / "x" / "a_0001x0001_sdxl.npz"),)
    assert survey_folder(tmp_path / "[x]", ".txt").latent_paths == found


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ('{"/x/a.png": {"caption": "x", "resolution": [8, 4]}}', {"/x/a.png": (8, 4)}),
        ("{}", {}),
        ("", None),
        ("[]", None),
        ('{"a": {"resolution": [8, 4]}}', None),
        ('{"a": {"caption": "", "resolution": [8]}}', None),
        ('\ufeff{"a": {"caption": "", "resolution": [8, 4]}}', None),
    ],
)
def test_metadata(tmp_path: Path, text: str, sizes: dict[str, tuple[int, int]] | None) -> None:
    """Sizes as they stand there; None for what sd-scripts dies on."""
    (tmp_path / "metadata_cache.json").write_text(text, encoding="utf-8")
    survey = survey_folder(tmp_path, ".txt")
    assert (survey.metadata_cache, survey.cached_sizes) == (True, sizes)


def test_no_metadata(tmp_path: Path) -> None:
    """A folder of that name is none."""
    assert (survey_folder(tmp_path, ".txt").metadata_cache, survey_folder(tmp_path, ".txt").cached_sizes) == (
        False,
        None,
    )
    (tmp_path / "metadata_cache.json").mkdir()
    assert survey_folder(tmp_path, ".txt").metadata_cache is False


def test_a_header_that_is_cut_off(tmp_path: Path) -> None:
    """sd-scripts dies of it, which a size of nothing alone does not say."""
    path = _text(tmp_path / "a.jpg", b"\xff\xd8\xff")
    survey = survey_folder(tmp_path, ".txt")
    assert (survey.unreadable, survey.sizes) == ((path,), {"a.jpg": (0, 0)})


def test_what_may_not_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Image, caption and cache: the first two end a training, and none of it is remembered."""
    folder = _full(tmp_path / "images")

    def refuse(_path: Path) -> None:
        raise PermissionError

    for name in ("image_size", "_read_caption", "_read_npz"):
        monkeypatch.setattr(f"dataset_tools.scan.survey.{name}", refuse)
    survey = survey_folder(folder, ".txt", SurveyCache(tmp_path / "survey.json"))
    assert (survey.unreadable, survey.sizes) == ((folder / "a.png", folder / "a.txt"), {"a.png": (0, 0)})
    assert survey.latents == (_cache(folder / "a_0008x0004_sdxl.npz", "a.png", arrays={}),)
    assert not (tmp_path / "survey.json").exists()


def test_folders_that_cannot_be_listed(tmp_path: Path) -> None:
    """A problem in one line, and nothing else; never an error."""
    (tmp_path / "file").touch()
    missing = survey_folder(tmp_path / "gone", ".txt")
    assert missing == FolderSurvey(
        folder=tmp_path / "gone",
        problem="the image folder does not exist",
        scan=None,
        sizes={},
        empty_captions=(),
        garbled_captions=(),
        latents=(),
        text_encoder_outputs=(),
        metadata_cache=False,
    )
    assert survey_folder(tmp_path / "file", ".txt").problem == "this is a file, not an image folder"
    assert survey_folder(tmp_path / "a\0b", ".txt").problem == "the image folder cannot be read (embedded null byte)"


def test_an_empty_folder_is_no_problem(tmp_path: Path) -> None:
    """Only an empty one."""
    survey = survey_folder(tmp_path, ".txt")
    assert (survey.problem, survey.sizes, survey.scan is None) == ("", {}, False)


def _full(folder: Path) -> Path:
    """An image with everything beside it."""
    _image(folder / "a.png")
    _text(folder / "a.txt", b"")
    _npz(folder / "a_0008x0004_sdxl.npz")
    return folder


def test_the_second_look_opens_nothing(tmp_path: Path) -> None:
    """Same path, size and time: what was remembered is the answer, in this process and in the next."""
    folder = _full(tmp_path / "images")
    survey = survey_folder(folder, ".txt", SurveyCache(tmp_path / "survey.json"))
    for path in folder.iterdir():
        stat = path.stat()
        path.write_bytes(bytes(stat.st_size))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert survey_folder(folder, ".txt", SurveyCache(tmp_path / "survey.json")) == survey
    assert survey_folder(folder, ".txt").sizes == {"a.png": (0, 0)}


def test_what_changed_is_looked_at_again(tmp_path: Path) -> None:
    """Each file by itself."""
    folder = _full(tmp_path / "images")
    cache = SurveyCache(tmp_path / "survey.json")
    survey_folder(folder, ".txt", cache)
    _image(folder / "a.png", (80, 40), age=50)
    _text(folder / "a.txt", b"now there is one")
    survey = survey_folder(folder, ".txt", cache)
    assert (survey.sizes, survey.empty_captions) == ({"a.png": (80, 40)}, ())
    assert [one.older for one in survey.latents] == [True]


def test_what_was_just_written_is_not_remembered(tmp_path: Path) -> None:
    """A second change within the same tick of the clock could not be seen."""
    Image.new("L", (8, 4)).save(tmp_path / "a.png")
    survey_folder(tmp_path, ".txt", SurveyCache(tmp_path / "survey.json"))
    assert not (tmp_path / "survey.json").exists()


@pytest.mark.parametrize(
    "value",
    [
        *("wrong", None, 1, [1], [1, "2"], [1, 2, 3], [1.0, 2.0]),
        *({}, {"arrays": {}}, {"arrays": [], "nan": True}, {"arrays": {}, "nan": 1}),
        *({"arrays": {"a": 1}, "nan": False}, {"arrays": {"a": ["1"]}, "nan": False}),
    ],
)
def test_a_damaged_memory_is_none(tmp_path: Path, value: Any) -> None:
    """Whatever is written for a file: values of another form are not taken."""
    folder = _full(tmp_path / "images")
    survey = survey_folder(folder, ".txt")
    entries = {str(path): [path.stat().st_size, path.stat().st_mtime_ns, value] for path in folder.iterdir()}
    (tmp_path / "survey.json").write_text(json.dumps({"form": 1, "files": entries}), encoding="utf-8")
    assert survey_folder(folder, ".txt", SurveyCache(tmp_path / "survey.json")) == survey


def test_values_of_another_kind_of_file_are_not_taken(tmp_path: Path) -> None:
    """An image that is its own caption is looked at as both."""
    image = _image(tmp_path / "a.png")
    for _ in range(2):
        survey = survey_folder(tmp_path, ".png", SurveyCache(tmp_path / "survey.json"))
        assert (survey.sizes, survey.garbled_captions) == ({"a.png": (8, 4)}, (image,))


def test_a_thousand_images_take_no_time(tmp_path: Path) -> None:
    """The second time, with captions; generous, for machines that do other things as well."""
    folder = tmp_path / "images"
    header = _image(folder / "0.png").read_bytes()
    for number in range(1, 1000):
        _text(folder / f"{number}.png", header)
        _text(folder / f"{number}.txt")
    survey_folder(folder, ".txt", SurveyCache(tmp_path / "survey.json"))
    began = time.process_time()
    survey = survey_folder(folder, ".txt", SurveyCache(tmp_path / "survey.json"))
    assert time.process_time() - began < 0.5
    assert len(survey.sizes) == 1000


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a pipe with a name")
def test_what_is_no_file_is_never_opened(tmp_path: Path) -> None:
    """A pipe with the name of a cache would be waited for, for ever; a link to itself is no image and no obstacle."""
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    os.mkfifo(tmp_path / "a_0008x0008_sdxl.npz")
    os.mkfifo(tmp_path / "metadata_cache.json")
    (tmp_path / "loop.png").symlink_to("loop.png")
    seen = survey_folder(tmp_path, ".txt")
    assert (seen.problem, dict(seen.sizes), seen.latents, seen.cached_sizes) == ("", {"a.png": (8, 8)}, (), None)
    assert seen.scan is not None
    assert [path.name for path in seen.scan.not_files] == ["loop.png"]
