"""A double of the real trainer for tests of what happens around it: same arguments, lines and file names, no training.

How it behaves is said by the environment variable DOUBLE:
  steps      ten short steps, a checkpoint every two, a whole final one
  endless    a checkpoint, then steps until it is stopped; on SIGINT it needs two seconds to save the final one
  truncated  a whole checkpoint and half of a second one, then steps until it is stopped
  memory     dies as PyTorch does when the GPU is full
  nodata     says what sd-scripts says when it finds no image, and leaves with 0
  package    dies for want of a package
"""

import json
import os
import signal
import struct
import sys
import time
from pathlib import Path

import toml

arguments = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
config = toml.load(arguments["--config_file"])
folder, name = Path(config["output_dir"]), config["output_name"]
metadata = {f"modelspec.{key[9:]}": value for key, value in config.items() if key.startswith("metadata_")}
behaviour = os.environ["DOUBLE"]


def save(stem: str, part: float = 1.0) -> None:
    """Write a safetensors file under its final name, or only a part of it."""
    header = {"__metadata__": metadata, "weight": {"dtype": "F32", "shape": [4096], "data_offsets": [0, 16384]}}
    text = json.dumps(header).encode()
    whole = struct.pack("<Q", len(text)) + text + bytes(16384)
    (folder / f"{stem}.safetensors").write_bytes(whole[: int(len(whole) * part)])


def bar(step: int, total: int) -> None:
    """One redraw of the progress bar."""
    loss = (9 - step % 9) / 10
    text = f"\rsteps: {step * 100 // total:3}%|###    | {step}/{total} [00:{step:02}<00:09,  1.00s/it, avr_loss={loss}]"
    sys.stderr.write(text)
    sys.stderr.flush()


def go_on_until_stopped() -> None:
    """Steps without end."""
    for step in range(3, 3000):
        bar(min(step, 2999), 3000)
        time.sleep(0.05)


print("  num examples / 画像数: 24")
print("  num batches per epoch / 1epochのバッチ数: 6")
print("  total optimization steps / 学習ステップ数: 10")
if behaviour == "steps":
    for number in range(1, 11):
        bar(number, 10)
        time.sleep(0.05)
        if number % 2 == 0:
            save(f"{name}-step{number:08d}")
    save(name)
elif behaviour in ("endless", "truncated"):
    save(f"{name}-step{2:08d}")
    if behaviour == "truncated":
        save(f"{name}-step{4:08d}", part=0.5)

    def finish(_number: int, _frame: object) -> None:
        """Save the final checkpoint, slowly, as seven gigabytes are."""
        print("saving after interrupt", flush=True)
        time.sleep(2)
        save(name)
        sys.exit(0)

    signal.signal(signal.SIGINT, finish)
    go_on_until_stopped()
elif behaviour == "memory":
    bar(1, 10)
    raise RuntimeError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 23.64 GiB")
elif behaviour == "nodata":
    print("No data found. Please verify the metadata file and train_data_dir option. / 画像がありません。")
elif behaviour == "package":
    __import__("a_package_that_nobody_has")
