"""The GPUs of this machine as nvidia-smi shows them, what computes on them, and their peak memory during a run."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fork_wrapper.machine.ask import ask

INTERVAL = 5.0
"""Seconds between two samples."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU, as nvidia-smi shows it."""

    name: str
    """Product name."""
    memory_mib: int
    """Total memory in MiB; 0 where nvidia-smi does not say."""
    used_mib: int
    """Memory in use now in MiB, by anyone; 0 where nvidia-smi does not say."""
    driver: str
    """Driver version."""
    uuid: str = ""
    """By which CUDA_VISIBLE_DEVICES may name it; empty where nvidia-smi does not say."""
    split: bool = False
    """Whether it is split into instances (MIG), each of which has less memory than this."""

    def to_json(self) -> dict[str, Any]:
        """As records keep it: what it is and not which one."""
        return {name: getattr(self, name) for name in ("name", "memory_mib", "used_mib", "driver")}


@dataclass(frozen=True, kw_only=True)
class GpuProcess:
    """A process that nvidia-smi sees on a GPU."""

    pid: int
    """Its id."""
    name: str
    """Its program; empty where nvidia-smi does not say."""
    used_mib: int
    """Its memory there in MiB; 0 where nvidia-smi does not say, as on Windows and in containers."""
    uuid: str
    """The GPU's."""


def gpus() -> tuple[Gpu, ...]:
    """NVIDIA GPUs of this machine, in its order; empty without nvidia-smi."""
    rows = _smi("gpu", "name,memory.total,memory.used,driver_version,uuid,mig.mode.current")
    rows = rows or [[*row, "", ""] for row in _smi("gpu", "name,memory.total,memory.used,driver_version")]
    return tuple(
        Gpu(name=row[0], memory_mib=_number(row[1]), used_mib=_number(row[2]), driver=row[3], uuid=row[4], split=on)
        for row in rows
        for on in [row[5] == "Enabled"]
    )


def gpu_processes() -> tuple[GpuProcess, ...]:
    """What computes on them now; empty without nvidia-smi. On Windows it lists whatever draws there too."""
    rows = _smi("compute-apps", "process_name,pid,used_memory,gpu_uuid")
    return tuple(
        GpuProcess(pid=_number(pid), name="" if name.startswith("[") else name, used_mib=_number(used), uuid=uuid)
        for name, pid, used, uuid in rows
        if _number(pid)
    )


def _smi(what: str, fields: str) -> list[list[str]]:
    """Rows of nvidia-smi's answer; the first field may hold commas. What is no such row is left out."""
    answer = ask(["nvidia-smi", f"--query-{what}={fields}", "--format=csv,noheader,nounits"], timeout=20)
    count = fields.count(",")
    rows = [[cell.strip() for cell in line.rsplit(",", count)] for line in (answer or "").splitlines()]
    return [row for row in rows if len(row) == count + 1]


def _number(text: str) -> int:
    """A number; 0 for `[N/A]`, as GPUs that share the machine's memory say."""
    return int(text) if text.isdecimal() and len(text) < 12 else 0


class VramSampler(threading.Thread):
    """Samples the peak of GPU memory until `finish`; does nothing on a machine without NVIDIA GPUs.

    Samples miss short spikes and count every process on the GPUs: the value is a sampled peak of the devices, less
    what was in use before the start.
    """

    def __init__(
        self, before: Sequence[Gpu], sample: Callable[[], Sequence[Gpu]] = gpus, interval: float = INTERVAL
    ) -> None:
        super().__init__(name="kft-vram", daemon=True)
        self._before = [gpu.used_mib for gpu in before]
        self._sample = sample
        self._interval = interval
        self._over = threading.Event()
        self._peak: list[int] = []

    def run(self) -> None:
        """Keep the highest use seen of each GPU."""
        while self._before and not self._over.wait(self._interval):
            used = [gpu.used_mib for gpu in self._sample()]
            self._peak = [max(pair) for pair in zip(used, self._peak or used, strict=False)]

    def finish(self) -> list[int] | None:
        """Stop; the peak of each GPU in MiB above its use before the run, None when nothing was sampled."""
        self._over.set()
        self.join()
        return [max(0, peak - base) for peak, base in zip(self._peak, self._before, strict=False)] or None
