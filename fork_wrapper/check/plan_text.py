"""A plan in words: one row per question that people ask before they let a GPU run for hours."""

from collections.abc import Iterator, Sequence

from fork_wrapper.check.dataset_layout import DatasetLayout
from fork_wrapper.check.gpu_memory import MIB, Term
from fork_wrapper.check.measured import Neighbour
from fork_wrapper.check.plan import Cache, Plan
from fork_wrapper.check.rules.rates import blocks_in_words
from fork_wrapper.sdscripts.steps import Schedule, Writes
from fork_wrapper.text import clock, counted, pace, size, sizes

NOT_MEASURED = "not measured yet"

Row = tuple[str, str]


def rows(plan: Plan) -> list[Row]:
    """Label and text of every row."""
    return [
        *_data(plan),
        *_length(plan),
        ("rates", _rates(plan)),
        *_files(plan),
        *_caches(plan),
        *_memory(plan),
        *_measured(plan),
    ]


def bucket_rows(plan: Plan) -> list[tuple[str, str, str]]:
    """Dataset, resolution and images of every bucket, as sd-scripts will list them."""
    return [
        (dataset.path.removeprefix("dataset."), f"{one.resolution[0]} x {one.resolution[1]}", str(one.count))
        for dataset in plan.datasets
        for one in dataset.buckets
    ]


def _data(plan: Plan) -> Iterator[Row]:
    for dataset in plan.datasets:
        yield "images", dataset.problem or _images(dataset)
        if dataset.buckets:
            yield "buckets", f"{counted(len(dataset.buckets), 'bucket')}: {_buckets(dataset)}"


def _images(dataset: DatasetLayout) -> str:
    if not dataset.images:
        return "none"
    parts = []
    for subset in dataset.subsets:
        text = f"{subset.images} x {subset.repeats}"
        text += " for regularization" if subset.is_reg else ""
        text += f" ({subset.held_out} held out and never used)" if subset.held_out else ""
        parts.append(f"{text} (ignored: {subset.ignored})" if subset.ignored else text)
    in_all = (
        f"{dataset.repeats} in an epoch, {counted(dataset.batches, 'batch', 'batches')} of up to {dataset.batch_size}"
    )
    return f"{' + '.join(parts)} = {in_all}"


def _buckets(dataset: DatasetLayout) -> str:
    most = sorted(dataset.buckets, key=lambda one: -one.count)
    shown = ", ".join(f"{one.count} of {one.resolution[0]} x {one.resolution[1]}" for one in most[:3])
    return f"{shown} and {len(most) - 3} more" if len(most) > 3 else shown


def _length(plan: Plan) -> Iterator[Row]:
    if plan.schedule is None:
        yield "steps", f"unknown: {plan.unknown}"
        return
    one = plan.schedule
    batch_sizes = sorted({dataset.batch_size for dataset in plan.datasets})
    batch = f"{_either(batch_sizes)} x {plan.accumulation} accumulated x {counted(plan.processes, 'GPU')}"
    whole = _either([count * plan.accumulation * plan.processes for count in batch_sizes])
    yield "steps", f"{one.total_steps}: {counted(one.epochs, 'epoch')} of {one.steps_per_epoch}"
    yield "one step", f"{whole} ({batch})"
    yield "schedule", _scheduler(plan, one)


def _either(counts: Sequence[int]) -> str:
    return " or ".join([*map(str, counts[:-1]), counted(counts[-1], "image")]) if counts else "0 images"


def _scheduler(plan: Plan, schedule: Schedule) -> str:
    text = plan.lr_scheduler
    if schedule.warmup_steps:
        text += f", {counted(schedule.warmup_steps // schedule.processes, 'warm-up step')}"
    return f"{text}, {counted(schedule.decay_steps, 'decay step')}" if schedule.decay_steps else text


def _rates(plan: Plan) -> str:
    parts = (("text encoder 1", plan.rates.text_encoder_1), ("text encoder 2", plan.rates.text_encoder_2))
    unet = _rate("U-Net", plan.rates.unet) if plan.block_rates is None else f"U-Net {blocks_in_words(plan.block_rates)}"
    text = ", ".join([unet, *(_rate(name, rate) for name, rate in parts)])
    return f"{text} ({plan.rates_by})" if plan.rates_by else text


def _rate(name: str, rate: float) -> str:
    return f"{name} {rate:g}" if rate else f"{name} frozen"


def _files(plan: Plan) -> Iterator[Row]:
    if plan.schedule is not None:
        yield "checkpoints", _writes(plan.schedule.checkpoints, plan.checkpoint_bytes)
        if len(plan.schedule.states):
            yield "states", _writes(plan.schedule.states, plan.state_bytes)
        if len(plan.schedule.samples):
            yield "samples", _samples(plan, plan.schedule)
    if plan.kept_bytes and plan.free is not None:
        more = " and states of an unknown size" if plan.state_bytes is None and plan.schedule else ""
        needed, free = sizes([plan.kept_bytes, plan.free])
        yield "disk", f"{needed}{more if _has_states(plan) else ''} of {free} free"


def _has_states(plan: Plan) -> bool:
    return plan.schedule is not None and len(plan.schedule.states) > 0


def _writes(writes: Writes, each: int | None) -> str:
    first = next(iter(writes)).file
    between = f"{first} ... {writes.name}{writes.forms[2]}" if len(writes) > 1 else first
    amount = f" of {size(each)}" if each else ""
    kept = "" if writes.kept == len(writes) else f", {writes.kept} of them kept"
    return f"{len(writes)}{amount}{kept}: {between}"


def _samples(plan: Plan, schedule: Schedule) -> str:
    times = len(schedule.samples)
    images = counted(plan.prompts * times, "image")
    return f"{counted(plan.prompts, 'prompt')}, {counted(times, 'time')}: {images}"


def _caches(plan: Plan) -> Iterator[Row]:
    for label, cache in (("latents", plan.latents), ("captions", plan.texts)):
        if cache is not None:
            yield label, _cache(cache)


def _cache(cache: Cache) -> str:
    return f"{size(cache.bytes)} cached {'on disk beside the images' if cache.on_disk else 'in memory'}"


def _memory(plan: Plan) -> Iterator[Row]:
    if plan.memory is None:
        return
    one = plan.memory
    kinds = ((kind, one.of(kind)) for kind in ("weights", "gradients", "optimizer", "buckets"))
    parts = [f"{kind} {_terms(terms)}" for kind, terms in kinds if terms]
    left_out = f"; {one.left_out}" if one.left_out else ""
    yield "GPU memory", f"at least {one.mib} MiB, without activations and CUDA's own: {'; '.join(parts)}{left_out}"
    for near in plan.neighbours:
        yield "like runs", neighbour_in_words(near)


def _terms(terms: Sequence[Term]) -> str:
    return ", ".join(f"{term.part} {term.bytes // MIB}" for term in terms)


def neighbour_in_words(one: Neighbour) -> str:
    """What a like run took, on which GPU, and who says so."""
    gpu = f" on {one.gpu}" if one.gpu else ""
    batch = f", batch_size {one.batch_size}" if one.batch_size else ""
    return f"{one.mib} MiB{gpu}{batch}; {one.source}"


def _measured(plan: Plan) -> Sequence[Row]:
    if plan.measured is None:
        return [("time", NOT_MEASURED), ("VRAM", NOT_MEASURED)]
    by, speed = f"measured by {plan.measured.run}", plan.measured.steps_per_second
    loop = clock(plan.seconds) if plan.seconds is not None else "unknown"
    vram = ", ".join(f"{peak} MiB" for peak in plan.measured.peak_vram_mib)
    return [
        ("time", f"{loop} at {pace(speed)}, without start, samples and saves; {by}"),
        ("VRAM", f"{vram}; {by}" if vram else NOT_MEASURED),
    ]
