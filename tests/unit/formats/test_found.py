"""What readers hand on: names, digests, and words for other scripts."""

import hashlib
import re
from pathlib import Path

import pytest

from fork_wrapper.formats.found import (
    NOTHING,
    SCRIPTS,
    Found,
    SourceFile,
    is_file,
    is_folder,
    refuse,
    sounds_secret,
    source_file,
)
from tests.unit.formats.conftest import Make


def test_a_file_is_named_by_its_bytes(make: Make) -> None:
    """The digest is what `sha256sum` says, byte order mark and all; a typed text is no file."""
    data = b"\xef\xbb\xbfseed = 1\r\n"
    path = make("a.toml", data)
    assert source_file(path, "seed = 1\r\n", "x").sha256 == hashlib.sha256(data).hexdigest()
    typed = source_file(path.parent / "command line", "a b", "x")
    assert (typed.sha256, typed.path.name) == (hashlib.sha256(b"a b").hexdigest(), "command line")


@pytest.mark.parametrize(
    ("options", "name"), [({}, "stem"), ({"output_name": "x/y"}, "x/y"), ({"output_name": 5}, "stem")]
)
def test_the_name_of_a_run(options: dict[str, object], name: str) -> None:
    """What its checkpoints were called, else the file's stem."""
    file = SourceFile(path=Path("/a/stem.toml"), read="", what="")
    assert Found(kind="config", what="", files=(file,), options=options).name == name


@pytest.mark.parametrize("name", ["a" * 5000, "b/" * 3000, "a\0b", "/nowhere"])
def test_impossible_names_are_no_files(name: str) -> None:
    """What the system cannot have is not there."""
    assert not is_file(Path(name))
    assert not is_folder(Path(name))


def test_secrets_by_name() -> None:
    """Names that end like a secret's; options of training that have such a word in them are none."""
    names = ("wandb_api_key", "huggingface_token", "hf_token", "HF_TOKEN", "password", "client_secret", "--api_key")
    assert all(map(sounds_secret, names))
    assert not any(map(sounds_secret, ("keep_tokens", "tokenizer_cache_dir", "token_warmup_min", "max_token_length")))


@pytest.mark.sd_scripts
def test_every_other_script_has_words(sd_scripts: Path) -> None:
    """Each script of the checkout that trains is known, and has words for what it trains."""
    trains = {path.name for path in sd_scripts.glob("*.py") if re.search("train|fine_tune", path.name)}
    assert SCRIPTS.keys() - trains <= {"train_leco.py", "sdxl_train_leco.py"}  # a newer sd-scripts has them
    assert trains - SCRIPTS.keys() == {"sdxl_train.py"}
    assert len(SCRIPTS) == 24


def test_refusals_and_nothing() -> None:
    """A path is named short in the title and whole below it; nothing has a name for messages."""
    error = refuse(Path("/a/b.toml"), "it is x", "do y")
    assert str(error) == "cannot import b.toml\n- it is x\n  in /a/b.toml\n  -> do y"
    assert refuse("the command line", "it is x", "do y").title == "cannot import the command line"
    assert repr(NOTHING) == "nothing"
