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
def _area(points: Array, first: int, last: int) -> float:
    """Return twice the area of a closed ring, by its sense positive or negative."""
    total = 0.0
    for k in range(first, last - 1):
        total += points[k, 0] * points[k + 1, 1] - points[k + 1, 0] * points[k, 1]
    return total


@inlined
def _cross(points: Array, first: int, last: int, sense: int, steps: Array) -> None:
    """Note where a closed ring crosses the middles of rows; each edge without its upper end."""
    height, width = steps.shape
    for k in range(first, last - 1):
        x0, y0, x1, y1 = points[k, 0], points[k, 1], points[k + 1, 0], points[k + 1, 1]
        if y0 == y1:
            continue
        step = sense if y0 < y1 else -sense
        top = max(np.ceil(min(y0, y1) - 0.5), 0.0)
        bottom = min(np.ceil(max(y0, y1) - 0.5), float(height))
        slope = (x1 - x0) / (y1 - y0)
        for row in range(int(top), int(bottom)):
            column = max(np.ceil(x0 + (row + 0.5 - y0) * slope - 0.5), 0.0)
            if column < width:
                steps[row, int(column)] += step


@kernel(types.void(_f64_rows, _i64, _i64, _u8_out))
def fill(points: Array, rings: Array, shapes: Array, out: Array) -> None:
    """Mark the pixels whose middle lies in a shape; of a shape below a pixel the one it lies in.

    How often shapes lie over each pixel is counted by steps at their edges, so that shapes over one
    another cost no more than their edges.

    Args:
        points: float64, shape (vertices, 2), column and row in pixels, finite; rings are closed.
        rings: int64, shape (rings + 1,): where each ring begins in `points`.
        shapes: int64, shape (shapes + 1,): where each shape begins in `rings`: with the ring around
            it; those that follow are holes in it, in the other sense.
        out: uint8, shape (height, width), 1 where inside; the rest is left as it is.
    """
    height, width = out.shape
    steps = np.zeros((height, width), np.int32)
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
            for row in range(max(int(top), 0), int(min(bottom, height - 1.0)) + 1):
                for column in range(max(int(left), 0), int(min(right, width - 1.0)) + 1):
                    out[row, column] = 1
            continue
        sense = 1 if _area(points, first, rings[shapes[shape] + 1]) > 0.0 else -1
        for ring in range(shapes[shape], shapes[shape + 1]):
            _cross(points, rings[ring], rings[ring + 1], sense, steps)
    for row in range(height):
        over = 0
        for column in range(width):
            over += steps[row, column]
            if over != 0:
                out[row, column] = 1


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
