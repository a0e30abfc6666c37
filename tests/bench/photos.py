"""Pictures that compress and resize like photographs, and a slow exact Lanczos to hold results against."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZES = ((2048, 2048), (2048, 2048), (2048, 2048), (3000, 2000), (2400, 3200), (1600, 1200), (2048, 1365), (1536, 2304))
"""What is drawn once; all pictures of a corpus are these, moved and mirrored."""


def photograph(width: int, height: int, seed: int) -> Image.Image:
    """Light that falls off with frequency as in nature, soft colours, edges, and the noise of a sensor."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1

    def clouds(power: float) -> Any:
        spectrum = np.fft.rfft2(random.standard_normal((height, width))) / frequency**power
        field = np.fft.irfft2(spectrum, s=(height, width))
        return field / field.std()

    light = clouds(1.3)
    pixels = np.stack([128 + 45 * light + 20 * clouds(1.8) for _channel in range(3)], axis=-1)
    rows, columns = np.mgrid[:height, :width]
    for _thing in range(25):
        radius = random.integers(20, min(width, height) // 5)
        inside = (columns - random.integers(width)) ** 2 + (rows - random.integers(height)) ** 2 < radius**2
        pixels[inside] = pixels[inside] * 0.6 + random.integers(0, 255, 3) * 0.4
    pixels += random.standard_normal((height, width, 1)) * 2 + random.standard_normal((height, width, 3)) * 0.7
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def corpus(folder: Path, count: int, suffix: str) -> None:
    """`count` files; three of eight are 2048 x 2048."""
    folder.mkdir(parents=True)
    drawn = [np.asarray(photograph(*size, seed)) for seed, size in enumerate(SIZES)]
    for number in range(count):
        pixels = np.roll(drawn[number % len(drawn)], (number * 37, number * 53), axis=(0, 1))
        picture = Image.fromarray(pixels[:, ::-1] if number % 2 else pixels)
        options: dict[str, Any] = {"compress_level": 1} if suffix == ".png" else {"quality": 95}
        picture.save(folder / f"{number:04}{suffix}", **options)


def exact(pixels: Any, size: tuple[int, int], box: tuple[float, float, float, float]) -> Any:
    """Lanczos of three lobes in float64, both directions, cut to 0..255 at the end only.

    `pixels` has shape (height, width, 3); so has the result, for `size` (width, height).
    """
    wide = _weights(pixels.shape[1], size[0], box[0], box[2])
    high = _weights(pixels.shape[0], size[1], box[1], box[3])
    channels = [high @ pixels[..., channel].astype(np.float64) @ wide.T for channel in range(3)]
    return np.clip(np.stack(channels, axis=-1), 0, 255)


def _weights(before: int, after: int, start: float, end: float) -> Any:
    """A row for each pixel afterwards: how much it takes of each pixel before."""
    step = (end - start) / after
    stretch = max(step, 1.0)
    centres = start + (np.arange(after) + 0.5) * step
    distance = (np.arange(before)[None] + 0.5 - centres[:, None]) / stretch
    weights = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)
    return weights / weights.sum(axis=1, keepdims=True)


def psnr(one: Any, other: Any) -> float:
    """Peak signal to noise in dB, over all pixels and channels."""
    error = np.mean((np.asarray(one, np.float64) - np.asarray(other, np.float64)) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def ssim(one: Any, other: Any) -> float:
    """Structural similarity (Wang et al. 2004) of the luma, Gaussian window of 11 with deviation 1.5."""
    luma = np.array([0.299, 0.587, 0.114])
    first, second = (np.asarray(picture, np.float64) @ luma for picture in (one, other))
    window = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def blurred(field: Any) -> Any:
        for _direction in range(2):
            height = field.shape[0] - 10
            field = sum(weight * field[shift : shift + height] for shift, weight in enumerate(window)).T
        return field

    mean_one, mean_two = blurred(first), blurred(second)
    spread_one = blurred(first * first) - mean_one**2
    spread_two = blurred(second * second) - mean_two**2
    together = blurred(first * second) - mean_one * mean_two
    low, high = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    above = (2 * mean_one * mean_two + low) * (2 * together + high)
    return float(np.mean(above / ((mean_one**2 + mean_two**2 + low) * (spread_one + spread_two + high))))
