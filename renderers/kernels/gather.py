"""Kernels that take a target's pixels out of a window of source pixels.

First `locate` turns a coarse grid of exact positions (`renderers.warp.CoordinateGrid`) into the
source pixel under every target pixel; all bands that lie alike share that. Then the `gather_`
kernels fetch values. A position at (column c, row r) in pixel-corner coordinates lies in pixel
(floor(c), floor(r)); 1e-10 is added first, as GDAL does, so that a position on an edge that
rounding left a hair short still takes the pixel that starts there.

The gathering kernels take one band; looping over bands inside them was measured five times slower.
Shapes and types that they share:
    window: (rows, columns), stored values.
    mask: uint8 (rows, columns), 0 where there is no data; shape (0, 0) for "all valid".
    x, y: int32 (height, width), column and row in the window; x is -1 where there is none.
    nodata: stored value that means "no data"; NaN never equals a value, so NaN means "none".
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderers.kernels.options import inlined, kernel

Array = NDArray[Any]

_EDGE = 1e-10

_TYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")


@kernel(
    "void(float64[:, ::1], float64[:, ::1], int64, float64[::1], int64[::1], int32[:, ::1],"
    " int32[:, ::1], float32[:, ::1], float32[:, ::1])"
)
def locate(
    columns: Array,
    rows: Array,
    step: int,
    place: Array,
    size: Array,
    x: Array,
    y: Array,
    fx: Array,
    fy: Array,
) -> None:
    """Write which source pixel lies under every target pixel, and where in it.

    Args:
        columns: float64 (n, m), full-resolution source column at every `step`-th target pixel
            centre; NaN where there is none.
        rows: The same for source rows.
        step: Target pixels between grid points.
        place: float64 (4,): window's first column and row in level pixels, level scale x and y.
        size: int64 (2,): the window's width and height.
        x: int32 (height, width): column in the window, -1 outside of it.
        y: int32 (height, width): row in the window.
        fx: float32 (height, width): columns from the middle of that pixel to the position, -0.5 to
            0.5.
        fy: The same for rows.
    """
    n, m = columns.shape
    left, top = place[0], place[1]
    scale_x, scale_y = 1.0 / place[2], 1.0 / place[3]
    right, bottom = size[0] - _EDGE, size[1] - _EDGE
    line_c = np.empty(m)
    line_r = np.empty(m)
    for i in range(x.shape[0]):
        gi = i // step
        fi = (i - gi * step) / step
        hi = gi if fi == 0.0 else min(gi + 1, n - 1)
        for g in range(m):
            line_c[g] = (
                columns[gi, g] if fi == 0.0 else ((1.0 - fi) * columns[gi, g] + fi * columns[hi, g])
            )
            line_r[g] = rows[gi, g] if fi == 0.0 else (1.0 - fi) * rows[gi, g] + fi * rows[hi, g]
        j = 0
        for g in range(m):
            for k in range(step):
                if j == x.shape[1]:
                    break
                if k == 0:
                    c = line_c[g]
                    r = line_r[g]
                else:
                    fj = k / step
                    c = (1.0 - fj) * line_c[g] + fj * line_c[g + 1]
                    r = (1.0 - fj) * line_r[g] + fj * line_r[g + 1]
                x[i, j] = -1
                y[i, j] = -1
                c = c * scale_x - left
                r = r * scale_y - top
                # NaN fails every comparison; inside the window truncation is floor.
                if c >= -_EDGE and r >= -_EDGE and c < right and r < bottom:
                    px = np.int32(c + _EDGE)
                    py = np.int32(r + _EDGE)
                    x[i, j] = px
                    y[i, j] = py
                    fx[i, j] = c - px - 0.5
                    fy[i, j] = r - py - 0.5
                j += 1


@inlined
def _absent(value: Any, nodata: float) -> bool:
    """Tell whether a stored value means "no data"."""
    return bool(np.float64(value) == nodata or value != value)


@inlined
def _weighed(
    window: Array, mask: Array, nodata: float, x0: int, y0: int, u: float, v: float
) -> tuple[float, float]:
    """Return the weighted sum of up to four pixels that have data, and the sum of their weights."""
    total = 0.0
    weight = 0.0
    for k in range(4):
        x = x0 + (k & 1)
        y = y0 + (k >> 1)
        if x < 0 or y < 0 or x >= window.shape[1] or y >= window.shape[0]:
            continue
        if mask.shape[0] > 0 and mask[y, x] == 0:
            continue
        value = window[y, x]
        if _absent(value, nodata):
            continue
        w = (u if k & 1 else 1.0 - u) * (v if k >> 1 else 1.0 - v)
        total += w * np.float64(value)
        weight += w
    return total, weight


_SCALED = [
    f"void({t}[:, ::1], uint8[:, ::1], int32[:, ::1], int32[:, ::1], float32[:, ::1],"
    " float32[:, ::1], float64, float32, float32, float32[:, ::1], uint8[:, ::1])"
    for t in ("uint8", "uint16", "int16", "float32", "float64")
]


@kernel(_SCALED)
def gather_nearest(
    window: Array,
    mask: Array,
    x: Array,
    y: Array,
    fx: Array,
    fy: Array,
    nodata: float,
    scale: np.float32,
    offset: np.float32,
    out: Array,
    valid: Array,
) -> None:
    """Write stored * scale + offset of the nearest pixel into `out`.

    Args:
        window: See the module.
        mask: See the module.
        x: See the module.
        y: See the module.
        fx: Not used; the same arguments as `gather_bilinear`.
        fy: Not used.
        nodata: See the module.
        scale: Of the band.
        offset: Of the band.
        out: float32 (height, width); left as it is where there is no data.
        valid: uint8 (height, width); becomes 0 where there is no data, and stays where there is.
    """
    masked = mask.shape[0] > 0
    for i in range(valid.shape[0]):
        for j in range(valid.shape[1]):
            if x[i, j] < 0:
                valid[i, j] = 0
                continue
            # Unsigned indexes spare Numba's test for negative ones.
            px = np.uintp(x[i, j])
            py = np.uintp(y[i, j])
            value = window[py, px]
            if _absent(value, nodata) or (masked and mask[py, px] == 0):
                valid[i, j] = 0
            else:
                out[i, j] = np.float32(value) * scale + offset


@kernel(_SCALED)
def gather_bilinear(
    window: Array,
    mask: Array,
    x: Array,
    y: Array,
    fx: Array,
    fy: Array,
    nodata: float,
    scale: np.float32,
    offset: np.float32,
    out: Array,
    valid: Array,
) -> None:
    """Write the bilinear mean of the four nearest pixels, as `gather_nearest` does the nearest.

    A pixel has data where its nearest source pixel has: the mask does not depend on the resampling.
    Neighbours without data, or beyond the window, lose their weight to the others.
    """
    masked = mask.shape[0] > 0
    height, width = window.shape
    one = np.uintp(1)
    for i in range(valid.shape[0]):
        for j in range(valid.shape[1]):
            if x[i, j] < 0:
                valid[i, j] = 0
                continue
            value = window[np.uintp(y[i, j]), np.uintp(x[i, j])]
            if _absent(value, nodata) or (masked and mask[y[i, j], x[i, j]] == 0):
                valid[i, j] = 0
                continue
            # The pair of columns begins at this pixel, or at the one before; so do the rows.
            before_x = 1 if fx[i, j] < 0.0 else 0
            before_y = 1 if fy[i, j] < 0.0 else 0
            u = np.float64(fx[i, j]) + before_x
            v = np.float64(fy[i, j]) + before_y
            x0 = x[i, j] - before_x
            y0 = y[i, j] - before_y
            if not masked and x0 >= 0 and y0 >= 0 and x0 + 1 < width and y0 + 1 < height:
                ux = np.uintp(x0)
                uy = np.uintp(y0)
                v00 = window[uy, ux]
                v01 = window[uy, ux + one]
                v10 = window[uy + one, ux]
                v11 = window[uy + one, ux + one]
                lacking = _absent(v00, nodata) or _absent(v01, nodata)
                if not (lacking or _absent(v10, nodata) or _absent(v11, nodata)):
                    upper = (1.0 - u) * np.float64(v00) + u * np.float64(v01)
                    lower = (1.0 - u) * np.float64(v10) + u * np.float64(v11)
                    mean = (1.0 - v) * upper + v * lower
                    out[i, j] = np.float32(mean) * scale + offset
                    continue
            total, weight = _weighed(window, mask, nodata, x0, y0, u, v)
            if weight > 0.0:
                out[i, j] = np.float32(total / weight) * scale + offset
            else:
                out[i, j] = np.float32(value) * scale + offset


_STORED = [
    f"void({t}[:, ::1], uint8[:, ::1], int32[:, ::1], int32[:, ::1], float64, {t}[:, ::1],"
    " uint8[:, ::1])"
    for t in _TYPES
]


@kernel(_STORED)
def gather_stored(
    window: Array, mask: Array, x: Array, y: Array, nodata: float, out: Array, valid: Array
) -> None:
    """Copy the stored values of the nearest pixel, exactly.

    Args:
        window: See the module.
        mask: See the module.
        x: See the module.
        y: See the module.
        nodata: See the module.
        out: The window's dtype, (height, width); left as it is where there is no data.
        valid: uint8 (height, width); becomes 0 where there is no data, and stays where there is.
    """
    masked = mask.shape[0] > 0
    for i in range(valid.shape[0]):
        for j in range(valid.shape[1]):
            if x[i, j] < 0:
                valid[i, j] = 0
                continue
            px = np.uintp(x[i, j])
            py = np.uintp(y[i, j])
            value = window[py, px]
            if _absent(value, nodata) or (masked and mask[py, px] == 0):
                valid[i, j] = 0
            else:
                out[i, j] = value
