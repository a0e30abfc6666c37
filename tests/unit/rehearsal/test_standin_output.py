"""What the stand-in writes: names, header and prompts as sd-scripts would."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.rehearsal.standin_output import (
    IMPLEMENTATION,
    Prompt,
    epoch_file,
    epoch_state,
    final_file,
    final_state,
    header,
    parse_prompt,
    read_prompts,
    sample_file,
    step_file,
    step_state,
    superseded_epoch,
    superseded_step,
)
from fork_wrapper.sdscripts.names import parse_state

NOON = datetime(2026, 11, 22, 12, 0, 5, 123456)  # noqa: DTZ001 - file names and headers hold local time


def test_checkpoint_names() -> None:
    """The name of the run, and what sd-scripts takes when there is none."""
    assert [epoch_file("x", 1), step_file("x", 4), final_file("x")] == [
        "x-000001.safetensors",
        "x-step00000004.safetensors",
        "x.safetensors",
    ]
    assert [epoch_file(None, 1), step_file(None, 4), final_file(None)] == [
        "epoch-000001.safetensors",
        "at-step00000004.safetensors",
        "last.safetensors",
    ]


def test_names_of_states() -> None:
    """Those of the checkpoints, as folders; kft reads them back."""
    names = [epoch_state("x", 1), step_state("x", 4), final_state("x")]
    assert names == ["x-000001-state", "x-step00000004-state", "x-state"]
    assert [one.kind for name in names if (one := parse_state(name, "x"))] == ["epoch", "step", "final"]
    assert [epoch_state(None, 1), step_state(None, 4), final_state(None)] == [
        "epoch-000001-state",
        "at-step00000004-state",
        "last-state",
    ]


@pytest.mark.parametrize(("epoch", "keep", "old"), [(4, None, None), (4, 1, 2), (4, 2, 0), (4, 3, None)])
def test_epochs_that_give_way(epoch: int, keep: int | None, old: int | None) -> None:
    """save_last_n_epochs counts files, here saved every second epoch."""
    assert superseded_epoch(epoch, 2, keep) == old


@pytest.mark.parametrize(("step", "keep", "old"), [(50, None, None), (50, 30, 10), (50, 10, 30), (10, 30, None)])
def test_steps_that_give_way(step: int, keep: int | None, old: int | None) -> None:
    """save_last_n_steps counts steps, here saved every tenth: 30 at step 50 remove step 10."""
    assert superseded_step(step, 10, keep) == old


@pytest.mark.parametrize(
    ("name", "when", "seed", "expected"),
    [
        ("x", (None, 8), 7, "x_000008_01_20261122120005_7.png"),
        ("x", (2, 8), None, "x_e000002_01_20261122120005.png"),
        (None, (0, 0), None, "e000000_01_20261122120005.png"),
    ],
)
def test_sample_names(name: str | None, when: tuple[int | None, int], seed: int | None, expected: str) -> None:
    """Step or epoch, number of the prompt, local time, and the seed when there is one."""
    assert sample_file(name, when, 1, seed, NOON) == expected


def test_the_header_says_who_made_it() -> None:
    """All keys that sd-scripts always writes, and an implementation that is honest."""
    assert header({"output_name": "x", "resolution": "96,64"}, NOON) == {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": "stable-diffusion-xl-v1-base",
        "modelspec.implementation": IMPLEMENTATION,
        "modelspec.title": "x",
        "modelspec.resolution": "96x64",
        "modelspec.date": "2026-11-22T12:00:05",
        "modelspec.prediction_type": "epsilon",
        "modelspec.implementation_version": "kft-stand-in",
    }


@pytest.mark.parametrize(
    ("options", "key", "text"),
    [
        ({"metadata_title": "t", "output_name": "x"}, "title", "t"),
        ({"metadata_author": "a"}, "author", "a"),
        ({"metadata_kft_config": '{"a": "ä"}'}, "kft_config", '{"a": "ä"}'),
        ({"v_parameterization": True}, "prediction_type", "v"),
        ({"min_timestep": 100}, "timestep_range", "100,1000"),
        ({"max_timestep": 0}, "timestep_range", "0,0"),
        ({"clip_skip": 2}, "encoder_layer", "2"),
        ({}, "resolution", "1024x1024"),
        ({}, "title", f"Checkpoint@{NOON.timestamp()}"),
    ],
)
def test_options_that_change_the_header(options: dict[str, Any], key: str, text: str) -> None:
    """Every metadata_<x> is modelspec.<x>, and some options leave a trace of their own."""
    assert header(options, NOON)[f"modelspec.{key}"] == text


def test_metadata_that_is_no_text_is_refused_at_the_save(tmp_path: Path) -> None:
    """The header passes it on, and safetensors raises TypeError, exactly as under sd-scripts."""
    torch = pytest.importorskip("torch", reason="a checkpoint is made of torch tensors")
    from safetensors.torch import save_file  # noqa: PLC0415 - imports torch

    with pytest.raises(TypeError):
        save_file({"w": torch.zeros(1)}, tmp_path / "x.safetensors", header({"metadata_kft_step": 3}, NOON))


def test_a_bare_prompt_has_the_trainers_defaults() -> None:
    """512 by 512, 30 steps, scale 7.5, a new seed each time."""
    assert parse_prompt("a dog", 3) == Prompt(
        index=3, text="a dog", negative=None, width=512, height=512, seed=None, steps=30, scale=7.5
    )


def test_flags_of_a_prompt() -> None:
    """All flags that matter to SDXL, in either case; sizes are rounded down to a multiple of 8."""
    line = "1girl, solo --n bad, ugly --W 100 --h 64 --d 7 --s 4 --l 5.5 --g 3 --ss euler_a"
    assert parse_prompt(line, 0) == Prompt(
        index=0, text="1girl, solo", negative="bad, ugly", width=96, height=64, seed=7, steps=4, scale=5.5
    )


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("x --w 8", "width", 64),
        ("x --s 0", "steps", 1),
        ("x --s 4000", "steps", 1000),
        ("x --w wide", "width", 512),
        ("x --w 64 --w 128", "width", 128),
        ("a --dash in the text", "text", "a"),
    ],
)
def test_odd_flags(line: str, field: str, value: object) -> None:
    """Out of range is brought into it, no number is no flag, the last one wins."""
    assert getattr(parse_prompt(line, 0), field) == value


def test_comments_and_empty_lines_are_no_prompts(tmp_path: Path) -> None:
    """Numbers count prompts, not lines."""
    path = tmp_path / "prompts.txt"
    path.write_text("# first\n\na cat\n  \na dög --w 64\n", encoding="utf-8")
    assert [(prompt.index, prompt.text) for prompt in read_prompts(path)] == [(0, "a cat"), (1, "a dög")]
