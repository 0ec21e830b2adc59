"""Kernels that take a target's pixels out of a window of source pixels.

All read positions from a coarse grid of exact ones (`renderers.warp.CoordinateGrid`) and
interpolate between them. A position at (column c, row r) in pixel-corner coordinates lies in pixel
(floor(c), floor(r)); 1e-10 is added first, as GDAL does, so that a position on an edge that
rounding left a hair short still takes the pixel that starts there.

Shapes and types shared by the kernels:
    window: (bands, rows, columns), stored values.
    mask: uint8 (rows, columns), 0 where there is no data; shape (0, 0) for "all valid".
    columns, rows: float64 (n, m) full-resolution positions; NaN where there is none.
    step: target pixels between grid points.
    place: float64 (4,): window's first column and row in level pixels, then level scale x and y.
    nodata: stored value that means "no data"; NaN never equals a value, so NaN means "none".
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderers.kernels.options import kernel

Array = NDArray[Any]

_EDGE = 1e-10


@kernel("UniTuple(float64, 2)(float64[:, ::1], float64[:, ::1], int64, int64, int64)")
def position(columns: Array, rows: Array, step: int, i: int, j: int) -> tuple[float, float]:
    """Return the source position of target pixel (row i, column j)."""
    gi = i // step
    gj = j // step
    fi = (i - gi * step) / step
    fj = (j - gj * step) / step
    hi = min(gi + 1, columns.shape[0] - 1)
    hj = min(gj + 1, columns.shape[1] - 1)
    if fi == 0.0:
        hi = gi
    if fj == 0.0:
        hj = gj
    w00 = (1.0 - fi) * (1.0 - fj)
    w01 = (1.0 - fi) * fj
    w10 = fi * (1.0 - fj)
    w11 = fi * fj
    c = (
        w00 * columns[gi, gj]
        + w01 * columns[gi, hj]
        + w10 * columns[hi, gj]
        + w11 * columns[hi, hj]
    )
    r = w00 * rows[gi, gj] + w01 * rows[gi, hj] + w10 * rows[hi, gj] + w11 * rows[hi, hj]
    return c, r


_TYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")


@kernel(
    "UniTuple(int64, 2)(float64[:, ::1], float64[:, ::1], int64, int64, int64, float64[::1],"
    " uint8[:, ::1], int64, int64)"
)
def nearest_pixel(
    columns: Array,
    rows: Array,
    step: int,
    i: int,
    j: int,
    place: Array,
    mask: Array,
    width: int,
    height: int,
) -> tuple[int, int]:
    """Return (x, y) in the window of the pixel under target (i, j), or (-1, -1) where none is."""
    c, r = position(columns, rows, step, i, j)
    if not (c > -1e15 and c < 1e15 and r > -1e15 and r < 1e15):
        return -1, -1
    x = int(math.floor(c / place[2] + _EDGE) - place[0])
    y = int(math.floor(r / place[3] + _EDGE) - place[1])
    if x < 0 or y < 0 or x >= width or y >= height:
        return -1, -1
    if mask.shape[0] > 0 and mask[y, x] == 0:
        return -1, -1
    return x, y


@kernel([f"boolean({t}[:, :, ::1], int64, int64, float64)" for t in _TYPES])
def has_data(window: Array, x: int, y: int, nodata: float) -> bool:
    """Tell whether every band of the window has a value at (x, y)."""
    for b in range(window.shape[0]):
        v = window[b, y, x]
        if np.float64(v) == nodata or v != v:
            return False
    return True


_SCALED = [
    f"void({t}[:, :, ::1], uint8[:, ::1], float64[:, ::1], float64[:, ::1], int64, float64[::1],"
    " float64, float32[::1], float32[::1], float32[:, :, ::1], uint8[:, ::1])"
    for t in ("uint8", "uint16", "int16", "float32", "float64")
]


@kernel(_SCALED)
def gather_nearest(
    window: Array,
    mask: Array,
    columns: Array,
    rows: Array,
    step: int,
    place: Array,
    nodata: float,
    scale: Array,
    offset: Array,
    out: Array,
    valid: Array,
) -> None:
    """Write stored * scale + offset of the nearest pixel into `out`, 1 or 0 into `valid`.

    Args:
        window: See the module.
        mask: See the module.
        columns: See the module.
        rows: See the module.
        step: See the module.
        place: See the module.
        nodata: See the module.
        scale: float32 (bands,).
        offset: float32 (bands,).
        out: float32 (bands, height, width); left as it is where not valid.
        valid: uint8 (height, width); a pixel is valid where every band is.
    """
    for i in range(valid.shape[0]):
        for j in range(valid.shape[1]):
            x, y = nearest_pixel(
                columns, rows, step, i, j, place, mask, window.shape[2], window.shape[1]
            )
            if x < 0 or not has_data(window, x, y, nodata):
                valid[i, j] = 0
                continue
            for b in range(window.shape[0]):
                out[b, i, j] = np.float32(window[b, y, x]) * scale[b] + offset[b]
            valid[i, j] = 1


@kernel(_SCALED)
def gather_bilinear(
    window: Array,
    mask: Array,
    columns: Array,
    rows: Array,
    step: int,
    place: Array,
    nodata: float,
    scale: Array,
    offset: Array,
    out: Array,
    valid: Array,
) -> None:
    """Write the bilinear mean of the four nearest pixels, as `gather_nearest` does the nearest.

    A pixel is valid where its nearest source pixel is: the mask does not depend on the resampling.
    Neighbours without data lose their weight to the others.
    """
    for i in range(valid.shape[0]):
        for j in range(valid.shape[1]):
            nx, ny = nearest_pixel(
                columns, rows, step, i, j, place, mask, window.shape[2], window.shape[1]
            )
            if nx < 0 or not has_data(window, nx, ny, nodata):
                valid[i, j] = 0
                continue
            c, r = position(columns, rows, step, i, j)
            c = c / place[2] - place[0] - 0.5
            r = r / place[3] - place[1] - 0.5
            x0 = math.floor(c)
            y0 = math.floor(r)
            fx = c - x0
            fy = r - y0
            for b in range(window.shape[0]):
                total = 0.0
                weight = 0.0
                for k in range(4):
                    x = x0 + (k & 1)
                    y = y0 + (k >> 1)
                    if x < 0 or y < 0 or x >= window.shape[2] or y >= window.shape[1]:
                        continue
                    if mask.shape[0] > 0 and mask[y, x] == 0:
                        continue
                    v = np.float64(window[b, y, x])
                    if v == nodata or v != v:
                        continue
                    w = (fx if k & 1 else 1.0 - fx) * (fy if k >> 1 else 1.0 - fy)
                    total += w * v
                    weight += w
                if weight > 0.0:
                    out[b, i, j] = np.float32(total / weight) * scale[b] + offset[b]
                else:
                    out[b, i, j] = np.float32(window[b, ny, nx]) * scale[b] + offset[b]
            valid[i, j] = 1


_STORED = [
    f"void({t}[:, :, ::1], uint8[:, ::1], float64[:, ::1], float64[:, ::1], int64, float64[::1],"
    f" float64, {t}[:, :, ::1], uint8[:, ::1])"
    for t in _TYPES
]


@kernel(_STORED)
def gather_stored(
    window: Array,
    mask: Array,
    columns: Array,
    rows: Array,
    step: int,
    place: Array,
    nodata: float,
    out: Array,
    valid: Array,
) -> None:
    """Copy the stored values of the nearest pixel, exactly.

    Args:
        window: See the module.
        mask: See the module.
        columns: See the module.
        rows: See the module.
        step: See the module.
        place: See the module.
        nodata: See the module.
        out: The window's dtype, (bands, height, width); left as it is where not valid.
        valid: uint8 (height, width); a pixel is valid where every band is.
    """
    for i in range(valid.shape[0]):
        for j in range(valid.shape[1]):
            x, y = nearest_pixel(
                columns, rows, step, i, j, place, mask, window.shape[2], window.shape[1]
            )
            if x < 0 or not has_data(window, x, y, nodata):
                valid[i, j] = 0
                continue
            for b in range(window.shape[0]):
                out[b, i, j] = window[b, y, x]
            valid[i, j] = 1
