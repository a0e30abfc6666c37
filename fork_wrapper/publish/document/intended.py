"""What a rehearsed or resumed experiment was to train with: what kft changed taken back, by the record itself.

A rehearsal's values are those of the miniature, and a resumed run's length is that of the rest; none of them may stand
in a document as the experiment's.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fork_wrapper.experiment import keypath
from fork_wrapper.experiment.experiment import OWN
from fork_wrapper.experiment.resolve import KFT, Origin
from fork_wrapper.publish.document.told import Told
from fork_wrapper.records.lineage import resumed_from
from fork_wrapper.records.record import Record


def intended(record: Record, said: Told) -> tuple[Mapping[str, Any], Mapping[str, Any], dict[str, Origin]]:
    """Training options, dataset config and origins of a record, as the experiment meant them."""
    tree: keypath.Tree = keypath.merge({"training": record.training, "dataset": record.dataset}, {})
    origins = {path: Origin(**one) for path, one in record.experiment["origins"].items()}
    for change in (*_of_resume(record), *(record.rehearsal or {}).get("changes", ())):
        path, was = str(change["key"]), change["was"]
        origins.pop(path, None)
        if was is None:
            keypath.drop(tree, path)
            continue
        keypath.put(tree, path, was)
        found = _typed(record, path) or said.origin(path)
        origins[path] = Origin(kind=found[0], by=found[1]) if found else KFT  # type: ignore[arg-type]
    return tree["training"], tree["dataset"], origins


def _typed(record: Record, path: str) -> tuple[str, str] | None:
    """The origin of a value that was said at the launch and of which a rehearsal took a part: somebody's images."""
    said = [str(text).removeprefix("--set ").partition("=")[0] for text in record.experiment.get("overrides") or ()]
    return (OWN, "--set") if {path, path.rpartition(".")[2]} & {*said} else None


def _of_resume(record: Record) -> Iterable[Mapping[str, Any]]:
    """Of a training whose beginning is lost: what this run had otherwise than the run before it."""
    return (record.lineage or {}).get("changes") or () if resumed_from(record) else ()


def changed(record: Record) -> frozenset[str]:
    """Key paths that a rehearsal changed."""
    return frozenset(str(change["key"]) for change in (record.rehearsal or {}).get("changes", ()))
