"""Documents as files: known by their first line, and never written over what kft did not write, or people edited."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.files import read_text, write_whole

_MARKER = re.compile(r"<!-- kft document: do not edit; sha256 of the rest (?P<sha256>[0-9a-f]{64}) -->\n")

SUFFIX = ".md"

SOURCES = (".toml", ".json", ".jsonl", ".safetensors")
"""Suffixes of what documents are made from: experiments, settings, records, notes, checkpoints."""


def marked(text: str) -> str:
    """The text under a first line by which kft knows it as its own, unchanged."""
    return f"<!-- kft document: do not edit; sha256 of the rest {_digest(text)} -->\n{text}"


def beside(experiment: Path) -> Path:
    """The document beside an experiment file: `humanoid_05.md`, for all experiments share one folder."""
    return experiment.with_suffix(SUFFIX)


def refuse(paths: list[Path]) -> None:
    """InputError for every file that is there and is not a document of kft as kft wrote it."""
    findings = [
        Finding(what=what, where=str(path), todo="name another file, or --force to write over it")
        for path in paths
        if (what := _foreign(path))
    ]
    if findings:
        raise InputError("nothing was written", findings)


def write(texts: dict[Path, str], *, force: bool = False) -> list[Path]:
    """Write documents whole and return those that changed; see `refuse`.

    What documents are made from is not written over even by `force`: it could be the only copy.
    """
    _refuse_sources(texts)
    if not force:
        refuse(list(texts))
    changed = [path for path, text in texts.items() if _differs(path, text)]
    for path in changed:
        write_whole(path, texts[path])
    return changed


def _refuse_sources(paths: Iterable[Path]) -> None:
    findings = [
        Finding(what="documents are made from such files", where=str(path), todo=f"name a file that ends in {SUFFIX}")
        for path in paths
        if path.suffix.lower() in SOURCES and path.exists()
    ]
    if findings:
        raise InputError("nothing was written", findings)


def _foreign(path: Path) -> str:
    """Why a file must be left alone; empty where it is kft's own, or not there."""
    if path.is_dir():
        return "it is a folder"
    if not path.exists():
        return ""
    text = read_text(path).replace("\r\n", "\n")  # as git hands it out on Windows
    match = _MARKER.match(text)
    if match is None:
        return "kft did not write it"
    return "" if match["sha256"] == _digest(text[match.end() :]) else "it was edited since kft wrote it"


def _differs(path: Path, text: str) -> bool:
    return not path.is_file() or path.read_bytes() != text.encode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
