"""What was found in a foreign file: the options that sd-scripts got, and what the file shows that it did not get.

Every reader of this package returns a `Found`; `fit` turns it into an experiment's values.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from fork_wrapper.errors import Finding, InputError

FoundKind = Literal[
    "experiment", "gui-finetune", "gui-dreambooth", "config", "dataset", "command", "run", "sidecar", "checkpoint"
]

SDXL_TRAIN = "sdxl_train.py"
"""The script for full SDXL fine-tunes, the only one that kft supports."""


class _Nothing:
    """Marks an absent value: 0, false and absent are three different things."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = _Nothing()


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One file that was read."""

    path: Path
    """The absolute path, as it was named."""
    read: str = ""
    """Hex sha256 of its bytes, if all were read; empty for a model, of which only the header was read."""
    what: str
    """What the file is, in words."""

    @cached_property
    def sha256(self) -> str:
        """Hex sha256 of all its bytes, as from `sha256sum`; hashing gigabytes waits until it is asked for.

        Raises:
            DatasetError: the file has disappeared, or changes while it is read.
        """
        from dataset_tools.scan.hashing import sha256_file  # noqa: PLC0415 - most sources are text, read before

        return self.read or sha256_file(self.path) or ""


@dataclass(frozen=True, kw_only=True)
class Then:
    """An option whose value in the file is not the value that reached sd-scripts."""

    key: str
    """The option's name."""
    saved: Any
    """The value that the file shows, in sd-scripts' terms; NOTHING if it shows none."""
    then: Any
    """The value that took effect; NOTHING if sd-scripts got none and used its default."""
    why: str
    """Who changed it."""
    overridden: bool = False
    """Whether the command line, which wins over every file, set it."""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A value of the file that is not part of an experiment."""

    key: str
    """The key as the file spells it."""
    value: Any
    """The value in the file; NOTHING for a secret, whose value is never passed on."""
    why: str
    """Why it is left out."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The content of one source, or of several that belong together."""

    kind: FoundKind
    """What kind of source was read."""
    what: str
    """The kind in words: `a kohya_ss GUI file of the finetune tab, v24.0.5 to v24.1.7`."""
    files: tuple[SourceFile, ...]
    """The files it was read from, in the order named."""
    options: Mapping[str, Any]
    """Options as they reached the parser's namespace, including unknown ones and those that kft manages."""
    dataset: Mapping[str, Any] | None = None
    """The dataset config as a tree; None if the source names it as a file, or has none."""
    prompts: str | None = None
    """The text of the sample prompts; None if the source has none."""
    story: Mapping[str, Any] = field(default_factory=dict)
    """The story in a kft record."""
    acknowledged: Mapping[str, str] = field(default_factory=dict)
    """What its experiment acknowledged: the reason, by rule id."""
    then: tuple[Then, ...] = ()
    """Differences between the file and what took effect."""
    left_out: tuple[LeftOut, ...] = ()
    """What the reader itself could not use."""
    notes: tuple[str, ...] = ()
    """Other things the user should know, one line each."""
    guesses: frozenset[str] = frozenset()
    """The notes that guess which version wrote the file; dropped if a second file settles it."""
    assumed: frozenset[str] = frozenset()
    """Options, and dataset keys by full path, that kft assumed and the file does not hold."""
    chosen: frozenset[str] = frozenset()
    """Options, and dataset keys by full path, that the user set instead."""
    source: str = ""
    """The document that documented values come from, for kft's own sources."""
    origins: Mapping[str, str] | None = None
    """The origin of each value or part of the story, by full key path, for kft's own sources; a missing one is assumed.
    None if everything is recovered from a file that kft did not make.
    """

    @property
    def path(self) -> Path:
        """The first file."""
        return self.files[0].path

    @property
    def name(self) -> str:
        """The name of its checkpoints, or the file's own stem."""
        said = self.options.get("output_name")
        return said if isinstance(said, str) and said else self.path.stem


def source_file(path: Path, text: str, what: str) -> SourceFile:
    """Make the entry of a file whose text was read, with the sha256 of its bytes; a typed text is not a file."""
    data = path.read_bytes() if is_file(path) else text.encode(errors="surrogateescape")
    return SourceFile(path=path.absolute(), read=hashlib.sha256(data).hexdigest(), what=what)


def is_file(path: Path) -> bool:
    """Return whether a file exists; a name that the system cannot have does not."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Return whether a folder exists; a name that the system cannot have does not."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


_HOLDS_SECRET = re.compile(r"(?i)(token|secret|passw\w*|api_?key)\S*[\s=:]+\S|://[^/\s:@]+:[^/\s@]+@")


def holds_secret(value: Any) -> bool:
    """Return whether a text holds something like `--token VALUE` or a password in a URL; it is then never passed on."""
    return isinstance(value, str) and bool(_HOLDS_SECRET.search(value))


_SETS_SECRET = re.compile(
    r"""(?:(?:key|token|secret|password)["']?[ \t]*[=:]|--[\w-]*(?:key|token|secret|password)[ \t])[ \t]*["']?"""
    r"""(?!null\b|none\b|false\b)[^\s"',}]|://[^/\s:@]+:[^/\s@]+@""",
    re.IGNORECASE,
)


def sets_secret(text: str) -> bool:
    """Return whether a file sets something like a token; an empty field of a form does not count."""
    return bool(_SETS_SECRET.search(text))


def sounds_secret(name: str) -> bool:
    """Return whether a name, known or not, sounds like a secret (`--hf_token`), whose value no message may show."""
    return bool(re.search(r"(key|token|secret|password)$", name, re.IGNORECASE))


def refuse(path: Path | str, what: str, todo: str) -> InputError:
    """Make the error for a file that is understood but is not for kft."""
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
