"""From a part of the Earth to a grid: which pixels of a coverage a request means. Pure."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from renderers.crs import transform_points
from renderers.geobox import Bounds, GeoBox
from tileserver.errors import InvalidParameterError, NoDataError

#: Part of a pixel that a corner may be off without meaning the next one: clients write corners as
#: decimals, and compute them.
_SLACK = 1e-4
#: Points along each side of a box that is taken to another CRS.
_POINTS = 33
#: Longest side of any grid; beyond it nothing can be asked for, and integers stay small.
LONGEST_SIDE = 2**24


class OutsideError(NoDataError):
    """What is asked for does not touch the coverage."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one axis in some CRS; None is where the coverage ends.

    Attributes:
        low: Lower end.
        high: Upper end; the same as the lower one is one position, which means one row or column.
    """

    low: float | None = None
    high: float | None = None

    @property
    def point(self) -> bool:
        """Whether it is one position."""
        return self.low is not None and self.low == self.high

    def within(self, low: float, high: float) -> tuple[float, float]:
        """Return both ends, cut at those of a coverage.

        Raises:
            OutsideError: It does not touch.
        """
        first = low if self.low is None else max(self.low, low)
        last = high if self.high is None else min(self.high, high)
        if first > last or (not self.point and first == last):
            raise OutsideError(f"the coverage lies between {low!r} and {high!r} there")
        return first, last


#: All of an axis.
WHOLE: Final = Span()


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the Earth: a span of each axis of one CRS, by its canonical name, x/y order."""

    crs: str
    x: Span = WHOLE
    y: Span = WHOLE


def native(grid: GeoBox, window: Window) -> GeoBox:
    """Return the pixels of a north-up grid that a window of its own CRS touches.

    Raises:
        OutsideError: None.
    """
    west, south, east, north = grid.bounds
    t = grid.transform
    x, y = window.x.within(west, east), window.y.within(south, north)
    columns = _pixels((x[0] - t.c) / t.a, (x[1] - t.c) / t.a, grid.width)
    rows = _pixels((y[1] - t.f) / t.e, (y[0] - t.f) / t.e, grid.height)
    return grid.crop(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])


def _pixels(first: float, last: float, size: int) -> tuple[int, int]:
    """Return the first pixel that a stretch touches, and the first behind it."""
    begin = min(max(math.floor(first + _SLACK), 0), size - 1)
    end = max(math.ceil(last - _SLACK), begin + 1)
    return begin, min(end, size)


def target(grid: GeoBox, window: Window, crs: str) -> GeoBox:
    """Return the grid of an answer.

    In the coverage's own CRS it has the coverage's own pixels. In another one it has square pixels
    that keep the coverage's resolution along the diagonals, and the box of the window.

    Args:
        grid: The coverage's own, north up.
        window: What is wanted of it, in any CRS.
        crs: Of the answer, canonical.

    Raises:
        OutsideError: The window does not touch the coverage.
        InvalidParameterError: The coverage, or the window, has no place in the CRS.
    """
    if window.crs != grid.crs and window != Window(window.crs):
        box = _cut(grid, window)
    else:
        box = native(grid, Window(grid.crs, window.x, window.y)).bounds
        window = Window(grid.crs)
    if crs == grid.crs:
        west, south, east, north = box if window.crs == crs else transformed(box, window.crs, crs)
        return native(grid, Window(crs, Span(west, east), Span(south, north)))
    placed = box if window.crs == crs else transformed(box, window.crs, crs)
    return _square(placed, crs, grid)


def _cut(grid: GeoBox, window: Window) -> Bounds:
    """Return the box of a window of another CRS, cut at the coverage's."""
    west, south, east, north = transformed(grid.bounds, grid.crs, window.crs)
    x, y = window.x.within(west, east), window.y.within(south, north)
    return x[0], y[0], x[1], y[1]


def transformed(box: Bounds, source: str, crs: str) -> Bounds:
    """Return the box around another one in another CRS.

    Raises:
        InvalidParameterError: It has no place there.
    """
    west, south, east, north = box
    x, y = np.meshgrid(np.linspace(west, east, _POINTS), np.linspace(south, north, _POINTS))
    found_x, found_y = transform_points(source, crs, x.ravel(), y.ravel())
    good = np.isfinite(found_x) & np.isfinite(found_y)
    if not good.any():
        raise InvalidParameterError("the coverage has no place in this CRS", parameter="crs")
    xs, ys = found_x[good], found_y[good]
    return float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())


def _square(box: Bounds, crs: str, grid: GeoBox) -> GeoBox:
    west, south, east, north = box
    side = _side(box, crs, grid)
    # A window of one position has no area: it is one pixel around it.
    if east - west < side:
        west, east = (west + east - side) / 2, (west + east + side) / 2
    if north - south < side:
        south, north = (south + north - side) / 2, (south + north + side) / 2
    width, height = (max(round(v / side), 1) for v in (east - west, north - south))
    return sized((west, south, east, north), width, height, crs)


def _side(box: Bounds, crs: str, grid: GeoBox) -> float:
    """Return the side of pixels in a CRS that are as large as those of a grid: see `target`."""
    west, south, east, north = box
    middle_x, middle_y = (west + east) / 2, (south + north) / 2
    # Beside the middle, so that a box of no area has a resolution as well.
    reach = max(math.hypot(east - west, north - south) / 2, abs(middle_x) * 1e-9, 1e-6)
    step = reach / math.sqrt(2.0)
    signs = np.array([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    x, y = transform_points(
        crs, grid.crs, middle_x + step * signs[:, 0], middle_y + step * signs[:, 1]
    )
    column, row = grid.to_pixel(x, y)
    lengths: Any = np.hypot(column[1::2] - column[::2], row[1::2] - row[::2])
    lengths = lengths[np.isfinite(lengths) & (lengths > 0)]
    if not lengths.size:
        raise InvalidParameterError("the coverage has no place in this CRS", parameter="crs")
    return 2.0 * reach / float(lengths.mean())


def sized(box: Bounds, width: int, height: int, crs: str) -> GeoBox:
    """Return the grid of a size over a box.

    Raises:
        InvalidParameterError: Pixels would be too small for floats, or too many.
    """
    if not (1 <= width <= LONGEST_SIDE and 1 <= height <= LONGEST_SIDE):
        message = f"a coverage is at most {LONGEST_SIDE} pixels wide and high"
        raise InvalidParameterError(message, parameter="size")
    try:
        return GeoBox.from_bounds(box, width, height, crs)
    except ValueError as error:
        raise InvalidParameterError("the box is too small", parameter="subset") from error
