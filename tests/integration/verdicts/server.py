"""Asks the real, unmodified sdxl_train.py what it does with a configuration; many of them in one process.

    python server.py --sd-scripts DIR --miniature DIR [--jobs N] [--limit SECONDS]

Started by path in the trainer's Python, on Linux. Importing sd-scripts and loading the miniature SDXL takes most of
the time of a short training, so both are done once; every question is then answered by a forked child, which ends
with its own memory, accelerate's global state included. Questions are JSON lines on stdin (`id`, `train_toml`,
`dataset_toml`; each train.toml in a folder of its own), answers are JSON lines on stdout, in the order in which they
are found. A child works in its train.toml's folder and leaves its log there, `verdict.log`.

No file of sd-scripts is changed. In memory these names are replaced; none of them decides what is accepted:

- the U-Net's two width constants, as `rehearsal/shrunk.py` sets them, and its shape where it is saved for Diffusers;
- `StableDiffusionXLPipeline.from_pretrained`: asked for the miniature it gives the models loaded before, in the wanted
  precision, as a base model with every variant would; every other call, and every check around it, is the real one;
- `SdxlUNet2DConditionModel`: made before, too, and each of its transformers keeps one block of up to ten. No option
  reaches below the 23 blocks of the U-Net, which are all there; a step costs a quarter of the memory and time;
- `sdxl_model_util.save_file`: each tensor is cut to its first value, which keeps names, types, metadata and the path;
- the script's `tqdm` and `LossRecorder.add`: they count, and the second one ends the child after two steps where
  the configuration goes on. By then the steps' samples, checkpoints and logs are done;
- the functions that begin a phase: they note it, so that a death can be dated.
"""

import argparse
import contextlib
import gc
import importlib
import io
import json
import os
import re
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

assert sys.platform == "linux", "forks, and asks /proc"

# By path, Python puts this file's folder first; the repository goes last, as in rehearsal/shrunk.py.
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
ENOUGH_STEPS = 2
LATER_BLOCK = re.compile(r"transformer_blocks\.(?!0\.)")
MEMORY = 8 << 30
"""Bytes that a child may take beyond what it starts with: a resolution of a million must not take the machine."""
MESSAGE = 2000
"""Characters of an exception's text that are handed on."""
EARLY_IMPORTS = ("torch.utils.tensorboard", "library.sdxl_lpw_stable_diffusion", "bitsandbytes")
"""What the script imports only when it is needed; done once, before the forks."""


class EnoughError(BaseException):
    """Two steps are done; a BaseException, so that no `except Exception` on the way stops it."""


@dataclass(kw_only=True)
class Progress:
    """How far a child has come."""

    phase: str = "start"
    """Of `fork_wrapper.rules.rule.PHASES`."""
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
    question: dict[str, Any]
    folder: Path
    started: float


def main() -> None:
    """Load everything once, then answer until stdin ends."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--sd-scripts", type=Path, required=True)
    parser.add_argument("--miniature", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--limit", type=float, default=60.0)
    own = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # imports and libraries print; stdout is for answers alone
    os.environ.update(ENVIRONMENT)
    serve(load(own.sd_scripts.resolve(), own.miniature.resolve()), answers, own.jobs, own.limit)


def load(sd_scripts: Path, miniature: Path) -> Any:
    """The script as a module, with the miniature's models behind its loader."""
    importlib.import_module("fork_wrapper.rehearsal.torchvision_ops").define_missing_ops()
    importlib.import_module("fork_wrapper.rehearsal.miniature").ensure_miniature(miniature)
    layout = importlib.import_module("fork_wrapper.rehearsal.layout")
    sys.path.insert(0, str(sd_scripts))
    unet: Any = importlib.import_module("library.sdxl_original_unet")
    unet.MODEL_CHANNELS, unet.TIME_EMBED_DIM = layout.WIDTH, layout.TIME_EMBED
    script = importlib.import_module("sdxl_train")
    for name in EARLY_IMPORTS:
        with contextlib.suppress(ImportError):  # then the child meets it, as the script would
            importlib.import_module(name)
    _share_models(layout.base_model(miniature))
    _cut_saved_tensors()
    sys.argv = [str(sd_scripts / "sdxl_train.py")]
    return script


def _share_models(base_model: Path) -> None:
    """Load the miniature once; its U-Net keeps the first block of every transformer."""
    pipeline = importlib.import_module("diffusers").StableDiffusionXLPipeline
    original: Any = importlib.import_module("library.sdxl_original_unet")
    real = pipeline.from_pretrained
    loaded = real(str(base_model), torch_dtype=None, variant=None, tokenizer=None)
    weights = {name: one for name, one in loaded.unet.state_dict().items() if not LATER_BLOCK.search(name)}
    with importlib.import_module("accelerate").init_empty_weights():
        empty = original.SdxlUNet2DConditionModel()
    for module in empty.modules():
        if hasattr(module, "transformer_blocks"):
            del module.transformer_blocks[1:]
    shape: Any = importlib.import_module("library.sdxl_model_util").DIFFUSERS_SDXL_UNET_CONFIG
    shape |= {name: loaded.unet.config[name] for name in ("block_out_channels", "attention_head_dim")}
    shape["transformer_layers_per_block"] = [1, 1, 1]
    models = {name: getattr(loaded, name) for name in ("text_encoder", "text_encoder_2", "vae")}

    def from_pretrained(name: Any, torch_dtype: Any = None, **options: Any) -> Any:
        if Path(name) != base_model:
            return real(name, torch_dtype=torch_dtype, **options)
        parts = {key: one.to(torch_dtype or one.dtype) for key, one in models.items()}
        given = {key: one.to(torch_dtype or one.dtype) for key, one in weights.items()}
        return SimpleNamespace(unet=SimpleNamespace(state_dict=lambda: given), **parts)

    pipeline.from_pretrained = from_pretrained
    original.SdxlUNet2DConditionModel = lambda: empty


def _cut_saved_tensors() -> None:
    module: Any = importlib.import_module("library.sdxl_model_util")
    real = module.save_file

    def save_file(tensors: dict[str, Any], *arguments: Any, **options: Any) -> None:
        real({name: one.flatten()[:1].clone() for name, one in tensors.items()}, *arguments, **options)

    module.save_file = save_file


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
    return Child(pid=pid, question=question, folder=folder, started=time.monotonic())


def look_after(child: Child, limit: float) -> dict[str, Any] | None:
    """The answer, once the child has ended or its time is up; None until then."""
    ended, status = os.waitpid(child.pid, os.WNOHANG)
    late = not ended and time.monotonic() - child.started > limit
    if not ended and not late:
        return None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)  # itself, or the data loaders that it left
    if late:
        os.waitpid(child.pid, 0)
    said: dict[str, Any] = {"outcome": "died", "error": "killed", "message": f"wait status {status}"}
    with contextlib.suppress(OSError, ValueError):
        said = json.loads((child.folder / "verdict.json").read_text(encoding="utf-8"))
    if late:
        said |= {"outcome": "timeout", "error": "", "message": f"not done after {limit:g} s"}
    nothing = {"phase": "start", "steps": 0, "losses": []}
    return {"id": child.question["id"], **nothing, **said, "seconds": round(time.monotonic() - child.started, 2)}


def _answer(script: Any, question: dict[str, Any], folder: Path) -> NoReturn:
    """The whole life of a child: what `python sdxl_train.py` does, and a line about its end."""
    os.setpgid(0, 0)
    os.chdir(folder)
    log = os.open("verdict.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for target in (1, 2):
        os.dup2(log, target)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    progress = Progress()
    said = _try(script, question, progress)
    said |= {"phase": progress.phase, "steps": progress.steps, "losses": progress.losses}
    sys.stdout.flush()
    sys.stderr.flush()
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
        return {**died, "error": type(error).__name__, "message": str(error)[:MESSAGE].strip()}
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
        progress.phase, made = "step", bar(*arguments, **options)
        progress.wanted, made.update = made.total, _counting(made.update, progress)
        return made

    def add(self: Any, **numbers: Any) -> None:
        record(self, **numbers)
        progress.losses.append(str(numbers["loss"]))
        if ENOUGH_STEPS <= progress.steps < progress.wanted:
            raise EnoughError

    script.tqdm, recorder.add = make_bar, add
    for module, name, phase in (
        (script.config_util, "load_user_config", "dataset"),
        (script.sdxl_train_util, "load_target_model", "model"),
        (script.sdxl_train_util, "sample_images", "sample"),
        (script.sdxl_train_util, "save_sd_model_on_epoch_end_or_stepwise", "save"),
        (script.train_util, "save_state_on_train_end", "end"),
        (script.sdxl_train_util, "save_sd_model_on_train_end", "end"),
    ):
        setattr(module, name, _dated(getattr(module, name), phase, progress))


def _counting(update: Callable[..., Any], progress: Progress) -> Callable[..., Any]:
    def wrapper(*arguments: Any) -> Any:
        progress.steps += 1
        return update(*arguments)

    return wrapper


def _dated(function: Callable[..., Any], phase: str, progress: Progress) -> Callable[..., Any]:
    """The same function; what it raises happened in `phase`, and sampling and saving go back to the steps."""

    def wrapper(*arguments: Any, **options: Any) -> Any:
        before, progress.phase = progress.phase, phase
        answer = function(*arguments, **options)
        if phase in ("sample", "save"):
            progress.phase = before
        return answer

    return wrapper


if __name__ == "__main__":
    main()
