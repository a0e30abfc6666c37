"""The chosen base of LoRAs: a checkpoint copied or linked to where models lie, with its sidecar, its sha256, its card.

Under its name it is whole and verified, or it is not there. The run's folder stays as it was, but for a note.
"""

import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dataset_tools.whole_files import put_in_place
from fork_wrapper.errors import Finding, InputError, raise_if_any
from fork_wrapper.experiment.experiment import LONGEST_NAME
from fork_wrapper.files import plain_name, write_whole
from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.chosen_checkpoint import Chosen, against
from fork_wrapper.publish.model_card import License
from fork_wrapper.sdscripts.names import SUFFIX
from fork_wrapper.text import sizes

_PIECE = 8 << 20
_HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
_LICENSE_ID = re.compile(r"[a-z0-9][a-z0-9.+-]*")

Tell = Callable[[int, int], None]
"""Hears bytes done and bytes in all."""


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A promotion that nothing stands against."""

    chosen: Chosen
    """The checkpoint."""
    name: str
    """What it will be called."""
    folder: Path
    """Where it goes."""
    link: bool
    """Whether it becomes a second name of the same file; else a copy."""

    @property
    def model(self) -> Path:
        """The checkpoint's new place."""
        return self.folder / f"{self.name}{SUFFIX}"

    @property
    def sidecar(self) -> Path:
        """Its sidecar's, which is copied byte for byte."""
        return self.folder / f"{self.name}.json"

    @property
    def hash(self) -> Path:
        """Of the line that `sha256sum -c` reads."""
        return self.folder / f"{self.name}{SUFFIX}.sha256"

    @property
    def card(self) -> Path:
        """Of the model card, where the Hub looks for it."""
        return self.folder / "README.md"

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that is written."""
        return self.model, self.sidecar, self.hash, self.card


def plan_promotion(
    chosen: Chosen, settings: Settings, *, folder: Path | None, name: str | None, link: bool, rehearsal: bool
) -> Promotion:
    """Where it goes: by default to `{models}/NAME/`, under the checkpoint's own name.

    InputError with all that stands against it.
    """
    name = name or chosen.file.stem
    promotion = Promotion(chosen=chosen, name=name, folder=(folder or settings.models / name).absolute(), link=link)
    findings = list(against(chosen, rehearsal=rehearsal))
    if name != plain_name(name) or len(os.fsencode(name)) > LONGEST_NAME:
        todo = f"such as --name {plain_name(name)[:60]}"
        findings.append(Finding(what=f"{name!r} cannot be the name of a file everywhere", where="--name", todo=todo))
    findings += [
        Finding(what="the file exists", where=str(path), todo="give another --name, or another folder with --to")
        for path in promotion.files
        if os.path.lexists(path)  # a link to nowhere is somebody's, too
    ]
    if not link and not findings:
        findings += _room(promotion)
    raise_if_any(f"cannot promote {chosen.file.name}", findings)
    return promotion


def _room(promotion: Promotion) -> Iterator[Finding]:
    there = next(path for path in (promotion.folder, *promotion.folder.parents) if path.is_dir())
    free, needed = shutil.disk_usage(there).free, promotion.chosen.file.stat().st_size
    if free <= needed:
        takes, left = sizes([needed, free])
        what = f"it takes {takes}, and {left} are free"
        yield Finding(what=what, where=str(there), todo="make room, take another folder with --to, or --link")


def license_of(id_: str | None, name: str | None, link: str | None) -> License:
    """The licence that was said, or SDXL's where none was; InputError as the Hub would refuse it."""
    findings = []
    if id_ is None and (name or link):
        findings.append(Finding(what="a name or a link is of a licence", todo="say its id: --license other"))
    if id_ is not None and not _LICENSE_ID.fullmatch(id_):
        todo = "write it as the Hub does: openrail++, cc-by-nc-sa-4.0, other"
        findings.append(Finding(what=f"{id_!r} is not a licence id", where="--license", todo=todo))
    if name and not _LICENSE_ID.fullmatch(name):
        todo = "write it in small letters, digits and dashes"
        findings.append(Finding(what=f"{name!r} is not a licence id", where="--license-name", todo=todo))
    if id_ == "other" and not (name and link):
        findings.append(
            Finding(what="another licence needs its name and its text", todo="--license-name, --license-link")
        )
    raise_if_any("the licence is not complete", findings)
    return License() if id_ is None else License(id=id_, name=name, link=link, said=True)


def check_hub_names(names: Mapping[str, str]) -> None:
    """InputError for flags whose value is no name on the Hub."""
    todo = "write it as OWNER/NAME"
    findings = [
        Finding(what=f"{name!r} is not a name on the Hugging Face Hub", where=flag, todo=todo)
        for name, flag in names.items()
        if not _HUB_ID.fullmatch(name)
    ]
    raise_if_any("the card cannot say this", findings)


def promote(promotion: Promotion, card: Callable[[str], str], tell: Tell) -> str:
    """Do it, and return the sha256; `card` makes the text of the model card of it.

    Whatever goes wrong on the way, nothing that was written stays. InputError where the file is not the one that was
    archived, or cannot be linked.
    """
    with _all_or_nothing(promotion) as written:
        sha256 = (_link if promotion.link else _copy)(promotion, tell)
        written.append(promotion.model)
        rest = {
            promotion.hash: f"{sha256}  {promotion.model.name}\n".encode(),
            promotion.sidecar: promotion.chosen.sidecar.read_bytes(),
            promotion.card: card(sha256).encode(),
        }
        for path, data in rest.items():
            write_whole(path, data)
            written.append(path)
    return sha256


@contextmanager
def _all_or_nothing(promotion: Promotion) -> Iterator[list[Path]]:
    """A list of what has been written, which goes again where the block fails, with the folders made for it."""
    written: list[Path] = []
    made = [path for path in (promotion.folder, *promotion.folder.parents) if not path.exists()]
    promotion.folder.mkdir(parents=True, exist_ok=True)
    try:
        yield written
    except BaseException:
        for path in written:
            with suppress(OSError):
                path.unlink()
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise


def _copy(promotion: Promotion, tell: Tell) -> str:
    """Copy beside the final name, read the copy back, then give it its name."""
    source, whole = promotion.chosen.file, 2 * promotion.chosen.file.stat().st_size
    temporary = promotion.folder / f".{uuid.uuid4().hex}.tmp"
    try:
        with source.open("rb") as old, temporary.open("xb") as new:
            read = _through(old.read, lambda done: tell(done, whole), new.write)
            new.flush()
            os.fsync(new.fileno())
        with temporary.open("rb") as new:
            written = _through(new.read, lambda done: tell(whole // 2 + done, whole))
        _same(promotion, read)
        if written != read:
            todo = "check the disk; nothing was kept"
            raise InputError("the copy is not what was read", [Finding(what=written, where=str(temporary), todo=todo)])
        if promotion.model.exists():
            finding = Finding(what="the file exists now", where=str(promotion.model), todo="give another --name")
            raise InputError("another program was faster", [finding])
        put_in_place(temporary, promotion.model)
    finally:
        with suppress(OSError):
            temporary.unlink()
    return read


def _link(promotion: Promotion, tell: Tell) -> str:
    whole = promotion.chosen.file.stat().st_size
    with promotion.chosen.file.open("rb") as file:
        sha256 = _through(file.read, lambda done: tell(done, whole))
    _same(promotion, sha256)
    try:
        os.link(promotion.chosen.file, promotion.model)
    except OSError as error:
        what = f"the two folders cannot share a file ({error.strerror or error})"
        raise InputError(
            "nothing was linked", [Finding(what=what, where=str(promotion.folder), todo="leave out --link")]
        ) from None
    return sha256


def _same(promotion: Promotion, sha256: str) -> None:
    archived = promotion.chosen.entry["sha256"]
    if archived and archived != sha256:
        what = f"its sha256 is {sha256[:16]}..., and the one that was archived had {str(archived)[:16]}..."
        finding = Finding(what=what, where=str(promotion.chosen.file), todo="find the file that was archived")
        raise InputError(f"{promotion.chosen.file.name} has changed since it was archived", [finding])


def _through(
    read: Callable[[int], bytes], tell: Callable[[int], None], write: Callable[[bytes], object] = lambda _: None
) -> str:
    """The sha256 of a stream, and on its way all of it to `write`."""
    digest, done = hashlib.sha256(), 0
    while piece := read(_PIECE):
        digest.update(piece)
        write(piece)
        done += len(piece)
        tell(done)
    return digest.hexdigest()
