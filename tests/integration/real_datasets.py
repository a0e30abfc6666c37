"""Let the real sd-scripts lay out datasets, place images and save; print what it did.

Started by path in the trainer's Python (`real_datasets.py SD_SCRIPTS < QUESTIONS`). Nothing of sd-scripts is changed:
its functions are called in the order of sdxl_train.py, and the statements of `train` that count steps are run as they
stand there. Only what needs a model is left out: saving makes empty files, and there is no sample prompt to draw.
"""

import ast
import contextlib
import importlib
import json
import logging
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ["ACCELERATE_USE_CPU"] = "true"
sys.path[0] = str(Path(__file__).resolve().parents[2])

from fork_wrapper.sdscripts.read_parser import load  # noqa: E402 - found by the path above

BEFORE = ("args.max_train_epochs is not None",)
AFTER = ("num_update_steps_per_epoch = ", "num_train_epochs = ", "args.save_n_epoch_ratio is not None")
FORMAT = {"save_stable_diffusion_format": True, "use_safetensors": True}
SAMPLING = "generating sample images"


class Real:
    """What one checkout of sd-scripts answers."""

    def __init__(self, sd_scripts: Path) -> None:
        self.script: Any = load(sd_scripts)
        self.library: Any = self.script.train_util
        self.accelerate: Any = importlib.import_module("accelerate")
        self.before, self.after = counting_lines(sd_scripts / "sdxl_train.py")

    def lay_out(self, train_toml: str, dataset_toml: str, processes: int) -> dict[str, Any]:
        """Buckets and lengths of every dataset, and the numbers that sdxl_train.py prints of them."""
        sys.argv = ["sdxl_train.py", "--config_file", train_toml, "--dataset_config", dataset_toml]
        parser = self.script.setup_parser()
        args = self.library.read_config_from_file(parser.parse_args(), parser)
        self.library.verify_training_args(args)
        self.library.prepare_dataset_args(args, support_metadata=True)
        group = self.datasets(args)
        layouts = []
        for one in group.datasets:
            manager = one.bucket_manager
            pairs = zip(manager.resos, manager.buckets, strict=True)
            buckets = [[*reso, len(bucket)] for reso, bucket in pairs if bucket]
            layouts.append({"buckets": buckets, "images": len(one.image_data), "batches": len(one)})
        effective = [
            {
                "batch_size": one.batch_size,
                "subsets": [vars(it) for it in one.subsets],
            }
            for one in group.datasets
        ]
        answer = {"effective": effective, "datasets": layouts, "examples": group.num_train_images, "length": len(group)}
        if len(group):
            loader, epochs = self.count(args, len(group), processes)
            answer |= {"num_batches_per_epoch": len(loader), "num_epochs": epochs, "total_steps": args.max_train_steps}
        return answer

    def datasets(self, args: Any) -> Any:
        """The group of datasets (sdxl_train.py:124-178)."""
        if args.seed is not None:
            self.script.set_seed(args.seed)
        strategy = self.script.strategy_base.LatentsCachingStrategy
        strategy._strategy = None
        if args.cache_latents:
            caching = self.script.strategy_sd.SdSdxlLatentsCachingStrategy
            to_disk, batch, skip = args.cache_latents_to_disk, args.vae_batch_size, args.skip_cache_check
            strategy.set_strategy(
                caching(sd=False, cache_to_disk=to_disk, batch_size=batch, skip_disk_cache_validity_check=skip)
            )
        config = self.script.config_util
        kinds = dict.fromkeys(("support_dreambooth", "support_finetuning", "support_dropout"), True)
        sanitizer = config.ConfigSanitizer(support_controlnet=args.masked_loss, **kinds)
        user_config = config.load_user_config(args.dataset_config)
        blueprint = config.BlueprintGenerator(sanitizer).generate(user_config, args)
        group, _validation = config.generate_dataset_group_by_blueprint(blueprint.dataset_group)
        return group

    def count(self, args: Any, length: int, processes: int) -> tuple[Any, int]:
        """The data loader of the first process and the number of epochs; the program's lines set the rest in `args`."""
        accelerator = SimpleNamespace(num_processes=processes, print=lambda _text: None)
        space = {"args": args, "accelerator": accelerator, "math": math, "train_dataloader": range(length)}
        exec(self.before, space)
        data = self.script.torch.utils.data.DataLoader(range(length), batch_size=1, shuffle=True)
        share = self.accelerate.data_loader.prepare_data_loader
        space["train_dataloader"] = share(data, num_processes=processes, process_index=0, put_on_device=False)
        exec(self.after, space)
        return space["train_dataloader"], space["num_train_epochs"]

    def place(self, bucketing: dict[str, Any], images: list[list[int]]) -> dict[str, Any]:
        """Bucket and resized size of each image, or how it dies (library/train_util.py:996-1060)."""
        try:
            limits = [bucketing["smallest"], bucketing["largest"]]
            if bucketing["enabled"]:
                adjust = self.library.BaseDataset.adjust_min_max_bucket_reso_by_steps
                limits = adjust(None, tuple(bucketing["resolution"]), *limits, bucketing["steps"])
            manager = self.bucket_manager(bucketing, limits)
        except (AssertionError, ZeroDivisionError) as error:
            return {"died": type(error).__name__}
        return {"placed": [_placed(manager, *image) for image in images]}

    def bucket_manager(self, bucketing: dict[str, Any], limits: list[int]) -> Any:
        """As `make_buckets` makes it."""
        resolution = tuple(bucketing["resolution"])
        if not bucketing["enabled"]:
            manager = self.library.BucketManager(
                no_upscale=False, max_reso=resolution, min_size=None, max_size=None, reso_steps=None
            )
            manager.set_predefined_resos([resolution])
            return manager
        manager = self.library.BucketManager(bucketing["no_upscale"], resolution, *limits, bucketing["steps"])
        if not bucketing["no_upscale"]:
            manager.make_buckets()
        return manager

    def train(self, options: dict[str, Any], batches: int, processes: int, folder: str) -> dict[str, Any]:
        """Everything that a training writes and when, and what is left of it: its loop without its model."""
        args = self.script.setup_parser().parse_args([])
        vars(args).update(options, output_dir=folder, output_name="one {x}", sample_prompts="nowhere.txt")
        self.library.verify_training_args(args)
        loader, epochs = self.count(args, batches, processes)
        scheduler = self.scheduler(args, processes)
        Path(folder).mkdir()
        written = Loop(self, args, loader, epochs).run()
        left = sorted(path.name for path in Path(folder).iterdir())
        return {"epochs": epochs, "total": args.max_train_steps, "written": written, "left": left, **scheduler}

    def scheduler(self, args: Any, processes: int) -> dict[str, int]:
        """What a scheduler that asks for everything is given."""
        kinds = self.library.TYPE_TO_SCHEDULER_FUNCTION
        kind = self.library.SchedulerType("warmup_stable_decay")
        args.lr_scheduler, real = kind.value, kinds[kind]
        kinds[kind] = lambda _optimizer, **told: told
        told = self.library.get_scheduler_fix(args, None, processes)
        kinds[kind] = real
        return {"warmup": told["num_warmup_steps"], "decay": told["num_decay_steps"]}


class Loop:
    """The loop of sdxl_train.py:618-885, as far as it writes."""

    def __init__(self, real: Real, args: Any, loader: Any, epochs: int) -> None:
        self.real, self.args, self.loader, self.epochs = real, args, loader, epochs
        real.accelerate.state.AcceleratorState._reset_state()
        real.accelerate.state.GradientState._reset_state()
        accumulated = args.gradient_accumulation_steps
        self.accelerator: Any = real.accelerate.Accelerator(cpu=True, gradient_accumulation_steps=accumulated)
        self.saving = SimpleNamespace(save_state=self.state)
        self.step = 0
        self.written: list[list[Any]] = []
        self.samples: list[str] = []

    def run(self) -> list[list[Any]]:
        """Names of what is written, each with the steps done; for samples the epoch or None."""
        with _messages(self.real.library.logger, self.samples):
            self.sample(0)
            for epoch in range(self.epochs):
                self.epoch(epoch)
                if self.args.save_every_n_epochs is not None:
                    self.save(epoch, at_end_of_epoch=True)
                self.sample(epoch + 1)
            if self.args.save_state or self.args.save_state_on_train_end:
                self.real.library.save_state_on_train_end(self.args, self.saving)
            end = self.real.library.save_sd_model_on_train_end_common
            end(self.args, epoch=epoch, global_step=self.step, sd_saver=self.model, diffusers_saver=None, **FORMAT)
        return self.written

    def epoch(self, epoch: int) -> None:
        """Up to the last step, with accelerate's own idea of which batch ends one."""
        for _batch in self.loader:
            with self.accelerator.accumulate():
                pass
            if self.accelerator.sync_gradients:
                self.step += 1
                self.sample(None)
                if self.args.save_every_n_steps is not None and self.step % self.args.save_every_n_steps == 0:
                    self.save(epoch, at_end_of_epoch=False)
            if self.step >= self.args.max_train_steps:
                break

    def save(self, epoch: int, *, at_end_of_epoch: bool) -> None:
        """The real function that decides, names and removes."""
        self.real.library.save_sd_model_on_epoch_end_or_stepwise_common(
            self.args,
            on_epoch_end=at_end_of_epoch,
            accelerator=self.saving,
            epoch=epoch,
            num_train_epochs=self.epochs,
            global_step=self.step,
            sd_saver=self.model,
            diffusers_saver=None,
            **FORMAT,
        )

    def model(self, file: str, _epoch: int, step: int) -> None:
        """In place of the checkpoint's content."""
        Path(file).touch()
        self.written.append([Path(file).name, step])

    def state(self, folder: str) -> None:
        """In place of the state's content."""
        Path(folder).mkdir()
        self.written.append([Path(folder).name, self.step])

    def sample(self, epoch: int | None) -> None:
        """The real function, up to the prompts."""
        before = len(self.samples)
        self.real.library.sample_images_common(
            None, self.accelerator, self.args, epoch, self.step, None, None, None, None, None
        )
        if len(self.samples) > before:
            self.written.append([f"sample {epoch}", self.step])


@contextlib.contextmanager
def _messages(logger: logging.Logger, heard: list[str]) -> Iterator[None]:
    """Hear what the library says of sampling."""
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.msg) if SAMPLING in record.msg else None  # type: ignore[method-assign]
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _placed(manager: Any, width: int, height: int) -> Any:
    try:
        bucket, resized, _error = manager.select_bucket(width, height)
    except (AssertionError, ZeroDivisionError) as error:
        return type(error).__name__
    return [*bucket, *resized]


def counting_lines(script: Path) -> tuple[Any, Any]:
    """The statements of `train` that count steps and epochs: before and after the data loader is shared out."""
    (train,) = [one for one in ast.parse(script.read_bytes()).body if getattr(one, "name", "") == "train"]
    assert isinstance(train, ast.FunctionDef)
    named = [(ast.unparse(_head(one)), one) for one in train.body]
    before = [one for name, one in named if name.startswith(BEFORE)]
    after = [one for name, one in named if name.startswith(AFTER)]
    assert (len(before), len(after)) == (1, 3)
    return _compiled(before), _compiled(after)


def _head(statement: ast.stmt) -> ast.AST:
    """What decides in an `if`, or else the statement."""
    return statement.test if isinstance(statement, ast.If) else statement


def _compiled(statements: list[Any]) -> Any:
    return compile(ast.Module(body=statements, type_ignores=[]), "sdxl_train.py", "exec")


def main(folder: str) -> None:
    """Answer every question of stdin, {"layouts": [...], "places": [...], "trainings": [...]}, in order."""
    questions = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        real = Real(Path(folder).resolve())
        logging.getLogger().handlers.clear()  # laying out every line for a terminal takes most of the time
        answers: dict[str, list[Any]] = {"layouts": [], "places": [], "trainings": []}
        for question in questions["layouts"]:
            try:
                answers["layouts"].append(real.lay_out(**question))
            except Exception as error:  # noqa: BLE001 - however it dies, the next question is another one
                answers["layouts"].append({"died": type(error).__name__})
        answers["places"] = [real.place(**question) for question in questions["places"]]
        answers["trainings"] = [real.train(**question) for question in questions["trainings"]]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
