"""Pictures over one another and over a background, and the curve of their tones."""

import functools

import numpy as np

from renderers.errors import RenderError
from renderers.image import Image, UInt8Array
from renderers.kernels import colour as kernels


def composite(bottom: Image | None, top: Image) -> Image:
    """Paint one picture over another of the same size; None below leaves the top as it is.

    Returns:
        RGBA, or `top` itself where there is nothing below.

    Raises:
        RenderError: The sizes differ.
    """
    if bottom is None:
        return top
    if (bottom.height, bottom.width) != (top.height, top.width):
        raise RenderError("pictures of different sizes cannot be painted over one another")
    out = np.empty((top.height, top.width, 4), np.uint8)
    below, above = (np.ascontiguousarray(image.rgba()).reshape(-1, 4) for image in (bottom, top))
    kernels.over(below, above, out.reshape(-1, 4))
    return Image(out)


def flatten(image: Image, rgb: tuple[int, int, int]) -> Image:
    """Return the opaque picture on a background colour; palette pictures stay palette pictures.

    Args:
        image: The picture.
        rgb: The background, 0 to 255 each.
    """
    if image.opaque:
        return image
    source = image.pixels if image.palette is None else image.palette
    pixels = np.ascontiguousarray(source).reshape(-1, 4)
    background = np.empty_like(pixels)
    background[:] = (*rgb, 255)
    out = np.empty_like(pixels)
    kernels.over(background, pixels, out)
    if image.palette is None:
        return Image(out.reshape(image.pixels.shape), opaque=True)
    return Image(image.pixels, out, opaque=True)


@functools.lru_cache(maxsize=64)
def tone_curve(gamma: float) -> UInt8Array:
    """Return level = round(255 * t ** (1 / gamma)) at 65536 steps of t; uint8, read-only.

    With fewer steps a steep curve would skip levels near black.
    """
    steps = np.linspace(0.0, 1.0, 65536)
    curve = np.rint(255.0 * steps ** (1.0 / gamma)).astype(np.uint8)
    curve.flags.writeable = False
    return curve
