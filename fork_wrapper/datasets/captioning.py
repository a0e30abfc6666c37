"""Run sd-scripts' captioning tools, or any other program, on a folder of links to images.

The tools run in the trainer's Python, with their options passed on. If a package is missing that they need beyond
sd-scripts' requirements (onnx, timm …), the error names it.
"""

import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fork_wrapper.errors import Finding, InputError, RunFailedError
from fork_wrapper.machine.settings import Settings
from fork_wrapper.run.launch import Outcome, StartError, launch

TOOLS: Mapping[str, str] = {
    "wd14": "finetune/tag_images_by_wd14_tagger.py",
    "blip": "finetune/make_captions.py",
    "git": "finetune/make_captions_by_git.py",
}
"""sd-scripts' captioners by short name. Each takes the folder first, and --caption_extension."""

OURS: Mapping[str, str] = {
    "--caption_extension": "say --caption-extension before the --",
    "--caption_extention": "say --caption-extension before the --",
    "--append_tags": "write tags to files of their own (--caption-extension .tags), then --merge-tags .tags",
    "--output_path": "captions are files beside the images",
    "--recursive": "an image folder has no folders that sd-scripts looks into",
}
"""Options of the tools that would bypass the protection of existing captions."""

FOLDER = "{images}"
"""The placeholder for the folder in `--command`; without it, the folder goes at the end."""

TAIL = 12
"""The number of a captioner's last lines searched for the cause of a failure."""

_ADVICE: tuple[tuple[str, str], ...] = (
    (r"No module named '(onnx\w*)'", "{python} -m pip install onnx onnxruntime"),
    (r"No module named '(tensorflow\w*|huggingface_hub\.keras\w*)'", "use the ONNX model: add --onnx after the --"),
    (r"No module named '(timm|fairscale)'", "{python} -m pip install timm fairscale"),
    (r"No module named '([\w.]+)'", "install it for {python}"),
    (r"UnboundLocalError.*character_tags", "sd-scripts trips over character tags: add --character_threshold 2"),
    (r"unrecognized arguments: (.*)", "see what it takes: {python} {script} --help"),
)
"""Known failures of the tools, and what to do about each."""


@dataclass(frozen=True, kw_only=True)
class Captioner:
    """A program that writes a caption beside every image of a folder."""

    name: str
    """The display name."""
    argv: tuple[str, ...]
    """The command, with FOLDER in place of the folder."""
    env: Mapping[str, str]
    """The environment variables that it needs."""


def sd_scripts_tool(tool: str, options: Sequence[str], extension: str, settings: Settings) -> Captioner:
    """Return one of sd-scripts' captioners; InputError if it is missing, or an option would overwrite captions."""
    script = settings.sd_scripts / TOOLS[tool]
    findings = [
        Finding(what=f"{name} is not for here", where=word, todo=todo)
        for word in options
        for name, todo in OURS.items()
        if word.split("=", 1)[0] == name
    ]
    if not script.is_file():
        todo = "git submodule update --init third_party/sd-scripts, or name a checkout: `sd_scripts` in kft.local.toml"
        findings.insert(0, Finding(what="sd-scripts is missing", where=str(script), todo=todo))
    if findings:
        raise InputError(f"{tool} cannot be started", findings)
    argv = [settings.python, str(script), FOLDER, "--caption_extension", extension, *options]
    if tool == "wd14" and not any(word.split("=", 1)[0] == "--model_dir" for word in options):
        argv += ["--model_dir", str(settings.models / "wd14_tagger")]  # else gigabytes land in the working folder
    places = [str(settings.sd_scripts), os.environ.get("PYTHONPATH", "")]
    return Captioner(name=tool, argv=tuple(argv), env={"PYTHONPATH": os.pathsep.join(filter(None, places))})


def other_program(text: str, options: Sequence[str]) -> Captioner:
    """Return a captioner for any command line; InputError if it is empty or a quote is not closed."""
    try:
        words = shlex.split(text, posix=os.name != "nt")
    except ValueError as error:
        raise InputError("the command line has errors", [Finding(what=str(error), where="--command")]) from None
    if not words:
        raise InputError("the command line has errors", [Finding(what="the command is empty", where="--command")])
    argv = [*words, *options]
    if not any(FOLDER in word for word in argv):
        argv.append(FOLDER)
    return Captioner(name=Path(words[0]).name, argv=tuple(argv), env={})


def run_captioner(
    captioner: Captioner, folder: Path, settings: Settings, on_output: Callable[[bytes], None]
) -> Outcome:
    """Run a captioner on a folder to its end, with its log beside the folder; RunFailedError if it cannot start."""
    argv = tuple(word.replace(FOLDER, str(folder)) for word in captioner.argv)
    try:
        return launch(
            argv,
            env=captioner.env,
            cwd=Path.cwd(),
            log=log_of(folder),
            grace=settings.interrupt_grace,
            on_output=on_output,
            on_tick=lambda: None,
            on_stop=lambda _rung: None,
        )
    except StartError as error:
        raise RunFailedError(f"{captioner.name} cannot be started", [Finding(what=str(error), where=argv[0])]) from None


def log_of(folder: Path) -> Path:
    """Return the log file of a captioner that runs on `folder`."""
    return folder.parent / "captioner.log"


def explain(captioner: Captioner, folder: Path, outcome: Outcome) -> Finding:
    """Explain why a captioner failed, as far as its last lines tell."""
    lines = log_of(folder).read_bytes().decode("utf-8", errors="replace").replace("\r", "\n").splitlines()
    said = [line.strip() for line in lines if line.strip()][-TAIL:]
    words = {"python": captioner.argv[0], "script": captioner.argv[1] if len(captioner.argv) > 1 else ""}
    advice = (text for pattern, text in _ADVICE if re.search(pattern, "\n".join(said)))
    todo = next(advice, "read what it said above; its options stand after --").format(**words)
    last = f": {said[-1]}" if said else ""
    return Finding(what=f"it ended with exit code {outcome.exit_code}{last}", todo=todo)
