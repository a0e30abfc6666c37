"""What may follow on a command line: names of experiments, runs and checkpoints, keys and values.

click calls these while a shell waits, in an invocation of its own that runs no command: they are quick, read folders
and no records where that is enough, and a mistake anywhere (a broken setting, a damaged record) offers nothing.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from itertools import islice

import click

from fork_wrapper.machine.settings import NAMES, Settings, load_settings

Offer = Callable[[click.Context, click.Parameter, str], list[str]]

MOST = 10
"""Runs of one experiment that are offered, the newest."""


def _quiet(offer: Callable[[click.Context, str], Iterable[str]]) -> Offer:
    """As click calls it; only what begins as the word does, and nothing at all where something fails."""

    @wraps(offer)
    def offered(ctx: click.Context, _param: click.Parameter, word: str) -> list[str]:
        with suppress(Exception):
            return [one for one in dict.fromkeys(offer(ctx, word)) if one.startswith(word)]
        return []

    return offered


@_quiet
def experiments(ctx: click.Context, _word: str) -> Iterable[str]:
    """Names of experiments."""
    return _experiments(_settings(ctx))


@_quiet
def sources(ctx: click.Context, word: str) -> Iterable[str]:
    """Experiments, runs and checkpoints: all that is a source of a configuration."""
    settings = _settings(ctx)
    return [*_experiments(settings), *_runs(settings, word)]


@_quiet
def runs(ctx: click.Context, word: str) -> Iterable[str]:
    """Runs and checkpoints, and experiments that have run."""
    return _runs(_settings(ctx), word)


@_quiet
def assignments(_ctx: click.Context, word: str) -> Iterable[str]:
    """`KEY=VALUE` for --set: names of options and dataset keys, and the values of those that have only so many."""
    from fork_wrapper.sdscripts.options import dataset_keys, options  # noqa: PLC0415 - as everything here: only if asked

    name, sign, _value = word.partition("=")
    if not sign:
        return [f"{key}=" for key in sorted({*options(), *dataset_keys()})]
    row = options().get(name) or dataset_keys().get(name.rsplit(".", 1)[-1])
    values = ("true", "false") if row is not None and row.type == "bool" else getattr(row, "choices", ())
    return [f"{name}={value}" for value in values if value is not None]


@_quiet
def keys(_ctx: click.Context, _word: str) -> Iterable[str]:
    """Names of options and dataset keys."""
    from fork_wrapper.sdscripts.options import dataset_keys, options  # noqa: PLC0415

    return sorted({*options(), *dataset_keys()})


@_quiet
def filters(ctx: click.Context, word: str) -> Iterable[str]:
    """`KEY=VALUE` for --filter of a list."""
    from fork_wrapper.records.selection import KEYS, WORDS  # noqa: PLC0415

    name, sign, value = word.partition("=")
    if not sign:
        return [f"{key}=" for key in KEYS]
    before = value.rpartition(",")[0]
    values = _experiments(_settings(ctx)) if name == "experiment" else WORDS.get(name, ())
    return [f"{name}={f'{before},' if before else ''}{one}" for one in values]


@_quiet
def sorts(_ctx: click.Context, _word: str) -> Iterable[str]:
    """Keys for --sort of a list, either way round."""
    from fork_wrapper.records.selection import SORTS  # noqa: PLC0415

    return [*SORTS, *(f"-{key}" for key in SORTS)]


@_quiet
def columns(_ctx: click.Context, word: str) -> Iterable[str]:
    """Names of columns of a list, behind the last comma."""
    from fork_wrapper.records.columns import COLUMNS  # noqa: PLC0415
    from fork_wrapper.sdscripts.options import dataset_keys, options  # noqa: PLC0415

    before = word.rpartition(",")[0]
    return [f"{before},{name}" if before else name for name in (*COLUMNS, *sorted({*options(), *dataset_keys()}))]


@_quiet
def rule_ids(_ctx: click.Context, _word: str) -> Iterable[str]:
    """Ids of rules, of the machine's findings, and of what `kft dataset` finds and leaves out."""
    from dataset_tools.check.faults import KINDS  # noqa: PLC0415
    from dataset_tools.prepare.outcome import PROBLEMS  # noqa: PLC0415
    from fork_wrapper.check.machine_kinds import MACHINE_KINDS  # noqa: PLC0415
    from fork_wrapper.check.rules.table import rules  # noqa: PLC0415

    return sorted({*rules(), *MACHINE_KINDS, *KINDS, *PROBLEMS})


def _settings(ctx: click.Context) -> Settings:
    """With what the line says already."""
    return load_settings({name: ctx.params[name] for name in NAMES if ctx.params.get(name)})


def _experiments(settings: Settings) -> list[str]:
    from fork_wrapper.experiment.experiment import experiment_names  # noqa: PLC0415

    return experiment_names(settings.experiments)


def _runs(settings: Settings, word: str) -> list[str]:
    """Experiments that have run; of the one that is meant its runs, and behind a colon the checkpoints."""
    from fork_wrapper.records.run_folder import newest_records  # noqa: PLC0415

    if ":" in word:
        return _checkpoints(settings, word)
    ran = sorted({file.run_id.split("/", 1)[0] for file in newest_records(settings.outputs)})
    if "@" in word:
        name = word.rpartition("@")[0]
        count = len(list(islice(newest_records(settings.outputs, name), MOST))) if name in ran else 0
        return [f"{name}@latest", *(f"{name}@-{number}" for number in range(2, count + 1))] if count else []
    meant = [name for name in ran if name.startswith(word) or word.startswith(f"{name}/")]
    if len(meant) != 1:
        return meant
    found = islice(newest_records(settings.outputs, meant[0]), MOST)
    return [*meant, f"{meant[0]}@latest", *(file.run_id for file in found)]


def _checkpoints(settings: Settings, word: str) -> list[str]:
    from fork_wrapper.records.short_names import checkpoint_names, run_named  # noqa: PLC0415

    name = word.rpartition(":")[0]
    run = run_named(name, settings)
    return [f"{name}:{one}" for one in checkpoint_names(run)] if run else []
