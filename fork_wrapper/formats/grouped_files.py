"""Several files at once: files of the same run are grouped, and each group is read into one value."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.formats.commands_import import read_command
from fork_wrapper.formats.found import Found, is_file, refuse
from fork_wrapper.formats.gui_import import APART, stamp_of, with_toml
from fork_wrapper.formats.gui_keys import Version
from fork_wrapper.formats.kft_import import with_own_record
from fork_wrapper.formats.recognise import is_literal_command, read_any

LITERAL = Path("command line")
"""Stands in as the file of a command line that was typed as an argument."""


def read_all(sources: Sequence[str], *, gui_version: Version | None, images: int | None) -> list[Found]:
    """Read the sources and join those of one run; InputError lists everything that cannot be read.

    A GUI JSON and the TOML of the same start are one run, and so are configs and the dataset configs they name. A
    dataset config that nothing names belongs to the run, if there is only one.
    """
    found: list[Found] = []
    errors: list[Finding] = []
    for source in dict.fromkeys(sources):
        try:
            found.append(read_one(source, gui_version, images))
        except InputError as error:
            errors += error.findings
    if errors:
        raise InputError("nothing was imported", errors)
    return [with_own_record(one) for one in _joined_datasets(_joined_tomls(_without_what_others_read(found)))]


def read_one(source: str, gui_version: Version | None = None, images: int | None = None) -> Found:
    """Read one file, or a command line itself; InputError says why it is not for kft."""
    if is_literal_command(source) and not is_file(Path(source)):
        try:
            source.encode()
        except UnicodeEncodeError:
            raise refuse("the command line", "it holds bytes that are no UTF-8", "save it as a file in UTF-8") from None
        return read_command(source, Path.cwd() / LITERAL, literal=True)
    return read_any(Path(source).absolute(), gui_version=gui_version, images=images)


def _without_what_others_read(found: list[Found]) -> list[Found]:
    """Drop files that another file has already brought along."""

    def along(one: Found) -> bool:
        others = (file.path for other in found if other is not one for file in other.files[1:])
        return one.path.resolve() in {path.resolve() for path in others}

    return [one for one in found if not along(one)] or found


def _joined_tomls(found: list[Found]) -> list[Found]:
    """Join GUI JSON files with TOMLs of the same start that were named from elsewhere."""
    joined = list(found)
    for form in [one for one in found if one.kind.startswith("gui-") and len(one.files) == 1]:
        own = stamp_of(form.path)
        near = [
            one
            for one in joined
            if one.kind == "config"
            and one.path.name.startswith(f"config_{form.kind.removeprefix('gui-')}-")
            and own is not None
            and (stamp := stamp_of(one.path)) is not None
            and abs((stamp - own).total_seconds()) <= APART
        ]
        if len(near) == 1:
            joined[joined.index(form)] = with_toml(form, near[0].path)
            joined.remove(near[0])
    return joined


def _joined_datasets(found: list[Found]) -> list[Found]:
    datasets = [one for one in found if one.kind == "dataset"]
    runs = [one for one in found if one.kind != "dataset"]
    for dataset in datasets:
        wanting = [run for run in runs if run.dataset is None and _names(run, dataset)]
        wanting = wanting or [run for run in runs if run.dataset is None and "dataset_config" in run.options]
        wanting = wanting or [run for run in runs if run.dataset is None]
        if len(wanting) == 1:
            run = wanting[0]
            files, notes = (*run.files, *dataset.files), (*run.notes, *dataset.notes)
            runs[runs.index(run)] = replace(run, dataset=dataset.dataset, files=files, notes=notes)
        elif not runs and not dataset.dataset:
            raise refuse(dataset.path, "it is empty", "name it together with the config that it belongs to")
        elif not runs:
            return datasets
        else:
            what = "no run that was named reads this dataset config"
            if wanting:
                what = f"{len(wanting)} runs could read this dataset config"
            finding = Finding(what=what, where=str(dataset.path), todo="import it with one config at a time")
            raise InputError("nothing was imported", [finding])
    return runs


def _names(run: Found, dataset: Found) -> bool:
    """Return whether the run's config names that dataset config, by file name, since folders move."""
    named = str(run.options.get("dataset_config", "")).replace("\\", "/")
    return named.rsplit("/", 1)[-1] == dataset.path.name
