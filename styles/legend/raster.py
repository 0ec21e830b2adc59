"""Draws a legend that is laid out as pixels."""

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from styles.colormaps import STEPS, Colour
from styles.legend import fonts
from styles.legend.sketch import Checker, Fill, Frame, Gradient, Item, Sketch, Text

_CHECK = 4


class _Canvas(NamedTuple):
    """Pixels with premultiplied alpha, float32, shape (rows, columns, 4), 0 to 255."""

    pixels: NDArray[np.float32]
    scale: int


def draw(sketch: Sketch, scale: int) -> NDArray[np.uint8]:
    """Return the pixels of a legend.

    Args:
        sketch: The legend, laid out.
        scale: Pixels per unit of length.

    Returns:
        uint8, shape (height * scale, width * scale, 4), RGBA with straight alpha.
    """
    shape = (sketch.height * scale, sketch.width * scale, 4)
    canvas = _Canvas(np.zeros(shape, np.float32), scale)
    if sketch.background is not None:
        canvas.pixels[:] = _premultiplied(sketch.background)
    for item in sketch.items:
        _draw(item, canvas)
    alpha = canvas.pixels[..., 3:]
    out = np.empty(shape, np.uint8)
    straight = canvas.pixels[..., :3] * (255.0 / np.maximum(alpha, 1e-3))
    out[..., :3] = np.rint(np.clip(straight, 0.0, 255.0))
    out[..., 3:] = np.rint(alpha)
    out[out[..., 3] == 0] = 0
    return out


@functools.singledispatch
def _draw(item: Item, canvas: _Canvas) -> None:
    raise TypeError(f"not a shape: {item!r}")


@_draw.register
def _fill(item: Fill, canvas: _Canvas) -> None:
    rows, columns = _window(item, canvas.scale)
    share = _rounded(rows, columns, item.radius * canvas.scale)
    _over(canvas, rows, columns, share, item.colour)


@_draw.register
def _frame(item: Frame, canvas: _Canvas) -> None:
    rows, columns = _window(item, canvas.scale)
    radius, line = item.radius * canvas.scale, canvas.scale
    share = _rounded(rows, columns, radius)
    inner = (slice(line, -line), slice(line, -line))
    height, width = share[inner].shape
    share[inner] -= _rounded(slice(0, height), slice(0, width), max(radius - line, 0.0))
    _over(canvas, rows, columns, np.maximum(share, 0.0), item.colour)


@_draw.register
def _checker(item: Checker, canvas: _Canvas) -> None:
    rows, columns = _window(item, canvas.scale)
    size = _CHECK * canvas.scale
    y = np.arange(rows.stop - rows.start)[:, None] // size
    x = np.arange(columns.stop - columns.start)[None, :] // size
    for which, colour in enumerate(item.colours):
        share = ((x + y) % 2 == which).astype(np.float32)
        _over(canvas, rows, columns, share, colour)


@_draw.register
def _gradient(item: Gradient, canvas: _Canvas) -> None:
    rows, columns = _window(item, canvas.scale)
    length = rows.stop - rows.start if item.upward else columns.stop - columns.start
    # The middle of each pixel stands for the value whose colour it shows, as on the map.
    entry = np.rint((np.arange(length) + 0.5) / length * (STEPS - 1)).astype(int)
    line = item.palette[entry].astype(np.float32)
    colours = line[::-1, None] if item.upward else line[None, :]
    share = colours[..., 3:] / 255.0
    window = canvas.pixels[rows, columns]
    window *= 1.0 - share
    window[..., :3] += colours[..., :3] * share
    window[..., 3:] += 255.0 * share


@_draw.register
def _text(item: Text, canvas: _Canvas) -> None:
    size = item.size * canvas.scale
    baseline = round(item.y * canvas.scale)
    for letter, column in fonts.letters(item.text, item.x * canvas.scale, size, item.weight):
        top, left = baseline - letter.top, column + letter.left
        _over_clipped(canvas, top, left, letter.alpha, item.colour)


def _window(item: Fill | Frame | Checker | Gradient, scale: int) -> tuple[slice, slice]:
    top, left = round(item.y * scale), round(item.x * scale)
    bottom, right = round((item.y + item.height) * scale), round((item.x + item.width) * scale)
    return slice(top, bottom), slice(left, right)


def _rounded(rows: slice, columns: slice, radius: float) -> NDArray[np.float32]:
    """Return how much of each pixel of a rectangle with rounded corners is covered, 0 to 1."""
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if radius <= 0:
        return np.ones((height, width), np.float32)
    y = np.abs(np.arange(height) + 0.5 - height / 2) - (height / 2 - radius)
    x = np.abs(np.arange(width) + 0.5 - width / 2) - (width / 2 - radius)
    distance = np.hypot(np.maximum(y, 0.0)[:, None], np.maximum(x, 0.0)[None, :])
    covered: NDArray[np.float32] = np.clip(radius + 0.5 - distance, 0.0, 1.0).astype(np.float32)
    return covered


def _over(
    canvas: _Canvas, rows: slice, columns: slice, share: NDArray[np.float32], colour: Colour
) -> None:
    window = canvas.pixels[rows, columns]
    alpha = share[..., None] * np.float32(colour[3] / 255.0)
    window *= 1.0 - alpha
    window += alpha * np.array((*colour[:3], 255), np.float32)


def _over_clipped(
    canvas: _Canvas, top: int, left: int, alpha: NDArray[np.uint8], colour: Colour
) -> None:
    """Draw a letter; what lies outside of the canvas is cut off."""
    height, width = canvas.pixels.shape[:2]
    first_row, first_column = max(-top, 0), max(-left, 0)
    part = alpha[first_row : max(height - top, 0), first_column : max(width - left, 0)]
    if not part.size:
        return
    top, left = top + first_row, left + first_column
    rows = slice(top, top + part.shape[0])
    columns = slice(left, left + part.shape[1])
    _over(canvas, rows, columns, part.astype(np.float32) / 255.0, colour)


def _premultiplied(colour: Colour) -> NDArray[np.float32]:
    red, green, blue, alpha = colour
    return np.array([*(c * alpha / 255.0 for c in (red, green, blue)), alpha], np.float32)
