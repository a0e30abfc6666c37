"""`kft dataset prepare` beside sd-scripts' own tool: pictures per second, and how near the pixels are to exact ones.

Whole processes, start-up included, on the same pictures and all cores, in turns. `BENCH_PICTURES` sets how many.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset_tools.prepare.prepare import cores
from tests.bench.photos import corpus, exact, psnr, ssim

pytestmark = [pytest.mark.bench, pytest.mark.trainer, pytest.mark.sd_scripts]

COUNT = int(os.environ.get("BENCH_PICTURES", "200"))
TOOL = (
    "import runpy, sys; from fork_wrapper.rehearsal.torchvision_ops import define_missing_ops; define_missing_ops(); "
    "sys.argv = sys.argv[1:]; sys.path.insert(0, sys.argv.pop()); runpy.run_path(sys.argv[0], run_name='__main__')"
)
PAIRS = (
    ("png", (), ("--save_as_png",), 4.0),
    ("webp", (), ("--save_as_png",), 4.0),  # the tool writes no WebP: this is its only format without loss
    ("jpeg", ("--quality", "100"), (), 1.0),  # the tool's quality, which is fixed; ours keeps colours at full size
    ("jpeg", (), (), 1.0),
)
"""What kft writes, how; how the tool is called; how many times as fast kft is at least, of two cores."""


@pytest.fixture(scope="module", params=["png", "jpg"])
def sources(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures, as PNG and as JPEG."""
    folder = tmp_path_factory.mktemp("photos") / str(request.param)
    corpus(folder, COUNT, f".{request.param}")
    return folder


def wall(arguments: list[str], folder: Path, root: Path) -> tuple[float, float]:
    """Seconds of a process that writes into a fresh folder: on the clock, and of all cores together."""
    shutil.rmtree(folder, ignore_errors=True)
    env = {**os.environ, "PYTHONPATH": str(root)}
    before, start = os.times(), time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - start, os.times()
    assert done.returncode == 0, done.stderr[-2000:]
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, busy


@pytest.mark.usefixtures("trainer_packages")
@pytest.mark.parametrize("pair", PAIRS, ids=["png", "webp-png", "jpeg100", "jpeg95"])
def test_pictures_per_second_beside_sd_scripts(
    sources: Path,
    tmp_path: Path,
    root: Path,
    sd_scripts: Path,
    pair: tuple[str, tuple[str, ...], tuple[str, ...], float],
) -> None:
    """At least as fast in each pair, by work of cores: seconds on the clock depend on what else the machine does."""
    written, ours, theirs, least = pair
    tool = ["-c", TOOL, str(sd_scripts / "tools" / "resize_images_to_resolution.py"), str(sources), str(tmp_path / "b")]
    tool += ["--max_resolution", "1024x1024", *theirs, str(sd_scripts)]
    kft = ["-m", "fork_wrapper", "dataset", "prepare", str(sources), str(tmp_path / "a"), "--fit", "bucket"]
    kft += ["--format", written, *ours]
    kft += ["--cache", str(tmp_path / "cache")]
    first = wall(kft, tmp_path / "a", root)
    second = wall(tool, tmp_path / "b", root)
    third = wall(kft, tmp_path / "a", root)
    assert len(list((tmp_path / "b").iterdir())) == COUNT == len(list((tmp_path / "a").iterdir())) - 1
    ours_wall, ours_busy = (first[0] + third[0]) / 2, (first[1] + third[1]) / 2
    idle = second[1] / (ours_busy / cores())
    what = " ".join((sources.name, "->", written, *ours, "beside", *theirs))
    speeds = f"kft {COUNT / first[0]:.1f} and {COUNT / third[0]:.1f}/s, sd-scripts {COUNT / second[0]:.1f}/s"
    busy = f"seconds of cores {ours_busy:.1f} against {second[1]:.1f}: {idle:.2f} times on {cores()} idle cores"
    print(f"\n{COUNT} {what}: {speeds}, {second[0] / ours_wall:.2f} times; {busy}")  # noqa: T201
    assert idle >= least


def test_results_are_near_exact_lanczos(tmp_path: Path, root: Path) -> None:
    """At least 45 dB and 0.995 of a float64 Lanczos for each picture without loss; 40 dB for a JPEG of quality 95."""
    names = [f"{number:04}.png" for number in range(8)]
    corpus(tmp_path / "photos", len(names), ".png")
    for written, least in (("png", 45), ("webp", 45), ("jpeg", 40)):
        kft = ["-m", "fork_wrapper", "dataset", "prepare", str(tmp_path / "photos"), str(tmp_path / written)]
        wall(
            [*kft, "--format", written, "--fit", "bucket", "--cache", str(tmp_path / "cache")], tmp_path / written, root
        )
        manifest = json.loads((tmp_path / written / "prepare.json").read_text(encoding="utf-8"))
        worst = [float("inf"), 1.0]
        assert [entry["source"] for entry in manifest["pictures"]] == names
        for entry in manifest["pictures"]:
            result = entry["result"]
            with Image.open(tmp_path / "photos" / entry["source"]) as source:
                wanted = exact(np.asarray(source), tuple(result["size"]), tuple(result["crop"]))
            with Image.open(tmp_path / written / result["name"]) as image:
                found = np.asarray(image)
            worst = [min(worst[0], psnr(found, wanted)), min(worst[1], ssim(found, wanted))]
        print(f"\n{written}: at least {worst[0]:.1f} dB, SSIM {worst[1]:.5f}")  # noqa: T201
        assert worst[0] >= least
        assert worst[1] >= 0.995 or written == "jpeg"
