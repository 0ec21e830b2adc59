"""Kernels that look at more of a source than the four nearest pixels: cubic, average and mode.

They share their arguments, so that one can stand for another:
    columns, rows: float64 (n, m), full-resolution source position of every `step`-th target pixel
        centre in pixel-corner coordinates; NaN where there is none (`renderers.warp`).
    step: Target pixels between grid points.
    place: float64 (4,): the window's first column and row in level pixels, level scale x and y.
    window: (rows, columns), stored values of one level.
    mask: uint8 (rows, columns), 0 where there is no data; shape (0, 0) for "all valid".
    nodata: stored value that means "no data"; NaN never equals a value, so NaN means "none". A
        stored NaN is never data.
    scale, offset: Of the band; `out` is stored * scale + offset.
    reach: Level pixels that the window holds around every position, more than which no pixel looks
        away (`renderers.resampling.reach`).
    out: float32 (height, width); left as it is where there is no data.
    valid: uint8 (height, width); pixels that are 0 are left out, others become 0 where there is no
        data.

The footprint of a target pixel is the parallelogram that it covers in the source. Its sides come
from the differences of neighbouring positions: in the cell of the grid, or where the grid has every
pixel the shorter of the steps before and after, so that a jump (antimeridian) is no side. It is
taken as a rectangle along the source's axes with the same spread along each of them: width
hypot(dc/dj, dc/di), height hypot(dr/dj, dr/di). Where rows lie along rows that is the footprint
itself, and for a square turned by any angle a square of the same area and place.

Rows are worked off one by one; nothing of the target's size is made.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderers.kernels.options import inlined, kernel

Array = NDArray[Any]

#: Added to positions on the edge of a pixel that rounding left a hair short, as in `gather`.
_EDGE = 1e-10

#: Part of a footprint that must have data. Positions are right to a hundredth of a target pixel;
#: less than twice that may be an error of theirs and no overlap.
LEAST_COVER = 0.02

#: Shortest side of a footprint, source pixels: a position alone, where it has no neighbours.
_POINT = 1e-6

#: Part of a footprint by which areas of two values must differ to be told apart.
_TIE = 1e-6

#: Rim of the cubic filter without weight, source pixels (there it weighs less than 1e-12): a pixel
#: that rounding brings into it must not decide whether all pixels have data.
_RIM = 1e-6

_NONE = np.nan

_TYPES = ("uint8", "uint16", "int16", "float32", "float64")
_SIGNATURES = [
    f"void(float64[:, ::1], float64[:, ::1], int64, float64[::1], {t}[:, ::1], uint8[:, ::1],"
    " float64, float32, float32, int64, float32[:, ::1], uint8[:, ::1])"
    for t in _TYPES
]


@inlined
def _absent(value: Any, nodata: float) -> bool:
    """Tell whether a stored value means "no data"."""
    return bool(np.float64(value) == nodata or value != value)


@inlined
def _lacks(window: Array, mask: Array, nodata: float, y: int, x: int) -> bool:
    """Tell whether a pixel of the window has no data."""
    # Unsigned indexes spare Numba's test for negative ones.
    uy = np.uintp(y)
    ux = np.uintp(x)
    if mask.shape[0] > 0 and mask[uy, ux] == 0:
        return True
    return _absent(window[uy, ux], nodata)


@inlined
def _side(before: float, here: float, after: float) -> float:
    """Return the shorter of the steps to the neighbours, NaN where there is none."""
    to = here - before
    on = after - here
    if to != to:
        return on
    if on != on:
        return to
    return to if abs(to) < abs(on) else on


@inlined
def _down(grid: Array, step: int, i: int, line: Array, slope: Array) -> None:
    """Interpolate one row of a grid, and its change from row to row.

    Args:
        grid: float64 (n, m).
        step: Target pixels between grid points.
        i: Target row.
        line: float64 (m,), written: values at the grid's columns.
        slope: float64 (m,), written: change per target row there; NaN where there is none.
    """
    n, m = grid.shape
    gi = i // step
    fi = (i - gi * step) / step
    hi = gi if fi == 0.0 else min(gi + 1, n - 1)
    cell = max(min(gi, n - 2), 0)
    for g in range(m):
        # A neighbour that is not needed may be NaN, and 0 * NaN is NaN.
        line[g] = grid[gi, g] if fi == 0.0 else (1.0 - fi) * grid[gi, g] + fi * grid[hi, g]
        if step == 1:
            before = grid[i - 1, g] if i > 0 else _NONE
            after = grid[i + 1, g] if i + 1 < n else _NONE
            slope[g] = _side(before, line[g], after)
        elif n > 1:
            slope[g] = (grid[cell + 1, g] - grid[cell, g]) / step
        else:
            slope[g] = _NONE


@inlined
def _spread(across: float, down: float, other_across: float, other_down: float) -> float:
    """Return the side of the rectangle that stands for a footprint, along one axis of the source.

    Args:
        across: Change of this axis per target column; NaN where it is not known.
        down: The same per target row.
        other_across: Change of the source's other axis per target column.
        other_down: The same per target row.
    """
    # Of a target one pixel wide or high the missing side is taken to be the turned other one.
    if across != across:
        across = other_down
    if down != down:
        down = other_across
    total = across * across + down * down
    return math.sqrt(total) if total == total else 0.0


@inlined
def _footprints(
    columns: Array, rows: Array, step: int, place: Array, i: int, lines: Array, at: Array
) -> None:
    """Write the footprints of one target row.

    Args:
        columns: See the module.
        rows: See the module.
        step: See the module.
        place: See the module.
        i: The target row.
        lines: float64 (4, m), scratch.
        at: float64 (4, width), written: column and row of the centre in the window, width and
            height of the footprint, in level pixels.
    """
    m = columns.shape[1]
    _down(columns, step, i, lines[0], lines[1])
    _down(rows, step, i, lines[2], lines[3])
    scale_x, scale_y = 1.0 / place[2], 1.0 / place[3]
    for j in range(at.shape[1]):
        g = j // step
        f = (j - g * step) / step
        if f == 0.0:
            c, r = lines[0, g], lines[2, g]
            down_c, down_r = lines[1, g], lines[3, g]
        else:
            c = (1.0 - f) * lines[0, g] + f * lines[0, g + 1]
            r = (1.0 - f) * lines[2, g] + f * lines[2, g + 1]
            down_c = (1.0 - f) * lines[1, g] + f * lines[1, g + 1]
            down_r = (1.0 - f) * lines[3, g] + f * lines[3, g + 1]
        if step == 1:
            before_c = lines[0, j - 1] if j > 0 else _NONE
            before_r = lines[2, j - 1] if j > 0 else _NONE
            after_c = lines[0, j + 1] if j + 1 < m else _NONE
            after_r = lines[2, j + 1] if j + 1 < m else _NONE
            across_c = _side(before_c, c, after_c)
            across_r = _side(before_r, r, after_r)
        elif m > 1:
            cell = min(g, m - 2)
            across_c = (lines[0, cell + 1] - lines[0, cell]) / step
            across_r = (lines[2, cell + 1] - lines[2, cell]) / step
        else:
            across_c = _NONE
            across_r = _NONE
        at[0, j] = c * scale_x - place[0]
        at[1, j] = r * scale_y - place[1]
        at[2, j] = _spread(across_c, down_c, across_r, down_r) * scale_x
        at[3, j] = _spread(across_r, down_r, across_c, down_c) * scale_y


@inlined
def _nearest(at: Array, j: int, window: Array, mask: Array, nodata: float) -> tuple[int, int]:
    """Return row and column of the pixel under a position, (-1, -1) where it has no data."""
    c, r = at[0, j], at[1, j]
    # NaN fails every comparison; inside the window truncation is floor.
    if c >= -_EDGE and r >= -_EDGE and c < window.shape[1] - _EDGE and r < window.shape[0] - _EDGE:
        x = int(c + _EDGE)
        y = int(r + _EDGE)
        if not _lacks(window, mask, nodata, y, x):
            return y, x
    return -1, -1


@inlined
def _overlap(middle: float, side: float, size: int) -> tuple[float, float, int, int]:
    """Return where a side of a footprint begins and ends in the window, and its pixels' range."""
    low = max(middle - side / 2.0, 0.0)
    high = min(middle + side / 2.0, float(size))
    # A position that is NaN is nowhere, whatever `max` and `min` make of it.
    if middle != middle or not high > low:
        return 0.0, 0.0, 0, 0
    first = int(low)
    last = int(high)
    if last < high:
        last += 1
    return low, high, first, last


@kernel(_SIGNATURES)
def resample_average(
    columns: Array,
    rows: Array,
    step: int,
    place: Array,
    window: Array,
    mask: Array,
    nodata: float,
    scale: np.float32,
    offset: np.float32,
    reach: int,
    out: Array,
    valid: Array,
) -> None:
    """Write the mean of the footprint, each source pixel weighted by the area of its overlap.

    Exact where rows lie along rows; see the module for turned footprints. Source pixels without
    data, or beyond the window, lose their weight to the others. A pixel has data where at least
    `LEAST_COVER` of its footprint has. All arguments: see the module.
    """
    lines = np.empty((4, columns.shape[1]))
    at = np.empty((4, out.shape[1]))
    for i in range(out.shape[0]):
        _footprints(columns, rows, step, place, i, lines, at)
        for j in range(out.shape[1]):
            if valid[i, j] == 0:
                continue
            wide = max(min(at[2, j], 2.0 * reach), _POINT)
            high = max(min(at[3, j], 2.0 * reach), _POINT)
            left, right, x0, x1 = _overlap(at[0, j], wide, window.shape[1])
            top, bottom, y0, y1 = _overlap(at[1, j], high, window.shape[0])
            total = 0.0
            weight = 0.0
            for y in range(y0, y1):
                line = 0.0
                good = 0.0
                for x in range(x0, x1):
                    if not _lacks(window, mask, nodata, y, x):
                        part = min(right, x + 1.0) - max(left, np.float64(x))
                        line += part * np.float64(window[np.uintp(y), np.uintp(x)])
                        good += part
                part = min(bottom, y + 1.0) - max(top, np.float64(y))
                total += part * line
                weight += part * good
            if weight >= LEAST_COVER * wide * high:
                out[i, j] = np.float32(total / weight) * scale + offset
            else:
                valid[i, j] = 0


@inlined
def _slot(value: float, values: Array, count: int, table: Array, used: Array) -> int:
    """Return the number of a value, giving it the next one when it is new.

    Args:
        value: To find.
        values: float64, those that have numbers, in order.
        count: How many have.
        table: int64, a power of two long: hash table of numbers, -1 for free.
        used: int64, the place in `table` of each number, to free them again.
    """
    bits = np.float64(value + 0.0).view(np.uint64)  # -0.0 and 0.0 are one value
    place = np.int64((bits * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40))
    last = table.shape[0] - 1
    while True:
        place &= last
        number = table[place]
        if number < 0:
            table[place] = count
            used[count] = place
            values[count] = value
            return count
        if values[number] == value:
            return int(number)
        place += 1


@inlined
def _winner(values: Array, areas: Array, count: int, least: float) -> float:
    """Return the smallest of the values whose area is the greatest, but for `least`."""
    greatest = 0.0
    for k in range(count):
        greatest = max(greatest, areas[k])
    best = np.inf
    for k in range(count):
        if areas[k] >= greatest - least and values[k] < best:
            best = values[k]
    return best


@kernel(_SIGNATURES)
def resample_mode(
    columns: Array,
    rows: Array,
    step: int,
    place: Array,
    window: Array,
    mask: Array,
    nodata: float,
    scale: np.float32,
    offset: np.float32,
    reach: int,
    out: Array,
    valid: Array,
) -> None:
    """Write the stored value that covers most of the footprint; of equal ones the smallest.

    Where the footprint is no larger than a source pixel along both axes that is the nearest pixel,
    and a pixel has data where its nearest has. Else source pixels without data do not count, and a
    pixel has data where at least `LEAST_COVER` of its footprint has. All arguments: see the module.
    """
    lines = np.empty((4, columns.shape[1]))
    at = np.empty((4, out.shape[1]))
    most = min((2 * reach + 2) ** 2, window.size)
    values = np.empty(most)
    areas = np.empty(most)
    used = np.empty(most, np.int64)
    size = 16
    while size < 2 * most:
        size *= 2
    table = np.full(size, -1, np.int64)
    for i in range(out.shape[0]):
        _footprints(columns, rows, step, place, i, lines, at)
        for j in range(out.shape[1]):
            if valid[i, j] == 0:
                continue
            if at[2, j] <= 1.0 and at[3, j] <= 1.0:
                y, x = _nearest(at, j, window, mask, nodata)
                if y < 0:
                    valid[i, j] = 0
                else:
                    out[i, j] = np.float32(window[y, x]) * scale + offset
                continue
            wide = max(min(at[2, j], 2.0 * reach), _POINT)
            high = max(min(at[3, j], 2.0 * reach), _POINT)
            left, right, x0, x1 = _overlap(at[0, j], wide, window.shape[1])
            top, bottom, y0, y1 = _overlap(at[1, j], high, window.shape[0])
            count = 0
            number = 0
            weight = 0.0
            for y in range(y0, y1):
                tall = min(bottom, y + 1.0) - max(top, np.float64(y))
                for x in range(x0, x1):
                    if _lacks(window, mask, nodata, y, x):
                        continue
                    part = tall * (min(right, x + 1.0) - max(left, np.float64(x)))
                    value = np.float64(window[np.uintp(y), np.uintp(x)])
                    if count == 0 or values[number] != value:
                        number = _slot(value, values, count, table, used)
                        if number == count:
                            areas[number] = 0.0
                            count += 1
                    areas[number] += part
                    weight += part
            for k in range(count):
                table[used[k]] = -1
            if weight >= LEAST_COVER * wide * high:
                best = _winner(values, areas, count, _TIE * wide * high)
                out[i, j] = np.float32(best) * scale + offset
            else:
                valid[i, j] = 0


@inlined
def _cubic(t: float) -> float:
    """Return the cubic convolution kernel with a = -0.5 (Keys 1981, Catmull-Rom)."""
    t = abs(t)
    if t < 1.0:
        return (1.5 * t - 2.5) * t * t + 1.0
    if t < 2.0:
        return ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0
    return 0.0


@inlined
def _cubic_sum(
    window: Array, mask: Array, nodata: float, c: float, r: float, wide: float, high: float,
    weights: Array,
) -> tuple[float, float]:  # fmt: skip
    """Return the weighted sum of all taps and the sum of their weights, 0 where a tap is absent."""
    x0 = math.ceil(c - 2.0 * wide - 0.5 + _RIM)
    x1 = math.floor(c + 2.0 * wide - 0.5 - _RIM) + 1
    y0 = math.ceil(r - 2.0 * high - 0.5 + _RIM)
    y1 = math.floor(r + 2.0 * high - 0.5 - _RIM) + 1
    if x0 < 0 or y0 < 0 or x1 > window.shape[1] or y1 > window.shape[0]:
        return 0.0, 0.0
    across = 0.0
    for x in range(x0, x1):
        weights[x - x0] = _cubic((x + 0.5 - c) / wide)
        across += weights[x - x0]
    total = 0.0
    weight = 0.0
    for y in range(y0, y1):
        line = 0.0
        for x in range(x0, x1):
            if _lacks(window, mask, nodata, y, x):
                return 0.0, 0.0
            line += weights[x - x0] * np.float64(window[np.uintp(y), np.uintp(x)])
        part = _cubic((y + 0.5 - r) / high)
        total += part * line
        weight += part * across
    return total, weight


@inlined
def _linear_sum(
    window: Array, mask: Array, nodata: float, c: float, r: float, wide: float, high: float
) -> tuple[float, float]:
    """Return the weighted sum of the triangle's taps that have data, and their weights' sum."""
    x0 = max(math.ceil(c - wide - 0.5), 0)
    x1 = min(math.floor(c + wide - 0.5) + 1, window.shape[1])
    y0 = max(math.ceil(r - high - 0.5), 0)
    y1 = min(math.floor(r + high - 0.5) + 1, window.shape[0])
    total = 0.0
    weight = 0.0
    for y in range(y0, y1):
        tall = 1.0 - abs(y + 0.5 - r) / high
        for x in range(x0, x1):
            if not _lacks(window, mask, nodata, y, x):
                part = tall * (1.0 - abs(x + 0.5 - c) / wide)
                total += part * np.float64(window[np.uintp(y), np.uintp(x)])
                weight += part
    return total, weight


@kernel(_SIGNATURES)
def resample_cubic(
    columns: Array,
    rows: Array,
    step: int,
    place: Array,
    window: Array,
    mask: Array,
    nodata: float,
    scale: np.float32,
    offset: np.float32,
    reach: int,
    out: Array,
    valid: Array,
) -> None:
    """Write the cubic convolution of the source (a = -0.5), 4 x 4 pixels where nothing shrinks.

    Along an axis where the footprint is longer than a source pixel the filter is as much wider, so
    that what the target cannot show is not folded into it. A pixel has data where its nearest
    source pixel has, as for nearest and bilinear. Where one of the filter's pixels has no data or
    lies beyond the window, its negative lobes could not be made up for (the rest may weigh next to
    nothing): there the bilinear filter of the same width takes the pixels that have data, with
    their weights made to sum to 1. Values beyond those of the source (overshoot) are kept. All
    arguments: see the module.
    """
    lines = np.empty((4, columns.shape[1]))
    at = np.empty((4, out.shape[1]))
    widest = max(reach / 2.0, 1.0)
    weights = np.empty(math.ceil(4.0 * widest) + 2)
    for i in range(out.shape[0]):
        _footprints(columns, rows, step, place, i, lines, at)
        for j in range(out.shape[1]):
            if valid[i, j] == 0:
                continue
            y, x = _nearest(at, j, window, mask, nodata)
            if y < 0:
                valid[i, j] = 0
                continue
            c, r = at[0, j], at[1, j]
            wide = min(max(at[2, j], 1.0), widest)
            high = min(max(at[3, j], 1.0), widest)
            total, weight = _cubic_sum(window, mask, nodata, c, r, wide, high, weights)
            if weight == 0.0:
                total, weight = _linear_sum(window, mask, nodata, c, r, wide, high)
            if weight > 0.0:
                out[i, j] = np.float32(total / weight) * scale + offset
            else:
                out[i, j] = np.float32(window[y, x]) * scale + offset
