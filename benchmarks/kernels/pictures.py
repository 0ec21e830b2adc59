"""Pictures to encode, made up: same on every machine, and shaped like tiles."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from renderers.image import Image

SIZE = 256


def _field(seed: int, noise: float) -> NDArray[np.float64]:
    """A landscape with a spectrum of 1 / f**1.6 and sensor noise, shape (256, 256), 0 to 255."""
    rng = np.random.default_rng(seed)
    frequency = np.fft.fftfreq(SIZE)
    distance = np.maximum(np.hypot(frequency[:, None], frequency), 1 / SIZE)
    spectrum = np.fft.fft2(rng.normal(size=(SIZE, SIZE))) / distance**1.6
    field = np.fft.ifft2(spectrum).real
    field = (field - field.mean()) / field.std()
    return np.clip(110 + 25 * field + rng.normal(size=field.shape) * noise, 0, 255)


@cache
def scene(noise: float = 2.2) -> Image:
    """An opaque RGB picture; the default noise gives files as large as Sentinel-2 gives."""
    pixels = np.full((SIZE, SIZE, 4), 255, np.uint8)
    for band in range(3):
        pixels[..., band] = _field(band, noise)
    return Image(pixels, opaque=True)


@cache
def enlarged() -> Image:
    """The same, each pixel twice in both directions: a zoom beyond the data."""
    half = scene().pixels[: SIZE // 2, : SIZE // 2]
    return Image(half.repeat(2, axis=0).repeat(2, axis=1), opaque=True)


@cache
def edge() -> Image:
    """The edge of a scene: transparent on one side of a slanted line."""
    y, x = np.mgrid[:SIZE, :SIZE]
    pixels = scene().pixels.copy()
    pixels[x + y / 2 < 180] = 0
    return Image(pixels, opaque=False)


@cache
def empty() -> Image:
    """A tile outside all data."""
    return Image(np.zeros((SIZE, SIZE, 4), np.uint8), opaque=False)


@cache
def noise() -> Image:
    """What no encoder can make smaller."""
    rng = np.random.default_rng(5)
    return Image(rng.integers(0, 256, (SIZE, SIZE, 4), dtype=np.uint8), opaque=False)


@cache
def ramp() -> Image:
    """An index like NDVI in a ramp of 255 colours."""
    palette = np.full((256, 4), 255, np.uint8)
    palette[:, :3] = np.arange(256)[:, None]
    palette[255] = 0
    return Image(_field(4, 2.2).astype(np.uint8), palette)


@cache
def classes() -> Image:
    """Ten classes in patches, like a land cover."""
    palette = np.random.default_rng(6).integers(0, 256, (10, 4), dtype=np.uint8)
    palette[:, 3] = 255
    layers = np.stack([_field(10 + k, 0.0) for k in range(10)])
    return Image(layers.argmax(axis=0).astype(np.uint8), palette)


@cache
def grey16() -> NDArray[np.uint16]:
    """Reflectances of 16 bits."""
    return (_field(7, 1.0) * 30 + 300).astype(np.uint16)
