"""Shell completions: names of experiments, runs and checkpoints, keys and values.

click calls these while a shell waits, in an invocation of its own that runs no command. So they are quick, they read
folders rather than records where that is enough, and on any error (a broken setting, a damaged record) they offer
nothing.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from itertools import islice

import click

from fork_wrapper.machine.settings import NAMES, Settings, load_settings

Offer = Callable[[click.Context, click.Parameter, str], list[str]]

MOST = 10
"""The number of runs offered per experiment, newest first."""


def _quiet(offer: Callable[[click.Context, str], Iterable[str]]) -> Offer:
    """Wrap `offer` for click: keep the words that start with what was typed, and offer nothing if it fails."""

    @wraps(offer)
    def offered(ctx: click.Context, _param: click.Parameter, word: str) -> list[str]:
        with suppress(Exception):
            return [one for one in dict.fromkeys(offer(ctx, word)) if one.startswith(word)]
        return []

    return offered


@_quiet
def experiments(ctx: click.Context, _word: str) -> Iterable[str]:
    """Offer the names of experiments."""
    return _experiments(_settings(ctx))


@_quiet
def sources(ctx: click.Context, word: str) -> Iterable[str]:
    """Offer experiments, runs and checkpoints: everything that a configuration can come from."""
    settings = _settings(ctx)
    return [*_experiments(settings), *_runs(settings, word)]


@_quiet
def runs(ctx: click.Context, word: str) -> Iterable[str]:
    """Offer runs and checkpoints, and experiments that have run."""
    return _runs(_settings(ctx), word)


@_quiet
def assignments(_ctx: click.Context, word: str) -> Iterable[str]:
    """Offer `KEY=VALUE` for --set: option names and dataset keys, and the values of those with a fixed set."""
    from fork_wrapper.sdscripts.options import dataset_keys, options  # noqa: PLC0415 - as everything here: only if asked

    name, sign, _value = word.partition("=")
    if not sign:
        return [f"{key}=" for key in sorted({*options(), *dataset_keys()})]
    row = options().get(name) or dataset_keys().get(name.rsplit(".", 1)[-1])
    values = ("true", "false") if row is not None and row.type == "bool" else getattr(row, "choices", ())
    return [f"{name}={value}" for value in values if value is not None]


@_quiet
def keys(_ctx: click.Context, _word: str) -> Iterable[str]:
    """Offer the names of options and dataset keys."""
    from fork_wrapper.sdscripts.options import dataset_keys, options  # noqa: PLC0415

    return sorted({*options(), *dataset_keys()})


@_quiet
def filters(ctx: click.Context, word: str) -> Iterable[str]:
    """Offer `KEY=VALUE` for --filter of `kft list`."""
    from fork_wrapper.records.selection import KEYS, WORDS  # noqa: PLC0415

    name, sign, value = word.partition("=")
    if not sign:
        return [f"{key}=" for key in KEYS]
    before = value.rpartition(",")[0]
    values = _experiments(_settings(ctx)) if name == "experiment" else WORDS.get(name, ())
    return [f"{name}={f'{before},' if before else ''}{one}" for one in values]


@_quiet
def sorts(_ctx: click.Context, _word: str) -> Iterable[str]:
    """Offer keys for --sort of `kft list`, ascending and descending."""
    from fork_wrapper.records.selection import SORTS  # noqa: PLC0415

    return [*SORTS, *(f"-{key}" for key in SORTS)]


@_quiet
def columns(_ctx: click.Context, word: str) -> Iterable[str]:
    """Offer column names for `kft list`, after the last comma."""
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
    """Load the settings, including the ones already typed on the command line."""
    return load_settings({name: ctx.params[name] for name in NAMES if ctx.params.get(name)})


def _experiments(settings: Settings) -> list[str]:
    from fork_wrapper.experiment.experiment import experiment_names  # noqa: PLC0415

    return experiment_names(settings.experiments)


def _runs(settings: Settings, word: str) -> list[str]:
    """List the experiments that have run, the runs of the one being typed, and its checkpoints after a colon."""
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
