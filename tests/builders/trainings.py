"""Run folders as a training leaves them, without a training: records, events, logs, samples."""

import math
import random
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.events import masked_crc
from fork_wrapper.records.record import Record, read_record, write_record
from fork_wrapper.records.run_folder import RunFolder
from tests.builders.records import NOW, recorded

Scalar = tuple[int, str, float]
"""Step, tag, value."""


def run_with_samples(
    name: str,
    settings: Settings,
    *,
    steps: int = 40,
    epochs: int = 2,
    prompts: Sequence[str] = ("a knight --n blurry --w 64 --h 64 --d 101",),
    side: int = 64,
    stamp: str = "20260102-030405",
    rehearsal: bool = False,
) -> RunFolder:
    """A run of an experiment that was completed, or rehearsed, with samples and a checkpoint after every epoch."""
    said = {"trainer": "stand-in", "changes": []} if rehearsal else None
    run = recorded(name, settings, rehearsal=said, stamp=stamp)
    record = _closed(read_record(run.record), run, steps, epochs, prompts)
    write_record(run, record.with_run(status="rehearsed" if rehearsal else "completed"))
    write_events(
        run.logs / "20260102030405" / "finetuning" / "events.out.tfevents.1767323045.host.1.0",
        scalars(steps, sum(name.encode())),
    )
    for number, prompt in enumerate(prompts):
        seed = prompt.partition("--d ")[2].split(" ")[0]
        for epoch in range(1, epochs + 1):
            suffix = f"_{seed}" if seed else ""
            draw_sample(
                run.samples / f"{name}_e{epoch:06}_{number:02}_2026010203{epoch:04}{suffix}.png",
                side,
                epoch + 16 * number + 7 * sum(name.encode()),
            )
    return run


def _closed(record: Record, run: RunFolder, steps: int, epochs: int, prompts: Sequence[str]) -> Record:
    checkpoints = [
        {
            "file": f"{record.name}-{epoch:06}.safetensors" if epoch < epochs else f"{record.name}.safetensors",
            "kind": "epoch" if epoch < epochs else "final",
            "epoch": epoch,
            "step": steps * epoch // epochs,
            "loss": 0.1,
            "bytes": 6_938_000_000,
            "sha256": f"{epoch:064x}",
            "written": NOW.isoformat(),
        }
        for epoch in range(1, epochs + 1)
    ]
    experiment = {**record.experiment, "sample_prompts": "\n".join(prompts) + "\n"}
    training = {**record.training, "sample_prompts": str(run.folder / "prompts.txt")}
    done = replace(record, experiment=experiment, training=training, checkpoints=tuple(checkpoints)).with_run(
        id=run.run_id,
        steps=steps,
        total_steps=steps,
        epochs=epochs,
        seconds=5400.0,
        ended=(NOW + timedelta(minutes=90)).isoformat(),
        exit_code=0,
        steps_per_second=0.34,
        loss={"first": 0.13, "last": 0.09, "lowest": 0.08},
    )
    return done.with_provenance(**MACHINE)


MACHINE: Mapping[str, Any] = {
    "gpus": [{"name": "NVIDIA H100", "driver": "570.1", "memory_mib": 80000}],
    "dataset": {"images": 24, "captions": 24, "bytes": 4_054_427, "sha256": "ab" * 32},
    "base_model": {"path": "/models/sd_xl_base_1.0.safetensors", "sha256": "cd" * 32},
    "sd_scripts": {"commit": "48d368fa557731ad0488c07304dfeba8c07910eb", "dirty": False},
    "host": {"hostname": "box", "system": "Linux"},
}


def went_on(name: str, settings: Settings, parent: RunFolder, *, step: int, epoch: int, stamp: str) -> RunFolder:
    """A run that resumed another after a step and an epoch of it."""
    run = run_with_samples(name, settings, stamp=stamp)
    lineage = {"kind": "resume", "parent": parent.run_id, "step": step, "epoch": epoch}
    write_record(run, read_record(run.record).with_lineage(lineage))
    return run


def scalars(steps: int, seed: int = 0) -> list[Scalar]:
    """What sdxl_train.py logs, of a loss that falls and trembles; its depth and rates follow from the seed."""
    chance, found = random.Random(seed), list[Scalar]()
    for step in range(1, steps + 1):
        tremble, rate = chance.gauss(0, 0.006), 1 + seed % 5
        found += [
            (step, "loss", 0.07 + 0.003 * (seed % 7) + 0.05 / (1 + step / steps * 8) + tremble),
            (step, "lr/unet", rate * 1e-6 * (1 + math.cos(math.pi * step / steps)) / 2),
            (step, "lr/text_encoder1", rate * 2e-7 * (1 - step / steps)),
        ]
    return found


def draw_sample(path: Path, side: int, shade: int) -> None:
    """A picture with a gradient, edges and some grain: as hard to press as a drawn character."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.linear_gradient("L").resize((side, side)).rotate(shade).convert("RGB")
    pen = ImageDraw.Draw(image)
    for number in range(12):
        x, y = (number * 37 + shade * 11) % 80 * side // 100, (number * 53) % 80 * side // 100
        colour = ((number * 40) % 256, (shade * 25) % 256, (number * 90) % 256)
        pen.ellipse((x, y, x + side // 5, y + side // 4), fill=colour, outline="black")
    image.save(path)


def write_events(path: Path, found: Iterable[Scalar], *, check: bool = False) -> None:
    """An event file, record by record as TensorBoard's own writer makes them; checksums take their time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(framed(event(*scalar), check=check) for scalar in found))


def event(step: int, tag: str, value: float) -> bytes:
    """One scalar as an `Event`."""
    name = tag.encode()
    said = b"\x0a" + varint(len(name)) + name + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + varint(len(said)) + said
    return b"\x09" + struct.pack("<d", 1767323045.0) + b"\x10" + varint(step) + b"\x2a" + varint(len(summary)) + summary


def framed(payload: bytes, *, check: bool = False) -> bytes:
    """A record around a payload; its checksums are zero unless they are asked for."""
    length = struct.pack("<Q", len(payload))
    crcs = (masked_crc(length), masked_crc(payload)) if check else (0, 0)
    return length + struct.pack("<I", crcs[0]) + payload + struct.pack("<I", crcs[1])


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    found = bytearray()
    number &= (1 << 64) - 1
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])
