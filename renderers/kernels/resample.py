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

#: Weight of the cubic filter below which a pixel does not count: pixels that rounding brings to its
#: rim, or next to a position in the middle of a pixel, must not decide whether all have data.
LEAST_WEIGHT = 1e-9

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
def _put(
    at: Array, j: int, place: Array, here: tuple[float, float], across: tuple[float, float],
    down: tuple[float, float],
) -> None:  # fmt: skip
    """Write the footprint of one pixel; pairs are (column, row) at full resolution."""
    scale_x, scale_y = 1.0 / place[2], 1.0 / place[3]
    at[0, j] = here[0] * scale_x - place[0]
    at[1, j] = here[1] * scale_y - place[1]
    at[2, j] = _spread(across[0], down[0], across[1], down[1]) * scale_x
    at[3, j] = _spread(across[1], down[1], across[0], down[0]) * scale_y


@inlined
def _between(lines: Array, step: int, place: Array, at: Array) -> None:
    """Write the footprints of a row whose grid has some of its pixels."""
    width = at.shape[1]
    m = lines.shape[1]
    for g in range(m):
        start = g * step
        if start >= width:
            break
        across_c = _NONE
        across_r = _NONE
        if m > 1:
            cell = min(g, m - 2)
            across_c = (lines[0, cell + 1] - lines[0, cell]) / step
            across_r = (lines[2, cell + 1] - lines[2, cell]) / step
        across = across_c, across_r
        here = lines[0, g], lines[2, g]
        _put(at, start, place, here, across, (lines[1, g], lines[3, g]))
        for k in range(1, min(step, width - start)):
            f = k / step
            e = 1.0 - f
            here = e * lines[0, g] + f * lines[0, g + 1], e * lines[2, g] + f * lines[2, g + 1]
            down = e * lines[1, g] + f * lines[1, g + 1], e * lines[3, g] + f * lines[3, g + 1]
            _put(at, start + k, place, here, across, down)


@inlined
def _each(lines: Array, place: Array, at: Array) -> None:
    """Write the footprints of a row whose grid has each of its pixels."""
    m = at.shape[1]
    for j in range(m):
        before_c = lines[0, j - 1] if j > 0 else _NONE
        before_r = lines[2, j - 1] if j > 0 else _NONE
        after_c = lines[0, j + 1] if j + 1 < m else _NONE
        after_r = lines[2, j + 1] if j + 1 < m else _NONE
        here = lines[0, j], lines[2, j]
        across = _side(before_c, here[0], after_c), _side(before_r, here[1], after_r)
        _put(at, j, place, here, across, (lines[1, j], lines[3, j]))


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
    _down(columns, step, i, lines[0], lines[1])
    _down(rows, step, i, lines[2], lines[3])
    if step == 1:
        _each(lines, place, at)
    else:
        _between(lines, step, place, at)


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


@inlined
def _part(side: tuple[float, float, int, int], at: int) -> float:
    """Return how much of a pixel a side of a footprint (`_overlap`) covers, 0 to 1."""
    return min(side[1], at + 1.0) - max(side[0], np.float64(at))


@inlined
def _parts(middle: float, side: float, size: int, parts: Array) -> tuple[int, int]:
    """Write how much of each pixel a side of a footprint covers, and return first and count.

    The count depends on the side's length alone, wherever it begins (but for the window's end), so
    that loops over pixels run equally often for neighbours: what branches cost otherwise was
    measured to be half of the time.

    Args:
        middle: Of the side, in pixels of the window.
        side: Its length.
        size: Pixels of the window along it.
        parts: float64, written: 0 to 1 for each pixel from the first on.
    """
    low = max(middle - side / 2.0, 0.0)
    high = min(middle + side / 2.0, np.float64(size))
    # A position that is NaN is nowhere, whatever `max` and `min` make of it.
    if middle != middle or not high > low:
        return 0, 0
    first = int(low)
    count = min(math.ceil(side) + 1, size - first)
    parts[0] = min(high, first + 1.0) - low
    for k in range(1, count):
        parts[k] = max(min(high - (first + k), 1.0), 0.0)
    return first, count


@inlined
def _whole_sum(
    window: Array, mask: Array, nodata: float, corner: tuple[int, int, int, int], parts_x: Array,
    parts_y: Array,
) -> tuple[float, float]:  # fmt: skip
    """Return the sum of the values under a footprint, by area, and the area.

    Both are 0 where a pixel has no data: see `_area_sum`. Not to sum up the areas saves a third.
    """
    y0, x0, down, across = corner
    total = 0.0
    lacking = 0
    high = 0.0
    for k in range(down):
        line = 0.0
        for n in range(across):
            lacking += 1 if _lacks(window, mask, nodata, y0 + k, x0 + n) else 0
            line += parts_x[n] * np.float64(window[np.uintp(y0 + k), np.uintp(x0 + n)])
        total += parts_y[k] * line
        high += parts_y[k]
    if lacking > 0:
        return 0.0, 0.0
    wide = 0.0
    for n in range(across):
        wide += parts_x[n]
    return total, wide * high


@inlined
def _area_sum(
    window: Array, mask: Array, nodata: float, corner: tuple[int, int, int, int], parts_x: Array,
    parts_y: Array,
) -> tuple[float, float]:  # fmt: skip
    """Return the sum of the values that are data, by area, and the area that has data."""
    y0, x0, down, across = corner
    total = 0.0
    weight = 0.0
    for k in range(down):
        for n in range(across):
            if not _lacks(window, mask, nodata, y0 + k, x0 + n):
                part = parts_y[k] * parts_x[n]
                total += part * np.float64(window[np.uintp(y0 + k), np.uintp(x0 + n)])
                weight += part
    return total, weight


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
    # No footprint holds more pixels than the window, however far out a request zooms.
    parts_x = np.empty(min(2 * reach + 2, window.shape[1]))
    parts_y = np.empty(min(2 * reach + 2, window.shape[0]))
    for i in range(out.shape[0]):
        _footprints(columns, rows, step, place, i, lines, at)
        for j in range(out.shape[1]):
            if valid[i, j] == 0:
                continue
            wide = max(min(at[2, j], 2.0 * reach), _POINT)
            high = max(min(at[3, j], 2.0 * reach), _POINT)
            x0, across = _parts(at[0, j], wide, window.shape[1], parts_x)
            y0, down = _parts(at[1, j], high, window.shape[0], parts_y)
            corner = y0, x0, down, across
            total, weight = _whole_sum(window, mask, nodata, corner, parts_x, parts_y)
            if weight == 0.0:
                total, weight = _area_sum(window, mask, nodata, corner, parts_x, parts_y)
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
def _uniform(
    window: Array, mask: Array, across: tuple[float, float, int, int],
    down: tuple[float, float, int, int],
) -> bool:  # fmt: skip
    """Tell whether all pixels under a footprint hold one value, and none is masked."""
    value = window[down[2], across[2]]
    for y in range(down[2], down[3]):
        for x in range(across[2], across[3]):
            if window[np.uintp(y), np.uintp(x)] != value:
                return False
            if mask.shape[0] > 0 and mask[np.uintp(y), np.uintp(x)] == 0:
                return False
    return True


@inlined
def _areas(
    window: Array, mask: Array, nodata: float, across: tuple[float, float, int, int],
    down: tuple[float, float, int, int], values: Array, areas: Array, table: Array, used: Array,
) -> int:  # fmt: skip
    """Write the values under a footprint and the area that each covers; return how many."""
    first, last = across[2], across[3] - 1
    at_first, at_last = _part(across, first), _part(across, last)
    count = 0
    number = 0
    before = np.inf
    area = 0.0  # of the run of equal values that ends here
    for y in range(down[2], down[3]):
        tall = _part(down, y)
        for x in range(first, last + 1):
            if _lacks(window, mask, nodata, y, x):
                continue
            value = np.float64(window[np.uintp(y), np.uintp(x)])
            if value != before or count == 0:
                if count > 0:
                    areas[number] += area
                area = 0.0
                number = _slot(value, values, count, table, used)
                before = value
                if number == count:
                    areas[number] = 0.0
                    count += 1
            part = at_first if x == first else (at_last if x == last else 1.0)
            area += tall * part
    if count > 0:
        areas[number] += area
    return count


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
    # Different values under a footprint: no more than pixels, nor than the type has.
    most = min((2 * reach + 2) ** 2, window.size)
    if window.itemsize <= 2:
        most = min(most, 1 << 8 * window.itemsize)
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
            across, down = (left, right, x0, x1), (top, bottom, y0, y1)
            if x0 < x1 and y0 < y1 and _uniform(window, mask, across, down):
                value = window[np.uintp(y0), np.uintp(x0)]
                area = (right - left) * (bottom - top)
                if _absent(value, nodata) or area < LEAST_COVER * wide * high:
                    valid[i, j] = 0
                else:
                    out[i, j] = np.float32(value) * scale + offset
                continue
            count = _areas(window, mask, nodata, across, down, values, areas, table, used)
            weight = 0.0
            for k in range(count):
                weight += areas[k]
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
def _cubic_weights(middle: float, wide: float, weights: Array) -> tuple[int, int]:
    """Write the weights of the pixels along one axis; return the first, and how many.

    Args:
        middle: Position along the axis, in pixels of the window.
        wide: Width of the filter, 1 or more.
        weights: float64, written. Weights at both ends are not 0.
    """
    if wide == 1.0:
        first = math.floor(middle - 0.5) - 1
        u = middle - 1.5 - first
        # The kernel's pieces at 1 + u, u, 1 - u and 2 - u.
        weights[0] = ((-0.5 * u + 1.0) * u - 0.5) * u
        weights[1] = (1.5 * u - 2.5) * u * u + 1.0
        weights[2] = ((-1.5 * u + 2.0) * u + 0.5) * u
        weights[3] = (0.5 * u - 0.5) * u * u
        count = 4
    else:
        first = math.ceil(middle - 2.0 * wide - 0.5)
        count = math.ceil(4.0 * wide)
        for k in range(count):
            weights[k] = _cubic((first + k + 0.5 - middle) / wide)
    start = 0
    while start < count and abs(weights[start]) < LEAST_WEIGHT:
        start += 1
    while count > start and abs(weights[count - 1]) < LEAST_WEIGHT:
        count -= 1
    if start > 0:
        for k in range(start, count):
            weights[k - start] = weights[k]
    return first + start, count - start


@inlined
def _cubic_sum(
    window: Array, mask: Array, nodata: float, position: tuple[float, float],
    sides: tuple[float, float], weights_x: Array, weights_y: Array,
) -> tuple[float, float]:  # fmt: skip
    """Return the weighted sum of all taps and the sum of their weights, 0 where a tap is absent."""
    x0, across = _cubic_weights(position[0], sides[0], weights_x)
    y0, down = _cubic_weights(position[1], sides[1], weights_y)
    if x0 < 0 or y0 < 0 or x0 + across > window.shape[1] or y0 + down > window.shape[0]:
        return 0.0, 0.0
    total = 0.0
    weight = 0.0
    lacking = 0
    for n in range(across):
        weight += weights_x[n]
    high = 0.0
    for k in range(down):
        line = 0.0
        for n in range(across):
            light = min(abs(weights_x[n]), abs(weights_y[k])) < LEAST_WEIGHT
            lacks = _lacks(window, mask, nodata, y0 + k, x0 + n)
            lacking += 1 if lacks and not light else 0
            value = np.float64(window[np.uintp(y0 + k), np.uintp(x0 + n)])
            line += 0.0 if lacks else weights_x[n] * value
        total += weights_y[k] * line
        high += weights_y[k]
    if lacking > 0:
        return 0.0, 0.0
    return total, weight * high


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
    weights_x, weights_y = np.empty(4 * reach + 6), np.empty(4 * reach + 6)
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
            total, weight = _cubic_sum(
                window, mask, nodata, (c, r), (wide, high), weights_x, weights_y
            )
            if weight == 0.0:
                total, weight = _linear_sum(window, mask, nodata, c, r, wide, high)
            if weight > 0.0:
                out[i, j] = np.float32(total / weight) * scale + offset
            else:
                out[i, j] = np.float32(window[y, x]) * scale + offset
