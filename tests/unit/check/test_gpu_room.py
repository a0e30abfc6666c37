"""Which GPUs a run will use, and whether they have room for it."""

from collections.abc import Sequence

import pytest

from fork_wrapper.check.gpu_memory import MIB, GpuMemory, Term
from fork_wrapper.check.gpu_room import Card, hidden, room, used_cards
from fork_wrapper.check.measured import Neighbour
from fork_wrapper.machine import gpus as nvidia
from fork_wrapper.machine.gpus import Gpu, GpuProcess, gpu_processes, gpus

ELSEWHERE = "end what uses it, or choose another GPU with CUDA_VISIBLE_DEVICES"


def gpu(number: int = 0, *, name: str = "RTX", total: int = 24000, used: int = 1, split: bool = False) -> Gpu:
    """One GPU."""
    return Gpu(name=name, memory_mib=total, used_mib=used, driver="1", uuid=f"GPU-{number}a", split=split)


def least(mib: int) -> GpuMemory:
    """A bound of so many MiB."""
    return GpuMemory(terms=(Term(kind="weights", part="U-Net", bytes=mib * MIB),))


def judged(memory: GpuMemory | None, cards: Sequence[Card], near: Sequence[Neighbour] = ()) -> list[tuple[str, str]]:
    """Severity and words of what is found."""
    return [(one.severity, one.what) for one in room(memory, cards, near=near, batch=4, flags="--set a=1")]


@pytest.mark.parametrize(
    ("environ", "count", "used"),
    [
        ({}, 1, [0]),
        ({}, 2, [0, 1]),
        ({}, 9, [0, 1, 2]),
        ({"CUDA_VISIBLE_DEVICES": "2"}, 1, [2]),
        ({"CUDA_VISIBLE_DEVICES": "2, 0"}, 2, [2, 0]),
        ({"CUDA_VISIBLE_DEVICES": "2,7,0"}, 3, [2]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-1"}, 1, [1]),
        ({"CUDA_VISIBLE_DEVICES": "MIG-GPU-1/2/0"}, 1, []),
        ({"CUDA_VISIBLE_DEVICES": ""}, 1, []),
        ({"CUDA_VISIBLE_DEVICES": "9" * 5000}, 1, []),
    ],
)
def test_only_those_count_that_are_used(environ: dict[str, str], count: int, used: list[int]) -> None:
    """As CUDA reads CUDA_VISIBLE_DEVICES, and no more than there are processes."""
    cards = used_cards([gpu(0), gpu(1), gpu(2)], [], count, environ)
    assert [card.index for card in cards] == used


def test_of_differing_gpus_the_order_is_cudas() -> None:
    """Which comes first is unknown, so the largest is taken, unless the bus decides."""
    both = [gpu(0, name="small", total=8000), gpu(1, name="large")]
    assert [card.index for card in used_cards(both, [], 1, {})] == [1]
    assert [card.index for card in used_cards(both, [], 1, {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"})] == [0]
    assert [card.index for card in used_cards(both, [], 1, {"CUDA_VISIBLE_DEVICES": "GPU-0"})] == [0]


def test_too_small_too_full_and_in_use() -> None:
    """Two errors and a warning, the process with it; a desktop's few hundred MiB are nothing."""
    job = GpuProcess(pid=7, name="/usr/bin/python", used_mib=9000, uuid="GPU-0a")
    (card,) = used_cards([gpu()], [job], 1, {})
    assert judged(least(24001), [card]) == [
        ("error", "GPU 0 (RTX) has 24000 MiB, and this configuration takes at least 24001 MiB")
    ]
    by = "in use by /usr/bin/python (pid 7, 9000 MiB)"
    assert judged(least(15001), [card]) == [
        ("error", f"GPU 0 (RTX) has 15000 of 24000 MiB free; {by}; this configuration takes at least 15001 MiB")
    ]
    assert judged(least(15000), [card]) == [("warning", f"GPU 0 (RTX) is in use: 9000 of 24000 MiB; {by}")]
    assert judged(None, [card]) == judged(least(1), [card])
    assert judged(least(1), used_cards([gpu(used=600)], [], 1, {})) == []
    assert judged(least(1), used_cards([gpu(used=2000)], [], 1, {})) == [
        ("warning", "GPU 0 (RTX) is in use: 2000 of 24000 MiB")
    ]


def test_another_gpus_process_is_no_matter() -> None:
    """Nor is what nvidia-smi does not know: shared memory, and the instances of a split GPU."""
    job = GpuProcess(pid=7, name="", used_mib=9000, uuid="GPU-1a")
    assert judged(least(20000), used_cards([gpu(0), gpu(1)], [job], 1, {})) == []
    assert judged(least(99999), used_cards([gpu(total=0)], [], 1, {})) == []
    assert judged(least(99999), used_cards([gpu(split=True)], [], 1, {})) == []


def test_on_windows_every_window_is_a_process() -> None:
    """Their memory is not said: they are named once the GPU is really in use, three of them."""
    windows = [GpuProcess(pid=one, name=f"{one}.exe", used_mib=0, uuid="GPU-0a") for one in range(1, 6)]
    assert judged(least(1), used_cards([gpu(used=900)], windows, 1, {})) == []
    ((_, what),) = judged(least(1), used_cards([gpu(used=1900)], windows, 1, {}))
    assert what.endswith("MiB; in use by 1.exe (pid 1), 2.exe (pid 2), 3.exe (pid 3), 2 more")


def test_like_runs_are_a_note_or_a_warning() -> None:
    """A warning where one with no more images at a time took more than there is."""
    cards = used_cards([gpu()], [], 1, {})
    near = Neighbour(mib=37425, gpu="H100", batch_size=4, source="one/1")
    assert judged(least(1), cards, [near]) == [
        ("warning", "like runs have taken 37425 MiB on H100 with batch_size 4; GPU 0 (RTX) has 24000 MiB")
    ]
    larger = Neighbour(mib=37425, gpu="", batch_size=8, source="one/1")
    assert judged(least(1), cards, [larger]) == [("note", "like runs have taken 37425 MiB with batch_size 8")]
    assert judged(least(1), [], [near]) == []


def test_every_gpu_can_be_hidden() -> None:
    """Then the trainer has none, whatever nvidia-smi shows."""
    assert [one.severity for one in hidden([gpu()], {"CUDA_VISIBLE_DEVICES": "-1"})] == ["error"]
    assert [one.severity for one in hidden([gpu()], {"CUDA_VISIBLE_DEVICES": ""})] == ["error"]
    assert hidden([gpu()], {"CUDA_VISIBLE_DEVICES": "0"}) == hidden([gpu()], {}) == hidden([], {}) == []


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("python, 12, 900, GPU-0a\n", [("python", 12, 900)]),
        ("C:\\a, b\\game.exe, 12, [N/A], GPU-0a\n", [("C:\\a, b\\game.exe", 12, 0)]),
        ("[Insufficient Permissions], 12, [Insufficient Permissions], GPU-0a\n", [("", 12, 0)]),
        ("python, [N/A], 900, GPU-0a\nNo running processes found\n\n, ,\n", []),
        (f"python, {'9' * 5000}, {'9' * 5000}, GPU\n", []),
        ("\x00\ufffd\n,,,,,,\n", []),
    ],
)
def test_whatever_nvidia_smi_says_is_read(
    answer: str, found: list[tuple[str, int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names with commas, what is not said, rights that are missing, and what makes no sense."""
    monkeypatch.setattr(nvidia, "ask", lambda _argv, timeout: answer)  # noqa: ARG005
    assert [(one.name, one.pid, one.used_mib) for one in gpu_processes()] == found


def test_an_old_nvidia_smi_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses a whole question for one field that it does not know; a newer one says who is who."""

    def old(argv: list[str], timeout: float) -> str | None:  # noqa: ARG001
        return None if "mig.mode" in argv[1] else "RTX, 24564, 5, 470.1\n"

    monkeypatch.setattr(nvidia, "ask", old)
    assert [(one.name, one.memory_mib, one.uuid, one.split) for one in gpus()] == [("RTX", 24564, "", False)]
    new = "A100, 40960, 5, 550.1, GPU-7, Enabled\n"
    monkeypatch.setattr(nvidia, "ask", lambda _argv, timeout: new)  # noqa: ARG005
    (card,) = gpus()
    assert (card.uuid, card.split) == ("GPU-7", True)
    assert card.to_json() == {"name": "A100", "memory_mib": 40960, "used_mib": 5, "driver": "550.1"}
