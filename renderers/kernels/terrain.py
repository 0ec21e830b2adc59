"""Passes that look at the neighbours of a pixel: slopes and means.

Grids are float32 (rows, columns), NaN where there is no value. Results of the outermost pixels that
lack a neighbour are NaN; callers give a margin and cut it off.
"""

import math
from typing import Any, Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from renderers.kernels.options import inlined, kernel

Array = NDArray[Any]

SLOPE: Final = 0
ASPECT: Final = 1
HILLSHADE: Final = 2

_NAN: Final = np.float32(np.nan)
_DEGREES: Final = 180.0 / math.pi

_f32_rows = types.Array(types.float32, 2, "C", readonly=True)
_f32_rows_out = types.Array(types.float32, 2, "C")


@inlined
def _shown(kind: int, east: float, south: float, light: tuple[float, float, float]) -> float:
    """Return what is shown of a slope: metres up per metre east, and per metre south."""
    if kind == HILLSHADE:
        toward = light[2] - east * light[0] + south * light[1]
        return max(toward / math.sqrt(1.0 + east * east + south * south), 0.0)
    if kind == SLOPE:
        return math.atan(math.sqrt(east * east + south * south)) * _DEGREES
    if east == 0.0 and south == 0.0:
        return np.nan
    degrees = math.atan2(-east, south) * _DEGREES
    return degrees if degrees >= 0.0 else degrees + 360.0


@kernel(
    types.void(
        types.int64, _f32_rows, _f32_rows, _f32_rows, types.float64, types.float64, types.float64,
        types.float64, _f32_rows_out,
    )
)  # fmt: skip
def relief(
    kind: int,
    height: Array,
    across: Array,
    down: Array,
    light_east: float,
    light_north: float,
    light_up: float,
    exaggeration: float,
    out: Array,
) -> None:
    """Write slope, aspect or light of a relief, by the gradient of Horn (1981).

    Args:
        kind: SLOPE (degrees), ASPECT (degrees clockwise from the top) or HILLSHADE (0 to 1).
        height: Metres.
        across: Metres on the ground from a pixel to the next one in its row.
        down: To the next one in its column.
        light_east: Direction to the light, a vector of length 1.
        light_north: See there.
        light_up: See there.
        exaggeration: Heights are multiplied by it.
        out: Same shape, written.
    """
    rows, columns = height.shape
    light = (light_east, light_north, light_up)
    out[:] = _NAN
    for r in range(1, rows - 1):
        above, here, below = height[r - 1], height[r], height[r + 1]
        for c in range(1, columns - 1):
            nw, n, ne = float(above[c - 1]), float(above[c]), float(above[c + 1])
            w, e = float(here[c - 1]), float(here[c + 1])
            sw, s, se = float(below[c - 1]), float(below[c]), float(below[c + 1])
            east = ((ne + 2.0 * e + se) - (nw + 2.0 * w + sw)) / (8.0 * across[r, c])
            south = ((sw + 2.0 * s + se) - (nw + 2.0 * n + ne)) / (8.0 * down[r, c])
            east, south = east * exaggeration, south * exaggeration
            # A NaN among the neighbours makes both NaN; the middle has no part in them.
            if here[c] == here[c] and east == east and south == south:
                out[r, c] = _shown(kind, east, south, light)


@kernel(types.void(types.int64, _f32_rows, _f32_rows_out))
def focal_mean(reach: int, values: Array, out: Array) -> None:
    """Write the mean of the values in a window around each pixel that has one itself.

    Every window is added up by itself and in the same order, so that a part of a grid has the
    values of the whole one.

    Args:
        reach: Pixels from the middle of the window to its edge.
        values: float32 (rows, columns).
        out: Same shape, written.
    """
    rows, columns = values.shape
    total = np.empty(columns, np.float64)
    number = np.empty(columns, np.int64)
    out[:] = _NAN
    for r in range(reach, rows - reach):
        total[:] = 0.0
        number[:] = 0
        for k in range(r - reach, r + reach + 1):
            row = values[k]
            for c in range(columns):
                if row[c] == row[c]:
                    total[c] += row[c]
                    number[c] += 1
        for c in range(reach, columns - reach):
            if values[r, c] == values[r, c]:
                window, count = 0.0, 0
                for k in range(c - reach, c + reach + 1):
                    window += total[k]
                    count += number[k]
                out[r, c] = window / count
