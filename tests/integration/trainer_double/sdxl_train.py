"""A double of the real trainer for tests of what happens around it: same arguments, lines and file names, no training.

How it behaves is said by the environment variable DOUBLE:
  train      the default: epochs, steps, checkpoints, states, samples and events as the config asks for them;
             an image takes DOUBLE_CACHE seconds to be cached, a step DOUBLE_PACE seconds;
             at step DOUBLE_WAIT_AT it waits for the file DOUBLE_GO;
             at every step it prints the bytes of the file DOUBLE_SAYS; DOUBLE_DIES=9@3 sends it signal 9 at step 3
  steps      ten short steps, a checkpoint every two, a whole final one
  endless    a checkpoint, then steps until it is stopped; on SIGINT it needs two seconds to save the final one
  truncated  a whole checkpoint and half of a second one, then steps until it is stopped
  memory     dies as PyTorch does when the GPU is full
  nodata     says what sd-scripts says when it finds no image, and leaves with 0
  package    dies for want of a package
"""

import json
import math
import os
import re
import signal
import struct
import sys
import time
import zipfile
from pathlib import Path

import toml

arguments = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
config = toml.load(arguments["--config_file"])
folder, name = Path(config["output_dir"]), config["output_name"]
metadata = {f"modelspec.{key[9:]}": value for key, value in config.items() if key.startswith("metadata_")}
behaviour = os.environ.get("DOUBLE", "train")


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


def save_state(stem: str) -> None:
    """Write what accelerate writes, in small: a model for each part that may learn, optimizer and the rest."""
    state = folder / f"{stem}-state"
    state.mkdir()
    for model in ("model", "model_1", "model_2"):
        text = json.dumps({"weight": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
        (state / f"{model}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(16))
    for zipped in ("optimizer.bin", "scheduler.bin", "scaler.pt", "random_states_0.pkl"):
        with zipfile.ZipFile(state / zipped, "w") as archive:
            archive.writestr("data", b"")


def draw_samples(when: str) -> None:
    """A picture of one colour for each prompt."""
    from PIL import Image  # noqa: PLC0415 - most behaviours draw nothing

    lines = Path(config["sample_prompts"]).read_text(encoding="utf-8").splitlines()
    (folder / "sample").mkdir(exist_ok=True)
    for number, line in enumerate(line for line in lines if line.strip() and not line.startswith("#")):
        seed = re.search(r" --d (\d+)", line)
        stamp = time.strftime("%Y%m%d%H%M%S") + (f"_{seed[1]}" if seed else "")
        colour = (number * 50 % 256, 120, 60)
        Image.new("RGB", (64, 64), colour).save(folder / "sample" / f"{name}_{when}_{number:02}_{stamp}.png")


def every(option: str, count: int) -> bool:
    """Whether an option of the form "every N" is due."""
    return bool(config.get(option)) and count % config[option] == 0


def go_wrong(step: int) -> None:
    """Say or do what was asked for."""
    if "DOUBLE_SAYS" in os.environ:
        sys.stdout.flush()
        os.write(1, Path(os.environ["DOUBLE_SAYS"]).read_bytes())
    number, _, when = os.environ.get("DOUBLE_DIES", "").partition("@")
    if when == str(step):
        os.kill(os.getpid(), int(number))


def lengths() -> tuple[int, int, int, int]:
    """Images of an epoch, its batches, epochs and steps, of one bucket on one GPU."""
    data = toml.load(arguments["--dataset_config"])
    images = batches = 0
    for one in data["datasets"]:
        said = {**data.get("general", {}), **one}
        seen = 0
        for subset in one["subsets"]:
            found = [path for path in Path(subset["image_dir"]).iterdir() if path.suffix in (".png", ".jpg", ".webp")]
            seen += len(found) * {**said, **subset}.get("num_repeats", 1)
        images += seen
        batches += math.ceil(seen / said.get("batch_size", 1))
    each = math.ceil(batches / config.get("gradient_accumulation_steps", 1))
    if config.get("max_train_epochs"):
        return images, batches, config["max_train_epochs"], config["max_train_epochs"] * each
    steps = config.get("max_train_steps", 1600)
    return images, batches, math.ceil(steps / each), steps


def cache_latents(images: int) -> None:
    """The bar of the cache; none where nothing is cached."""
    if not images:
        return
    print("caching latents with caching strategy.\ncaching latents...", flush=True)
    for done in range(images + 1):
        sys.stderr.write(f"\r{done * 100 // images:3}%|###    | {done}/{images} [00:{done % 60:02}<00:09,  1.00it/s]")
        sys.stderr.flush()
        time.sleep(float(os.environ.get("DOUBLE_CACHE", "0")))
    sys.stderr.write("\n")


def train() -> None:
    """A whole training, as far as the outside sees it."""
    images, batches, epochs, steps = lengths()
    cache_latents(images if config.get("cache_latents") else 0)
    print(f"running training / 学習開始\n  num examples / サンプル数: {images}")
    print(f"  num batches per epoch / 1epochのバッチ数: {batches}\n  num epochs / epoch数: {epochs}")
    print(f"  gradient accumulation steps / 勾配を合計するステップ数 = {config.get('gradient_accumulation_steps', 1)}")
    print(f"  total optimization steps / 学習ステップ数: {steps}")
    each = math.ceil(steps / epochs)
    for step in range(1, steps + 1):
        epoch = (step - 1) // each + 1
        if (step - 1) % each == 0:
            print(f"\nepoch {epoch}/{epochs}", flush=True)
        time.sleep(float(os.environ.get("DOUBLE_PACE", "0")))
        bar(step, steps)
        while os.environ.get("DOUBLE_WAIT_AT") == str(step) and not Path(os.environ["DOUBLE_GO"]).exists():
            time.sleep(0.05)
        go_wrong(step)
        ended = step % each == 0 or step == steps
        if every("sample_every_n_steps", step):
            draw_samples(f"{step:06d}")
        if ended and every("sample_every_n_epochs", epoch):
            draw_samples(f"e{epoch:06d}")
        for due, stem in (
            (every("save_every_n_steps", step), f"{name}-step{step:08d}"),
            (ended and epoch < epochs and every("save_every_n_epochs", epoch), f"{name}-{epoch:06d}"),
            (step == steps, name),
        ):
            if due:
                save(stem)
                if config.get("save_state"):
                    save_state(stem)
    if config.get("log_with") in ("tensorboard", "all"):
        write_curves(steps)


def write_curves(steps: int) -> None:
    """The event file that TensorBoard would be given."""
    sys.path.append(str(Path(__file__).resolve().parents[3]))
    from tests.builders.trainings import scalars, write_events  # noqa: PLC0415 - only a whole training is drawn

    stamp = time.strftime("%Y%m%d%H%M%S")
    write_events(
        Path(config["logging_dir"]) / stamp / "finetuning" / f"events.out.tfevents.{stamp}.a.1", scalars(steps)
    )


if behaviour == "train":
    train()
    sys.exit(0)
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
