"""Causes of failure: each by the very words that the trainer, torch and their like print."""

import pytest

from fork_wrapper.sdscripts.causes import Cause, find_cause, known_causes

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


WORDS = {
    "cublas-memory": "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "page-file": "OSError: [WinError 1455] The paging file is too small for this operation to complete. Error loading",
    "shared-memory": "RuntimeError: unable to allocate shared memory(shm) for file </torch_1_2_3>: Resource temporari",
    "dataloader-worker": "RuntimeError: DataLoader worker (pid 4711) is killed by signal: Killed. ",
    "host-memory": "RuntimeError: [enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: not enough memory: you tri",
    "nan-latents": "RuntimeError: NaN detected in latents: C:\\img\\020.jpg",
    "ddp-unused": "RuntimeError: Expected to have finished reduction in the prior iteration before starting a new one.",
    "ddp-twice": "RuntimeError: Expected to mark a variable ready only once. This error is caused by",
    "port-in-use": "torch.distributed.DistNetworkError: The server socket has failed to listen on any local network a",
    "nccl-watchdog": "[E ProcessGroupNCCL.cpp:828] [Rank 1] Watchdog caught collective operation timeout: WorkNCCL(Seq",
    "no-kernel-image": "RuntimeError: CUDA error: no kernel image is available for execution on the device",
    "torchvision-mismatch": "RuntimeError: operator torchvision::nms does not exist",
    "bitsandbytes-cuda": "RuntimeError: CUDA Setup failed despite GPU being available. Please run the following comma",
    "sd-scripts-module": "ModuleNotFoundError: No module named 'library.ipex'",
    "optimizer-groups": "ValueError: loaded state dict has a different number of parameter groups",
    "state-dict": "RuntimeError: Error(s) in loading state_dict for SdxlUNet2DConditionModel:",
    "unequal-stack": "RuntimeError: stack expects each tensor to be equal size, but got [4, 128, 128] at entry 0 and",
    "hub-offline": "OSError: We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them",
    "missing-file": "FileNotFoundError: [Errno 2] No such file or directory: '/x'",
}
BEFORE = (
    "",
    "[rank1]: ",
    "[rank0]:[rank0]: ",
    "2026-01-02 03:04:05,678 ERROR ",
    "trainer-1  | ",
    "13:02:14-584959 ERROR    ",
)


@pytest.mark.parametrize("known", WORDS)
def test_causes_behind_what_others_put_before_them(known: str) -> None:
    """Each is found by its identity, whatever launcher, notebook or collector printed the line."""
    for before in BEFORE:
        cause = find_cause(["starting", before + WORDS[known], "bye"])
        assert (before, cause and cause.id) == (before, known)
        assert cause is not None
        assert "{" not in cause.what


def test_every_cause_has_its_own_identity_and_words() -> None:
    """The table is whole."""
    ids = [cause.id for cause in known_causes()]
    assert len(ids) == len(set(ids)) >= 40
    assert all(cause.what and cause.todo and cause.name for cause in known_causes())


def test_a_message_that_was_broken() -> None:
    """By rich, whose last column is the source, and by a terminal in the middle of a word."""
    rich = [
        "2026-11-22 11:03:11 ERROR    No data found. Please       sdxl_train.py:195",
        " " * 29 + "verify the metadata",
    ]
    assert (find_cause(rich) or Cause(id="", name="", what="", todo="")).id == "no-data"
    broken = "RuntimeError: in the middle of a very long line there is this: CUDA out of memory."
    assert (find_cause([broken[:72], broken[72:]]) or Cause(id="", name="", what="", todo="")).id == "cuda-memory"
