"""Bands to pictures: runs a style's program and gives its outputs their colours."""

import functools

import numpy as np
from numpy.typing import NDArray

from renderers.errors import RenderError
from renderers.image import Image, UInt8Array
from renderers.kernels import colour as kernels
from renderers.kernels import vm
from styles.model import RampColour, RgbColour, Style
from styles.opcodes import BLOCK
from styles.program import Program

Float32Array = NDArray[np.float32]
Mask = NDArray[np.uint8] | NDArray[np.bool_]

#: The curve of gamma 1: a level is its own position.
_STRAIGHT = np.arange(256, dtype=np.uint8)


def paint(style: Style, bands: Float32Array, valid: Mask) -> Image:
    """Draw bands in a style.

    Args:
        style: What the picture is.
        bands: float32, shape (inputs, height, width), physical values in the order of
            `style.program.inputs`.
        valid: uint8 or bool, shape (height, width); zero where there is no data.

    Returns:
        RGBA for three-channel styles, else palette indexes where 255 is transparent. Pixels
        without data, or whose value is NaN, are transparent.

    Raises:
        RenderError: The arrays do not fit the program.
    """
    values, good = evaluate(style.program, bands, valid)
    height, width = valid.shape
    flat = values.reshape(len(values), -1)
    mask = good.reshape(-1)
    colour = style.colour
    if isinstance(colour, RgbColour):
        return Image(_rgb(colour, flat, mask).reshape(height, width, 4))
    indexes = np.empty(mask.size, np.uint8)
    if isinstance(colour, RampColour):
        low = np.float32(colour.low)
        scale = np.float32(1.0) / (np.float32(colour.high) - low)
        kernels.ramp(flat[0], mask, low, scale, indexes)
    else:
        kernels.classes(flat[0], mask, colour.table, indexes)
    return Image(indexes.reshape(height, width), colour.palette)


def evaluate(program: Program, bands: Float32Array, valid: Mask) -> tuple[Float32Array, UInt8Array]:
    """Run a program over bands.

    Args:
        program: What to compute.
        bands: float32, shape (inputs, height, width), in the order of `program.inputs`.
        valid: uint8 or bool, shape (height, width); not changed.

    Returns:
        float32 values, shape (outputs, height, width), and uint8 validity, shape (height, width):
        0 where `valid` is zero or an output is NaN, else 1. Values at invalid pixels mean nothing.

    Raises:
        RenderError: The arrays do not fit the program.
    """
    if bands.dtype != np.float32 or bands.ndim != 3 or valid.shape != bands.shape[1:]:
        raise RenderError("bands must be float32 of one shape with their validity")
    if len(bands) != len(program.inputs):
        raise RenderError(f"{len(program.inputs)} bands are needed, {len(bands)} given")
    pixels = valid.size
    flat = np.ascontiguousarray(bands).reshape(len(bands), pixels)
    good = np.not_equal(valid, 0).view(np.uint8).reshape(pixels)
    values = np.empty((program.outputs, pixels), np.float32)
    scratch = np.empty((program.scratch_rows, BLOCK), np.float32)
    vm.run(program.code, program.constants, program.results, flat, scratch, values, good)
    return values.reshape(program.outputs, *valid.shape), good.reshape(valid.shape)


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


def _rgb(colour: RgbColour, values: Float32Array, valid: UInt8Array) -> UInt8Array:
    """Return RGBA, shape (pixels, 4)."""
    low = np.array([pair[0] for pair in colour.stretch], np.float32)
    high = np.array([pair[1] for pair in colour.stretch], np.float32)
    out = np.empty(valid.size, np.uint32)
    curve = _STRAIGHT if colour.gamma == 1.0 else tone_curve(colour.gamma)
    kernels.rgb(values, valid, low, np.float32(1.0) / (high - low), curve, out)
    return out.view(np.uint8).reshape(valid.size, 4)


@functools.lru_cache(maxsize=64)
def tone_curve(gamma: float) -> UInt8Array:
    """Return level = round(255 * t ** (1 / gamma)) at 65536 steps of t; uint8, read-only.

    With fewer steps a steep curve would skip levels near black.
    """
    steps = np.linspace(0.0, 1.0, 65536)
    curve = np.rint(255.0 * steps ** (1.0 / gamma)).astype(np.uint8)
    curve.flags.writeable = False
    return curve
