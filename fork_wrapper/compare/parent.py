"""Which source another one comes from, for a comparison that names only one. Nothing is guessed."""

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.formats.source import Source


def parent_of(source: Source) -> str:
    """The name of the parent: what an experiment extends, or the run that a run went on from."""
    if source.resolved is not None:
        if len(source.resolved.chain) > 1:
            return str(source.resolved.chain[-2].path)
        raise _none(source, "it extends no other experiment", "another experiment")
    if source.record is not None:
        if source.record.run.get("parent"):
            return str(source.record.run["parent"])
        raise _none(source, "it did not go on from another run", f"such as {source.record.name}")
    known = (source.header or {}).get("experiment")
    raise _none(source, f"a {source.kind} names no parent", f"such as {known}" if known else "an experiment")


def _none(source: Source, what: str, with_what: str) -> InputError:
    finding = Finding(
        what=what,
        where=str(source.path),
        todo=f"name what to compare it with, {with_what}: kft diff OTHER {source.label}",
    )
    return InputError(f"{source.label} has no parent", [finding])
