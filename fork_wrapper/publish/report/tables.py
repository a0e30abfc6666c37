"""Tables of runs: a row for each fact, a column for each run, what changes from column to column marked."""

from collections.abc import Iterable, Sequence
from typing import Any

from fork_wrapper.publish.report.gather import Report, Shown
from fork_wrapper.publish.report.html import Html, breakable, join, tag
from fork_wrapper.publish.report.matrix import Cell, Line
from fork_wrapper.text import counted

UNKNOWN = "not recorded"
"""For what no record says."""

FLAGS = {"trains": "\N{BLACK UP-POINTING TRIANGLE}", "other": "\N{WHITE CIRCLE}"}
"""Of changes, for those who see no colours."""

SAID = {"trains": "changed, and training with it: ", "other": "changed: "}
"""Likewise, for those who hear the page."""


def table(
    caption: str, heads: Sequence[Any], rows: Iterable[Html], *, name: str, class_: str = "first", hidden: bool = False
) -> Html:
    """A table that scrolls on its own where it is too wide; its caption names it, and may be for hearing alone."""
    words = tag("caption", tag("span", caption, class_="sr" if hidden else None), id=name)
    head = tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads]))
    inner = tag("table", words, head, tag("tbody", list(rows)), class_=class_)
    return tag("div", inner, class_="scroll", role="region", tabindex="0", aria_labelledby=name)


def row(name: Any, cells: Iterable[Any]) -> Html:
    """A row of texts, or of cells that were made already."""
    made = [cell if isinstance(cell, Html) and cell.startswith("<td") else tag("td", cell) for cell in cells]
    return tag("tr", tag("th", name, scope="row"), made)


def marked(cells: Sequence[str | None]) -> list[Html]:
    """Cells of which those are marked that differ from the one before; what is unknown differs from nothing."""
    made = []
    for at, cell in enumerate(cells):
        before = next((one for one in reversed(cells[:at]) if one is not None), None)
        change = "other" if cell is not None and before is not None and cell != before else ""
        made.append(_cell(UNKNOWN if cell is None else cell, change))
    return made


def group_row(words: str, columns: int) -> Html:
    """A heading within a table."""
    return tag("tr", tag("th", words, class_="group", colspan=columns, scope="colgroup"))


def heads(runs: Sequence[Shown]) -> list[Html]:
    """A column's head for each run; a rehearsal says what it is."""
    return [join([breakable(run.label), [tag("br"), badge(run)] if run.rehearsal else None]) for run in runs]


def badge(run: Shown) -> Html:
    """How a run stands; a rehearsal can be mistaken for nothing else."""
    if run.rehearsal:
        more = "" if run.status == "rehearsed" else f", {run.status}"
        return tag("span", f"rehearsal{more}", class_="badge rehearsal")
    return tag("span", run.status, class_="badge")


def matrix_section(report: Report) -> Html:
    """The values of all runs, those that change first."""
    lines, alone = report.matrix.lines, len(report.runs) == 1
    changing = [line for line in lines if line.changes]
    same = [line for line in lines if not line.changes]
    parts: list[Any] = [] if alone else [_key(), _steps(report)]
    if changing:
        parts.append(_matrix("Values that change from one run to the next", changing, report, "changing"))
    elif not alone:
        parts.append(tag("p", "No value differs between these runs."))
    if same:
        caption = "Values of the run" if alone else "Values that are the same in all of these runs"
        values = _matrix(caption, same, report, "same")
        parts.append(
            values
            if alone
            else tag(
                "details",
                tag("summary", f"{counted(len(same), 'value')} that {'stays' if len(same) == 1 else 'stay'} the same"),
                values,
            )
        )
    return join(parts)


def _matrix(caption: str, lines: Sequence[Line], report: Report, name: str) -> Html:
    rows, group = [], ""
    for line in lines:
        if line.group != group:
            group = line.group
            rows.append(group_row(group, len(report.runs) + 1))
        rows.append(row(breakable(line.name), [_value(cell) for cell in line.cells]))
    return table(caption, ["value", *heads(report.runs)], rows, name=f"matrix-{name}")


def _value(cell: Cell) -> Html:
    remark = f"no effect: {cell.remark}" if cell.remark else ""
    return _cell(cell.shown, cell.change, cell.origin, remark)


def _cell(shown: str, change: str, *remarks: str) -> Html:
    flag = (
        [tag("span", FLAGS[change], aria_hidden="true"), tag("span", SAID[change], class_="sr"), " "] if change else []
    )
    return tag("td", flag, shown, [tag("small", remark) for remark in remarks if remark], class_=change or None)


def _key() -> Html:
    return tag(
        "p",
        "Each run is compared with the one to its left, by meaning: defaults filled in, equal spellings equal. ",
        f"{FLAGS['trains']} marks a change that changes training, {FLAGS['other']} one that does not. ",
        "Below a value stands where it comes from: documented, recovered, measured, chosen, assumed, or set by kft.",
    )


def _steps(report: Report) -> Html:
    """Why each run differs from the one before, in the words of its story; and what became of the images."""
    items = []
    for step, run in zip(report.matrix.steps, report.runs[1:], strict=True):
        words = [step.why] if step.why else []
        if step.files:
            words.append("Images and captions: " + ", ".join(what for what, _ in step.files.parts()) + ".")
        if words:
            items.append([tag("dt", run.label), tag("dd", tag("bdi", " ".join(words)))])
    return tag("dl", items) if items else join(())
