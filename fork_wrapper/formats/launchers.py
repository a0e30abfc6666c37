"""The words before the script: the program that starts it, the number of GPUs and machines, the environment.

None of them is an option of sdxl_train.py, so none is part of an experiment. Those that match a setting of kft are
reported as that setting; all others are named.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fork_wrapper.formats.found import LeftOut

ENVIRONMENT = re.compile(r"^([A-Za-z_]\w*)=(.*)$", re.DOTALL)
"""A word that sets a variable for the command after it."""

SILENT = frozenset(
    ["nohup", "time", "exec", "eval", "env", "command", "call", "start", "sudo", "cmd", "bash", "sh", "zsh"]
)
"""Programs that do not affect the training."""

_PYTHONS = re.compile(r"(?:python|pypy)[\d.]*(?:w)?$")

_ACCELERATE: Mapping[str, str] = {
    name: name for name in ("num_processes", "num_machines", "machine_rank", "main_process_ip", "main_process_port")
}
_TORCHRUN: Mapping[str, str] = {
    "nproc_per_node": "num_processes",
    "nnodes": "num_machines",
    "node_rank": "machine_rank",
    "master_addr": "main_process_ip",
    "master_port": "main_process_port",
}
_SRUN: Mapping[str, str] = {
    "n": "num_processes",
    "ntasks": "num_processes",
    "N": "num_machines",
    "nodes": "num_machines",
}

LAUNCHERS: Mapping[str, Mapping[str, str]] = {
    "accelerate": _ACCELERATE,
    "torchrun": _TORCHRUN,
    "deepspeed": {**_TORCHRUN, "num_gpus": "num_processes", "num_nodes": "num_machines"},
    **dict.fromkeys(["mpirun", "mpiexec"], dict.fromkeys(["n", "np", "c"], "num_processes")),
    **dict.fromkeys(["srun", "sbatch"], _SRUN),
}
"""Programs that start one process per GPU, with the kft setting that matches each of their flags."""

WRAPPERS = frozenset(
    (
        *("docker", "podman", "singularity", "apptainer", "conda", "mamba", "micromamba", "poetry", "uv", "pipenv"),
        *("numactl", "taskset", "nice", "ionice", "timeout", "xvfb-run", "screen", "tmux", "stdbuf", "unbuffer", "ssh"),
    )
)
"""Programs that start another one in some place or manner of their own."""

_MODULES: Mapping[str, str] = {
    "accelerate.commands.launch": "accelerate",
    **dict.fromkeys(["torch.distributed.run", "torch.distributed.launch"], "torchrun"),
}
"""Modules that `python -m` starts, and the programs they stand for."""

_TOTALS = {"nproc_per_node": "nnodes", "num_gpus": "num_nodes"}
"""Flags that count per machine, and the flag for the number of machines."""

_USUAL = frozenset(
    [("accelerate", "num_processes", "1"), ("accelerate", "num_machines", "1"), ("accelerate", "dynamo_backend", "no")]
)
"""Flags that repeat accelerate's defaults."""

_ACCELERATES = "accelerate's: the setting accelerate_args can hold it"

_WHY: Mapping[str, str] = {
    "mixed_precision": "accelerate's: sdxl_train.py has an option mixed_precision of its own, and that one counts",
    "num_cpu_threads_per_process": "accelerate's: threads of the CPU; the setting accelerate_args can hold it",
    "config_file": "accelerate's own config; the setting accelerate_args can hold it",
}


def program_name(word: str) -> str:
    """Return the name of a program or a script, without its folder."""
    return word.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".exe").lstrip("!")


def is_launcher(word: str) -> bool:
    """Return whether a word starts Python, or a program that starts the trainer."""
    name = program_name(word)
    return name in LAUNCHERS or word in _MODULES or _PYTHONS.match(name) is not None


def begins(words: Sequence[str]) -> int:
    """Return where the launch begins among the words before a script; text that a log printed before it is skipped."""
    for index, word in enumerate(words):
        if is_launcher(word) or program_name(word) in WRAPPERS or program_name(word) in SILENT or _sets(word):
            return index
    return next((index for index, word in enumerate(words) if word.startswith("--")), len(words))


def _sets(word: str) -> bool:
    return bool(re.match(r"[A-Z_][A-Z0-9_]*=", word))


def launch_left(words: Sequence[str]) -> list[LeftOut]:
    """Return what the words before a script set, each as a setting of kft or by its name."""
    left: dict[str, LeftOut] = {}
    if not any(map(is_launcher, words)):  # a variable stands for it, most likely for accelerate
        first = next((index for index, word in enumerate(words) if word.startswith("--")), len(words))
        left |= {f"accelerate {one.key}": one for one in _flags("accelerate", words[first:])}
        words = words[:first]
    for name, own in _parts(words[begins(words) :]):
        if not name:
            found = [_variable(*match.groups()) for word in own if (match := ENVIRONMENT.match(word))]
        elif name in WRAPPERS:
            why = "a program around the launch: kft starts the trainer itself"
            found = [LeftOut(key=name, value=" ".join(own), why=why)]
        else:
            found = list(_flags(name, own))
        left |= {f"{name} {one.key}": one for one in found}
    return list(left.values())


def _variable(name: str, value: str) -> LeftOut:
    return LeftOut(key=name, value=value, why="a variable of the environment: set it where kft runs")


def _parts(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each program with the words up to the next one; variables before one have an empty name."""
    name, own = "", list[str]()
    for word in words:
        known = _MODULES.get(word, program_name(word))
        if known in LAUNCHERS or known in WRAPPERS or known in SILENT or _PYTHONS.match(known):
            yield name, own
            name, own = "" if known in SILENT else known, []
        else:
            own.append(word)
    yield name, own


def _flags(name: str, words: Sequence[str]) -> Iterator[LeftOut]:
    """Yield the flags of one launcher."""
    if _PYTHONS.match(name):
        return
    said = dict(_pairs(words))
    settings = LAUNCHERS.get(name, {})
    for flag, value in said.items():
        key = flag.lstrip("-").replace("-", "_") if flag.startswith("--") else flag.lstrip("-")
        if (name, key, value) in _USUAL:
            continue
        number = _in_all(key, value, said)
        if key in settings:
            setting = settings[key]
            said_as = number if number.isdecimal() else repr(number)
            why = f"a setting: {setting} = {said_as} in kft.local.toml"
            if re.search(r"[$%{]", number):
                why = f"the setting {setting}; what it was is not said here"
            why += f", {value} on each machine" if number != value else ""
        else:
            why = _WHY.get(key, _ACCELERATES) if name == "accelerate" else f"{name}'s"
        yield LeftOut(key=flag, value=value, why=why)


def gui_launch(key: str, value: Any) -> str:
    """Return why a launch field of the GUI is not part of an experiment: the matching setting, if any."""
    if key in _ACCELERATE:
        return f"a setting: {key} = {value} in kft.local.toml"
    return _ACCELERATES


def _in_all(key: str, value: str, said: Mapping[str, str]) -> str:
    """Multiply a count per machine by the number of machines."""
    plain = {flag.lstrip("-").replace("-", "_"): number for flag, number in said.items()}
    machines = plain.get(_TOTALS.get(key, ""), "1")
    return str(int(value) * int(machines)) if value.isdecimal() and machines.isdecimal() else value


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield flags with their values, as spelt; words without a flag go with the one before."""
    flag, values = "", list[str]()
    for word in [*words, "-"]:
        if word.startswith("-"):
            if flag:
                name, sign, value = flag.partition("=")
                yield name, " ".join([*([value] if sign else []), *values])
            flag, values = word, []
        else:
            values.append(word)


_DIRECTIVE = re.compile(r"^\s*#\s?(SBATCH|PBS|BSUB)\s+(.*)$", re.MULTILINE)


def directives(text: str) -> list[LeftOut]:
    """Return what comments tell a cluster's scheduler, such as `#SBATCH --nodes=2`."""
    left = []
    for found in _DIRECTIVE.finditer(text):
        words = re.sub(r"\s#.*", "", found[2]).split()
        name = {"SBATCH": "srun"}.get(found[1], found[1].lower())
        left += list(_flags(name, words))
    return left
