"""A configuration of any kind is taken wherever one is asked for; every id that a verb prints can be explained."""

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from dataset_tools.check.faults import KINDS
from dataset_tools.pixels.decoding import Kind
from dataset_tools.prepare.outcome import PROBLEMS
from fork_wrapper.check.machine_kinds import MACHINE_KINDS
from fork_wrapper.check.rules.table import rules
from fork_wrapper.experiment.value_rules import NOT_RULES
from fork_wrapper.formats.gui_keys import fresh_form
from fork_wrapper.machine.settings import load_settings
from fork_wrapper.records.checkpoints import CONFIG_KEY, RUN_KEY
from fork_wrapper.records.record import read_record
from fork_wrapper.repeat.compared import COMPARED
from tests.builders.records import recorded
from tests.cli.conftest import Answer

Kft = Callable[..., Answer]

DATASET = """\
[general]
caption_extension = ".txt"
[[datasets]]
resolution = 1024
batch_size = 4
[[datasets.subsets]]
image_dir = "PROJECT/datasets/pictures"
"""
TRAIN = """\
pretrained_model_name_or_path = "PROJECT/models/base.safetensors"
learning_rate = 1e-5
mixed_precision = "no"
output_name = "third"
dataset_config = "dataset.toml"
"""
KINDS_OF_SOURCE = (
    *("name", "file", "run", "record", "sidecar", "checkpoint", "gui", "gui_dreambooth", "toml", "script", "command"),
    "export",
)
VERBS = (
    *(["check"], ["plan"], ["show"], ["diff", "first"], ["export-config"], ["dataset", "stats"], ["dataset", "check"]),
    *(["run"], ["new", "made", "--from"], ["reproduce", "--check"], ["document"]),
)


@pytest.fixture
def sources(project: Path, kft: Kft) -> dict[str, str]:
    """One configuration, told in every way."""
    pictures = project / "datasets" / "pictures"
    pictures.mkdir(parents=True)
    Image.new("RGB", (1024, 1024), "red").save(pictures / "a.png")
    (pictures / "a.txt").write_text("a red square")
    run = recorded("first", load_settings({}, cwd=project))
    record = read_record(run.record)
    raw = json.loads(run.record.read_text(encoding="utf-8"))
    entry = {"file": "first.safetensors", "kind": "final", "epoch": None, "step": None, "bytes": 1, "sha256": "0"}
    (project / "side.json").write_text(json.dumps({**raw, "kind": "sidecar", "checkpoint": entry}))
    header = {CONFIG_KEY: record.training["metadata_kft_config"], RUN_KEY: record.training["metadata_kft_run"]}
    save_file({"a": np.zeros(1, dtype=np.float32)}, project / "first.safetensors", metadata=header)
    for tab in ("finetune", "dreambooth"):
        form = fresh_form(tab) | {"learning_rate": 1e-5, "mixed_precision": "no", "save_model_as": "safetensors"}
        form |= {"pretrained_model_name_or_path": str(project / "models" / "base.safetensors"), "output_name": tab}
        form |= {"sdxl_checkbox": True} if tab == "finetune" else {"sdxl": True}
        form |= {"dataset_config": "dataset.toml", "sample_prompts": "a cat"}
        (project / f"{tab}.json").write_text(json.dumps(form))
    (project / "dataset.toml").write_text(DATASET.replace("PROJECT", str(project)))
    (project / "third.toml").write_text(TRAIN.replace("PROJECT", str(project)))
    assert kft("export-config", "first", "--format", "json", "-o", "out").code == 0
    command = f"accelerate launch sdxl_train.py --config_file={project}/third.toml"
    (project / "third.sh").write_text(f"#!/bin/sh\n{command}\n")
    return {
        "name": "first",
        "file": "experiments/first.toml",
        "run": run.run_id,
        "record": str(run.record),
        "sidecar": "side.json",
        "checkpoint": "first.safetensors",
        "gui": "finetune.json",
        "gui_dreambooth": "dreambooth.json",
        "toml": "third.toml",
        "script": "third.sh",
        "command": command,
        "export": "out/config.json",
    }


@pytest.mark.parametrize("kind", KINDS_OF_SOURCE)
def test_every_verb_takes_it(kft: Kft, project: Path, sources: dict[str, str], kind: str) -> None:
    """Each answers about the configuration: what is wrong is the missing base model, never what was named."""
    assert (len(sources), len(VERBS), set(sources)) == (12, 11, set(KINDS_OF_SOURCE))
    seen = 0
    for verb in VERBS:
        seen += 1
        if verb[0] == "reproduce" and kind in ("name", "file"):  # it has not run: `kft run` is what it says
            continue
        answer = kft(*verb, sources[kind])
        if verb == ["run"]:  # no GPU and no base model here: so far, and no further
            name = "dreambooth" if kind == "gui_dreambooth" else "finetune" if kind == "gui" else "first"
            name = {"toml": "third", "script": "third", "command": "third", "export": "first"}.get(kind, name)
            assert answer.err.startswith(f"error: cannot run {name}: "), (kind, answer.err)
            assert "the base model is missing" in answer.err
        else:
            assert answer.code in (0, 1), (verb, kind, answer.err)
            assert answer.out + answer.err
    assert seen == len(VERBS)
    assert (project / "experiments" / "made.toml").is_file()
    assert not list(project.glob("experiments/*.json"))


def test_check_says_what_it_read(kft: Kft, sources: dict[str, str]) -> None:
    """Of an import: from what, how much is not as the file has it, and which verb tells all."""
    answer = kft("check", sources["gui"])
    assert answer.code == 1
    assert "note: finetune is read from a kohya_ss GUI file of the finetune tab, v26.0.0 or newer: " in answer.out
    assert "→ kft import-config finetune.json --print tells all of it" in answer.out
    assert "PROJECT/finetune.json: training.clip_skip" in answer.out  # no line of a text that is no file
    assert "is read from" not in kft("check", sources["name"]).out


def test_set_goes_over_it(kft: Kft, sources: dict[str, str]) -> None:
    """A --set counts over what was imported, and a plan is of both."""
    plan = json.loads(kft("plan", sources["toml"], "--json", "--set", "learning_rate=3e-5").out)
    assert plan["rates"]["unet"] == 3e-5
    assert plan["name"] == "third"
    shown = json.loads(kft("check", sources["toml"], "--json", "--set", "seed=-1").out)
    assert "seed-range" in {one["rule"] for one in shown["findings"]}


def test_no_run_borrows_a_name(kft: Kft, project: Path, sources: dict[str, str]) -> None:
    """A run under the name of an experiment that says otherwise is refused, with the command that helps."""
    (project / "experiments" / "third.toml").write_text("[training]\nseed = 7\n")
    answer = kft("run", sources["toml"])
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: an experiment is called third already\n  • third.toml has other values (")
    assert "→ kft import-config third.toml --name OTHER, then kft run OTHER" in answer.err
    assert kft("check", sources["toml"]).code == 1


def test_a_rehearsal_is_no_configuration_of_a_run(kft: Kft, project: Path) -> None:
    """Its values are the miniature's: check says so as an error."""
    rehearsed = recorded("first", load_settings({}, cwd=project), rehearsal={"trainer": "stand-in", "changes": []})
    answer = kft("check", rehearsed.run_id)
    assert answer.code == 1
    assert "it comes from a rehearsal" in answer.out


def ids_in_the_code(root: Path) -> Iterator[tuple[str, str]]:
    """Ids that the code names where it makes findings, faults and items, with the file."""
    makers = {"fault": 0, "compared": 0, "compared_hashes": 0, "unknown": 0, "gone": 0, "rule": 0, "machine_finding": 0}
    for package in ("fork_wrapper", "dataset_tools"):
        for path in sorted((root / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                name = node.func.id if isinstance(node.func, ast.Name) else ""
                words = list(node.args[:1]) if name in makers else []
                words += [
                    one.value for one in node.keywords if one.arg == "rule" or (name, one.arg) == ("Item", "name")
                ]
                for word in words:
                    if isinstance(word, ast.Constant) and isinstance(word.value, str) and word.value:
                        yield word.value, path.name


def _kinds_refused(root: Path) -> Iterator[str]:
    """Kinds of problems as the modules of `prepare` write them."""
    for path in (root / "dataset_tools" / "prepare").glob("*.py"):
        for match in re.finditer(r"""Refused\(kind="([a-z-]+)"|_problem\([^"\n]+"([a-z-]+)\"""", path.read_text()):
            yield match[1] or match[2]


def test_every_id_can_be_explained(kft: Kft, root: Path) -> None:
    """Of rules, of `dataset`, of `reproduce`; by name and as JSON; and the code names no others."""
    others = {*rules(), *KINDS, *PROBLEMS, *COMPARED, *NOT_RULES}
    assert not others & MACHINE_KINDS.keys()
    known = others | MACHINE_KINDS.keys()
    for name in sorted(known - NOT_RULES.keys()):
        answer = kft("rules", name)
        assert answer.code == 0, name
        assert answer.out.startswith(f"{name} ("), name
    for name in NOT_RULES:
        assert "it cannot occur: " in kft("rules", name).err
    told = json.loads(kft("rules", "image-cropped", "--json").out)
    assert told["others"][0]["what_to_do"] == KINDS["image-cropped"].fix
    assert "said by      kft dataset prepare" in kft("rules", "too-small").out
    assert set(get_args(Kind)) <= PROBLEMS.keys()
    refused = set(_kinds_refused(root))
    assert (len(refused) >= 8, refused - PROBLEMS.keys()) == (True, set())
    found = list(ids_in_the_code(root))
    assert (len(found) > 200, len(KINDS) >= 53, len(COMPARED) >= 13) == (True, True, True)
    assert [one for one in found if one[0] not in known] == []


def test_the_list_has_what_dataset_check_and_the_machine_find(kft: Kft) -> None:
    """After the rules; how a finding of the machine is let pass is said with it."""
    answer = kft("rules")
    assert f"\n{len(KINDS)} kinds of what `kft dataset check` finds:\n" in answer.out
    assert f"\n{len(MACHINE_KINDS)} kinds of what `kft check` finds on this machine:\n" in answer.out
    for name in (*KINDS, *MACHINE_KINDS):
        assert any(line.startswith(f"{name} ") for line in answer.out.splitlines()), name
    assert "  or else      start anyway with --allow disk\n" in kft("rules", "disk").out
    assert '  if meant     in the experiment: [acknowledge] gpu-other = "why"\n' in kft("rules", "gpu-other").out


def test_a_metadata_file_that_is_a_folder(kft: Kft, project: Path) -> None:
    """Said as what it is, with the files that may be meant."""
    folder = project / "meta"
    folder.mkdir()
    (project / "experiments" / "m.toml").write_text(
        f"[training]\ncache_latents = true\n[[dataset.datasets]]\nresolution = 512\n"
        f"[[dataset.datasets.subsets]]\nimage_dir = '{project}'\nmetadata_file = '{folder}'\n"
    )
    answer = kft("check", "m")
    assert "• the metadata file is a folder  [ft-metadata-missing]\n    PROJECT/meta (" in answer.out
    assert "→ name a file; there is no JSON in it" in answer.out
    assert "ft-metadata-unreadable" not in answer.out
    (folder / "meta_lat.json").write_text("{}")
    assert "→ name the file in it: meta_lat.json" in kft("check", "m").out
