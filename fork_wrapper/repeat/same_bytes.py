"""Whether what is about to be launched is what was archived: both files byte for byte, up to what belongs to one run.

What may differ is the run's own: `output_dir`, `logging_dir`, `metadata_kft_run`, what `sealed` adds, and every path
that is another one now. In both texts these values become a mark; the rest must be equal to the last byte,
`metadata_kft_config` with it.
"""

import json
from collections.abc import Mapping, Sequence

import toml
import tomli_w

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.files import flatten
from fork_wrapper.repeat.archive_soundness import CONFIG, MANAGED, RUN, SEALS
from fork_wrapper.repeat.original import NO_FOLDERS, Original
from fork_wrapper.repeat.places import Move
from fork_wrapper.run.render import Rendered

SHOWN = 5
"""Lines that an error shows of each file, and of each side."""

WIDTH = 200
"""Characters that it shows of a line."""


def prove_same(original: Original, rendered: Rendered, moves: Sequence[Move]) -> None:
    """InputError with the lines that differ when the two are not the same, up to what belongs to one run."""
    old, new = _marks(original, moves, None), _marks(original, moves, rendered)
    config = original.identity is not None
    texts = zip(original.texts, (rendered.train_toml, rendered.dataset_toml), strict=True)
    findings = [
        finding
        for name, (archived, made) in zip(("train.toml", "dataset.toml"), texts, strict=True)
        for finding in _differences(name, normal(archived, old, config=config), normal(made, new, config=config))
    ]
    if findings:
        raise InputError("this kft would not launch what was archived", findings)


def prove_rehearsal(original: Original, rendered: Rendered, changed: frozenset[str]) -> None:
    """The same of a real run that is rehearsed: every value but those that the rehearsal changes, by key path."""
    then = flatten({"training": original.training, "dataset": original.dataset})
    now = flatten({"training": rendered.training, "dataset": rendered.dataset})
    own = {f"training.{key}" for key in MANAGED}
    findings = [
        Finding(
            what=f"{key} is {now.get(key)!r} and was {then.get(key)!r}",
            where=str(original.path),
            todo="report this: it is kft's fault",
        )
        for key in sorted((then.keys() | now.keys()) - own - changed)
        if repr(then.get(key)) != repr(now.get(key))
    ]
    if findings:
        raise InputError("this kft would not launch what was archived", findings)


def normal(text: str, marks: Mapping[str, str], *, config: bool = True) -> str:
    """A train.toml or dataset.toml with a mark for every value that may differ.

    `marks` has the values; without `config` the record in it is not looked into (a file of another program has none).
    """
    literals = {_toml(value): f"<{mark}>" for value, mark in marks.items()}
    inside = {_json(value): f"<{mark}>" for value, mark in marks.items()}
    lines = (line for line in text.split("\n") if line.split(" = ", 1)[0] not in SEALS)
    return "\n".join(_line(line, literals, inside if config else None) for line in lines)


def _line(line: str, literals: Mapping[str, str], inside: Mapping[str, str] | None) -> str:
    key = line.split(" = ", 1)[0]
    if key == RUN or (key == CONFIG and inside is None):
        return f"{key} = <run>"
    if key == CONFIG and inside is not None:
        return f"{key} = {_replaced(str(toml.loads(line)[CONFIG]), inside)}"
    return _replaced(line, literals)


def _replaced(text: str, literals: Mapping[str, str]) -> str:
    for literal, mark in literals.items():
        text = text.replace(literal, mark)
    return text


def _marks(original: Original, moves: Sequence[Move], rendered: Rendered | None) -> dict[str, str]:
    """Values and their marks: the archive's, or those of what was rendered."""
    marks: dict[str, str] = {}
    for move in moves:
        new = move.new if rendered is None else move.new.replace("{run}", rendered.run.folder.as_posix())
        marks.setdefault(move.old if rendered is None else new, move.old)
    folders = original.folders or NO_FOLDERS
    if rendered is not None:
        folders = (rendered.training["output_dir"], rendered.training["logging_dir"])
    return {**marks, folders[0]: "output_dir", folders[1]: "logging_dir"}


def _differences(name: str, archived: str, made: str) -> list[Finding]:
    if archived == made:
        return []
    old, new = archived.split("\n"), made.split("\n")
    gone, come = [line for line in old if line not in new], [line for line in new if line not in old]
    lines = [f"was: {_part(line, come)}" for line in gone[:SHOWN]] + [
        f"is: {_part(line, gone)}" for line in come[:SHOWN]
    ]
    what = "\n".join([f"{name} differs from the archived one", *(lines or ["in the order of its lines"])])
    todo = "use another copy: the archive was changed, or another kft wrote it otherwise"
    return [Finding(what=what, where=name, todo=todo)]


def _part(line: str, others: Sequence[str]) -> str:
    """A line, of a long one what is around its first difference from the other line of its key."""
    if len(line) <= WIDTH:
        return line
    other = next((one for one in others if one.split(" = ", 1)[0] == line.split(" = ", 1)[0]), "")
    start = max(0, _alike(line, other) - WIDTH // 2)
    return ("..." if start else "") + line[start : start + WIDTH]


def _alike(one: str, other: str) -> int:
    """How many characters two lines begin with in common."""
    return next((at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right), 0)


def _toml(value: str) -> str:
    return tomli_w.dumps({"v": value})[len("v = ") : -1]


def _json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
