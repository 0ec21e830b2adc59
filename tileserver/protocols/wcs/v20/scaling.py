"""Scaling (OGC 12-039): how large the answer is, in the coverage's grid axes `i` and `j`."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from renderers.geobox import GeoBox
from tileserver.errors import InvalidParameterError
from tileserver.protocols.wcs.axes import Axes, role_of
from tileserver.protocols.wcs.errors import CodedError
from tileserver.protocols.wcs.windows import sized
from tileserver.web.kvp import Kvp

#: Labels of the grid's axes: `i` counts columns from the west, `j` rows from the north.
GRID_AXES = ("i", "j")

_PER_AXIS = re.compile(r"([A-Za-z_][A-Za-z0-9_.\-]*)\(([^()]{1,60})\)")
_NUMBER = re.compile(r"[+-]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})(?:[eE][+-]?\d{1,3})?")
_WHOLE = re.compile(r"[+-]?\d{1,12}")


@dataclass(frozen=True, slots=True)
class AxisScale:
    """What is asked of one axis: a factor, a size, or first and last index (as a size)."""

    axis: str
    factor: float | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Scaling:
    """How the answer is scaled.

    Attributes:
        factor: Of both axes, where that is what was asked.
        axes: Else what is asked of each.
    """

    factor: float | None = None
    axes: tuple[AxisScale, ...] = ()

    def applied(self, grid: GeoBox, *systems: Axes) -> GeoBox:
        """Return a grid over the same box in the size that was asked for.

        An axis of which nothing was said stays as it is.

        Raises:
            CodedError: ScaleAxisUndefined for a label of no axis, or one of two labels.
            InvalidParameterError: The size cannot be.
        """
        factors = [self.factor or 1.0, self.factor or 1.0]
        sizes: list[int | None] = [None, None]
        seen: set[int] = set()
        for scale in self.axes:
            place = _place(scale.axis, systems)
            if place is None or place in seen:
                message = f"{scale.axis[:40]}: no axis of that label, or named twice"
                raise CodedError(message, "ScaleAxisUndefined", parameter=scale.axis[:40])
            seen.add(place)
            factors[place] = scale.factor or 1.0
            sizes[place] = scale.size
        width, height = (
            max(round(side * factor), 1) if size is None else size
            for side, factor, size in zip((grid.width, grid.height), factors, sizes, strict=True)
        )
        if (width, height) == (grid.width, grid.height):
            return grid
        return sized(grid.bounds, width, height, grid.crs)


def _place(label: str, systems: Sequence[Axes]) -> int | None:
    """Return 0 for columns, 1 for rows."""
    if label in GRID_AXES:
        return GRID_AXES.index(label)
    return {"x": 0, "y": 1}.get(role_of(label, *systems) or "")


def decode(kvp: Kvp) -> Scaling | None:
    """Read SCALEFACTOR, SCALEAXES, SCALESIZE or SCALEEXTENT; None where there is none of them.

    Raises:
        CodedError: InvalidScaleFactor or InvalidExtent, for values that are none.
        InvalidParameterError: Several of them.
    """
    given = [name for name in _READERS if kvp.text(name)]
    if not given:
        return None
    if len(given) > 1:
        message = "only one of SCALEFACTOR, SCALEAXES, SCALESIZE and SCALEEXTENT"
        raise InvalidParameterError(message, parameter=given[1])
    return _READERS[given[0]](kvp.text(given[0]))


def _factor(text: str, parameter: str = "scaleFactor") -> float:
    if _NUMBER.fullmatch(text.strip()):
        value = float(text)
        if math.isfinite(value) and value > 0.0:
            return value
    message = f"{text[:40]!r}: a scale factor is a number greater than 0"
    raise CodedError(message, "InvalidScaleFactor", parameter=parameter)


def _by_factor(text: str) -> Scaling:
    return Scaling(factor=_factor(text))


def _by_axes(text: str) -> Scaling:
    pairs = _pairs(text, "scaleAxes", "InvalidScaleFactor")
    return Scaling(axes=tuple(AxisScale(axis, factor=_factor(v, axis)) for axis, v in pairs))


def _to_size(text: str) -> Scaling:
    pairs = _pairs(text, "scaleSize", "InvalidExtent")
    return Scaling(axes=tuple(AxisScale(axis, size=_size(value, axis)) for axis, value in pairs))


def _to_extent(text: str) -> Scaling:
    pairs = _pairs(text, "scaleExtent", "InvalidExtent")
    return Scaling(axes=tuple(AxisScale(axis, size=_extent(value, axis)) for axis, value in pairs))


def _pairs(text: str, parameter: str, code: str) -> list[tuple[str, str]]:
    """Split `i(1),j(2)`; a comma inside of brackets is none between axes."""
    found = _PER_AXIS.findall(text)
    if not found or ",".join(f"{axis}({value})" for axis, value in found) != text.replace(" ", ""):
        message = f"cannot read {text[:80]!r}; expected axis(value),axis(value)"
        raise CodedError(message, code, parameter=parameter)
    return [(str(axis), str(value)) for axis, value in found]


def _size(text: str, axis: str) -> int:
    if _WHOLE.fullmatch(text.strip()) and int(text) > 0:
        return int(text)
    raise CodedError(f"{text[:40]!r} is no size", "InvalidExtent", parameter=axis)


def _extent(text: str, axis: str) -> int:
    low, _, high = text.replace(",", ":").partition(":")
    ends = [part.strip() for part in (low, high)]
    if all(_WHOLE.fullmatch(end) for end in ends) and int(ends[0]) <= int(ends[1]):
        return int(ends[1]) - int(ends[0]) + 1
    raise CodedError(f"{text[:40]!r} is no extent", "InvalidExtent", parameter=axis)


_READERS = {
    "SCALEFACTOR": _by_factor,
    "SCALEAXES": _by_axes,
    "SCALESIZE": _to_size,
    "SCALEEXTENT": _to_extent,
}
