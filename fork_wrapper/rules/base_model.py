"""Rules about how the base model is named. Whether it is there, and whole, is looked at elsewhere."""

import os
from collections.abc import Iterator
from pathlib import Path

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.rule import Hit, rule

KEY = "pretrained_model_name_or_path"


@rule(
    "model-missing",
    "error",
    phase="dataset",
    when="no pretrained_model_name_or_path",
    why="sd-scripts lists the images first, and then stops with a TypeError.",
    fix=f'set {KEY} = "{{models}}/sd_xl_base_1.0.safetensors"',
    source="library/sdxl_train_util.py:69",
)
def model_missing(case: Case) -> Iterator[Hit]:
    if not case.get(KEY):
        yield Hit(what="no base model is named", at=case.at(KEY))


@rule(
    "model-symlink",
    "error",
    phase="dataset",
    when="a base model that is a symbolic link to a relative path, or to a file without its suffix",
    why="sd-scripts takes the link's text for the path: a relative one is looked for in the run's own folder, and then "
    "as a name on the Hugging Face Hub. The format is told by the suffix of what the link names. The Hub's cache is "
    "made of such links.",
    fix="name the real file, or copy it to a name that ends in .safetensors",
    source="library/sdxl_train_util.py:69-70, library/model_util.py:964-965, library/sdxl_model_util.py:170-187",
)
def model_symlink(case: Case) -> Iterator[Hit]:
    path = Path(str(case.get(KEY) or ""))
    if not path.is_symlink():
        return
    target = os.readlink(path)  # noqa: PTH115 - its text, as sd-scripts reads it
    if not Path(target).is_absolute():
        yield Hit(what=f"the base model is a link to a relative path, {target}", at=case.at(KEY), where=str(path))
    elif path.suffix.lower() == ".safetensors" and path.is_file() and not target.lower().endswith(".safetensors"):
        what = f"the base model is a link to a file without the suffix .safetensors, {Path(target).name}"
        yield Hit(what=what, at=case.at(KEY), where=str(path))


@rule(
    "fp16-variant",
    "error",
    phase="dataset",
    when='mixed_precision = "fp16" with a base model in the Diffusers layout that has no fp16 files',
    why="sd-scripts then asks for files called NAME.fp16.safetensors. It would try again without, but diffusers "
    "reports their absence as a ValueError, which sd-scripts does not expect.",
    fix='name a single .safetensors file as the base model, or set mixed_precision = "bf16"',
    source="library/sdxl_train_util.py:83-103",
)
def fp16_variant(case: Case) -> Iterator[Hit]:
    folder = Path(str(case.get(KEY) or ""))
    if case.get("mixed_precision") == "fp16" and (folder / "model_index.json").is_file() and not _has_fp16(folder):
        what = 'mixed_precision = "fp16" needs fp16 files in the Diffusers folder'
        yield Hit(what=what, at=case.at(KEY), where=str(folder))


def _has_fp16(folder: Path) -> bool:
    """Whether one of its parts has a file that diffusers takes for one in half precision."""
    return any("".join(path.name.split(".")[1:2]).startswith("fp16") for path in folder.glob("*/*"))
