"""A small trainer of our own, for machines without sd-scripts: rehearses an experiment on the miniature SDXL.

    accelerate launch standin.py --miniature DIR --config_file train.toml --dataset_config dataset.toml

It trains for real, reads the two files that sdxl_train.py would read, honours the options that matter most,
and writes the same file names, log lines, checkpoint headers and states, from which it resumes as
sd-scripts does: with step and epoch counted from zero again. It is NOT sd-scripts and says so: no buckets,
no caches, no other base model than the miniature, and every option it does not know is ignored. Started by
path in the trainer's Python, where kft may be absent.
"""

import argparse
import math
import random
import shutil
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

# By path, Python puts this file's folder first, where its neighbours could shadow other modules. The
# repository goes last: it provides `fork_wrapper` and must never win over the trainer's packages.
sys.path[0:1] = []
sys.path.append(str(Path(__file__).resolve().parents[2]))

from fork_wrapper.rehearsal import standin_output as output  # noqa: E402
from fork_wrapper.rehearsal.miniature import ensure_miniature  # noqa: E402
from fork_wrapper.rehearsal.standin_data import Batches, Options, read_datasets, read_options  # noqa: E402
from fork_wrapper.rehearsal.torchvision_ops import define_missing_ops  # noqa: E402

FIRST_LINE = (
    "stand-in: this is NOT sd-scripts; kft's own small trainer on a miniature SDXL. "
    "It cuts every image to the resolution (no buckets) and ignores the options it does not know"
)


def main() -> None:
    """Read both files, train, leave with code 0; without images too (sdxl_train.py:194-198)."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--miniature", type=Path, required=True)
    parser.add_argument("--config_file", type=Path, required=True)
    parser.add_argument("--dataset_config", type=Path, required=True)
    own = parser.parse_args()
    print(FIRST_LINE, flush=True)
    options = read_options(own.config_file)
    chance = random.Random(options["seed"])  # None takes the clock
    batches = Batches(read_datasets(own.dataset_config, options), chance)
    if not len(batches):
        print("No data found. Please verify the image folders of the dataset config.", flush=True)
        return
    define_missing_ops()
    ensure_miniature(own.miniature.resolve())
    Training(options, batches).run()


class Training:
    """One run: the model, its optimizer, and the counters that decide what is written when."""

    def __init__(self, options: Options, batches: Batches) -> None:
        # after define_missing_ops: transformers and diffusers import torchvision
        import torch  # noqa: PLC0415

        from fork_wrapper.rehearsal import standin_model, standin_optimizer  # noqa: PLC0415

        if options["seed"] is not None:
            torch.manual_seed(options["seed"])
        self.options, self.batches, self.maths = options, batches, standin_model
        self.accelerator = _accelerator(options)
        self.model = _load_model(standin_model, options)
        self.shares = standin_model.signal_shares()
        self.groups = standin_optimizer.parameter_groups(self.model, options)
        loader = torch.utils.data.DataLoader(batches, batch_size=1, shuffle=True, collate_fn=lambda items: items[0])
        self.steps, self.epochs = _length(options, len(batches))
        optimizer = standin_optimizer.optimizer_of(options, list(self.groups.values()))
        scheduler = standin_optimizer.scheduler_of(options, optimizer, self.steps)
        for part in standin_optimizer.trained_parts(self.model, self.groups):  # in this order they are in a state
            self.accelerator.prepare(part)
        self.optimizer, self.loader, self.scheduler = self.accelerator.prepare(optimizer, loader, scheduler)
        if options["resume"]:
            print(f"resume training from local state: {options['resume']}", flush=True)
            self.accelerator.load_state(options["resume"])
        self.step = 0
        self.losses: list[float] = []

    def run(self) -> None:
        """Train all epochs, write the last checkpoint."""
        from tqdm import tqdm  # noqa: PLC0415 - like every import of the trainer's own packages

        self._announce()
        bar = tqdm(range(self.steps), smoothing=0, desc="steps")
        self.accelerator.init_trackers(self.options["log_tracker_name"])
        if self.options["sample_at_first"]:
            self._draw(epoch=0)
        for epoch in range(1, self.epochs + 1):
            self.accelerator.print(f"\nepoch {epoch}/{self.epochs}", flush=True)
            self._train_epoch(epoch, bar)
            self._log({"loss/epoch": self._average()}, epoch)
            self._end_epoch(epoch)
        self.accelerator.end_training()
        if self.options["save_state"] or self.options["save_state_on_train_end"]:
            self._save_state(output.final_state(self.options["output_name"]), "saving last state.")
        self._save(
            output.final_file(self.options["output_name"]),
            "save trained model as StableDiffusion checkpoint to ",
        )
        print("model saved.", flush=True)

    def _announce(self) -> None:
        trained = ["unet" in self.groups, "text_encoder1" in self.groups, "text_encoder2" in self.groups]
        count = sum(weight.numel() for group in self.groups.values() for weight in group["params"])
        print("train unet: {}, text_encoder1: {}, text_encoder2: {}".format(*trained))
        print(f"number of models: {sum(trained)}\nnumber of trainable parameters: {count}")
        print("prepare optimizer, data loader etc.\nrunning training / of the miniature")
        print(f"  num examples / images with repeats: {self.batches.examples}")
        print(f"  num batches per epoch / of all datasets: {len(self.loader)}")
        print(f"  num epochs / in all: {self.epochs}")
        accumulated = self.options["gradient_accumulation_steps"]
        print(f"  gradient accumulation steps / batches per step = {accumulated}")
        print(f"  total optimization steps / in all: {self.steps}", flush=True)

    def _train_epoch(self, epoch: int, bar: Any) -> None:
        self.batches.shuffle()
        for index, batch in enumerate(self.loader):
            with self.accelerator.accumulate(self.model.unet):
                loss = self._train_batch(batch)
            if self.accelerator.sync_gradients:
                bar.update(1)
                self.step += 1
                self._end_step()
            self._record(epoch, index, loss)
            bar.set_postfix(avr_loss=self._average())
            if self.step >= self.steps:
                break

    def _train_batch(self, batch: Mapping[str, Any]) -> float:
        latents = self.maths.encode_pixels(self.model, batch["pixels"])
        text = self.maths.encode_captions(self.model, batch["captions"])
        noised = self.maths.add_noise(latents, self.shares, self.options)
        with self.accelerator.autocast():
            said = self.maths.predict(self.model.unet, noised.noisy, noised.timesteps, text, batch["sizes"])
        loss = self.maths.loss_of(said.float(), noised, self.shares, self.options)
        self.accelerator.backward(loss)
        if self.accelerator.sync_gradients and self.options["max_grad_norm"]:
            weights = [weight for group in self.groups.values() for weight in group["params"]]
            self.accelerator.clip_grad_norm_(weights, self.options["max_grad_norm"])
        self.optimizer.step()
        self.scheduler.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def _record(self, epoch: int, index: int, loss: float) -> None:
        """Keep the last epoch-length window of losses, and log this one with the rates."""
        if epoch == 1:
            self.losses.append(loss)
        else:
            self.losses[index] = loss
        rates = zip(self.groups, self.scheduler.get_last_lr(), strict=True)
        self._log({"loss": loss} | {f"lr/{name}": float(rate) for name, rate in rates}, self.step)

    def _average(self) -> float:
        return sum(self.losses) / len(self.losses)

    def _log(self, values: Mapping[str, float], step: int) -> None:
        if self.accelerator.trackers:
            self.accelerator.log(dict(values), step=step)

    def _end_step(self) -> None:
        every, name = self.options["save_every_n_steps"], self.options["output_name"]
        by_epoch = self.options["sample_every_n_epochs"] is not None  # it wins over steps, as in sd-scripts
        if not by_epoch and _due(self.step, self.options["sample_every_n_steps"]):
            self._draw(epoch=None)
        if _due(self.step, every):
            self._save(output.step_file(name, self.step))
            old = output.superseded_step(self.step, every, self.options["save_last_n_steps"])
            self._remove(None if old is None else output.step_file(name, old))
            if self.options["save_state"]:
                self._save_state(output.step_state(name, self.step), f"saving state at step {self.step}")
                keep = self.options["save_last_n_steps_state"] or self.options["save_last_n_steps"]
                old = output.superseded_step(self.step, every, keep)
                self._remove(output.step_state(name, old) if old else None)

    def _end_epoch(self, epoch: int) -> None:
        every, name = self.options["save_every_n_epochs"], self.options["output_name"]
        if epoch < self.epochs and _due(epoch, every):
            self._save(output.epoch_file(name, epoch))
            old = output.superseded_epoch(epoch, every, self.options["save_last_n_epochs"])
            self._remove(None if old is None else output.epoch_file(name, old))
            if self.options["save_state"]:
                self._save_state(output.epoch_state(name, epoch), f"saving state at epoch {epoch}")
                keep = self.options["save_last_n_epochs_state"] or self.options["save_last_n_epochs"]
                old = output.superseded_epoch(epoch, every, keep)
                self._remove(None if old is None else output.epoch_state(name, old))
        if _due(epoch, self.options["sample_every_n_epochs"]):
            self._draw(epoch=epoch)

    def _save(self, name: str, words: str = "\nsaving checkpoint: ") -> None:
        path = Path(self.options["output_dir"]) / name
        print(f"{words}{path}", flush=True)
        header = output.header(self.options, datetime.now().astimezone().replace(tzinfo=None))
        self.maths.save(self.model, path, self.options["save_precision"], header)

    def _save_state(self, name: str, words: str) -> None:
        print(f"\n{words}", flush=True)
        self.accelerator.save_state(str(Path(self.options["output_dir"]) / name))

    def _remove(self, name: str | None) -> None:
        path = Path(self.options["output_dir"]) / (name or "")
        if name is None or not path.exists():
            return
        print(f"removing old {'state' if path.is_dir() else 'checkpoint'}: {path}", flush=True)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()

    def _draw(self, epoch: int | None) -> None:
        folder = Path(self.options["output_dir"]) / "sample"
        folder.mkdir(parents=True, exist_ok=True)
        print(f"\ngenerating sample images at step / of the training: {self.step}", flush=True)
        for prompt in output.read_prompts(Path(self.options["sample_prompts"])):
            print(f"prompt: {prompt.text}", flush=True)
            image = self.maths.draw(self.model, prompt, self.shares, velocity=bool(self.options["v_parameterization"]))
            when, now = (epoch, self.step), datetime.now().astimezone()
            image.save(folder / output.sample_file(self.options["output_name"], when, prompt.index, prompt.seed, now))


def _due(count: int, every: int | None) -> bool:
    return every is not None and count % every == 0


def _length(options: Options, batches: int) -> tuple[int, int]:
    """Optimizer steps and epochs; max_train_epochs wins (sdxl_train.py:439-446, 574-576)."""
    per_epoch = math.ceil(batches / options["gradient_accumulation_steps"])
    steps = options["max_train_steps"]
    epochs = options["max_train_epochs"]
    if epochs is not None:
        steps = epochs * per_epoch
        print(f"override steps. steps for {epochs} epochs is / max_train_epochs wins: {steps}")
    return steps, math.ceil(steps / per_epoch)


def _accelerator(options: Options) -> Any:
    from accelerate import Accelerator  # noqa: PLC0415

    folder = options["logging_dir"]
    if folder is not None:
        folder = f"{folder}/{options['log_prefix'] or ''}{datetime.now().astimezone():%Y%m%d%H%M%S}"
    return Accelerator(
        gradient_accumulation_steps=options["gradient_accumulation_steps"],
        mixed_precision=options["mixed_precision"],
        log_with=None if folder is None else "tensorboard",
        project_dir=folder,
    )


def _load_model(maths: Any, options: Options) -> Any:
    base, tokenizers = options["pretrained_model_name_or_path"], options["tokenizer_cache_dir"]
    if not Path(base, "model_index.json").is_file():
        raise SystemExit(f"stand-in: {base} is no Diffusers folder; only the miniature SDXL can be rehearsed on")
    return maths.load(Path(base), Path(tokenizers), options["max_token_length"] or 75)


if __name__ == "__main__":
    main()
