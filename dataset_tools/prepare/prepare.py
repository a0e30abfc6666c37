"""Make a folder of training images from a folder of pictures, on all cores, so that it can be killed at any moment.

A result gets its name in one step, when all of it is written; originals are only read. What was finished is not done
again, what changed since is, and what someone else wrote or edited in the folder of results is never overwritten.
"""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import DatasetError
from dataset_tools.pixels.encoding import SUFFIXES
from dataset_tools.prepare.captions import copy_captions, withdraw
from dataset_tools.prepare.manifest import Manifest
from dataset_tools.prepare.one import Made, Refused, prepare_one
from dataset_tools.prepare.origin import Origin
from dataset_tools.prepare.outcome import Outcome, Problem, next_step
from dataset_tools.prepare.room import unwritable, writing
from dataset_tools.prepare.sources import clashes, find_sources
from dataset_tools.scan.hashing import hash_file
from dataset_tools.whole_files import put_in_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from dataset_tools.pixels.fitting import Place
    from dataset_tools.prepare.one import Choices
    from dataset_tools.prepare.sources import Source, Sources
    from dataset_tools.scan.hashing import HashCache

_SHOWN = 20  # lines of a list within an error


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """The result is there, and is what would be made."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """What a run of `prepare` works with; none of it changes a result."""

    made_by: Mapping[str, str]
    """Versions, for the manifest."""
    bucket: Place | None = None
    """For fit `bucket`; raises ValueError where a picture has none. The choices' `buckets` say what it follows. For
    other fits it tells whether a picture that is too small for them would do there."""
    hashes: HashCache | None = None
    """Spares reading files again that were hashed before."""
    jobs: int | None = None
    """Threads; None is one for each core."""


def prepare(
    sources: Path,
    results: Path,
    choices: Choices,
    means: Means,
    *,
    prune: bool = False,
    same_source: bool = False,
    tell: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Prepare every picture below a folder.

    Args:
        sources: read, never written to.
        results: empty, or not there yet, or of an earlier run with the same choices.
        choices: what to make.
        means: what to work with.
        prune: remove results whose source is gone.
        same_source: the pictures are those that the results were made from, whatever they look like now.
        tell: called with (pictures done, pictures in all).

    Returns:
        What was done. Pictures that cannot be prepared are among its problems; they do not stop the others.

    Raises:
        DatasetError: nothing was begun (bad folders, clashing names, other choices, other pictures), or results cannot
            be written.
    """
    found = _checked(sources, results)
    origin = Origin(found=found, hashes=means.hashes, trusted=same_source)
    run: _Run | None = None
    try:
        with Manifest(results, choices.as_json(), dict(means.made_by), origin) as manifest:
            run = _Run(found, manifest, choices, means)
            run.all(means.jobs or cores(), tell or (lambda _done, _all: None))
            run.look_for_gone(prune=prune)
    except OSError as error:
        left, average = run.still_to_make() if run else (len(found.pictures), 0)
        raise unwritable(error, results, left=left, average=average) from error
    finally:
        if means.hashes is not None:
            means.hashes.save()
    return run.outcome()


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _checked(sources: Path, results: Path) -> Sources:
    """The pictures, once it is certain that they can be told apart and that results stay out of their way."""
    source, result = sources.resolve(), results.resolve()
    if source == result or source in result.parents or result in source.parents:
        raise DatasetError(
            "sources and results may not lie within each other",
            where=results,
            next_step="Name a folder beside the sources.",
        )
    found = find_sources(sources)
    if not found.pictures:
        behind = f", but behind links to folders: {', '.join(list(found.linked)[:_SHOWN])}" if found.linked else ""
        raise DatasetError(
            f"there is no picture in it{behind}", where=sources, next_step="Name the folder that holds them."
        )
    if groups := clashes(found.pictures):
        lines = [", ".join(group) for group in groups[:_SHOWN]]
        lines += [f"and {len(groups) - _SHOWN} more"] if len(groups) > _SHOWN else []
        raise DatasetError(
            "\n".join(["pictures that differ in their suffix only would become one file", *lines]),
            where=sources,
            next_step="Rename or remove all but one of each.",
        )
    return found


class _Run:
    """One run: only its own thread touches the manifest and gives files their names."""

    def __init__(self, found: Sources, manifest: Manifest, choices: Choices, means: Means) -> None:
        self._found = found
        self._manifest = manifest
        self._choices = choices
        self._means = means
        self._problems: list[Problem] = []
        self._made = self._kept = self._captions = self._captioned = self._removed = 0
        for name, target in found.linked.items():
            self._problem(name, "linked-folder", f"a link to {target}, whose pictures are left out")

    def all(self, jobs: int, tell: Callable[[int, int], None]) -> None:
        """Every picture, some at a time; an interruption waits for those at work and begins no other."""
        tell(0, len(self._found.pictures))
        numbered = iter(enumerate(self._found.pictures))
        with ThreadPoolExecutor(jobs, thread_name_prefix="prepare") as pool:
            at_work: dict[Future[Made | Refused | _Kept], tuple[int, Source]] = {}
            try:
                for done, (number, source, work) in enumerate(self._finished(pool, numbered, at_work, jobs), 1):
                    self._settle(number, source, work)
                    tell(done, len(self._found.pictures))
            finally:
                for future in at_work:
                    future.cancel()

    def _finished(
        self,
        pool: ThreadPoolExecutor,
        numbered: Iterator[tuple[int, Source]],
        at_work: dict[Future[Made | Refused | _Kept], tuple[int, Source]],
        jobs: int,
    ) -> Iterator[tuple[int, Source, Made | Refused | _Kept]]:
        """Results as they come, twice as many at work as there are threads: memory stays bounded, no thread waits."""
        while True:
            for number, source in numbered:
                at_work[pool.submit(self._work, number, source)] = number, source
                if len(at_work) >= 2 * jobs:
                    break
            if not at_work:
                return
            for future in wait(at_work, return_when=FIRST_COMPLETED).done:
                number, source = at_work.pop(future)
                yield number, source, future.result()

    def _work(self, number: int, source: Source) -> Made | Refused | _Kept:
        """In a thread: look at what is there, and make what is not; the result lies unfinished under a number."""
        settled = self._looked_at(source)
        if settled is not None:
            return settled
        made = prepare_one(self._found.path(source.name), self._choices, self._means.bucket)
        if isinstance(made, Made):
            with writing(self._manifest.file(self._result_name(source))):
                self._manifest.part(number).write_bytes(made.data)
            return replace(made, data=b"")
        return made

    def _looked_at(self, source: Source) -> Refused | _Kept | None:
        entry = self._manifest.entries.get(source.name, {})
        name = self._result_name(source)
        there = self._sha256(self._manifest.file(name))
        if there and not self._manifest.is_own(source.name, there):
            if "result" in entry:
                return Refused(kind="edited", reason=f"{name} was changed after it was made from it", sha256="")
            return Refused(kind="in-the-way", reason=f"{name} was there before and is not made from it", sha256="")
        if not there or there != entry.get("result", {}).get("sha256"):
            return None
        return _Kept() if self._sha256(self._found.path(source.name)) == entry["sha256"] else None

    def _sha256(self, path: Path) -> str:
        """Of a file; empty where there is none that can be read."""
        try:
            hashed = hash_file(path, self._means.hashes)
        except DatasetError:
            return ""
        # A power cut may leave a name whose content never reached the disk.
        return hashed.sha256 if hashed and hashed.size else ""

    def _result_name(self, source: Source) -> str:
        return source.stem + SUFFIXES[self._choices.image_format]

    def _settle(self, number: int, source: Source, work: Made | Refused | _Kept) -> None:
        if isinstance(work, Refused):
            self._refuse(source, work)
            return
        before = self._manifest.entries.get(source.name, {})
        entry = dict(before)
        if isinstance(work, Made):
            result = {"name": self._result_name(source), **work.facts["result"]}
            entry = {**work.facts, "result": result, "captions": before.get("captions", {})}
        copies, said = copy_captions(self._found, source, self._manifest, entry.get("captions", {}))
        entry["captions"] = copies.hashes
        if entry != before:
            self._manifest.note(source.name, entry)
        if isinstance(work, Made):
            target = self._manifest.file(entry["result"]["name"])
            with writing(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                put_in_place(self._manifest.part(number), target)
        copies.write(self._manifest)
        self._captions += copies.count
        self._captioned += bool(copies.hashes)
        self._made, self._kept = self._made + isinstance(work, Made), self._kept + isinstance(work, _Kept)
        for reason in said:
            self._problem(source.name, "caption", reason)

    def _refuse(self, source: Source, refused: Refused) -> None:
        """Say so; what was made from an earlier content of the source is not left to be trained on."""
        self._problem(source.name, refused.kind, refused.reason)
        if refused.kind in ("edited", "in-the-way"):
            return
        if not refused.sha256 and "result" in self._manifest.entries.get(source.name, {}):
            return  # nobody knows what it holds now: a share that is away must not cost what was made from it
        withdraw(self._manifest, source.name)
        problem = {"kind": refused.kind, "reason": refused.reason}
        self._manifest.note(source.name, {"sha256": refused.sha256, "problem": problem})

    def look_for_gone(self, *, prune: bool) -> None:
        """Results whose source is no longer there."""
        for name in sorted(self._manifest.entries.keys() - {source.name for source in self._found.pictures}):
            result = self._manifest.entries[name].get("result")
            if prune or result is None:
                self._removed += withdraw(self._manifest, name)
                self._manifest.forget(name)
            else:
                self._problem(name, "gone", f"the source is gone, and {result['name']} is still there")

    def _problem(self, source: str, kind: str, reason: str) -> None:
        self._problems.append(Problem(source=source, kind=kind, reason=reason, next_step=next_step(kind)))

    def still_to_make(self) -> tuple[int, int]:
        """Pictures without a result, and how many bytes a result takes on average."""
        sizes = [int(entry["result"].get("bytes", 0)) for entry in self._results().values()]
        names = (self._result_name(source) for source in self._found.pictures)
        left = sum(not (self._manifest.folder / name).exists() for name in names)
        return left, sum(sizes) // max(len(sizes), 1)

    def _results(self) -> dict[str, dict[str, Any]]:
        return {name: entry for name, entry in sorted(self._manifest.entries.items()) if "result" in entry}

    def outcome(self) -> Outcome:
        """The sum of it."""
        results = self._results()
        return Outcome(
            made=self._made,
            kept=self._kept,
            captions=self._captions,
            captioned=self._captioned,
            upscaled=tuple(name for name, entry in results.items() if entry["result"]["upscaled"]),
            removed=self._removed,
            problems=tuple(sorted(self._problems, key=lambda problem: (problem.source, problem.kind))),
            others=self._found.others,
            respelled=tuple(name for source in self._found.pictures for name in source.respelled),
            moved_from=self._manifest.moved_from,
        )
