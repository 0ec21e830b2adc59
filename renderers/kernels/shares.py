"""Which part of each pixel lies inside a shape, exactly, from vertices in pixels."""

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from renderers.kernels.options import inlined, kernel

Array = NDArray[Any]

_f64_rows = types.Array(types.float64, 2, "C", readonly=True)
_i64 = types.Array(types.int64, 1, "C", readonly=True)
_f64_out = types.Array(types.float64, 2, "C")


@inlined
def _across(steps: Array, row: int, x0: float, x1: float, rise: float) -> None:
    """Add a piece of an edge that lies in one row: the area to the right of it."""
    width = steps.shape[1] - 1
    left, right = min(x0, x1), max(x0, x1)
    if right <= 0.0:
        steps[row, 0] += rise
        return
    if left >= width:
        return
    if left == right:
        column = int(left)
        part = left - column
        steps[row, column] += rise * (1.0 - part)
        steps[row, column + 1] += rise * part
        return
    slope = rise / (right - left)
    if left < 0.0:
        steps[row, 0] += -left * slope
        left = 0.0
    right = min(right, float(width))
    while left < right:
        column = int(left)
        end = min(float(column + 1), right)
        share = (end - left) * slope
        part = 0.5 * (left + end) - column
        steps[row, column] += share * (1.0 - part)
        steps[row, column + 1] += share * part
        left = end


@kernel(types.void(_f64_rows, _i64, _f64_out))
def accumulate(points: Array, rings: Array, steps: Array) -> None:
    """Add up, at each pixel, by how much the area inside of rings grows from its left neighbour.

    The sums along each row are the parts of its pixels that lie inside: each edge adds the exact
    area between it and the right end of the row, positive where it goes down, negative where it
    goes up, so that of a closed ring only what it encloses is left. Costs the pixels that edges
    pass, and nothing for those between. The same signed areas draw the outlines of letters
    (R. Levien, font-rs, 2016); here in float64 and without a bound of 1.

    Args:
        points: float64, shape (vertices, 2), column and row in pixels, finite; rings are closed.
        rings: int64, shape (rings + 1,): where each ring begins in `points`. Holes run in the other
            sense than what is around them.
        steps: float64, shape (height, width + 1); grows.
    """
    height = steps.shape[0]
    for ring in range(rings.size - 1):
        for k in range(rings[ring], rings[ring + 1] - 1):
            x0, y0, x1, y1 = points[k, 0], points[k, 1], points[k + 1, 0], points[k + 1, 1]
            if y0 == y1:
                continue
            sense = 1.0
            if y0 > y1:
                x0, y0, x1, y1 = x1, y1, x0, y0
                sense = -1.0
            top, bottom = max(y0, 0.0), min(y1, float(height))
            if top >= bottom:
                continue
            slope = (x1 - x0) / (y1 - y0)
            y = top
            for row in range(int(top), min(int(np.ceil(bottom)), height)):
                end = min(float(row + 1), bottom)
                _across(
                    steps, row, x0 + (y - y0) * slope, x0 + (end - y0) * slope, sense * (end - y)
                )
                y = end
