"""The `kft` command: verbs loaded when they are used, and the one place where errors become words and exit codes.

0 ok, 1 findings, differences or a failed run, 2 wrong usage or input, 3 a bug (with a log shaped as an issue
report), 130 interrupted. Only click is imported here: `kft --help` is instant.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Sequence

import click

from fork_wrapper import __version__
from fork_wrapper.commands.lazy import LazyGroup

VERBS: dict[str, str] = {
    "archive": "Write the missing sidecars of one run or of all.",
    "check": "Check an experiment before its launch, everything at once.",
    "completion": "Print the script that completes kft's words in a shell.",
    "dataset": "Prepare, check, describe and caption training sets.",
    "diff": "Compare two configurations or two runs by meaning.",
    "document": "Write the documentation of experiments from their records.",
    "doctor": "Show what this machine has for training and what it lacks.",
    "export-config": "Write the exact configs of an experiment, a run or a checkpoint.",
    "import-config": "Turn old configs of the GUI or sd-scripts into experiments.",
    "init": "Begin a project in a folder of its own.",
    "list": "List experiments and runs.",
    "log": "Show the trainer's log of a run, or follow it.",
    "new": "Write a new experiment, made of another or of a run.",
    "note": "Note what was found out about a run, or show it.",
    "options": "Explain the options of sdxl_train.py and the keys of the data set.",
    "plan": "Say what a run would do: images, buckets, steps, rates, files, disk.",
    "promote": "Make a checkpoint the base of LoRAs: with card, sha256, note.",
    "report": "Write one page of curves, samples and values of runs.",
    "reproduce": "Repeat a run from its sidecar, record or checkpoint alone.",
    "resume": "Go on with a run that was broken off, from its newest state.",
    "rules": "List what kft knows of sd-scripts' traps, or explain one.",
    "run": "Train an experiment, or rehearse it on a CPU.",
    "settings": "Show every setting and where it comes from.",
    "show": "Show an experiment, a run, a sidecar or a checkpoint.",
}
"""Every verb with its line in `kft --help`; a test holds the lines to the commands' own."""

EPILOG = """\b
Start here:
  kft run humanoid_05 --rehearse    the whole way on a CPU, in about a minute
  kft check humanoid_05             what is missing for the real run
  kft run humanoid_05               the real run
"""


@click.group(
    cls=LazyGroup,
    verbs=VERBS,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Fine-tune SDXL with kohya-ss/sd-scripts, and never lose how a checkpoint was made.",
)
@click.version_option(__version__, message="kft %(version)s")
def group() -> None:
    """The group itself does nothing."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run `kft` and exit with its code."""
    try:
        code = call(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:  # while an error was put into words
        code = 130
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to interrupt but Python's own end
    sys.exit(code)


def call(argv: Sequence[str]) -> int:
    """Run `kft` with these arguments and return its exit code; every error ends here as words on stderr."""
    _prepare_streams()
    if "_KFT_COMPLETE" in os.environ:  # a shell asks what may follow
        from fork_wrapper.commands.completion import register  # noqa: PLC0415

        register()
    try:
        code = group.main(args=list(argv), prog_name="kft", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return 2
    except (BrokenPipeError, SystemExit):  # click turns the former into the latter
        # The reader of our stdout (`| head`) has left: that is no error, and nothing is left to flush.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the process ends
        return 0
    except Exception as error:  # noqa: BLE001 - the boundary: known errors have words, all others are bugs
        return _report(error, argv)
    return code if isinstance(code, int) else 0


def _prepare_streams() -> None:
    """Closed streams swallow, and characters that a code page lacks are spelled: neither is a reason to fail."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - as above
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _report(error: Exception, argv: Sequence[str]) -> int:
    from dataset_tools.errors import DatasetError  # noqa: PLC0415
    from fork_wrapper.commands import output  # noqa: PLC0415
    from fork_wrapper.errors import Finding, InputError, KftError  # noqa: PLC0415

    if isinstance(error, DatasetError):
        finding = Finding(what=error.what, where=error.where, todo=error.next_step)
        error = InputError("the data set cannot be used", [finding])
    if isinstance(error, OSError):  # a file or folder that no module expected to fail
        place = str(error.filename or "")
        finding = Finding(
            what=error.strerror or str(error), where=place, todo="check the path, its rights and the disk"
        )
        error = InputError("the system refuses", [finding])
    if isinstance(error, UnicodeEncodeError):  # what was typed in another encoding than the terminal's
        what, todo = "bytes that are no text in UTF-8, which no file of kft can hold", "type it again"
        error = InputError("a text cannot be written", [Finding(what=what, todo=todo)])
    if isinstance(error, KftError):
        output.show_error(error)
        return error.exit_code
    output.show_bug(error, argv)
    return 3
