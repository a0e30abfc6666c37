"""The sampled peak of GPU memory."""

import threading

from fork_wrapper.machine.gpus import Gpu, VramSampler


def gpu(used: int) -> Gpu:
    """A GPU that uses so much."""
    return Gpu(name="test", memory_mib=1000, used_mib=used, driver="1")


def test_the_peak_is_above_what_was_used_before() -> None:
    """Two GPUs, each with its own peak, less what others used at the start."""
    samples = [(150, 20), (700, 25), (300, 30)]
    taken = threading.Event()

    def sample() -> list[Gpu]:
        if len(samples) == 1:
            taken.set()
            return [gpu(used) for used in samples[0]]
        return [gpu(used) for used in samples.pop(0)]

    sampler = VramSampler([gpu(100), gpu(10)], sample, interval=0.01)
    sampler.start()
    assert taken.wait(10)
    assert sampler.finish() == [600, 20]


def test_without_a_gpu_nothing_is_measured() -> None:
    """None, and no sample is ever taken."""
    sampler = VramSampler([], lambda: 1 / 0, interval=0.01)  # type: ignore[arg-type, return-value]
    sampler.start()
    assert sampler.finish() is None
