"""The list of options that reach beyond training is complete, and points at the right lines."""

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from fork_wrapper.experiment.schema import MANAGED
from fork_wrapper.sdscripts.options import dataset_keys, options
from fork_wrapper.sdscripts.reach import BESIDE_IMAGES, REACHES, WORDS

REACHING = re.compile(
    r"import_module\(|__import__\(|\bexec\(|(?<![\w.])eval\(|(?<!safetensors\.)torch\.load\(|pickle|"
    r"\.load_state\(|hf_hub_download\(|"
    r"snapshot_download\(|upload_fold|upload_file\(|create_repo\(|wandb\.login|init_trackers\(|FileHandler\(|"
    r"open\([^)]*[\"'][wa]b?[\"']|save_pretrained\(|np\.savez|file_to_data_url\(|subprocess\.(run|check|Popen)|"
    r"os\.system|rmtree|os\.remove|requests\.|urlopen"
)
"""What imports code, unpickles, sends, fetches, writes or deletes."""

EXPLAINED = {
    "library/model_util.py:980": "SD 1.x checkpoints: sdxl_train.py loads by sdxl_model_util.py",
    "library/model_util.py:1263": "writes the Diffusers form of a checkpoint, which save_model_as may not be",
    "library/sdxl_model_util.py:583": "likewise",
    "library/safetensors_utils.py:65": "nobody calls it from here",
    "library/sai_model_spec.py:276": "git rev-parse in the checkout of sd-scripts",
    "library/train_util.py:3304": "likewise",
    "library/train_util.py:3181": "latents in the old way, which SDXL training does not take; beside the images, too",
    "library/train_util.py:4734": "output_config, which kft refuses",
    "library/train_util.py:5464": "wandb_api_key, which kft refuses",
    "library/train_util.py:5905": "an older checkpoint of the run, in output_dir by output_name",
    "library/train_util.py:5929": "likewise",
    "library/train_util.py:5957": "an older state of the run, likewise",
    "library/train_util.py:5983": "likewise",
    "library/train_util.py:6589": "for other scripts; sdxl_train.py:611 is its own",
    "library/train_util.py:6599": "likewise",
    "library/sdxl_train_util.py:154": "the old way of strategy_base.py:69, which nobody calls from here",
}
"""Lines that are no option's doing, or that kft does not let happen."""

CALLED = {
    "pretrained_model_name_or_path": "name_or_path",
    "vae": "vae_id",
    "metadata_thumbnail": "thumbnail",
    "save_state_to_huggingface": "huggingface_util",
}
"""Names of values where an option's own is no longer spoken of."""


def test_every_option_exists() -> None:
    """An option that sd-scripts removes or renames is noticed here."""
    names = [reach.option for reach in REACHES]
    assert len(names) == len(set(names)) == 23
    assert set(names) <= options().keys()
    assert not set(names) & MANAGED.keys()
    assert set(BESIDE_IMAGES) <= options().keys() | dataset_keys().keys()
    assert {reach.beside for reach in REACHES if reach.beside} <= set(names)
    assert {reach.does for reach in REACHES} == WORDS.keys()


def test_uploads_and_modules_are_all_there() -> None:
    """By their names, in case a new one comes."""
    names = {reach.option for reach in REACHES}
    for name in options():
        if name.startswith(("huggingface_", "wandb_", "log_tracker")) or name.endswith(("_nvme_path", "_class")):
            assert name in names | {"huggingface_token", "wandb_api_key"}


def ranges(source: str) -> Iterator[tuple[str, range]]:
    """`file:first-last` and the like, one after the other."""
    for part in source.split(", "):
        file, _, lines = part.partition(":")
        first, _, last = lines.partition("-")
        yield file, range(int(first), int(last or first) + 1)


@pytest.mark.sd_scripts
def test_each_source_speaks_of_its_option(sd_scripts: Path) -> None:
    """By its name, or by the name that it has on the way."""
    for reach in REACHES:
        texts = []
        for file, lines in ranges(reach.source):
            whole = (sd_scripts / file).read_text(encoding="utf-8").splitlines()
            assert lines.stop - 1 <= len(whole)
            texts.append("\n".join(whole[lines.start - 1 : lines.stop - 1]))
        word = CALLED.get(reach.option, reach.option)
        assert any(re.search(rf"\b{word}\b", text) for text in texts), reach.option


@pytest.mark.sd_scripts
def test_nothing_that_reaches_is_missing(sd_scripts: Path) -> None:
    """Every line of sdxl_train.py and of what it imports that reaches out is some option's, or has its reason."""
    known = {
        f"{file}:{line}"
        for source in (*(reach.source for reach in REACHES), *BESIDE_IMAGES.values())
        for file, lines in ranges(source)
        for line in lines
    }
    found = set()
    files = imported(sd_scripts)
    for file in files:
        for number, line in enumerate((sd_scripts / file).read_text(encoding="utf-8").splitlines(), start=1):
            if REACHING.search(line) and not line.strip().startswith(("#", "def ", "from ", "import ", "except ")):
                found.add(f"{file}:{number}")
    assert len(files) > 20
    assert len(found) > 25
    assert found - known - EXPLAINED.keys() == set()
    assert EXPLAINED.keys() - found <= {"library/train_util.py:6589"}


def imported(root: Path) -> set[str]:
    """sdxl_train.py and every module of its own that it imports, by whatever way."""
    todo, seen = ["sdxl_train.py"], set()
    while todo:
        file = todo.pop()
        seen.add(file)
        with warnings.catch_warnings():  # its regular expressions are written carelessly
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            tree = ast.parse((root / file).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{name}" for name in names)]
            paths = {name.replace(".", "/") + ".py" for name in names} - seen
            todo += [path for path in paths if (root / path).is_file()]
    return seen
