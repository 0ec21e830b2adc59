"""Values to colours.

Palette pictures hold indexes: 0 to 254 are colours, 255 (`TRANSPARENT`) is always "no data".
Every kernel works on pixels in one row, and compares so that a NaN never reaches an integer.
"""

from typing import Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from renderers.kernels.options import inlined, kernel

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

TRANSPARENT: Final = 255
#: Highest index of a ramp.
LAST: Final = np.float32(254.0)

_BLOCK: Final = 1024
HALF: Final = np.float32(0.5)
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_LEVELS = np.float32(255.0)

_f32 = types.Array(types.float32, 1, "C", readonly=True)
_f32_rows = types.Array(types.float32, 2, "C", readonly=True)
_u8 = types.Array(types.uint8, 1, "C", readonly=True)
_u32_out = types.Array(types.uint32, 1, "C")
_u8_out = types.Array(types.uint8, 1, "C")
_u8_rows = types.Array(types.uint8, 2, "C", readonly=True)
_u8_rows_out = types.Array(types.uint8, 2, "C")


@inlined
def unit(value: np.float32, low: np.float32, scale: np.float32) -> np.float32:
    """Return the position of a value between low (0) and high (1), held within; NaN gives 0."""
    t = (value - low) * scale
    t = t if t > _ZERO else _ZERO
    return t if t < _ONE else _ONE


@inlined
def word(red: np.uint8, green: np.uint8, blue: np.uint8) -> np.uint32:
    """Return an opaque RGBA pixel as one little-endian number: a single store instead of four."""
    return (
        np.uint32(red)
        | (np.uint32(green) << np.uint32(8))
        | (np.uint32(blue) << np.uint32(16))
        | np.uint32(0xFF000000)
    )


@kernel(types.void(_f32_rows, _u8, _f32, _f32, _u8, _u32_out))
def rgb(
    values: Floats,
    valid: Bytes,
    low: Floats,
    scale: Floats,
    curve: Bytes,
    out: NDArray[np.uint32],
) -> None:
    """Stretch three outputs to red, green and blue.

    Args:
        values: float32, shape (3, pixels).
        valid: uint8, shape (pixels,); 0 gives (0, 0, 0, 0).
        low: float32, shape (3,), the value of level 0.
        scale: float32, shape (3,), 1 / (high - low).
        curve: uint8, shape (n,), the level at n even steps from low to high.
        out: uint32, shape (pixels,), the bytes R, G, B, A of each pixel, written.
    """
    last = np.float32(curve.shape[0] - 1)
    place = np.empty((3, _BLOCK), np.uint32)
    for start in range(0, out.shape[0], _BLOCK):
        count = min(_BLOCK, out.shape[0] - start)
        for k in range(3):
            row = values[k, start : start + count]
            target = place[k]
            for i in range(count):
                # By way of int32: processors have no instruction from float to unsigned.
                target[i] = np.int32(unit(row[i], low[k], scale[k]) * last + HALF)
        for i in range(count):
            pixel = word(curve[place[0, i]], curve[place[1, i]], curve[place[2, i]])
            out[start + i] = pixel if valid[start + i] != 0 else np.uint32(0)


@kernel(types.void(_f32, _u8, types.float32, types.float32, _u8_out))
def ramp(values: Floats, valid: Bytes, low: np.float32, scale: np.float32, out: Bytes) -> None:
    """Give each value its place on a palette of 255 colours.

    Args:
        values: float32, shape (pixels,).
        valid: uint8, shape (pixels,); 0 gives TRANSPARENT.
        low: Value of index 0.
        scale: 1 / (high - low), where high is the value of index 254.
        out: uint8, shape (pixels,), written.
    """
    for i in range(out.shape[0]):
        index = np.uint8(np.int32(unit(values[i], low, scale) * LAST + HALF))
        out[i] = index if valid[i] != 0 else np.uint8(TRANSPARENT)


@inlined
def class_index(value: np.float32, table: Bytes, end: np.float32) -> np.uint8:
    """Return the palette index of a class value; `end` is the table's length."""
    index = np.uint8(TRANSPARENT)
    if value >= _ZERO and value < end:
        whole = np.int64(value)
        if np.float32(whole) == value:
            index = table[whole]
    return index


@kernel(types.void(_f32, _u8, _u8, _u8_out))
def classes(values: Floats, valid: Bytes, table: Bytes, out: Bytes) -> None:
    """Give each class value its palette index.

    Args:
        values: float32, shape (pixels,).
        valid: uint8, shape (pixels,); 0 gives TRANSPARENT.
        table: uint8, index of each value from 0. Values that are not whole or lie outside the
            table give TRANSPARENT.
        out: uint8, shape (pixels,), written.
    """
    end = np.float32(table.shape[0])
    for i in range(out.shape[0]):
        out[i] = class_index(values[i], table, end) if valid[i] != 0 else np.uint8(TRANSPARENT)


@inlined
def _blend(bottom: Bytes, top: Bytes, out: Bytes) -> None:
    """Write one translucent pixel over one that is not wholly transparent."""
    alpha = np.float32(top[3])
    below = np.float32(bottom[3]) * (_LEVELS - alpha) / _LEVELS
    total = alpha + below
    for k in range(3):
        mixed = np.float32(top[k]) * alpha + np.float32(bottom[k]) * below
        out[k] = np.uint8(mixed / total + HALF)
    out[3] = np.uint8(total + HALF)


@kernel(types.void(_u8_rows, _u8_rows, _u8_rows_out))
def over(bottom: Bytes, top: Bytes, out: Bytes) -> None:
    """Paint one picture over another: the operator "over" with straight alpha.

    Porter and Duff, Compositing Digital Images, 1984. Where the result is wholly transparent it
    is (0, 0, 0, 0).

    Args:
        bottom: uint8, shape (pixels, 4), RGBA.
        top: The same.
        out: The same, written.
    """
    for i in range(out.shape[0]):
        if top[i, 3] == 255 or bottom[i, 3] == 0:
            for k in range(4):
                out[i, k] = top[i, k] if top[i, 3] != 0 else np.uint8(0)
        elif top[i, 3] == 0:
            for k in range(4):
                out[i, k] = bottom[i, k]
        else:
            _blend(bottom[i], top[i], out[i])
