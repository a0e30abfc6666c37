"""What a run trained with, compared: sd-scripts, the Python and its packages, the hardware, kft itself."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from fork_wrapper import __version__
from fork_wrapper.compare.facts import COMPUTES
from fork_wrapper.files import sha256_text
from fork_wrapper.machine.gpus import gpus
from fork_wrapper.machine.provenance import accelerate_config, git_state, host, own_state
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import TrainerPython
from fork_wrapper.repeat.compared import Item, Repetition, compared, unknown
from fork_wrapper.text import counted


def scripts_item(one: Repetition, settings: Settings) -> Item:
    """The commit alone says what trained where the checkout was clean, then and now."""
    if one.original.trainer == "stand-in":
        return Item(name="sd-scripts", verdict="same", recorded="not used", found="not used", why="the stand-in trains")
    state, now = one.original.provenance.get("sd_scripts") or {}, git_state(settings.sd_scripts)
    recorded, found = _commit(state.get("commit"), state.get("dirty")), _commit(now.commit, now.dirty)
    if recorded == found and state.get("dirty"):
        return Item(name="sd-scripts", verdict="unknown", recorded=recorded, found=found, why="nobody kept the changes")
    if state.get("dirty") is None and state.get("commit") == now.commit and now.commit:
        why = "the archive does not say whether its checkout had changes"
        return Item(name="sd-scripts", verdict="unknown", recorded=recorded, found=found, why=why)
    return compared("sd-scripts", recorded, found)


def _commit(commit: Any, dirty: Any) -> str | None:
    return f"{str(commit)[:12]}{' with local changes' if dirty else ''}" if commit else None


def processes_item(one: Repetition, settings: Settings) -> Item:
    """How many GPUs share a step: more of them make it a larger one."""
    record = one.original.record
    argv = [str(word) for word in record.launch["argv"]] if record else []
    place = argv.index("--num_processes") + 1 if "--num_processes" in argv else len(argv)
    recorded = argv[place] if place < len(argv) else None
    if one.anew:
        return unknown("processes", recorded, "a rehearsal takes one")
    return compared("processes", recorded, "1" if one.rehearsed else str(settings.num_processes))


def package_items(one: Repetition, python: TrainerPython | None) -> Iterator[Item]:
    """Python, torch and the other packages; those that compute nothing stop nothing."""
    known = one.original.provenance.get("python") or {}
    before, after = _plain(known.get("packages") or {}), _plain(python.packages if python else {})
    yield compared("python", known.get("version"), python.version if python else None)
    cuda = {"recorded": known.get("torch_cuda"), "found": python.torch_cuda if python else None}
    yield compared("torch", _torch(before, cuda["recorded"]), _torch(after, cuda["found"]))
    if not before or not after:
        yield unknown("packages", None if not before else counted(len(before), "package"), "")
        return
    names = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    counting = tuple(
        f"{name} {before.get(name, 'absent')} -> {after.get(name, 'absent')}"
        for name in names
        if COMPUTES.fullmatch(name) and name != "torch"
    )
    others = sum(not COMPUTES.fullmatch(name) for name in names)
    yield Item(
        name="packages",
        verdict="different" if counting else "same",
        recorded=counted(len(before), "package"),
        found=counted(len(after), "package"),
        why=f"{counted(others, 'other')} changed, which compute nothing" if others else "",
        names=((f"{counted(len(counting), 'package')} changed", counting),) if counting else (),
    )


def _plain(packages: Mapping[str, str]) -> dict[str, str]:
    return {str(name).lower().replace("_", "-").replace(".", "-"): str(version) for name, version in packages.items()}


def _torch(packages: Mapping[str, str], cuda: str | None) -> str | None:
    version = packages.get("torch")
    return None if version is None else f"{version} for {f'CUDA {cuda}' if cuda else 'CPUs'}"


def hardware_item(one: Repetition) -> Item:
    """GPUs; where the miniature trains, the processors, whose number decides in which order sums are made."""
    provenance = one.original.provenance
    if one.anew:
        return unknown("gpu", None, "a rehearsal takes none")
    if one.rehearsed:
        now = host()
        then = provenance.get("host") or {}
        recorded = f"none, {then['cpus']} x {then['machine']}" if {"cpus", "machine"} <= then.keys() else None
        return compared("gpu", recorded, f"none, {now['cpus']} x {now['machine']}")
    cards = provenance.get("gpus")
    found = gpus()
    recorded = None if cards is None else _cards([str(card.get("name")) for card in cards])
    drivers = {str(card.get("driver")) for card in cards or ()} ^ {card.driver for card in found}
    why = "another driver" if cards and found and drivers else ""
    return compared("gpu", recorded, _cards([card.name for card in found]), why)


def _cards(names: list[str]) -> str:
    return " + ".join(f"{names.count(name)} x {name}" for name in dict.fromkeys(names)) or "none"


def accelerate_items(one: Repetition) -> Iterator[Item]:
    """Its config file, where that is another one: `accelerate launch` reads it (provenance.accelerate_config)."""
    known = one.original.provenance.get("accelerate")
    if not known or "text" not in known:
        return
    recorded, found = _config(known.get("text")), _config(accelerate_config(os.environ)["text"])
    if recorded != found:
        yield compared("accelerate", recorded, found)


def _config(text: Any) -> str:
    return f"config {sha256_text(str(text))[:12]}" if text else "no config"


def kft_item(one: Repetition) -> Item:
    """Told, and no more: the configs are compared byte for byte, whatever rendered them."""
    state = one.original.provenance.get("project") or {}
    now = own_state()
    return compared(
        "kft", _commit(state.get("commit"), state.get("dirty")), _commit(now.commit, now.dirty) or __version__
    )
