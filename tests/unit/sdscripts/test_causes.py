"""Causes of failure: each by the very words that the trainer, torch and their like print."""

import pytest

from fork_wrapper.sdscripts.causes import Cause, find_cause

NAMES = {
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB": "out of memory",
    "RuntimeError: CUDA error: out of memory": "out of memory",
    "ModuleNotFoundError: No module named 'bitsandbytes'": "missing package",
    "ImportError: xformers is not available": "missing package",
    "ImportError: No xformers": "missing package",
    "NotImplementedError: No operator found for `memory_efficient_attention_forward` with inputs:": (
        "xformers without kernels"
    ),
    "RuntimeError: unscale_() has already been called on this optimizer since the last update().": (
        "gradients unscaled twice"
    ),
    (
        "ValueError: You are trying to load the model files of the `variant=fp16`, "
        "but no such modeling files are available."
    ): "no fp16 files",
    "No data found. Please verify the metadata file": "no data",
    "OSError: [Errno 28] No space left on device": "disk full",
    "OSError: [Errno 122] Disk quota exceeded": "disk full",
    "safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge": "damaged model file",
    "SafetensorError: MetadataIncompleteBuffer": "damaged model file",
    "Attempting to deserialize ... but torch.cuda.is_available() is False.": "no usable GPU",
    "RuntimeError: Found no NVIDIA driver on your system.": "no usable GPU",
    "RuntimeError: No CUDA GPUs are available": "no usable GPU",
    "voluptuous.error.MultipleInvalid: extra keys not allowed @ data['x']": "dataset config refused",
    "AssertionError: fused_backward_pass does not work with accumulation": "refused by sd-scripts",
}


@pytest.mark.parametrize("line", NAMES)
def test_named_causes(line: str) -> None:
    """Each known failure has its name, what happened and what to do."""
    cause = find_cause(["starting", line, "the last line says nothing"])
    assert cause is not None
    assert (cause.name, bool(cause.what), bool(cause.todo)) == (NAMES[line], True, True)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("ModuleNotFoundError: No module named 'a.b_c'", "the trainer's Python lacks a package: a.b_c"),
        ("xformers is not available", "the trainer's Python lacks a package: xformers"),
        ("ImportError: No xformers", "the trainer's Python lacks a package: xformers"),
        ("MultipleInvalid: extra keys {x}", "sd-scripts refuses the dataset config: extra keys {x}"),
        ("AssertionError: a {brace} stays", "AssertionError: a {brace} stays"),
    ],
)
def test_causes_in_the_trainers_words(line: str, what: str) -> None:
    """Where the trainer's own words help they are repeated, and no detail is left empty."""
    cause = find_cause([line])
    assert cause is not None
    assert cause.what == what


@pytest.mark.parametrize(
    "line",
    [
        *("out of memory: not what this says", "modules named 'x' are loaded", "xformers is available"),
        *(
            "No data lost. Please wait",
            "no space in the prompt",
            "the header is fine",
            "torch.cuda.is_available() is True",
        ),
        *("NotImplementedError: No operator found for conv", "load Diffusers models: /sdxl, variant=fp16"),
        *("2 MultipleInvalidations", "an AssertionError: in the middle", "Errno 28", "NVIDIA driver found", ""),
    ],
)
def test_near_misses(line: str) -> None:
    """A line that only resembles a failure is none."""
    assert find_cause([line]) is None


def test_the_last_cause_counts() -> None:
    """What was said last is nearest to the end; nothing said is no cause."""
    lines = ["ModuleNotFoundError: No module named 'triton'", "CUDA out of memory", "Traceback"]
    assert find_cause(lines) == Cause(
        id="cuda-memory",
        name="out of memory",
        what="the GPU has too little memory for this configuration",
        todo="lower batch_size and raise gradient_accumulation_steps, or set gradient_checkpointing and cache_latents",
    )
    assert find_cause([]) is None
