"""Captioners as real processes: sd-scripts' own, and one that is interrupted."""

import importlib
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.datasets.captioning import OURS, TOOLS
from tests.builders.projects import Project
from tests.unit.dataset_tools.captioned import drawn

SLOW = """
import pathlib, sys, time
for image in sorted(pathlib.Path(sys.argv[1]).glob("*.png")):
    print(image.name, flush=True)
    image.with_suffix(".txt").write_text(f"of {image.stem}")
    time.sleep(0.4)
"""

SHIM = """
import sys
if any("tag_images" in word for word in sys.orig_argv):
    from fork_wrapper.rehearsal.torchvision_ops import define_missing_ops
    define_missing_ops()
"""

TAGS = ("general", "sensitive", "questionable", "explicit", "red_hair", "blue_sky", "hat", "smile")


@pytest.mark.sd_scripts
def test_the_tools_take_what_they_are_given(sd_scripts: Path) -> None:
    """A folder first, then --caption_extension; the options that kft keeps from them are theirs."""
    texts = {tool: (sd_scripts / script).read_text(encoding="utf-8") for tool, script in TOOLS.items()}
    assert len(texts) == 3
    for text in texts.values():
        assert 'add_argument("train_data_dir"' in text
        assert '"--caption_extension"' in text
    assert all(f'"{option}"' in texts["wd14"] for option in OURS)
    assert '"--model_dir"' in texts["wd14"]


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_an_interrupted_captioner(make_project: Callable[..., Project]) -> None:
    """What it had finished is kept, exit code 130, and no folder of links stays behind."""
    project = make_project()
    folder = drawn(project.folder / "set", a=None, b="mine", c=None, d=None, e=None, f=None)
    (project.folder / "slow.py").write_text(SLOW)
    process = project.start("dataset", "caption", "set", "--command", f"'{sys.executable}' slow.py")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("d.png"):
            break
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert {path.stem: path.read_text() for path in folder.glob("*.txt")} == {"a": "of a", "b": "mine", "c": "of c"}
    assert sorted(path.name for path in project.folder.iterdir()) == ["kft.toml", "set", "slow.py"]


@pytest.mark.trainer
@pytest.mark.sd_scripts
@pytest.mark.usefixtures("trainer_packages")
def test_the_real_wd14_tagger(make_project: Callable[..., Project], sd_scripts: Path) -> None:
    """With a made-up model of eight tags, which knows no character: nothing is downloaded."""
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"this Python lacks {', '.join(missing)}, which sd-scripts' tagger needs for --onnx")
    project = make_project(sd_scripts=str(sd_scripts))
    folder = drawn(project.folder / "set", a=None, b="mine", c=None)
    make_model(project.folder / "models" / "wd14_tagger" / "tiny_tagger")
    (project.folder / "shim").mkdir()
    (project.folder / "shim" / "sitecustomize.py").write_text(SHIM)
    path = os.pathsep.join([str(project.folder / "shim"), project.env["PYTHONPATH"], *sys.path])
    options = ("--onnx", "--repo_id", "tiny/tagger", "--general_threshold", "0.3", "--remove_underscore")
    done = project.kft("dataset", "caption", "set", "--with", "wd14", "--", *options, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    texts = {one.stem: one.read_text().strip() for one in folder.glob("*.txt")}
    assert texts == {"a": "red hair, blue sky, hat, smile", "b": "mine", "c": "red hair, blue sky, hat, smile"}


def make_model(folder: Path) -> None:
    """A tagger in the layout that sd-scripts looks for: the mean colour by a matrix, then a sigmoid."""
    onnx: Any = importlib.import_module("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    weights = helper.make_tensor("weights", kinds.FLOAT, [3, len(TAGS)], [0.01] * 3 * len(TAGS))
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["sums"]),
        helper.make_node("Sigmoid", ["sums"], ["output"]),
    ]
    images = helper.make_tensor_value_info("input", kinds.FLOAT, ["N", 448, 448, 3])
    scores = helper.make_tensor_value_info("output", kinds.FLOAT, ["N", len(TAGS)])
    graph = helper.make_graph(nodes, "tiny", [images], [scores], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    folder.mkdir(parents=True)
    onnx.save(model, str(folder / "model.onnx"))
    rows = [f"{number},{tag},{9 if number < 4 else 0},1\n" for number, tag in enumerate(TAGS)]
    (folder / "selected_tags.csv").write_text("tag_id,name,category,count\n" + "".join(rows))
