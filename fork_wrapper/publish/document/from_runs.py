"""Answers that the records of runs give: machine, time, losses, software. A rehearsal's say that they are no more."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from fork_wrapper.check.rules.prompt_file import Prompt
from fork_wrapper.formats.source import named_prompts
from fork_wrapper.publish.document.answers import Answer, Answering, Asked, beside
from fork_wrapper.publish.document.fields import Words
from fork_wrapper.publish.document.from_people import story_part
from fork_wrapper.publish.document.subjects import Subject, changed
from fork_wrapper.publish.sample_images import SampleImage, parsed_prompts, sample_images
from fork_wrapper.records.losses import Mean, losses_of
from fork_wrapper.records.record import Record
from fork_wrapper.sdscripts.options import pinned_commit
from fork_wrapper.text import clock

Reading = Callable[[Record, Asked], str]
"""What a record says of a field; empty where it says nothing."""

PACKAGES = ("torch", "accelerate", "diffusers", "transformers", "xformers", "bitsandbytes", "safetensors", "numpy")
"""The packages that a reader asks about; the record has all of them."""


def recorded(read: Reading) -> Answering:
    """How a field is answered by the record of the last run."""

    def answer(asked: Asked) -> Answer | None:
        subject = asked.subject
        text = read(subject.record, asked) if subject.record is not None else ""
        kind = "measured" if subject.real else "rehearsed"
        return Answer(text=text, kind=kind, by=subject.run_id) if text else None  # type: ignore[arg-type]

    return answer


def or_story(read: Reading, key: str) -> Answering:
    """Likewise, or by what people tell of a training that nobody recorded; then a rehearsal's stands beside it."""

    def answer(asked: Asked) -> Answer | None:
        found, said = recorded(read)(asked), story_part(key)(asked)
        return beside(found, said) if asked.subject.real else beside(said, found)

    return answer


def _hardware(record: Record, asked: Asked) -> str:
    gpus = record.provenance.get("gpus")
    if gpus is None:
        return ""
    if not asked.subject.real or not gpus:  # a rehearsal touches no GPU
        cpus = (record.provenance.get("host") or {}).get("cpus")
        return asked.words("no_gpu") + (f", {asked.words.counted(int(cpus), 'cpu')}" if cpus else "")
    shown = [f"{gpu.get('name')} ({int(gpu.get('memory_mib') or 0) / 1024:.0f} GiB)" for gpu in gpus]
    names = [one if shown.count(one) == 1 else f"{shown.count(one)} x {one}" for one in dict.fromkeys(shown)]
    return ", ".join(names)


def _duration(_record: Record, asked: Asked) -> str:
    seconds = [segment.record.run["seconds"] for segment in asked.subject.segments]
    known = [float(one) for one in seconds if one is not None]
    return clock(sum(known)) + _from_where(asked) if known and len(known) == len(seconds) else ""


def _from_where(asked: Asked) -> str:
    """What a number leaves out, where the beginning of a resumed training is lost."""
    step = asked.subject.segments[0].step
    return asked.words("from_step", step=step) if step else ""


def _losses(_record: Record, asked: Asked) -> str:
    found = [one for segment in asked.subject.segments if (one := losses_of(segment.record.run))]
    if not found:
        return ""
    last, before = found[-1].last, asked.subject.segments[-1].step
    if found[0].first is None or any(one.lowest is None or one.last.span != last.span for one in found):
        return f"{last.value:.4f} ({mean_words(last, before, asked.words)})"
    lowest = min(one.lowest for one in found if one.lowest is not None)
    means = asked.words("epoch_means", steps=asked.words.counted(last.span or 0, "step"))
    return f"{found[0].first:.4f} → {last.value:.4f} (min {lowest:.4f}; {means}){_from_where(asked)}"


def mean_words(mean: Mean, before: int, words: Words) -> str:
    """Over which steps of the whole training a mean is; `before` of them were done by earlier runs."""
    if mean.first is None:
        return words("running_mean")
    return words("mean_of", first=mean.first + before, last=mean.step + before)


def _vram(_record: Record, asked: Asked) -> str:
    peaks = [peak for segment in asked.subject.segments for peak in segment.record.run.get("peak_vram_mib") or ()]
    return f"{max(peaks)} MiB" if peaks else ""


def _driver(record: Record, asked: Asked) -> str:
    found = record.provenance.get("gpus") or () if asked.subject.real else ()
    return ", ".join(sorted({str(gpu["driver"]) for gpu in found if gpu.get("driver")}))


def _system(record: Record, _asked: Asked) -> str:
    return str((record.provenance.get("host") or {}).get("system") or "")


def _speed(record: Record, _asked: Asked) -> str:
    speed = record.run["steps_per_second"]
    return f"{speed:.3g}" if speed else ""


def _started(_record: Record, asked: Asked) -> str:
    text = str(asked.subject.segments[0].record.run["started"])
    try:
        return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return text


def _base_model(record: Record, asked: Asked) -> str:
    """Of a rehearsal it would be that of the miniature."""
    return str((record.provenance.get("base_model") or {}).get("sha256") or "") if asked.subject.real else ""


def _commit(name: str) -> Reading:
    def read(record: Record, asked: Asked) -> str:
        state: Mapping[str, Any] = record.provenance.get(name) or {}
        if not state.get("commit"):
            return ""
        return f"{state['commit']}{asked.words('dirty') if state.get('dirty') else ''}"

    return read


def _kft(record: Record, asked: Asked) -> str:
    try:
        version = str(json.loads(record.training["metadata_kft_run"])["kft"])
    except (KeyError, TypeError, ValueError):
        version = ""
    return f"{version} {_commit('project')(record, asked)}".strip()


def _python(record: Record, _asked: Asked) -> str:
    return str((record.provenance.get("python") or {}).get("version") or "")


def _packages(record: Record, _asked: Asked) -> str:
    found = (record.provenance.get("python") or {}).get("packages") or {}
    return ", ".join(f"{name} {found[name]}" for name in PACKAGES if name in found)


def framework(asked: Asked) -> Answer:
    """Sd-scripts, always; its commit where a run recorded it."""
    state: Mapping[str, Any] = {}
    if asked.subject.record is not None:
        state = asked.subject.record.provenance.get("sd_scripts") or {}
    if asked.subject.real and state.get("commit"):
        text = f"kohya-ss/sd-scripts {str(state['commit'])[:12]}, sdxl_train.py"
        return Answer(text=text, kind="measured", by=asked.subject.run_id)
    return Answer(text=f"kohya-ss/sd-scripts {pinned_commit()[:12]}, sdxl_train.py", kind="kft")


def _sample_images(asked: Asked) -> Answer | None:
    """How many sample images lie in the run folders."""
    if asked.subject.record is None:
        return None
    count = len(sample_files(asked.subject))
    kind = "measured" if asked.subject.real else "rehearsed"
    return Answer(text=str(count), kind=kind, by=asked.subject.run_id) if count else None  # type: ignore[arg-type]


def sample_files(subject: Subject) -> list[SampleImage]:
    """Every sample image of a subject's runs, the first of the training first."""
    return [image for segment in subject.segments for image in sample_images(segment)]


def prompts(subject: Subject) -> tuple[Prompt, ...]:
    """The prompts, as the run recorded them, else as their file has them now; none where there are none to read."""
    record = subject.record
    is_recorded = record is not None and "training.sample_prompts" not in changed(record)
    text = record.experiment.get("sample_prompts") if record and is_recorded else named_prompts(subject.source)
    return parsed_prompts(text, subject.source.training.get("sample_prompts"))


ANSWERS: dict[str, Answering] = {
    "hardware": or_story(_hardware, "hardware"),
    "duration": or_story(_duration, "duration"),
    "losses": recorded(_losses),
    "vram_peak": recorded(_vram),
    "driver": recorded(_driver),
    "system": recorded(_system),
    "speed": recorded(_speed),
    "started": recorded(_started),
    "base_model_sha256": recorded(_base_model),
    "sd_scripts_commit": recorded(_commit("sd_scripts")),
    "kft_commit": recorded(_kft),
    "python": recorded(_python),
    "packages": recorded(_packages),
    "framework": framework,
    "sample_images": _sample_images,
}
