"""Promotion: whole and verified, or nothing; never over anything; no half file under a name."""

import hashlib
import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.formats.source import open_source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.chosen_checkpoint import choose
from fork_wrapper.publish.model_card import License
from fork_wrapper.publish.promote import Promotion, check_hub_names, license_of, plan_promotion, promote
from fork_wrapper.records.run_folder import RunFolder
from tests.builders.checkpoints import change_sidecar, run_with_checkpoints


@pytest.fixture
def run(settings: Settings, write: Callable[..., Path]) -> RunFolder:
    """A run with its final checkpoint."""
    write("one")
    return run_with_checkpoints("one", settings, ("",))


@pytest.fixture
def planned(run: RunFolder, settings: Settings) -> Callable[..., Promotion]:
    """Plan the promotion of the run."""

    def plan(**said: Any) -> Promotion:
        found = choose(open_source(str(run.folder), settings), settings, None)
        usual: dict[str, Any] = {"folder": None, "name": None, "link": False, "rehearsal": False}
        return plan_promotion(found, settings, **{**usual, **said})

    return plan


def done(promotion: Promotion, tell: Callable[[int, int], None] = lambda _done, _all: None) -> str:
    """Carry it out with a short card."""
    return promote(promotion, lambda sha256: f"card of {sha256}\n", tell)


def files(folder: Path) -> list[str]:
    """Everything in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("link", [False, True])
def test_everything_that_belongs_to_it(
    planned: Callable[..., Promotion], run: RunFolder, settings: Settings, link: bool
) -> None:
    """The file itself, its sidecar byte for byte, the line for sha256sum, the card; by default among the models."""
    promotion = planned(link=link)
    told: list[tuple[int, int]] = []
    sha256 = done(promotion, lambda count, whole: told.append((count, whole)))
    folder = settings.models / "one"
    source = run.folder / "one.safetensors"
    assert promotion.folder == folder
    assert files(folder) == ["README.md", "one.json", "one.safetensors", "one.safetensors.sha256"]
    assert sorted(path.name for path in promotion.files) == files(folder)
    assert (folder / "one.safetensors").read_bytes() == source.read_bytes()
    assert (folder / "one.safetensors").samefile(source) is link
    assert sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert (folder / "one.safetensors.sha256").read_text() == f"{sha256}  one.safetensors\n"
    assert (folder / "one.json").read_bytes() == (run.folder / "one.json").read_bytes()
    assert (folder / "README.md").read_text() == f"card of {sha256}\n"
    size = source.stat().st_size
    assert told[-1] == ((size, size) if link else (2 * size, 2 * size))


def test_another_name_and_place(planned: Callable[..., Promotion], tmp_path: Path) -> None:
    """Folders on the way are made; the sidecar stays as it was archived."""
    promotion = planned(name="base ñ", folder=tmp_path / "a" / "b")
    done(promotion)
    assert files(tmp_path / "a" / "b") == [
        "README.md",
        "base ñ.json",
        "base ñ.safetensors",
        "base ñ.safetensors.sha256",
    ]
    assert '"file": "one.safetensors"' in promotion.sidecar.read_text(encoding="utf-8")


def test_everything_against_it_is_said_at_once(
    planned: Callable[..., Promotion], settings: Settings, run: RunFolder
) -> None:
    """Targets that are there, a name that is none, a broken file."""
    folder = settings.models / "x"
    folder.mkdir(parents=True)
    for name in ("README.md", "a:b.json"):
        (folder / name).write_text("mine", encoding="utf-8")
    (run.folder / "one.safetensors").write_bytes((run.folder / "one.safetensors").read_bytes()[:-1])
    with pytest.raises(InputError) as refused:
        planned(folder=folder, name="a:b")
    text = str(refused.value)
    assert [text.count(said) for said in ("the file exists", "cannot be the name", "nothing to promote")] == [0, 0, 1]
    run_with_checkpoints("one", settings, ("",))
    change_sidecar(run.folder / "one.safetensors", bytes=1)
    with pytest.raises(InputError) as refused:
        planned(folder=folder, name="a:b")
    what = [finding.what for finding in refused.value.findings]
    assert what == [
        "it has 4 kB, and the one that was archived had 1 B",
        "'a:b' cannot be the name of a file everywhere",
        "the file exists",
        "the file exists",
    ]


def test_a_link_to_nowhere_is_not_replaced(planned: Callable[..., Promotion], tmp_path: Path) -> None:
    """It is somebody's, whose other disk may be missing just now."""
    (tmp_path / "x").mkdir()
    try:
        (tmp_path / "x" / "README.md").symlink_to(tmp_path / "gone")
    except OSError:
        pytest.skip("this system lets no user make links")
    with pytest.raises(InputError, match="the file exists"):
        planned(folder=tmp_path / "x")


def test_a_disk_that_is_too_small(planned: Callable[..., Promotion], monkeypatch: pytest.MonkeyPatch) -> None:
    """Is found before anything is copied; a link takes no room."""
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as shutil's
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 100))
    with pytest.raises(InputError, match="it takes 4 kB, and 100 B are free"):
        planned()
    assert planned(link=True).link


@pytest.mark.parametrize("link", [False, True])
def test_a_file_that_has_changed_is_not_promoted(
    planned: Callable[..., Promotion], run: RunFolder, settings: Settings, link: bool
) -> None:
    """The same size is not the same file; nothing is left behind."""
    promotion = planned(link=link)
    path = run.folder / "one.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"\x01")
    with pytest.raises(InputError, match="has changed since it was archived"):
        done(promotion)
    assert not settings.models.exists()
    assert path.exists()


def test_a_copy_that_reads_otherwise_is_not_kept(
    planned: Callable[..., Promotion], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that lies: the copy is read back before it has a name."""
    real = os.fsync

    def spoil(handle: int) -> None:
        real(handle)
        (temporary,) = settings.models.rglob("*.tmp")
        with temporary.open("r+b") as file:
            file.seek(100)
            file.write(b"\xff")

    monkeypatch.setattr(os, "fsync", spoil)
    with pytest.raises(InputError, match="the copy is not what was read"):
        done(planned())
    assert not settings.models.exists()


@pytest.mark.parametrize("at", [1, 2])
def test_ctrl_c_leaves_nothing(
    planned: Callable[..., Promotion], settings: Settings, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """While it copies or while it verifies; no half file had the final name meanwhile."""
    calls: list[int] = []
    monkeypatch.setattr("fork_wrapper.publish.promote._PIECE", 10_000)

    def tell(count: int, _: int) -> None:
        calls.append(count)
        assert not (settings.models / "one" / "one.safetensors").exists()
        if len(calls) == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        done(planned(), tell)
    assert len(calls) == at
    assert not settings.models.exists()


def test_a_card_that_fails_takes_everything_back(planned: Callable[..., Promotion], settings: Settings) -> None:
    """But what was there before stays."""
    promotion = planned()
    promotion.folder.mkdir(parents=True)
    (promotion.folder / "mine.txt").write_text("mine", encoding="utf-8")

    def card(_: str) -> str:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        promote(promotion, card, lambda _done, _all: None)
    assert files(settings.models / "one") == ["mine.txt"]


def test_a_link_that_cannot_be_made(
    planned: Callable[..., Promotion], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another disk: said, with what to do."""

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(InputError, match="Invalid cross-device link") as refused:
        done(planned(link=True))
    assert refused.value.findings[0].todo == "leave out --link"
    assert not settings.models.exists()


@pytest.mark.parametrize("link", [False, True])
def test_what_came_in_between_is_not_replaced(planned: Callable[..., Promotion], link: bool) -> None:
    """Somebody else promoted to the same place."""
    promotion = planned(link=link)
    promotion.folder.mkdir(parents=True)
    promotion.model.write_text("theirs", encoding="utf-8")
    with pytest.raises(InputError):
        done(promotion)
    assert promotion.model.read_text(encoding="utf-8") == "theirs"
    assert files(promotion.folder) == ["one.safetensors"]


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ((None, None, None), License()),
        (("cc-by-nc-sa-4.0", None, None), License(id="cc-by-nc-sa-4.0", name=None, link=None, said=True)),
        (("other", "mine-1.0", "https://x"), License(id="other", name="mine-1.0", link="https://x", said=True)),
    ],
)
def test_licences(said: tuple[str | None, ...], result: License) -> None:
    """SDXL's where none is said, and it does not pass for one that was."""
    assert license_of(*said) == result
    assert License().said is False


@pytest.mark.parametrize(
    "said", [(None, "mine", None), ("CC BY", None, None), ("other", None, None), ("other", "My Licence", "https://x")]
)
def test_licences_that_the_hub_would_refuse(said: tuple[str | None, ...]) -> None:
    """Are refused here."""
    with pytest.raises(InputError):
        license_of(*said)


def test_names_on_the_hub() -> None:
    """OWNER/NAME, nothing else; all wrong ones at once."""
    check_hub_names({"stabilityai/stable-diffusion-xl-base-1.0": "--base-model", "a/b_c.d": "--dataset"})
    with pytest.raises(InputError) as refused:
        check_hub_names({"sdxl": "--base-model", "a/b": "--dataset", "a/b/c": "--dataset", "a /b": "--dataset"})
    assert [finding.where for finding in refused.value.findings] == ["--base-model", "--dataset", "--dataset"]
