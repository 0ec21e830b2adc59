"""Areas and lines drawn into a picture, from vertices in its pixels."""

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from renderers.kernels.options import inlined, kernel

Array = NDArray[Any]

_f64_rows = types.Array(types.float64, 2, "C", readonly=True)
_i64 = types.Array(types.int64, 1, "C", readonly=True)
_u8 = types.Array(types.uint8, 1, "C", readonly=True)
_u8_out = types.Array(types.uint8, 2, "C")
_f32_out = types.Array(types.float32, 2, "C")


@inlined
def _crossings(points: Array, first: int, last: int, y: float, found: Array, count: int) -> int:
    """Add where a closed ring crosses a row, each edge without its upper end."""
    for k in range(first, last - 1):
        y0, y1 = points[k, 1], points[k + 1, 1]
        if (y0 <= y) != (y1 <= y):
            x0, x1 = points[k, 0], points[k + 1, 0]
            found[count] = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
            count += 1
    return count


@inlined
def _between(found: Array, count: int, row: Array) -> None:
    """Fill the pixels of a row whose middles lie between the first two crossings, and so on."""
    crossings = np.sort(found[:count])
    for k in range(0, count - 1, 2):
        left = max(np.ceil(crossings[k] - 0.5), 0.0)
        right = min(np.ceil(crossings[k + 1] - 0.5), float(row.shape[0]))
        for column in range(int(left), int(right)):
            row[column] = 1


@kernel(types.void(_f64_rows, _i64, _i64, _u8_out))
def fill(points: Array, rings: Array, shapes: Array, out: Array) -> None:
    """Mark the pixels whose middle lies in a shape; of a shape below a pixel the one it lies in.

    Args:
        points: float64, shape (vertices, 2), column and row in pixels, finite; rings are closed.
        rings: int64, shape (rings + 1,): where each ring begins in `points`.
        shapes: int64, shape (shapes + 1,): where each shape begins in `rings`; a pixel is inside
            where an odd number of its rings is around it.
        out: uint8, shape (height, width), 1 where inside; the rest is left as it is.
    """
    height, width = out.shape
    found = np.empty(points.shape[0], np.float64)
    for shape in range(shapes.shape[0] - 1):
        first, last = rings[shapes[shape]], rings[shapes[shape + 1]]
        if last - first < 2:
            continue
        left = right = points[first, 0]
        top = bottom = points[first, 1]
        for k in range(first, last):
            left, right = min(left, points[k, 0]), max(right, points[k, 0])
            top, bottom = min(top, points[k, 1]), max(bottom, points[k, 1])
        if right < 0.0 or bottom < 0.0 or left >= width or top >= height:
            continue
        if right - left < 1.0 or bottom - top < 1.0:
            # A thin one could lie between the middles of all pixels.
            for row in range(max(int(top), 0), min(int(bottom), height - 1) + 1):
                for column in range(max(int(left), 0), min(int(right), width - 1) + 1):
                    out[row, column] = 1
            continue
        for row in range(max(int(np.floor(top)), 0), min(int(bottom) + 1, height)):
            count = 0
            for ring in range(shapes[shape], shapes[shape + 1]):
                count = _crossings(points, rings[ring], rings[ring + 1], row + 0.5, found, count)
            _between(found, count, out[row])


@kernel(types.void(_f64_rows, _u8, types.float64, _f32_out, _u8_out))
def stroke(segments: Array, kinds: Array, half: float, cover: Array, kind: Array) -> None:
    """Draw lines with smooth edges and round ends; a pixel is what covers most of it, last first.

    Args:
        segments: float64, shape (segments, 4): column and row of both ends, in pixels, finite.
        kinds: uint8, shape (segments,): what each is of.
        half: Half the width in pixels.
        cover: float32, shape (height, width), 0 to 1, changed.
        kind: uint8, shape (height, width), changed.
    """
    height, width = cover.shape
    reach = half + 0.5
    for s in range(segments.shape[0]):
        x0, y0, x1, y1 = segments[s, 0], segments[s, 1], segments[s, 2], segments[s, 3]
        dx, dy = x1 - x0, y1 - y0
        length = dx * dx + dy * dy
        low, high = min(y0, y1) - reach, max(y0, y1) + reach
        if high < 0.0 or low > height or max(x0, x1) < -reach or min(x0, x1) > width + reach:
            continue
        for row in range(max(int(np.floor(low)), 0), min(int(high) + 1, height)):
            y = row + 0.5
            # The part of the line that lies within reach of the row, then as far to both sides.
            t0, t1 = 0.0, 1.0
            if dy != 0.0:
                a, b = (y - reach - y0) / dy, (y + reach - y0) / dy
                t0, t1 = max(min(a, b), 0.0), min(max(a, b), 1.0)
                if t0 > t1:
                    continue
            xa, xb = x0 + t0 * dx, x0 + t1 * dx
            first = max(int(np.floor(min(xa, xb) - reach)), 0)
            last = min(int(max(xa, xb) + reach) + 1, width)
            for column in range(first, last):
                x = column + 0.5
                t = 0.0
                if length > 0.0:
                    t = min(max(((x - x0) * dx + (y - y0) * dy) / length, 0.0), 1.0)
                ox, oy = x - x0 - t * dx, y - y0 - t * dy
                part = np.float32(min(reach - np.sqrt(ox * ox + oy * oy), 1.0))
                if part > 0.0 and part >= cover[row, column]:
                    cover[row, column] = part
                    kind[row, column] = kinds[s]
