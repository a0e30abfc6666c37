"""A comparison in words, in rows and as JSON, and the command that goes on all the same."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fork_wrapper.repeat.compared import MISSING, Item
from fork_wrapper.repeat.original import Original
from fork_wrapper.repeat.reproduce import Reproduction
from fork_wrapper.repeat.risks import Risk
from fork_wrapper.run.render import shell_line
from fork_wrapper.text import shown

LISTED = 10
"""Names that are spelled out; the record and `--json` have all."""


def title(original: Original) -> str:
    """What is reproduced, from what."""
    what = {"run": "record", "file": "config file"}.get(original.kind, original.kind)
    return f"{original.run_id or original.name}, from the {what} {original.path.name}"


def item_rows(items: Sequence[Item], allowed: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """A row for each item."""
    return [
        (
            item.name,
            f"{item.verdict}, allowed" if item.stops and item.name in allowed else item.verdict,
            item.recorded or "-",
            item.found or "-",
        )
        for item in items
    ]


def item_lines(found: Reproduction) -> Iterator[str]:
    """What a table has no room for: reasons, names, moves, risks."""
    for item in found.items:
        if item.why:
            yield f"{item.name}: {item.why}"
        for what, names in item.names:
            yield f"{item.name}: {what}"
            yield from (f"  {name}" for name in names[:LISTED])
            if len(names) > LISTED:
                yield f"  and {len(names) - LISTED} more"
    for move in found.moves:
        yield f"moved: {move.key}, {move.how}"
        yield f"  {shown(move.old)} -> {shown(move.new)}"
    for risk in found.risks:
        yield from _risk(risk)


def _risk(risk: Risk) -> Iterator[str]:
    mark = "needs --trust" if risk.asks else "note"
    yield f"{mark}: {shown(risk.key)} = {shown(risk.value)}  {risk.does}"  # a stranger's value must not make lines
    yield f"  {risk.what}{f' ({risk.source})' if risk.source else ''}"


def go_on(
    source: str,
    stopping: Sequence[Item],
    allowed: Sequence[str],
    *,
    rehearsal: bool,
    maps: Sequence[str],
    trust: bool,
) -> str:
    """The call that goes on although something is different; what is missing has to be mapped, to NEW."""
    words = ["kft", "reproduce", source, *(["--rehearse"] if rehearsal else [])]
    there = [item.name for item in stopping if item.found != MISSING]
    for name in dict.fromkeys((*allowed, *there)):
        words += ["--allow", name]
    lost = [
        path.rsplit(": ", 1)[-1]
        for item in stopping
        if item.found == MISSING
        for _, paths in item.names
        for path in paths
    ]
    for one in (*maps, *(f"{path}=NEW" for path in lost)):
        words += ["--map", one]
    return shell_line([*words, *(["--trust"] if trust else [])])


def to_json(found: Reproduction, allowed: Sequence[str], *, trust: bool) -> Mapping[str, Any]:
    """The comparison as plain values."""
    original = found.original
    return {
        "source": {"file": str(original.path), "kind": original.kind},
        "run": original.run_id,
        "name": original.name,
        "rehearsal": found.repetition.rehearsed,
        "items": [{**item.to_json(), "allowed": item.stops and item.name in allowed} for item in found.items],
        "maps": [{"key": move.key, "old": move.old, "new": move.new, "how": move.how} for move in found.moves],
        "risks": [risk.__dict__ for risk in found.risks],
        "limits": list(found.limits),
        "stops": [item.name for item in found.stopping(allowed)],
        "trusted": trust or not found.asking(),
    }
