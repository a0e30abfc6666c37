"""All that a report shows, read from records and from what lies beside them; nothing is drawn here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fork_wrapper.compare.facts import is_rehearsal
from fork_wrapper.errors import Finding
from fork_wrapper.formats.source import Source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.report.choose import folder_of
from fork_wrapper.publish.report.curves import Curves, curves_of
from fork_wrapper.publish.report.matrix import Matrix, matrix_of
from fork_wrapper.publish.report.sheets import Sheet, sheet_of
from fork_wrapper.records.lineage import Segment, segments
from fork_wrapper.records.notes import Note, read_notes
from fork_wrapper.records.record import Record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.records.run_state import status_of

NOTHING = Curves(loss=None, rates=())


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One run of a report."""

    label: str
    """What it is called in the report: the experiment's name where that is plain, else the run or the sidecar."""
    source: Source
    """What was named."""
    record: Record
    """The source's."""
    run: RunFolder | None
    """Where it lies; None where only a sidecar is here."""
    segments: tuple[Segment, ...]
    """The runs of its training, this one last; empty without a folder."""
    curves: Curves
    """Of the whole training."""
    sheet: Sheet
    """Likewise."""
    notes: tuple[Note, ...]
    """What people noted of it."""

    @property
    def run_id(self) -> str:
        """Of the run in its record."""
        return str(self.record.run["id"])

    @property
    def rehearsal(self) -> bool:
        """Whether it trained the miniature."""
        return is_rehearsal(self.source)

    @property
    def status(self) -> str:
        """As `kft list` says it."""
        return status_of(self.record)

    @property
    def decision(self) -> str:
        """The last that was decided: in a note, else in the story; empty where nothing was."""
        noted = [note.decision for note in self.notes if note.decision]
        return noted[-1] if noted else str((self.record.experiment.get("story") or {}).get("decision", ""))


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything."""

    runs: tuple[Shown, ...]
    """At least one, in the order in which they were named."""
    matrix: Matrix
    """Their values side by side."""

    def findings(self) -> list[Finding]:
        """What is not in the report though one would look for it there."""
        return [
            Finding(
                what=f"{one.label} has only its sidecar here: no curves, no samples",
                where=str(one.source.path),
                todo="name its run, or say where your runs are: --outputs",
                severity="warning",
            )
            for one in self.runs
            if one.run is None
        ]


def gather(
    sources: Sequence[Source], settings: Settings, tell: Callable[[int, int], None] = lambda _done, _all: None
) -> Report:
    """The report on these sources; `tell` hears how many have been read."""
    names = [str(source.record.name) for source in sources if source.record is not None]
    runs = []
    for source in sources:
        runs.append(_shown(source, settings, alone=names.count(_name(source)) == 1))
        tell(len(runs), len(sources))
    return Report(runs=tuple(runs), matrix=matrix_of(sources, settings.cache))


def _name(source: Source) -> str:
    return source.record.name if source.record is not None else source.label


def _shown(source: Source, settings: Settings, *, alone: bool) -> Shown:
    record, run = source.record, folder_of(source, settings)
    if record is None:
        raise ValueError(f"{source.label} has no record")
    chain = segments(settings.outputs, run, record) if run else ()
    return Shown(
        label=record.name if alone else source.label,
        source=source,
        record=record,
        run=run,
        segments=chain,
        curves=curves_of(chain) if chain else NOTHING,
        sheet=sheet_of(chain),
        notes=read_notes(run) if run else (),
    )
