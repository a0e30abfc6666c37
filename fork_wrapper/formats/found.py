"""What was found in a foreign file: options as sd-scripts got them, and what the file shows that it did not get.

Every reader of this package ends in a `Found`; `fit` makes an experiment's values of it.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from dataset_tools.scan.hashing import sha256_file
from fork_wrapper.errors import Finding, InputError

FoundKind = Literal[
    "experiment", "gui-finetune", "gui-dreambooth", "config", "dataset", "command", "run", "sidecar", "checkpoint"
]

SDXL_TRAIN = "sdxl_train.py"
"""The script of full SDXL fine-tunes, the only one that kft speaks for."""


class _Nothing:
    """A value that is not there: 0, false and absent are three different things."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = _Nothing()


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One file that was read."""

    path: Path
    """As it was named, absolute."""
    read: str = ""
    """Hex sha256 of its bytes, where all of them were read; empty for a model, of which the header was."""
    what: str
    """What it is, in words."""

    @cached_property
    def sha256(self) -> str:
        """Hex, of all its bytes: what `sha256sum` says. Gigabytes are read when it is asked for, and not before.

        Raises:
            DatasetError: the file has gone since, or changes while it is read.
        """
        return self.read or sha256_file(self.path) or ""


@dataclass(frozen=True, kw_only=True)
class Then:
    """An option whose value in the file is not the value that reached sd-scripts."""

    key: str
    """The option's name."""
    saved: Any
    """As the file shows it, in sd-scripts' terms; NOTHING where it shows none."""
    then: Any
    """As it took effect; NOTHING where sd-scripts got none and used its default."""
    why: str
    """Who changed it."""
    overridden: bool = False
    """Whether words on the command line said it, which win over every file."""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A value of the file that is not part of an experiment."""

    key: str
    """As the file calls it."""
    value: Any
    """As the file has it; NOTHING for a secret, whose value goes nowhere."""
    why: str
    """Why it stays out."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The content of one source, or of several that belong together."""

    kind: FoundKind
    """What was read."""
    what: str
    """The same in words: `a kohya_ss GUI file of the finetune tab, v24.0.5 to v24.1.7`."""
    files: tuple[SourceFile, ...]
    """What it was read from, the first one named first."""
    options: Mapping[str, Any]
    """Options as they reached the parser's namespace, unknown ones and those that kft manages included."""
    dataset: Mapping[str, Any] | None = None
    """The dataset config as a tree; None where the source names it as a file, or not at all."""
    prompts: str | None = None
    """The text of the sample prompts; None where the source has none."""
    story: Mapping[str, Any] = field(default_factory=dict)
    """The words of a kft record."""
    acknowledged: Mapping[str, str] = field(default_factory=dict)
    """What its experiment acknowledged: the reason by the rule's id."""
    then: tuple[Then, ...] = ()
    """Where the file and what took effect differ."""
    left_out: tuple[LeftOut, ...] = ()
    """What the reader itself could not use."""
    notes: tuple[str, ...] = ()
    """What else the user should know, one line each."""
    guesses: frozenset[str] = frozenset()
    """Those of the notes that guess the version that wrote the file: void where a second file settles it."""
    assumed: frozenset[str] = frozenset()
    """Options, and dataset keys by their full path, that are ours and not the file's."""
    chosen: frozenset[str] = frozenset()
    """The same for those that the user said instead."""
    source: str = ""
    """Of a source that is kft's own: the document that its documented values stand in."""
    origins: Mapping[str, str] | None = None
    """Of a source that is kft's own: whose a value or a part of its story is, by full key path; what is not in it is
    assumed. None where all is recovered from a file that kft did not make."""

    @property
    def path(self) -> Path:
        """The first file."""
        return self.files[0].path

    @property
    def name(self) -> str:
        """What its checkpoints were called, else the file's own stem."""
        said = self.options.get("output_name")
        return said if isinstance(said, str) and said else self.path.stem


def source_file(path: Path, text: str, what: str) -> SourceFile:
    """The entry of a file whose text was read: by its bytes, as `sha256sum` names it; a typed text is no file."""
    data = path.read_bytes() if is_file(path) else text.encode(errors="surrogateescape")
    return SourceFile(path=path.absolute(), read=hashlib.sha256(data).hexdigest(), what=what)


def is_file(path: Path) -> bool:
    """Whether a file is there; a name that the system cannot have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder is there; likewise."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


_HOLDS_SECRET = re.compile(r"(?i)(token|secret|passw\w*|api_?key)\S*[\s=:]+\S|://[^/\s:@]+:[^/\s@]+@")


def holds_secret(value: Any) -> bool:
    """Whether a text holds something like `--token VALUE` or a password in an address: such text goes nowhere."""
    return isinstance(value, str) and bool(_HOLDS_SECRET.search(value))


_SETS_SECRET = re.compile(
    r"""(?:(?:key|token|secret|password)["']?[ \t]*[=:]|--[\w-]*(?:key|token|secret|password)[ \t])[ \t]*["']?"""
    r"""(?!null\b|none\b|false\b)[^\s"',}]|://[^/\s:@]+:[^/\s@]+@""",
    re.IGNORECASE,
)


def sets_secret(text: str) -> bool:
    """Whether a whole file gives a value to something like a token; an empty field of a form is none."""
    return bool(_SETS_SECRET.search(text))


def sounds_secret(name: str) -> bool:
    """Whether the value of a name, known or not, goes into no message: `--hf_token`."""
    return bool(re.search(r"(key|token|secret|password)$", name, re.IGNORECASE))


def refuse(path: Path | str, what: str, todo: str) -> InputError:
    """The error of a file that is understood and is not for kft."""
    name = Path(path).name if isinstance(path, Path) else path
    return InputError(f"cannot import {name}", [Finding(what=what, where=str(path), todo=todo)])


SCRIPTS: Mapping[str, str] = {
    "train_network.py": "a LoRA for SD 1.x or 2.x",
    "sdxl_train_network.py": "a LoRA for SDXL",
    "sd3_train_network.py": "a LoRA for SD3",
    "flux_train_network.py": "a LoRA for FLUX.1",
    "lumina_train_network.py": "a LoRA for Lumina",
    "hunyuan_image_train_network.py": "a LoRA for HunyuanImage",
    "anima_train_network.py": "a LoRA for Anima",
    "train_textual_inversion.py": "a textual inversion for SD 1.x or 2.x",
    "train_textual_inversion_XTI.py": "a textual inversion for SD 1.x or 2.x",
    "sdxl_train_textual_inversion.py": "a textual inversion for SDXL",
    "train_db.py": "an SD 1.x or 2.x model",
    "fine_tune.py": "an SD 1.x or 2.x model",
    "sd3_train.py": "an SD3 model",
    "flux_train.py": "a FLUX.1 model",
    "lumina_train.py": "a Lumina model",
    "anima_train.py": "an Anima model",
    "train_leco.py": "a LECO for SD 1.x or 2.x",
    "sdxl_train_leco.py": "a LECO for SDXL",
    "train_control_net.py": "a ControlNet",
    "train_controlnet.py": "a ControlNet",
    "sdxl_train_control_net.py": "a ControlNet for SDXL",
    "sdxl_train_control_net_lllite.py": "a ControlNet-LLLite for SDXL",
    "sdxl_train_control_net_lllite_old.py": "a ControlNet-LLLite for SDXL",
    "flux_train_control_net.py": "a ControlNet for FLUX.1",
}
"""What the other training scripts of sd-scripts make."""
