"""Which pictures and captions a folder holds, by the rules of sd-scripts."""

from __future__ import annotations

import glob
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dataset_tools.errors import DatasetError
from dataset_tools.scan.scan import IMAGE_SUFFIXES, FolderScan, scan_folder

if TYPE_CHECKING:
    from pathlib import Path

NASTY_NAMES = (
    "two words",
    "it's",
    "niño",
    "🦊 fox",
    "[x]",
    "a[!b]*c" if os.name != "nt" else "a[!b]c",
    "dots.in.it",
    "-dash",
)


def _fill(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(name.encode())
    return folder


def _names(scan: FolderScan) -> list[str]:
    return [picture.image.name for picture in scan.pictures]


def _caption(scan: FolderScan) -> Path | None:
    (picture,) = scan.pictures
    return picture.caption


def test_pairs_images_with_captions_in_order_of_name(tmp_path: Path) -> None:
    """Pictures come sorted by code point, each with the caption of its stem."""
    folder = _fill(tmp_path / "d", "b.png", "b.txt", "a.jpg", "a.txt", "Z.webp", "notes.txt")
    scan = scan_folder(folder, ".txt")
    assert _names(scan) == ["Z.webp", "a.jpg", "b.png"]
    assert [picture.caption for picture in scan.pictures] == [None, folder / "a.txt", folder / "b.txt"]
    assert (scan.images, scan.captioned, scan.uncaptioned) == (3, 2, (folder / "Z.webp",))


@pytest.mark.parametrize("stem", NASTY_NAMES)
def test_takes_names_as_they_are(tmp_path: Path, stem: str) -> None:
    """Spaces, quotes, accents, emoji and glob's own signs mean nothing, in files and in folders."""
    folder = _fill(tmp_path / stem, f"{stem}.png", f"{stem}.txt")
    scan = scan_folder(folder, ".txt")
    assert _names(scan) == [f"{stem}.png"]
    assert _caption(scan) == folder / f"{stem}.txt"


def test_finds_exactly_what_glob_finds(tmp_path: Path) -> None:
    """For every suffix in both cases, hidden names, mixed case and folders: the same list as sd-scripts' glob."""
    endings = [*IMAGE_SUFFIXES, *(suffix.upper() for suffix in IMAGE_SUFFIXES)]
    folder = _fill(tmp_path / "[d]", *(f"x{number}{ending}" for number, ending in enumerate(endings)))
    _fill(
        folder, "Mixed.Png", ".hidden.png", ".png", "x.gif", "y.avif", "png", "z.png.bak", "w.jpeg.png", "caption.txt"
    )
    (folder / "folder.png").mkdir()
    (folder / "below").mkdir()
    _fill(folder / "below", "deep.png")
    pattern = f"{glob.escape(str(folder))}{os.sep}*"
    expected = {path for end in endings for path in glob.glob(pattern + end)}  # noqa: PTH207 - the thing itself
    scan = scan_folder(folder)
    found = [str(picture.image) for picture in scan.pictures] + [str(path) for path in scan.not_files]
    assert sorted(found) == sorted(expected)
    assert scan.not_files == (folder / "folder.png",)


def test_counts_images_that_are_not_found(tmp_path: Path) -> None:
    """Suffixes that look like images but are never trained on are counted, so that someone can say so."""
    scan = scan_folder(_fill(tmp_path, "a.png", "b.avif", "c.AVIF", "d.gif", ".e.png", "f.txt"))
    assert dict(scan.ignored_images) == {".AVIF": 1, ".avif": 1, ".gif": 1, ".png": 1}


def test_counts_plugin_suffixes_when_told(tmp_path: Path) -> None:
    """Where the trainer can read AVIF, in either case, those files are pictures."""
    scan = scan_folder(_fill(tmp_path, "b.avif", "c.AVIF"), extra_suffixes=[".avif"])
    assert (_names(scan), dict(scan.ignored_images)) == (["b.avif", "c.AVIF"], {})


def test_says_which_other_captions_lie_there(tmp_path: Path) -> None:
    """Captions under another extension are counted per extension, most first, and only for bare images."""
    folder = _fill(tmp_path, *(f"{n}.png" for n in range(5)), *(f"{n}.txt" for n in range(4)), "0.cap", "9.txt")
    _fill(folder, "3.caption", "4.png.txt")
    scan = scan_folder(folder)
    assert (scan.captioned, list(scan.other_extensions.items())) == (1, [(".txt", 3), (".cap", 1), (".png.txt", 1)])


@pytest.mark.parametrize(("asked", "found"), [("txt", ".txt"), (".txt", ".txt"), ("", ""), (".png.txt", ".png.txt")])
def test_adds_the_dot_that_sd_scripts_adds(tmp_path: Path, asked: str, found: str) -> None:
    """An extension is completed as DreamBoothSubset does it, and then simply appended to the stem."""
    folder = _fill(tmp_path, "a.png", f"a{found}")
    scan = scan_folder(folder, asked)
    assert (scan.caption_extension, _caption(scan)) == (found, folder / f"a{found}")


def test_takes_the_caption_without_the_face_box(tmp_path: Path) -> None:
    """A name with four numbers at its end may use the caption of the name without them; its own one goes first."""
    folder = _fill(tmp_path / "faces", "ana_10_20_30_40.png", "ana.txt")
    assert _caption(scan_folder(folder, ".txt")) == folder / "ana.txt"
    _fill(folder, "ana_10_20_30_40.txt")
    assert _caption(scan_folder(folder, ".txt")) == folder / "ana_10_20_30_40.txt"


def test_underscores_of_the_folder_count_as_well(tmp_path: Path) -> None:
    """sd-scripts splits the whole path, so that a caption may come from outside the folder; so it must here."""
    folder = _fill(tmp_path / "my_very_own_training_set", "x.png")
    assert _caption(scan_folder(folder, ".txt")) is None
    _fill(tmp_path, "my.txt")
    assert _caption(scan_folder(folder, ".txt")) == tmp_path / "my.txt"


def test_groups_images_of_one_stem(tmp_path: Path) -> None:
    """Two images that differ in their suffix share a caption, and are reported as a group."""
    folder = _fill(tmp_path, "a.png", "a.jpg", "a.txt", "b.png")
    scan = scan_folder(folder, ".txt")
    assert [picture.caption for picture in scan.pictures[:2]] == [folder / "a.txt"] * 2
    assert scan.same_stem == ((folder / "a.jpg", folder / "a.png"),)


def test_a_caption_folder_is_no_caption(tmp_path: Path) -> None:
    """A folder with the name of a caption is not opened by sd-scripts either."""
    folder = _fill(tmp_path, "a.png")
    (folder / "a.txt").mkdir()
    assert _caption(scan_folder(folder, ".txt")) is None


def test_follows_links_and_reports_dangling_ones(tmp_path: Path) -> None:
    """A link to a file is a picture; a link to nothing would end the training, and is set apart."""
    target = _fill(tmp_path / "elsewhere", "real.png") / "real.png"
    folder = _fill(tmp_path / "d")
    try:
        (folder / "link.png").symlink_to(target)
        (folder / "broken.png").symlink_to(tmp_path / "nowhere")
    except OSError as error:
        pytest.skip(f"no symbolic links here: {error}")
    scan = scan_folder(folder)
    assert (_names(scan), scan.not_files) == (["link.png"], (folder / "broken.png",))


def test_asks_the_disk_when_only_case_differs(tmp_path: Path) -> None:
    """`A.TXT` is the caption of `A.png` exactly where the file system says that `A.txt` is a file."""
    folder = _fill(tmp_path, "A.png", "A.TXT")
    expected = folder / "A.txt" if (folder / "A.txt").is_file() else None
    assert _caption(scan_folder(folder, ".txt")) == expected


def test_an_empty_folder_is_a_result(tmp_path: Path) -> None:
    """Nothing found is for the caller to judge."""
    scan = scan_folder(tmp_path)
    assert (scan.images, scan.captioned, scan.uncaptioned, dict(scan.other_extensions)) == (0, 0, (), {})


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    """The error names the folder and the key to correct."""
    with pytest.raises(DatasetError) as caught:
        scan_folder(tmp_path / "absent")
    assert caught.value.where == str(tmp_path / "absent")
    assert caught.value.what == "the image folder does not exist"
    assert caught.value.next_step == "Correct image_dir, or put the images there."


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    """A path to an image, given for its folder, is refused in words of its own."""
    with pytest.raises(DatasetError) as caught:
        scan_folder(_fill(tmp_path, "a.png") / "a.png")
    assert caught.value.next_step.startswith(("Give the folder", "Check its permissions"))  # Windows has one code less


def test_importing_costs_no_pillow() -> None:
    """Scanning, fingerprinting and naming the sample set never import Pillow."""
    code = (
        "import sys, dataset_tools.scan.scan, dataset_tools.scan.fingerprint, dataset_tools.sets.sample_set\n"
        "print(sorted({'PIL', 'numpy', 'torch', 'click', 'rich'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout == "[]\n"
