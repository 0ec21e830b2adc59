"""GridCRS: which points of the Earth an answer has (OGC 07-067r5, 7.4 and 10.2.2)."""

import math
from dataclasses import dataclass
from typing import Final

from renderers.geobox import GeoBox
from tileserver.crs import OgcCrs, parse_crs
from tileserver.errors import InvalidParameterError
from tileserver.protocols.wcs.windows import LONGEST_SIDE, OutsideError, Window, target
from tileserver.web.kvp import Kvp

#: Part of a step by which a point may lie beside the box and still be in it: GDAL writes 15 digits.
_SLACK: Final = 1e-4
_CS: Final = "urn:ogc:def:cs:ogc:0.0:grid2dsquarecs"
_TYPES: Final = ("2dsimplegrid", "2dgridin2dcrs")


@dataclass(frozen=True, slots=True)
class GridCrs:
    """Points at `origin` + whole multiples of `step`.

    Attributes:
        base: Of the points; None is the coverage's own.
        origin: x and y of one of them; None is the coverage's own.
        step: Between columns and between rows, positive; None is the coverage's own.
    """

    base: OgcCrs | None = None
    origin: tuple[float, float] | None = None
    step: tuple[float, float] | None = None

    @classmethod
    def decode(cls, kvp: Kvp, own: OgcCrs) -> "GridCrs":
        """Read GridBaseCRS, GridType, GridCS, GridOrigin and GridOffsets.

        Numbers are in the order of the base CRS's axes. Of four offsets the first two lead to the
        next column, the last two to the next row; of two, each is along one axis.

        Raises:
            InvalidParameterError: Not understood, or rotated.
        """
        base = kvp.optional(
            "GridBaseCRS", lambda text: parse_crs(text, parameter="GridBaseCRS"), None
        )
        kvp.optional("GridCS", _cs, None)
        kvp.optional("GridType", _type, None)
        swapped = (base or own).northing_first
        origin = kvp.optional("GridOrigin", lambda text: _pair(_numbers(text), swapped), None)
        step = kvp.optional("GridOffsets", lambda text: _steps(_numbers(text), swapped), None)
        return cls(base, origin, step)

    def points(self, own: GeoBox, window: Window) -> GeoBox:
        """Return the grid whose points, the centres of its pixels, lie in a window.

        Args:
            own: The coverage's grid.
            window: In any CRS, no open ends.

        Raises:
            OutsideError: None does.
            InvalidParameterError: There are too many.
        """
        crs = own.crs if self.base is None else self.base.canonical
        step = self.step
        if step is None:
            if crs != own.crs:
                return target(own, window, crs)
            step = own.transform.a, -own.transform.e
        origin = self.origin
        if origin is None:
            at_own = crs == own.crs
            t = own.transform
            origin = (t.c + t.a / 2, t.f + t.e / 2) if at_own else (0.0, 0.0)
        box = target(own, window, crs).bounds if window.crs != crs else _ends(window)
        columns = _between(box[0], box[2], origin[0], step[0])
        rows = _between(box[1], box[3], origin[1], step[1])
        left = origin[0] + (columns[0] - 0.5) * step[0]
        top = origin[1] + (rows[1] + 0.5) * step[1]
        width, height = columns[1] - columns[0] + 1, rows[1] - rows[0] + 1
        if not (width <= LONGEST_SIDE and height <= LONGEST_SIDE):
            message = f"a coverage is at most {LONGEST_SIDE} pixels wide and high"
            raise InvalidParameterError(message, parameter="GridOffsets")
        bounds = left, top - height * step[1], left + width * step[0], top
        found = GeoBox.from_bounds(bounds, width, height, crs)
        _check(found, own)
        return found


def _ends(window: Window) -> tuple[float, float, float, float]:
    values = (window.x.low, window.y.low, window.x.high, window.y.high)
    west, south, east, north = (math.nan if v is None else v for v in values)
    return west, south, east, north


def _between(low: float, high: float, origin: float, step: float) -> tuple[int, int]:
    """Return the first and the last multiple that lie in a stretch; its middle where none does."""
    ends = (low - origin) / step, (high - origin) / step
    if not all(abs(end) < 2**52 for end in ends):
        raise InvalidParameterError("the grid is too fine", parameter="GridOffsets")
    first, last = math.ceil(ends[0] - _SLACK), math.floor(ends[1] + _SLACK)
    if first > last:
        first = last = round(sum(ends) / 2)
    return first, last


def _check(found: GeoBox, own: GeoBox) -> None:
    if found.crs != own.crs:
        return
    a, b = found.bounds, own.bounds
    if a[0] >= b[2] or a[2] <= b[0] or a[1] >= b[3] or a[3] <= b[1]:
        raise OutsideError("the box does not touch the coverage", parameter="BoundingBox")


def _numbers(text: str) -> list[float]:
    values = [float(part) for part in text.replace(",", " ").split()]
    if not all(map(math.isfinite, values)):
        raise ValueError("expected numbers")
    return values


def _pair(values: list[float], swapped: bool) -> tuple[float, float]:
    if len(values) != 2:
        raise ValueError("expected two numbers")
    return (values[1], values[0]) if swapped else (values[0], values[1])


def _steps(values: list[float], swapped: bool) -> tuple[float, float]:
    """Return the steps along x and y, positive: from any corner the points are the same."""
    if len(values) == 2:
        x, y = _pair(values, swapped)
    elif len(values) == 4:
        column, row = _pair(values[:2], swapped), _pair(values[2:], swapped)
        if column[1] == 0.0 and row[0] == 0.0:
            x, y = column[0], row[1]
        elif column[0] == 0.0 and row[1] == 0.0:
            x, y = row[0], column[1]
        else:
            raise ValueError("rotated grids are not offered")
    else:
        raise ValueError("expected two or four numbers")
    if x == 0.0 or y == 0.0:
        raise ValueError("a step is not 0")
    return abs(x), abs(y)


def _type(text: str) -> None:
    if text.lower().rpartition(":")[2] not in _TYPES:
        raise ValueError("expected 2dSimpleGrid or 2dGridIn2dCrs")


def _cs(text: str) -> None:
    if text.lower() != _CS:
        raise ValueError("expected urn:ogc:def:cs:OGC:0.0:Grid2dSquareCS")
