"""What resampling means, in NumPy: the oracle of tests, slow and plain.

The server never runs it; pixels go through `renderers.kernels`. All in float64, over whole arrays,
one tap of a filter after the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderers.kernels.resample import LEAST_COVER, LEAST_WEIGHT
from styles.model import Resampling

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Stored = NDArray[np.generic]

_EDGE = 1e-10


@dataclass(frozen=True, slots=True)
class Footprints:
    """Rectangles that stand for target pixels in a source, see `renderers.kernels.resample`.

    Attributes:
        column: float64 (height, width), of the middle; NaN where there is none.
        row: The same.
        wide: float64 (height, width), source pixels along its rows.
        high: The same along its columns.
        reach: Source pixels that a method may look away, 0 before `within`.
    """

    column: Float
    row: Float
    wide: Float
    high: Float
    reach: int = 0

    def within(self, place: tuple[float, float, float, float], reach: int) -> "Footprints":
        """Return them in pixels of a window.

        Args:
            place: The window's first column and row in level pixels, level scale x and y.
            reach: Level pixels that a method may look away.
        """
        left, top, scale_x, scale_y = place
        return Footprints(
            self.column * (1.0 / scale_x) - left,
            self.row * (1.0 / scale_y) - top,
            np.clip(self.wide * (1.0 / scale_x), 1e-6, 2.0 * reach),
            np.clip(self.high * (1.0 / scale_y), 1e-6, 2.0 * reach),
            reach,
        )


def footprints(columns: Float, rows: Float, step: int, shape: tuple[int, int]) -> Footprints:
    """Return the footprints of a target's pixels, in full-resolution source pixels.

    Args:
        columns: float64 (n, m), source columns of every `step`-th target pixel centre.
        rows: The same for source rows.
        step: Target pixels between grid points.
        shape: Target rows and columns.
    """
    c, c_down, c_across = _spread(columns, step, shape)
    r, r_down, r_across = _spread(rows, step, shape)
    # Of a target one pixel wide or high the missing side is taken to be the turned other one.
    wide = np.hypot(
        np.where(np.isnan(c_across), r_down, c_across), np.where(np.isnan(c_down), r_across, c_down)
    )
    high = np.hypot(
        np.where(np.isnan(r_across), c_down, r_across), np.where(np.isnan(r_down), c_across, r_down)
    )
    return Footprints(c, r, np.nan_to_num(wide), np.nan_to_num(high))


def resample(
    method: Resampling, window: Stored, mask: NDArray[np.uint8], nodata: float, where: Footprints
) -> tuple[Float, Bool]:
    """Resample a window of source pixels.

    Args:
        method: How.
        window: (rows, columns), stored values.
        mask: uint8 (rows, columns), 0 where there is no data; shape (0, 0) for "all valid".
        nodata: Stored value that means "no data", NaN for none.
        where: The target's pixels, in pixels of the window (`Footprints.within`).

    Returns:
        Stored values, float64 (height, width), undefined where not valid; and validity.
    """
    source = _Source(window, mask, nodata)
    if method == "average":
        return _average(source, where)
    if method == "mode":
        return _mode(source, where)
    x, y = np.floor(where.column + _EDGE), np.floor(where.row + _EDGE)
    value, valid = source.at(x, y)
    if method == "nearest":
        return value, valid
    one = np.ones_like(where.wide)
    if method == "bilinear":
        mean, weight, _ = _filtered(source, where, (one, one), 1.0)
    else:
        widest = max(where.reach / 2.0, 1.0)
        sides = np.clip(where.wide, 1.0, widest), np.clip(where.high, 1.0, widest)
        mean, weight, whole = _filtered(source, where, sides, 2.0)
        linear, weight_of_linear, _ = _filtered(source, where, sides, 1.0)
        mean = np.where(whole, mean, linear)
        weight = np.where(whole, weight, weight_of_linear)
    return np.where(weight > 0.0, mean, value), valid


class _Source:
    """Values and data of a window, asked by columns and rows that may lie outside of it."""

    def __init__(self, window: Stored, mask: NDArray[np.uint8], nodata: float) -> None:
        self.values = window.astype(np.float64)
        self.good = ~(np.isnan(self.values) | (self.values == nodata))
        if mask.size:
            self.good &= mask != 0

    def at(self, x: Float, y: Float) -> tuple[Float, Bool]:
        height, width = self.values.shape
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        column = np.where(inside, x, 0).astype(np.int64)
        row = np.where(inside, y, 0).astype(np.int64)
        good = inside & self.good[row, column]
        return np.where(good, self.values[row, column], 0.0), good


def _spread(grid: Float, step: int, shape: tuple[int, int]) -> tuple[Float, Float, Float]:
    """Interpolate a grid at every pixel; return values, change per row and change per column."""
    lines, down = _along(grid, step, shape[0])
    values, across = _along(lines.T, step, shape[1])
    return values.T, _along(down.T, step, shape[1])[0].T, across.T


def _along(grid: Float, step: int, count: int) -> tuple[Float, Float]:
    """Interpolate along the first axis; return values and change, shape (count, columns)."""
    n = len(grid)
    number = np.arange(count)
    g = number // step
    f = ((number - g * step) / step)[:, None]
    values = np.where(f == 0, grid[g], (1.0 - f) * grid[g] + f * grid[np.minimum(g + 1, n - 1)])
    if n == 1:
        return values, np.full_like(values, np.nan)
    steps = np.diff(grid, axis=0)
    if step > 1:
        return values, steps[np.minimum(g, n - 2)] / step
    nothing = np.full((1, grid.shape[1]), np.nan)
    to, on = np.concatenate([nothing, steps]), np.concatenate([steps, nothing])
    shorter = np.where(np.abs(to) < np.abs(on), to, on)
    return values, np.where(np.isnan(to), on, np.where(np.isnan(on), to, shorter))


def _overlaps(
    source: _Source, where: Footprints
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield, tap by tap, values of source pixels and the areas that footprints cover of them.

    Areas are 0 where there is no data, also beyond the window.
    """
    left, right = where.column - where.wide / 2.0, where.column + where.wide / 2.0
    top, bottom = where.row - where.high / 2.0, where.row + where.high / 2.0
    across, down = (int(np.ceil(side.max())) + 1 for side in (where.wide, where.high))
    for k in range(down):
        for n in range(across):
            x, y = np.floor(left) + n, np.floor(top) + k
            value, good = source.at(x, y)
            width = np.minimum(right, x + 1.0) - np.maximum(left, x)
            height = np.minimum(bottom, y + 1.0) - np.maximum(top, y)
            area = np.maximum(width, 0.0) * np.maximum(height, 0.0)
            yield value, np.where(good, area, 0.0)


def _average(source: _Source, where: Footprints) -> tuple[Float, Bool]:
    total, weight = np.zeros_like(where.wide), np.zeros_like(where.wide)
    for value, area in _overlaps(source, where):
        total += area * value
        weight += area
    valid = weight >= LEAST_COVER * where.wide * where.high
    return total / np.where(valid, weight, 1.0), valid


def _mode(source: _Source, where: Footprints) -> tuple[Float, Bool]:
    taps = list(_overlaps(source, where))
    covered = np.sum([area for _, area in taps], axis=0)
    greatest = np.zeros_like(where.wide)
    best = np.zeros_like(where.wide)
    area_of = [
        np.sum([np.where(value == other, area, 0.0) for other, area in taps], axis=0)
        for value, _ in taps
    ]
    greatest = np.max(area_of, axis=0)
    tie = greatest - 1e-6 * where.wide * where.high
    best = np.min(
        [
            np.where((found >= tie) & (area > 0.0), value, np.inf)
            for found, (value, area) in zip(area_of, taps, strict=True)
        ],
        axis=0,
    )
    valid = covered >= LEAST_COVER * where.wide * where.high
    nearest, there = source.at(np.floor(where.column + _EDGE), np.floor(where.row + _EDGE))
    small = (where.wide <= 1.0) & (where.high <= 1.0)
    return np.where(small, nearest, best), np.where(small, there, valid)


def _kernel(t: Float, radius: float) -> Float:
    """Return the filter's weights: radius 1 is the triangle, 2 the cubic one with a = -0.5."""
    t = np.abs(t)
    if radius == 1.0:
        return np.maximum(1.0 - t, 0.0)
    inner = 1.0 - 2.5 * t**2 + 1.5 * t**3
    outer = 2.0 - 4.0 * t + 2.5 * t**2 - 0.5 * t**3
    return np.where(t < 1.0, inner, np.where(t < 2.0, outer, 0.0))


def _filtered(
    source: _Source, where: Footprints, sides: tuple[Float, Float], radius: float
) -> tuple[Float, Float, Bool]:
    """Return the weighted mean, the weights' sum, and where no source pixel was missing."""
    total, weight = np.zeros_like(where.wide), np.zeros_like(where.wide)
    whole = np.ones(where.wide.shape, bool)
    wide, high = sides
    first_x = np.floor(where.column - radius * wide - 0.5)
    first_y = np.floor(where.row - radius * high - 0.5)
    across, down = (int(np.ceil(2.0 * radius * side.max())) + 2 for side in sides)
    for k in range(down):
        for n in range(across):
            x, y = first_x + n, first_y + k
            dx, dy = x + 0.5 - where.column, y + 0.5 - where.row
            value, good = source.at(x, y)
            parts = _kernel(dx / wide, radius), _kernel(dy / high, radius)
            counts = np.minimum(np.abs(parts[0]), np.abs(parts[1])) >= LEAST_WEIGHT
            part = np.where(good, parts[0] * parts[1], 0.0)
            total += part * value
            weight += part
            whole &= good | ~counts
    return total / np.where(weight > 0.0, weight, 1.0), weight, whole
