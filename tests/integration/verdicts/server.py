"""Asks the real, unmodified sdxl_train.py what it does with a configuration; many of them in one process.

    python server.py --sd-scripts DIR --miniature DIR [--jobs N] [--limit SECONDS]

Started by path in the trainer's Python, on Linux. Imports and the miniature SDXL take most of the time of a short
training, so they are loaded once; every question is answered by a forked child, which ends with its own memory,
accelerate's global state included. Questions are JSON lines on stdin (`id`, `train_toml`, `dataset_toml`; each
train.toml in a folder of its own, where the child works and leaves verdict.log), answers are JSON lines on stdout.

No file of sd-scripts is changed. In memory these names are replaced; none of them decides what is accepted:

- what `loading` replaces, so that the models are loaded once and checkpoints are small;
- the script's `tqdm` and `LossRecorder.add`: they count, and the second one ends the child after two steps where the
  configuration goes on. By then the steps' samples, checkpoints and logs are done;
- the functions that begin a phase: they note it, so that a death can be dated.
"""

import argparse
import contextlib
import gc
import importlib
import io
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

assert sys.platform == "linux", "forks, and asks /proc"

# By path, Python puts this file's folder first: for its neighbour and nothing else. The repository goes last.
loading: Any = importlib.import_module("loading")
sys.path[0:1] = []
sys.path.append(str(Path(__file__).resolve().parents[3]))

ENVIRONMENT = {
    # one thread: nothing may run beside a fork, and several children share few cores
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    "HF_HUB_OFFLINE": "1",
    "CUDA_VISIBLE_DEVICES": "",
    # what `accelerate launch --cpu --dynamo_backend no` hands on
    "ACCELERATE_USE_CPU": "True",
    "ACCELERATE_DYNAMO_BACKEND": "NO",
}
MEMORY = 8 << 30
"""Bytes that a child may take beyond what it starts with: a resolution of a million must not take the machine."""
PHASES = (
    ("config_util", "load_user_config", "dataset"),
    ("sdxl_train_util", "load_target_model", "model"),
    ("sdxl_train_util", "sample_images", "sample"),
    ("sdxl_train_util", "save_sd_model_on_epoch_end_or_stepwise", "save"),
    ("train_util", "save_state_on_train_end", "end"),
    ("sdxl_train_util", "save_sd_model_on_train_end", "end"),
)
"""The functions with which a phase begins: module, name, phase; sampling and saving end with them."""


class EnoughError(BaseException):
    """Two steps are done; a BaseException, so that no `except Exception` on the way stops it."""


@dataclass(kw_only=True)
class Progress:
    """How far a child has come."""

    phase: str = "start"
    """Of `fork_wrapper.check.rules.rule.PHASES`."""
    steps: int = 0
    """Optimizer steps done."""
    wanted: int = 0
    """Optimizer steps that the configuration asks for."""
    losses: list[str] = field(default_factory=list)
    """Of every batch; strings, for JSON has no NaN."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """A question that is being answered."""

    pid: int
    identity: str
    folder: Path
    started: float


def main() -> None:
    """Load everything once, then answer until stdin ends."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for folder in ("--sd-scripts", "--miniature"):
        parser.add_argument(folder, type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--limit", type=float, default=60.0)
    own = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # imports and libraries print; stdout is for answers alone
    os.environ.update(ENVIRONMENT)
    serve(loading.load(own.sd_scripts.resolve(), own.miniature.resolve()), answers, own.jobs, own.limit)


def serve(script: Any, answers: io.TextIOBase, jobs: int, limit: float) -> None:
    """Fork for every question, at most `jobs` at a time; answer whenever a child has ended."""
    running: list[Child] = []
    waiting: list[dict[str, Any]] = []
    rest, open_end = b"", True
    gc.collect()
    gc.freeze()  # the children's collections would look through, and so copy, all that is loaded here
    while open_end or waiting or running:
        while waiting and len(running) < jobs:
            running.append(start(script, waiting.pop(0)))
        if open_end and select.select([0], [], [], 0.01 if running else None)[0]:
            piece = os.read(0, 1 << 20)
            open_end = piece != b""
            *lines, rest = (rest + piece).split(b"\n")
            waiting += [json.loads(line) for line in lines]
        elif not open_end:
            time.sleep(0.01)
        for child in running.copy():
            if (answer := look_after(child, limit)) is not None:
                running.remove(child)
                answers.write(json.dumps(answer) + "\n")
                answers.flush()


def start(script: Any, question: dict[str, Any]) -> Child:
    """Fork a child that trains, in a process group of its own."""
    folder = Path(question["train_toml"]).resolve().parent
    (folder / "verdict.json").unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        _answer(script, question, folder)
    with contextlib.suppress(OSError):  # the child does it too: whoever comes first
        os.setpgid(pid, pid)
    return Child(pid=pid, identity=question["id"], folder=folder, started=time.monotonic())


def look_after(child: Child, limit: float) -> dict[str, Any] | None:
    """The answer, once the child has ended or its time is up; None until then."""
    ended, status = os.waitpid(child.pid, os.WNOHANG)
    seconds = time.monotonic() - child.started
    if not ended and seconds < limit:
        return None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)  # itself, or the data loaders that it left
    if not ended:
        os.waitpid(child.pid, 0)
    said: dict[str, Any] = {"outcome": "died", "error": "killed", "message": f"wait status {status}"}
    said |= {"phase": "start", "steps": 0, "losses": []}
    with contextlib.suppress(OSError, ValueError):
        said = json.loads((child.folder / "verdict.json").read_text(encoding="utf-8"))
    if not ended:
        said |= {"outcome": "timeout", "error": "", "message": f"not done after {limit:g} s"}
    return {"id": child.identity, **said, "seconds": round(seconds, 2)}


def _answer(script: Any, question: dict[str, Any], folder: Path) -> NoReturn:
    """The whole life of a child: what `python sdxl_train.py` does, and a line about its end."""
    os.setpgid(0, 0)
    os.chdir(folder)
    log = os.open("verdict.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for target, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(source, target)
    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    progress = Progress()
    said = _try(script, question, progress)
    said |= {"phase": progress.phase, "steps": progress.steps, "losses": progress.losses}
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    Path("verdict.json").write_text(json.dumps(said), encoding="utf-8")
    os._exit(0)  # the parent's clean-up is not the child's


def _try(script: Any, question: dict[str, Any], progress: Progress) -> dict[str, Any]:
    died = {"outcome": "died", "error": "", "message": ""}
    try:
        _train(script, question, progress)
    except EnoughError:
        pass
    except SystemExit as error:
        if error.code:
            return {**died, "error": "SystemExit", "message": str(error.code)}
    except BaseException as error:  # noqa: BLE001 - whatever ends the script is its verdict
        traceback.print_exc()
        return {**died, "error": type(error).__name__, "message": str(error).strip()}
    return {**died, "outcome": "trained" if progress.steps else "left"}


def _train(script: Any, question: dict[str, Any], progress: Progress) -> None:
    """What the script's `__main__` block does with these two options (sdxl_train.py:944-952)."""
    _watch(script, progress)
    sys.argv += ["--config_file", question["train_toml"], "--dataset_config", question["dataset_toml"]]
    parser = script.setup_parser()
    args = parser.parse_args()
    script.train_util.verify_command_line_training_args(args)
    script.train(script.train_util.read_config_from_file(args, parser))


def _watch(script: Any, progress: Progress) -> None:
    """Count steps, end after enough of them, and note the phases; see the module's first lines."""
    bar, recorder = script.tqdm, script.train_util.LossRecorder
    record = recorder.add

    def make_bar(*arguments: Any, **options: Any) -> Any:
        made = bar(*arguments, **options)
        update, progress.phase, progress.wanted = made.update, "step", made.total

        def count(*arguments: Any) -> Any:
            progress.steps += 1
            return update(*arguments)

        made.update = count
        return made

    def add(self: Any, **numbers: Any) -> None:
        record(self, **numbers)
        progress.losses.append(str(numbers["loss"]))
        if 2 <= progress.steps < progress.wanted:
            raise EnoughError

    script.tqdm, recorder.add = make_bar, add
    for place, name, phase in PHASES:
        module = getattr(script, place)
        setattr(module, name, _dated(getattr(module, name), phase, progress))


def _dated(function: Callable[..., Any], phase: str, progress: Progress) -> Callable[..., Any]:
    """The same function, noting the phase; after an exception the phase stands."""

    def wrapper(*arguments: Any, **options: Any) -> Any:
        before, progress.phase = progress.phase, phase
        answer = function(*arguments, **options)
        if phase in ("sample", "save"):
            progress.phase = before
        return answer

    return wrapper


if __name__ == "__main__":
    main()
