"""Imported GUI files in the real parser: the namespace that trained then is the one that would train now.

The pairs in tests/golden/gui/started are a form of a version of the kohya_ss GUI and the TOML that this version's own
code wrote for it, run with stand-ins for gradio. They cover the versions that dropped zeros, before and after.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.sdscripts.options import options
from tests.builders.projects import Project
from tests.integration.test_real_parser import ask_parser

pytestmark = [pytest.mark.trainer, pytest.mark.sd_scripts, pytest.mark.usefixtures("trainer_packages")]

OURS = {
    *("output_dir", "output_name", "logging_dir", "config_file", "dataset_config"),  # where a run writes
    *("train_data_dir", "reg_data_dir", "in_json"),  # said in the dataset config instead
    *("sample_prompts", "console_log_simple"),  # a file of the same text; readable logs
}
"""Options that kft says in its own way."""


def started() -> list[Path]:
    """The forms of all pairs."""
    return sorted((Path(__file__).parents[1] / "golden" / "gui" / "started").glob("*.json"))


def test_an_imported_form_trains_as_it_did(
    make_project: Callable[..., Project], root: Path, sd_scripts: Path, tmp_path: Path
) -> None:
    """Eight forms: every option of the rendered files is what the GUI's own TOML gives in sd-scripts' parser."""
    project = make_project(sd_scripts=str(sd_scripts), experiments=str(tmp_path / "experiments"))
    files: list[Path] = []
    for form in started():
        alone = tmp_path / "forms" / form.name  # without the TOML beside it, which would count instead
        alone.parent.mkdir(exist_ok=True)
        shutil.copy(form, alone)
        name = form.stem.replace(".", "_")
        version = ("--gui-version", form.stem.split("-")[0]) if form.stem.startswith("v") else ()
        # 4 images with 40 repeats in the finetune tab; 10 repeats of 4 in the dreambooth tab, counted together there.
        images = "4" if "finetune" in form.stem else "40"
        done = project.kft("import-config", str(alone), "--name", name, "--images", images, *version)
        assert done.returncode == 0, done.stderr
        out = tmp_path / "out" / name
        exported = project.kft("export-config", name, "-o", str(out))
        assert exported.returncode == 0, exported.stderr
        files += [out / "train.toml", out / "dataset.toml", form.with_suffix(".toml"), out / "dataset.toml"]
    assert len(files) == 4 * 8
    answers = ask_parser(root, sd_scripts, *files)
    for form, now, then in zip(started(), answers[::2], answers[1::2], strict=True):
        assert differing(now, then) == {}, form.name


def differing(now: dict[str, Any], then: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Options whose values differ to sd-scripts: 0 and 1 are off and on, and no words are none."""
    found = {}
    for name, option in options().items():
        one, two = now.get(name), then.get(name)
        if name in OURS or (name == "dynamo_backend" and not now["torch_compile"]):
            continue
        if option.type == "bool":
            one, two = bool(one), bool(two)
        if two == []:
            two = None  # no arguments either way (library/train_util.py:4857, 5287)
        if name == "log_with" and two is None:
            two = "tensorboard"  # what a logging_dir alone means (library/train_util.py:5417-5420)
        if one != two:
            found[name] = (one, two)
    return found
