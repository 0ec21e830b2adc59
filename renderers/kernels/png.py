"""Rows of PNG pictures before compression (PNG, third edition, sections 7 and 9)."""

from typing import Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from renderers.kernels.options import kernel

Bytes = NDArray[np.uint8]

#: Filter types, the first byte of each row.
FILTER_NONE: Final = 0
FILTER_UP: Final = 2

_pixels = types.Array(types.uint8, 3, "C", readonly=True)
_indexes = types.Array(types.uint8, 2, "C", readonly=True)
_table = types.Array(types.uint8, 1, "C", readonly=True)
_flags = types.Array(types.uint8, 1, "C")
_rows = types.Array(types.uint8, 2, "C")


@kernel(types.void(_pixels, _rows))
def filter_rows(pixels: Bytes, out: Bytes) -> None:
    """Write rows as differences to the row above (filter Up).

    On satellite pictures Up, Sub and Average differ by 3 % in size and Paeth gains 5 % on some, at
    twice the time; Up is the one that LLVM makes fully parallel.

    Args:
        pixels: uint8, shape (height, width, 4), RGBA.
        out: uint8, shape (height, 1 + width * samples), written; samples is 3 (alpha is left out)
            or 4, told by the shape.
    """
    height, width = pixels.shape[0], pixels.shape[1]
    opaque = out.shape[1] == 1 + 3 * width
    first = np.zeros_like(pixels[0])
    for y in range(height):
        row = pixels[y]
        above = pixels[y - 1] if y > 0 else first
        target = out[y]
        target[0] = FILTER_UP
        if opaque:
            for x in range(width):
                target[1 + 3 * x] = row[x, 0] - above[x, 0]
                target[2 + 3 * x] = row[x, 1] - above[x, 1]
                target[3 + 3 * x] = row[x, 2] - above[x, 2]
        else:
            for x in range(width):
                target[1 + 4 * x] = row[x, 0] - above[x, 0]
                target[2 + 4 * x] = row[x, 1] - above[x, 1]
                target[3 + 4 * x] = row[x, 2] - above[x, 2]
                target[4 + 4 * x] = row[x, 3] - above[x, 3]


@kernel(types.void(_indexes, _table, _rows))
def index_rows(indexes: Bytes, table: Bytes, out: Bytes) -> None:
    """Write rows of palette indexes, exchanged by a table, without a filter.

    Args:
        indexes: uint8, shape (height, width).
        table: uint8, shape (256,), new index of each old one.
        out: uint8, shape (height, 1 + width), written.
    """
    for y in range(indexes.shape[0]):
        out[y, 0] = FILTER_NONE
        for x in range(indexes.shape[1]):
            out[y, 1 + x] = table[indexes[y, x]]


@kernel(types.void(_indexes, _flags))
def mark_used(indexes: Bytes, used: Bytes) -> None:
    """Set `used[i]` (uint8, shape (256,)) to 1 for every index that occurs in the picture."""
    for y in range(indexes.shape[0]):
        for x in range(indexes.shape[1]):
            used[indexes[y, x]] = 1


@kernel(types.uint8(_pixels))
def lowest_alpha(pixels: Bytes) -> np.uint8:
    """Return the smallest alpha of an RGBA picture, shape (height, width, 4); 255 is opaque."""
    lowest = np.uint8(255)
    for y in range(pixels.shape[0]):
        for x in range(pixels.shape[1]):
            lowest = min(lowest, pixels[y, x, 3])
        if lowest == 0:
            break
    return lowest
