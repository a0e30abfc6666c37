"""The peak of GPU memory during a run, sampled from outside the trainer.

Samples miss short spikes and count every process on the GPUs: the value is a sampled peak of the devices, less
what was in use before the start.
"""

import threading
from collections.abc import Callable, Sequence

from fork_wrapper.machine.provenance import Gpu, gpus

INTERVAL = 5.0


class VramSampler(threading.Thread):
    """Samples until `finish`; does nothing on a machine without NVIDIA GPUs."""

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
