"""What becomes of a program's values: the pieces that kernels share.

All of them work on one block of pixels.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from renderers.kernels import colour
from renderers.kernels.options import inlined

Array = NDArray[Any]

# What comes out.
VALUES: Final = 0
RGB: Final = 1
RAMP: Final = 2
CLASSES: Final = 3

# How a pixel stands.
OPEN: Final = 0
DRAWN: Final = 1
#: It has data, of which the program makes no value: transparent, and later scenes stay hidden.
EMPTY: Final = 2

#: Outputs of a picture with its own opacity, which is the last of them.
WITH_ALPHA: Final = 4
_LEVELS: Final = np.float32(255.0)


@inlined
def levels(values: Array, count: int, low: float, inverse: float, last: float, out: Array) -> None:
    """Stretch values to places on a curve that ends at `last`."""
    for p in range(count):
        # By way of int32: processors have no instruction from float to unsigned.
        out[p] = np.int32(colour.unit(values[p], low, inverse) * last + colour.HALF)


@inlined
def output_levels(
    source: Array, count: int, k: int, low: Array, inverse: Array, curve: Array, rows: Array
) -> None:
    """Stretch one output of a picture of three or four; opacity has no curve."""
    last = np.float32(curve.shape[0] - 1) if k < 3 else _LEVELS
    levels(source, count, low[k], inverse[k], last, rows[k])


@inlined
def mix_rgb(rows: Array, outputs: int, count: int, curve: Array, words: Array) -> None:
    """Make RGBA words of three rows of levels, or four where there is opacity."""
    red, green, blue, alpha = rows[0], rows[1], rows[2], rows[3]
    if curve.shape[0] == 256:
        # The curve of gamma 1: a level is its own position.
        for p in range(count):
            words[p] = (
                red[p]
                | (green[p] << np.uint32(8))
                | (blue[p] << np.uint32(16))
                | np.uint32(0xFF000000)
            )
    else:
        for p in range(count):
            words[p] = colour.word(curve[red[p]], curve[green[p]], curve[blue[p]])
    if outputs == WITH_ALPHA:
        for p in range(count):
            words[p] = (words[p] & np.uint32(0x00FFFFFF)) | (alpha[p] << np.uint32(24))


@inlined
def indexes(
    kind: int, row: Array, count: int, low: Array, inverse: Array, table: Array, words: Array
) -> None:
    """Give a row of values their palette indexes."""
    if kind == RAMP:
        first, scale = low[0], inverse[0]
        for p in range(count):
            t = colour.unit(row[p], first, scale)
            words[p] = np.uint32(np.int32(t * colour.LAST + colour.HALF))
    else:
        end = np.float32(table.shape[0])
        for p in range(count):
            words[p] = np.uint32(colour.class_index(row[p], table, end))


@inlined
def any_missing(row: Array, count: int) -> bool:
    """Tell whether a row has a NaN. Not by counting: sums of integers take 64 bits each."""
    found = False
    for p in range(count):
        found = found | (row[p] != row[p])
    return found


@inlined
def valueless(row: Array, count: int, ok: Array) -> None:
    """Mark pixels that have data of which the program makes no value."""
    if any_missing(row, count):
        for p in range(count):
            if row[p] != row[p] and ok[p] != 0:
                ok[p] = EMPTY
